//! Which checks the flags leave, what `--list` and `--explain` say of them, and the operator's own check files among
//! them: on a project of one container, which no check needs to answer.

use serde_json::Value;

use crate::project::Project;
use crate::stack::{command, env, run};

/// A check file that an operator writes.
const TAPE: &str = r#"//! That the tape has quotes.
//! needs: fs.read
let services = report::context().services.len();
[#{ id: "tape.quotes", layer: "tape", severity: "critical", asks: "the tape's size", limit: #{ bad: 1 }, needs: ["redis.container"], ask: ||
    #{ status: if fs::stat("tape.csv").size_bytes > 1 { "ok" } else { "bad" }, value: services, evidence: "it is empty", remedy: "start the feed" } }]
"#;

/// What health said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}{}", self.out, self.err))
    }

    /// The ids of a list of checks, or of a report.
    #[track_caller]
    fn ids(&self) -> Vec<String> {
        let json = self.json();
        let checks = json.as_array().or_else(|| json["checks"].as_array());
        let checks = checks.unwrap_or_else(|| panic!("no checks: {json:#}"));
        let id = |check: &Value| check["id"].as_str().expect("an id").to_owned();
        checks.iter().map(id).collect()
    }
}

fn project() -> Project {
    let mut project = Project::new();
    let image = env("REDIS_IMAGE");
    project.start("redis", &["--entrypoint", "sleep", &image, "600"]);
    project
}

fn health(project: &Project, words: &[&str]) -> Said {
    let mut command = command(project.root.path(), &["health"]);
    command
        .env_remove("TRADEOPS_SERVICES")
        .env_remove("TRADEOPS_ENV_FILE")
        .args(["--project", &project.name, "--services", "redis"])
        .args(words);
    let output = run(&mut command);
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A check file of the operator's.
fn file(project: &Project, text: &str) {
    let folder = project.root.path().join(".tradeops/checks");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("tape.rhai"), text).expect("a file");
}

#[test]
fn what_there_is_not_is_64_with_a_hint() {
    let project = project();
    for (words, why) in [
        (&["--only", "data, bogus"][..], "nothing is called bogus"),
        (
            &["--only", "bogus.*", "--only", "tap"],
            "nothing is called bogus.*, tap",
        ),
        (&["--service", "radis"], "no service is called radis"),
        (
            &["--explain", "redis.bogus"],
            "no check is called redis.bogus",
        ),
        (
            &["-o", "json", "--only", "bogus"],
            "nothing is called bogus",
        ),
    ] {
        let said = health(&project, words);
        assert_eq!(said.code, 64, "{words:?}: {}{}", said.out, said.err);
        assert_eq!(
            said.err,
            format!(
                "error: {why}\n  = hint: `tradeops health --list` shows layers, files and checks\n"
            )
        );
        assert_eq!(said.out, "", "{words:?}");
    }
    // What there could be, and is not here, is no misuse: then nothing is known.
    for words in [
        &["--only", "dashboards"][..],
        &["--only", "data", "--skip", "redis.*,stores*"],
    ] {
        let said = health(&project, words);
        assert_eq!(said.code, 3, "{words:?}: {}{}", said.out, said.err);
        assert!(
            said.err.contains("nothing is left to check"),
            "{}",
            said.err
        );
    }
}

#[test]
fn the_flags_leave_layers_files_patterns_and_services() {
    let project = project();
    let list = |words: &[&str]| {
        let said = health(&project, &[&["--list", "-o", "json"], words].concat());
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        said
    };
    let all = list(&[]);
    for check in all.json().as_array().expect("a list") {
        for key in ["id", "layer", "severity", "asks", "file"] {
            let text = check[key].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "no `{key}`: {check:#}");
        }
    }
    let all = all.ids();
    let mut once = all.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), all.len(), "{all:?}");

    let deep = [
        "redis.memory",
        "redis.evictions",
        "redis.persistence",
        "redis.clients",
    ];
    assert_eq!(list(&["--only", "presence"]).ids(), ["redis.container"]);
    assert_eq!(list(&["--only", "redis"]).ids(), deep, "a file");
    assert_eq!(
        list(&["--only", "redis.c*", "--skip", "data"]).ids(),
        ["redis.container"]
    );
    let of_redis = list(&["--service", "redis"]).ids();
    assert!(deep.iter().all(|id| of_redis.iter().any(|i| i == id)));
    assert!(!of_redis.iter().any(|id| id.starts_with("machine.")));
    let quick = list(&["--quick"]).ids();
    assert_eq!(quick, ["redis.container", "redis.answers"]);
    let without = list(&["--skip", "redis.*", "--skip", "security,machine"]).ids();
    assert!(
        !without.iter().any(|id| {
            ["redis.", "security.", "machine."]
                .iter()
                .any(|start| id.starts_with(start))
        }),
        "{without:?}"
    );
    let said = health(&project, &["--list", "--skip", "redis.*,nosuch*"]);
    assert!(
        said.err
            .contains("note: nothing is called nosuch*, which is to be skipped")
            && said.code == 0,
        "{}",
        said.err
    );
    // For people, and nothing was asked: Redis is none here.
    let said = health(&project, &["--list", "--only", "redis"]);
    assert!(
        said.out.contains("INFO memory") && said.code == 0,
        "{}",
        said.out
    );
}

#[test]
fn a_check_is_explained() {
    let project = project();
    let said = health(&project, &["-o", "json", "--explain", "redis.memory"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let json = said.json();
    let about = &json[0];
    assert_eq!(about["layer"], "data");
    assert_eq!(about["file"], "checks/redis.rhai");
    assert!(about["limit"]["warn"].is_number(), "{about:#}");
    assert_eq!(
        about["needs"],
        serde_json::json!(["redis.container", "redis.answers"])
    );
    let said = health(&project, &["--explain", "redis.c*"]);
    for part in [
        "redis.container\n",
        "redis.clients\n",
        "  limit         blocked_clients (bad ",
        "  needs         redis.container, redis.answers\n",
        "tradeops eject std/limits; the check: tradeops eject checks/redis\n",
    ] {
        assert!(said.out.contains(part), "no {part:?} in\n{}", said.out);
    }
    file(&project, TAPE);
    let said = health(&project, &["--explain", "tape.quotes"]);
    for part in [
        "  asks          the tape's size\n",
        "  limit         bad 1\n",
        "  change        .tradeops/checks/tape.rhai\n",
    ] {
        assert!(said.out.contains(part), "no {part:?} in\n{}", said.out);
    }
}

#[test]
fn an_operators_check_file_is_among_them_and_a_broken_one_is_a_finding() {
    let project = project();
    file(&project, TAPE);
    let tape = project.root.path().join("tape.csv");
    std::fs::write(&tape, "SPY 612.40\n").expect("a tape");
    let asked = |words: &[&str]| health(&project, &[&["-o", "json"], words].concat());
    let only = ["--only", "presence,tape,checks"];
    let said = asked(&only);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(said.ids(), ["redis.container", "tape.quotes"]);
    assert_eq!(said.json()["checks"][1]["value"], 1);
    assert_eq!(said.err, "note: `checks/tape` is the project layer's\n");
    std::fs::write(&tape, "").expect("a tape");
    let said = asked(&only);
    assert_eq!(said.code, 2, "{}", said.out);
    assert_eq!(said.json()["root_causes"][0]["remedy"], "start the feed");

    // A mistake in it says nothing about the tape.
    file(&project, &TAPE.replace("size_bytes", "size_byte"));
    let said = asked(&only);
    let json = said.json();
    assert_eq!(json["checks"][1]["status"], "unknown", "{json:#}");
    let evidence = json["checks"][1]["evidence"].as_str().unwrap_or_default();
    assert!(
        evidence.contains("size_byte") && evidence.contains(".tradeops/checks/tape.rhai:5:"),
        "{evidence}"
    );

    file(
        &project,
        &TAPE.replace("let services = ", "let services = nosuch() + "),
    );
    for words in [
        &only[..],
        &["--only", "presence,tape"],
        &["--quick", "--skip", "infrastructure"],
    ] {
        let said = asked(words);
        assert_eq!(said.code, 1, "{words:?}: {}", said.out);
        let json = said.json();
        assert_eq!(said.ids(), ["checks/tape", "redis.container"], "{words:?}");
        let broken = &json["checks"][0];
        assert_eq!(broken["status"], "bad");
        assert_eq!(broken["layer"], "checks");
        assert_eq!(
            broken["evidence"],
            "there is no function `nosuch` at .tradeops/checks/tape.rhai:3:16"
        );
        let remedy = broken["remedy"].as_str().unwrap_or_default();
        assert!(remedy.contains("tradeops check checks/tape"), "{remedy}");
        assert_eq!(json["checks"][1]["status"], "ok");
    }
}
