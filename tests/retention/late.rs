//! Rows that are written while a partition is removed: before the gate, between gate and drop, behind the drop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use tradeops::questdb::Server;

use crate::proxy::{Go, Proxy};
use crate::rows::{
    DAYS, Form, Row, at, create, day, drop_all, fill, number, options, remove, rows, rule, run,
    settle, state,
};

fn data() -> Vec<Row> {
    rows("2024-02-10", TimeDelta::minutes(48), 150)
}

/// Puts a row into the second day at the first request with these words behind one that has `behind` and names that day.
fn late(port: u16, table: &str, behind: &'static str, words: &'static str) -> Proxy {
    let insert =
        format!("INSERT INTO {table} (id, ts) VALUES (7000, '2024-02-11T12:00:00.000001Z')");
    let (direct, armed, done) = (at(port), AtomicBool::new(false), AtomicBool::new(false));
    Proxy::start(port, move |_, asked| {
        if asked.contains(behind) && asked.contains("2024-02-11") {
            armed.store(true, Ordering::SeqCst);
        }
        if armed.load(Ordering::SeqCst)
            && asked.contains(words)
            && !done.swap(true, Ordering::SeqCst)
        {
            run(&direct, &insert);
        }
        Go::On
    })
}

/// A server with a table of these rows.
fn filled(port: u16, form: Form) -> (Server, String, Vec<Row>) {
    let (server, data) = (at(port), data());
    let table = create(&server, form);
    fill(&server, &table, &data);
    (server, table, data)
}

/// Rows that stay when those without volume go, up to a day.
fn stay(data: &[Row], before: &str) -> i64 {
    let gone = |r: &&Row| r.at < day(before) && r.volume == Some(0);
    (data.len() - data.iter().filter(gone).count()) as i64
}

fn ids(server: &Server, table: &str) -> (i64, i64) {
    settle(server, table);
    let late = number(
        server,
        &format!("SELECT count() AS n FROM {table} WHERE id = 7000"),
    );
    (
        number(server, &format!("SELECT count() AS n FROM {table}")),
        late,
    )
}

/// Before the gate, and behind the drop, a row is as if it had come at any other time.
fn never_lost(port: u16, behind: &'static str, words: &'static str) {
    let (server, data) = (at(port), data());
    let table = create(&server, DAYS);
    fill(&server, &table, &data);
    let proxy = late(port, &table, behind, words);
    let state = state();
    let rules = [rule("volume", "2024-02-13", Some("volume = 0"))];
    let removed = remove(
        &at(proxy.port),
        &table,
        &rules,
        &options(state.path(), "20240101T000000-1"),
    );
    assert_eq!(removed.failed, None, "{behind}, {words}: {removed:?}");
    assert!(
        removed.partitions.iter().all(|p| p.outcome == "rewritten"),
        "{behind}, {words}: {removed:?}"
    );
    let stay = stay(&data, "2024-02-13");
    assert_eq!(ids(&server, &table), (stay + 1, 1), "{behind}, {words}");
    drop_all(&server, &[&table]);
}

/// Between gate and drop it is lost, which cannot be prevented; and that is noticed, told, and the end of the run.
fn noticed(port: u16) {
    let (server, data) = (at(port), data());
    let table = create(&server, DAYS);
    fill(&server, &table, &data);
    let proxy = late(port, &table, "DROP PARTITION LIST", "DROP PARTITION LIST");
    let state = state();
    let rules = [rule("volume", "2024-02-14", Some("volume = 0"))];
    let removed = remove(
        &at(proxy.port),
        &table,
        &rules,
        &options(state.path(), "20240101T000000-1"),
    );
    let why = removed.failed.clone().unwrap_or_default();
    assert!(
        why.starts_with("1 transactions of others came while it was dropped"),
        "{removed:?}"
    );
    assert!(
        why.contains("from 2024-02-11T00:00:00Z on, before 2024-02-12T00:00:00Z"),
        "{why}"
    );
    assert!(why.contains("2024-02-11.jsonl.lz4"), "{why}");
    assert_eq!(removed.left, ["2024-02-12", "2024-02-13"], "{removed:?}");
    // What stays of that day was put back all the same.
    let stay = stay(&data, "2024-02-12");
    assert_eq!(ids(&server, &table), (stay, 0));
    drop_all(&server, &[&table]);
}

/// Where rows replace each other, one that comes while the partition is away would be replaced by the old one that is put back:
/// that is noticed, too.
fn written_over(port: u16) {
    let dedup = Form {
        dedup: true,
        ..DAYS
    };
    let (server, table, _) = filled(port, dedup);
    let proxy = late(port, &table, "DROP PARTITION LIST", "INTO \"tradeops_test");
    let state = state();
    let rules = [rule("volume", "2024-02-12", Some("volume = 0"))];
    let options = options(state.path(), "20240101T000000-1");
    let removed = remove(&at(proxy.port), &table, &rules, &options);
    let why = removed.failed.clone().unwrap_or_default();
    assert!(why.contains("came while it was dropped"), "{removed:?}");
    drop_all(&server, &[&table]);
}

/// A table that is written all the time: every row that was confirmed is there, or the run says that it is not.
fn written_all_the_time(port: u16) {
    let (server, data) = (at(port), data());
    let table = create(&server, DAYS);
    fill(&server, &table, &data);
    let (stop, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let writer = std::thread::spawn({
        let (server, table, stop, sent) =
            (server.clone(), table.clone(), stop.clone(), sent.clone());
        move || {
            while !stop.load(Ordering::SeqCst) {
                let n = sent.fetch_add(1, Ordering::SeqCst);
                run(
                    &server,
                    &format!(
                        "INSERT INTO {table} (id, ts) VALUES ({}, '2024-02-20T00:00:00.{n:06}Z')",
                        10_000 + n
                    ),
                );
                std::thread::sleep(Duration::from_millis(40));
            }
        }
    });
    let state = state();
    let rules = [rule("volume", "2024-02-14", Some("volume = 0"))];
    let removed = remove(
        &server,
        &table,
        &rules,
        &options(state.path(), "20240101T000000-1"),
    );
    stop.store(true, Ordering::SeqCst);
    writer.join().unwrap_or_else(|_| panic!("the writer"));
    let done: Vec<_> = removed
        .partitions
        .iter()
        .filter(|p| p.is_done())
        .map(|p| day(&p.name))
        .collect();
    let gone = |r: &&Row| {
        r.volume == Some(0)
            && done
                .iter()
                .any(|from| r.at >= *from && r.at < *from + TimeDelta::days(1))
    };
    let stay = data.len() - data.iter().filter(gone).count();
    settle(&server, &table);
    let there = number(&server, &format!("SELECT count() AS n FROM {table}"));
    assert_eq!(
        there,
        (stay + sent.load(Ordering::SeqCst)) as i64,
        "{removed:?}"
    );
    assert!(!done.is_empty(), "{removed:?}");
    drop_all(&server, &[&table]);
}

pub(crate) fn all(port: u16) {
    for (behind, words) in [
        // While it is counted, copied, exported, proven; behind the drop, and behind what was put back.
        ("GROUP BY q", "GROUP BY q"),
        ("GROUP BY q", "INTO \"tradeops_tradeops"),
        ("GROUP BY q", "AS tradeops_q, \"id\""),
        ("GROUP BY q", "tradeops_z <> 0"),
        ("DROP PARTITION LIST", "count()"),
        ("DROP PARTITION LIST", "INTO \"tradeops_test"),
        ("DROP PARTITION LIST", "tradeops_z"),
    ] {
        never_lost(port, behind, words);
    }
    noticed(port);
    written_over(port);
    written_all_the_time(port);
}
