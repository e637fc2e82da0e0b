//! What rules would remove of a table, partition by partition: nothing, all of it, or some rows. Reads, and changes nothing.
//!
//! Every row is judged by one `CASE` over all rules, and never by a `WHERE`: the two disagree where a value is NULL
//! [measured]. So a preview, a copy of what stays and a check of it can use the same flag, and a row counts once
//! however many rules mean it.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, TimeDelta, Timelike as _, Utc};
use serde::Serialize;

use super::predicate::{Predicate, timestamp};
use super::{Error, Limits, Server, Table, metadata, partitions, query, quote_name};
use crate::run::Cx;

/// Files that one statement may open at once: 7.3.3 opens every column of every partition that it reads, named or not, and
/// breaks off when the system lets it open no more [measured with a limit of 20,000].
const FILES: usize = 4000;

/// What rows a rule means: those that are older than `before`, and of these those that fulfil `predicate`.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Rows from before this instant.
    pub before: DateTime<Utc>,
    /// Which of them; `None`: all.
    pub predicate: Option<Predicate>,
}

/// What would be done with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// No row of it is meant.
    Keep,
    /// All rows are meant: it can be dropped as a whole.
    Drop,
    /// Some rows are meant, or all of the one that is being written: what stays has to be written anew.
    Rewrite,
}

/// A partition under the rules. Split pieces are taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Its name, that of the whole: `2024-01-02`.
    pub name: String,
    /// Where it begins.
    pub from: DateTime<Utc>,
    /// Its rows.
    pub rows: i64,
    /// Those that the rules mean.
    pub delete_rows: i64,
    /// What would be done.
    pub verdict: Verdict,
    /// Whether it is the one being written, which is never dropped.
    pub active: bool,
    /// What it takes on the disk.
    pub disk_bytes: i64,
}

/// A table under rules.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    let found = metadata::table(cx, server, table, limits)?;
    let (column, unit) = partitioned(&found)?;
    let columns = metadata::columns(cx, server, &found.name, limits)?;
    let mut classified = Classified {
        table: found.name.clone(),
        timestamp: column.clone(),
        partition_by: unit.word().to_owned(),
        wal: found.wal,
        rows: 0,
        delete_rows: 0,
        partitions: Vec::new(),
    };
    let Some(newest) = rules.iter().map(|rule| rule.before).max() else {
        return Ok(classified);
    };
    let mut judged = logical(cx, server, &found.name, unit, limits)?;
    judged.retain(|partition| partition.from < newest);
    let scan = Scan {
        table: quote_name(&found.name)?,
        column: quote_name(&column)?,
        flag: flag(rules, &quote_name(&column)?, &columns)?,
        unit,
    };
    let at_once = (FILES / columns.len().max(1)).max(1);
    let (mut done, mut many) = (0, at_once);
    while done < judged.len() {
        let end = (done + many).min(judged.len());
        match scan.count(cx, server, &mut judged[done..end], limits) {
            Ok(()) => done = end,
            // Perhaps there were too many at once: with fewer it may go, and with one it must.
            Err(Error::Cut { .. }) if end - done > 1 => many = (end - done) / 2,
            Err(error) => return Err(error),
        }
    }
    for partition in &mut judged {
        partition.verdict = match partition.delete_rows {
            0 => Verdict::Keep,
            n if n == partition.rows && !partition.active => Verdict::Drop,
            _ => Verdict::Rewrite,
        };
        classified.rows += partition.rows;
        classified.delete_rows += partition.delete_rows;
    }
    classified.partitions = judged;
    Ok(classified)
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
fn logical(
    cx: &Cx,
    server: &Server,
    table: &str,
    unit: Unit,
    limits: Limits,
) -> Result<Vec<Judged>, Error> {
    let mut all: Vec<Judged> = Vec::new();
    for piece in partitions(cx, server, table, limits)? {
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
        match all.iter_mut().find(|judged| judged.from == from) {
            // The last one is being written if any piece of it is.
            Some(judged) => {
                judged.disk_bytes += bytes;
                judged.active |= active;
            }
            None => all.push(Judged {
                name: unit.name(from),
                from,
                rows: 0,
                delete_rows: 0,
                verdict: Verdict::Keep,
                active,
                disk_bytes: bytes,
            }),
        }
    }
    all.sort_by_key(|judged| judged.from);
    Ok(all)
}

/// One expression that is 1 for the rows that are meant. The `OR 1 = 2` keeps 7.3.3 from taking a bare comparison for a
/// `CASE` with values, which it does and fails [measured].
fn flag(rules: &[Rule], column: &str, columns: &[(String, String)]) -> Result<String, Error> {
    let each = rules.iter().map(|rule| {
        let old = format!("{column} < {}", timestamp(rule.before));
        Ok(match &rule.predicate {
            Some(predicate) => format!("({old} AND {})", predicate.sql(columns)?),
            None => format!("({old})"),
        })
    });
    let each: Vec<_> = each.collect::<Result<_, Error>>()?;
    Ok(format!(
        "CASE WHEN ({} OR 1 = 2) THEN 1 ELSE 0 END",
        each.join(" OR ")
    ))
}

struct Scan {
    table: String,
    column: String,
    flag: String,
    unit: Unit,
}

impl Scan {
    /// Counts the rows of some partitions that follow each other.
    fn count(
        &self,
        cx: &Cx,
        server: &Server,
        slice: &mut [Judged],
        limits: Limits,
    ) -> Result<(), Error> {
        let (Some(first), Some(last)) = (slice.first(), slice.last()) else {
            return Ok(());
        };
        let Self {
            table,
            column,
            flag,
            unit,
        } = self;
        let sql = format!(
            "SELECT timestamp_floor('{}', {column}) AS p, count() AS n, sum({flag}) AS d FROM {table} WHERE {column} >= {} AND {column} < {}",
            unit.letter(),
            timestamp(first.from),
            timestamp(unit.next(last.from)),
        );
        let limits = Limits {
            rows: slice.len(),
            ..limits
        };
        let rows = query(cx, server, &sql, limits)?;
        for row in &rows.cells {
            let at = rows
                .pick(row, &["p"])
                .and_then(|p| DateTime::parse_from_rfc3339(p.text()?).ok());
            let number = |name| rows.pick(row, &[name]).and_then(|cell| cell.int());
            let partition = slice
                .iter_mut()
                .find(|judged| at.is_some_and(|at| judged.from == at));
            if let Some(partition) = partition {
                partition.rows = number("n").unwrap_or(0);
                partition.delete_rows = number("d").unwrap_or(0);
            }
        }
        Ok(())
    }
}

/// How a table is cut into partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    fn of(word: &str) -> Option<Self> {
        [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year]
            .into_iter()
            .find(|unit| unit.word() == word)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Hour => "HOUR",
            Self::Day => "DAY",
            Self::Week => "WEEK",
            Self::Month => "MONTH",
            Self::Year => "YEAR",
        }
    }

    /// As `timestamp_floor` wants it.
    const fn letter(self) -> &'static str {
        match self {
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "M",
            Self::Year => "y",
        }
    }

    fn floor(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let day = at.date_naive();
        let date = match self {
            Self::Hour => {
                let hour = day.and_hms_opt(at.hour(), 0, 0);
                return hour.map_or(at, |hour| hour.and_utc());
            }
            Self::Day => day,
            Self::Week => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Self::Month => day.with_day(1).unwrap_or(day),
            Self::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1).unwrap_or(day),
        };
        date.and_time(chrono::NaiveTime::MIN).and_utc()
    }

    /// Where the one after begins.
    fn next(self, from: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Hour => from + TimeDelta::hours(1),
            Self::Day => from + TimeDelta::days(1),
            Self::Week => from + TimeDelta::days(7),
            Self::Month => from + Months::new(1),
            Self::Year => from + Months::new(12),
        }
    }

    /// What the server calls the one that begins there, split pieces aside.
    fn name(self, from: DateTime<Utc>) -> String {
        let form = match self {
            Self::Hour => "%Y-%m-%dT%H",
            Self::Day => "%Y-%m-%d",
            Self::Week => "%G-W%V",
            Self::Month => "%Y-%m",
            Self::Year => "%Y",
        };
        from.format(form).to_string()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn units_as_the_server_cuts_and_names_them() {
        let at = DateTime::parse_from_rfc3339("2024-12-31T23:59:59.999999Z")
            .unwrap()
            .to_utc();
        for (unit, from, next, name) in [
            (
                Unit::Hour,
                "2024-12-31T23:00:00Z",
                "2025-01-01T00:00:00Z",
                "2024-12-31T23",
            ),
            (
                Unit::Day,
                "2024-12-31T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "2024-12-31",
            ),
            (
                Unit::Week,
                "2024-12-30T00:00:00Z",
                "2025-01-06T00:00:00Z",
                "2025-W01",
            ),
            (
                Unit::Month,
                "2024-12-01T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "2024-12",
            ),
            (
                Unit::Year,
                "2024-01-01T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "2024",
            ),
        ] {
            let floor = unit.floor(at);
            let text = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            assert_eq!(
                (text(floor).as_str(), text(unit.next(floor)).as_str()),
                (from, next)
            );
            assert_eq!(unit.name(floor), name);
        }
    }
}
