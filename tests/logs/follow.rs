//! A follow: through restarts, recreation, scaling and rotation without a line lost or doubled; how it ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Running, World, until};
use crate::writer::{Writers, lines};

/// What a follow has shown, by container: the messages in their order.
pub(crate) fn shown(path: &Path) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines(path) {
        let value: Value = serde_json::from_str(&line).unwrap();
        if value.get("note").is_some() {
            continue;
        }
        let container = value["container"].as_str().unwrap().to_owned();
        all.entry(container)
            .or_default()
            .push(value["message"].as_str().unwrap().to_owned());
    }
    all
}

/// Ends the follow when it has shown as many lines as were written, and compares line for line.
#[track_caller]
pub(crate) fn same(writers: &Writers, names: &[&str], out: &Path, run: Running, code: i32) {
    until("all lines", || {
        let shown = shown(out);
        names
            .iter()
            .all(|name| shown.get(*name).map_or(0, Vec::len) >= writers.written(name).len())
    });
    // What would come twice comes soon.
    std::thread::sleep(Duration::from_millis(500));
    run.signal(Signal::INT);
    let done = run.end().exits(code);
    let shown = shown(out);
    for name in names {
        let (written, shown) = (writers.written(name), &shown[*name]);
        let differs = written.iter().zip(shown).position(|(a, b)| a != b);
        assert_eq!(
            differs,
            None,
            "{name}: {:?} {:?}\n{}",
            differs.map(|at| &written[at]),
            differs.map(|at| &shown[at]),
            done.err
        );
        assert_eq!(written.len(), shown.len(), "{name}\n{}", done.err);
    }
    assert!(!done.err.contains("dropped"), "{}", done.err);
}

#[test]
fn restarts_recreation_and_new_containers_lose_and_double_no_line() {
    let (world, writers) = (World::new(), Writers::new());
    let first = writers.write("a", "api", 1, 3000, &[]);
    let out = world.path("out.jsonl");
    let run = writers
        .logs(&world, &["api", "ml", "-o", "json"])
        .start_into(&out);
    writers.wait(&first, 500);
    // A service that comes, one that is scaled, and restarts in the middle of writing.
    let other = writers.write("m", "ml", 1, 3000, &[]);
    let second = writers.write("a2", "api", 2, 2000, &[]);
    let rounds = if std::env::var_os("TRADEOPS_SOAK").is_some() {
        12
    } else {
        3
    };
    for round in 1..=rounds {
        writers.docker(&["restart", "--time", "20", &first]);
        writers.wait(&other, 400 * round);
        writers.docker(&["restart", "--time", "20", &other]);
    }
    writers.docker(&["stop", "--time", "20", &second]);
    // Recreated: another container, with a log of its own, under the service's name.
    let third = writers.write("a3", "api", 2, 2000, &[]);
    writers.wait(&third, 2000);
    for name in [&first, &other] {
        let all = writers.written(name).len();
        writers.docker(&["stop", "--time", "20", name]);
        assert!(writers.written(name).len() >= all);
    }
    same(&writers, &[&first, &other, &second, &third], &out, run, 0);
}

#[test]
fn rotation_loses_no_line_of_a_follow() {
    let (world, writers) = (World::new(), Writers::new());
    let out = world.path("out.jsonl");
    // The reader must keep up: what is rotated away before it is read is gone, for `docker logs` too. So it goes slowly.
    let options = [
        "--log-opt",
        "max-size=100k",
        "--log-opt",
        "max-file=2",
        "--env",
        "PAUSE=0.08",
    ];
    let name = writers.write("r", "api", 1, 4000, &options);
    let run = writers
        .logs(&world, &[&name, "-o", "json"])
        .start_into(&out);
    writers.wait(&name, 4000);
    same(&writers, &[&name], &out, run, 0);
}

#[test]
fn the_gate_in_a_follow_ended_by_ctrl_c() {
    let (world, writers) = (World::new(), Writers::new());
    let name = writers.run(
        "g",
        "api",
        1,
        &[],
        "echo ready; sleep 1; echo 'ERROR: one' >&2; sleep 600",
    );
    let start = |more: &[&str]| {
        let mut run = writers
            .logs(&world, &[&[name.as_str()], more].concat())
            .start();
        run.until("ERROR: one");
        run.signal(Signal::INT);
        run.end()
    };
    start(&["--fail-on-error"])
        .exits(2)
        .says(&["1 errors in 2 lines", "ERROR: one"]);
    start(&[]).exits(0);
    start(&["--fail-on-error", "--allow", "one"]).exits(0);
    // What is not shown counts.
    let mut run = writers
        .logs(
            &world,
            &[
                &name,
                "--level",
                "critical",
                "--fail-on-error",
                "--until-match",
                "one",
            ],
        )
        .start();
    run.until_says("errors in");
    run.end().exits(2);
}

#[test]
fn the_gate_ended_by_time_by_a_match_and_by_too_many() {
    let (world, writers) = (World::new(), Writers::new());
    let name = writers.run("g", "api", 1, &[], "n=0; while true; do n=$((n + 1)); echo \"ERROR: $n\"; [ $n = 3 ] && echo 'startup complete'; sleep 0.2; done");
    let logs = |more: &[&str]| {
        writers
            .logs(&world, &[&[name.as_str()], more].concat())
            .done()
    };
    let waited = logs(&["--within", "2s"]).exits(0);
    assert!(
        waited.took > Duration::from_millis(1900),
        "{:?}",
        waited.took
    );
    logs(&["--within", "3s", "--fail-on-error"]).exits(2);
    logs(&["--until-match", "startup complete", "--within", "30s"])
        .exits(0)
        .shows(&["startup complete"]);
    logs(&["--until-match", "never", "--within", "1s"])
        .exits(1)
        .says(&["nothing matched never"]);
    let many = logs(&["--max-errors", "4"]).exits(2);
    assert_eq!(
        many.out.matches("ERROR").count(),
        5,
        "one more than are let pass\n{}",
        many.out
    );
}

#[test]
fn what_happened_to_a_container_stands_where_it_happened() {
    let (world, writers) = (World::new(), Writers::new());
    let line = "if [ -e /again ]; then echo again; else touch /again; echo up; fi; echo down; sleep 1; exit 3";
    let name = writers.run("k", "api", 1, &["--restart", "on-failure:1"], line);
    let mut run = writers.logs(&world, &[&name]).start();
    run.until("down");
    run.until("── ");
    run.until("exit code 3");
    run.until("again");
    run.signal(Signal::INT);
    let done = run.end().exits(0);
    let order: Vec<_> = done
        .out
        .lines()
        .map(|line| line.rsplit(": ").next().unwrap_or(line))
        .collect();
    let text = done.out.clone();
    let first = text.find("down").unwrap();
    let ended = text.find("ended with exit code 3").unwrap();
    // The engine tells of a start when the program may have written already.
    let again = text.find("again").unwrap();
    assert!(first < ended && ended < again, "{order:?}");

    // In the history too, as far as the engine remembers; and a kill for want of memory is told.
    let memory = writers.run(
        "o",
        "ml",
        1,
        &["--memory", "16m", "--memory-swap", "16m"],
        "echo eat; exec tail /dev/zero",
    );
    writers.docker(&["wait", &memory]);
    world
        .tradeops(&["logs", &name, &memory, "--since", "5m", "--no-follow"])
        .done()
        .exits(0)
        .shows(&[
            "ended with exit code 3",
            "was killed for want of memory",
            "ended with exit code 137",
        ]);
    let health = [
        "--health-cmd",
        "test -e /tmp/ok",
        "--health-interval",
        "1s",
        "--health-retries",
        "1",
    ];
    let sick = writers.run(
        "h",
        "ml",
        2,
        &health,
        "echo begin; sleep 3; touch /tmp/ok; sleep 600",
    );
    let mut run = writers.logs(&world, &[&sick]).start();
    run.until("is unhealthy");
    run.until("is healthy");
    run.signal(Signal::INT);
    run.end().exits(0);
}
