//! One partition on its way: judged once more, copied, exported, dropped, put back. Each step is in the journal first.

use std::path::PathBuf;
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Error;
use super::plan::{Plan, planned_rows, tally};
use super::remove::Options;
use super::site::{Site, limits, stage_name};
use crate::questdb::{self, Judged, Rule, Verdict, quote_name, timestamp};
use crate::run::Cx;

/// How often a partition is copied anew because rows came into it.
const ANEW: usize = 3;

/// How often a partition is proven again because its table was written meanwhile.
const TRIES: usize = 20;

/// Of these, how often all of it; then, where no row can replace another, only its counts.
const WHOLE: usize = 3;

/// What the journal knows of a partition before it is touched: enough to bring it to its end without anything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Work {
    pub(super) name: String,
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    /// All rows.
    pub(super) rows: i64,
    /// Those that stay.
    pub(super) keep: i64,
    /// Those that go, by rule.
    pub(super) by_rule: Vec<i64>,
    pub(super) verdict: Verdict,
    /// Where the rows that stay are copied to.
    pub(super) stage: String,
    /// Where all rows are written to; `None`: nowhere.
    pub(super) export: Option<PathBuf>,
    /// The expression that gives a row the number of its rule.
    pub(super) flag: String,
    /// The table's folder: another one, and the table is another one.
    pub(super) folder: Option<String>,
}

/// How it ended with a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The partition.
    pub name: String,
    /// `dropped`, `rewritten`; `none`: no row is meant any more; and what was left as it is: `active`, `busy`, `changed`,
    /// `damaged`, `refused`.
    pub outcome: String,
    /// Rows before.
    pub rows: i64,
    /// Rows that were removed.
    pub deleted: i64,
    /// The same by rule.
    pub by_rule: Vec<i64>,
    /// The file that holds all its rows.
    pub exported: Option<PathBuf>,
    /// Transactions of others that the table took while this was dropped. Rows that they brought into this partition may be
    /// lost.
    pub foreign: i64,
    /// Why it was left, or what else is to be known.
    pub note: Option<String>,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

impl Ended {
    pub(super) fn left(name: &str, outcome: &str, note: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            outcome: outcome.to_owned(),
            rows: 0,
            deleted: 0,
            by_rule: Vec::new(),
            exported: None,
            foreign: 0,
            note: Some(note.into()),
            ms: 0,
        }
    }

    fn done(work: &Work, foreign: i64) -> Self {
        let dropped = work.verdict == Verdict::Drop;
        Self {
            name: work.name.clone(),
            outcome: if dropped { "dropped" } else { "rewritten" }.into(),
            rows: work.rows,
            deleted: work.rows - work.keep,
            by_rule: work.by_rule.clone(),
            exported: work.export.clone(),
            foreign,
            note: None,
            ms: 0,
        }
    }

    /// Whether it is as the rules want it.
    pub fn is_done(&self) -> bool {
        matches!(self.outcome.as_str(), "dropped" | "rewritten" | "none")
    }
}

/// Whether a partition may be dropped.
enum Gate {
    /// Yes, and the sequencer stood there when it was proven.
    Open(Option<i64>),
    /// Its rows are not those that were copied.
    Changed,
    /// Its table does not stand still.
    Busy,
}

/// Steps, as the journal names them.
pub(super) fn step(what: &str, partition: &str) -> String {
    format!("{what} {partition}")
}

impl Site<'_> {
    /// The rows of a partition.
    pub(super) fn window(&self, work: &Work) -> String {
        let time = &self.time;
        let (from, to) = (timestamp(work.from), timestamp(work.to));
        format!("{time} >= {from} AND {time} < {to}")
    }

    /// A select of the rows that stay.
    pub(super) fn kept(&self, work: &Work) -> String {
        let list = &self.list;
        format!(
            "SELECT {list} FROM (SELECT {list}, {} AS tradeops_q FROM {} WHERE {}) WHERE tradeops_q = 0",
            work.flag,
            self.name,
            self.window(work)
        )
    }

    pub(super) fn all(&self, work: &Work) -> String {
        let (list, name) = (&self.list, &self.name);
        format!("SELECT {list} FROM {name} WHERE {}", self.window(work))
    }

    /// One exact name: a list stops at the first that is missing, and anything longer is cut to its partition [measured].
    pub(super) fn drop_statement(&self, work: &Work) -> String {
        format!(
            "ALTER TABLE {} DROP PARTITION LIST '{}'",
            self.name, work.name
        )
    }

    pub(super) fn staged(&self, work: &Work) -> Result<String, Error> {
        Ok(format!(
            "SELECT {} FROM {}",
            self.list,
            quote_name(&work.stage)?
        ))
    }

    /// Rows of the partition now.
    pub(super) fn count(&self, cx: &Cx, work: &Work) -> Result<i64, Error> {
        let (name, window) = (&self.name, self.window(work));
        self.number(
            cx,
            &format!("SELECT count() AS n FROM {name} WHERE {window}"),
        )
    }

    /// Counts the partition by rule, as it is now.
    pub(super) fn judge(&self, work: &mut Work) -> Result<(), Error> {
        let sql = format!(
            "SELECT {} AS q, count() AS n FROM {} WHERE {} GROUP BY q",
            work.flag,
            self.name,
            self.window(work)
        );
        let rows = questdb::query(self.cx, self.server, &sql, limits())?;
        work.rows = tally(&rows, &mut work.by_rule);
        work.keep = work.rows - work.by_rule.iter().sum::<i64>();
        Ok(())
    }

    /// What is to be done with a planned partition, before it is judged anew.
    pub(super) fn work(
        &self,
        planned: &Judged,
        rules: &[Rule],
        options: &Options,
    ) -> Result<Work, Error> {
        Ok(Work {
            name: planned.name.clone(),
            from: planned.from,
            to: planned.to,
            rows: 0,
            keep: 0,
            by_rule: vec![0; rules.len()],
            verdict: Verdict::Keep,
            stage: stage_name(&self.table.name, &options.run),
            export: options.undo.then(|| {
                let file = format!("{}.jsonl.lz4", planned.name);
                self.folder.join(file)
            }),
            flag: questdb::number(rules, &self.time, Some(planned.from), |p| {
                p.sql(&self.columns)
            })?,
            folder: self.table.folder.clone(),
        })
    }

    /// Carries one partition of the plan out.
    pub(super) fn carry_out(
        &self,
        plan: &Plan,
        planned: &Judged,
        rules: &[Rule],
        options: &Options,
    ) -> Result<Ended, Error> {
        let began = Instant::now();
        let mut ended = self.one(plan, planned, rules, options)?;
        ended.ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.tell(
            &ended.outcome,
            &ended.name,
            &match &ended.note {
                Some(note) => note.clone(),
                None => format!("{} rows removed", ended.deleted),
            },
        );
        Ok(ended)
    }

    fn one(
        &self,
        plan: &Plan,
        planned: &Judged,
        rules: &[Rule],
        options: &Options,
    ) -> Result<Ended, Error> {
        let name = planned.name.as_str();
        let left = |outcome: &str, note: &str| Ok(Ended::left(name, outcome, note));
        if planned.listed_rows > planned.rows {
            return left(
                "damaged",
                &format!(
                    "its files are not all there: {} of {} rows can be read",
                    planned.rows, planned.listed_rows
                ),
            );
        }
        if let Some(why) = plan.no_export.as_ref().filter(|_| options.undo) {
            return left("refused", &format!("it could not be brought back: {why}"));
        }
        let mut work = self.work(planned, rules, options)?;
        for _ in 0..ANEW {
            let seen = match self.as_planned(&mut work, plan, planned, rules) {
                Some(still) => Some(still),
                None => {
                    let seen = self.settle(self.cx, &self.table.name)?;
                    self.judge(&mut work)?;
                    seen
                }
            };
            let (delete, allowed) = (work.rows - work.keep, planned_rows(plan, planned, rules));
            work.verdict = match (delete, work.keep) {
                (0, _) => return left("none", "no row of it is meant any more"),
                (more, _) if more > allowed => {
                    return left(
                        "changed",
                        &format!("{more} rows are meant now, {allowed} were planned"),
                    );
                }
                (_, 0) => Verdict::Drop,
                _ => Verdict::Rewrite,
            };
            if planned.active && (work.verdict == Verdict::Drop || !options.active) {
                return left("active", "it is being written: only older ones are removed");
            }
            let refused = plan.no_rewrite.as_ref();
            if let Some(why) = refused.filter(|_| work.verdict == Verdict::Rewrite) {
                return left("refused", why);
            }
            self.end_with_next(&step("plan", name), &work)?;
            // Until the drop is sent nothing is lost by leaving: the next run finds the copy and throws it away.
            match self.gate(&mut work, seen)? {
                Gate::Open(proven) => return self.finish(&work, proven),
                Gate::Changed => self.still.set(None),
                Gate::Busy => {
                    return self.leave(&work, "busy", "the table is written so often that it could not be proven between two writes");
                }
            }
        }
        self.leave(&work, "changed", "it was written whenever it was copied")
    }

    /// What the plan counted, if that is still so: as long as the sequencer is where this gives it, which the gate asks for.
    fn as_planned(
        &self,
        work: &mut Work,
        plan: &Plan,
        planned: &Judged,
        rules: &[Rule],
    ) -> Option<i64> {
        let still = self.still.get()?;
        // With fewer rules a row may count for another one.
        let all = rules.len() == plan.rules.len() && rules.iter().all(|r| r.applies(planned.from));
        if !all {
            return None;
        }
        work.rows = planned.rows;
        work.by_rule.clone_from(&planned.by_rule);
        work.keep = planned.rows - planned.delete_rows;
        Some(still)
    }

    /// Copies, exports and proves a partition, until its table stood still since: the drop may be sent then, at once. `seen`: the
    /// sequencer when it was judged.
    fn gate(&self, work: &mut Work, seen: Option<i64>) -> Result<Gate, Error> {
        let mut proven = seen;
        let mut ready = self.prepare(work)?;
        for tries in 1..=TRIES {
            if !ready {
                return Ok(Gate::Changed);
            }
            if self.sequencer(self.cx)? == proven {
                return Ok(Gate::Open(proven));
            }
            self.still.set(None);
            proven = self.settle(self.cx, &self.table.name)?;
            let whole = self.table.dedup == Some(true) || tries <= WHOLE;
            ready = self.unchanged(work)? && (!whole || self.prove(work)?);
        }
        Ok(Gate::Busy)
    }

    /// The copy and the export; `false`: they are not of the same rows.
    fn prepare(&self, work: &Work) -> Result<bool, Error> {
        if work.verdict == Verdict::Rewrite {
            self.step("copying what stays");
            self.begin(&step("stage", &work.name))?;
            let began = Instant::now();
            self.stage(self.cx, &work.stage)?;
            self.insert(self.cx, &quote_name(&work.stage)?, &self.kept(work))?;
            self.settle(self.cx, &work.stage)?;
            // A run that ends this one waits as long for what may still be under way.
            let copy_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.end(&step("stage", &work.name), copy_ms)?;
        }
        self.prove(work)
    }

    /// Whether the partition has as many rows by rule as when it was judged.
    pub(super) fn unchanged(&self, work: &mut Work) -> Result<bool, Error> {
        let (rows, by_rule) = (work.rows, work.by_rule.clone());
        self.judge(work)?;
        Ok(rows == work.rows && by_rule == work.by_rule)
    }

    /// Whether the file holds the partition as it was judged, and the copy what stays of it.
    pub(super) fn prove(&self, work: &Work) -> Result<bool, Error> {
        if let Some(path) = &work.export {
            self.step("exporting");
            let written = self.export(&work.name, &work.flag, &self.window(work), path)?;
            let count = |n: i64| u64::try_from(n).unwrap_or(0);
            if (written.rows, written.meant) != (count(work.rows), count(work.rows - work.keep)) {
                return Ok(false);
            }
            self.end_with_next(&step("export", &work.name), written.bytes)?;
        }
        if work.verdict == Verdict::Rewrite {
            self.step("comparing");
            return Ok(!self.differ(self.cx, &self.kept(work), &self.staged(work)?)?);
        }
        Ok(true)
    }

    /// Leaves a partition as it is.
    pub(super) fn leave(&self, work: &Work, outcome: &str, note: &str) -> Result<Ended, Error> {
        let ended = Ended::left(&work.name, outcome, note);
        self.end(&step("done", &work.name), &ended)?;
        Ok(ended)
    }

    /// From the drop to the end; not stopped by Ctrl-C. `proven`: the sequencer at the last proof.
    fn finish(&self, work: &Work, proven: Option<i64>) -> Result<Ended, Error> {
        let cx = &self.firm;
        self.step("dropping");
        self.end_with_next(&step("gate", &work.name), proven)?;
        self.begin(&step("drop", &work.name))?;
        self.exec(cx, &self.drop_statement(work))?;
        let after = self.sequencer(cx)?;
        // Ours is one.
        let mut foreign = after
            .zip(proven)
            .map_or(0, |(after, before)| after - before - 1);
        self.still.set(after.filter(|_| foreign == 0));
        self.applied(cx, after.max(proven.map(|txn| txn + 1)))?;
        let left = self.count(cx, work)?;
        // A partition goes as a whole; fewer rows came behind it.
        if left >= work.rows {
            return Err(Error::Unclear(format!(
                "the server confirmed the drop of `{}` of `{}`, and {left} of {} rows are still there",
                work.name, self.table.name, work.rows
            )));
        }
        self.end_with_next(&step("drop", &work.name), foreign)?;
        if work.verdict == Verdict::Rewrite {
            foreign += self.put_back(work, after.filter(|_| foreign == 0))?;
        }
        self.close(work, foreign)
    }

    /// The copy goes back. `before`: the sequencer, where nobody else wrote since the drop. Gives the transactions of others that it
    /// may have written over: where rows replace each other, an old one that is put back replaces a new one.
    pub(super) fn put_back(&self, work: &Work, before: Option<i64>) -> Result<i64, Error> {
        let cx = &self.firm;
        self.step("putting back what stays");
        self.begin(&step("insert", &work.name))?;
        let staged = self.staged(work)?;
        self.insert(cx, &self.name, &staged)?;
        let now = self.sequencer(cx)?;
        let others = now.zip(before).map(|(now, before)| now - before - 1);
        self.still.set(now.filter(|_| others == Some(0)));
        let over = match self.table.dedup == Some(true) {
            true => others.unwrap_or(0),
            false => 0,
        };
        self.applied(cx, now)?;
        let wrong = self.differ(cx, &self.all(work), &staged)? && {
            // More rows than were put back are of others, and then the sequencer must have moved for them.
            let alone = before.is_some() && self.sequencer(cx)? == before.map(|txn| txn + 1);
            alone || self.missing(cx, &staged, &self.all(work))? > 0
        };
        if wrong {
            return Err(Error::Unclear(format!(
                "`{}` of `{}` is not what was put back into it; the copy is in the table `{}`{}",
                work.name,
                self.table.name,
                work.stage,
                exported(work)
            )));
        }
        self.end_with_next(&step("insert", &work.name), ())?;
        Ok(over)
    }

    /// Says in the journal that a partition is done.
    pub(super) fn close(&self, work: &Work, foreign: i64) -> Result<Ended, Error> {
        let mut ended = Ended::done(work, foreign);
        if foreign > 0 {
            ended.note = Some(format!(
                "{foreign} transactions of others came while it was dropped: rows that they brought from {} on, before {}, may be lost{}",
                work.from.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
                work.to.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
                exported(work)
            ));
        }
        self.end(&step("done", &work.name), &ended)?;
        Ok(ended)
    }
}

pub(super) fn exported(work: &Work) -> String {
    work.export.as_ref().map_or_else(String::new, |path| {
        format!("; all rows as they were before are in `{}`", path.display())
    })
}
