//! Waiting until what was accepted is applied: a confirmation says the first, and only a count after the second is true.

use std::time::{Duration, Instant};

use super::metadata::log;
use super::{Abilities, Error, Limits, Server, exec, query, quote_text, value};
use crate::rows::Cell;
use crate::run::Cx;

/// Between two looks at first; twice as long each time.
const EVERY: Duration = Duration::from_millis(1);

/// How far a table's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// All up to this transaction of the sequencer.
    Upto(i64),
    /// The table has no log: what is confirmed is there.
    NoLog,
}

/// Waits until `table` shows all that it accepted so far, for at most `limits.time`.
pub fn settle(
    cx: &Cx,
    server: &Server,
    can: Abilities,
    table: &str,
    limits: Limits,
) -> Result<Applied, Error> {
    match sequencer(cx, server, table, limits)? {
        Some(accepted) => applied(cx, server, can, table, accepted, limits),
        None => Ok(Applied::NoLog),
    }
}

/// The same where it is known how far the sequencer was.
pub(crate) fn applied(
    cx: &Cx,
    server: &Server,
    can: Abilities,
    table: &str,
    accepted: i64,
    limits: Limits,
) -> Result<Applied, Error> {
    let began = Instant::now();
    if can.wait {
        let sql = format!("SELECT wait_wal_table({}) AS done", quote_text(table)?);
        match value(cx, server, &sql, limits) {
            Ok(_) => {}
            // Under status 200, behind an empty row [measured].
            Err(Error::Late { message, .. }) if message.contains("suspended") => {
                return Err(suspended(table, None));
            }
            Err(error) => return Err(error),
        }
    }
    let mut pause = EVERY;
    loop {
        let Some(log) = log(cx, server, table, limits)? else {
            return Ok(Applied::NoLog);
        };
        if log.suspended == Some(true) {
            return Err(suspended(table, log.error_message.as_deref()));
        }
        if let (Some(writer), Some(sequencer)) = (log.writer_txn, log.sequencer_txn)
            && writer >= accepted
            && writer == sequencer
        {
            return Ok(Applied::Upto(sequencer));
        }
        // A table that is written all the time may never be still; what was accepted when we came has to be there.
        if log.writer_txn.is_some_and(|writer| writer >= accepted)
            && began.elapsed() > limits.time / 4
        {
            return Ok(Applied::Upto(log.writer_txn.unwrap_or(accepted)));
        }
        if began.elapsed() > limits.time {
            return Err(Error::Lagging {
                table: table.to_owned(),
                pending: log.pending.unwrap_or(0),
            });
        }
        cx.sleep(pause)?;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// How far the sequencer of `table` is, applied or not; `None`: it has none.
pub(crate) fn sequencer(
    cx: &Cx,
    server: &Server,
    table: &str,
    limits: Limits,
) -> Result<Option<i64>, Error> {
    Ok(log(cx, server, table, limits)?.and_then(|log| log.sequencer_txn))
}

/// Waits until no statement that has `words` in it is running any more: it is stopped where the server can, else waited for.
/// `still` is how long nothing may have come in where the server does not tell what runs.
pub fn quiet(
    cx: &Cx,
    server: &Server,
    can: Abilities,
    tables: &[&str],
    words: &str,
    still: Duration,
    limits: Limits,
) -> Result<(), Error> {
    let began = Instant::now();
    if can.activity {
        loop {
            let rows = query(cx, server, "SELECT * FROM query_activity()", limits)?;
            let mut running = 0;
            for row in &rows.cells {
                let text = rows.pick(row, &["query"]).and_then(Cell::text);
                // The one that asks is in the list, too.
                if !text.is_some_and(|t| t.contains(words) && !t.contains("query_activity")) {
                    continue;
                }
                running += 1;
                if let Some(id) = rows.pick(row, &["query_id"]).and_then(Cell::int) {
                    // It may have ended meanwhile, and a server may not permit it: then it is waited for.
                    let _ = exec(cx, server, &format!("CANCEL QUERY {id}"), limits);
                }
            }
            if running == 0 {
                return Ok(());
            }
            if began.elapsed() > limits.time {
                return Err(Error::Statement(format!(
                    "a statement on `{words}` is still running: wait for it, or cancel it"
                )));
            }
            cx.sleep(Duration::from_millis(50))?;
        }
    }
    let look = || -> Result<Vec<_>, Error> {
        tables
            .iter()
            .map(|t| sequencer(cx, server, t, limits))
            .collect()
    };
    let (mut last, mut since) = (look()?, Instant::now());
    while since.elapsed() < still {
        cx.sleep(Duration::from_millis(100))?;
        let now = look()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if began.elapsed() > limits.time {
            break;
        }
    }
    Ok(())
}

fn suspended(table: &str, why: Option<&str>) -> Error {
    Error::Suspended {
        table: table.to_owned(),
        why: why.map_or_else(String::new, |why| format!(" ({why})")),
    }
}
