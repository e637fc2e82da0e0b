//! What rules would remove, on both versions of QuestDB, against a count made here, row by row.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use tradeops::questdb::{Error, Limits, Predicate, Rule, Server, Verdict, classify, exec, value};
use tradeops::run::Cx;

use crate::server::{Container, env, unique};

fn run(server: &Server, sql: &str) {
    exec(&Cx::detached(), server, sql, Limits::default())
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn day(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z"))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .to_utc()
}

/// A row as it is put in, with what may be NULL.
struct Row {
    at: DateTime<Utc>,
    symbol: Option<&'static str>,
    volume: Option<i64>,
    sentiment: Option<f64>,
    expiry: Option<DateTime<Utc>>,
}

/// Rows every five hours over 40 days around a leap day, each column NULL now and then, symbols of one letter.
fn rows() -> Vec<Row> {
    let begin = day("2024-02-10");
    (0..192_i32)
        .map(|n| Row {
            at: begin + TimeDelta::hours(5 * i64::from(n)),
            symbol: [Some("A"), Some("BC"), None][n as usize % 3],
            volume: [Some(0), Some(i64::from(n)), None, Some(0)][n as usize % 4],
            sentiment: [Some(0.01 * f64::from(n % 20) - 0.1), None][usize::from(n % 5 == 4)],
            expiry: [Some(begin + TimeDelta::days(i64::from(n % 60))), None]
                [usize::from(n % 7 == 6)],
        })
        .collect()
}

fn table(server: &Server, rows: &[Row], unit: &str) -> String {
    let name = unique("c");
    run(
        server,
        &format!(
            "CREATE TABLE {name} (symbol SYMBOL, volume LONG, sentiment DOUBLE, expiry DATE, ts TIMESTAMP) TIMESTAMP(ts) PARTITION BY {unit} BYPASS WAL"
        ),
    );
    for some in rows.chunks(60) {
        let mut sql = format!("INSERT INTO {name} VALUES ");
        for (n, row) in some.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let text = |value: Option<String>| value.unwrap_or_else(|| "null".into());
            let _ = write!(
                sql,
                "{comma}({}, {}, {}, {}, '{}')",
                text(row.symbol.map(|s| format!("'{s}'"))),
                text(row.volume.map(|v| v.to_string())),
                text(row.sentiment.map(|s| format!("{s:?}"))),
                text(
                    row.expiry
                        .map(|e| format!("'{}'", e.format("%Y-%m-%dT00:00:00.000Z")))
                ),
                row.at.format("%Y-%m-%dT%H:%M:%S%.6fZ"),
            );
        }
        run(server, &sql);
    }
    name
}

/// Which rows a rule means, by this test's own reading of it.
type Means = fn(&Row) -> bool;

const RULES: [(&str, Means); 9] = [
    ("volume = 0", |r| r.volume == Some(0)),
    ("volume != 0", |r| r.volume.is_some_and(|v| v != 0)),
    ("volume is null or volume >= 150", |r| {
        r.volume.is_none_or(|v| v >= 150)
    }),
    ("symbol = A", |r| r.symbol == Some("A")),
    ("symbol != A", |r| r.symbol == Some("BC")),
    ("symbol in (A, BC) and sentiment is null", |r| {
        r.symbol.is_some() && r.sentiment.is_none()
    }),
    ("sentiment < 0.045 and abs(sentiment) < 0.055", |r| {
        r.sentiment.is_some_and(|s| s < 0.045 && s.abs() < 0.055)
    }),
    ("expiry < 2024-03-01", |r| {
        r.expiry.is_some_and(|e| e < day("2024-03-01"))
    }),
    ("(symbol = A or symbol is null) and volume > 5", |r| {
        r.symbol != Some("BC") && r.volume.is_some_and(|v| v > 5)
    }),
];

fn each_rule_in_each_unit(server: &Server) {
    let (cx, rows) = (Cx::detached(), rows());
    let before = day("2024-03-10");
    for unit in ["HOUR", "DAY", "WEEK", "MONTH", "YEAR"] {
        let name = table(server, &rows, unit);
        for (text, means) in RULES {
            let predicate =
                Predicate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let rule = Rule {
                name: "r".into(),
                before,
                predicate: Some(predicate),
                partitions_before: None,
            };
            let found = classify(&cx, server, &name, &[rule], Limits::default())
                .unwrap_or_else(|error| panic!("{unit} {text}: {error}"));
            let wanted = rows
                .iter()
                .filter(|row| row.at < before && means(row))
                .count();
            assert_eq!(found.delete_rows, wanted as i64, "{unit} {text}");
            assert_eq!(
                (found.partition_by.as_str(), found.timestamp.as_str()),
                (unit, "ts")
            );
            for pair in found.partitions.windows(2) {
                assert!(pair[0].from < pair[1].from);
            }
            for partition in &found.partitions {
                let verdict = match partition.delete_rows {
                    0 => Verdict::Keep,
                    n if n == partition.rows && !partition.active => Verdict::Drop,
                    _ => Verdict::Rewrite,
                };
                assert_eq!(partition.verdict, verdict, "{unit} {text} {partition:?}");
                // The name is the server's own.
                let sql = format!(
                    "SELECT count() AS n FROM table_partitions('{name}') WHERE name = '{}'",
                    partition.name
                );
                let named = value(&cx, server, &sql, Limits::default())
                    .unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(named.int(), Some(1), "{unit} {}", partition.name);
            }
        }
        run(server, &format!("DROP TABLE {name}"));
    }
}

fn age_alone_several_rules_and_what_there_is_not(server: &Server) {
    let (cx, rows) = (Cx::detached(), rows());
    let name = table(server, &rows, "DAY");
    let rule = |before: &str, text: Option<&str>| Rule {
        name: before.into(),
        partitions_before: None,
        before: day(before),
        predicate: text
            .map(|text| Predicate::parse(text).unwrap_or_else(|error| panic!("{error}"))),
    };
    let judge = |rules: &[Rule]| classify(&cx, server, &name, rules, Limits::default());
    let aged = judge(&[rule("2024-03-01", None)]).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        aged.partitions.iter().all(|p| p.verdict == Verdict::Drop),
        "{aged:?}"
    );
    assert_eq!((aged.partitions.len(), aged.rows), (20, aged.delete_rows));
    // A row that both mean counts once.
    let both = judge(&[
        rule("2024-03-01", None),
        rule("2024-03-05", Some("volume = 0")),
    ]);
    let wanted = rows.iter().filter(|row| {
        row.at < day("2024-03-01") || row.at < day("2024-03-05") && row.volume == Some(0)
    });
    assert_eq!(
        both.unwrap_or_else(|error| panic!("{error}")).delete_rows,
        wanted.count() as i64
    );
    // Everything: the one that is being written is never dropped.
    let all = judge(&[rule("2030-01-01", None)]).unwrap_or_else(|error| panic!("{error}"));
    let last = all.partitions.last().unwrap_or_else(|| panic!("{all:?}"));
    assert_eq!((last.active, last.verdict), (true, Verdict::Rewrite));
    assert_eq!(all.delete_rows, rows.len() as i64);
    assert_eq!(
        judge(&[])
            .unwrap_or_else(|error| panic!("{error}"))
            .partitions,
        []
    );

    let missing = judge(&[rule("2024-03-01", Some("relevance < 1"))]);
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
    let none = classify(&cx, server, "no_such_table", &[], Limits::default());
    assert!(matches!(none, Err(Error::NotFound { .. })), "{none:?}");
    let plain = unique("p");
    run(
        server,
        &format!("CREATE TABLE {plain} (ts TIMESTAMP) TIMESTAMP(ts) PARTITION BY NONE"),
    );
    let none = classify(
        &cx,
        server,
        &plain,
        &[rule("2024-03-01", None)],
        Limits::default(),
    );
    assert!(
        matches!(&none, Err(Error::Statement(why)) if why.contains("is not partitioned by time")),
        "{none:?}"
    );
    run(server, &format!("DROP TABLE {plain}"));
    run(server, &format!("DROP TABLE {name}"));
}

fn all(server: &Server) {
    each_rule_in_each_unit(server);
    age_alone_several_rules_and_what_there_is_not(server);
}

#[test]
fn rules_on_the_stacks_version() {
    let port: u16 = env("QUESTDB_PORT")
        .parse()
        .unwrap_or_else(|error| panic!("{error}"));
    all(
        &Server::new(&format!("http://127.0.0.1:{port}"), None, None)
            .unwrap_or_else(|error| panic!("{error}")),
    );
}

#[test]
fn rules_on_a_newer_version() {
    let container = Container::start(&env("QUESTDB_9_IMAGE"), 9000, &[], &[]);
    let url = format!("http://127.0.0.1:{}", container.port);
    let server = Server::new(&url, None, None).unwrap_or_else(|error| panic!("{error}"));
    crate::rows::at(container.port);
    all(&server);
}
