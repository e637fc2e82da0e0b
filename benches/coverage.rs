//! Coverage of 500 symbols over twenty years of sessions: the whole survey and the plan of a backfill, against the way of the old
//! scripts, two questions per symbol one after the other, and against the bare grouped query whose answer a survey needs. Wants the
//! images: `make bench-coverage`.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark tells its figures"
)]

#[path = "support/started.rs"]
mod started;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use chrono::{NaiveDate, TimeDelta, Utc};
use tradeops::backfill::{self, Order, Pace, Policy};
use tradeops::calendar::{Beyond, Calendar};
use tradeops::coverage::{Asked, Due, Ledger, Wanted, survey};
use tradeops::questdb::{self, Limits, Server};
use tradeops::run::Cx;

use started::Started;

const SYMBOLS: usize = 500;

fn main() {
    for name in ["QUESTDB_IMAGE", "QUESTDB_9_IMAGE"] {
        let Ok(image) = std::env::var(name) else {
            println!("no images are named: `make bench-coverage` builds and names them");
            return;
        };
        let server = Started::new(&image);
        println!("\n{image}");
        measure(&server.at);
    }
}

fn limits() -> Limits {
    Limits {
        rows: 5_000_000,
        bytes: 1 << 30,
        time: Duration::from_secs(600),
    }
}

fn run(server: &Server, sql: &str) {
    questdb::exec(&Cx::detached(), server, sql, limits()).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

fn ask(server: &Server, sql: &str) -> usize {
    let rows = questdb::query(&Cx::detached(), server, sql, limits());
    rows.unwrap_or_else(|e| panic!("{sql}: {e}")).cells.len()
}

/// The shape of the live stack's `market_data`, a row for each symbol and session. Gives the rows.
fn fill(server: &Server, calendar: &Calendar, from: NaiveDate, to: NaiveDate) -> usize {
    let sessions = calendar.sessions(from, to, Beyond::Error);
    let sessions = sessions.expect("sessions");
    run(server, "CREATE TABLE sessions (d TIMESTAMP)");
    for some in sessions.chunks(120) {
        let mut sql = String::from("INSERT INTO sessions VALUES ");
        for (i, day) in some.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(sql, "{comma}('{}T21:00:00.000000Z')", day.date).expect("text");
        }
        run(server, &sql);
    }
    run(
        server,
        "CREATE TABLE market_data (symbol SYMBOL, timestamp TIMESTAMP, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume LONG, source SYMBOL) TIMESTAMP(timestamp) PARTITION BY DAY WAL",
    );
    run(
        server,
        &format!(
            "INSERT INTO market_data SELECT concat('S', s), d, 1.0, 2.0, 0.5, 1.5, s, 'bench' FROM (SELECT d, s FROM (SELECT d FROM sessions) CROSS JOIN (SELECT x - 1 AS s FROM long_sequence({SYMBOLS})))"
        ),
    );
    let can = questdb::abilities(&Cx::detached(), server, limits()).expect("a server");
    questdb::settle(&Cx::detached(), server, can, "market_data", limits()).expect("applied");
    sessions.len() * SYMBOLS
}

fn measure(server: &Server) {
    let text = include_str!("../stdlib/calendars/XNYS.toml");
    let calendar = Calendar::parse(text, "XNYS").expect("a calendar");
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    let (from, to) = (day("2006-11-28"), day("2026-11-27"));
    let rows = fill(server, &calendar, from, to);
    let can = questdb::abilities(&Cx::detached(), server, limits()).expect("a server");
    // What an old server cannot open at once is asked in as many pieces as it takes, by everybody.
    let pieces = if can.wait { 1 } else { 15 };
    let folder = tempfile::tempdir().expect("a folder");
    // A year more is wanted than there is: a chunk for each symbol.
    let wanted = day("2005-11-29");
    let policy = Policy {
        min_gap_days: 5,
        internal: true,
        internal_others: false,
        density_threshold: 0.6,
        chunk_days: 365,
        warn_days: 365,
        order: Order::Newest,
        priority: Vec::new(),
        recheck: false,
    };
    let pace = Pace {
        dense: true,
        least_rows: 1,
        most_rows: 1,
        per_second: 5.0,
        seconds: 2.0,
    };
    let ours = || {
        let due = Due::sessions(&calendar, wanted, to, Utc::now(), TimeDelta::hours(6));
        let asked = Asked {
            asset: "equities".into(),
            tables: vec![Wanted {
                table: "market_data".into(),
                symbol: "symbol".into(),
                lists: false,
            }],
            from: wanted,
            to,
            due: due.expect("sessions"),
            symbols: Some((0..SYMBOLS).map(|s| format!("S{s}")).collect()),
            listed: BTreeMap::new(),
        };
        let ledger = Ledger::open(folder.path(), "bench").expect("a ledger");
        let found = survey(&Cx::detached(), server, asked, &ledger, limits()).expect("a survey");
        assert_eq!(found.symbols.len(), SYMBOLS);
        let plan = backfill::plan("bench", Utc::now(), &policy, 1, &[(&found, pace)]);
        assert_eq!(plan.expect("a plan").chunks.len(), SYMBOLS);
    };
    let bare = || {
        for span in spans(from, to, pieces) {
            let sql = format!(
                "SELECT symbol, timestamp_floor('d', timestamp) AS d, count() AS n FROM market_data WHERE {span} GROUP BY symbol, d"
            );
            assert!(ask(server, &sql) > 0);
        }
    };
    // Its answer in few lines, as a survey asks for it; what is left of the ratio is the survey's own work.
    let ours_took = median(5, ours);
    let bare_took = median(3, bare);
    // Two questions per symbol; of twenty symbols, as all of them would take too long.
    let some = 20;
    let began = Instant::now();
    for s in 0..some {
        for span in spans(from, to, pieces) {
            let of = format!("FROM market_data WHERE symbol = 'S{s}' AND {span}");
            ask(
                server,
                &format!("SELECT count() AS n, min(timestamp) AS a, max(timestamp) AS b {of}"),
            );
            ask(
                server,
                &format!("SELECT DISTINCT timestamp_floor('d', timestamp) AS d {of}"),
            );
        }
    }
    let theirs_took = began.elapsed() * u32::try_from(SYMBOLS / some).unwrap_or(1);
    let (ours, bare, theirs) = (ms(ours_took), ms(bare_took), ms(theirs_took));
    println!(
        "{ours:9.0} ms  a survey of {rows} rows, {SYMBOLS} symbols, in {pieces} statements, and the plan of a backfill"
    );
    println!(
        "{theirs:9.0} ms  two questions per symbol one after the other (of {some}, times {}): {:.0}x",
        SYMBOLS / some,
        theirs / ours
    );
    println!(
        "{bare:9.0} ms  the bare grouped query and its answer: the survey and the plan take {:.2}x of that",
        ours / bare
    );
}

/// The time from one day to another in so many pieces, as conditions.
fn spans(from: NaiveDate, to: NaiveDate, pieces: i64) -> Vec<String> {
    let days = (to - from).num_days() + 1;
    let at = |piece: i64| from + TimeDelta::days(days * piece / pieces);
    (0..pieces)
        .map(|piece| {
            format!(
                "timestamp >= '{}T00:00:00.000000Z' AND timestamp < '{}T00:00:00.000000Z'",
                at(piece),
                at(piece + 1)
            )
        })
        .collect()
}

fn median(times: usize, work: impl Fn()) -> Duration {
    let mut all: Vec<_> = (0..times)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    all.sort();
    all[all.len() / 2]
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}
