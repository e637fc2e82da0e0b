//! How many option contracts a table has of each underlying, since when, and which sessions of the last weeks are missing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{Due, Error, Holding, Source, Wanted, number, read, source};
use crate::questdb::{self, Limits, Server, quote_name, slices};
use crate::run::Cx;

/// What of an underlying is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contracts {
    /// The underlying.
    pub underlying: String,
    /// Rows.
    pub rows: i64,
    /// Different contracts.
    pub contracts: i64,
    /// The time of the first row.
    pub first: Option<DateTime<Utc>>,
    /// The time of the last row.
    pub last: Option<DateTime<Utc>>,
    /// Calendar days of the last weeks without a row: weekends are among them.
    pub recent_gap_days: i64,
    /// Days of the last weeks on which rows were due and are missing.
    pub recent_gap_sessions: i64,
    /// They.
    pub missing: Vec<NaiveDate>,
}

/// The last weeks.
#[derive(Debug, Clone)]
pub struct Recent {
    /// Their first day.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// On which of them rows are due.
    pub due: Due,
}

/// Looks at a table of options. Two statements for each slice of time, whatever the number of underlyings.
pub fn contracts(
    cx: &Cx,
    server: &Server,
    wanted: &Wanted,
    contract: &str,
    underlyings: Option<&[String]>,
    recent: &Recent,
    limits: Limits,
) -> Result<Vec<Contracts>, Error> {
    if underlyings.is_some_and(<[String]>::is_empty) {
        return Ok(Vec::new());
    }
    let source = source(
        cx,
        server,
        &wanted.table,
        &wanted.symbol,
        wanted.lists,
        limits,
    )?;
    let from = begin(cx, server, &source, limits)?;
    let span = (from, recent.to);
    let mut held = read(cx, server, &source, span, underlyings, limits)?;
    let counted = distinct(cx, server, &source, contract, span, underlyings, limits)?;
    for name in underlyings.into_iter().flatten() {
        held.entry(name.clone()).or_default();
    }
    let of = |(underlying, holding): (String, Holding)| {
        let days = &holding.days;
        let missing: Vec<_> = recent.due.days.without(days).iter().collect();
        Contracts {
            rows: holding.rows,
            contracts: counted.get(&underlying).copied().unwrap_or(0),
            first: holding.oldest(),
            last: holding.newest(),
            recent_gap_days: (recent.to - recent.from).num_days() + 1
                - days.count(recent.from, recent.to),
            recent_gap_sessions: i64::try_from(missing.len()).unwrap_or(i64::MAX),
            missing,
            underlying,
        }
    };
    Ok(held.into_iter().map(of).collect())
}

/// The day of the first row, where reading everything takes several statements; else the first day that there is.
fn begin(
    cx: &Cx,
    server: &Server,
    source: &Source,
    limits: Limits,
) -> Result<NaiveDate, questdb::Error> {
    let never = NaiveDate::default();
    if source.days_at_once == usize::MAX {
        return Ok(never);
    }
    // A table with partitions is in the order of its time: this opens one.
    let sql = format!(
        "SELECT cast({} AS long) AS t FROM {} LIMIT 1",
        quote_name(&source.time)?,
        quote_name(&source.table)?
    );
    let micros = questdb::value(cx, server, &sql, limits)?.int();
    let first = micros.and_then(DateTime::from_timestamp_micros);
    Ok(first.map_or(never, |first| first.date_naive()))
}

/// A pair of the answer.
#[derive(Deserialize)]
struct Pair(Option<String>, Option<serde_json::Value>);

/// Different contracts of each underlying. One that is in two slices counts once, so those of slices are put together by name.
fn distinct(
    cx: &Cx,
    server: &Server,
    source: &Source,
    contract: &str,
    (from, to): (NaiveDate, NaiveDate),
    underlyings: Option<&[String]>,
    limits: Limits,
) -> Result<BTreeMap<String, i64>, Error> {
    let (table, symbol) = (quote_name(&source.table)?, quote_name(&source.symbol)?);
    let name = quote_name(contract)?;
    let all = usize::try_from(number(to) - number(from) + 1).unwrap_or(0);
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    let mut failure = None;
    slices::in_slices(all, source.days_at_once, |range| {
        let day = |n: usize| number(from) + n as i64;
        let which = source.which(day(range.start), day(range.end), underlyings)?;
        let pairs = format!(
            "SELECT {symbol} AS s, {name} AS c, count() AS n FROM {table} WHERE {which} GROUP BY s, c"
        );
        let whole = range.len() == all;
        let sql = match whole {
            true => format!("SELECT s, count() AS k FROM ({pairs}) WHERE c IS NOT NULL GROUP BY s"),
            false => format!("SELECT s, c FROM ({pairs}) WHERE c IS NOT NULL"),
        };
        // A statement that broke off has told of some already.
        counts.clear();
        questdb::stream(cx, server, &sql, limits, |row| {
            match serde_json::from_slice::<Pair>(row) {
                Ok(Pair(Some(s), Some(n))) if whole => {
                    counts.insert(s, n.as_i64().unwrap_or(0));
                }
                Ok(Pair(Some(s), Some(c))) => {
                    named
                        .entry(s)
                        .or_default()
                        .insert(c.as_str().unwrap_or_default().to_owned());
                }
                Ok(_) => {}
                Err(error) => failure = Some(error.to_string()),
            }
            Ok(())
        })?;
        Ok(())
    })?;
    if let Some(why) = failure {
        let table = source.table.clone();
        return Err(Error::Row { table, why });
    }
    for (underlying, contracts) in named {
        counts.insert(
            underlying,
            i64::try_from(contracts.len()).unwrap_or(i64::MAX),
        );
    }
    Ok(counts)
}
