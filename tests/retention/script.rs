//! `tradeops retention` as an operator calls it, on servers of its own with the live stack's tables.

use std::fs::File;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, Utc};
use rustix::process::Signal;
use serde_json::Value;
use tradeops::questdb::Server;

use crate::proxy::{Go, Proxy};
use crate::rows::{at, number, run, settle};
use crate::server::{Container, env};
use crate::support::{Done, World};

fn today() -> DateTime<Utc> {
    Utc::now().date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// The same day so many calendar years before.
fn years_ago(years: i32) -> DateTime<Utc> {
    let day = today().date_naive();
    let date = NaiveDate::from_ymd_opt(day.year() - years, day.month(), day.day())
        .or_else(|| NaiveDate::from_ymd_opt(day.year() - years, 2, 28));
    date.unwrap_or_else(|| panic!("{day}"))
        .and_time(NaiveTime::MIN)
        .and_utc()
}

fn text(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What a rule of the guide means, as a `WHERE` that has no NULL to be unsure of.
struct Wanted {
    table: &'static str,
    time: &'static str,
    means: String,
}

fn horizons() -> Vec<Wanted> {
    [
        ("market_data", "timestamp", 20),
        ("options_data", "timestamp", 5),
        ("news_items", "ts", 5),
    ]
    .map(|(table, time, years)| Wanted {
        table,
        time,
        means: format!("{time} < '{}'", text(years_ago(years))),
    })
    .into()
}

fn service() -> Vec<Wanted> {
    let ago = |days: i64| text(today() - TimeDelta::days(days));
    vec![
        Wanted {
            table: "options_data",
            time: "timestamp",
            means: format!(
                "((timestamp < '{}' AND coalesce(volume, 1) = 0) OR coalesce(expiry, to_date('2199','yyyy')) < to_date('{}','yyyy-MM-dd'))",
                ago(540),
                (today() - TimeDelta::days(120)).format("%Y-%m-%d")
            ),
        },
        Wanted {
            table: "news_items",
            time: "ts",
            means: format!(
                "(ts < '{}' OR (ts < '{}' AND coalesce(relevance, 1.0) < 0.2 AND coalesce(abs(sentiment), 1.0) < 0.05))",
                ago(365),
                ago(30)
            ),
        },
        Wanted {
            table: "social_signals",
            time: "ts",
            means: format!(
                "(ts < '{}' OR (ts < '{}' AND coalesce(engagement, 1.0) < 0.05 AND coalesce(influence, 1.0) < 0.1))",
                ago(180),
                ago(14)
            ),
        },
    ]
}

/// The live stack's tables with rows on both sides of each cutoff, each value NULL now and then.
fn seed(server: &Server) {
    let begin = |days: i64| text(today() - TimeDelta::days(days)).replace('Z', ".000000Z");
    let year = |years: i64, days: i64| {
        text(years_ago(years as i32) - TimeDelta::days(days)).replace('Z', ".000000Z")
    };
    for sql in [
        "CREATE TABLE market_data (symbol SYMBOL, timestamp TIMESTAMP, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume LONG, source SYMBOL) TIMESTAMP(timestamp) PARTITION BY DAY WAL".into(),
        format!("INSERT INTO market_data SELECT rnd_symbol('A','BC',null), dateadd('h', (x * 8)::int, '{}'::timestamp), rnd_double(2), rnd_double(2), rnd_double(2), rnd_double(2), rnd_long(0,5,2), 'x' FROM long_sequence(60)", year(20, 10)),
        "CREATE TABLE options_data (underlying SYMBOL, option_symbol SYMBOL, timestamp TIMESTAMP, bid DOUBLE, ask DOUBLE, last DOUBLE, volume LONG, open_interest LONG, expiry DATE, strike DOUBLE, option_type SYMBOL, source SYMBOL, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE) TIMESTAMP(timestamp) PARTITION BY DAY WAL".into(),
        format!("INSERT INTO options_data SELECT rnd_symbol('A','BC') u, rnd_symbol('o1','o2') o, dateadd('h', (x * 6)::int, '{}'::timestamp), rnd_double(2), rnd_double(2), rnd_double(2), rnd_long(0,3,2), rnd_long(0,3,2), rnd_date(to_date('2025-01-01','yyyy-MM-dd'), to_date('2028-01-01','yyyy-MM-dd'), 2), 1.5, rnd_symbol('C','P'), 'x', rnd_double(2), rnd_double(2), rnd_double(2), rnd_double(2) FROM long_sequence(120)", begin(555)),
        format!("INSERT INTO options_data SELECT rnd_symbol('A','BC') u, rnd_symbol('o1','o2') o, dateadd('h', (x * 12)::int, '{}'::timestamp), rnd_double(2), rnd_double(2), rnd_double(2), rnd_long(0,3,2), rnd_long(0,3,2), null, 1.5, rnd_symbol('C','P'), 'x', rnd_double(2), rnd_double(2), rnd_double(2), rnd_double(2) FROM long_sequence(20)", year(5, 5)),
        // The partition that is being written, of which nothing goes.
        format!("INSERT INTO options_data (underlying, timestamp, volume) VALUES ('A', '{}', 1)", begin(1)),
        "CREATE TABLE news_items (symbol SYMBOL, ts TIMESTAMP, title STRING, source STRING, url STRING, sentiment DOUBLE, relevance DOUBLE, provider STRING) TIMESTAMP(ts) PARTITION BY DAY WAL".into(),
        format!("INSERT INTO news_items SELECT rnd_symbol('A','BC'), dateadd('h', (x * 4)::int, '{}'::timestamp), rnd_str('a','',null), 's', 'u', rnd_double(2) - 0.5, rnd_double(2), 'p' FROM long_sequence(90)", begin(372)),
        format!("INSERT INTO news_items SELECT rnd_symbol('A','BC'), dateadd('m', (x * 20)::int, '{}'::timestamp), rnd_str('a','',null), 's', 'u', (rnd_double(2) - 0.5) / 4, rnd_double(2) / 2, 'p' FROM long_sequence(400)", begin(33)),
        "CREATE TABLE social_signals (symbol SYMBOL, source SYMBOL, ts TIMESTAMP, sentiment DOUBLE, engagement DOUBLE, influence DOUBLE, author STRING, url STRING, content STRING) TIMESTAMP(ts) PARTITION BY DAY WAL".into(),
        format!("INSERT INTO social_signals SELECT rnd_symbol('A','BC'), 's', dateadd('h', (x * 4)::int, '{}'::timestamp), rnd_double(2), rnd_double(2), rnd_double(2), 'a', 'u', 'c' FROM long_sequence(60)", begin(185)),
        format!("INSERT INTO social_signals SELECT rnd_symbol('A','BC'), 's', dateadd('m', (x * 20)::int, '{}'::timestamp), rnd_double(2), rnd_double(2) / 8, rnd_double(2) / 8, 'a', 'u', 'c' FROM long_sequence(300)", begin(16)),
    ] {
        run(server, &sql);
    }
    for table in TABLES {
        settle(server, table);
        run(
            server,
            &format!("CREATE TABLE {table}_twin AS (SELECT * FROM {table})"),
        );
    }
}

const TABLES: [&str; 4] = [
    "market_data",
    "options_data",
    "news_items",
    "social_signals",
];

fn anew(server: &Server) {
    for table in TABLES {
        for name in [table.to_owned(), format!("{table}_twin")] {
            run(server, &format!("DROP TABLE IF EXISTS {name}"));
        }
    }
    seed(server);
}

struct Operator {
    world: World,
    port: u16,
}

impl Operator {
    fn new(port: u16) -> Self {
        Self {
            world: World::new(),
            port,
        }
    }

    fn call(&self, args: &[&str]) -> crate::support::Run {
        let lock = self.world.path("retention.lock").display().to_string();
        let mut all = vec![
            "retention",
            "--lock-path",
            &lock,
            "--project",
            "no-such-project",
        ];
        all.extend(args);
        // As the old scripts had it, with `/exec` at its end.
        let url = format!("http://127.0.0.1:{}/exec", self.port);
        self.world
            .tradeops(&all)
            .env("QUESTDB_HTTP_URL", url)
            .limit(Duration::from_secs(180))
    }

    fn done(&self, args: &[&str], code: i32) -> Done {
        let done = self.call(args).done();
        assert_eq!(done.code, code, "{args:?}: {}{}", done.out, done.err);
        done
    }

    fn json(&self, args: &[&str], code: i32) -> Value {
        let mut all = vec!["-o", "json"];
        all.extend(args);
        let done = self.done(&all, code);
        serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}", done.out))
    }
}

fn table<'a>(result: &'a Value, name: &str) -> &'a Value {
    let tables = result["tables"].as_array();
    let mut tables = tables.into_iter().flatten();
    tables
        .find(|t| t["table"] == name)
        .unwrap_or_else(|| panic!("{name}: {result}"))
}

fn count(server: &Server, sql: &str) -> i64 {
    number(server, &format!("SELECT count() AS n FROM {sql}"))
}

/// What stays is what the twin has beside what `wanted` mean, row by row.
fn assert_exact(server: &Server, wanted: &[Wanted], why: &str) {
    for name in TABLES {
        let means: Vec<_> = wanted
            .iter()
            .filter(|w| w.table == name)
            .map(|w| w.means.clone())
            .collect();
        let flag = if means.is_empty() {
            "1 = 2".to_owned()
        } else {
            means.join(" OR ")
        };
        let stay =
            format!("(SELECT * FROM {name}_twin WHERE CASE WHEN ({flag}) THEN 1 ELSE 0 END = 0)");
        let (there, stays) = (count(server, name), count(server, &stay));
        assert_eq!(there, stays, "{why}: {name}");
        for (one, other) in [(name.to_owned(), stay.clone()), (stay, name.to_owned())] {
            assert_eq!(
                count(
                    server,
                    &format!("(SELECT * FROM {one} EXCEPT SELECT * FROM {other})")
                ),
                0,
                "{why}: {name}"
            );
        }
    }
}

fn dry_and_real(operator: &Operator, server: &Server) {
    let whole = |name: &str| count(server, &format!("{name}_twin"));
    // Dry by default, and nothing happens.
    let dry = operator.json(&[], 0);
    assert_eq!(
        (&dry["apply"], &dry["schema"]),
        (&Value::Bool(false), &"tradeops.retention/1".into())
    );
    for wanted in horizons() {
        let found = table(&dry, wanted.table);
        let old = count(server, &format!("{} WHERE {}", wanted.table, wanted.means));
        assert_eq!(found["old"], old, "{found}");
        assert_eq!(
            (&found["total"], &found["deleted"]),
            (&whole(wanted.table).into(), &0.into())
        );
    }
    assert_eq!(table(&dry, "market_data")["cutoff"], text(years_ago(20)));
    assert_eq!(table(&dry, "daily_bars")["state"], "absent");
    let said = operator.done(&[], 0);
    assert!(
        said.out.ends_with("nothing was deleted: --apply does it\n"),
        "{}",
        said.out
    );
    assert_exact(server, &[], "a dry run");
    // For real: the same rows, by the server's count.
    let file = operator.world.path("last.json").display().to_string();
    let prom = operator.world.path("retention.prom").display().to_string();
    let done = operator.done(
        &["--apply", "--metrics-json", &file, "--metrics-prom", &prom],
        0,
    );
    assert_exact(server, &horizons(), "--policy horizons");
    let written: Value =
        serde_json::from_str(&operator.world.read("last.json").unwrap_or_default())
            .unwrap_or_default();
    for wanted in horizons() {
        assert_eq!(
            table(&written, wanted.table)["deleted"],
            table(&dry, wanted.table)["old"]
        );
    }
    let metrics = operator.world.read("retention.prom").unwrap_or_default();
    assert!(
        metrics.contains("\nretention_runs_total 1.0\n")
            && metrics.contains("\nretention_last_run_success 1\n"),
        "{metrics}"
    );
    let gone = table(&written, "market_data")["deleted"].clone();
    assert!(
        metrics.contains(&format!(
            "retention_deletions_total{{table=\"market_data\",reason=\"age_cutoff\"}} {gone}.0\n"
        )),
        "{metrics}"
    );
    // And back.
    let run = written["run"].as_str().unwrap_or_default().to_owned();
    assert!(
        done.out
            .contains(&format!("tradeops retention --undo {run} --apply")),
        "{}",
        done.out
    );
    let only_told = operator.done(&["--undo", &run], 0);
    assert!(
        only_told
            .out
            .contains("nothing was brought back: --apply does it"),
        "{}",
        only_told.out
    );
    assert_exact(server, &horizons(), "an undo that was not meant");
    operator.done(&["--undo", &run, "--apply"], 0);
    assert_exact(server, &[], "undone");
    assert!(
        operator
            .done(&["--undo", &run, "--apply"], 0)
            .out
            .contains("were back before")
    );
    assert_exact(server, &[], "undone twice");
    operator.done(&["--undo", "20200101T000000-1", "--apply"], 64);
}

fn service_in_windows(operator: &Operator, server: &Server) {
    // The tunables are the service's; the horizons do not look at them, and say so.
    let told = operator.call(&[]).env("NEWS_RETENTION_DAYS", "300").done();
    assert!(
        told.err
            .contains("NEWS_RETENTION_DAYS is set, and --policy horizons does not use it"),
        "{}",
        told.err
    );
    let dry = operator.json(&["--policy", "service"], 0);
    for wanted in service() {
        let old = count(server, &format!("{} WHERE {}", wanted.table, wanted.means));
        assert_eq!(table(&dry, wanted.table)["old"], old, "{}", wanted.time);
    }
    // One window of a day at a time: the oldest first, until nothing is left.
    let one = [
        "--policy",
        "service",
        "--table",
        "social_signals",
        "--retention-window-days",
        "2",
        "--retention-max-windows-per-table",
        "3",
        "--accept-spike",
    ];
    let mut left = i64::MAX;
    for round in 0.. {
        assert!(round < 20, "it does not drain");
        let result = operator.json(&[&one[..], &["--apply"]].concat(), 0);
        let social = table(&result, "social_signals");
        let (deleted, later) = (
            social["deleted"].as_i64(),
            social["later"].as_i64().unwrap_or(0),
        );
        assert!(deleted > Some(0) && later < left, "{social}");
        assert_eq!(social["meant"].as_i64(), deleted, "{social}");
        left = later;
        if left == 0 {
            break;
        }
    }
    operator.done(&["--policy", "service", "--apply", "--accept-spike"], 0);
    assert_exact(server, &service(), "--policy service");
    operator.done(&["--policy", "all", "--apply", "--accept-spike"], 0);
    let all: Vec<_> = horizons().into_iter().chain(service()).collect();
    assert_exact(server, &all, "--policy all");
    let explained = operator.json(
        &[
            "--policy",
            "all",
            "--explain",
            "news_items",
            &(today() - TimeDelta::days(400))
                .format("%Y-%m-%d")
                .to_string(),
        ],
        0,
    );
    assert_eq!(
        explained["rules"].as_array().map(Vec::len),
        Some(3),
        "{explained}"
    );
}

/// What is refused, and its exit code.
fn refusals(operator: &Operator, server: &Server) {
    operator.done(&["--table", "no_such_table"], 64);
    operator.done(&["--policy", "tight"], 64);
    operator.done(&["--table", "daily_bars"], 1);
    operator.done(&["--explain", "market_data"], 64);
    operator.done(
        &[
            "--questdb-url",
            &format!("http://127.0.0.1:{}", closed_port()),
        ],
        69,
    );
    // A lock that somebody has; and one that a dead one left, in the old script's way.
    let path = operator.world.path("retention.lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .unwrap_or_else(|e| panic!("{e}"));
    file.lock().unwrap_or_else(|e| panic!("{e}"));
    let held = operator.done(&["--apply"], 75);
    assert!(held.err.contains("retention.lock"), "{}", held.err);
    operator.done(&["--no-lock"], 0);
    drop(file);
    std::fs::write(&path, b"\0\0\0\0\0\0\0\0\0\01757635200\n").unwrap_or_else(|e| panic!("{e}"));
    operator.done(&[], 0);
    // The least that has to stay, and tables that are left alone.
    operator.world.user_file("tradeops/tradeops.toml", "");
    let settings = |text: &str| {
        std::fs::write(operator.world.config().join("tradeops.toml"), text)
            .unwrap_or_else(|e| panic!("{e}"))
    };
    settings("[settings.retention.tables.market_data]\nmin_rows = 1000000\n");
    let before = count(server, "market_data");
    let stopped = operator.done(&["--apply"], 77);
    assert!(
        stopped.err.contains("rows would stay, and 1000000 have to"),
        "{}",
        stopped.err
    );
    settings("[settings.retention.tables.market_data]\nprotected = true\n");
    operator.done(&["--apply", "--table", "market_data"], 77);
    settings("[settings.retention.tables.market_data]\nyears = 19\n");
    let later = operator.json(&["--table", "market_data"], 0);
    assert_eq!(table(&later, "market_data")["cutoff"], text(years_ago(19)));
    settings("");
    let by_env = operator
        .call(&["-o", "json", "--table", "market_data"])
        .env("RETENTION_MARKET_DATA_DAYS", "7000")
        .done();
    assert!(
        by_env.out.contains(&text(today() - TimeDelta::days(7000))),
        "{}",
        by_env.out
    );
    assert_eq!(count(server, "market_data"), before);
}

fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("{e}"));
    listener
        .local_addr()
        .map(|at| at.port())
        .unwrap_or_else(|e| panic!("{e}"))
}

/// A spike stops it, once there is a history that says what is usual.
fn spike(operator: &Operator, server: &Server) {
    let old = text(today() - TimeDelta::days(400)).replace('Z', ".000000Z");
    let add = |rows: i64| {
        run(
            server,
            &format!(
                "INSERT INTO social_signals SELECT 'A', 's', dateadd('s', x::int, '{old}'::timestamp), 1.0, 1.0, 1.0, 'a', 'u', 'c' FROM long_sequence({rows})"
            ),
        );
        settle(server, "social_signals");
    };
    run(
        server,
        &format!(
            "INSERT INTO social_signals SELECT 'A', 's', dateadd('s', x::int, '{}'::timestamp), 1.0, 1.0, 1.0, 'a', 'u', 'c' FROM long_sequence(20000)",
            text(today() - TimeDelta::days(5)).replace('Z', ".000000Z")
        ),
    );
    let args = [
        "--policy",
        "service",
        "--table",
        "social_signals",
        "--apply",
    ];
    for rows in [10, 30, 20] {
        add(rows);
        operator.done(&args, 0);
    }
    add(2000);
    let stopped = operator.done(&args, 77);
    assert!(
        stopped
            .err
            .contains("stop: 2000 rows of social_signals would go"),
        "{}",
        stopped.err
    );
    assert!(
        stopped.out.contains("stopped: nothing was deleted"),
        "{}",
        stopped.out
    );
    operator.done(&[&args[..], &["--accept-spike"]].concat(), 0);
}

/// Two at once: one works, the other says that it is held. Ctrl-C leaves no hole, and the next run goes on.
fn interrupted(operator: &Operator, server: &Server) {
    let slow = Proxy::start(operator.port, |_, _| {
        std::thread::sleep(Duration::from_millis(15));
        Go::On
    });
    let url = format!("http://127.0.0.1:{}", slow.port);
    let args = [
        "--policy",
        "service",
        "--apply",
        "--accept-spike",
        "--questdb-url",
        &url,
    ];
    for wait in [300, 900, 1500] {
        let first = operator.call(&args).start();
        std::thread::sleep(Duration::from_millis(wait));
        operator.done(&["--apply"], 75);
        first.signal(Signal::INT);
        let ended = first.end();
        assert_eq!(ended.code, 130, "{}{}", ended.out, ended.err);
        // Whatever was dropped was put back: what is meant to stay is all there.
        for wanted in service() {
            let stay = |table: &str| {
                count(
                    server,
                    &format!(
                        "(SELECT * FROM {table} WHERE CASE WHEN ({}) THEN 1 ELSE 0 END = 0)",
                        wanted.means
                    ),
                )
            };
            assert_eq!(
                stay(wanted.table),
                stay(&format!("{}_twin", wanted.table)),
                "{wait}: {}",
                wanted.table
            );
        }
    }
    operator.done(&args, 0);
    assert_exact(server, &service(), "interrupted three times");
}

/// A plan says what would go, and applying it does that.
fn planned(operator: &Operator, server: &Server) {
    let file = operator.world.path("retention.plan").display().to_string();
    operator.done(&["--apply", "--plan-out", &file], 0);
    assert_exact(server, &[], "planned");
    let plan = operator.world.read("retention.plan").unwrap_or_default();
    assert!(
        plan.contains("retention::remove") && plan.contains("market_data"),
        "{plan}"
    );
}

fn all(image: &str) {
    let container = Container::start(image, 9000, &[], &[]);
    let server = at(container.port);
    let operator = Operator::new(container.port);
    seed(&server);
    dry_and_real(&operator, &server);
    planned(&operator, &server);
    refusals(&operator, &server);
    service_in_windows(&operator, &server);
    spike(&operator, &server);
    anew(&server);
    interrupted(&Operator::new(container.port), &server);
}

#[test]
fn on_the_stacks_version() {
    all(&env("QUESTDB_IMAGE"));
}

#[test]
fn on_a_newer_version() {
    all(&env("QUESTDB_9_IMAGE"));
}
