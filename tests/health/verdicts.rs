//! What is wrong decides the verdict, and the cause stands first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::fault::{Fault, fault};
use crate::stack::{Asked, Stack, container, control_port, docker, eventually, fetch, run};

pub(crate) const FAULTS: &[&Fault] = &[
    &STOPPED, &PAUSED, &LOADING, &BREAKER, &SICK, &FAILING, &HUNG, &LOOPING, &SHEDDING, &ERRORS,
];

const STOPPED: Fault = fault(
    "redis is stopped",
    "redis.container",
    "presence",
    "critical",
    "bad",
    "exit code 0 (ended well)",
);
const PAUSED: Fault = fault(
    "redis is paused",
    "redis.container",
    "presence",
    "critical",
    "bad",
    "redis is paused",
);
const LOADING: Fault = fault(
    "a service is not ready",
    "ml.ready",
    "applications",
    "major",
    "degraded",
    "model_loading, gpu_missing",
);
const BREAKER: Fault = fault(
    "a circuit breaker is open",
    "api.health",
    "applications",
    "critical",
    "degraded",
    "breaker_open",
);
const SICK: Fault = fault(
    "a service says that it is unhealthy, with status 200",
    "ml.health",
    "applications",
    "critical",
    "bad",
    "/health says unhealthy, with status 200",
);
const FAILING: Fault = fault(
    "a service answers 500",
    "api.health",
    "applications",
    "critical",
    "bad",
    "/health answered 500",
);
const HUNG: Fault = fault(
    "a service takes connections and never answers",
    "ml.health",
    "applications",
    "critical",
    "bad",
    "/health",
);
const LOOPING: Fault = fault(
    "a service crashes again and again",
    "ml.container",
    "presence",
    "critical",
    "bad",
    "keeps ending",
);
const SHEDDING: Fault = fault(
    "a service sheds requests",
    "api.traffic",
    "metrics",
    "major",
    "degraded",
    "requests shed in 2s",
);
const ERRORS: Fault = fault(
    "a service logs errors",
    "ml.errors",
    "logs",
    "major",
    "degraded",
    "3 error lines in 20s",
);

#[test]
fn all_well_is_0() {
    let stack = Stack::healthy();
    let asked = stack.health(&[]);
    assert_eq!(asked.code, 0, "{:#}", asked.report["root_causes"]);
    assert_eq!(asked.report["verdict"], "healthy");
    for check in asked.checks() {
        // What is not set up says so.
        assert!(
            check["status"] == "skipped" || check["evidence"] == "",
            "{check:#}"
        );
    }
}

#[test]
fn a_stopped_redis_is_2_and_the_single_cause() {
    let stack = Stack::healthy();
    docker(&["stop", "-t", "5", &container("redis")]);
    let asked = stack.health(&[]);
    assert_eq!(asked.code, 2);
    assert_eq!(asked.causes(), ["redis.container"]);
    for id in ["redis.answers", "api.health", "ml.ready"] {
        let check = asked.check(id);
        assert_eq!(check["status"], "skipped", "{check:#}");
        assert_eq!(check["evidence"], "because redis is down", "{check:#}");
    }
    STOPPED.is_among(&asked);
    docker(&["start", &container("redis")]);
    stack.wait_until_healthy();
}

#[test]
fn a_redis_that_does_not_answer_is_2_and_the_single_cause() {
    let stack = Stack::healthy();
    docker(&["pause", &container("redis")]);
    let asked = stack.health(&[]);
    docker(&["unpause", &container("redis")]);
    let check = asked.check("redis.container");
    assert_eq!(
        (asked.code, asked.causes()),
        (2, vec!["redis.container"]),
        "{check:#}"
    );
    PAUSED.is_among(&asked);
    stack.wait_until_healthy();
}

#[test]
fn not_ready_is_1_and_names_the_reasons_while_health_says_200() {
    let stack = Stack::healthy();
    stack.tell("ml", "/notready?reason=model_loading&reason=gpu_missing");
    let asked = stack.health(&[]);
    assert_eq!(asked.code, 1, "{:#}", asked.report["root_causes"]);
    assert_eq!(asked.check("ml.health")["status"], "ok");
    assert_eq!(asked.causes(), ["ml.models"]);
    LOADING.is_among(&asked);
    let evidence = asked.check("ml.models")["evidence"].to_string();
    assert!(evidence.contains(LOADING.says), "{evidence}");
    stack.tell("ml", "/reset");
    stack.tell("api", "/notready?reason=breaker_open");
    let asked = stack.health(&[]);
    assert_eq!((asked.code, asked.causes()), (1, vec!["api.health"]));
    BREAKER.is_among(&asked);
}

#[test]
fn an_unhealthy_body_with_200_is_2() {
    let stack = Stack::healthy();
    stack.tell("ml", "/unhealthy200");
    let asked = stack.health(&[]);
    assert_eq!((asked.code, asked.causes()), (2, vec!["ml.health"]));
    SICK.is_among(&asked);
}

#[test]
fn answers_of_500_are_2_with_one_cause() {
    let stack = Stack::healthy();
    stack.tell("api", "/500");
    let asked = stack.health(&[]);
    assert_eq!((asked.code, asked.causes()), (2, vec!["api.health"]));
    FAILING.is_among(&asked);
    assert_eq!(asked.check("api.ready")["status"], "bad");
    assert_eq!(asked.check("ml.health")["status"], "ok");
}

#[test]
fn a_hung_service_costs_its_own_time_out_and_no_more() {
    let stack = Stack::healthy();
    stack.tell("ml", "/hang");
    let asked = stack.health(&[]);
    stack.tell("ml", "/reset");
    assert_eq!((asked.code, asked.causes()), (2, vec!["ml.health"]));
    HUNG.is_among(&asked);
    // Each that asks it waits for the three seconds of a request, and none for another.
    let ms = |value: &Value| value["ms"].as_f64().unwrap_or(f64::NAN);
    let (whole, each) = (ms(&asked.report), asked.checks().iter().map(ms));
    let (slowest, all) = (each.clone().fold(0.0, f64::max), each.sum::<f64>());
    println!("whole {whole:.0} ms, slowest check {slowest:.0} ms, all of them {all:.0} ms");
    assert!(
        slowest >= 3000.0 && whole < all / 2.0,
        "{whole} {slowest} {all}"
    );
    for check in asked.checks() {
        let hung = check["service"] == "ml" && check["layer"] != "presence";
        let fine = check["status"] == "ok" || check["status"] == "skipped";
        assert!(hung || fine, "{check:#}");
    }
}

#[test]
fn a_check_that_runs_out_of_time_is_unknown_and_the_report_still_comes() {
    let stack = Stack::healthy();
    stack.tell("ml", "/hang");
    let asked = stack.health(&["--timeout", "1s"]);
    stack.tell("ml", "/reset");
    let health = asked.check("ml.health");
    assert_eq!(health["status"], "unknown", "{health:#}");
    assert_eq!(asked.code, 1, "an unknown critical check is degraded");
}

#[test]
fn a_crash_loop_is_seen_between_the_crashes_too() {
    let stack = Stack::healthy();
    stack.tell("ml", "/crash?code=3&times=1000");
    let mut seen = Vec::new();
    eventually("no crash loop is seen", || {
        let asked = stack.health(&[]);
        let check = asked.check("ml.container").clone();
        let evidence = check["evidence"].to_string();
        seen.push(evidence.clone());
        let twice = seen.iter().filter(|e| e.contains("keeps ending")).count() >= 2;
        if check["status"] == "bad" {
            assert_eq!((asked.code, asked.causes()), (2, vec!["ml.container"]));
            LOOPING.is_among(&asked);
        }
        if twice { Ok(()) } else { Err(evidence) }
    });
    println!("{seen:#?}");
    assert!(seen.iter().any(|e| e.contains("exit code 3")), "{seen:#?}");
}

#[test]
fn shed_requests_count_within_the_window_and_are_a_note_over_the_lifetime() {
    let stack = Stack::healthy();
    stack.tell("api", "/shed?n=5");
    let asked = stack.health(&[]);
    assert_eq!(asked.code, 0, "{:#}", asked.report["root_causes"]);
    let value = &asked.check("api.traffic")["value"];
    assert!(value["shed"].as_i64() >= Some(5), "{value}");
    assert_eq!(value["basis"], "lifetime");

    let looking = AtomicBool::new(true);
    let asked = std::thread::scope(|both| {
        both.spawn(|| {
            // Not for ever: a look that panics does not say that it is over.
            for _ in 0..3000 {
                if !looking.load(Ordering::SeqCst) {
                    return;
                }
                let _ = fetch(control_port("api"), "/shed?n=1");
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let asked = stack.health(&["--window", "2s"]);
        looking.store(false, Ordering::SeqCst);
        asked
    });
    assert_eq!((asked.code, asked.causes()), (1, vec!["api.traffic"]));
    SHEDDING.is_among(&asked);
    // Quiet again: what was shed before the window is history.
    assert_eq!(stack.health(&["--window", "1s"]).code, 0);
}

#[test]
fn error_lines_are_counted_within_their_time() {
    let stack = Stack::healthy();
    stack.tell("ml", "/errors?n=3");
    let asked = stack.health(&["--since", "20s"]);
    assert_eq!((asked.code, asked.causes()), (1, vec!["ml.errors"]));
    ERRORS.is_among(&asked);
}

/// Runs health for people; exit code, standard output, standard error.
fn told(stack: &Stack, engine: Option<&str>, words: &[&str]) -> (i32, String, String) {
    let mut command = stack.command(&["health"]);
    command.args(words);
    if let Some(engine) = engine {
        command.env("DOCKER_HOST", engine);
    }
    let output = run(&mut command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn no_engine_is_3_in_one_line_whatever_else_answers() {
    let stack = Stack::alone();
    let (code, out, err) = told(&stack, Some("unix:///nonexistent"), &[]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.contains("unix:///nonexistent"), "{err}");
    let (code, out, _) = told(&stack, Some("unix:///nonexistent"), &["-o", "json"]);
    let report: Value = serde_json::from_str(&out).expect("a report");
    assert_eq!(code, 3);
    assert_eq!(report["verdict"], "unknown");
    assert_eq!(report["root_causes"][0]["id"], "engine");
}

#[test]
fn a_project_without_containers_is_3_and_the_others_are_named() {
    let stack = Stack::alone();
    let (code, out, err) = told(&stack, None, &["--project", "nowhere"]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(
        err.contains(&crate::stack::env("COMPOSE_PROJECT_NAME")),
        "{err}"
    );
}

#[test]
fn people_read_the_cause_first_and_healthy_presence_once() {
    let stack = Stack::healthy();
    docker(&["stop", "-t", "5", &container("redis")]);
    let (code, out, err) = told(&stack, None, &["--since", "1s"]);
    docker(&["start", &container("redis")]);
    println!("{out}");
    assert_eq!((code, err.as_str()), (2, ""));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("unhealthy: "), "{out}");
    assert_eq!(lines[2], "causes");
    assert!(lines[3].starts_with("  x redis.container: "), "{out}");
    assert!(lines[4].contains("try: "), "{out}");
    assert!(!out.contains("api.container"), "{out}");
    assert!(
        out.contains("skipped (because redis is down): api.health, "),
        "{out}"
    );
    assert!(!out.contains('\u{1b}'), "{out}");
}

#[test]
fn layers_stand_in_their_order() {
    let stack = Stack::alone();
    let asked: Asked = stack.health(&[]);
    let mut layers: Vec<&str> = Vec::new();
    for check in asked.checks() {
        let layer = check["layer"].as_str().unwrap_or_default();
        if layers.last() != Some(&layer) {
            layers.push(layer);
        }
    }
    let order = [
        "presence",
        "infrastructure",
        "monitoring",
        "data",
        "applications",
        "dashboards",
        "providers",
        "models",
        "metrics",
        "resources",
        "logs",
        "hygiene",
        "security",
        "backups",
        "machine",
    ];
    assert_eq!(layers, order);
}
