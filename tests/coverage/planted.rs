//! Twenty years of sessions and which of them each symbol is to have; and what that makes missing, by sets of dates.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use chrono::{NaiveDate, NaiveTime, TimeDelta, Utc};
use tradeops::calendar::{Beyond, Calendar};
use tradeops::coverage::{Asked, Due, Entry, Ledger, State, Wanted};
use tradeops::questdb::Server;

use crate::store::{run, settle};

pub(crate) const FROM: &str = "2006-11-28";
pub(crate) const TO: &str = "2026-11-27";

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub(crate) fn calendar() -> Calendar {
    let text = include_str!("../../stdlib/calendars/XNYS.toml");
    Calendar::parse(text, "XNYS").unwrap_or_else(|e| panic!("{e}"))
}

/// The sessions from one day to another, and whether each is a half day: asked day by day.
pub(crate) fn sessions(from: NaiveDate, to: NaiveDate) -> Vec<(NaiveDate, bool)> {
    let calendar = calendar();
    let days = from.iter_days().take_while(|day| *day <= to);
    let days = days.map(|date| calendar.day(date, Beyond::Error));
    days.map(|day| day.unwrap_or_else(|e| panic!("{e}")))
        .filter(|day| day.session)
        .map(|day| (day.date, day.half_day))
        .collect()
}

/// So many symbols over the twenty years, each with what its number says.
pub(crate) struct Planted {
    pub(crate) sessions: Vec<(NaiveDate, bool)>,
    pub(crate) symbols: usize,
}

/// The session that the symbols of one kind were listed on, and what of others a provider did not have.
const LISTED: usize = 2000;
const EMPTY: std::ops::Range<usize> = 3000..3010;
const FAILED: std::ops::Range<usize> = 3500..3503;

impl Planted {
    pub(crate) fn new(symbols: usize) -> Self {
        Self {
            sessions: sessions(day(FROM), day(TO)),
            symbols,
        }
    }

    pub(crate) fn name(s: usize) -> String {
        format!("S{s}")
    }

    /// Whether symbol `s` is to have a row in session `n`.
    fn has(&self, s: usize, n: usize) -> bool {
        let all = self.sessions.len();
        match s % 10 {
            1 => n >= 100 + s,
            2 => !(1000 + s..=1000 + s + s % 37).contains(&n),
            3 => n < all - 5 - s % 20,
            4 => false,
            5 => n >= LISTED,
            6 => !EMPTY.contains(&n),
            7 => !FAILED.contains(&n),
            8 => !self.sessions[n].1,
            9 => n >= 50 && n % 500 != s % 500 && n < all - 2,
            _ => true,
        }
    }

    /// The same for the server.
    fn condition(&self) -> String {
        let all = self.sessions.len();
        format!(
            "NOT ((s % 10 = 1 AND n < 100 + s) OR (s % 10 = 2 AND n >= 1000 + s AND n <= 1000 + s + s % 37) OR (s % 10 = 3 AND n >= {all} - 5 - s % 20) OR (s % 10 = 4) OR (s % 10 = 5 AND n < {LISTED}) OR (s % 10 = 6 AND n >= {} AND n < {}) OR (s % 10 = 7 AND n >= {} AND n < {}) OR (s % 10 = 8 AND half = 1) OR (s % 10 = 9 AND (n < 50 OR n % 500 = s % 500 OR n >= {all} - 2)))",
            EMPTY.start, EMPTY.end, FAILED.start, FAILED.end
        )
    }

    /// Fills a table of the live stack's form: a row for each session, at nine in the evening, and for complete symbols rows on
    /// days without one. Gives the number of rows.
    pub(crate) fn fill(&self, server: &Server, table: &str) -> usize {
        run(
            server,
            "CREATE TABLE planted_sessions (n LONG, d TIMESTAMP, half LONG)",
        );
        for (i, some) in self.sessions.chunks(100).enumerate() {
            let mut sql = String::from("INSERT INTO planted_sessions VALUES ");
            for (j, (date, half)) in some.iter().enumerate() {
                let comma = if j == 0 { "" } else { "," };
                let n = i * 100 + j;
                let half = i32::from(*half);
                write!(sql, "{comma}({n},'{date}T21:00:00.000000Z',{half})")
                    .unwrap_or_else(|e| panic!("{e}"));
            }
            run(server, &sql);
        }
        run(
            server,
            &format!(
                "CREATE TABLE {table} (symbol SYMBOL, timestamp TIMESTAMP, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume LONG, source SYMBOL) TIMESTAMP(timestamp) PARTITION BY DAY WAL"
            ),
        );
        run(
            server,
            &format!(
                "INSERT INTO {table} SELECT concat('S', s), d, 1.0, 2.0, 0.5, 1.5, s, 'test' FROM (SELECT d, n, half, s FROM (SELECT n, d, half FROM planted_sessions) CROSS JOIN (SELECT x - 1 AS s FROM long_sequence({}))) WHERE {}",
                self.symbols,
                self.condition()
            ),
        );
        // Whatever comes on a Sunday is no session.
        for sunday in ["2010-01-03T12:00:00.000000Z", "2020-05-24T00:00:00.000000Z"] {
            run(
                server,
                &format!("INSERT INTO {table} (symbol, timestamp) VALUES ('S0', '{sunday}')"),
            );
        }
        settle(server, table);
        let has = |s| (0..self.sessions.len()).filter(|n| self.has(s, *n)).count();
        (0..self.symbols).map(has).sum::<usize>() + 2
    }

    pub(crate) fn asked(&self) -> Asked {
        let (from, to) = (day(FROM), day(TO));
        let due = Due::sessions(&calendar(), from, to, Utc::now(), TimeDelta::hours(6));
        let listed = (0..self.symbols).filter(|s| s % 10 == 5);
        Asked {
            asset: "equities".into(),
            tables: vec![Wanted {
                table: "market_data".into(),
                symbol: "symbol".into(),
                lists: false,
            }],
            from,
            to,
            due: due.unwrap_or_else(|e| panic!("{e}")),
            symbols: Some((0..self.symbols).map(Self::name).collect()),
            listed: listed
                .map(|s| (Self::name(s), self.sessions[LISTED].0))
                .collect(),
        }
    }

    /// What was asked of providers, and what came of it.
    pub(crate) fn ledger(&self, folder: &Path, store: &str) -> Ledger {
        let ledger = Ledger::open(folder, store).unwrap_or_else(|e| panic!("{e}"));
        let date = |n: usize| self.sessions[n].0;
        let mut entries = Vec::new();
        for s in 0..self.symbols {
            let (span, state) = match s % 10 {
                6 => (EMPTY, State::Empty),
                7 => (FAILED, State::Failed),
                _ => continue,
            };
            let (from, to) = (date(span.start), date(span.end - 1));
            let empty = match state {
                State::Empty => vec![format!("{from}..{to}")],
                _ => vec![],
            };
            entries.push(Entry {
                at: Utc::now(),
                plan: "p".into(),
                chunk: format!("c{s}"),
                asset: "equities".into(),
                symbol: Self::name(s),
                from,
                to,
                state,
                rows: None,
                empty,
                error: None,
            });
        }
        ledger.write(entries).unwrap_or_else(|e| panic!("{e}"));
        ledger
    }

    /// What has to be found missing, a line per gap, by symbol: sets of dates and nothing of the product's.
    pub(crate) fn missing(&self) -> BTreeMap<String, Vec<String>> {
        (0..self.symbols)
            .map(|s| (Self::name(s), self.missing_of(s)))
            .collect()
    }

    fn missing_of(&self, s: usize) -> Vec<String> {
        let due: BTreeSet<NaiveDate> = self.sessions.iter().map(|(date, _)| *date).collect();
        let numbered = self.sessions.iter().enumerate();
        let there: BTreeSet<NaiveDate> = numbered
            .filter(|(n, _)| self.has(s, *n))
            .map(|(_, (date, _))| *date)
            .collect();
        let half: BTreeSet<NaiveDate> = self.sessions.iter().filter(|d| d.1).map(|d| d.0).collect();
        let why = match s % 10 {
            5 => "not_listed",
            6 => "empty",
            7 => "failed",
            _ => "never_asked",
        };
        let mut lines = Vec::new();
        let mut rest: BTreeSet<NaiveDate> = due.difference(&there).copied().collect();
        while let Some(from) = rest.first().copied() {
            // Until the next session that is there; of several kinds here only the reason differs, never within one gap.
            let until = there.range(from..).next();
            let run: BTreeSet<NaiveDate> = match until {
                Some(until) => rest.range(..*until).copied().collect(),
                None => rest.clone(),
            };
            let to = run.last().copied().unwrap_or(from);
            let place = match (there.first(), there.last()) {
                (None, _) => "whole",
                (Some(first), _) if to < *first => "leading",
                (_, Some(last)) if from > *last => "trailing",
                _ => "internal",
            };
            lines.push(format!(
                "{from} {to} {} {} {place} {why}",
                run.len(),
                run.intersection(&half).count()
            ));
            rest = rest.difference(&run).copied().collect();
        }
        lines
    }
}

/// Nine in the evening, as the rows are.
pub(crate) fn evening(date: NaiveDate) -> i64 {
    let at = date.and_time(NaiveTime::from_hms_opt(21, 0, 0).unwrap_or_default());
    at.and_utc().timestamp_micros()
}
