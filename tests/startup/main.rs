//! `startup.rhai` on real projects: small ones with the names of the overlay's services.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../support/compose_project.rs"]
mod compose_project;
mod early;
mod failures;
mod interrupted;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/terminal.rs"]
mod terminal;
mod tracing;

use compose_project::{ComposeProject, docker};
use serde_json::Value;
use support::{Run, World, until};

/// Redis, a job, and three applications that rest on them, in four phases.
pub(crate) const STACK: &str = r#"
  redis:
    image: $IMAGE
    command: [redis-server]
    healthcheck: { test: [CMD, redis-cli, ping], interval: 1s }
  migrations:
    image: $IMAGE
    command: ["true"]
    depends_on: { redis: { condition: service_healthy } }
    restart: "no"
  api:
    image: $IMAGE
    command: [redis-server]
    healthcheck: { test: [CMD, redis-cli, ping], interval: 1s }
    depends_on: { redis: { condition: service_healthy }, migrations: { condition: service_completed_successfully } }
  ml:
    image: $IMAGE
    command: [sleep, "600"]
    init: true
    depends_on: { redis: { condition: service_healthy } }
  execution:
    image: $IMAGE
    command: [sleep, "600"]
    init: true
    depends_on: { api: { condition: service_healthy } }"#;

/// The workflow on a project, in a world.
pub(crate) fn startup(world: &World, project: &ComposeProject, flags: &[&str]) -> Run {
    let file = project.file().display().to_string();
    let mut args = vec!["startup", "--file", &file, "--skip-final-health"];
    args.extend(flags);
    let run = world.tradeops(&args);
    match std::env::var("DOCKER_HOST") {
        Ok(host) => run.env("DOCKER_HOST", host),
        Err(_) => run,
    }
}

/// A service of the result.
pub(crate) fn service<'a>(result: &'a Value, name: &str) -> &'a Value {
    result["services"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["name"] == name)
        .unwrap()
}

#[test]
fn a_cold_start_in_order_and_then_nothing_to_do() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    let result = startup(&world, &project, &["-o", "json"])
        .done()
        .exits(0)
        .json();
    assert_eq!(
        (&result["ok"], &result["schema"]),
        (&true.into(), &"tradeops.startup/1".into())
    );
    let began = |name| service(&result, name)["began_s"].as_f64().unwrap();
    let ended = |name| began(name) + service(&result, name)["seconds"].as_f64().unwrap();
    for (earlier, later) in [
        ("redis", "migrations"),
        ("migrations", "api"),
        ("api", "ml"),
        ("ml", "execution"),
    ] {
        assert!(
            ended(earlier) <= began(later) + 0.05,
            "{earlier} before {later}: {result}"
        );
    }
    assert_eq!(result["critical_path"][0], "redis");
    assert_eq!(service(&result, "api")["phase"], "application 1");
    assert!(
        result["services"]
            .as_array()
            .unwrap()
            .iter()
            .all(|s| s["state"] == "ready" && s["started"] == true)
    );
    let made = world.changes();
    assert_eq!(
        made.iter()
            .filter(|c| c.starts_with("docker::start"))
            .count(),
        5,
        "{made:?}"
    );

    let (other, before) = (World::new(), ids(&project));
    let result = startup(&other, &project, &["-o", "json"])
        .done()
        .exits(0)
        .json();
    assert!(
        result["services"]
            .as_array()
            .unwrap()
            .iter()
            .all(|s| s["state"] == "ready" && s["started"] == false),
        "{result}"
    );
    assert_eq!(other.changes(), Vec::<String>::new());
    assert_eq!(
        ids(&project),
        before,
        "a container was started or made anew"
    );

    // One that was stopped is started, and the job that it waits for runs before it.
    docker(&["stop", "--time", "1", &project.container("api")]);
    let (other, result) = (
        World::new(),
        startup(&World::new(), &project, &["--plan", "-o", "json"]).done(),
    );
    let plan = result.exits(0).json();
    let targets: Vec<_> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["target"].as_str().unwrap())
        .collect();
    assert_eq!(
        targets,
        [
            format!("docker/{}", project.container("migrations")),
            format!("docker/{}", project.container("api"))
        ]
    );
    startup(&other, &project, &[])
        .done()
        .exits(0)
        .shows(&["2 started"]);
    assert_eq!(other.changes().len(), 2);
}

#[test]
fn other_settings_make_only_that_container_anew() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    startup(&world, &project, &["--fast"]).done().exits(0);
    project.write(&STACK.replace("sleep, \"600\"", "sleep, \"601\""), "");
    let result = startup(&world, &project, &["--fast", "-o", "json"])
        .done()
        .exits(0)
        .json();
    assert_eq!(result["created"], serde_json::json!(["execution", "ml"]));
    assert_eq!(service(&result, "redis")["started"], false);
    assert_eq!(service(&result, "ml")["started"], true);
}

#[test]
fn a_plan_of_a_cold_start_changes_nothing() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    let plan = startup(&world, &project, &["--plan", "-o", "json"])
        .done()
        .exits(0)
        .json();
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!(steps[0]["op"], "compose::up");
    assert!(
        steps[0]["blast"]["summary"]
            .as_str()
            .unwrap()
            .starts_with("creates "),
        "{plan}"
    );
    assert_eq!(
        steps.iter().filter(|s| s["op"] == "docker::start").count(),
        5
    );
    assert_eq!(ids(&project), "");
}

#[test]
fn a_saved_plan_starts_what_it_names_also_where_a_container_is_made_anew() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    let plan = || {
        startup(&world, &project, &["--plan-out", "start.plan"])
            .done()
            .exits(0)
    };
    let apply = || world.tradeops(&["apply", "start.plan"]).done();
    plan();
    assert_eq!(ids(&project), "");
    apply().exits(0);
    let cold = ids(&project);
    assert!(!cold.is_empty());
    // It is used up: they are there now.
    apply().exits(1);
    assert_eq!(ids(&project), cold);

    project.write(&STACK.replace("sleep, \"600\"", "sleep, \"601\""), "");
    plan();
    assert_eq!(ids(&project), cold);
    apply().exits(0);
    assert_ne!(ids(&project), cold);
}

#[test]
fn fast_begins_each_as_soon_as_what_it_needs_is_ready() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    let result = startup(&world, &project, &["--fast", "-o", "json"])
        .done()
        .exits(0)
        .json();
    let began = |name| service(&result, name)["began_s"].as_f64().unwrap();
    let api = began("api") + service(&result, "api")["seconds"].as_f64().unwrap();
    assert!(began("ml") < api, "ml only needs redis: {result}");
    assert!(began("execution") >= api - 0.05);
}

#[test]
fn people_see_a_bar_per_service_and_summary_only_says_nothing_else() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    let done = startup(&world, &project, &["--summary-only"])
        .done()
        .exits(0);
    assert_eq!(done.err, "");
    done.shows(&[
        "redis",
        "━",
        "longest chain: redis >",
        "ready: 5 of 5 services, 5 started, in",
        "metrics: api is not there, or does not publish its port",
    ]);
    let again = startup(&world, &project, &[]).done().exits(0);
    again
        .says(&["api: done after"])
        .shows(&["was ready", "0 started"]);
}

#[test]
fn wrong_flags_and_wrong_files_are_told_before_anything_is_done() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    startup(&world, &project, &["--no-cache"])
        .done()
        .exits(64)
        .says(&["wants `--build`"]);
    startup(&world, &project, &["--from", "app"])
        .done()
        .exits(64)
        .says(&["no phase is called app", "application-1"]);
    startup(&world, &project, &["--services", "apy"])
        .done()
        .exits(64)
        .says(&["no service is called apy"]);
    startup(&world, &project, &["--frm", "2"])
        .done()
        .exits(64)
        .says(&["--from"]);
    let odd = ComposeProject::new("  odd:\n    image: $IMAGE");
    startup(&world, &odd, &[])
        .done()
        .exits(78)
        .says(&["no phase has odd", "tradeops eject std/stack"]);
    let unset = ComposeProject::new("  redis:\n    image: ${TRADEOPS_UNSET:?which}");
    startup(&world, &unset, &[]).done().exits(78).says(&[
        "TRADEOPS_UNSET",
        "compose.yaml:4",
        "which",
    ]);
    let far = ComposeProject::with(
        "  redis:\n    image: $IMAGE\n    networks: [far]",
        "  far: { name: tradeops-test-not-there, external: true }",
    );
    startup(&world, &far, &[])
        .done()
        .exits(1)
        .says(&["docker network create tradeops-test-not-there"]);
    startup(&world, &project, &[])
        .env("DOCKER_HOST", "unix:///nonexistent")
        .done()
        .exits(69);
    assert_eq!(ids(&project), "");
    assert_eq!(world.changes().len(), 1, "only the network was tried");
}

#[test]
fn from_a_phase_what_comes_before_has_to_be_ready() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    let done = startup(&world, &project, &["--from", "application-1"])
        .done()
        .exits(1);
    done.shows(&[
        "x redis:",
        "should be ready already, and is created",
        "holds up: api, migrations, ml, execution",
    ]);
    startup(&world, &project, &["--services", "redis"])
        .done()
        .exits(0);
    startup(&world, &project, &["--from", "3"])
        .done()
        .exits(0)
        .shows(&["4 started"]);
}

#[test]
fn ctrl_c_says_what_was_in_flight_and_the_next_run_goes_on() {
    // Its check says that it was asked: from then on the start waits for it, and for nothing else.
    let (world, project) = (
        World::new(),
        ComposeProject::new(&STACK.replacen(
            "[CMD, redis-cli, ping]",
            "[CMD-SHELL, \"touch /tmp/asked; test -e /tmp/well\"]",
            1,
        )),
    );
    let redis = project.container("redis");
    let inside = |command: &[&str]| docker(&[&["exec", &redis], command].concat());
    let mut running = startup(&world, &project, &[]).start();
    running.until_says("redis: starting");
    until("the check", || inside(&["ls", "/tmp"]).contains("asked"));
    running.signal(rustix::process::Signal::INT);
    let done = running.end().exits(130);
    assert!(
        done.err.contains("interrupted after")
            && done.err.contains("into `docker::wait_ready` on")
            && !done.err.contains("blocked by"),
        "{}",
        done.err
    );
    inside(&["touch", "/tmp/well"]);
    startup(&world, &project, &[])
        .done()
        .exits(0)
        .shows(&["5 of 5 services"]);
}

#[test]
fn what_starts_usually_took_is_known_to_the_next_one() {
    let (world, project) = (
        World::new(),
        ComposeProject::new(&STACK.replace("redis-cli, ping", "\"false\"")),
    );
    let folder = world.state().join("history");
    std::fs::create_dir_all(&folder).unwrap();
    let run = |seconds: f64| {
        serde_json::json!({ "project": project.name, "services": [{ "name": "redis", "state": "ready", "started": true, "seconds": seconds }] }).to_string()
    };
    let lines: Vec<_> = [0.4, 0.5, 1.5].into_iter().map(run).collect();
    std::fs::write(folder.join("startup.jsonl"), lines.join("\n") + "\n").unwrap();
    let done = startup(&world, &project, &["--services", "redis"])
        .done()
        .exits(1);
    done.says(&["redis: starting; usually 0.5 s, at most 1m"])
        .shows(&["its health check failed 3 times in a row"]);
}

fn ids(project: &ComposeProject) -> String {
    let filter = format!("label=com.docker.compose.project={}", project.name);
    let list = docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]);
    let mut lines: Vec<String> = list
        .lines()
        .map(|id| docker(&["inspect", "--format", "{{.Id}} {{.State.StartedAt}}", id]))
        .collect();
    lines.sort();
    lines.join("\n")
}
