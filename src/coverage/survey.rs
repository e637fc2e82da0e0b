//! A survey: what a store has of an asset, symbol by symbol, against what is due.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use super::{Days, Due, Error, Gap, Holding, Ledger, Source, gaps, read, source};
use crate::questdb::{self, Limits, Server};
use crate::run::Cx;

/// A table that an asset may be in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its name.
    pub table: String,
    /// The column with the symbol.
    pub symbol: String,
    /// Whether a row of it can be of several symbols: `AAPL,MSFT`.
    #[serde(default)]
    pub lists: bool,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `equities`, `options`, `news`, `social`, or whatever the policy calls it.
    pub asset: String,
    /// Where its rows may be; those that are there are read.
    pub tables: Vec<Wanted>,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// On which of them rows are due.
    pub due: Due,
    /// Whose rows; `None`: of all that have some.
    pub symbols: Option<Vec<String>>,
    /// First days at the exchange, where they are known.
    pub listed: BTreeMap<String, NaiveDate>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Survey {
    /// What was asked for.
    pub asked: Asked,
    /// The server that was asked, `host:port`.
    pub server: String,
    /// The tables that were read.
    pub sources: Vec<Source>,
    /// The tables that are not there.
    pub absent: Vec<String>,
    /// By their names.
    pub symbols: Vec<Symbol>,
}

/// A symbol of a survey.
#[derive(Debug, Clone, Default)]
pub struct Symbol {
    /// Its name.
    pub symbol: String,
    /// What is stored from the first day to the last.
    pub holding: Holding,
    /// Days on which rows are due.
    pub due_days: i64,
    /// Those of them that have rows.
    pub present_days: i64,
    /// Calendar days from the first row to the last.
    pub span_days: i64,
    /// Due days behind the last row.
    pub lag_days: i64,
    /// The share of due days from the first row to the last that have rows; `None` without rows.
    pub density: Option<f64>,
    /// What is missing, oldest first.
    pub gaps: Vec<Gap>,
}

/// Looks at what `server` has. One statement for each table and slice of time, whatever the number of symbols.
pub fn survey(
    cx: &Cx,
    server: &Server,
    asked: Asked,
    ledger: &Ledger,
    limits: Limits,
) -> Result<Survey, Error> {
    let (sources, absent) = sources(cx, server, &asked.tables, limits)?;
    let (span, names) = ((asked.from, asked.to), asked.symbols.as_deref());
    let mut found = read_all(cx, server, &sources, span, names, limits)?;
    for symbol in asked.symbols.iter().flatten() {
        found.entry(symbol.clone()).or_default();
    }
    let symbols = found
        .into_iter()
        .map(|(symbol, holding)| judge(&asked, symbol, holding, ledger))
        .collect();
    Ok(Survey {
        asked,
        server: server.name(),
        sources,
        absent,
        symbols,
    })
}

/// Those of the tables that are there, and the names of those that are not.
pub fn sources(
    cx: &Cx,
    server: &Server,
    tables: &[Wanted],
    limits: Limits,
) -> Result<(Vec<Source>, Vec<String>), Error> {
    let (mut found, mut absent) = (Vec::new(), Vec::new());
    for wanted in tables {
        let Wanted {
            table,
            symbol,
            lists,
        } = wanted;
        match source(cx, server, table, symbol, *lists, limits) {
            Ok(source) => found.push(source),
            Err(Error::Server(questdb::Error::NotFound { .. })) => absent.push(table.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok((found, absent))
}

/// What all of them have together.
pub fn read_all(
    cx: &Cx,
    server: &Server,
    sources: &[Source],
    span: (NaiveDate, NaiveDate),
    symbols: Option<&[String]>,
    limits: Limits,
) -> Result<BTreeMap<String, Holding>, Error> {
    let mut found: BTreeMap<String, Holding> = BTreeMap::new();
    for source in sources {
        for (symbol, holding) in read(cx, server, source, span, symbols, limits)? {
            found.entry(symbol).or_default().add(&holding);
        }
    }
    Ok(found)
}

#[cfg(test)]
impl Survey {
    /// Of a span in which every day is due, from no table.
    pub(super) fn of(
        from: NaiveDate,
        to: NaiveDate,
        symbols: impl Fn(&Due) -> Vec<Symbol>,
    ) -> Self {
        let due = Due {
            days: Days::span(from, to),
            half: Days::default(),
        };
        Self {
            symbols: symbols(&due),
            asked: Asked {
                asset: "equities".into(),
                tables: Vec::new(),
                from,
                to,
                due,
                symbols: None,
                listed: BTreeMap::new(),
            },
            server: "127.0.0.1:9000".into(),
            sources: Vec::new(),
            absent: Vec::new(),
        }
    }
}

fn judge(asked: &Asked, symbol: String, holding: Holding, ledger: &Ledger) -> Symbol {
    let mut known = ledger.known(&asked.asset, &symbol);
    known.listed = asked.listed.get(&symbol).copied();
    let (due, stored) = (&asked.due.days, &holding.days);
    let ends = stored.first().zip(stored.last());
    let within = ends.map(|(first, last)| due.within(first, last));
    let day = |at: Option<DateTime<Utc>>| at.map(|at| at.date_naive());
    let span = day(holding.oldest()).zip(day(holding.newest()));
    let behind = |days: &Days| match ends {
        Some((_, last)) => days.iter().filter(|date| *date > last).count(),
        None => days.iter().count(),
    };
    Symbol {
        due_days: due.len(),
        present_days: due.and(stored).len(),
        span_days: span.map_or(0, |(first, last)| (last - first).num_days()),
        lag_days: i64::try_from(behind(due)).unwrap_or(i64::MAX),
        density: within
            .filter(|within| !within.is_empty())
            .map(|within| within.and(stored).len() as f64 / within.len() as f64),
        gaps: gaps(&asked.due, stored, &known),
        symbol,
        holding,
    }
}
