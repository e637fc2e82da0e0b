//! Retention on QuestDB: a partition that is written anew and one that is dropped, against the same statements typed by hand; and
//! the dry run against its one scan. Wants the images: `make bench-retention`.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark tells its figures"
)]

#[path = "support/started.rs"]
mod started;

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tradeops::questdb::{self, Abilities, Limits, Predicate, Rule, Server};
use tradeops::retention::{self, Busy, Options};
use tradeops::run::Cx;

use started::Started;

/// Partitions of each kind, and their rows.
const DAYS: i64 = 16;
const ROWS: i64 = 100_000;

/// The scan: ten million rows over twenty years.
const MANY: i64 = 10_000_000;
const YEARS: i64 = 20;

const COLUMNS: &str = "symbol, timestamp, open, high, low, close, volume, source";

fn main() {
    for name in ["QUESTDB_IMAGE", "QUESTDB_9_IMAGE"] {
        let Ok(image) = std::env::var(name) else {
            println!("no images are named: `make bench-retention` builds and names them");
            return;
        };
        let server = Started::new(&image);
        println!("\n{image}");
        for undo in [true, false] {
            partitions(&server.at, undo);
        }
        scan(&server.at);
    }
}

fn limits() -> Limits {
    Limits {
        rows: 1_000_000,
        bytes: 256 << 20,
        time: Duration::from_secs(600),
    }
}

fn exec(server: &Server, sql: &str) {
    questdb::exec(&Cx::detached(), server, sql, limits()).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

fn settle(server: &Server, can: Abilities, table: &str) {
    questdb::settle(&Cx::detached(), server, can, table, limits())
        .unwrap_or_else(|e| panic!("{e}"));
}

fn count(server: &Server, sql: &str) -> i64 {
    let cell = questdb::value(&Cx::detached(), server, sql, limits())
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    cell.int().unwrap_or(0)
}

fn day(n: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(19_000 + n)
}

fn literal(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S.000000Z").to_string()
}

/// The shape of the live stack's `market_data`, with so many rows over so many microseconds.
fn fill(server: &Server, can: Abilities, table: &str, begin: DateTime<Utc>, rows: i64, step: i64) {
    exec(server, &format!("DROP TABLE IF EXISTS {table}"));
    exec(
        server,
        &format!(
            "CREATE TABLE {table} (symbol SYMBOL, timestamp TIMESTAMP, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume LONG, source SYMBOL) TIMESTAMP(timestamp) PARTITION BY DAY WAL"
        ),
    );
    exec(
        server,
        &format!(
            "INSERT INTO {table} SELECT rnd_symbol(500,2,4,0), '{}'::timestamp + x * {step}L, rnd_double()*100, rnd_double()*100, rnd_double()*100, rnd_double()*100, rnd_long(0,9,2), rnd_symbol('a','b') FROM long_sequence({rows})",
            literal(begin)
        ),
    );
    settle(server, can, table);
}

/// Half of the days by age, half by volume: dropped, and written anew.
fn partitions(server: &Server, undo: bool) {
    let cx = Cx::detached();
    let can = questdb::abilities(&cx, server, limits()).expect("a server");
    let step = 86_400_000_000 / ROWS;
    let folder = tempfile::tempdir().expect("a folder");
    let (mut dropped, mut rewritten) = (vec![], vec![]);
    for round in 0..3 {
        fill(server, can, "by_tool", day(0), (2 * DAYS + 1) * ROWS, step);
        fill(server, can, "by_hand", day(0), (2 * DAYS + 1) * ROWS, step);
        let volume = Predicate::parse("volume = 0").expect("a predicate");
        let rules = [
            Rule {
                name: "age".into(),
                before: day(DAYS),
                predicate: None,
                partitions_before: None,
            },
            Rule {
                name: "volume".into(),
                before: day(2 * DAYS),
                predicate: Some(volume),
                partitions_before: None,
            },
        ];
        let plan = |table| retention::plan(&cx, server, table, &rules, limits()).expect("a plan");
        // Who types it has looked first, too: a server that has read all partitions drops one more slowly.
        plan("by_hand");
        let plan = plan("by_tool");
        let options = Options {
            run: format!("20260101T000000-{round}{}", u8::from(undo)),
            state: folder.path().to_owned(),
            undo,
            active: false,
            views: false,
            budget: None,
            busy: Busy::default(),
        };
        let names: Vec<_> = plan.partitions.iter().map(|p| p.name.clone()).collect();
        let (drops, rewrites) = names.split_at(usize::try_from(DAYS).unwrap_or(0));
        for (which, times) in [(drops, &mut dropped), (rewrites, &mut rewritten)] {
            let options = Options {
                run: format!("{}{}", options.run, which[0].replace('-', "")),
                ..options.clone()
            };
            let began = Instant::now();
            let removed =
                retention::remove(&cx, server, &plan, which, &rules, &options, &|_, _| {})
                    .expect("removed");
            assert_eq!(removed.failed, None);
            let tool = began.elapsed();
            let began = Instant::now();
            for name in which {
                by_hand(
                    server,
                    can,
                    name,
                    std::ptr::eq(which, drops),
                    undo,
                    folder.path(),
                );
            }
            times.push((tool, began.elapsed()));
        }
    }
    let with = if undo {
        "with its export"
    } else {
        "without an export"
    };
    for (what, times) in [("dropped", dropped), ("written anew", rewritten)] {
        let median = |pick: fn(&(Duration, Duration)) -> Duration| {
            let mut all: Vec<_> = times.iter().map(pick).collect();
            all.sort();
            all[all.len() / 2].as_secs_f64() * 1e3 / DAYS as f64
        };
        let (tool, hand) = (median(|t| t.0), median(|t| t.1));
        println!(
            "{tool:8.1} ms  a partition of {ROWS} rows {what}, {with}: {:.2}x the {hand:.1} ms of the statements by hand",
            tool / hand
        );
    }
}

/// What a careful person types: copy, compare, save, drop, look, put back, look.
fn by_hand(server: &Server, can: Abilities, name: &str, whole: bool, undo: bool, folder: &Path) {
    let begin = DateTime::parse_from_rfc3339(&format!("{name}T00:00:00Z"))
        .expect("a day")
        .to_utc();
    let window = format!(
        "timestamp >= '{}' AND timestamp < '{}'",
        literal(begin),
        literal(begin + TimeDelta::days(1))
    );
    let kept = format!(
        "SELECT {COLUMNS} FROM (SELECT {COLUMNS}, CASE WHEN (volume = 0 OR 1 = 2) THEN 1 ELSE 0 END AS q FROM by_hand WHERE {window}) WHERE q = 0"
    );
    let atomic = if can.atomic { "ATOMIC " } else { "" };
    let same = |one: &str, other: &str| {
        let sql = format!(
            "SELECT {COLUMNS}, z FROM (SELECT {COLUMNS}, sum(s) AS z FROM (SELECT {COLUMNS}, 1 AS s FROM ({one}) UNION ALL SELECT {COLUMNS}, -1 AS s FROM ({other})) GROUP BY {COLUMNS}) WHERE z <> 0 LIMIT 1"
        );
        let rows = questdb::query(&Cx::detached(), server, &sql, limits())
            .unwrap_or_else(|e| panic!("{e}"));
        assert!(rows.cells.is_empty());
    };
    let staged = format!("SELECT {COLUMNS} FROM by_hand_stage");
    if !whole {
        exec(server, "DROP TABLE IF EXISTS by_hand_stage");
        exec(server, "CREATE TABLE by_hand_stage (LIKE by_hand)");
        exec(
            server,
            &format!("INSERT {atomic}INTO by_hand_stage ({COLUMNS}) {kept}"),
        );
        settle(server, can, "by_hand_stage");
    }
    if undo {
        let file = folder.join(format!("{name}.csv"));
        let query = format!("query=SELECT * FROM by_hand WHERE {window}");
        let done = Command::new("curl")
            .args([
                "-sS",
                "-f",
                "-G",
                &format!("{}/exp", server.url()),
                "--data-urlencode",
                &query,
                "-o",
            ])
            .arg(&file)
            .status()
            .expect("curl runs");
        assert!(done.success());
        let file = File::open(&file).expect("the export");
        file.sync_all().expect("synced");
    }
    if !whole {
        same(&kept, &staged);
    }
    exec(
        server,
        &format!("ALTER TABLE by_hand DROP PARTITION LIST '{name}'"),
    );
    settle(server, can, "by_hand");
    assert_eq!(
        count(
            server,
            &format!("SELECT count() AS n FROM by_hand WHERE {window}")
        ),
        0
    );
    if !whole {
        exec(
            server,
            &format!("INSERT {atomic}INTO by_hand ({COLUMNS}) {staged}"),
        );
        settle(server, can, "by_hand");
        same(
            &format!("SELECT {COLUMNS} FROM by_hand WHERE {window}"),
            &staged,
        );
        exec(server, "DROP TABLE by_hand_stage");
    }
}

/// The dry run of a table, and the one scan that it cannot do without.
fn scan(server: &Server) {
    let cx = Cx::detached();
    let can = questdb::abilities(&cx, server, limits()).expect("a server");
    let begin = day(0) - TimeDelta::days(YEARS * 365);
    fill(
        server,
        can,
        "wide",
        begin,
        MANY,
        YEARS * 365 * 86_400_000_000 / MANY,
    );
    let volume = Predicate::parse("volume = 0").expect("a predicate");
    let rules = [
        Rule {
            name: "age".into(),
            before: begin + TimeDelta::days(365),
            predicate: None,
            partitions_before: None,
        },
        Rule {
            name: "volume".into(),
            before: day(-540),
            predicate: Some(volume),
            partitions_before: None,
        },
    ];
    let flag = |column: &str| {
        format!(
            "CASE WHEN (({column} < '{}') OR 1 = 2) THEN 1 WHEN (({column} < '{}' AND (volume = 0)) OR 1 = 2) THEN 2 ELSE 0 END",
            literal(rules[0].before),
            literal(rules[1].before)
        )
    };
    let (mut dry, mut bare) = (vec![], vec![]);
    for _ in 0..5 {
        let began = Instant::now();
        retention::plan(&cx, server, "wide", &rules, limits()).expect("a plan");
        dry.push(began.elapsed());
        // 7.3.3 cannot open all at once: there the scan is in as many slices as it takes.
        let slices = if can.wait { 1 } else { 15 };
        let span = TimeDelta::days((YEARS * 365 - 540) / slices + 1);
        let began = Instant::now();
        for slice in 0..i32::try_from(slices).unwrap_or(1) {
            let sql = format!(
                "SELECT timestamp_floor('d', timestamp) AS p, {} AS q, count() AS n FROM wide WHERE timestamp >= '{}' AND timestamp < '{}' GROUP BY p, q",
                flag("timestamp"),
                literal(begin + span * slice),
                literal((begin + span * (slice + 1)).min(day(-540)))
            );
            questdb::query(&cx, server, &sql, limits()).unwrap_or_else(|e| panic!("{e}"));
        }
        bare.push(began.elapsed());
    }
    dry.sort();
    bare.sort();
    let (dry, bare) = (dry[2].as_secs_f64() * 1e3, bare[2].as_secs_f64() * 1e3);
    println!(
        "{dry:8.0} ms  dry run over {MANY} rows in {} partitions: {:.2}x the {bare:.0} ms of its scan",
        YEARS * 365,
        dry / bare
    );
    exec(server, "DROP TABLE wide");
}
