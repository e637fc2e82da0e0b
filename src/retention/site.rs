//! Where one table is worked on: the server, what it can do, the table's names as they go into statements, the journal.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::Value;

use super::Error;
use crate::journal::Journal;
use crate::questdb::{self, Abilities, Applied, Limits, Server, Table, quote_name};
use crate::run::{Cancel, Cx, Effect, held};

/// How much of a table's own memory one statement may take: the copy of a large partition takes its time.
const TIME: Duration = Duration::from_secs(600);

/// What is between a drop and the end of what belongs to it. Whoever is to end the process waits for that.
#[derive(Debug, Clone, Default)]
pub struct Busy(Arc<(Mutex<usize>, Condvar)>);

impl Busy {
    /// Until what is given back is dropped, the process should not end.
    pub(super) fn hold(&self) -> Hold<'_> {
        *held(&self.0.0) += 1;
        Hold(self)
    }

    /// Waits until nobody holds it, for at most `limit`; `false`: somebody still does.
    pub fn wait(&self, limit: Duration) -> bool {
        let (count, ended) = &*self.0;
        let end = Instant::now() + limit;
        let mut count = held(count);
        while *count > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            count = match ended.wait_timeout(count, left) {
                Ok((count, _)) => count,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }
}

/// See [`Busy::hold`].
pub(super) struct Hold<'a>(&'a Busy);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let (count, ended) = &*self.0.0;
        *held(count) -= 1;
        ended.notify_all();
    }
}

/// Gets what is being worked on, and the step of it: empty at its beginning.
pub type Watch<'a> = &'a dyn Fn(&str, &str);

/// One table and all that work on it needs.
pub(super) struct Site<'a> {
    /// Ends with the run.
    pub(super) cx: &'a Cx,
    /// Goes on after Ctrl-C: for what must not be left half done.
    pub(super) firm: Cx,
    pub(super) server: &'a Server,
    pub(super) can: Abilities,
    pub(super) journal: &'a Journal,
    /// Where the exports of this table are.
    pub(super) folder: PathBuf,
    pub(super) table: Table,
    /// The table, quoted.
    pub(super) name: String,
    /// Its designated timestamp, quoted.
    pub(super) time: String,
    /// Name and type of each column.
    pub(super) columns: Vec<(String, String)>,
    /// The columns, quoted, with commas.
    pub(super) list: String,
    /// Whether the table for copies was made.
    staged: Cell<bool>,
    /// How far the sequencer is as long as nobody but this run has written the table since its plan was made: then what the plan
    /// counted is still so in all partitions that were not touched.
    pub(super) still: Cell<Option<i64>>,
    watch: Watch<'a>,
    /// What is being worked on, for whoever watches.
    at: RefCell<String>,
}

impl<'a> Site<'a> {
    pub(super) fn new(
        cx: &'a Cx,
        server: &'a Server,
        can: Abilities,
        journal: &'a Journal,
        table: Table,
        folder: PathBuf,
        watch: Watch<'a>,
    ) -> Result<Self, Error> {
        let columns = questdb::columns(cx, server, &table.name, limits())?;
        let names: Vec<_> = columns
            .iter()
            .map(|(name, _)| quote_name(name))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            cx,
            firm: cx.with_cancel(Cancel::root()),
            server,
            can,
            journal,
            folder,
            name: quote_name(&table.name)?,
            time: quote_name(table.timestamp.as_deref().unwrap_or_default())?,
            list: names.join(", "),
            columns,
            table,
            staged: Cell::new(false),
            still: Cell::new(None),
            watch,
            at: RefCell::default(),
        })
    }

    /// What is worked on from now on.
    pub(super) fn at(&self, line: String) {
        (self.watch)(&line, "");
        self.at.replace(line);
    }

    /// What is done with it.
    pub(super) fn step(&self, step: &str) {
        (self.watch)(&self.at.borrow(), step);
    }

    pub(super) fn exec(&self, cx: &Cx, sql: &str) -> Result<(), Error> {
        questdb::exec(cx, self.server, sql, limits())?;
        Ok(())
    }

    pub(super) fn number(&self, cx: &Cx, sql: &str) -> Result<i64, Error> {
        let cell = questdb::value(cx, self.server, sql, limits())?;
        Ok(cell.int().unwrap_or(0))
    }

    pub(super) fn settle(&self, cx: &Cx, table: &str) -> Result<Option<i64>, Error> {
        match questdb::settle(cx, self.server, self.can, table, limits())? {
            Applied::Upto(txn) => Ok(Some(txn)),
            Applied::NoLog => Ok(None),
        }
    }

    /// Waits until the table shows all up to `accepted`, where it has a log.
    pub(super) fn applied(&self, cx: &Cx, accepted: Option<i64>) -> Result<(), Error> {
        if let Some(accepted) = accepted {
            let table = &self.table.name;
            questdb::applied(cx, self.server, self.can, table, accepted, limits())?;
        }
        Ok(())
    }

    /// How far the table's sequencer is.
    pub(super) fn sequencer(&self, cx: &Cx) -> Result<Option<i64>, Error> {
        Ok(questdb::sequencer(
            cx,
            self.server,
            &self.table.name,
            limits(),
        )?)
    }

    pub(super) fn begin(&self, step: &str) -> Result<(), Error> {
        Ok(self.journal.begin(step, &now(self.cx))?)
    }

    pub(super) fn end(&self, step: &str, value: impl Serialize) -> Result<(), Error> {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        Ok(self.journal.end(step, &now(self.cx), &value)?)
    }

    /// Like `end`, on the disk with the next line: nothing is done between the two.
    pub(super) fn end_with_next(&self, step: &str, value: impl Serialize) -> Result<(), Error> {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        Ok(self.journal.end_with_next(step, &now(self.cx), &value)?)
    }

    pub(super) fn tell(&self, verb: &str, partition: &str, outcome: &str) {
        self.cx.effects().effect(Effect {
            verb: verb.to_owned(),
            target: format!(
                "questdb/{}/{}/{partition}",
                self.server.name(),
                self.table.name
            ),
            outcome: outcome.to_owned(),
        });
    }

    /// An empty table beside it, of the same columns, in which every row stays as often and as long as it was put there. It is
    /// made once and emptied for each partition: 7.3.3 keeps the files of a dropped table open for minutes, and a table
    /// for each partition brings it to the end of what it may open [measured].
    pub(super) fn stage(&self, cx: &Cx, stage: &str) -> Result<(), Error> {
        let quoted = quote_name(stage)?;
        if self.staged.replace(true) {
            return self.exec(cx, &format!("TRUNCATE TABLE {quoted}"));
        }
        self.exec(cx, &format!("DROP TABLE IF EXISTS {quoted}"))?;
        self.exec(cx, &format!("CREATE TABLE {quoted} (LIKE {})", self.name))?;
        // 7.3.3 takes over neither, 9.x both.
        let made = questdb::table(cx, self.server, stage, limits())?;
        if made.dedup != Some(false) {
            self.exec(cx, &format!("ALTER TABLE {quoted} DEDUP DISABLE"))?;
        }
        if made.ttl.is_some() {
            self.exec(cx, &format!("ALTER TABLE {quoted} SET TTL 0h"))?;
        }
        Ok(())
    }

    pub(super) fn drop_table(&self, cx: &Cx, table: &str) -> Result<(), Error> {
        self.exec(cx, &format!("DROP TABLE IF EXISTS {}", quote_name(table)?))
    }

    /// `INSERT`, all or nothing.
    pub(super) fn insert(&self, cx: &Cx, into: &str, select: &str) -> Result<(), Error> {
        let atomic = if self.can.atomic { "ATOMIC " } else { "" };
        self.exec(
            cx,
            &format!("INSERT {atomic}INTO {into} ({}) {select}", self.list),
        )
    }
}

/// The table for copies of a run.
pub(super) fn stage_name(table: &str, run: &str) -> String {
    let plain = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("tradeops_{}_{}", plain(table), plain(run))
}

/// For one statement on a whole partition.
pub(super) fn limits() -> Limits {
    Limits {
        rows: 1_000_000,
        bytes: 256 << 20,
        time: TIME,
    }
}

/// The time as it stands in journals.
pub(super) fn now(cx: &Cx) -> String {
    cx.now().to_rfc3339_opts(SecondsFormat::Millis, true)
}
