//! The namespaces that need nothing but this machine, through the engine and the gate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rhai::{Dynamic, Map};
use tradeops::api::{self, Branch, Frame};
use tradeops::gate::{Grants, Mode, Origin, Run, RunParts};
use tradeops::run::{Cancel, Cx, Stop};
use tradeops::script::engine::engine;

/// A run and the script that works in it.
struct Session {
    run: Arc<Run>,
    frame: Arc<Frame>,
}

fn run_in(folder: &Path, mode: Mode, grants: Grants) -> Session {
    Session {
        run: Arc::new(Run::new(RunParts {
            origin: Origin::default(),
            mode,
            audit: folder.join("audit.jsonl"),
            cx: Cx::detached().with_cancel(Cancel::root()),
        })),
        frame: Arc::new(Frame {
            grants,
            ..Frame::default()
        }),
    }
}

fn unbounded() -> Grants {
    Grants {
        unbounded: true,
        ..Grants::default()
    }
}

fn eval(session: &Session, script: &str) -> Result<Dynamic, String> {
    let mut engine = engine(None);
    engine.on_print(|_| {});
    let branch = Branch {
        run: session.run.clone(),
        cx: session.run.cx().clone(),
        frame: session.frame.clone(),
    };
    api::enter(branch, || engine.eval::<Dynamic>(script)).map_err(|e| e.to_string())
}

fn live(script: &str) -> Dynamic {
    let dir = tempfile::tempdir().expect("a folder");
    let run = run_in(dir.path(), Mode::Live, unbounded());
    eval(&run, script).unwrap_or_else(|e| panic!("{script}\n{e}"))
}

/// The thrown map of a script that must fail.
fn thrown(script: &str) -> Map {
    live(&format!(
        "let thrown = #{{}}; try {{ {script} }} catch (e) {{ thrown = e; }} thrown"
    ))
    .cast::<Map>()
}

fn text(map: &Map, key: &str) -> String {
    map[key].to_string()
}

#[test]
fn a_plan_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().display();
    let script = format!(
        r#"let l = lock::acquire("{path}/a.lock");
        fs::write_text("{path}/new", "x");
        fs::make_dir("{path}/d");
        proc::run(["touch", "{path}/touched"]);
        let inner = lock::scoped("{path}/b.lock", || {{ fs::write_text("{path}/inner", "y"); 7 }});
        lock::release(l);
        inner"#
    );
    let run = run_in(dir.path(), Mode::Plan, unbounded());
    assert_eq!(eval(&run, &script).expect("plans").as_int(), Ok(7));
    let steps: Vec<_> = run
        .run
        .plan_so_far()
        .steps
        .iter()
        .map(|s| s.op.clone())
        .collect();
    assert_eq!(
        steps,
        [
            "lock::acquire",
            "fs::write_text",
            "fs::make_dir",
            "proc::run",
            "fs::write_text"
        ]
    );
    assert_eq!(std::fs::read_dir(dir.path()).expect("lists").count(), 0);
}

#[test]
fn a_lock_belongs_to_the_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.lock").display().to_string();
    let run = run_in(dir.path(), Mode::Live, unbounded());
    // The handle is not kept, and the lock is held all the same.
    let _ = eval(
        &run,
        &format!(r#"lock::acquire("{path}", #{{ note: "the nightly run" }});"#),
    )
    .expect("takes it");
    let held = thrown(&format!(r#"lock::acquire("{path}")"#));
    assert_eq!(text(&held, "kind"), "held");
    for part in [std::process::id().to_string(), "the nightly run".into()] {
        assert!(text(&held, "message").contains(&part), "{held:?}");
    }
    drop(run);
    let after = live(&format!(
        r#"let l = lock::acquire("{path}"); lock::release(l);
        let caught = [];
        try {{ lock::release(l); }} catch (e) {{ caught += e.kind; }}
        try {{ lock::scoped("{path}", || {{ throw "inside" }}); }} catch (e) {{ caught += e; }}
        caught + [ lock::holder("{path}").state]"#
    ));
    assert_eq!(after.to_string(), r#"["conflict", "inside", "free"]"#);
}

#[test]
fn programs_are_scoped_by_name_and_paths_by_where_they_lead() {
    let dir = tempfile::tempdir().expect("a folder");
    let top = dir.path().canonicalize().expect("real");
    std::os::unix::fs::symlink("/etc/hosts", top.join("link")).expect("linked");
    let needs = ["proc.change@echo", &format!("fs.read@{}/**", top.display())]
        .map(|text| text.parse().expect("a capability"));
    let allowed = |script: &str| {
        let grants = Grants {
            needs: needs.to_vec(),
            ..Grants::default()
        };
        let run = run_in(&top, Mode::Live, grants);
        eval(&run, script).is_ok() && run.run.doom().is_none()
    };
    assert!(allowed(r#"proc::run(["echo", "x"])"#));
    assert!(!allowed(r#"proc::run(["sh", "-c", "echo x"])"#));
    assert!(allowed(&format!(r#"fs::exists("{}/x")"#, top.display())));
    for evasion in ["link", "../../etc/hosts", "../x"] {
        assert!(
            !allowed(&format!(r#"fs::exists("{}/{evasion}")"#, top.display())),
            "{evasion}"
        );
    }
}

#[test]
fn failures_say_what_kind() {
    for (script, kind, part) in [
        (
            r#"fs::read_text("/no/such")"#,
            "not_found",
            "`/no/such` does not exist",
        ),
        (r#"fs::read_text("/etc")"#, "invalid", "a folder"),
        (
            r#"fs::write_text("/tmp/x", "", #{ mode: "9" })"#,
            "invalid",
            "octal",
        ),
        (
            r#"proc::run(["no-such-program-x"])"#,
            "not_found",
            "no-such-program-x",
        ),
        (
            r#"proc::run(["sh", "-c", "exit 3"], #{ check: true })"#,
            "failed",
            "ended with 3",
        ),
        (
            r#"proc::run(["sleep", "9"], #{ check: true, timeout: "50ms" })"#,
            "timeout",
            "its time was over",
        ),
        (
            r#"proc::stream(["yes"], |lines| { throw #{ kind: "conflict", message: "mine" } })"#,
            "conflict",
            "mine",
        ),
        (r#"sys::process(99999999)"#, "not_found", "99999999"),
        (r#"sys::unit("--all")"#, "invalid", "no unit name"),
        (
            r#"env::require("TRADEOPS_NO_SUCH")"#,
            "not_found",
            "is not set",
        ),
        (r#"json::parse("{\n \"a\": }")"#, "invalid", "line 2 column"),
        (r#"regex::is_match("(", "x")"#, "invalid", "unclosed group"),
        (r#"time::parse("soon")"#, "invalid", "is no time"),
        (r#"time::format(time::now(), "%Q")"#, "invalid", "strftime"),
        (
            r#"time::add(time::now(), "9999999999999s")"#,
            "invalid",
            "beyond",
        ),
        (
            r#"text::repeated("abc", 99999999999)"#,
            "invalid",
            "longer than",
        ),
        (
            r#"text::pad_left("a", 3, "ab")"#,
            "invalid",
            "one character",
        ),
    ] {
        let map = thrown(script);
        assert_eq!(text(&map, "kind"), kind, "{script}: {map:?}");
        assert!(text(&map, "message").contains(part), "{script}: {map:?}");
    }
}

#[test]
fn streaming_ends_when_the_closure_has_enough() {
    let got = live(
        r#"let seen = [];
        let r = proc::stream(["sh", "-c", "echo a; echo b >&2; sleep 30"], |lines| {
            for l in lines { seen += `${l.source}:${l.text}`; }
            seen.len() < 2
        });
        [seen.len(), r.ok, r.signal]"#,
    );
    assert_eq!(got.to_string(), r#"[2, false, "SIGTERM"]"#);
}

#[test]
fn a_stop_cannot_be_caught_and_leaves_no_program() {
    let dir = tempfile::tempdir().expect("a folder");
    for script in [
        r#"try { proc::run(["sleep", "299"]) } catch (e) { 1 }"#,
        r#"try { time::sleep("1h") } catch (e) { 1 }"#,
        r#"try { lock::acquire("PATH/held.lock", #{ wait: "1h" }) } catch (e) { 1 }"#,
    ] {
        let script = script.replace("PATH", &dir.path().display().to_string());
        let holder = run_in(dir.path(), Mode::Live, unbounded());
        let _ = eval(
            &holder,
            &format!(r#"lock::acquire("{}/held.lock");"#, dir.path().display()),
        )
        .expect("held");
        let run = run_in(dir.path(), Mode::Live, unbounded());
        let cancel = run.run.cx().cancel().clone();
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(150));
            cancel.stop(Stop::Interrupted);
            std::time::Instant::now()
        });
        let got = eval(&run, &script);
        let stopped = stopper.join().expect("no panic");
        assert!(got.is_err(), "{script}");
        assert!(
            stopped.elapsed() < Duration::from_secs(5),
            "{:?} {script}",
            stopped.elapsed()
        );
        assert!(run.run.doom().is_some());
    }
}
