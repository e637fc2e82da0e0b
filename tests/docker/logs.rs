//! Log lines as the engine really sends them.

use std::time::Duration;

use chrono::Utc;
use tradeops::docker::{Engine, Error, Goal, LogBounds, LogRange};

use crate::docker_fixture::{Fixture, Spec};
use crate::{BOUNDS, SECONDS_20, cx};

fn texts(logs: &tradeops::docker::Logs) -> Vec<&str> {
    logs.lines.iter().map(|l| l.line.as_str()).collect()
}

#[test]
fn logs_by_number_time_and_stream() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let line =
        "seq 1 5; echo oops >&2; sleep 1.2; echo 'ERROR late'; echo 'ERROR but fine'; sleep 600";
    let guard = fixture.run("logs", &["sh", "-c", line]);
    let name = guard.name.as_str();
    let logs = |range: LogRange| engine.logs(&cx, name, &range, BOUNDS).unwrap();
    cx.poll(Duration::from_millis(50), || {
        (logs(LogRange::default()).lines.len() == 8).then_some(())
    })
    .unwrap();

    let all = logs(LogRange::default());
    assert!(!all.truncated);
    assert!(
        all.lines
            .iter()
            .all(|l| l.time.is_some_and(|t| (Utc::now() - t).num_seconds() < 60))
    );
    let last = logs(LogRange {
        last: Some(2),
        ..LogRange::default()
    });
    assert_eq!(texts(&last), ["ERROR late", "ERROR but fine"]);
    assert!(!last.truncated, "all that was asked for is there");

    let since = all
        .lines
        .iter()
        .find(|l| l.line == "ERROR late")
        .unwrap()
        .time;
    let late = logs(LogRange {
        since,
        ..LogRange::default()
    });
    assert_eq!(
        texts(&late),
        ["ERROR late", "ERROR but fine"],
        "exact although the engine counts seconds"
    );
    let early = logs(LogRange {
        until: since,
        ..LogRange::default()
    });
    assert_eq!(early.lines.len(), 7);
    assert_eq!(
        logs(LogRange {
            since: Some(Utc::now() + Duration::from_secs(60)),
            ..LogRange::default()
        })
        .lines,
        []
    );

    let errors = logs(LogRange {
        stdout: false,
        ..LogRange::default()
    });
    assert_eq!(texts(&errors), ["oops"]);
    assert_eq!(errors.lines[0].stream, "stderr");
    // The engine counts both streams: asking it for one line would find nothing here.
    let last_error = logs(LogRange {
        last: Some(1),
        stdout: false,
        ..LogRange::default()
    });
    assert_eq!(texts(&last_error), ["oops"]);

    let few = LogBounds { lines: 3, ..BOUNDS };
    let cut = engine
        .logs(
            &cx,
            name,
            &LogRange {
                stderr: false,
                ..LogRange::default()
            },
            few,
        )
        .unwrap();
    assert_eq!(
        (texts(&cut), cut.truncated, cut.dropped),
        (vec!["5", "ERROR late", "ERROR but fine"], true, 4)
    );

    let count = |pattern: &str, except: Option<&str>| {
        engine
            .count_lines(&cx, name, &LogRange::default(), pattern, except)
            .unwrap()
    };
    let errors = count("(?i)error|oops", Some("but fine"));
    assert_eq!(
        (errors.matched, errors.lines, errors.sample.as_deref()),
        (2, 8, Some("ERROR late"))
    );
    assert!(errors.first < errors.last);
    let none = count("nothing like it", None);
    assert_eq!(
        (none.matched, none.lines, none.first, none.sample),
        (0, 8, None, None)
    );
    let wrong = engine.count_lines(&cx, name, &LogRange::default(), "(", None);
    assert!(matches!(wrong, Err(Error::Invalid(_))));
    assert!(matches!(
        engine.logs(&cx, &fixture.name("none"), &LogRange::default(), BOUNDS),
        Err(Error::NotFound { .. })
    ));
}

#[test]
fn long_lines_and_terminals() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    // Longer than the engine's 16 KiB messages, and longer than what is kept of a line.
    let line = "head -c 40000 /dev/zero | tr '\\0' x; echo; head -c 100000 /dev/zero | tr '\\0' y; echo; echo z";
    let long = fixture.run("long", &["sh", "-c", line]);
    engine
        .wait_for(&cx, &long.name, Goal::Exited, SECONDS_20)
        .unwrap();
    let logs = engine
        .logs(&cx, &long.name, &LogRange::default(), BOUNDS)
        .unwrap();
    let sizes: Vec<_> = logs
        .lines
        .iter()
        .map(|l| (l.line.len(), &l.line[..1]))
        .collect();
    assert_eq!(sizes, [(40_000, "x"), (64 * 1024, "y"), (1, "z")]);
    assert!(logs.truncated);

    let spec = Spec {
        argv: &["sh", "-c", "echo out; echo err >&2; printf end"],
        tty: true,
        ..Spec::default()
    };
    let tty = fixture.container("tty", &spec);
    engine
        .wait_for(&cx, &tty.name, Goal::Exited, SECONDS_20)
        .unwrap();
    let logs = engine
        .logs(&cx, &tty.name, &LogRange::default(), BOUNDS)
        .unwrap();
    assert_eq!(texts(&logs), ["out", "err", "end"]);
    assert!(
        logs.lines
            .iter()
            .all(|l| l.time.is_some() && l.stream == "stdout"),
        "{logs:?}"
    );
}
