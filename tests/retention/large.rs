//! Twenty years of rows: every one that stays is there, by a comparison of the server's own with a copy, year by year.
//!
//! In short form months and some thousand rows; `TRADEOPS_SOAK=1` makes it days and ten million.

use std::io::Write as _;
use std::time::Instant;

use chrono::{Datelike as _, NaiveDate, NaiveTime, TimeDelta, Utc};
use tradeops::questdb::{self, Limits, Rule, Server};
use tradeops::retention;
use tradeops::run::Cx;

use crate::rows::{at, drop_all, names, number, options, plan, rule, settle, state};
use crate::server::{Container, env, unique};

const COLUMNS: &str = "symbol, ts, open, close, volume, source";

fn exec(server: &Server, sql: &str) {
    let limits = Limits {
        time: std::time::Duration::from_secs(600),
        ..Limits::default()
    };
    questdb::exec(&Cx::detached(), server, sql, limits).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

fn year(year: i32) -> String {
    format!("{year}-01-01T00:00:00.000000Z")
}

fn twenty_years(server: &Server) {
    let soak = std::env::var("TRADEOPS_SOAK").is_ok();
    let (rows, unit) = if soak {
        (10_000_000_i64, "DAY")
    } else {
        (40_000, "MONTH")
    };
    let today = Utc::now().date_naive();
    let begin = NaiveDate::from_ymd_opt(today.year() - 21, 1, 1)
        .unwrap_or(today)
        .and_time(NaiveTime::MIN)
        .and_utc();
    let span = (today.and_time(NaiveTime::MIN).and_utc() - begin)
        .num_microseconds()
        .unwrap_or(0);
    let (table, began) = (unique("large"), Instant::now());
    let twin = format!("{table}_twin");
    for name in [&table, &twin] {
        exec(
            server,
            &format!(
                "CREATE TABLE {name} (symbol SYMBOL, ts TIMESTAMP, open DOUBLE, close DOUBLE, volume LONG, source SYMBOL) TIMESTAMP(ts) PARTITION BY {unit} WAL"
            ),
        );
    }
    exec(
        server,
        &format!(
            "INSERT INTO {twin} SELECT rnd_symbol('A','BC','DEF',null), '{}'::timestamp + x * {}L, rnd_double(2) * 100, rnd_double(2) / 3, rnd_long(0, 9, 2), 'x' FROM long_sequence({rows})",
            begin.format("%Y-%m-%dT%H:%M:%S.000000Z"),
            span / rows
        ),
    );
    settle(server, &twin);
    // In years: 7.3.3 cannot open twenty years of days at once.
    let years = today.year() - 21..=today.year();
    for y in years.clone() {
        exec(
            server,
            &format!(
                "INSERT INTO {table} ({COLUMNS}) SELECT {COLUMNS} FROM {twin} WHERE ts >= '{}' AND ts < '{}'",
                year(y),
                year(y + 1)
            ),
        );
    }
    settle(server, &table);
    let loaded = began.elapsed();
    let day = |years: i32| {
        NaiveDate::from_ymd_opt(today.year() - years, 7, 15)
            .unwrap_or(today)
            .format("%Y-%m-%d")
            .to_string()
    };
    // By age without an end; by volume in half a year of partitions, as a run of the service would.
    let (age, volume) = (day(20), day(1));
    let mut rules: Vec<Rule> = vec![
        rule("age", &age, None),
        rule("volume", &volume, Some("volume = 0 and abs(open) < 50")),
    ];
    let began = Instant::now();
    let end = plan(server, &table, &rules)
        .partitions
        .iter()
        .find(|p| p.from >= rules[0].before + TimeDelta::days(180))
        .map(|p| p.from);
    let dry = began.elapsed();
    rules[1].partitions_before = end;
    let end = end.unwrap_or_else(|| panic!("{table}"));
    let found = plan(server, &table, &rules);
    let state = state();
    let began = Instant::now();
    let meant: Vec<_> = names(&found)
        .into_iter()
        .filter(|name| {
            found
                .partitions
                .iter()
                .any(|p| p.name == *name && retention::planned_rows(&found, p, &rules) > 0)
        })
        .collect();
    let removed = retention::remove(
        &Cx::detached(),
        server,
        &found,
        &meant,
        &rules,
        &options(state.path(), "20240101T000000-1"),
        &|_, _| {},
    )
    .unwrap_or_else(|e| panic!("{e}"));
    let took = began.elapsed();
    assert_eq!(removed.failed, None);
    let means = format!(
        "(ts < '{age}' OR (ts < '{volume}' AND ts < '{}' AND coalesce(volume, 1) = 0 AND coalesce(abs(open), 99.0) < 50))",
        end.format("%Y-%m-%dT%H:%M:%SZ")
    );
    let (mut stay, mut there) = (0, 0);
    for y in years {
        let window = format!("ts >= '{}' AND ts < '{}'", year(y), year(y + 1));
        let wanted = format!(
            "SELECT {COLUMNS} FROM {twin} WHERE {window} AND CASE WHEN ({means}) THEN 1 ELSE 0 END = 0"
        );
        let ours = format!("SELECT {COLUMNS} FROM {table} WHERE {window}");
        let differ = number(
            server,
            &format!(
                "SELECT coalesce(sum(CASE WHEN z <> 0 THEN 1 ELSE 0 END), 0) AS n FROM (SELECT {COLUMNS}, sum(s) AS z FROM (SELECT {COLUMNS}, 1 AS s FROM ({wanted}) UNION ALL SELECT {COLUMNS}, -1 AS s FROM ({ours})) GROUP BY {COLUMNS})"
            ),
        );
        assert_eq!(differ, 0, "{y}");
        stay += number(server, &format!("SELECT count() AS n FROM ({wanted})"));
        there += number(server, &format!("SELECT count() AS n FROM ({ours})"));
    }
    assert_eq!((there, there), (stay, rows - removed.deleted));
    let outcome = |word: &str| {
        removed
            .partitions
            .iter()
            .filter(|p| p.outcome == word)
            .count()
    };
    let (dropped, rewritten) = (outcome("dropped"), outcome("rewritten"));
    assert!(dropped > 0 && rewritten > 0, "{removed:?}");
    let _ = writeln!(
        std::io::stderr(),
        "{rows} rows by {unit}: loaded twice in {loaded:.1?}, dry run {dry:.1?}; {dropped} partitions dropped and {rewritten} written anew, {} rows removed, in {took:.1?}",
        removed.deleted
    );
    drop_all(server, &[&table, &twin]);
}

#[test]
fn on_the_stacks_version() {
    let container = Container::start(&env("QUESTDB_IMAGE"), 9000, &[], &[]);
    twenty_years(&at(container.port));
}

#[test]
fn on_a_newer_version() {
    let container = Container::start(&env("QUESTDB_9_IMAGE"), 9000, &[], &[]);
    twenty_years(&at(container.port));
}
