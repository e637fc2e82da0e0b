//! `diagnose.rhai` on real containers.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../support/compose_project.rs"]
mod compose_project;
mod secrets;
#[path = "../support/setting.rs"]
mod setting;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use compose_project::{ComposeProject, docker};
use setting::setting;
use support::{Done, World};

/// Redis and an application that rests on it.
const STACK: &str = r#"
  redis:
    image: $IMAGE
    command: [redis-server]
    healthcheck: { test: [CMD, redis-cli, ping], interval: 1s, retries: 1 }
  api:
    image: $IMAGE
    command: [sh, -c, "echo hello; echo 'ERROR cannot reach redis'; exec sleep 600"]
    init: true
    mem_limit: 64m
    environment: { LOG_LEVEL: debug, DB_HOST: postgres }
    depends_on: { redis: { condition: service_healthy } }"#;

pub(crate) fn diagnose(world: &World, project: &str, args: &[&str]) -> Done {
    let mut all = vec!["diagnose", "--project", project];
    all.extend(args);
    let run = world.tradeops(&all);
    match std::env::var("DOCKER_HOST") {
        Ok(host) => run.env("DOCKER_HOST", host),
        Err(_) => run,
    }
    .done()
}

fn up(services: &str) -> ComposeProject {
    let project = ComposeProject::new(services);
    project.compose(&["up", "--detach", "--wait"]);
    project
}

/// Looks until the state is there: the engine needs a moment for it.
fn until(name: &str, format: &str, wanted: &str) {
    support::until(wanted, || {
        docker(&["inspect", "--format", format, name]) == wanted
    });
}

#[test]
fn the_services_of_the_small_stack_are_well() {
    let world = World::new();
    let project = setting("COMPOSE_PROJECT_NAME");
    for name in [
        "api",
        "ml",
        "redis",
        "postgres",
        "questdb",
        "prometheus",
        "ml-service",
        "db",
    ] {
        let d = diagnose(
            &world,
            &project,
            &[name, "--all", "--logs", "5", "-o", "json"],
        )
        .exits(0)
        .json();
        assert_eq!(d["schema"], "tradeops.diagnosis/1", "{name}");
        assert!(
            d["state"]["text"].as_str().unwrap().ends_with("healthy"),
            "{name}: {}",
            d["state"]
        );
        assert!(
            !d["network"]["listening"].as_array().unwrap().is_empty(),
            "{name}: no socket"
        );
        assert!(
            d["pages"].as_array().unwrap().iter().all(|p| p["bad"] == 0),
            "{name}: {}",
            d["pages"]
        );
        assert!(
            d["resources"]["memory_bytes"].as_i64().unwrap() > 0,
            "{name}"
        );
        assert_eq!(d["drift"]["differences"], serde_json::json!([]), "{name}");
    }
    let api = diagnose(&world, &project, &["api", "--all", "-o", "json"])
        .exits(0)
        .json();
    let lines = api["metrics"]["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 25);
    assert!(
        lines
            .iter()
            .all(|l| l.as_str().unwrap().starts_with("app_"))
    );
    for reached in api["network"]["reaches"].as_array().unwrap() {
        assert_eq!(
            (&reached["inside"], &reached["outside"]),
            (&true.into(), &true.into()),
            "{reached}"
        );
    }
    diagnose(&world, &project, &["redis"]).exits(0).shows(&[
        "redis: well",
        "running since",
        "tcp 127.0.0.1:",
        "log (",
    ]);
}

#[test]
fn each_of_the_guides_names_is_known_and_others_are_not() {
    let (world, project) = (
        World::new(),
        up("  api:\n    image: $IMAGE\n    command: [sleep, \"600\"]\n    init: true"),
    );
    for name in [
        "ml",
        "data-ingestion",
        "signal-generator",
        "execution",
        "risk-monitor",
        "strategy-engine",
        "backtesting",
        "redis",
        "postgres",
        "questdb",
        "pulsar",
        "weaviate",
        "minio",
        "grafana",
        "prometheus",
        "loki",
    ] {
        diagnose(&world, &project.name, &[name])
            .exits(2)
            .shows(&[&format!("{name}: not working"), "there is no container"]);
    }
    diagnose(&world, &project.name, &["api"]).exits(0);
    diagnose(&world, &project.name, &["apy"])
        .exits(64)
        .says(&["no service is called apy", "there are api"]);
    diagnose(&world, &project.name, &[])
        .exits(64)
        .says(&["which service?"]);
    diagnose(&world, "no-such-project", &["api"])
        .exits(64)
        .says(&["no-such-project has no container"]);
    world
        .tradeops(&["diagnose", "api"])
        .env("DOCKER_HOST", "unix:///nonexistent")
        .done()
        .exits(69);
}

#[test]
fn what_a_service_rests_on_is_the_cause_and_comes_first() {
    let (world, project) = (World::new(), up(STACK));
    diagnose(&world, &project.name, &["api", "--logs", "10"])
        .exits(0)
        .shows(&[
            "api: well",
            "1 of the last 2 lines are errors",
            "ERROR cannot reach redis",
        ]);
    docker(&["kill", &project.container("redis")]);
    until(&project.container("redis"), "{{.State.Status}}", "exited");
    let done = diagnose(&world, &project.name, &["api", "--net"]).exits(1);
    let first = done.out.lines().next().unwrap();
    assert!(
        first.starts_with("api: degraded because redis is down (exited with 137 (SIGKILL"),
        "{first}"
    );
    done.shows(&["x redis:6379 not reached from inside (dns:"]);
    let down = diagnose(&world, &project.name, &["redis"]).exits(2);
    down.shows(&["redis: not working", "exited with 137", "die with 137"]);
}

#[test]
fn an_unhealthy_one_shows_its_last_probe_and_a_crash_loop_its_timeline() {
    let trouble = r#"
  redis:
    image: $IMAGE
    command: [redis-server]
    healthcheck: { test: [CMD, sh, -c, "echo cannot write; exit 3"], interval: 1s, retries: 2 }
  api:
    image: $IMAGE
    command: [sh, -c, "exit 78"]
    restart: always
  ml:
    image: $IMAGE
    command: [sh, -c, "sleep 1; exec tail /dev/zero"]
    mem_limit: 16m
    memswap_limit: 16m
  execution:
    image: $IMAGE
    command: [sh, -c, "sleep 1; tail /dev/zero; exec sleep 600"]
    mem_limit: 16m
    memswap_limit: 16m"#;
    let (world, project) = (World::new(), ComposeProject::new(trouble));
    project.compose(&["up", "--detach"]);
    until(
        &project.container("redis"),
        "{{.State.Health.Status}}",
        "unhealthy",
    );
    until(&project.container("ml"), "{{.State.Status}}", "exited");
    let probe = diagnose(&world, &project.name, &["redis"]).exits(2);
    probe.shows(&[
        "unhealthy:",
        "health checks failed in a row, the last with 3: cannot write",
    ]);
    let killed = diagnose(&world, &project.name, &["ml"]).exits(2);
    killed.shows(&[
        "the kernel killed it at its memory limit of 16.0 MiB; it ended with 137 (SIGKILL",
        "oom",
    ]);
    // The engine tells of it in an event, and only of what it had begun to watch.
    let told = || {
        docker(&[
            "events",
            "--since",
            "1m",
            "--until",
            "0s",
            "--filter",
            "event=oom",
            "--filter",
            &format!("container={}", project.container("execution")),
        ])
    };
    support::until("the event", || !told().is_empty());
    diagnose(&world, &project.name, &["execution"])
        .exits(1)
        .shows(&[
            "the kernel killed a process of it at its memory limit of 16.0 MiB",
            "at most 16.0 MiB since it started",
        ]);
    support::until("two restarts", || {
        let count = docker(&[
            "inspect",
            "--format",
            "{{.RestartCount}}",
            &project.container("api"),
        ]);
        count.parse::<u32>().unwrap() >= 2
    });
    let looping = diagnose(&world, &project.name, &["api", "-o", "json"]).json();
    assert!(looping["restarts"].as_i64().unwrap() >= 2, "{looping}");
    let ends = looping["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["what"] == "die with 78 (bad configuration)")
        .count();
    assert!(ends >= 2, "{}", looping["timeline"]);
}

#[test]
fn what_changed_in_the_file_since_is_drift() {
    let (world, project) = (World::new(), up(STACK));
    project.write(
        &STACK.replace("LOG_LEVEL: debug", "LOG_LEVEL: debug, EXTRA: \"1\""),
        "",
    );
    diagnose(&world, &project.name, &["api"]).exits(1).shows(&[
        "the compose file or its variables changed since the container was made",
        "variables of the file that it does not have: EXTRA",
    ]);
}

#[test]
fn a_bundle_is_read_again_and_compared() {
    let (world, project) = (World::new(), up(STACK));
    let live = diagnose(
        &world,
        &project.name,
        &["api", "--all", "--bundle", "one.tar.gz"],
    )
    .exits(0);
    let mode = std::fs::metadata(world.path("one.tar.gz"))
        .map(|m| std::os::unix::fs::PermissionsExt::mode(&m.permissions()))
        .unwrap();
    assert_eq!(mode & 0o777, 0o600);
    // Offline: no engine is asked.
    let read = world
        .tradeops(&["diagnose", "--from", "one.tar.gz"])
        .env("DOCKER_HOST", "unix:///nonexistent")
        .done()
        .exits(0);
    assert_eq!(read.out, live.out);
    docker(&["kill", &project.container("redis")]);
    until(&project.container("redis"), "{{.State.Status}}", "exited");
    diagnose(
        &world,
        &project.name,
        &["api", "--all", "--bundle", "two.tar.gz"],
    )
    .exits(1);
    let diff = world
        .tradeops(&["diagnose", "--diff", "one.tar.gz", "--from", "two.tar.gz"])
        .done()
        .exits(0);
    diff.shows(&["exit_code", "causes"]);
    let same = world
        .tradeops(&["diagnose", "--diff", "one.tar.gz", "--from", "one.tar.gz"])
        .done()
        .exits(0);
    same.shows(&["nothing differs"]);
    std::fs::write(world.path("no.tar.gz"), "no archive").unwrap();
    world
        .tradeops(&["diagnose", "--from", "no.tar.gz"])
        .done()
        .exits(70)
        .says(&["no.tar.gz"]);
}

#[test]
fn ctrl_c_at_any_moment_leaves_a_whole_bundle_or_none() {
    let (world, project) = (World::new(), up(STACK));
    let mut interrupted = 0;
    for moment in [150, 400, 700, 1000, 1600] {
        let args = [
            "diagnose",
            "--project",
            &project.name,
            "api",
            "--all",
            "--bundle",
            "bundles/api.tar.gz",
        ];
        let folder = world.path("bundles");
        std::fs::create_dir_all(&folder).unwrap();
        let run = world.tradeops(&args);
        let run = match std::env::var("DOCKER_HOST") {
            Ok(host) => run.env("DOCKER_HOST", host),
            Err(_) => run,
        };
        let running = run.start();
        std::thread::sleep(Duration::from_millis(moment));
        running.signal(rustix::process::Signal::INT);
        let done = running.end();
        interrupted += usize::from(done.code == 130);
        let left: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(
            left.is_empty() || left == ["api.tar.gz"],
            "after {moment} ms: {left:?}"
        );
        if !left.is_empty() {
            let read = world
                .tradeops(&["diagnose", "--from", "bundles/api.tar.gz", "-o", "json"])
                .done();
            assert_eq!(read.json()["service"], "api", "after {moment} ms");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
    assert!(interrupted > 0, "no look was interrupted");
}
