//! Readiness by a container's own health check, before the engine has run it; and what is asked once all run.

use crate::compose_project::ComposeProject;
use crate::support::World;
use crate::{service, startup};

/// The stand-in for the first application, which the engine looks at after ten seconds at the soonest.
fn application() -> String {
    let image = std::env::var("STANDIN_IMAGE").unwrap_or_else(|_| {
        panic!("STANDIN_IMAGE is not set: `make test` builds the images and sets it")
    });
    format!(
        r#"  api:
    image: {image}
    command: [api]
    ports: ["127.0.0.1::8000"]
    healthcheck: {{ test: [CMD, /standin, probe, "http://127.0.0.1:8000/health"], interval: 10s }}"#
    )
}

#[test]
fn the_own_check_is_not_waited_for_and_metrics_and_dashboards_are_asked_on_a_cold_start() {
    let (world, project) = (World::new(), ComposeProject::new(&application()));
    let done = startup(&world, &project, &["-o", "json"]).done();
    let result = done.exits(0).json();
    assert!(
        service(&result, "api")["seconds"].as_f64().unwrap() < 10.0,
        "{result}"
    );
    let asked: Vec<_> = result["asked"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|a| a["name"] != "health")
        .map(|a| {
            format!(
                "{}: {}",
                a["name"].as_str().unwrap(),
                a["status"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        asked,
        [
            "metrics: ok",
            "dashboard /admin: ok",
            "dashboard /business: ok"
        ],
        "{result}"
    );
}

/// What passes while it is new and fails when the engine comes to look is not ready.
#[test]
fn the_engine_has_the_last_word() {
    let fading = r#"
  redis:
    image: $IMAGE
    command: [sleep, "600"]
    init: true
    healthcheck:
      test: [CMD-SHELL, "echo x >> /tmp/looks; echo worn out; test $$(wc -l < /tmp/looks) -le 2"]
      interval: 6s
      retries: 1"#;
    let (world, project) = (World::new(), ComposeProject::new(fading));
    let done = startup(&world, &project, &["--skip-final-health"])
        .done()
        .exits(1);
    done.says(&["the engine has not looked at 1 of them yet"])
        .shows(&[
            "failed",
            "its health check failed 1 times in a row",
            "worn out",
        ]);
}
