//! The history of containers: merged, through the engine and from its files alike, by service and by name.

use serde_json::Value;

use crate::flags::LINES;
use crate::support::{World, until};
use crate::writer::Writers;

fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn history_is_in_the_order_of_time() {
    let (world, writers) = (World::new(), Writers::new());
    // All begin in the same second, however long the engine takes to start them.
    let begin = chrono::Utc::now().timestamp() + 6;
    let line = |n: u32| {
        format!(
            "while [ $(date +%s) -lt {begin} ]; do sleep 0.01; done; for i in $(seq 1 30); do echo out{n} $i; echo err{n} $i >&2; sleep 0.0{n}; done"
        )
    };
    let names = [1, 2, 3].map(|n| writers.run(&format!("m{n}"), "api", n, &[], &line(n)));
    for name in &names {
        writers.docker(&["wait", name]);
    }
    let mut args = vec!["--no-follow", "--no-markers", "-o", "json"];
    args.extend(names.iter().map(String::as_str));
    let done = writers.logs(&world, &args).done().exits(0);
    let all = objects(&done.out);
    assert_eq!(all.len(), 180);
    let times: Vec<_> = all.iter().map(|o| o["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted());
    let sources: Vec<_> = all.iter().map(|o| o["source"].as_str().unwrap()).collect();
    assert!(
        sources.windows(2).filter(|pair| pair[0] != pair[1]).count() > 20,
        "they take turns"
    );
    let stderr = all.iter().filter(|o| o["stream"] == "stderr").count();
    assert_eq!(stderr, 90);
    args.extend(["--stream", "stderr"]);
    assert_eq!(
        objects(&writers.logs(&world, &args).done().exits(0).out).len(),
        90
    );
}

#[test]
fn the_engine_and_its_files_give_the_same_lines() {
    let (world, writers) = (World::new(), Writers::new());
    // Long lines in pieces, both streams, escapes, control bytes, what is no UTF-8, no end at the end.
    let odd = r#"printf 'a "quoted" \\ back\ttab <&> \001\033[31m ü 😀\n'; printf '\377\376 bad\n'; printf '\r\n\n'; head -c 50000 /dev/zero | tr '\0' x; echo; head -c 100000 /dev/zero | tr '\0' y; echo; echo err >&2; printf 'ERROR x\n  at y\n'; printf 'no end'"#;
    let numbers = "for i in $(seq 1 6000); do echo \"line $i of many\"; done";
    let rotated = [
        "--log-opt",
        "max-size=50k",
        "--log-opt",
        "max-file=4",
        "--log-opt",
        "compress=true",
    ];
    let tagged = [
        "--log-opt",
        "labels=com.tradeops.test",
        "--log-opt",
        "env=X",
        "--env",
        "X=1",
    ];
    let names = [
        writers.run("odd", "api", 1, &[], odd),
        writers.run("rot", "api", 2, &rotated, numbers),
        writers.run("tag", "api", 3, &tagged, "echo tagged; echo twice"),
        writers.run("tty", "api", 4, &["--tty"], "echo on; echo a terminal >&2"),
    ];
    for (name, least) in names.iter().zip([9, 2000, 2, 2]) {
        writers.docker(&["wait", name]);
        let read = |more: &str| {
            let args = [name, "--no-follow", "--no-markers", "-o", "json", more];
            writers.logs(&world, &args).done().exits(0).out
        };
        // Compressing goes on after the end.
        let (mut files, mut engine) = (String::new(), String::new());
        until("the same lines either way", || {
            (files, engine) = (read("--direct"), read("--no-direct"));
            files == engine
        });
        assert!(
            files.lines().count() >= least,
            "{name}: {}",
            files.lines().count()
        );
    }
}

#[test]
fn services_aliases_containers_and_what_there_is_not() {
    let (world, writers) = (World::new(), Writers::new());
    let (ml, second) = (
        writers.run("one", "ml", 1, &[], "echo from the first"),
        writers.run("two", "ml", 2, &[], "echo from the second; sleep 600"),
    );
    writers.docker(&["wait", &ml]);
    let logs = |args: &[&str]| {
        writers
            .logs(&world, &[&["--no-follow", "--no-markers"], args].concat())
            .done()
    };
    let both = logs(&["ml-service"]).exits(0);
    assert_eq!(
        both.out, "ml | from the first\nml-2 | from the second\n",
        "one that ended is read too"
    );
    assert_eq!(
        logs(&[&second]).exits(0).out,
        format!("{second} | from the second\n")
    );
    logs(&["nobody"])
        .exits(64)
        .says(&["no service and no container is called nobody", "ml"]);
    logs(&["execution"])
        .exits(1)
        .says(&["execution has no container", "nothing to read"]);
    logs(&[]).exits(0).shows(&["from the first"]);
    let none = world
        .tradeops(&["logs", "--no-follow", "--project", "tl-none"])
        .done();
    none.exits(1)
        .says(&["the compose project tl-none has no container here"]);
    let away = world
        .tradeops(&["logs", "api"])
        .env("DOCKER_HOST", "unix:///nonexistent")
        .done();
    away.exits(69).says(&["no docker engine answers"]);
}

#[test]
fn only_what_was_written_since_then_and_no_secret() {
    let (world, writers) = (World::new(), Writers::new());
    let secret = ["--env", "DB_PASSWORD=tr0ub4dor-and-3"];
    let name = writers.run(
        "s",
        "api",
        1,
        &secret,
        "echo early; sleep 2; echo \"late with $DB_PASSWORD\"; sleep 600",
    );
    until("the second line", || {
        writers.docker(&["logs", &name]).contains("late")
    });
    let read = |more: &[&str]| {
        let mut args = vec![
            "logs",
            &name,
            "--no-follow",
            "--no-markers",
            "--no-show-container",
        ];
        args.extend(more);
        world.tradeops(&args).done().exits(0).out
    };
    for direct in ["--direct", "--no-direct"] {
        let late = read(&["--since", "1900ms", direct]);
        assert!(
            late.starts_with("late with ‹redacted:") && !late.contains("tr0ub4dor"),
            "{late}"
        );
        let timed = read(&["--since", "all", "--datetime", "--until", "100ms", direct]);
        assert!(
            timed.starts_with("[20") && timed.contains("Z] early\n"),
            "{timed}"
        );
    }
}

/// Each flag that chooses and shows gives of a container what it gives of a file with the same lines.
#[test]
fn each_flag_on_a_container_as_on_a_file() {
    let (world, writers) = (World::new(), Writers::new());
    world.file("a.log", LINES);
    let lines = format!("LINES={LINES}");
    let name = writers.run(
        "f",
        "api",
        1,
        &["--env", &lines],
        "printf %s \"$LINES\"; exec sleep 600",
    );
    until("the lines", || {
        writers.docker(&["logs", &name]).lines().count() == LINES.lines().count()
    });
    let flags: [&[&str]; 14] = [
        &[],
        &["--grep", "ORDER", "--squelch", "refused"],
        &["--grep", "!order"],
        &["--level", "warn+"],
        &["--where", "status>=500 and http.path~\"/quote\"", "--json"],
        &["--trace", "ab-12"],
        &["--grep", "CRITICAL", "--context", "2"],
        &["--json"],
        &["--json-field", "status,http.path,level"],
        &["--highlight", "order|a line"],
        &["--fail-on-error"],
        &["--fail-on-error", "--allow", "order", "--allow", "a line"],
        &["--max-errors", "1"],
        &["--until-match", "nowhere"],
    ];
    for more in flags {
        let of_file = world
            .tradeops(&[&["logs", "--file", "a.log"], more].concat())
            .done();
        for direct in ["--direct", "--no-direct"] {
            let own = [
                name.as_str(),
                "--no-follow",
                "--no-markers",
                "--no-show-container",
                direct,
            ];
            let done = writers.logs(&world, &[&own, more].concat()).done();
            assert_eq!(
                (&done.out, done.code),
                (&of_file.out, of_file.code),
                "{more:?} {direct}"
            );
        }
    }
    // In one second of the engine more than three lines: the least bad go, the errors stay.
    let rate = [
        "--no-follow",
        "--no-markers",
        "--rate",
        "3",
        "--stats",
        &name,
    ];
    let done = writers.logs(&world, &rate).done().exits(0);
    assert!(
        done.out.contains("order 8 refused") && done.out.contains("CRITICAL"),
        "{}",
        done.out
    );
    done.shows(&["1 debug line dropped", " SOURCE"]);
}
