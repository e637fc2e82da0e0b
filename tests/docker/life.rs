//! What happens to containers in their lives, by our hand or not.

use std::time::{Duration, Instant};

use chrono::Utc;
use tradeops::docker::{Engine, Error, EventRange, ExecOptions, Filter, Goal};

use crate::docker_fixture::{Fixture, LABEL, Spec};
use crate::{SECONDS_20, SLEEP, cx, exec_options, sh};

#[test]
fn a_container_from_start_to_removal() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let guard = fixture.container(
        "life",
        &Spec {
            argv: SLEEP,
            idle: true,
            ..Spec::default()
        },
    );
    let name = guard.name.as_str();
    let created = engine.container(&cx, name).unwrap();
    assert_eq!(
        (
            created.state.as_str(),
            created.exit_code,
            created.started_at
        ),
        ("created", None, None)
    );

    let started = engine.start(&cx, name).unwrap();
    assert!(started.changed);
    assert_eq!(
        (started.before.as_str(), started.state.as_deref()),
        ("created", Some("running"))
    );
    assert!(!engine.start(&cx, name).unwrap().changed, "it runs already");

    let paused = engine.pause(&cx, name).unwrap();
    assert_eq!(paused.state.as_deref(), Some("paused"));
    assert!(!engine.pause(&cx, name).unwrap().changed);
    assert!(engine.unpause(&cx, name).unwrap().changed);
    assert!(!engine.unpause(&cx, name).unwrap().changed);

    let before = engine.container(&cx, name).unwrap();
    let restarted = engine.restart(&cx, name, Duration::ZERO).unwrap();
    assert_eq!(restarted.state.as_deref(), Some("running"));
    let after = engine.container(&cx, name).unwrap();
    assert!(after.started_at > before.started_at);
    assert_eq!(
        (after.restart_count, after.exit_code),
        (0, None),
        "an operator's restart is not counted"
    );

    let running = engine.remove(&cx, name, false, false).unwrap_err();
    assert!(matches!(running, Error::Conflict { .. }), "{running}");

    let stopped = engine.stop(&cx, name, Duration::from_secs(5)).unwrap();
    assert_eq!(
        (stopped.state.as_deref(), stopped.exit_code),
        (Some("exited"), Some(137))
    );
    let again = engine.stop(&cx, name, Duration::from_secs(5)).unwrap();
    assert!(!again.changed);
    assert_eq!(
        (again.state.as_deref(), again.exit_code),
        (Some("exited"), Some(137))
    );
    assert!(matches!(
        engine.pause(&cx, name),
        Err(Error::Conflict { .. })
    ));
    assert!(matches!(
        engine.kill(&cx, name, "TERM"),
        Err(Error::Conflict { .. })
    ));

    engine.start(&cx, name).unwrap();
    engine.kill(&cx, name, "KILL").unwrap();
    let ended = engine
        .wait_for(&cx, name, Goal::Exited, SECONDS_20)
        .unwrap();
    assert_eq!(ended.exit_code, Some(137));

    let removed = engine.remove(&cx, name, false, true).unwrap();
    assert_eq!(removed.state.as_deref(), Some("removed"));
    assert!(matches!(
        engine.container(&cx, name),
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        engine.remove(&cx, name, true, true),
        Err(Error::NotFound { .. })
    ));
}

#[test]
fn a_command_inside_with_both_streams() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let guard = fixture.run("exec", SLEEP);
    let name = guard.name.as_str();
    let done = engine
        .exec(
            &cx,
            name,
            &sh("echo out; echo err >&2; exit 7"),
            &exec_options(),
        )
        .unwrap();
    assert_eq!(
        (done.exit_code, done.stdout.as_str(), done.stderr.as_str()),
        (7, "out\n", "err\n")
    );
    assert!(!done.truncated);

    let options = ExecOptions {
        env: vec![("GREETING".into(), "hello".into())],
        workdir: Some("/tmp".into()),
        user: Some("nobody".into()),
        ..exec_options()
    };
    let done = engine
        .exec(&cx, name, &sh("echo $GREETING; pwd; id -un"), &options)
        .unwrap();
    assert_eq!(done.stdout, "hello\n/tmp\nnobody\n");

    // More than a pipe holds, both ways.
    let text = "0123456789abcdef\n".repeat(20_000);
    let options = ExecOptions {
        stdin: Some(text.clone()),
        ..exec_options()
    };
    let done = engine.exec(&cx, name, &["cat".into()], &options).unwrap();
    assert_eq!((done.exit_code, done.stdout == text), (0, true));
    let options = ExecOptions {
        max_bytes: 10,
        ..exec_options()
    };
    let done = engine.exec(&cx, name, &sh("seq 100000"), &options).unwrap();
    assert_eq!(
        (done.stdout.as_str(), done.truncated),
        ("1\n2\n3\n4\n5\n", true)
    );

    let missing = engine
        .exec(&cx, name, &["no-such-program".into()], &exec_options())
        .unwrap();
    assert!(matches!(missing.exit_code, 126 | 127), "{missing:?}");
    let slow = ExecOptions {
        timeout: Duration::from_millis(300),
        ..exec_options()
    };
    let unknown = engine
        .exec(&cx, name, &["sleep".into(), "5".into()], &slow)
        .unwrap_err();
    assert!(
        matches!(unknown, Error::Unknown { stop: None, .. }),
        "{unknown}"
    );
    assert!(matches!(
        engine.exec(&cx, name, &[], &exec_options()),
        Err(Error::Invalid(_))
    ));

    engine.stop(&cx, name, Duration::ZERO).unwrap();
    let stopped = engine
        .exec(&cx, name, &["true".into()], &exec_options())
        .unwrap_err();
    assert!(matches!(stopped, Error::Conflict { .. }), "{stopped}");
}

#[test]
fn killed_for_want_of_memory() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let spec = Spec {
        // What dies in its first instant the engine has not begun to watch: it knows of no want of memory then.
        argv: &["sh", "-c", "sleep 1; exec tail /dev/zero"],
        memory_bytes: Some(16 << 20),
        ..Spec::default()
    };
    let since = Some(Utc::now());
    let guard = fixture.container("oom", &spec);
    engine
        .wait_for(&cx, &guard.name, Goal::Exited, SECONDS_20)
        .unwrap();
    let detail = engine.container(&cx, &guard.name).unwrap();
    assert_eq!((detail.oom_killed, detail.exit_code), (true, Some(137)));
    let range = EventRange {
        since,
        container: Some(guard.name.clone()),
        ..EventRange::default()
    };
    let events = engine.events(&cx, &range).unwrap().events;
    let actions: Vec<_> = events.iter().map(|e| e.action.as_str()).collect();
    assert!(actions.contains(&"oom"), "{actions:?}");
    let die = events.iter().find(|e| e.action == "die").unwrap();
    assert_eq!(
        (die.exit_code, die.name.as_str()),
        (Some(137), guard.name.as_str())
    );

    let error = engine
        .wait_for(&cx, &guard.name, Goal::Running, SECONDS_20)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("it is exited, killed for want of memory"),
        "{error}"
    );
}

#[test]
fn a_crash_loop_counts_its_restarts() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let spec = Spec {
        argv: &["sh", "-c", "exit 9"],
        retries: Some(2),
        ..Spec::default()
    };
    let guard = fixture.container("loop", &spec);
    let detail = cx
        .poll(Duration::from_millis(100), || {
            let detail = engine.container(&cx, &guard.name).unwrap();
            (detail.state == "exited" && detail.restart_count == 2).then_some(detail)
        })
        .unwrap();
    assert_eq!((detail.exit_code, detail.restarting), (Some(9), false));
    assert_eq!(
        (detail.restart_policy.as_str(), detail.restart_limit),
        ("on-failure", Some(2))
    );
}

#[test]
fn health_from_starting_to_the_last_probes_words() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let spec = Spec {
        argv: SLEEP,
        health: Some("test ! -e /tmp/sick || { echo 'queue is full'; exit 1; }"),
        ..Spec::default()
    };
    let guard = fixture.container("health", &spec);
    let name = guard.name.as_str();
    let since = Some(Utc::now());
    let waited = engine
        .wait_for(&cx, name, Goal::Healthy, SECONDS_20)
        .unwrap();
    assert_eq!(waited.health.as_deref(), Some("healthy"));

    engine
        .exec(&cx, name, &sh("touch /tmp/sick"), &exec_options())
        .unwrap();
    let sick = || {
        let health = engine.container(&cx, name).unwrap().health.unwrap();
        (health.status == "unhealthy").then_some(health)
    };
    let health = cx.poll(Duration::from_millis(100), sick).unwrap();
    let probe = health.log.last().unwrap();
    assert_eq!(
        (probe.exit_code, probe.output.as_str()),
        (1, "queue is full")
    );
    assert!(health.failing_streak >= 1 && probe.ended_at >= probe.started_at);
    let filter = Filter {
        labels: vec![format!("{LABEL}={}", fixture.unique)],
        ..Filter::default()
    };
    assert_eq!(
        engine.containers(&cx, &filter).unwrap()[0]
            .health
            .as_deref(),
        Some("unhealthy")
    );
    let late = engine
        .wait_for(&cx, name, Goal::Healthy, Duration::from_millis(500))
        .unwrap_err()
        .to_string();
    assert_eq!(
        late,
        format!("container `{name}` is running and unhealthy after 500ms, not healthy")
    );

    // Three events per probe, and none of them here unless asked for.
    let range = EventRange {
        since,
        container: Some(name.to_owned()),
        ..EventRange::default()
    };
    let events = engine.events(&cx, &range).unwrap().events;
    let health: Vec<_> = events
        .iter()
        .filter(|e| e.action == "health_status")
        .filter_map(|e| e.detail.as_deref())
        .collect();
    assert_eq!(health, ["healthy", "unhealthy"]);
    assert!(!events.iter().any(|e| e.action.starts_with("exec_")));
    let noisy = engine
        .events(
            &cx,
            &EventRange {
                exec: true,
                ..range
            },
        )
        .unwrap()
        .events;
    assert!(
        noisy
            .iter()
            .filter(|e| e.action.starts_with("exec_"))
            .count()
            >= 3
    );

    let plain = fixture.run("plain", SLEEP);
    let began = Instant::now();
    let error = engine
        .wait_for(&cx, &plain.name, Goal::Healthy, SECONDS_20)
        .unwrap_err();
    assert!(
        error.to_string().ends_with("it has no health check"),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_wait_sees_what_others_do() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let guard = fixture.run("seen", SLEEP);
    let name = guard.name.clone();
    let waiter = std::thread::spawn({
        let (name, cx) = (name.clone(), cx.clone());
        move || Engine::from_env().wait_for(&cx, &name, Goal::Removed, SECONDS_20)
    });
    std::thread::sleep(Duration::from_millis(300));
    engine.remove(&cx, &name, true, true).unwrap();
    let began = Instant::now();
    assert_eq!(waiter.join().unwrap().unwrap().state, "removed");
    assert!(began.elapsed() < Duration::from_secs(10));
}
