//! What goes wrong while a stack starts: named once, at once, with the reason and what it holds up.

use crate::compose_project::ComposeProject;
use crate::support::World;
use crate::{STACK, service, startup};

#[test]
fn a_crash_loop_is_named_with_its_exit_code_and_its_last_words() {
    let looping = STACK.replacen(
        "command: [redis-server]\n    healthcheck: { test: [CMD, redis-cli, ping], interval: 1s }\n    depends_on",
        "command: [sh, -c, \"echo 'ERROR no token' >&2; exit 3\"]\n    restart: always\n    healthcheck: { test: [CMD, redis-cli, ping], interval: 1s }\n    depends_on",
        1,
    );
    assert_ne!(looping, STACK);
    let (world, project) = (World::new(), ComposeProject::new(&looping));
    let done = startup(&world, &project, &["-o", "json"]).done().exits(1);
    let result = done.json();
    let api = service(&result, "api");
    assert_eq!(api["state"], "failed");
    let reason = api["why"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("ends again and again: ") && reason.contains("ended with 3"),
        "{reason}"
    );
    assert_eq!(api["why"]["log"][0], "ERROR no token");
    // The engine waits 0.1 s and 0.2 s between its first restarts; three seconds after the second crash are the promise.
    assert!(api["seconds"].as_f64().unwrap() < 20.0, "{api}");
    let held = service(&result, "execution");
    assert_eq!(
        (&held["state"], &held["blocked_by"]),
        (&"blocked".into(), &serde_json::json!(["api"]))
    );
    assert_eq!(
        service(&result, "ml")["state"],
        "blocked",
        "its phase comes after"
    );

    // Whoever keeps going starts what does not rest on it.
    let result = startup(&world, &project, &["-o", "json", "--keep-going"])
        .done()
        .exits(1)
        .json();
    assert_eq!(service(&result, "ml")["state"], "ready");
    assert_eq!(service(&result, "execution")["state"], "blocked");
}

#[test]
fn a_failed_migration_is_named_with_what_it_holds_up() {
    let (world, project) = (
        World::new(),
        ComposeProject::new(&STACK.replace(
            "command: [\"true\"]",
            "command: [sh, -c, \"echo FATAL no such revision; exit 4\"]",
        )),
    );
    let done = startup(&world, &project, &[]).done().exits(1);
    let trouble: Vec<_> = done
        .out
        .lines()
        .filter(|l| l.contains("x migrations"))
        .collect();
    assert_eq!(trouble.len(), 1, "{}", done.out);
    done.shows(&[
        "x migrations: container",
        "will not be done: it ended with 4",
        "holds up: api, ml, execution",
        "log: FATAL no such revision",
        "failed: 1 of 5 services",
    ]);
}

#[test]
fn an_unhealthy_dependency_is_named_once() {
    let (world, project) = (
        World::new(),
        ComposeProject::new(&STACK.replacen(
            "redis-cli, ping]",
            "sh, -c, \"echo connection refused; exit 7\"]",
            1,
        )),
    );
    let done = startup(&world, &project, &[]).done().exits(1);
    assert_eq!(
        done.out.matches("will not be ready").count(),
        1,
        "{}",
        done.out
    );
    done.shows(&[
        "x redis:",
        "last with 7; it says: connection refused",
        "holds up: api, migrations, ml, execution",
    ]);
}

#[test]
fn want_of_memory_and_a_program_that_is_not_there_are_told_as_that() {
    let hungry = "  redis:\n    image: $IMAGE\n    command: [sh, -c, \"sleep 1; exec tail /dev/zero\"]\n    mem_limit: 16m\n    memswap_limit: 16m\n  api:\n    image: $IMAGE\n    command: [no-such-program]";
    let (world, project) = (World::new(), ComposeProject::new(hungry));
    let done = startup(&world, &project, &["--fast", "--keep-going"])
        .done()
        .exits(1);
    done.shows(&[
        "killed for want of memory: its limit is 16 MiB",
        "no-such-program",
    ]);
}
