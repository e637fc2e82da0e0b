//! How a table is doing: how new its newest row is, whether all of its partitions can be read.

use serde::Serialize;

use super::{Error, Limits, Server, metadata, partitions, quote_name, value};
use crate::run::Cx;

/// The newest row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Newest {
    /// The table.
    pub table: String,
    /// The column that tells its time.
    pub column: String,
    /// The newest row's time; `None` for a table without rows.
    pub newest: Option<String>,
}

/// Rows that are counted against rows that the partitions say they have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Integrity {
    /// The table.
    pub table: String,
    /// Rows that a count finds.
    pub rows: i64,
    /// Rows that the attached partitions have by the server's own list.
    pub partition_rows: i64,
    /// Rows that the list has, and that the count does not find or that have nothing on the disk: a partition's files
    /// are gone.
    pub missing_rows: i64,
    /// Partitions, attached ones.
    pub partitions: i64,
    /// What they take on the disk.
    pub disk_bytes: i64,
}

/// The newest row of `table` by `column`, or by its designated timestamp. Reads one partition: a scan from
/// the newest end stops at its first row.
pub fn newest(
    cx: &Cx,
    server: &Server,
    table: &str,
    column: Option<&str>,
    limits: Limits,
) -> Result<Newest, Error> {
    let column = match column {
        Some(column) => column.to_owned(),
        None => designated(cx, server, table, limits)?,
    };
    let (name, time) = (quote_name(table)?, quote_name(&column)?);
    let sql = format!("SELECT {time} AS newest FROM {name} ORDER BY {time} DESC LIMIT 1");
    let cell = value(cx, server, &sql, limits)?;
    Ok(Newest {
        table: table.to_owned(),
        column,
        newest: cell.text().map(str::to_owned),
    })
}

fn designated(cx: &Cx, server: &Server, table: &str, limits: Limits) -> Result<String, Error> {
    let found = metadata::table(cx, server, table, limits)?;
    found
        .timestamp
        .filter(|column| !column.is_empty())
        .ok_or_else(|| {
            Error::Statement(format!(
                "the table `{table}` has no designated timestamp: name a column"
            ))
        })
}

/// Whether all rows of a table can be read. A partition whose files are gone is left out of a count without a word, or
/// counted from memory, and a scan breaks off; the list of partitions still has its rows, attached, with nothing on the
/// disk [measured on 7.3.3 and 9.3.4].
pub fn integrity(
    cx: &Cx,
    server: &Server,
    table: &str,
    limits: Limits,
) -> Result<Integrity, Error> {
    let counting = format!("SELECT count() AS n FROM {}", quote_name(table)?);
    let listed = partitions(cx, server, table, limits)?;
    let attached = || listed.iter().filter(|p| p.attached != Some(false));
    let partition_rows = attached().filter_map(|p| p.rows).sum();
    let without_files: i64 = attached()
        .filter(|p| p.disk_bytes == Some(0))
        .filter_map(|p| p.rows)
        .sum();
    // Counted after the list: rows that come in between make the count larger, and nothing is missing.
    let rows = value(cx, server, &counting, limits)?
        .int()
        .unwrap_or_default();
    Ok(Integrity {
        table: table.to_owned(),
        rows,
        partition_rows,
        missing_rows: (partition_rows - rows).max(without_files),
        partitions: i64::try_from(attached().count()).unwrap_or(i64::MAX),
        disk_bytes: attached().filter_map(|p| p.disk_bytes).sum(),
    })
}
