//! Tables that are not like most: split partitions, views, no log, no partitions, a log that stands still, files that are gone.

use chrono::{TimeDelta, Utc};
use tradeops::questdb::{self, Limits, Server, Verdict};
use tradeops::retention::{self, Error};
use tradeops::run::Cx;

use crate::rows::{
    DAYS, Form, assert_holds, at, create, day, drop_all, fill, names, number, options, plan,
    remove, rows, rule, run, settle, state, twin, undo,
};
use crate::server::{Container, env};

const RUN: &str = "20240101T000000-1";

/// Without a log, whole partitions are dropped; of the others the remedy is told.
fn no_log(server: &Server) {
    let data = rows("2024-02-10", TimeDelta::minutes(48), 150);
    let table = create(
        server,
        Form {
            unit: "DAY",
            wal: false,
            dedup: false,
        },
    );
    fill(server, &table, &data);
    let twin = twin(server, &table);
    let rules = [
        rule("age", "2024-02-12", None),
        rule("volume", "2024-02-13", Some("volume = 0")),
    ];
    let found = plan(server, &table, &rules);
    let state = state();
    let removed = remove(server, &table, &rules, &options(state.path(), RUN));
    let outcomes: Vec<_> = removed
        .partitions
        .iter()
        .map(|p| p.outcome.as_str())
        .collect();
    assert_eq!(outcomes, ["dropped", "dropped", "refused"], "{removed:?}");
    let why = removed.partitions[2].note.clone().unwrap_or_default();
    assert!(
        why.contains(&format!("ALTER TABLE {table} SET TYPE WAL")),
        "{why}"
    );
    assert_eq!(found.no_rewrite, Some(why));
    let wanted: Vec<_> = data.iter().filter(|r| r.at >= day("2024-02-12")).collect();
    assert_holds(server, &table, &twin, &wanted, "no log");
    drop_all(server, &[&table, &twin]);
}

fn no_partitions(server: &Server) {
    let table = crate::server::unique("n");
    run(
        server,
        &format!(
            "CREATE TABLE {table} (ts TIMESTAMP, volume LONG) TIMESTAMP(ts) PARTITION BY NONE"
        ),
    );
    run(
        server,
        &format!("INSERT INTO {table} VALUES ('2020-01-01T00:00:00.000000Z', 0)"),
    );
    let rules = [rule("age", "2024-02-12", None)];
    let found = plan(server, &table, &rules);
    assert_eq!(
        (found.refused.as_deref(), found.total),
        (
            Some("it is not partitioned, and only partitions can be dropped"),
            1
        )
    );
    let state = state();
    let refused = retention::remove(
        &Cx::detached(),
        server,
        &found,
        &[],
        &rules,
        &options(state.path(), RUN),
        &|_, _| {},
    );
    assert!(
        matches!(&refused, Err(Error::Invalid(why)) if why.contains("not partitioned")),
        "{refused:?}"
    );
    drop_all(server, &[&table]);
}

/// Types of which no exact copy can be written down: dropped for good when asked, and not with an undo that would be none.
fn other_types(server: &Server) {
    let table = crate::server::unique("n");
    run(
        server,
        &format!(
            "CREATE TABLE {table} (ts TIMESTAMP, volume LONG, place GEOHASH(5c)) TIMESTAMP(ts) PARTITION BY DAY WAL"
        ),
    );
    run(
        server,
        &format!(
            "INSERT INTO {table} (ts, volume) VALUES ('2024-02-10T00:00:00.000000Z', 0), ('2024-02-20T00:00:00.000000Z', 0)"
        ),
    );
    settle(server, &table);
    let rules = [rule("age", "2024-02-12", None)];
    let found = plan(server, &table, &rules);
    assert!(
        found
            .no_rewrite
            .as_deref()
            .is_some_and(|why| why.contains("`place` is a GEOHASH")),
        "{found:?}"
    );
    let state = state();
    let mut options = options(state.path(), RUN);
    let removed = remove(server, &table, &rules, &options);
    assert_eq!(removed.partitions[0].outcome, "refused", "{removed:?}");
    (options.undo, options.run) = (false, "20240101T000000-2".into());
    let removed = remove(server, &table, &rules, &options);
    assert_eq!(
        (removed.partitions[0].outcome.as_str(), removed.deleted),
        ("dropped", 1),
        "{removed:?}"
    );
    let undone = undo(server, state.path(), &table, &options.run);
    assert!(
        matches!(&undone, Err(Error::Invalid(why)) if why.contains("wrote no exports")),
        "{undone:?}"
    );
    drop_all(server, &[&table]);
}

/// Every type that is exported comes back as it was.
fn every_type(server: &Server, newer: bool) {
    let (table, more, values) = (
        crate::server::unique("n"),
        if newer { ", v VARCHAR, ip IPv4" } else { "" },
        if newer {
            ", rnd_varchar(1, 20, 2), rnd_ipv4()"
        } else {
            ""
        },
    );
    run(
        server,
        &format!(
            "CREATE TABLE {table} (ts TIMESTAMP, other TIMESTAMP, u UUID, l LONG256, b BYTE, s SHORT, i INT, f FLOAT, d DOUBLE, c CHAR, day DATE, y SYMBOL, t STRING, ok BOOLEAN{more}) TIMESTAMP(ts) PARTITION BY DAY WAL"
        ),
    );
    run(
        server,
        &format!(
            "INSERT INTO {table} SELECT '2024-02-10T00:00:00.000000Z'::timestamp + x * 100000000L, rnd_timestamp(to_timestamp('1971', 'yyyy'), to_timestamp('2100', 'yyyy'), 2), rnd_uuid4(), rnd_long256(), rnd_byte(), rnd_short(), rnd_int(-2000000000, 2000000000, 2), rnd_float(2) * 1e9f, (rnd_double(2) - 0.5) * 1e4, rnd_char(), rnd_date(to_date('1971', 'yyyy'), to_date('2100', 'yyyy'), 2), rnd_symbol('A', 'it''s', '', null), rnd_str(1, 20, 2), rnd_boolean(){values} FROM long_sequence(3000)"
        ),
    );
    settle(server, &table);
    let twin = twin(server, &table);
    let state = state();
    let removed = remove(
        server,
        &table,
        &[
            rule("age", "2024-02-12", None),
            rule("ok", "2024-02-13", Some("ok = true")),
        ],
        &options(state.path(), RUN),
    );
    assert_eq!(removed.failed, None, "{removed:?}");
    assert!(
        removed.partitions.iter().all(retention::Ended::is_done),
        "{removed:?}"
    );
    undo(server, state.path(), &table, RUN).unwrap_or_else(|e| panic!("{e}"));
    for (one, other) in [(&table, &twin), (&twin, &table)] {
        let sql =
            format!("SELECT count() AS n FROM (SELECT * FROM {one} EXCEPT SELECT * FROM {other})");
        assert_eq!(number(server, &sql), 0, "{one} except {other}");
    }
    assert_eq!(
        number(server, &format!("SELECT count() AS n FROM {table}")),
        3000
    );
    drop_all(server, &[&table, &twin]);
}

/// Exports go when nobody wants them back any more, and the journals with them.
fn expired(server: &Server) {
    let data = rows("2024-02-10", TimeDelta::minutes(48), 90);
    let table = create(server, DAYS);
    fill(server, &table, &data);
    let state = state();
    for (run, before) in [(RUN, "2024-02-11"), ("20240101T000000-2", "2024-02-12")] {
        assert!(
            remove(
                server,
                &table,
                &[rule("age", before, None)],
                &options(state.path(), run)
            )
            .deleted
                > 0
        );
    }
    let expire = |keep: u64| {
        retention::expire(state.path(), std::time::Duration::from_secs(keep))
            .unwrap_or_else(|e| panic!("{e}"))
    };
    assert!(expire(600).runs.is_empty());
    let journals = || std::fs::read_dir(state.path().join("journals")).map_or(0, Iterator::count);
    let before = journals();
    assert_eq!(expire(0).runs, [RUN, "20240101T000000-2"]);
    assert_eq!(journals(), before - 1, "the first run's");
    let undone = undo(server, state.path(), &table, "20240101T000000-2");
    assert!(undone.is_err_and(|e| e.to_string().contains("cannot read the export")));
    drop_all(server, &[&table]);
}

/// A partition in pieces goes as one, and is counted as one.
fn split(server: &Server) {
    let data = rows("2024-02-10", TimeDelta::minutes(2), 3000);
    let table = create(server, DAYS);
    // The end of the third day first, then its middle: the server splits what it would have to copy.
    let (late, rest): (Vec<_>, Vec<_>) = data
        .iter()
        .cloned()
        .partition(|r| r.id % 7 == 0 && r.at >= day("2024-02-12"));
    fill(server, &table, &rest);
    fill(server, &table, &late);
    let pieces = number(
        server,
        &format!("SELECT count() AS n FROM table_partitions('{table}')"),
    );
    let twin = twin(server, &table);
    let rules = [rule("volume", "2024-02-14", Some("volume = 0"))];
    let found = plan(server, &table, &rules);
    assert!(
        pieces > found.partitions.len() as i64,
        "{pieces} pieces: nothing was split"
    );
    assert!(
        found.partitions.iter().all(|p| p.rows == p.listed_rows),
        "{found:?}"
    );
    let active = found.partitions.iter().find(|p| p.active).map(|p| p.from);
    let state = state();
    let removed = remove(server, &table, &rules, &options(state.path(), RUN));
    assert_eq!(removed.failed, None);
    let gone = |r: &crate::rows::Row| {
        r.volume == Some(0) && r.at < day("2024-02-14") && active.is_none_or(|from| r.at < from)
    };
    let wanted: Vec<_> = data.iter().filter(|r| !gone(r)).collect();
    assert_holds(server, &table, &twin, &wanted, "split");
    drop_all(server, &[&table, &twin]);
}

/// A table whose log stands still is refused until it does not. 7.3.3 has no statement for it: there its files are away.
fn suspended(server: &Server, container: &Container, statement: bool) {
    let data = rows("2024-02-10", TimeDelta::minutes(48), 90);
    let table = create(server, DAYS);
    fill(server, &table, &data);
    let files =
        |script: &str| container.sh(&format!("cd /var/lib/questdb/db/{table}~* && {script}"));
    if statement {
        run(server, &format!("ALTER TABLE {table} SUSPEND WAL"));
    } else {
        files("for d in 2024-02-11*; do mv $d /tmp/$d; done");
    }
    run(
        server,
        &format!("INSERT INTO {table} (id, ts) VALUES (7000, '2024-02-11T12:00:00.000001Z')"),
    );
    let rules = [rule("age", "2024-02-12", None)];
    crate::server::eventually(|| {
        let found = plan(server, &table, &rules);
        match found.refused.as_deref() {
            Some(why) if why.contains("is suspended") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    if !statement {
        files("for d in /tmp/2024-02-11*; do mv $d .; done");
    }
    run(server, &format!("ALTER TABLE {table} RESUME WAL"));
    settle(server, &table);
    assert_eq!(plan(server, &table, &rules).refused, None);
    drop_all(server, &[&table]);
}

/// Rows of which files are gone are not taken for rows that went.
fn damaged(server: &Server, container: &Container) {
    let data = rows("2024-02-10", TimeDelta::minutes(48), 120);
    let table = create(server, DAYS);
    fill(server, &table, &data);
    container.sh(&format!("cd /var/lib/questdb/db/{table}~* && for d in 2024-02-11*; do mv \"$d\" \"/tmp/{table}-$d\"; done"));
    let rules = [rule("age", "2024-02-13", None)];
    let found = retention::plan(&Cx::detached(), server, &table, &rules, Limits::default());
    let found = found.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        found.refused.as_deref(),
        Some("30 of its rows have no files on the disk any more: a drop would stop its log"),
        "{found:?}"
    );
    drop_all(server, &[&table]);
}

/// What views depend on is not dropped without a word; old days go by a time to live, and the view stays whole.
fn views(server: &Server) {
    let today = Utc::now()
        .date_naive()
        .and_time(chrono::NaiveTime::MIN)
        .and_utc();
    let data = rows(
        &(today - TimeDelta::days(20)).format("%Y-%m-%d").to_string(),
        TimeDelta::minutes(48),
        610,
    );
    let table = create(server, DAYS);
    fill(server, &table, &data);
    let (twin, view) = (twin(server, &table), format!("{table}_view"));
    run(
        server,
        &format!(
            "CREATE MATERIALIZED VIEW {view} AS (SELECT ts, count() AS n FROM {table} SAMPLE BY 1d) PARTITION BY DAY"
        ),
    );
    let state_of = || {
        let sql =
            format!("SELECT view_status AS s FROM materialized_views() WHERE view_name = '{view}'");
        let cell = questdb::value(&Cx::detached(), server, &sql, Limits::default())
            .unwrap_or_else(|e| panic!("{e}"));
        cell.text().map(str::to_owned)
    };
    crate::server::eventually(|| {
        let days = number(server, &format!("SELECT count() AS n FROM {view}"));
        if days >= 20 {
            Ok(())
        } else {
            Err(format!("{days} days"))
        }
    });
    let cutoff = today - TimeDelta::days(10);
    let text = cutoff.format("%Y-%m-%d").to_string();
    let by_volume = [rule("volume", &text, Some("volume = 0"))];
    let found = plan(server, &table, &by_volume);
    assert_eq!(found.views, std::slice::from_ref(&view));
    let state = state();
    let refused = retention::remove(
        &Cx::detached(),
        server,
        &found,
        &names(&found),
        &by_volume,
        &options(state.path(), RUN),
        &|_, _| {},
    );
    assert!(
        matches!(&refused, Err(Error::Invalid(why)) if why.contains(&view)),
        "{refused:?}"
    );
    // By age, the view survives.
    let by_age = [rule("age", &text, None)];
    let removed = remove(server, &table, &by_age, &options(state.path(), RUN));
    assert_eq!(removed.failed, None, "{removed:?}");
    assert!(
        removed.partitions.iter().all(|p| p.outcome == "dropped"),
        "{removed:?}"
    );
    let wanted: Vec<_> = data.iter().filter(|r| r.at >= cutoff).collect();
    assert_holds(server, &table, &twin, &wanted, "by a time to live");
    assert_eq!(state_of().as_deref(), Some("valid"));
    assert!(number(server, &format!("SELECT count() AS n FROM {view}")) >= 20);
    let kept = questdb::table(&Cx::detached(), server, &table, Limits::default())
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(kept.ttl, None, "it is set back");
    // Asked for, the view goes.
    let mut by_force = options(state.path(), "20240101T000000-2");
    by_force.views = true;
    let found = plan(server, &table, &by_volume_until(&text));
    assert!(
        found
            .partitions
            .iter()
            .any(|p| p.verdict == Verdict::Rewrite)
    );
    let removed = retention::remove(
        &Cx::detached(),
        server,
        &found,
        &names(&found),
        &by_volume_until(&text),
        &by_force,
        &|_, _| {},
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(removed.failed, None, "{removed:?}");
    crate::server::eventually(|| match state_of() {
        Some(s) if s == "invalid" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    run(server, &format!("DROP MATERIALIZED VIEW {view}"));
    drop_all(server, &[&table, &twin]);
}

/// A day later, so that there is something left to write anew.
fn by_volume_until(text: &str) -> [questdb::Rule; 1] {
    let mut later = rule("volume", text, Some("volume = 0"));
    later.before += TimeDelta::days(2);
    [later]
}

fn all(image: &str, newer: bool) {
    let container = Container::start(
        image,
        9000,
        &[
            "QDB_DEV_MODE_ENABLED=true",
            "QDB_CAIRO_O3_PARTITION_SPLIT_MIN_SIZE=1000",
        ],
        &[],
    );
    let server = at(container.port);
    no_log(&server);
    no_partitions(&server);
    other_types(&server);
    every_type(&server, newer);
    expired(&server);
    split(&server);
    suspended(&server, &container, newer);
    damaged(&server, &container);
    if newer {
        views(&server);
    }
}

#[test]
fn on_the_stacks_version() {
    all(&env("QUESTDB_IMAGE"), false);
}

#[test]
fn on_a_newer_version() {
    all(&env("QUESTDB_9_IMAGE"), true);
}
