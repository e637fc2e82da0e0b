//! What a table has of each symbol: on which days, how many rows, the first and the last. One statement for all symbols.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use super::{Days, Error, number};
use crate::questdb::{self, Limits, Server, quote_name, quote_text, slices, timestamp};
use crate::run::Cx;

/// Days whose bits are summed in one number: as a sum of that many different powers of two a double is exact.
const BLOCK: i64 = 48;

/// Symbols beyond this much text are picked from the answer, not asked for: a statement has a longest length.
const NAMED: usize = 8000;

/// Rows that tell whether there is more than one a day.
const NEWEST: usize = 1000;

const DAY_MICROS: i64 = 86_400_000_000;

/// A table to read, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name.
    pub table: String,
    /// Its time column.
    pub time: String,
    /// The column with the symbol.
    pub symbol: String,
    /// Whether a row of it can be of several symbols: `AAPL,MSFT`.
    pub lists: bool,
    /// Whether the table keeps one row for each key.
    pub dedup: Option<bool>,
    /// Days that one statement may read.
    pub(super) days_at_once: usize,
    /// Whether there seems to be one row a day of a symbol: a guess, which the sums show to be wrong.
    once: bool,
}

/// What a table, or several, have of a symbol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    /// Rows.
    pub rows: i64,
    /// The time of the first row, in microseconds since 1970.
    pub first: i64,
    /// The time of the last row.
    pub last: i64,
    /// The days (UTC) on which there are rows.
    pub days: Days,
}

impl Holding {
    /// Adds what another table, or another span, has.
    pub fn add(&mut self, other: &Self) {
        if other.rows == 0 {
            return;
        }
        if self.rows == 0 {
            self.clone_from(other);
            return;
        }
        self.rows += other.rows;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.days.add(&other.days);
    }

    /// The time of the first row; none without rows.
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        (self.rows > 0).then(|| DateTime::from_timestamp_micros(self.first))?
    }

    /// The time of the last row; none without rows.
    pub fn newest(&self) -> Option<DateTime<Utc>> {
        (self.rows > 0).then(|| DateTime::from_timestamp_micros(self.last))?
    }
}

/// Looks at a table: its designated timestamp, and that it has the column. Where the table has no designated timestamp, a column
/// named `timestamp` or `ts` is taken.
pub fn source(
    cx: &Cx,
    server: &Server,
    table: &str,
    symbol: &str,
    lists: bool,
    limits: Limits,
) -> Result<Source, Error> {
    let found = questdb::table(cx, server, table, limits)?;
    let columns = questdb::columns(cx, server, &found.name, limits)?;
    let has = |wanted: &str| {
        let mut names = columns.iter().map(|(name, _)| name);
        names
            .find(|name| name.eq_ignore_ascii_case(wanted))
            .cloned()
    };
    let designated = found.timestamp.filter(|column| !column.is_empty());
    let time = designated
        .or_else(|| has("timestamp"))
        .or_else(|| has("ts"));
    let missing = |what: &str| Error::Invalid(format!("the table `{}` has no {what}", found.name));
    let time = time.ok_or_else(|| missing("time column"))?;
    let of_time = |(name, ty): &&(String, String)| *name == time && ty != "TIMESTAMP";
    if let Some((_, ty)) = columns.iter().find(of_time) {
        return Err(Error::Invalid(format!(
            "the column `{time}` of the table `{}` is a {ty}: only TIMESTAMP is read",
            found.name
        )));
    }
    let symbol = has(symbol).ok_or_else(|| missing(&format!("column `{symbol}`")))?;
    let days_at_once = match slices::days(found.partition_by.as_deref()) {
        Some(days) if !slices::opens_few(cx, server, limits)? => {
            (slices::at_once(columns.len()) as f64 * days).max(1.0) as usize
        }
        _ => usize::MAX,
    };
    Ok(Source {
        once: once_a_day(cx, server, (&found.name, &time, &symbol), limits),
        table: found.name,
        time,
        symbol,
        lists,
        dedup: found.dedup,
        days_at_once,
    })
}

/// Whether rows of the newest day are the only ones of their symbols, as daily bars are. A guess that spares a statement: where it is
/// wrong the sums show it, and where the server does not say, they do, too. One day: the newest so many rows of a table would
/// make 7.3.3 open all of it, and with that the last of its files [measured: the table is suspended then].
fn once_a_day(
    cx: &Cx,
    server: &Server,
    (table, time, symbol): (&str, &str, &str),
    limits: Limits,
) -> bool {
    let newest = || {
        let (table, time) = (quote_name(table)?, quote_name(time)?);
        let (symbol, at) = (quote_name(symbol)?, format!("cast({time} AS long) AS at"));
        let sql = format!("SELECT {at} FROM {table} ORDER BY {time} DESC LIMIT 1");
        let newest = questdb::value(cx, server, &sql, limits)?.int().unwrap_or(0);
        let begins = DateTime::from_timestamp_micros(newest - newest.rem_euclid(DAY_MICROS));
        let begins = begins.map_or_else(String::new, timestamp);
        let sql =
            format!("SELECT {symbol} AS s FROM {table} WHERE {time} >= {begins} LIMIT {NEWEST}");
        questdb::query(cx, server, &sql, limits)
    };
    let mut seen = HashSet::new();
    newest().is_ok_and(|rows| rows.cells.iter().all(|row| seen.insert(format!("{row:?}"))))
}

/// What `source` has from one day to another, both included, of these symbols; `None`: of all.
///
/// The days of a symbol come as bits: 2 to the power of the day, summed. Where there is one row a day that is exact, and the sum
/// itself shows whether it was: a sum of n powers of two has n bits set only when all of them differ. Otherwise the days are made
/// different first, which costs the server a second grouping.
pub fn read(
    cx: &Cx,
    server: &Server,
    source: &Source,
    (from, to): (NaiveDate, NaiveDate),
    symbols: Option<&[String]>,
    limits: Limits,
) -> Result<BTreeMap<String, Holding>, Error> {
    let mut found = BTreeMap::new();
    if symbols.is_some_and(<[String]>::is_empty) {
        return Ok(found);
    }
    let all = usize::try_from(number(to) - number(from) + 1).unwrap_or(0);
    let mut once = source.once;
    let mut failure = None;
    let asked = slices::in_slices(all, source.days_at_once, |range| {
        let day = |n: usize| number(from) + n as i64;
        let mut slice = Vec::new();
        loop {
            let sql = source.statement(day(range.start), day(range.end), symbols, once)?;
            slice.clear();
            let mut exact = true;
            questdb::stream(cx, server, &sql, limits, |row| {
                match serde_json::from_slice::<Row<'_>>(row) {
                    Ok(row) => {
                        exact &= !once || i64::from(row.2.cast_unsigned().count_ones()) == row.3;
                        slice.push(Found::new(row));
                    }
                    Err(error) => failure = Some(error.to_string()),
                }
                Ok(())
            })?;
            if exact {
                break;
            }
            once = false;
        }
        for row in slice.drain(..) {
            row.into(&mut found, source.lists);
        }
        Ok(())
    });
    asked?;
    if let Some(why) = failure {
        return Err(Error::Row {
            table: source.table.clone(),
            why,
        });
    }
    if let Some(symbols) = symbols {
        found.retain(|symbol, _| symbols.contains(symbol));
    }
    Ok(found)
}

/// A row of the answer: symbol, block, the sum of its days' bits, rows, first and last time.
#[derive(Deserialize)]
struct Row<'a>(
    #[serde(borrow)] Option<Cow<'a, str>>,
    i64,
    i64,
    i64,
    i64,
    i64,
);

/// The same on its own.
struct Found {
    symbol: String,
    holding: Holding,
}

impl Found {
    fn new(Row(symbol, block, mask, rows, first, last): Row<'_>) -> Self {
        let mut days = Days::default();
        days.insert_mask(block * BLOCK, mask.cast_unsigned());
        Self {
            symbol: symbol.map(Cow::into_owned).unwrap_or_default(),
            holding: Holding {
                rows,
                first,
                last,
                days,
            },
        }
    }

    fn into(self, all: &mut BTreeMap<String, Holding>, lists: bool) {
        // Rows of no symbol are nobody's.
        if !lists {
            if !self.symbol.is_empty() {
                all.entry(self.symbol).or_default().add(&self.holding);
            }
            return;
        }
        for symbol in self
            .symbol
            .split(',')
            .map(str::trim)
            .filter(|s| !s.is_empty())
        {
            all.entry(symbol.to_owned()).or_default().add(&self.holding);
        }
    }
}

impl Source {
    /// Whether it is well to read it one at a time: the server opens every file of what it reads.
    pub fn opens_all(&self) -> bool {
        self.days_at_once != usize::MAX
    }

    /// The condition for rows of a span and of these symbols. `from` and `to` are day numbers; `to` is the first that is not meant.
    pub(super) fn which(
        &self,
        from: i64,
        to: i64,
        symbols: Option<&[String]>,
    ) -> Result<String, questdb::Error> {
        let (time, symbol) = (quote_name(&self.time)?, quote_name(&self.symbol)?);
        let at = |day| {
            DateTime::from_timestamp_micros(day * DAY_MICROS).map_or_else(String::new, timestamp)
        };
        let mut which = format!("{time} >= {} AND {time} < {}", at(from), at(to));
        let fits =
            |names: &&[String]| names.iter().map(|name| name.len() + 4).sum::<usize>() < NAMED;
        if let Some(names) = symbols.filter(|_| !self.lists).filter(fits) {
            let names: Vec<String> = names
                .iter()
                .map(|name| quote_text(name))
                .collect::<Result<_, _>>()?;
            which += &format!(" AND {symbol} IN ({})", names.join(", "));
        }
        Ok(which)
    }

    /// `once`: as if there were one row a day.
    fn statement(
        &self,
        from: i64,
        to: i64,
        symbols: Option<&[String]>,
        once: bool,
    ) -> Result<String, questdb::Error> {
        let (table, time) = (quote_name(&self.table)?, quote_name(&self.time)?);
        let symbol = quote_name(&self.symbol)?;
        let which = self.which(from, to, symbols)?;
        let day = format!("cast({time} AS long) / {DAY_MICROS}");
        let ends = "cast(lo AS long) AS lo, cast(hi AS long) AS hi";
        Ok(if once {
            format!(
                "SELECT s, b, cast(m AS long) AS m, n, {ends} FROM (SELECT {symbol} AS s, ({day}) / {BLOCK} AS b, sum(power(2, ({day}) % {BLOCK})) AS m, count() AS n, min({time}) AS lo, max({time}) AS hi FROM {table} WHERE {which} GROUP BY s, b)"
            )
        } else {
            format!(
                "SELECT s, b, cast(m AS long) AS m, n, {ends} FROM (SELECT s, d / {BLOCK} AS b, sum(power(2, d % {BLOCK})) AS m, sum(k) AS n, min(lo) AS lo, max(hi) AS hi FROM (SELECT {symbol} AS s, {day} AS d, count() AS k, min({time}) AS lo, max({time}) AS hi FROM {table} WHERE {which} GROUP BY s, d) GROUP BY s, b)"
            )
        })
    }
}
