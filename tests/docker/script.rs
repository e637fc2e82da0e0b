//! `docker::...` as scripts call it.

use std::sync::Arc;

use rhai::{Dynamic, Map};
use tradeops::api::{Branch, Frame, enter, plain, register};
use tradeops::gate::{Grants, Mode, Origin, Run, RunParts};

use crate::SLEEP;
use crate::cx;
use crate::docker_fixture::Fixture;

/// Runs `script` with `name` in scope; gives its value and the run.
fn run(mode: Mode, name: &str, script: &str) -> (Result<Dynamic, Map>, Arc<Run>) {
    let folder = tempfile::tempdir().unwrap();
    let run = Arc::new(Run::new(RunParts {
        origin: Origin::default(),
        mode,
        audit: folder.path().join("audit.jsonl"),
        cx: cx(),
    }));
    let mut engine = rhai::Engine::new();
    register(&mut engine, |_| true);
    engine.register_indexer_get(|record: &mut tradeops::api::Record, field: &str| {
        record.get(field).cloned().unwrap_or(Dynamic::UNIT)
    });
    let mut scope = rhai::Scope::new();
    scope.push("name", name.to_owned());
    let branch = Branch {
        run: run.clone(),
        cx: run.cx().clone(),
        frame: Arc::new(Frame {
            grants: Grants {
                unbounded: true,
                ..Grants::default()
            },
            ..Frame::default()
        }),
    };
    let answer = enter(branch, || {
        engine.eval_with_scope::<Dynamic>(&mut scope, script)
    });
    let answer = answer.map(|v| plain(&v)).map_err(|error| match *error {
        rhai::EvalAltResult::ErrorRuntime(value, _) => value.cast::<Map>(),
        other => panic!("{script}: {other}"),
    });
    (answer, run)
}

fn map(mode: Mode, name: &str, script: &str) -> Map {
    run(mode, name, script).0.unwrap().cast()
}

fn error(name: &str, script: &str) -> (String, String, String) {
    let thrown = run(Mode::Live, name, script).0.unwrap_err();
    let text = |key: &str| thrown[key].clone().into_string().unwrap_or_default();
    (text("kind"), text("message"), text("hint"))
}

#[test]
fn records_and_errors() {
    let fixture = Fixture::new();
    let guard = fixture.run("api", SLEEP);
    let name = guard.name.as_str();
    let detail = map(Mode::Live, name, "docker::inspect(name)");
    assert_eq!(detail["state"].clone().into_string().unwrap(), "running");
    assert!(detail["exit_code"].is_unit());
    let listed = run(
        Mode::Live,
        name,
        "docker::containers(#{ labels: [\"com.tradeops.test\"] })",
    )
    .0;
    assert!(!listed.unwrap().cast::<rhai::Array>().is_empty());
    let done = map(
        Mode::Live,
        name,
        r#"docker::exec(name, ["sh", "-c", "echo $A; exit 4"], #{ env: #{ A: 5 } })"#,
    );
    assert_eq!(
        (
            done["exit_code"].as_int(),
            done["stdout"].clone().into_string()
        ),
        (Ok(4), Ok("5\n".into()))
    );
    for script in [
        r#"docker::logs(name, #{ since: "5m", last: 5 })"#,
        r#"docker::logs(name, #{ since: 300, before: "2020-01-01T00:00:00Z" })"#,
        r#"docker::count_lines(name, #{ since: "5m", pattern: "(?i)error", except: "x" })"#,
        r#"docker::events(#{ container: name, actions: ["start"] })"#,
        r#"docker::wait_for(name, "running", #{ timeout: "5s" })"#,
        "docker::stats(name)",
        "docker::disk_usage()",
        "docker::info()",
    ] {
        map(Mode::Live, name, script);
    }

    let missing = error(name, "docker::inspect(name + \"x\")");
    assert_eq!(missing.0, "not_found");
    assert_eq!(missing.1, format!("no container `{name}x`"));
    assert!(
        missing.2.starts_with(&format!("there is `{name}`")),
        "{}",
        missing.2
    );
    let cases = [
        (r#"docker::logs(name, #{ since: "soon" })"#, "invalid"),
        ("docker::logs(name, #{ last: -1 })", "invalid"),
        (r#"docker::count_lines(name, #{ pattern: "(" })"#, "invalid"),
        (
            r#"docker::wait_healthy(name, #{ timeout: "1s" })"#,
            "conflict",
        ),
        (
            r#"docker::wait_for(name, "exited", #{ timeout: "100ms" })"#,
            "timeout",
        ),
        ("docker::remove(name)", "conflict"),
        (
            r#"docker::exec(name, ["sleep", "3"], #{ timeout: "100ms" })"#,
            "unknown",
        ),
    ];
    for (script, kind) in cases {
        assert_eq!(error(name, script).0, kind, "{script}");
    }
    let by_id = error(&guard.id, "docker::stop(name)");
    assert_eq!(
        (by_id.0.as_str(), by_id.2),
        ("invalid", format!("write \"{name}\""))
    );
}

#[test]
fn a_plan_changes_nothing_and_says_what_it_would_hit() {
    let fixture = Fixture::new();
    let guard = fixture.run("plan", SLEEP);
    let (answer, run) = run(
        Mode::Plan,
        &guard.name,
        "docker::stop(name); docker::exists(\"other\")",
    );
    assert!(!answer.unwrap().as_bool().unwrap());
    let plan = run.plan_so_far();
    let [step] = &plan.steps[..] else {
        panic!("{plan:?}");
    };
    assert_eq!(step.target, format!("docker/{}", guard.name));
    assert!(
        step.blast.summary.starts_with("running since "),
        "{}",
        step.blast.summary
    );
    assert_eq!(step.blast.facts["id"], guard.id);
    let detail = map(Mode::Live, &guard.name, "docker::inspect(name)");
    assert!(detail["running"].as_bool().unwrap());
}
