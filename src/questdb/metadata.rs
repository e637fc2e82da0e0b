//! What QuestDB says about its tables, partitions and write-ahead logs.
//!
//! Versions differ in which columns these functions have and what they call them, so everything is
//! asked with `SELECT *` and picked by header; what a version does not say is `None`, never a guess.

use serde::Serialize;

use super::{Error, Limits, Server, query, quote_text};
use crate::rows::{Cell, Rows};
use crate::run::Cx;

/// A table. All but the name is `None` where this version does not say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its folder on the server: another one when the table was made anew under its name.
    pub folder: Option<String>,
    /// The designated timestamp column.
    pub timestamp: Option<String>,
    /// `NONE`, `HOUR`, `DAY`, `WEEK`, `MONTH`, `YEAR`.
    pub partition_by: Option<String>,
    /// Whether it has a write-ahead log.
    pub wal: Option<bool>,
    /// Whether it removes duplicates.
    pub dedup: Option<bool>,
    /// Its time to live: `7 DAY`.
    pub ttl: Option<String>,
    /// Whether its log is suspended.
    pub suspended: Option<bool>,
    /// Rows, approximately; unknown until it was written to since the server started.
    pub rows: Option<i64>,
    /// The oldest row's time.
    pub oldest: Option<String>,
    /// The newest row's time.
    pub newest: Option<String>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Partition {
    /// Its name: `2024-01-02`. A split piece has a longer one.
    pub name: String,
    /// The time of its oldest row; `None` for a detached one.
    pub oldest: Option<String>,
    /// The time of its newest row.
    pub newest: Option<String>,
    /// Its rows.
    pub rows: Option<i64>,
    /// Its size.
    pub disk_bytes: Option<i64>,
    /// Whether it is the one being written.
    pub active: Option<bool>,
    /// Whether it takes no more writes.
    pub read_only: Option<bool>,
    /// Whether it is part of the table.
    pub attached: Option<bool>,
    /// Whether it was taken out of the table.
    pub detached: Option<bool>,
    /// Whether it is stored as Parquet.
    pub parquet: Option<bool>,
}

/// The state of a table's write-ahead log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wal {
    /// The table.
    pub table: String,
    /// Whether applying has stopped: writes are still accepted and pile up unseen.
    pub suspended: Option<bool>,
    /// The last transaction applied.
    pub writer_txn: Option<i64>,
    /// The last transaction accepted.
    pub sequencer_txn: Option<i64>,
    /// Transactions accepted and not yet applied.
    pub pending: Option<i64>,
    /// Why it was suspended, in a word; `None` where this version does not say.
    pub error_tag: Option<String>,
    /// Why it was suspended.
    pub error_message: Option<String>,
}

/// The user's tables. QuestDB's own (`sys.*`, `telemetry*`) are left out.
pub fn tables(cx: &Cx, server: &Server, limits: Limits) -> Result<Vec<Table>, Error> {
    let rows = query(cx, server, "SELECT * FROM tables()", limits)?;
    let tables = each(&rows, |line| {
        let ttl = match (line.int("ttlValue"), line.text(&["ttlUnit"])) {
            (Some(value), Some(unit)) if value > 0 => Some(format!("{value} {unit}")),
            _ => None,
        };
        Some(Table {
            name: line.text(&["table_name", "name", "tableName"])?,
            folder: line.text(&["directoryName"]),
            timestamp: line.text(&["designatedTimestamp"]),
            partition_by: line.text(&["partitionBy"]),
            wal: line.flag("walEnabled"),
            dedup: line.flag("dedup"),
            ttl,
            suspended: line.flag("table_suspended"),
            rows: line.int("table_row_count"),
            oldest: line.text(&["table_min_timestamp"]),
            newest: line.text(&["table_max_timestamp"]),
        })
    });
    Ok(tables.into_iter().filter(|t| is_users(&t.name)).collect())
}

/// One of the user's tables. QuestDB's table names do not mind case.
pub fn table(cx: &Cx, server: &Server, name: &str, limits: Limits) -> Result<Table, Error> {
    named(tables(cx, server, limits)?, name)
}

/// The one of these that is called so.
pub(crate) fn named(tables: Vec<Table>, name: &str) -> Result<Table, Error> {
    let mut all = tables.into_iter();
    let found = all.find(|t| t.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| no_table(name, 400))
}

fn no_table(name: &str, status: u16) -> Error {
    Error::NotFound {
        message: format!("there is no table `{name}`"),
        status,
    }
}

/// The columns of a table: name and type.
pub(crate) fn columns(
    cx: &Cx,
    server: &Server,
    table: &str,
    limits: Limits,
) -> Result<Vec<(String, String)>, Error> {
    let sql = format!("SELECT * FROM table_columns({})", quote_text(table)?);
    let rows = query(cx, server, &sql, limits)?;
    Ok(each(&rows, |line| {
        Some((line.text(&["column"])?, line.text(&["type"])?))
    }))
}

/// The partitions of a table, in the server's order (oldest first).
pub fn partitions(
    cx: &Cx,
    server: &Server,
    table: &str,
    limits: Limits,
) -> Result<Vec<Partition>, Error> {
    let sql = format!("SELECT * FROM table_partitions({})", quote_text(table)?);
    let rows = match query(cx, server, &sql, limits) {
        Ok(rows) => rows,
        Err(error) => return Err(missing(cx, server, table, limits, error)),
    };
    Ok(each(&rows, |line| {
        Some(Partition {
            name: line.text(&["name"])?,
            oldest: line.text(&["minTimestamp"]),
            newest: line.text(&["maxTimestamp"]),
            rows: line.int("numRows"),
            disk_bytes: line.int("diskSize"),
            active: line.flag("active"),
            read_only: line.flag("readOnly"),
            attached: line.flag("attached"),
            detached: line.flag("detached"),
            parquet: line.flag("isParquet"),
        })
    }))
}

/// The write-ahead logs of the user's tables.
pub fn wal(cx: &Cx, server: &Server, limits: Limits) -> Result<Vec<Wal>, Error> {
    let all = logs(cx, server, "SELECT * FROM wal_tables()", limits)?;
    Ok(all.into_iter().filter(|l| is_users(&l.table)).collect())
}

/// The write-ahead log of one table; `None`: it has none.
pub(super) fn log(
    cx: &Cx,
    server: &Server,
    table: &str,
    limits: Limits,
) -> Result<Option<Wal>, Error> {
    let name = quote_text(table)?;
    let sql = format!("SELECT * FROM wal_tables() WHERE name = {name}");
    Ok(logs(cx, server, &sql, limits)?.pop())
}

fn logs(cx: &Cx, server: &Server, sql: &str, limits: Limits) -> Result<Vec<Wal>, Error> {
    let rows = query(cx, server, sql, limits)?;
    Ok(each(&rows, |line| {
        let writer_txn = line.int("writerTxn");
        let sequencer_txn = line.int("sequencerTxn");
        let said = |name| line.text(&[name]).filter(|text| !text.is_empty());
        Some(Wal {
            table: line.text(&["name", "table_name", "tableName"])?,
            suspended: line.flag("suspended"),
            writer_txn,
            sequencer_txn,
            pending: sequencer_txn
                .zip(writer_txn)
                .map(|(s, w)| s.saturating_sub(w)),
            error_tag: said("errorTag"),
            error_message: said("errorMessage"),
        })
    }))
}

/// Versions say differently that a table is missing, down to `exception in function factory`; so after
/// a failure the list of tables is asked.
fn missing(cx: &Cx, server: &Server, table: &str, limits: Limits, error: Error) -> Error {
    let (Error::Invalid { status, .. }
    | Error::NotFound { status, .. }
    | Error::Failed { status, .. }) = &error
    else {
        return error;
    };
    match tables(cx, server, limits) {
        // QuestDB's table names do not mind case.
        Ok(tables) if !tables.iter().any(|t| t.name.eq_ignore_ascii_case(table)) => {
            no_table(table, *status)
        }
        _ => error,
    }
}

/// The views that are kept up from `table` and end for good when a partition of it is dropped. `can`: whether this version has
/// any.
pub fn views(
    cx: &Cx,
    server: &Server,
    can: bool,
    table: &str,
    limits: Limits,
) -> Result<Vec<String>, Error> {
    if !can {
        return Ok(Vec::new());
    }
    let rows = query(cx, server, "SELECT * FROM materialized_views()", limits)?;
    let views = each(&rows, |line| {
        let base = line.text(&["base_table_name"])?;
        let valid = line.text(&["view_status"]).is_none_or(|s| s != "invalid");
        (valid && base.eq_ignore_ascii_case(table))
            .then(|| line.text(&["view_name"]))
            .flatten()
    });
    Ok(views)
}

fn is_users(name: &str) -> bool {
    !(name.starts_with("sys.") || name.starts_with("telemetry"))
}

/// A row whose values are picked by header, the first of several names that is there.
struct Line<'a>(&'a Rows, &'a [Cell]);

impl Line<'_> {
    fn text(&self, names: &[&str]) -> Option<String> {
        self.0.pick(self.1, names)?.text().map(str::to_owned)
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.0.pick(self.1, &[name])?.int()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.0.pick(self.1, &[name])?.bool()
    }
}

/// Makes something of each row.
fn each<T>(rows: &Rows, make: impl Fn(&Line<'_>) -> Option<T>) -> Vec<T> {
    let lines = rows.cells.iter().map(|row| Line(rows, row));
    lines.filter_map(|line| make(&line)).collect()
}
