//! Rows that are written while a partition is removed: before the gate, between gate and drop, behind the drop.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

/// A request that has the first words and names the second day, and then the first with the second words: just before that one
/// a row comes into that day.
type Moment = (&'static str, &'static str);

const COPY: &str = "INTO \"tradeops_tradeops";
const EXPORT: &str = "AS tradeops_q, \"id\"";
const PROOF: &str = "tradeops_z <> 0";
/// Putting back.
const INTO_IT: &str = "INTO \"tradeops_test";

/// While the plan is made, which names no day: what it counted is not taken for granted afterwards.
const PLANNING: Moment = ("", "GROUP BY p, q");

/// Lets rows come at these moments, one after the other.
fn late(port: u16, table: &str, moments: &[Moment]) -> Proxy {
    let table = table.to_owned();
    let moments = moments.to_vec();
    let direct = at(port);
    let state = Mutex::new((0, false));
    Proxy::start(port, move |_, asked| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, armed) = *state;
        let Some((behind, words)) = moments.get(done) else {
            return Go::On;
        };
        let named = behind.is_empty() || asked.contains("2024-02-11");
        state.1 = armed || (named && asked.contains(behind));
        if state.1 && asked.contains(words) {
            run(
                &direct,
                &format!(
                    "INSERT INTO {table} (id, ts) VALUES ({}, '2024-02-11T12:00:00.00000{}Z')",
                    7000 + done,
                    done + 1
                ),
            );
            *state = (done + 1, false);
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
        &format!("SELECT count() AS n FROM {table} WHERE id >= 7000"),
    );
    (
        number(server, &format!("SELECT count() AS n FROM {table}")),
        late,
    )
}

/// Before the gate, and behind the drop, a row is as if it had come at any other time.
fn never_lost(port: u16, moments: &[Moment]) {
    let (server, data) = (at(port), data());
    let table = create(&server, DAYS);
    fill(&server, &table, &data);
    let proxy = late(port, &table, moments);
    let state = state();
    let rules = [rule("volume", "2024-02-13", Some("volume = 0"))];
    let removed = remove(
        &at(proxy.port),
        &table,
        &rules,
        &options(state.path(), "20240101T000000-1"),
    );
    assert_eq!(removed.failed, None, "{moments:?}: {removed:?}");
    assert!(
        removed.partitions.iter().all(|p| p.outcome == "rewritten"),
        "{moments:?}: {removed:?}"
    );
    let stay = stay(&data, "2024-02-13");
    let came = moments.len() as i64;
    assert_eq!(ids(&server, &table), (stay + came, came), "{moments:?}");
    drop_all(&server, &[&table]);
}

/// Between gate and drop it is lost, which cannot be prevented; and that is noticed, told, and the end of the run.
fn noticed(port: u16) {
    let (server, data) = (at(port), data());
    let table = create(&server, DAYS);
    fill(&server, &table, &data);
    let proxy = late(
        port,
        &table,
        &[("DROP PARTITION LIST", "DROP PARTITION LIST")],
    );
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
    let proxy = late(port, &table, &[("DROP PARTITION LIST", INTO_IT)]);
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
    // While it is copied, exported, proven: of what the plan counted, and of what was counted anew; behind the drop, and behind
    // what was put back.
    let before = [
        (COPY, COPY),
        (COPY, EXPORT),
        (COPY, PROOF),
        ("GROUP BY q", "GROUP BY q"),
    ];
    for moment in before {
        if moment.0 == COPY {
            never_lost(port, &[moment]);
        }
        never_lost(port, &[PLANNING, moment]);
    }
    for words in ["count()", INTO_IT, "tradeops_z"] {
        never_lost(port, &[("DROP PARTITION LIST", words)]);
    }
    noticed(port);
    written_over(port);
    written_all_the_time(port);
}
