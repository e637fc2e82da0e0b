//! Who calls `tradeops retention`; the live stack's tables with rows on both sides of each cutoff; and what must stay of them.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde_json::Value;
use tradeops::questdb::Server;

use crate::rows::{number, run, settle};
use crate::support::{Done, World};

pub(crate) fn today() -> DateTime<Utc> {
    Utc::now().date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// The same day so many calendar years before.
pub(crate) fn years_ago(years: i32) -> DateTime<Utc> {
    let day = today().date_naive();
    let date = NaiveDate::from_ymd_opt(day.year() - years, day.month(), day.day())
        .or_else(|| NaiveDate::from_ymd_opt(day.year() - years, 2, 28));
    date.unwrap_or_else(|| panic!("{day}"))
        .and_time(NaiveTime::MIN)
        .and_utc()
}

pub(crate) fn text(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What a rule of the guide means, as a `WHERE` that has no NULL to be unsure of.
pub(crate) struct Wanted {
    pub(crate) table: &'static str,
    pub(crate) time: &'static str,
    pub(crate) means: String,
}

impl Wanted {
    /// Rows of a table that have to stay.
    pub(crate) fn stay(&self, server: &Server, table: &str) -> i64 {
        let flag = format!("CASE WHEN ({}) THEN 1 ELSE 0 END = 0", self.means);
        count(server, &format!("(SELECT * FROM {table} WHERE {flag})"))
    }
}

pub(crate) fn horizons() -> Vec<Wanted> {
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

pub(crate) fn service() -> Vec<Wanted> {
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
pub(crate) fn seed(server: &Server) {
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

pub(crate) const TABLES: [&str; 4] = [
    "market_data",
    "options_data",
    "news_items",
    "social_signals",
];

pub(crate) fn anew(server: &Server) {
    for table in TABLES {
        for name in [table.to_owned(), format!("{table}_twin")] {
            run(server, &format!("DROP TABLE IF EXISTS {name}"));
        }
    }
    seed(server);
}

pub(crate) struct Operator {
    pub(crate) world: World,
    pub(crate) port: u16,
}

impl Operator {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            world: World::new(),
            port,
        }
    }

    pub(crate) fn call(&self, args: &[&str]) -> crate::support::Run {
        let lock = self.world.path("retention.lock").display().to_string();
        let mut all = vec!["retention", "--lock-path", &lock];
        // Only this machine's settings decide, unless a test says otherwise.
        if !args.contains(&"--project") {
            all.extend(["--project", "no-such-project"]);
        }
        all.extend(args);
        // As the old scripts had it, with `/exec` at its end.
        let url = format!("http://127.0.0.1:{}/exec", self.port);
        self.world.tradeops(&all).env("QUESTDB_HTTP_URL", url)
    }

    pub(crate) fn done(&self, args: &[&str], code: i32) -> Done {
        let done = self.call(args).done();
        assert_eq!(done.code, code, "{args:?}: {}{}", done.out, done.err);
        done
    }

    pub(crate) fn json(&self, args: &[&str], code: i32) -> Value {
        let mut all = vec!["-o", "json"];
        all.extend(args);
        let done = self.done(&all, code);
        serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}", done.out))
    }
}

pub(crate) fn table<'a>(result: &'a Value, name: &str) -> &'a Value {
    let tables = result["tables"].as_array();
    let mut tables = tables.into_iter().flatten();
    tables
        .find(|t| t["table"] == name)
        .unwrap_or_else(|| panic!("{name}: {result}"))
}

pub(crate) fn count(server: &Server, sql: &str) -> i64 {
    number(server, &format!("SELECT count() AS n FROM {sql}"))
}

/// What stays is what the twin has beside what `wanted` mean, row by row.
pub(crate) fn assert_exact(server: &Server, wanted: &[Wanted], why: &str) {
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
