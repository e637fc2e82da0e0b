//! What is removed and what stays, for each kind of rule, partition and table; and its way back.

use chrono::{DateTime, TimeDelta, Utc};
use tradeops::questdb::{Limits, Server, tables};
use tradeops::run::Cx;

use crate::late;
use crate::rows::{
    Form, Row, assert_holds, at, create, day, drop_all, fill, options, plan, remove, rows, rule,
    state, twin, undo,
};
use crate::server::{Container, env};

/// Whether a rule means a row, by this test's own reading.
type Means = fn(&Row) -> bool;

/// Each kind of rule of the shipped policies, by column.
const RULES: [(&str, Option<&str>, Means); 6] = [
    ("age_cutoff", None, |_| true),
    ("zero_volume_old", Some("volume = 0"), |r| {
        r.volume == Some(0)
    }),
    ("expiry_old", Some("expiry < 2024-03-01"), |r| {
        r.expiry.is_some_and(|e| e < day("2024-03-01"))
    }),
    ("low_value_old", Some("abs(sentiment) < 0.05"), |r| {
        r.sentiment.is_some_and(|s| s.abs() < 0.05)
    }),
    ("one_letter", Some("symbol = A or title = x"), |r| {
        r.symbol == Some("A") || r.title == Some("x")
    }),
    ("unknown", Some("volume is null and symbol != BC"), |r| {
        r.volume.is_none() && r.symbol == Some("A")
    }),
];

fn stays(row: &Row, before: DateTime<Utc>, means: Means, active: Option<DateTime<Utc>>) -> bool {
    !(row.at < before && means(row)) || active.is_some_and(|from| row.at >= from)
}

/// Each rule on each kind of table, with a cutoff inside a partition where there are larger ones than days.
fn each_rule(server: &Server) {
    let data = rows("2024-02-27", TimeDelta::hours(5), 76);
    for (unit, dedup) in [
        ("HOUR", false),
        ("DAY", false),
        ("DAY", true),
        ("WEEK", false),
        ("MONTH", true),
        ("YEAR", false),
    ] {
        let form = Form {
            unit,
            wal: true,
            dedup,
        };
        for (name, condition, means) in RULES {
            // Each rule on days, and a few on the rest: a removal is the same for all.
            if (unit != "DAY" || dedup) && !["low_value_old", "age_cutoff"].contains(&name)
                || unit == "HOUR" && name == "age_cutoff"
            {
                continue;
            }
            let why = format!("{form:?} {name}");
            let table = create(server, form);
            // What is older than a year, so that years have more than the one that is written.
            let old: Vec<_> = data
                .iter()
                .map(|row| Row {
                    id: row.id + 1000,
                    at: row.at - TimeDelta::days(366),
                    ..row.clone()
                })
                .collect();
            let all: Vec<_> = data.iter().chain(&old).cloned().collect();
            fill(server, &table, &all);
            let twin = twin(server, &table);
            let rules = [rule(name, "2024-03-12", condition)];
            let found = plan(server, &table, &rules);
            let active = found.partitions.iter().find(|p| p.active).map(|p| p.from);
            let mut wanted: Vec<_> = all
                .iter()
                .filter(|row| stays(row, day("2024-03-12"), means, active))
                .collect();
            wanted.sort_by_key(|row| row.id);
            let state = state();
            let removed = remove(server, &table, &rules, &options(state.path(), "r1"));
            assert_eq!(removed.failed, None, "{why}");
            assert_holds(server, &table, &twin, &wanted, &why);
            assert_eq!(removed.deleted, (all.len() - wanted.len()) as i64, "{why}");
            assert_eq!(removed.by_rule, [removed.deleted], "{why}");
            for ended in &removed.partitions {
                let is_active = active.is_some_and(|from| {
                    found
                        .partitions
                        .iter()
                        .any(|p| p.name == ended.name && p.from == from)
                });
                assert_eq!(ended.is_done(), !is_active, "{why}: {ended:?}");
                assert_eq!(ended.outcome == "active", is_active, "{why}: {ended:?}");
            }
            // Nothing of it is left behind.
            let left = tables(&Cx::detached(), server, Limits::default())
                .unwrap_or_else(|e| panic!("{e}"));
            assert!(
                !left
                    .iter()
                    .any(|t| t.name.starts_with("tradeops_tradeops") && t.name.contains(&table)),
                "{why}"
            );
            // Once more there is nothing to do.
            let again = plan(server, &table, &rules);
            assert!(
                again
                    .partitions
                    .iter()
                    .all(|p| p.delete_rows == 0 || p.active),
                "{why}"
            );
            // And all of it comes back, to the last bit.
            let undone = undo(server, state.path(), &table, "r1")
                .unwrap_or_else(|error| panic!("{why}: {error}"));
            assert_eq!(undone.rows, removed.deleted, "{why}");
            let mut every: Vec<_> = all.iter().collect();
            every.sort_by_key(|row| row.id);
            assert_holds(server, &table, &twin, &every, &format!("{why}, undone"));
            drop_all(server, &[&table, &twin]);
        }
    }
}

/// Everything on one server: its tables do not disturb each other, and a second server costs a gigabyte.
fn all(port: u16) {
    let server = at(port);
    late::all(port);
    each_rule(&server);
}

#[test]
fn on_the_stacks_version() {
    all(env("QUESTDB_PORT")
        .parse()
        .unwrap_or_else(|error| panic!("{error}")));
}

#[test]
fn on_a_newer_version() {
    let container = Container::start(
        &env("QUESTDB_9_IMAGE"),
        9000,
        &["QDB_DEV_MODE_ENABLED=true"],
        &[],
    );
    all(container.port);
}
