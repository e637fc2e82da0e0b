//! A table's partitions, one after the other, as the plan says; and first what an earlier run left undone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::partition::{Ended, step};
use super::plan::Plan;
use super::site::{Busy, Site, Watch, limits, now, stage_name};
use super::{Error, export, ttl};
use crate::journal::{self, Journal};
use crate::questdb::{self, Judged, Rule, Server, Table};
use crate::run::Cx;

/// How long a server may be away in the middle of a partition before that is left to the next run.
const AWAY: Duration = Duration::from_secs(90);

/// How a removal is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// The run's name: in journals, exports and names of copies.
    pub run: String,
    /// Where journals and exports are.
    pub state: PathBuf,
    /// Whether all rows of a partition are written to a file first.
    pub undo: bool,
    /// Whether the partition that is being written may be written anew.
    pub active: bool,
    /// Whether views that depend on the table may end.
    pub views: bool,
    /// After this long no other partition is begun.
    pub budget: Option<Duration>,
    /// Held while a partition is between its drop and its end.
    pub busy: Busy,
}

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Removed {
    /// The run.
    pub run: String,
    /// The table.
    pub table: String,
    /// Rows that are gone.
    pub deleted: i64,
    /// The same by rule.
    pub by_rule: Vec<i64>,
    /// Bytes that these partitions take less on the disk.
    pub freed_bytes: i64,
    /// The partitions that were looked at.
    pub partitions: Vec<Ended>,
    /// Partitions that were not begun: the time was up, or something before them failed.
    pub left: Vec<String>,
    /// What ended it early.
    pub failed: Option<String>,
    /// What an earlier run that was cut off had begun, and what became of it.
    pub carried: Option<Carried>,
}

/// What a run that was cut off had begun.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Carried {
    /// That run.
    pub run: String,
    /// Its unfinished partitions, ended now.
    pub partitions: Vec<Ended>,
}

/// The journal of a table.
pub(super) fn journal_name(server: &Server, table: &str) -> String {
    format!("retention-{}-{table}", server.name())
}

/// The run that was cut off in a table and is to be ended, by the journals here.
pub fn unfinished(server: &Server, state: &Path, table: &str) -> Result<Option<String>, Error> {
    let told = journal::look(state, &journal_name(server, table), None)?;
    Ok(told.filter(|told| !told.finished).map(|told| told.run))
}

/// Removes from the partitions `names` of a plan what `rules` mean. `rules` are those of the plan that have all their columns.
/// What an earlier run left undone is ended first; that alone is done where `names` is empty.
pub fn remove(
    cx: &Cx,
    server: &Server,
    plan: &Plan,
    names: &[String],
    rules: &[Rule],
    options: &Options,
    watch: Watch<'_>,
) -> Result<Removed, Error> {
    if let Some(why) = &plan.refused {
        return Err(Error::Invalid(format!("`{}`: {why}", plan.table)));
    }
    let judged: Vec<_> = names
        .iter()
        .filter_map(|name| plan.partitions.iter().find(|p| p.name == *name))
        .collect();
    let by_ttl = !plan.views.is_empty() && !options.views;
    if by_ttl && !ttl::fits(plan, &judged, rules) {
        return Err(Error::Invalid(format!(
            "a drop ends views of `{}` for good: {}",
            plan.table,
            plan.views.join(", ")
        )));
    }
    let mut removed = Removed {
        run: options.run.clone(),
        table: plan.table.clone(),
        deleted: 0,
        by_rule: vec![0; rules.len()],
        freed_bytes: 0,
        partitions: Vec::new(),
        left: Vec::new(),
        failed: None,
        carried: None,
    };
    if names.is_empty() && unfinished(server, &options.state, &plan.table)?.is_none() {
        return Ok(removed);
    }
    // Whoever ends the process waits until nothing is half done; what may be stopped, stops by itself.
    let _hold = options.busy.hold();
    let data = json!({ "server": server.name(), "table": plan.table, "folder": plan.folder });
    let work = journal_name(server, &plan.table);
    let open = || Journal::open(&options.state, &work, &options.run, &now(cx), &data);
    let at = |run: &str| export::folder(&options.state, run).join(journal::harmless(&plan.table));
    let mut journal = open()?;
    let before = journal.told().run;
    let tables = questdb::tables(cx, server, limits())?;
    strangers(&tables, &plan.table, &[&before, &options.run])?;
    let found = questdb::named(tables, &plan.table)?;
    if before != options.run {
        watch(
            &format!("{}: ending what the run {before} left", plan.table),
            "",
        );
        let (table, folder) = (found.clone(), at(&before));
        let site = Site::new(cx, server, plan.can, &journal, table, folder, watch)?;
        let partitions = site.resume()?;
        site.close_journal(&before)?;
        removed.carried = Some(Carried {
            run: before,
            partitions,
        });
        journal = open()?;
    }
    let folder = at(&options.run);
    let site = Site::new(cx, server, plan.can, &journal, found, folder, watch)?;
    // A time to live takes rows without a transaction; what was carried on was written after the plan.
    if site.table.folder == plan.folder && site.table.ttl.is_none() {
        site.still.set(plan.sequencer);
    }
    let stopped = match by_ttl {
        true => site.by_ttl(plan, &judged, rules, options).map(|ended| {
            ended.into_iter().for_each(|ended| removed.take(ended));
        }),
        false => each(&site, plan, &judged, rules, options, &mut removed),
    };
    // What is between its drop and its end is left in the journal, for the next run.
    let open_end = journal.told().begun.iter().any(|begun| {
        begun
            .strip_prefix("drop ")
            .is_some_and(|name| journal.done(&step("done", name)).is_none())
    });
    if !open_end {
        site.close_journal(&options.run)?;
    }
    stopped?;
    removed.freed_bytes = freed(cx, server, plan, &removed.partitions).unwrap_or(0);
    Ok(removed)
}

impl Removed {
    fn take(&mut self, ended: Ended) {
        self.deleted += ended.deleted;
        for (sum, one) in self.by_rule.iter_mut().zip(&ended.by_rule) {
            *sum += one;
        }
        if ended.foreign > 0 {
            self.failed = ended.note.clone();
        }
        self.partitions.push(ended);
    }
}

impl Site<'_> {
    /// Nothing of a run is under way any more: its table for copies goes, and its journal is at its end.
    fn close_journal(&self, run: &str) -> Result<(), Error> {
        self.drop_table(&self.firm, &stage_name(&self.table.name, run))?;
        Ok(self.journal.finish(&now(self.cx))?)
    }
}

/// One partition after the other. `Err`: it was stopped, and what it had begun is ended or taken back.
fn each(
    site: &Site<'_>,
    plan: &Plan,
    judged: &[&Judged],
    rules: &[Rule],
    options: &Options,
    removed: &mut Removed,
) -> Result<(), Error> {
    let began = Instant::now();
    let rows: i64 = judged.iter().map(|p| p.rows).sum();
    let mut seen = 0;
    for (at, partition) in judged.iter().enumerate() {
        let over = options.budget.is_some_and(|most| began.elapsed() > most);
        if over || removed.failed.is_some() {
            removed.left.push(partition.name.clone());
            continue;
        }
        site.cx.check()?;
        site.at(format!(
            "{} {} ({} of {}): {} of {} rows{}",
            plan.table,
            partition.name,
            at + 1,
            judged.len(),
            partition.delete_rows,
            partition.rows,
            time_left(began.elapsed(), seen, rows)
        ));
        let error = match site.carry_out(plan, partition, rules, options) {
            Ok(ended) => {
                removed.take(ended);
                seen += partition.rows;
                continue;
            }
            Err(error) => error,
        };
        removed.partitions.extend(recover(site, partition, &error));
        if let Error::Stopped(_) = error {
            return Err(error);
        }
        removed.failed = Some(error.to_string());
    }
    Ok(())
}

/// Refuses a table that somebody else has begun with: a copy is there of a run that the journals here do not know under this
/// address. What it has dropped and not put back would otherwise be forgotten.
fn strangers(tables: &[Table], table: &str, ours: &[&str]) -> Result<(), Error> {
    let prefix = stage_name(table, "");
    for found in tables {
        let Some(run) = found.name.strip_prefix(&prefix) else {
            continue;
        };
        let is_run = run.len() > 15
            && run[..8].bytes().all(|b| b.is_ascii_digit())
            && run[8..].starts_with('T');
        if is_run && !ours.iter().any(|own| found.name == stage_name(table, own)) {
            return Err(Error::Unclear(format!(
                "the table `{}` holds rows of `{table}` that another run has not put back yet: if that run was cut off, go on with it on its machine and under the address that it used",
                found.name
            )));
        }
    }
    Ok(())
}

/// Something failed, or it was stopped. What was dropped is put back, if the server comes back soon; what was not is left as it is.
fn recover(site: &Site<'_>, partition: &Judged, error: &Error) -> Option<Ended> {
    let told = site.journal.told();
    let dropping = told.begun.contains(&step("drop", &partition.name));
    if matches!(error, Error::Unclear(_)) && dropping {
        return None;
    }
    let began = Instant::now();
    let most = if dropping { AWAY } else { Duration::ZERO };
    loop {
        match site.resume() {
            Ok(mut ended) => return ended.pop(),
            Err(Error::Unclear(_)) => return None,
            Err(_) if began.elapsed() > most => return None,
            Err(_) => site.firm.sleep(Duration::from_secs(1)).ok()?,
        }
    }
}

fn time_left(spent: Duration, seen: i64, all: i64) -> String {
    if seen == 0 || spent < Duration::from_secs(2) {
        return String::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let left = spent.as_secs_f64() * (all - seen) as f64 / seen as f64;
    let left = Duration::from_secs_f64(left.max(0.0).round());
    format!(", {} left", humantime::format_duration(left))
}

/// What the partitions took on the disk, less what they take now.
fn freed(cx: &Cx, server: &Server, plan: &Plan, ended: &[Ended]) -> Result<i64, Error> {
    let touched: Vec<_> = ended
        .iter()
        .filter(|e| e.deleted > 0)
        .map(|e| &e.name)
        .collect();
    if touched.is_empty() {
        return Ok(0);
    }
    let before = plan
        .partitions
        .iter()
        .filter(|p| touched.contains(&&p.name));
    let before: i64 = before.map(|p| p.disk_bytes).sum();
    let now = questdb::partitions(cx, server, &plan.table, limits())?;
    // A split piece has the name of the whole and more.
    let is = |name: &str| {
        touched
            .iter()
            .any(|t| name == t.as_str() || name.starts_with(&format!("{t}T")))
    };
    let after = now
        .iter()
        .filter(|p| is(&p.name))
        .filter_map(|p| p.disk_bytes);
    Ok(before - after.sum::<i64>())
}
