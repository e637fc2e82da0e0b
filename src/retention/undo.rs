//! What a run removed from a table comes back, from its exports.

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::Error;
use super::partition::{Ended, Work, step};
use super::remove::journal_name;
use super::site::{Site, Watch, limits, now, stage_name};
use crate::journal::{self, Journal};
use crate::questdb::{self, Server, quote_name};
use crate::run::Cx;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The run that had removed it.
    pub run: String,
    /// The table.
    pub table: String,
    /// Rows that are back.
    pub rows: i64,
    /// Partitions of which rows are back.
    pub partitions: Vec<String>,
    /// Partitions whose rows were there already.
    pub there: Vec<String>,
}

/// The tables of which `run` removed something at this server.
pub fn tables(server: &Server, state: &Path, run: &str) -> Result<Vec<String>, Error> {
    let works = journal::works(state, &journal_name(server, ""), run)?;
    let names = works.iter().filter_map(|data| data.get("table")?.as_str());
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

/// Brings back what `run` removed from `table`. Cut off, it goes on where it was; done, it does nothing again.
pub fn undo(
    cx: &Cx,
    server: &Server,
    state: &Path,
    table: &str,
    run: &str,
    busy: &super::Busy,
    watch: Watch<'_>,
) -> Result<Undone, Error> {
    let _hold = busy.hold();
    let name = journal_name(server, table);
    let Some(told) = journal::look(state, &name, Some(run))? else {
        return Err(Error::Invalid(format!(
            "no run `{run}` removed anything from `{table}` at {}",
            server.name()
        )));
    };
    let data = json!({ "table": table, "run": run });
    let journal = Journal::open(
        state,
        &format!("{name}-undo-{run}"),
        "undo",
        &now(cx),
        &data,
    )?;
    let folder = super::export::folder(state, run).join(journal::harmless(table));
    let can = questdb::abilities(cx, server, limits())?;
    let found = questdb::table(cx, server, table, limits())?;
    let site = Site::new(cx, server, can, &journal, found, folder, watch)?;
    let mut undone = Undone {
        run: run.to_owned(),
        table: site.table.name.clone(),
        rows: 0,
        partitions: Vec::new(),
        there: Vec::new(),
    };
    for (key, value) in &told.done {
        let Some(partition) = key.strip_prefix("done ") else {
            continue;
        };
        let ended: Ended = serde_json::from_value(value.clone()).map_err(unreadable)?;
        let plan = told.done.get(&step("plan", partition));
        if ended.deleted == 0 {
            continue;
        }
        let mut work: Work =
            serde_json::from_value(plan.cloned().unwrap_or_default()).map_err(unreadable)?;
        work.stage = format!("{}_undo", work.stage);
        let Some(path) = work.export.clone() else {
            return Err(Error::Invalid(format!(
                "the run `{run}` wrote no exports: nothing of it can be brought back"
            )));
        };
        if journal.done(partition).is_some() {
            undone.there.push(partition.to_owned());
            continue;
        }
        cx.check()?;
        site.at(format!(
            "{table} {partition}: {} rows come back",
            ended.deleted
        ));
        site.stage(cx, &work.stage)?;
        let rows = site.import(cx, &path, true, &work.stage)?;
        site.settle(cx, &work.stage)?;
        if rows != ended.deleted {
            return Err(Error::Unclear(format!(
                "`{}` has {rows} of the {} rows that the run removed",
                path.display(),
                ended.deleted
            )));
        }
        bring_back(&site, &work, rows)?;
        site.end(partition, rows)?;
        site.tell("undo", partition, &format!("{rows} rows are back"));
        undone.rows += rows;
        undone.partitions.push(partition.to_owned());
    }
    site.drop_table(
        &site.firm,
        &format!("{}_undo", stage_name(&site.table.name, run)),
    )?;
    Ok(undone)
}

/// The staged rows go into the table, unless they are there.
fn bring_back(site: &Site<'_>, work: &Work, rows: i64) -> Result<(), Error> {
    let cx = &site.firm;
    let words = work.stage.as_str();
    let names = [site.table.name.as_str()];
    let begun = site.journal.told().begun.contains(&work.name);
    if begun {
        let still = std::time::Duration::from_secs(2);
        questdb::quiet(cx, site.server, site.can, &names, words, still, limits())?;
    }
    site.settle(cx, &site.table.name)?;
    let staged = site.staged(work)?;
    let missing = site.missing(cx, &staged, &site.all(work))?;
    if missing == 0 && begun {
        return Ok(());
    }
    if missing < rows && site.table.dedup != Some(true) {
        return Err(Error::Unclear(format!(
            "{} of the {rows} rows are in `{}` of `{}` already: they came back another way, and would be there twice; the rows are in the table {}",
            rows - missing,
            work.name,
            site.table.name,
            quote_name(&work.stage)?
        )));
    }
    site.begin(&work.name)?;
    site.insert(cx, &site.name, &staged)?;
    site.settle(cx, &site.table.name)?;
    match site.missing(cx, &staged, &site.all(work))? {
        0 => Ok(()),
        some => Err(Error::Unclear(format!(
            "{some} of {rows} rows did not come back into `{}` of `{}`; they are in the table {}",
            work.name,
            site.table.name,
            quote_name(&work.stage)?
        ))),
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::Unclear(format!("the journal cannot be read: {error}"))
}
