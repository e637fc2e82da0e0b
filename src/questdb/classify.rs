//! What rules would remove of a table, partition by partition: nothing, all of it, or some rows. Reads, and changes nothing.

use std::panic::resume_unwind;
use std::thread;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::predicate::timestamp;
use super::rule::{Rule, number};
use super::unit::Unit;
use super::{
    Error, Limits, Partition, Server, Table, metadata, partitions, query, quote_name, slices,
};
use crate::rows::{Cell, Rows};
use crate::run::Cx;

/// A scan gives as many rows as there are partitions and rules in them; how much that may be is a matter of bytes.
const ANY: usize = u32::MAX as usize;

/// What would be done with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// No row of it is meant.
    Keep,
    /// All rows are meant: it can be dropped as a whole.
    Drop,
    /// Some rows are meant, or all of the one that is being written, which is never dropped.
    Rewrite,
}

/// A partition under the rules. Split pieces are taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Its name, that of the whole: `2024-01-02`.
    pub name: String,
    /// Where it begins.
    pub from: DateTime<Utc>,
    /// Where the next one begins.
    pub to: DateTime<Utc>,
    /// Its rows, as a scan finds them.
    pub rows: i64,
    /// Its rows by the server's own list: more than `rows` when files of it are gone.
    pub listed_rows: i64,
    /// Those that the rules mean.
    pub delete_rows: i64,
    /// The same by rule; a row counts for the first rule that means it.
    pub by_rule: Vec<i64>,
    /// What would be done.
    pub verdict: Verdict,
    /// Whether it is the one being written, which is never dropped.
    pub active: bool,
    /// What it takes on the disk.
    pub disk_bytes: i64,
}

/// A table under rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    /// The table.
    pub table: String,
    /// Its designated timestamp.
    pub timestamp: String,
    /// `HOUR`, `DAY`, `WEEK`, `MONTH`, `YEAR`.
    pub partition_by: String,
    /// Whether it has a write-ahead log.
    pub wal: Option<bool>,
    /// Rows of the partitions that were looked at: those that begin before the newest `before`.
    pub rows: i64,
    /// Rows that the rules mean.
    pub delete_rows: i64,
    /// Rows of attached partitions that have nothing on the disk: their files are gone.
    pub missing_rows: i64,
    /// The partitions that were looked at, oldest first.
    pub partitions: Vec<Judged>,
}

/// Judges `table` by `rules`.
pub fn classify(
    cx: &Cx,
    server: &Server,
    table: &str,
    rules: &[Rule],
    limits: Limits,
) -> Result<Classified, Error> {
    let table = &metadata::table(cx, server, table, limits)?;
    let known = Known {
        columns: &metadata::columns(cx, server, &table.name, limits)?,
        opens_few: slices::opens_few(cx, server, limits)?,
        table,
    };
    judge(cx, server, &known, rules, limits)
}

/// What was asked of a table already.
pub(crate) struct Known<'a> {
    pub table: &'a Table,
    pub columns: &'a [(String, String)],
    /// As [`slices::opens_few`] says.
    pub opens_few: bool,
}

/// Judges a table that was looked at by `rules`.
pub(crate) fn judge(
    cx: &Cx,
    server: &Server,
    known: &Known<'_>,
    rules: &[Rule],
    limits: Limits,
) -> Result<Classified, Error> {
    let Known {
        table: found,
        columns,
        opens_few,
    } = *known;
    let (column, unit) = partitioned(found)?;
    let mut classified = Classified {
        table: found.name.clone(),
        timestamp: column.clone(),
        partition_by: unit.word().to_owned(),
        wal: found.wal,
        rows: 0,
        delete_rows: 0,
        missing_rows: 0,
        partitions: Vec::new(),
    };
    let Some(newest) = rules.iter().map(|rule| rule.before).max() else {
        return Ok(classified);
    };
    let column = quote_name(&column)?;
    let scan = Scan {
        table: quote_name(&found.name)?,
        flag: number(rules, &column, None, |p| p.sql(columns))?,
        column,
        unit,
    };
    // The server's list goes through every file of the table; where one scan does, both are under way together.
    let (pieces, counted) = thread::scope(|both| {
        let counted = opens_few
            .then(|| both.spawn(|| scan.count(cx, server, None, unit.ceil(newest), limits)));
        let pieces = partitions(cx, server, &found.name, limits);
        (pieces, counted.map(|counted| counted.join()))
    });
    let pieces = pieces?;
    let gone = pieces
        .iter()
        .filter(|p| p.attached != Some(false) && p.disk_bytes == Some(0));
    classified.missing_rows = gone.filter_map(|p| p.rows).sum();
    if classified.missing_rows > 0 {
        // Servers break such a scan off, or leave these rows out of it.
        return Ok(classified);
    }
    let mut judged = logical(pieces, unit, rules.len());
    judged.retain(|partition| partition.from < newest);
    match counted {
        Some(counted) => {
            let counted = counted.unwrap_or_else(|panic| resume_unwind(panic))?;
            scan.add(&counted, &mut judged);
        }
        None => slices::in_slices(judged.len(), slices::at_once(columns.len()), |range| {
            let slice = &mut judged[range];
            if let (Some(first), Some(last)) = (slice.first(), slice.last()) {
                let (from, to) = (first.from, last.to);
                scan.add(&scan.count(cx, server, Some(from), to, limits)?, slice);
            }
            Ok(())
        })?,
    }
    for partition in &mut judged {
        partition.judge();
        classified.rows += partition.rows;
        classified.delete_rows += partition.delete_rows;
    }
    classified.partitions = judged;
    Ok(classified)
}

impl Judged {
    /// Sums up what was counted.
    pub(crate) fn judge(&mut self) {
        self.delete_rows = self.by_rule.iter().sum();
        self.verdict = match self.delete_rows {
            0 => Verdict::Keep,
            n if n == self.rows && !self.active => Verdict::Drop,
            _ => Verdict::Rewrite,
        };
    }
}

/// The designated timestamp and the unit; `Err`: the table has no partitions by time.
fn partitioned(table: &Table) -> Result<(String, Unit), Error> {
    let none = |why: &str| {
        Err(Error::Statement(format!(
            "the table `{}` {why}: no partition of it can be dropped or rewritten",
            table.name
        )))
    };
    let Some(column) = table.timestamp.clone().filter(|column| !column.is_empty()) else {
        return none("has no designated timestamp");
    };
    match table.partition_by.as_deref().and_then(Unit::of) {
        Some(unit) => Ok((column, unit)),
        None => none("is not partitioned by time"),
    }
}

/// The partitions, split pieces taken together, oldest first.
fn logical(pieces: Vec<Partition>, unit: Unit, rules: usize) -> Vec<Judged> {
    let mut all: Vec<Judged> = Vec::new();
    for piece in pieces {
        let attached = piece.attached != Some(false) && piece.detached != Some(true);
        let oldest = piece
            .oldest
            .as_deref()
            .and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        let (Some(oldest), true) = (oldest, attached) else {
            continue;
        };
        let from = unit.floor(oldest.to_utc());
        let (bytes, active) = (piece.disk_bytes.unwrap_or(0), piece.active == Some(true));
        let listed = piece.rows.unwrap_or(0);
        // Pieces of one follow each other.
        match all.last_mut().filter(|judged| judged.from == from) {
            // The last one is being written if any piece of it is.
            Some(judged) => {
                judged.disk_bytes += bytes;
                judged.listed_rows += listed;
                judged.active |= active;
            }
            None => all.push(Judged {
                name: unit.name(from),
                from,
                to: unit.next(from),
                rows: 0,
                listed_rows: listed,
                delete_rows: 0,
                by_rule: vec![0; rules],
                verdict: Verdict::Keep,
                active,
                disk_bytes: bytes,
            }),
        }
    }
    all.sort_by_key(|judged| judged.from);
    all
}

struct Scan {
    table: String,
    column: String,
    flag: String,
    unit: Unit,
}

impl Scan {
    /// Rows before `to` by partition and rule: `p`, `q`, `n`.
    fn count(
        &self,
        cx: &Cx,
        server: &Server,
        from: Option<DateTime<Utc>>,
        to: DateTime<Utc>,
        limits: Limits,
    ) -> Result<Rows, Error> {
        let Self {
            table,
            column,
            flag,
            unit,
        } = self;
        let from = from.map_or_else(String::new, |from| {
            format!("{column} >= {} AND ", timestamp(from))
        });
        let sql = format!(
            "SELECT timestamp_floor('{}', {column}) AS p, {flag} AS q, count() AS n FROM {table} WHERE {from}{column} < {} GROUP BY p, q",
            unit.letter(),
            timestamp(to),
        );
        let limits = Limits {
            rows: ANY,
            ..limits
        };
        query(cx, server, &sql, limits)
    }

    /// Adds what was counted to the partitions.
    fn add(&self, counted: &Rows, judged: &mut [Judged]) {
        for row in &counted.cells {
            let at = counted
                .pick(row, &["p"])
                .and_then(|p| DateTime::parse_from_rfc3339(p.text()?).ok());
            let number = |name| counted.pick(row, &[name]).and_then(Cell::int);
            let found = at.and_then(|at| {
                let at = judged.binary_search_by_key(&at.to_utc(), |judged| judged.from);
                judged.get_mut(at.ok()?)
            });
            if let (Some(partition), Some(n)) = (found, number("n")) {
                partition.rows += n;
                let rule = number("q").and_then(|q| usize::try_from(q - 1).ok());
                if let Some(count) = rule.and_then(|rule| partition.by_rule.get_mut(rule)) {
                    *count += n;
                }
            }
        }
    }
}
