//! The gate through the binary: what a script may do, what a plan records, what the audit says, what
//! never leaves the process.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::Value;
use support::World;

const READ_ONLY: &str = "//! Only looks.\n//! needs: fs.read\n";
const WRITES: &str = "//! Writes.\n//! needs: fs.read, fs.change, fs.destroy\n";

// --- Denials -------------------------------------------------------------------------------------

/// Each body tries a write that the header does not ask for, on line 3 of `script.rhai` unless said otherwise, in a
/// place where Rhai would let the script go on.
#[test]
fn a_denial_ends_the_run_wherever_it_happens() {
    for (what, body) in [
        ("plainly", r#"fs::write_text("touched", "x");"#),
        (
            "in try",
            r#"try { fs::write_text("touched", "x"); } catch (e) {}"#,
        ),
        (
            "in map within try",
            r#"try { [1].map(|n| fs::write_text("touched", "x")); } catch (e) {}"#,
        ),
        (
            "in sort",
            r#"let a = [2, 1]; a.sort(|x, y| { fs::write_text("touched", "x"); x - y });"#,
        ),
        (
            "in a worker",
            r#"task::map([1, 2], |n| fs::write_text("touched", "x"));"#,
        ),
        (
            "in attempt",
            r#"task::attempt(|| fs::write_text("touched", "x"));"#,
        ),
        (
            "in retry",
            r#"task::retry(|| fs::write_text("touched", "x"));"#,
        ),
        (
            "in within",
            r#"try { task::within("9s", || fs::write_text("touched", "x")); } catch (e) {}"#,
        ),
        (
            "in a function",
            r#"fn f() { fs::write_text("touched", "x"); } try { f(); } catch (e) {}"#,
        ),
        (
            "in filter in map",
            r#"try { [[1]].map(|l| l.filter(|n| fs::write_text("touched", "x"))); } catch (e) {}"#,
        ),
        (
            "in an interpolation",
            "try { let s = `${fs::write_text(\"touched\", \"x\")}`; } catch (e) {}",
        ),
    ] {
        let world = World::new();
        let script =
            format!("{READ_ONLY}{body}\nfs::write_text(\"later\", \"x\");\nprint(\"went on\");\n");
        let done = world.script(&script, &[]).exits(77).says(&[
            "`fs::write_text` needs `fs.change`",
            "script.rhai:3:",
            "//! needs:",
        ]);
        assert!(!done.out.contains("went on"), "{what}: {}", done.out);
        for file in ["touched", "later"] {
            assert_eq!(world.read(file), None, "{what}");
        }
        assert!(world.audit().is_empty(), "{what}");
    }
}

#[test]
fn a_denied_closure_that_a_module_calls_is_placed_where_it_stands() {
    let world = World::new();
    world.file(
        "lib/each.rhai",
        "// a comment\nfn each(items, f) {\n    for item in items {\n        try { f.call(item); } catch (e) {}\n    }\n}\n",
    );
    let script = format!(
        "{READ_ONLY}import \"lib/each\" as each;\neach::each([1, 2], |n| {{\n    fs::write_text(\"touched\", \"x\");\n}});\n"
    );
    world
        .script(&script, &[])
        .exits(77)
        .says(&["script.rhai:5:"]);
    assert_eq!(world.read("touched"), None);
}

#[test]
fn a_denial_in_a_module_is_placed_in_the_module() {
    let world = World::new();
    world.file(
        "lib.rhai",
        "fn act() {\n    fs::write_text(\"touched\", \"x\")\n}\n",
    );
    let script = format!("{READ_ONLY}import \"lib\" as lib;\nlib::act();\n");
    world.script(&script, &[]).exits(77).says(&["lib.rhai:2:"]);
    assert_eq!(world.read("touched"), None);
}

#[test]
fn only_the_leading_block_is_a_header() {
    for script in [
        "fs::write_text(\"touched\", \"x\");\n",
        "let a = 1;\n//! needs: fs.change\nfs::write_text(\"touched\", \"x\");\n",
        "// needs: fs.change\nfs::write_text(\"touched\", \"x\");\n",
        "/* c */\n//! needs: fs.change\nfs::write_text(\"touched\", \"x\");\n",
        "`//! needs: fs.change`;\n//! needs: fs.change\nfs::write_text(\"touched\", \"x\");\n",
    ] {
        let world = World::new();
        world
            .script(script, &[])
            .exits(77)
            .says(&["`fs::write_text` needs `fs.change`"]);
        assert_eq!(world.read("touched"), None, "{script}");
    }
}

#[test]
fn a_module_cannot_widen_what_the_script_asks_for() {
    let world = World::new();
    world.file(
        "lib.rhai",
        "//! needs: fs.change\nfn act() { fs::write_text(\"touched\", \"x\") }\n",
    );
    world
        .script(
            "//! needs: fs.read\nimport \"lib\" as lib;\nlib::act();\n",
            &[],
        )
        .exits(77);
    assert_eq!(world.read("touched"), None);
}

#[test]
fn a_workflow_cannot_do_more_than_the_one_that_runs_it() {
    let world = World::new();
    world.file(
        "scripts/inner.rhai",
        "//! needs: fs.change\nfs::write_text(\"touched\", \"x\");\n",
    );
    world
        .script("//! needs: fs.read\nworkflow::run(\"inner\");\n", &[])
        .exits(77);
    assert_eq!(world.read("touched"), None);
    world
        .script("//! needs: fs.change\nworkflow::run(\"inner\");\n", &[])
        .exits(0);
    assert_eq!(world.read("touched").as_deref(), Some("x"));
}

#[test]
fn the_profile_bounds_the_header_and_deny_beats_allow() {
    let world = World::new();
    world.file(
        "tradeops.toml",
        &format!(
            "[profiles.careful]\nallow = [\"fs.*\"]\ndeny = [\"fs.change@{}/precious/**\"]\n[profiles.look]\nallow = [\"fs.read\"]\n",
            world.work().canonicalize().unwrap().display()
        ),
    );
    world.file("precious/keep", "old");
    let script = format!("{WRITES}fs::write_text(\"precious/keep\", \"new\");\n");
    world
        .script(&script, &["--profile", "careful"])
        .exits(77)
        .says(&[
            "denied by `fs.change@",
            "profile `careful`",
            "script.rhai:3:",
        ]);
    assert_eq!(world.read("precious/keep").as_deref(), Some("old"));

    let other = format!("{WRITES}fs::write_text(\"other\", \"new\");\n");
    world
        .script(&other, &["--profile=look"])
        .exits(77)
        .says(&["not among what profile `look` allows"]);
    assert_eq!(world.read("other"), None);
    world.script(&other, &["--profile", "careful"]).exits(0);
    assert_eq!(world.read("other").as_deref(), Some("new"));
    world
        .script(&other, &["--profile", "carefull"])
        .exits(78)
        .says(&["there is no profile `carefull`", "did you mean `careful`?"]);
}

#[test]
fn a_link_does_not_lead_around_a_scope() {
    let world = World::new();
    world.file("precious/keep", "old");
    world.file("free/x", "");
    std::os::unix::fs::symlink(world.path("precious"), world.path("free/link")).unwrap();
    let root = world.work().canonicalize().unwrap();
    let script = format!(
        "//! needs: fs.change@{}/free/**\nfs::write_text(\"free/link/keep\", \"new\");\n",
        root.display()
    );
    world.script(&script, &[]).exits(77);
    let script = format!(
        "//! needs: fs.change@{}/free/**\nfs::write_text(\"free/../precious/keep\", \"new\");\n",
        root.display()
    );
    world.script(&script, &[]).exits(77);
    assert_eq!(world.read("precious/keep").as_deref(), Some("old"));
}

// --- Plan ----------------------------------------------------------------------------------------

#[test]
fn a_plan_reads_and_changes_nothing() {
    let world = World::new();
    world.file("input", "seen");
    world.file("script.rhai", &format!(
        "{WRITES}print(fs::read_text(\"input\"));\nif plan::on() {{ print(\"planning\"); }}\nfs::write_text(\"a\", \"1\");\nfs::remove(\"input\");\n"
    ));
    for args in [
        ["--plan", "run", "script.rhai"],
        ["run", "--plan", "script.rhai"],
        ["run", "script.rhai", "--plan"],
    ] {
        let done = world.tradeops(&args).done().exits(0);
        let done = done.shows(&[
            "seen",
            "planning",
            "plan: 2 changes, nothing was done",
            "fs::write_text",
            "script.rhai:5:",
            "fs::remove",
            "(destroy)",
            "script.rhai:6:",
        ]);
        assert!(
            done.out.contains("4 bytes"),
            "no blast radius: {}",
            done.out
        );
        assert_eq!(world.read("a"), None);
        assert_eq!(world.read("input").as_deref(), Some("seen"));
    }
    assert!(world.audit().is_empty());
}

#[test]
fn after_two_dashes_the_words_are_the_scripts() {
    let world = World::new();
    world.file(
        "script.rhai",
        &format!(
            "{WRITES}let a = args::parse(#{{ positionals: [#{{ name: \"word\", help: \"w\" }}] }});\nfs::write_text(\"a\", a.word);\n"
        ),
    );
    let done = world
        .tradeops(&["run", "script.rhai", "--", "--plan"])
        .done();
    assert_eq!(
        (done.code, world.read("a").as_deref()),
        (0, Some("--plan")),
        "{}",
        done.err
    );
}

#[test]
fn a_plan_ends_where_it_reads_what_it_would_have_changed() {
    let world = World::new();
    world.file("a", "old");
    let script = format!(
        "{WRITES}fs::write_text(\"a\", \"new\");\nprint(fs::read_text(\"a\"));\nfs::write_text(\"b\", \"x\");\n"
    );
    let done = world
        .script(&script, &["--plan"])
        .exits(3)
        .says(&[
            "the plan is incomplete from here",
            "script.rhai:4:",
            "planned at script.rhai:3:",
        ])
        .shows(&["plan: 1 change, nothing was done", "incomplete"]);
    assert!(!done.out.contains("old"), "{}", done.out);
    assert_eq!(world.read("a").as_deref(), Some("old"));
}

#[test]
fn a_planned_result_decides_no_branch() {
    for read in [
        "w.size_bytes > 0",
        "w[\"size_bytes\"] > 0",
        "w.to_map().len() > 0",
        "w == w",
        "w != w",
    ] {
        let world = World::new();
        let script = format!(
            "{WRITES}let w = fs::write_text(\"a\", \"new\");\nif {read} {{ fs::write_text(\"b\", \"x\"); }}\n"
        );
        let done = world.script(&script, &["--plan"]);
        assert_eq!(done.code, 3, "{read}\n{}\n{}", done.out, done.err);
        assert!(done.err.contains("script.rhai:4:"), "{read}\n{}", done.err);
        assert_eq!(world.read("a"), None, "{read}");
    }
    // It says of itself that it is planned, which is known.
    let world = World::new();
    let script = format!(
        "{WRITES}let w = fs::write_text(\"a\", \"new\");\nif w.planned {{ print(\"planned\"); }}\n"
    );
    world
        .script(&script, &["--plan"])
        .exits(0)
        .shows(&["planned\n"]);
}

#[test]
fn a_planned_read_in_try_is_still_incomplete() {
    let world = World::new();
    let script = format!(
        "{WRITES}let w = fs::write_text(\"a\", \"new\");\ntry {{ [w].map(|w| w.size_bytes); }} catch (e) {{}}\nfs::write_text(\"b\", \"x\");\n"
    );
    world
        .script(&script, &["--plan"])
        .exits(3)
        .shows(&["plan: 1 change"]);
}

#[test]
fn a_plan_as_json_is_the_only_thing_on_stdout() {
    let world = World::new();
    let script = format!("{WRITES}print(\"talk\");\nfs::write_text(\"a\", \"x\");\n");
    let done = world.script(&script, &["--plan", "-o", "json"]).exits(0);
    let plan: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(plan["steps"][0]["op"], "fs::write_text");
    assert_eq!(plan["steps"][0]["site"]["line"], 4);
    assert_eq!(plan["complete"], true);
    assert!(done.err.contains("talk"));
}

// --- Plan file and apply -------------------------------------------------------------------------

/// A world with a saved plan of a script that overwrites `a` and removes `b`, named by the word given.
fn planned() -> World {
    let world = World::new();
    world.file("a", "old");
    world.file("b", "old");
    world.file(
        "script.rhai",
        &format!(
            "{WRITES}let args = args::parse(#{{ flags: #{{ word: #{{ type: \"string\", initial: \"new\", help: \"w\" }} }} }});\nfs::write_text(\"a\", args.word);\nfs::remove(\"b\");\n"
        ),
    );
    world
        .tradeops(&[
            "run",
            "script.rhai",
            "--word",
            "fresh",
            "--plan-out",
            "plan.json",
        ])
        .done()
        .exits(0)
        .says(&["the plan is in `plan.json`"]);
    assert_eq!(world.read("a").as_deref(), Some("old"));
    world
}

#[track_caller]
fn untouched(world: &World) {
    assert_eq!(world.read("a").as_deref(), Some("old"));
    assert_eq!(world.read("b").as_deref(), Some("old"));
}

#[test]
fn a_plan_applies_to_the_same_world_once() {
    let world = planned();
    world.tradeops(&["apply", "plan.json"]).done().exits(0);
    assert_eq!(world.read("a").as_deref(), Some("fresh"));
    assert_eq!(world.read("b"), None);
    assert_eq!(events(&world, "intent"), 2);
    assert_eq!(events(&world, "outcome"), 2);
    // The world is another one now.
    let again = world.tradeops(&["apply", "plan.json"]).done();
    assert_ne!(again.code, 0, "{}", again.err);
}

#[test]
fn a_changed_world_refuses() {
    let world = planned();
    world.file("a", "changed by somebody");
    world
        .tradeops(&["apply", "plan.json"])
        .done()
        .exits(77)
        .says(&[
            "is not as it was when the plan was made",
            "script.rhai:4:",
            "--plan-out",
        ]);
    assert_eq!(world.read("a").as_deref(), Some("changed by somebody"));
    assert_eq!(world.read("b").as_deref(), Some("old"));
}

#[test]
fn a_changed_script_refuses() {
    let world = planned();
    let text = world.read("script.rhai").unwrap();
    world.file("script.rhai", &(text + "fs::write_text(\"c\", \"x\");\n"));
    world
        .tradeops(&["apply", "plan.json"])
        .done()
        .exits(77)
        .says(&["is not the script that made this plan"]);
    untouched(&world);
    assert_eq!(world.read("c"), None);
}

#[test]
fn a_changed_module_refuses() {
    let world = World::new();
    world.file("lib.rhai", "fn word() { \"new\" }\n");
    world.file(
        "script.rhai",
        &format!("{WRITES}import \"lib\" as lib;\nfs::write_text(\"a\", lib::word());\n"),
    );
    world
        .tradeops(&["run", "script.rhai", "--plan-out", "plan.json"])
        .done()
        .exits(0);
    world.file("lib.rhai", "fn word() { \"worse\" }\n");
    world
        .tradeops(&["apply", "plan.json"])
        .done()
        .exits(77)
        .says(&["is not the script that made this plan"]);
    assert_eq!(world.read("a"), None);
}

fn events(world: &World, event: &str) -> usize {
    let audit = world.audit();
    audit.iter().filter(|line| line["event"] == event).count()
}

/// Edits the plan file as JSON.
fn edit(world: &World, change: impl FnOnce(&mut Value)) {
    let mut plan: Value = serde_json::from_str(&world.read("plan.json").unwrap()).unwrap();
    change(&mut plan);
    world.file("plan.json", &plan.to_string());
}

#[test]
fn an_edited_plan_refuses() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 7] = [
        ("arguments", |p| p["arguments"][1] = "other".into()),
        ("target", |p| {
            p["steps"][0]["target"] = "fs/etc/passwd".into()
        }),
        ("identity", |p| {
            p["steps"][0]["blast"]["identity"] = "".into()
        }),
        ("summary", |p| {
            p["steps"][1]["blast"]["summary"] = "nothing".into()
        }),
        ("a step less", |p| {
            p["steps"].as_array_mut().unwrap().pop();
        }),
        ("created_at", |p| {
            p["created_at"] = "2999-01-01T00:00:00Z".into()
        }),
        ("complete", |p| p["workflow"] = "other".into()),
    ];
    for (what, change) in changes {
        let world = planned();
        edit(&world, change);
        let done = world.tradeops(&["apply", "plan.json"]).done();
        assert_eq!(done.code, 77, "{what}\n{}", done.err);
        assert!(
            done.err.contains("changed after it was made"),
            "{what}\n{}",
            done.err
        );
        untouched(&world);
    }
}

#[test]
fn an_old_plan_refuses() {
    let world = planned();
    std::thread::sleep(std::time::Duration::from_millis(20));
    world
        .tradeops(&["apply", "--max-age", "10ms", "plan.json"])
        .done()
        .exits(77)
        .says(&["old, and at most"]);
    untouched(&world);
}

#[test]
fn what_is_no_plan_says_so() {
    let world = planned();
    world.tradeops(&["apply", "none.json"]).done().exits(64);
    world.file("text.json", "hello");
    world
        .tradeops(&["apply", "text.json"])
        .done()
        .exits(65)
        .says(&["is no plan file"]);
    let whole = world.read("plan.json").unwrap();
    world.file("cut.json", &whole[..whole.len() / 2]);
    world.tradeops(&["apply", "cut.json"]).done().exits(65);
    untouched(&world);
}

#[test]
fn an_incomplete_plan_is_not_applied() {
    let world = World::new();
    world.file("script.rhai", &format!(
        "{WRITES}let w = fs::write_text(\"a\", \"x\");\nif w.size_bytes > 0 {{ fs::write_text(\"b\", \"x\"); }}\n"
    ));
    world
        .tradeops(&["run", "script.rhai", "--plan-out", "plan.json"])
        .done()
        .exits(3);
    world
        .tradeops(&["apply", "plan.json"])
        .done()
        .exits(77)
        .says(&["the plan is incomplete"]);
    assert_eq!(world.read("a"), None);
}

#[test]
fn what_the_plan_does_not_name_is_refused() {
    // The script asks the world, and the world has changed in what it asks.
    let world = World::new();
    world.file(
        "script.rhai",
        &format!(
            "{WRITES}fs::write_text(\"a\", \"x\");\nif fs::exists(\"flag\") {{ fs::write_text(\"b\", \"x\"); }}\n"
        ),
    );
    world
        .tradeops(&["run", "script.rhai", "--plan-out", "plan.json"])
        .done()
        .exits(0);
    world.file("flag", "");
    world
        .tradeops(&["apply", "plan.json"])
        .done()
        .exits(77)
        .says(&["is not in the plan", "script.rhai:4:"]);
    assert_eq!(world.read("b"), None);
}

#[test]
fn scripts_that_come_in_while_running_are_part_of_the_plan() {
    // One is run in place, one is imported by a path that only the run knows.
    for (outer, inner) in [
        (
            "workflow::run(\"./inner.rhai\");",
            format!("{WRITES}fs::write_text(\"a\", \"x\");\n"),
        ),
        (
            "let p = \"inn\" + \"er\"; import p as m; m::act();",
            "fn act() { fs::write_text(\"a\", \"x\") }\n".to_owned(),
        ),
    ] {
        let world = World::new();
        world.file("script.rhai", &format!("{WRITES}{outer}\n"));
        world.file("inner.rhai", &inner);
        let plan = || {
            world
                .tradeops(&["run", "script.rhai", "--plan-out", "plan.json"])
                .done()
                .exits(0)
        };
        plan();
        world.file("inner.rhai", &format!("{inner}// edited\n"));
        world
            .tradeops(&["apply", "plan.json"])
            .done()
            .exits(77)
            .says(&["`inner.rhai` is not as it was when the plan was made"]);
        assert_eq!(world.read("a"), None);
        plan();
        world.tradeops(&["apply", "plan.json"]).done().exits(0);
        assert_eq!(world.read("a").as_deref(), Some("x"));
    }
}

#[test]
fn steps_that_an_apply_did_not_reach_are_told() {
    let world = World::new();
    world.file("flag", "");
    world.file(
        "script.rhai",
        &format!(
            "{WRITES}if fs::exists(\"flag\") {{ fs::write_text(\"b\", \"x\"); }}\nfs::write_text(\"a\", \"x\");\n"
        ),
    );
    world
        .tradeops(&["run", "script.rhai", "--plan-out", "plan.json"])
        .done()
        .exits(0);
    std::fs::remove_file(world.path("flag")).unwrap();
    world
        .tradeops(&["apply", "plan.json"])
        .done()
        .exits(1)
        .says(&["1 planned change was not reached", "fs::write_text"]);
    assert_eq!(world.read("a").as_deref(), Some("x"));
}

/// What a second change of the same thing hits is not known before the first: it is allowed after that, and only then.
#[test]
fn a_step_on_what_an_earlier_one_changed_follows_it_and_never_comes_without_it() {
    let world = World::new();
    let plan = || {
        world.file("flag", "");
        world.file("a", "old");
        world
            .tradeops(&["run", "script.rhai", "--plan-out", "plan.json"])
            .done()
            .exits(0);
    };
    world.file(
        "script.rhai",
        &format!(
            "{WRITES}if fs::exists(\"flag\") {{ fs::write_text(\"a\", \"first\"); }}\nfs::write_text(\"a\", \"second\");\n"
        ),
    );
    plan();
    world.tradeops(&["apply", "plan.json"]).done().exits(0);
    assert_eq!(world.read("a").as_deref(), Some("second"));

    plan();
    std::fs::remove_file(world.path("flag")).unwrap();
    world
        .tradeops(&["apply", "plan.json"])
        .done()
        .exits(77)
        .says(&["comes after `fs::write_text`", "has not happened"]);
    assert_eq!(world.read("a").as_deref(), Some("old"));
}

#[test]
fn apply_and_plan_together_are_refused() {
    let world = planned();
    for args in [
        ["--plan", "apply", "plan.json"],
        ["apply", "plan.json", "--plan"],
    ] {
        world.tradeops(&args).done().exits(64);
        untouched(&world);
    }
}

// --- Audit ---------------------------------------------------------------------------------------

#[test]
fn each_change_has_an_intent_and_an_outcome() {
    let world = World::new();
    world
        .script(
            &format!(
                "{WRITES}fs::write_text(\"a\", \"x\");\ntry {{ fs::remove(\"none\"); }} catch (e) {{}}\nfs::read_text(\"a\");\n"
            ),
            &[],
        )
        .exits(0);
    let audit = world.audit();
    let events: Vec<_> = audit
        .iter()
        .map(|line| (line["event"].as_str().unwrap(), line["outcome"].as_str()))
        .collect();
    assert_eq!(
        events,
        [
            ("intent", None),
            ("effect", None),
            ("outcome", Some("done")),
            ("intent", None),
            ("outcome", Some("failed"))
        ]
    );
    let intent = &audit[0];
    assert_eq!(intent["op"], "fs::write_text");
    assert_eq!(intent["access"], "change");
    let who = intent["who"].as_str().unwrap();
    assert!(who.starts_with("tester (uid "), "{who}");
    assert_eq!(intent["script"], "script.rhai");
    assert_eq!(intent["site"], "script.rhai:3:5");
    assert!(audit[..3].iter().all(|line| line["id"] == intent["id"]));
    assert!(intent["target"].as_str().unwrap().ends_with("/work/a"));
    assert_eq!(intent["script_hash"].as_str().unwrap().len(), 64);
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(world.state().join("audit.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// The intent must be on the disk before the change is made. strace would say it best; where there is none, the order
/// of the lines is what the test above shows.
#[test]
fn the_intent_is_synced_before_the_act() {
    let world = World::new();
    world.file(
        "script.rhai",
        &format!("{WRITES}fs::write_text(\"a\", \"x\");\n"),
    );
    let trace = world.path("trace");
    let Ok(status) = std::process::Command::new("strace")
        .args([
            "-f",
            "-e",
            "trace=openat,write,fdatasync,fsync,rename,renameat,renameat2",
            "-o",
        ])
        .arg(&trace)
        .arg(support::TRADEOPS)
        .args(["run", "script.rhai"])
        .current_dir(world.work())
        .env("TRADEOPS_STATE", world.state())
        .status()
    else {
        return;
    };
    if !status.success() {
        // No ptrace in this container.
        return;
    }
    let text = std::fs::read_to_string(trace).unwrap();
    let at = |what: &dyn Fn(&str) -> bool| text.lines().position(what).unwrap();
    let intent = at(&|l| l.contains("\\\"event\\\":\\\"intent") || l.contains("audit.jsonl"));
    let sync = at(&|l| l.contains("fdatasync("));
    let act = at(&|l| l.contains("rename"));
    assert!(intent < sync && sync < act, "{text}");
}

#[test]
fn without_an_audit_nothing_is_changed() {
    let world = World::new();
    world.file(
        "script.rhai",
        &format!(
            "{WRITES}try {{ fs::write_text(\"a\", \"x\"); }} catch (e) {{}}\nfs::write_text(\"b\", \"x\");\n"
        ),
    );
    for state in ["/dev/full", "/proc/none"] {
        let done = world
            .tradeops(&["run", "script.rhai"])
            .env("TRADEOPS_STATE", state)
            .done()
            .exits(74)
            .says(&[
                "cannot write the audit",
                "nothing was changed",
                "script.rhai:3:",
            ]);
        drop(done);
    }
    // A full disk: the file opens and the write fails.
    std::os::unix::fs::symlink("/dev/full", world.state().join("audit.jsonl")).unwrap();
    world
        .tradeops(&["run", "script.rhai"])
        .done()
        .exits(74)
        .says(&["No space left on device"]);
    assert_eq!((world.read("a"), world.read("b")), (None, None));
    // Reading needs no audit.
    world
        .script("//! needs: fs.read\nfs::exists(\"a\");\n", &[])
        .exits(0);
}

// --- Redaction -----------------------------------------------------------------------------------

const SECRET: &str = "Tr0ub4dor-and-3";

fn silent(what: &str, text: &str) {
    assert!(!text.contains(SECRET), "{what} leaks: {text}");
}

#[test]
fn a_secret_leaves_by_no_door() {
    let world = World::new();
    let script = format!(
        "{WRITES}//! needs: env.read\nlet password = env::require(\"DB_PASSWORD\");\nprint(password);\nprint(#{{ password: password, plain: `it is ${{password}}` }});\nui::line(password);\nui::note(password);\nui::table([#{{ a: password }}]);\ndebug(password);\nfs::write_text(\"out-\" + password, password);\nif fs::exists(\"boom\") {{ throw `boom ${{password}}`; }}\n#{{ user: \"u\", value: password, nested: [#{{ api_key: \"abc def\" }}] }}\n"
    );
    world.file("script.rhai", &script);
    let run = |args: &[&str]| {
        let mut all = vec!["run", "script.rhai"];
        all.extend(args);
        let done = world.tradeops(&all).env("DB_PASSWORD", SECRET).done();
        silent("stdout", &done.out);
        silent("stderr", &done.err);
        for line in world.audit() {
            silent("audit", &line.to_string());
        }
        done
    };
    run(&[]).exits(0).shows(&["‹redacted:"]);
    let json = run(&["-o", "json"]).exits(0);
    let value: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(value["user"], "u");
    assert!(!json.out.contains("abc def"));
    run(&["--plan"]).exits(0);
    run(&["--plan", "-o", "json"]).exits(0);
    run(&["--plan-out", "plan.json"]).exits(0);
    silent("plan file", &world.read("plan.json").unwrap());
    world.file("boom", "");
    run(&[]).exits(70).says(&["boom ‹redacted:"]);
}

#[test]
fn a_secret_in_the_script_itself_is_not_shown_with_the_error() {
    let world = World::new();
    let done = world
        .script(
            &format!("let c = #{{ password: \"{SECRET}\" }}; c.nothing_here;\n"),
            &[],
        )
        .exits(70);
    silent("the excerpt", &done.err);
}

#[test]
fn a_secret_argument_is_learned() {
    let world = World::new();
    world.file(
        "script.rhai",
        "let a = args::parse(#{ flags: #{ password: #{ type: \"string\", help: \"p\", env: \"DB_PASSWORD\" } } });\nprint(`it is ${a.password}`);\n",
    );
    let by_flag = world
        .tradeops(&["run", "script.rhai", "--password", SECRET])
        .done()
        .exits(0);
    silent("by flag", &by_flag.out);
    let by_env = world
        .tradeops(&["run", "script.rhai"])
        .env("DB_PASSWORD", SECRET)
        .done()
        .exits(0);
    silent("by environment", &by_env.out);
    let plan = world
        .tradeops(&[
            "run",
            "script.rhai",
            "--password",
            SECRET,
            "--plan",
            "-o",
            "json",
        ])
        .done()
        .exits(0);
    silent("plan", &plan.out);
}

#[test]
fn a_secret_of_several_words_is_masked_whole() {
    let world = World::new();
    let done = world
        .script("print(#{ password: \"correct horse battery\" });\n", &[])
        .exits(0);
    assert!(!done.out.contains("battery"), "{}", done.out);
}

// --- Standard output -----------------------------------------------------------------------------

#[test]
fn json_output_is_one_value_whatever_the_script_prints() {
    let world = World::new();
    let done = world
        .script(
            "print(\"a\"); ui::line(\"b\"); ui::table([#{ x: 1 }]); ui::note(\"c\"); debug(\"d\");\n#{ n: 1, t: time::from_unix(0), l: [1.5, (), true] }\n",
            &["-o", "json"],
        )
        .exits(0);
    let value: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(value["n"], 1);
    assert_eq!(value["l"], serde_json::json!([1.5, null, true]));
    for text in ["a\n", "b\n", "c\n"] {
        assert!(done.err.contains(text), "{}", done.err);
    }
}

#[test]
fn the_needs_report_names_the_smallest_header() {
    let world = World::new();
    world
        .script(
            &format!("{WRITES}fs::write_text(\"a\", \"x\");\n"),
            &["--needs-report"],
        )
        .exits(0)
        .says(&["//! needs: fs.change"]);
}
