//! Rows as a test knows them, the table that holds them, and the comparison of the two.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use tradeops::questdb::{self, Limits, Predicate, Rule, Server};
use tradeops::retention::{self, Busy, Error, Options, Plan, Removed, Undone};
use tradeops::run::Cx;

use crate::server::unique;
pub(crate) use crate::store::{at, number, run, settle};

pub(crate) fn day(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z"))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .to_utc()
}

/// A row; what may be NULL is now and then.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) symbol: Option<&'static str>,
    pub(crate) volume: Option<i64>,
    pub(crate) sentiment: Option<f64>,
    pub(crate) title: Option<&'static str>,
    pub(crate) expiry: Option<DateTime<Utc>>,
}

const TITLES: [Option<&str>; 6] = [
    Some(""),
    Some("it's \"quoted\", \\n and, comma"),
    Some("two\nlines"),
    None,
    Some("x"),
    Some("Größe 漢字 🦀"),
];

/// So many rows from `from` on, one every `step`. Doubles are such that twelve decimals are not enough for them.
pub(crate) fn rows(from: &str, step: TimeDelta, count: usize) -> Vec<Row> {
    let begin = day(from);
    (0..count)
        .map(|n| {
            let step = step * i32::try_from(n).unwrap_or(i32::MAX);
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let x = n as f64;
            Row {
                id: i64::try_from(n).unwrap_or(i64::MAX),
                at: begin + step,
                symbol: [Some("A"), Some("BC"), None][n % 3],
                volume: [Some(0), Some(n as i64), None, Some(0)][n % 4],
                sentiment: [
                    Some((x * 0.7).sin() / 3.0),
                    None,
                    Some(x / 7e5),
                    Some(-1.0 / (x + 3.0)),
                    Some(x * 1e9 / 3.0),
                ][n % 5],
                title: TITLES[n % 6],
                expiry: [Some(begin + TimeDelta::days((n % 90) as i64)), None]
                    [usize::from(n % 7 == 6)],
            }
        })
        .collect()
}

/// How a table is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) unit: &'static str,
    pub(crate) wal: bool,
    pub(crate) dedup: bool,
}

/// Most are days with a log.
pub(crate) const DAYS: Form = Form {
    unit: "DAY",
    wal: true,
    dedup: false,
};

/// A folder for journals and exports.
pub(crate) fn state() -> tempfile::TempDir {
    tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"))
}

pub(crate) fn create(server: &Server, form: Form) -> String {
    let name = unique("r");
    let log = if form.wal { "WAL" } else { "BYPASS WAL" };
    let keys = if form.dedup {
        " DEDUP UPSERT KEYS(ts, id)"
    } else {
        ""
    };
    run(
        server,
        &format!(
            "CREATE TABLE {name} (id LONG, symbol SYMBOL, volume LONG, sentiment DOUBLE, title STRING, ratio FLOAT, ok BOOLEAN, letter CHAR, expiry DATE, ts TIMESTAMP) TIMESTAMP(ts) PARTITION BY {} {log}{keys}",
            form.unit
        ),
    );
    name
}

pub(crate) fn fill(server: &Server, table: &str, rows: &[Row]) {
    for some in rows.chunks(80) {
        let mut sql = format!("INSERT INTO {table} VALUES ");
        for (n, row) in some.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            let text = |value: Option<String>| value.unwrap_or_else(|| "null".into());
            let _ = write!(
                sql,
                "{comma}({},{},{},{},{},{},{},'{}',{},'{}')",
                row.id,
                text(row.symbol.map(|s| format!("'{s}'"))),
                text(row.volume.map(|v| v.to_string())),
                text(row.sentiment.map(|s| format!("{s:E}"))),
                text(row.title.map(|t| format!("'{}'", t.replace('\'', "''")))),
                text(row.sentiment.map(|s| format!("{:E}", s as f32))),
                row.id % 2 == 0,
                ["q", "'", "é"][row.id as usize % 3].replace('\'', "''"),
                text(
                    row.expiry
                        .map(|e| format!("'{}'", e.format("%Y-%m-%dT00:00:00.000Z")))
                ),
                row.at.format("%Y-%m-%dT%H:%M:%S%.6fZ"),
            );
        }
        run(server, &sql);
    }
    settle(server, table);
}

/// A second table with the same rows, that nothing happens to.
pub(crate) fn twin(server: &Server, table: &str) -> String {
    let twin = format!("{table}_twin");
    run(
        server,
        &format!("CREATE TABLE {twin} AS (SELECT * FROM {table})"),
    );
    twin
}

const COLUMNS: &str = "id, symbol, volume, sentiment, title, ratio, ok, letter, expiry, ts";

/// The table has exactly these rows, each once, and each as it is in the twin to the last bit.
pub(crate) fn assert_holds(server: &Server, table: &str, twin: &str, wanted: &[&Row], why: &str) {
    let (cx, limits) = (
        Cx::detached(),
        Limits {
            rows: 1_000_000,
            ..Limits::default()
        },
    );
    let sql = format!("SELECT id AS i FROM {table} ORDER BY i");
    let ids = questdb::query(&cx, server, &sql, limits).unwrap_or_else(|e| panic!("{why}: {e}"));
    let ids: Vec<_> = ids.cells.iter().filter_map(|row| row[0].int()).collect();
    let wanted: Vec<_> = wanted.iter().map(|row| row.id).collect();
    assert_eq!(ids, wanted, "{why}");
    assert_eq!(
        strangers(server, table, twin),
        0,
        "{why}: rows that are not as they were"
    );
}

/// Rows of one table that are not in the other, bit for bit.
pub(crate) fn strangers(server: &Server, table: &str, twin: &str) -> i64 {
    number(
        server,
        &format!(
            "SELECT sum(CASE WHEN z > 0 THEN z ELSE 0 END) AS n FROM (SELECT {COLUMNS}, sum(s) AS z FROM (SELECT {COLUMNS}, 1 AS s FROM {table} UNION ALL SELECT {COLUMNS}, -1 AS s FROM {twin}) GROUP BY {COLUMNS})"
        ),
    )
}

pub(crate) fn rule(name: &str, before: &str, condition: Option<&str>) -> Rule {
    let predicate = condition
        .map(|text| Predicate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")));
    Rule {
        name: name.into(),
        before: day(before),
        predicate,
        partitions_before: None,
    }
}

pub(crate) fn options(state: &Path, run: &str) -> Options {
    Options {
        run: run.into(),
        state: state.to_owned(),
        undo: true,
        active: false,
        views: false,
        budget: None,
        busy: Busy::default(),
    }
}

pub(crate) fn plan(server: &Server, table: &str, rules: &[Rule]) -> Plan {
    retention::plan(&Cx::detached(), server, table, rules, Limits::default())
        .unwrap_or_else(|error| panic!("{table}: {error}"))
}

/// All that a plan means.
pub(crate) fn names(plan: &Plan) -> Vec<String> {
    let meant = plan.partitions.iter().filter(|p| p.delete_rows > 0);
    meant.map(|p| p.name.clone()).collect()
}

/// Plans and removes all of it.
pub(crate) fn remove(server: &Server, table: &str, rules: &[Rule], options: &Options) -> Removed {
    let plan = plan(server, table, rules);
    let names = names(&plan);
    retention::remove(
        &Cx::detached(),
        server,
        &plan,
        &names,
        rules,
        options,
        &|_, _| {},
    )
    .unwrap_or_else(|error| panic!("{table}: {error}"))
}

/// Brings back what a run removed.
pub(crate) fn undo(server: &Server, state: &Path, table: &str, run: &str) -> Result<Undone, Error> {
    let (cx, busy) = (Cx::detached(), Busy::default());
    retention::undo(&cx, server, state, table, run, &busy, &|_, _| {})
}

pub(crate) fn drop_all(server: &Server, tables: &[&str]) {
    for table in tables {
        run(server, &format!("DROP TABLE {table}"));
    }
}
