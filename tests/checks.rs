//! Check files: found, run by their own headers, bounded, and a broken one costs the others nothing.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use support::{Done, World};

/// A workflow that runs every check file, says what became of those that are not shipped, and makes their checks.
/// Its own header asks for nothing.
const RUN: &str = r#"//! Makes the checks of the files here.
let context = #{ containers: #{}, services: [], running: [], all: [], secrets: #{}, args: #{}, symbol: "SPY" };
let mine = [];
for file in report::checks(context) {
    if file.layer == "shipped" { continue; }
    print(`${file.name} [${file.layer}] ${file.file}: ${file.error ?? "works"}`);
    mine += file.checks;
}
report::run(mine, |check| check.ask.call(check))
"#;

/// An operator's check file of five lines.
const TAPE: &str = r#"//! That the tape has quotes.
//! needs: fs.read
let symbol = report::context().symbol;
[#{ id: "tape.quotes", layer: "tape", severity: "critical", ask: ||
    #{ status: if fs::read_text("tape.csv").contains(symbol) { "ok" } else { "bad" }, evidence: `no ${symbol}` } }]
"#;

/// What the runner said, and its report.
struct Looked {
    done: Done,
    report: Value,
}

impl Looked {
    #[track_caller]
    fn check(&self, id: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["id"] == id);
        found.unwrap_or_else(|| panic!("no `{id}`: {:#}\n{}", self.report, self.done.err))
    }

    /// The line about a file.
    #[track_caller]
    fn file(&self, name: &str) -> &str {
        let start = format!("{name} [");
        let line = self.done.err.lines().find(|l| l.starts_with(&start));
        line.unwrap_or_else(|| panic!("nothing about `{name}`:\n{}", self.done.err))
    }
}

#[track_caller]
fn look(world: &World) -> Looked {
    let done = world.script(RUN, &["-o", "json"]);
    let report = serde_json::from_str(&done.out)
        .unwrap_or_else(|error| panic!("no report ({error})\n{}\n{}", done.out, done.err));
    Looked { done, report }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

// ---- found, and run by its own header

#[test]
fn an_operators_five_lines_are_found_and_run() {
    let world = World::new();
    world.file(".tradeops/checks/tape.rhai", TAPE);
    world.file("tape.csv", "09:30 SPY 612.40\n");
    let well = look(&world);
    assert_eq!(well.done.code, 0);
    assert_eq!(
        well.file("tape"),
        "tape [project] .tradeops/checks/tape.rhai: works"
    );
    assert_eq!(well.check("tape.quotes")["status"], "ok");
    assert_eq!(well.check("tape.quotes")["severity"], "critical");

    world.file("tape.csv", "09:30 QQQ 530.11\n");
    let bad = look(&world);
    assert_eq!(bad.done.code, 2);
    assert_eq!(bad.check("tape.quotes")["evidence"], "no SPY");
}

#[test]
fn the_projects_file_is_found_upward_and_wins_over_the_users() {
    let world = World::new();
    let file = |who: &str| {
        format!("[#{{ id: \"tape.{who}\", layer: \"tape\", ask: || #{{ status: \"ok\" }} }}]\n")
    };
    world.user_file("checks/tape.rhai", &file("user"));
    let looked = look(&world);
    assert!(looked.file("tape").starts_with("tape [user] "));
    looked.check("tape.user");

    world.file(".tradeops/checks/tape.rhai", &file("project"));
    world.file("deep/er/script.rhai", RUN);
    let done = world
        .tradeops(&["run", "script.rhai"])
        .cwd(&world.path("deep/er"))
        .done()
        .exits(0)
        .shows(&["tape [project] ", "tape.project"]);
    assert!(!done.out.contains("tape.user"), "{}", done.out);
}

#[test]
fn a_file_replaces_the_shipped_one_of_its_name() {
    let world = World::new();
    world.file(
        ".tradeops/checks/redis.rhai",
        "//! Ours.\n[#{ id: \"redis.ours\", layer: \"data\", ask: || #{ status: \"ok\" } }]\n",
    );
    let looked = look(&world);
    looked.check("redis.ours");
    assert!(looked.file("redis").ends_with(": works"));
    // At the place of the one that it replaces, once.
    let names = world
        .script("print(report::checks(#{}).map(|f| f.name));\n", &[])
        .exits(0)
        .out;
    assert_eq!(names.matches("\"redis\"").count(), 1, "{names}");
    let place = |name: &str| names.find(&format!("\"{name}\"")).unwrap();
    assert!(place("postgres") < place("redis") && place("redis") < place("machine"));
}

#[test]
fn what_its_header_does_not_ask_for_ends_the_run() {
    let write = "fs::write_text(\"touched\", \"x\")";
    for (what, file, line) in [
        (
            "while it lists its checks, within try",
            format!("//! Lists.\n//! needs: fs.read\ntry {{ {write}; }} catch {{ }}\n[]\n"),
            3,
        ),
        (
            "within a check, on a worker, within try",
            format!(
                "//! Asks.\n//! needs: fs.read\n[#{{ id: \"tape.a\", layer: \"tape\", ask: || {{\n    try {{ {write}; }} catch {{ }}\n    #{{ status: \"ok\" }}\n}} }}]\n"
            ),
            4,
        ),
        (
            "within a function that a check calls within task::attempt",
            format!(
                "//! Asks.\n//! needs: fs.read\nfn touch() {{\n    {write}\n}}\n[#{{ id: \"tape.a\", layer: \"tape\", ask: || {{ task::attempt(|| touch()); #{{ status: \"ok\" }} }} }}]\n"
            ),
            4,
        ),
    ] {
        let world = World::new();
        world.file(".tradeops/checks/tape.rhai", &file);
        // What the workflow may do is not what the file may do.
        for header in ["", "//! needs: fs.change\n"] {
            let done = world.script(&format!("{header}{RUN}"), &[]);
            assert_eq!(done.code, 77, "{what}: {}\n{}", done.out, done.err);
            done.says(&[
                "needs `fs.change`, which the header does not ask for",
                &format!(".tradeops/checks/tape.rhai:{line}:"),
                write,
            ]);
        }
        assert_eq!(world.read("touched"), None, "{what}");
    }
}

#[test]
fn the_profile_bounds_a_check_file_too() {
    let world = World::new();
    world.file(
        "tradeops.toml",
        &format!(
            "[profiles.blind]\nallow = [\"*.read\"]\ndeny = [\"fs.read@{}/tape.csv\"]\n[profiles.look]\nallow = [\"*.read\"]\n",
            world.work().canonicalize().unwrap().display()
        ),
    );
    world.file(".tradeops/checks/tape.rhai", TAPE);
    world.file("tape.csv", "SPY\n");
    world.script(RUN, &["--profile", "look"]).exits(0);
    world.script(RUN, &["--profile", "blind"]).exits(77).says(&[
        "denied by `fs.read@",
        "profile `blind`",
        ".tradeops/checks/tape.rhai:5:",
    ]);
}

// ---- broken ones

#[test]
fn a_file_that_others_may_write_is_not_run() {
    let world = World::new();
    let text = "[#{ id: \"tape.a\", layer: \"tape\", ask: || #{ status: \"ok\" } }]\n";
    let file = world.file(".tradeops/checks/tape.rhai", text);
    world.user_file(
        "checks/good.rhai",
        "[#{ id: \"good.a\", layer: \"x\", ask: || #{ status: \"ok\" } }]\n",
    );
    mode(&file, 0o666);
    let looked = look(&world);
    assert!(
        looked
            .file("tape")
            .contains("others may write the file (mode 666); whoever can write it"),
        "{}",
        looked.done.err
    );
    looked.check("good.a");
    assert_eq!(looked.report["checks"].as_array().unwrap().len(), 1);

    mode(&file, 0o644);
    mode(&world.path(".tradeops/checks"), 0o777);
    let looked = look(&world);
    assert!(
        looked.file("tape").contains("others may write its folder"),
        "{}",
        looked.done.err
    );
}

#[test]
fn a_broken_file_is_told_with_its_place_and_costs_the_others_nothing() {
    let world = World::new();
    let broken = [
        ("syntax", "let x = ;\n[]\n", "unexpected ';' at {}:1:9"),
        (
            "nosuch",
            "[]\n + nosuch()\n",
            "there is no function `nosuch` at {}:2:4",
        ),
        (
            "throws",
            "let a = 1;\nthrow \"no tape today\";\n",
            "no tape today at {}:2:1",
        ),
        (
            "fails",
            "//! needs: fs.read\nfn read() {\n    fs::read_text(\"none\")\n}\nread();\n[]\n",
            "`none` does not exist at {}:3:9",
        ),
        (
            "faults",
            "let given = report::context();\ngiven.window;\n[]\n",
            "the map has no key `window` at {}:2:7",
        ),
        (
            "number",
            "let a = 1;\n42\n",
            "no list of checks: `[#{ id, layer, ask }, ...]` at {}:2:1",
        ),
        ("empty", "", "no list of checks"),
        (
            "texts",
            "[\"a\"]\n",
            "the check 1 of the list has no `id` at {}:1:1",
        ),
        (
            "noid",
            "[#{ id: \"noid.a\", layer: \"x\", ask: || 1 },\n    #{ layer: \"x\", ask: || 1 }]\n",
            "the check 2 of the list has no `id` at {}:1:1",
        ),
        (
            "nolayer",
            "[#{ id: \"nolayer.a\", ask: || 1 }]\n",
            "the check `nolayer.a`: it has no `layer` at {}:1:1",
        ),
        (
            "noask",
            "[#{ id: \"noask.a\", layer: \"x\" }]\n",
            "the check `noask.a` has no `ask`: a closure of the file that takes the check, or nothing at {}:1:1",
        ),
        (
            "manyasked",
            "[#{ id: \"manyasked.a\", layer: \"x\", ask: |a, b| 1 }]\n",
            "the check `manyasked.a` has no `ask`",
        ),
        (
            "severity",
            "[#{ id: \"severity.a\", layer: \"x\", severity: \"huge\", ask: || 1 }]\n",
            "`huge` is no severity: `critical`, `major` or `minor` at {}:1:1",
        ),
        (
            "duration",
            "[#{ id: \"duration.a\", layer: \"x\", timeout: \"soon\", ask: || 1 }]\n",
            "`timeout` is \"soon\", which is no duration",
        ),
        (
            "receiver",
            "let given = #{ list: [1], y: 2 };\nlet all = given.list.map(|x| given.y);\n[]\n",
            "the method holds `given` while this closure reads it: Rhai gives up with a data race at {}:2:26",
        ),
        (
            "header",
            "//! Reads.\n//! needs: everything\n[]\n",
            "at {}:2:",
        ),
    ];
    for (name, text, _) in &broken {
        world.file(&format!(".tradeops/checks/{name}.rhai"), text);
    }
    std::fs::write(world.path(".tradeops/checks/bytes.rhai"), b"\xff\xfe").unwrap();
    world.file(
        ".tradeops/checks/whole.rhai",
        "[#{ id: \"whole.a\", layer: \"x\", ask: || #{ status: \"ok\" } }]\n",
    );
    let looked = look(&world);
    looked.check("whole.a");
    assert_eq!(looked.report["checks"].as_array().unwrap().len(), 1);
    assert_eq!(looked.done.code, 0);
    for (name, _, says) in &broken {
        let file = format!(".tradeops/checks/{name}.rhai");
        let line = looked.file(name);
        let says = says.replace("{}", &file);
        assert!(line.contains(&says), "{name}: no `{says}` in\n{line}");
        // Rhai's own way to tell a place knows no file.
        assert!(!line.contains("(line "), "{line}");
    }
    assert!(looked.file("bytes").contains("UTF-8"));
}

#[test]
fn a_second_check_of_an_id_is_not_made_and_told() {
    let world = World::new();
    let check = |id: &str, value: &str| {
        format!(
            "#{{ id: \"{id}\", layer: \"x\", ask: || #{{ status: \"ok\", value: \"{value}\" }} }}"
        )
    };
    let file = |checks: &[String]| format!("[{}]\n", checks.join(",\n"));
    world.file(
        ".tradeops/checks/a.rhai",
        &file(&[check("one", "a"), check("one", "again")]),
    );
    world.file(
        ".tradeops/checks/b.rhai",
        &file(&[check("one", "b"), check("two", "b")]),
    );
    let looked = look(&world);
    assert_eq!(looked.check("one")["value"], "a");
    assert_eq!(looked.check("two")["value"], "b");
    for name in ["a", "b"] {
        let told = "there is a check `one` in `.tradeops/checks/a.rhai` already";
        assert!(looked.file(name).contains(told), "{}", looked.file(name));
    }
}

#[test]
fn a_mistake_within_a_check_is_told_with_its_file() {
    let world = World::new();
    world.file(
        ".tradeops/checks/tape.rhai",
        r#"//! needs: sys.read
fn deep(c) {
    c.nosuch
}
[#{ id: "tape.key", layer: "x", ask: |c| deep(c) },
 #{ id: "tape.field", layer: "x", ask: || sys::host().nosuch },
 #{ id: "tape.thrown", layer: "x", ask: || { throw "no tape" } },
 #{ id: "tape.kind", layer: "x", ask: || { throw #{ kind: "unreachable", message: "nobody", hint: "ring" } } },
 #{ id: "tape.status", layer: "x", ask: || 42 }]
"#,
    );
    let looked = look(&world);
    for (id, evidence) in [
        (
            "tape.key",
            "the map has no key `nosuch` at .tradeops/checks/tape.rhai:3:7",
        ),
        (
            "tape.field",
            "a `Host` has no field `nosuch` at .tradeops/checks/tape.rhai:6:54",
        ),
        ("tape.thrown", "no tape"),
        ("tape.kind", "nobody"),
        ("tape.status", "the check gave the status ``, which is none"),
    ] {
        let check = looked.check(id);
        assert_eq!(check["status"], "unknown", "{check:#}");
        assert_eq!(check["evidence"], evidence, "{check:#}");
    }
    assert_eq!(looked.check("tape.kind")["remedy"], "ring");
}

// ---- closures

#[test]
fn closures_see_their_files_functions_imports_constants_and_what_they_captured() {
    let world = World::new();
    world.file(
        ".tradeops/checks/lib.rhai",
        "export const UNIT = \"ms\";\nfn shown(n) { `${n} ${global::UNIT}` }\n[]\n",
    );
    world.file(
        ".tradeops/checks/tape.rhai",
        r#"//! needs: fs.read
import "lib" as lib;
import "std/limits" as limits;
const MOST = 3;
const WORKED_OUT = MOST * 2 + limits::LAYERS.len() - limits::LAYERS.len();
fn own(n) { n + global::MOST }
fn worked_out() { global::WORKED_OUT }
fn shown(n) { lib::shown(n) }
fn of(id, captured) { #{ id: id, layer: "x", extra: "kept", ask: || #{ status: "ok", value: captured } } }
fn named(check) { #{ status: "ok", value: check.id } }
let captured = #{ deep: [1, 2] };
let plan = [
    #{ id: "nothing", layer: "x", ask: || #{ status: "ok", value: 1 } },
    #{ id: "check", layer: "x", extra: "of its own", ask: |check| #{ status: "ok", value: check.extra } },
    #{ id: "function", layer: "x", ask: |check| #{ status: "ok", value: own(1) } },
    #{ id: "module", layer: "x", ask: || #{ status: "ok", value: lib::shown(7) } },
    #{ id: "module.within", layer: "x", ask: || #{ status: "ok", value: shown(8) } },
    #{ id: "constant", layer: "x", ask: || #{ status: "ok", value: global::MOST } },
    #{ id: "constant.worked", layer: "x", ask: || #{ status: "ok", value: global::WORKED_OUT } },
    #{ id: "constant.within", layer: "x", ask: || #{ status: "ok", value: worked_out() } },
    #{ id: "constant.module", layer: "x", ask: || #{ status: "ok", value: lib::UNIT } },
    #{ id: "captured", layer: "x", ask: || { captured.deep.push(3); #{ status: "ok", value: captured.deep } } },
    #{ id: "captured.and", layer: "x", ask: |check| #{ status: "ok", value: `${check.id} ${captured.deep}` } },
    #{ id: "nested", layer: "x", ask: || #{ status: "ok", value: [1, 2].map(|n| own(n) + captured.deep.len()) } },
    #{ id: "tasks", layer: "x", ask: || #{ status: "ok", value: task::map([1, 2], |n| own(n)).map(|r| r.value) } },
    #{ id: "named", layer: "x", ask: Fn("named") },
];
for word in ["a", "b"] { plan.push(of(`made.${word}`, word)); }
plan
"#,
    );
    let looked = look(&world);
    assert!(
        looked.file("tape").ends_with(": works"),
        "{}",
        looked.done.err
    );
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (id, value) in [
        ("nothing", "1"),
        ("check", "\"of its own\""),
        ("function", "4"),
        ("module", "\"7 ms\""),
        ("module.within", "\"8 ms\""),
        ("constant", "3"),
        ("constant.worked", "6"),
        ("constant.within", "6"),
        ("constant.module", "\"ms\""),
        ("captured", "[1, 2, 3]"),
        ("captured.and", "\"captured.and [1, 2]\""),
        ("nested", "[6, 7]"),
        ("tasks", "[4, 5]"),
        ("named", "\"named\""),
        ("made.a", "\"a\""),
        ("made.b", "\"b\""),
    ] {
        let check = looked.check(id);
        assert_eq!(check["value"], json(value), "{check:#}");
    }
}

#[test]
fn many_closures_of_several_files_are_called_at_once() {
    let world = World::new();
    for file in ["a", "b", "c"] {
        world.file(
            &format!(".tradeops/checks/{file}.rhai"),
            &format!(
                r#"const NAME = "{file}";
fn name(n) {{ `${{global::NAME}}${{n}}` }}
fn of(n) {{ #{{ id: name(n), layer: "x", ask: |check| {{ time::sleep("300ms"); #{{ status: "ok", value: name(n) }} }} }} }}
let plan = [];
for n in 0..40 {{ plan.push(of(n)); }}
plan
"#
            ),
        );
    }
    let looked = look(&world);
    let checks = looked.report["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 120);
    for check in checks {
        assert_eq!(check["value"], check["id"], "{check:#}");
    }
    // One after the other they would take 36 s.
    let ms = looked.report["ms"].as_f64().unwrap();
    assert!(ms < 12_000.0, "{ms} ms");
}

#[test]
fn without_a_workflow_that_runs_it_there_is_no_context() {
    let world = World::new();
    world
        .script(
            "let asked = task::attempt(|| report::context());\nprint(asked.error.kind);\n",
            &[],
        )
        .exits(0)
        .shows(&["conflict\n"]);
    world.file(".tradeops/checks/tape.rhai", TAPE);
    world
        .tradeops(&["run", "checks/tape"])
        .done()
        .exits(70)
        .says(&[
            "nothing was given to `tape`",
            ".tradeops/checks/tape.rhai:3:",
            "tradeops health --only LAYER",
        ]);
    // What one file is given is nobody else's.
    world.file(
        ".tradeops/checks/greedy.rhai",
        "let given = report::context();\ngiven.symbol = \"changed\";\n[]\n",
    );
    world.file("tape.csv", "SPY\n");
    assert_eq!(look(&world).check("tape.quotes")["status"], "ok");
}

// ---- the commands that know check files

#[test]
fn list_eject_diff_and_check_know_them() {
    let world = World::new();
    let rows = |world: &World| -> Vec<Value> {
        let done = world.tradeops(&["list", "-o", "json"]).done().exits(0);
        serde_json::from_str(&done.out).unwrap()
    };
    let row = |name: &str| {
        let rows = rows(&world);
        let row = rows.into_iter().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("no `{name}`"))
    };
    assert_eq!(row("checks/redis")["layer"], "shipped");
    assert_eq!(row("checks/redis")["state"], "as shipped");

    world
        .tradeops(&["eject", "checks/redis"])
        .done()
        .exits(0)
        .says(&[".tradeops/checks/redis.rhai", "tradeops diff checks/redis"]);
    assert_eq!(row("checks/redis")["layer"], "project");
    assert_eq!(row("checks/redis")["state"], "as shipped");
    let diff = |name: &str| world.tradeops(&["diff", name]).done().exits(0).out;
    assert_eq!(diff("checks/redis"), "");
    let text = world.read(".tradeops/checks/redis.rhai").unwrap();
    world.file(".tradeops/checks/redis.rhai", &(text + "// ours\n"));
    assert_eq!(row("checks/redis")["state"], "changed");
    let shown = diff("checks/redis");
    assert!(
        shown.starts_with("--- shipped/checks/redis.rhai\n+++ .tradeops/checks/redis.rhai\n")
            && shown.contains("\n+// ours"),
        "{shown}"
    );
    assert_eq!(world.tradeops(&["diff"]).done().exits(0).out, shown);
    world
        .tradeops(&["eject", "checks/redis"])
        .done()
        .exits(73)
        .says(&["is there already", "tradeops diff checks/redis"]);
    world
        .tradeops(&["eject", "checks/redsi"])
        .done()
        .exits(64)
        .says(&[
            "there is no shipped check file `redsi`",
            "did you mean `redis`?",
        ]);
    world
        .tradeops(&["eject", "--user", "checks/machine"])
        .done()
        .exits(0);
    assert!(world.config().join("checks/machine.rhai").is_file());

    world.file(".tradeops/checks/tape.rhai", TAPE);
    assert_eq!(row("checks/tape")["state"], "own");
    assert_eq!(row("checks/tape")["summary"], "That the tape has quotes.");
    world.tradeops(&["check", "checks/tape"]).done().exits(0);
    world
        .tradeops(&["check", "checks/tap"])
        .done()
        .exits(64)
        .says(&[
            "there is no script `checks/tap`",
            "did you mean `checks/tape`?",
        ]);
    world.tradeops(&["check"]).done().exits(0);
    world.file(".tradeops/checks/tape.rhai", "nosuch();\n[]\n");
    world
        .tradeops(&["check"])
        .done()
        .exits(65)
        .says(&[".tradeops/checks/tape.rhai:1:1"]);
    // A name is no way around the folders.
    world.file(".tradeops/other.rhai", "print(1);\n");
    world.tradeops(&["run", "checks/../other"]).done().exits(64);
}

#[test]
fn the_traps_of_check_files_are_found_by_check() {
    let world = World::new();
    let found = |text: &str| -> (i32, Vec<(String, String, i64)>) {
        world.file(".tradeops/checks/tape.rhai", text);
        let done = world
            .tradeops(&["check", "-o", "json", "checks/tape"])
            .done();
        let found: Vec<Value> = serde_json::from_str(&done.out).unwrap();
        let told = |f: &Value, key: &str| f[key].as_str().unwrap().to_owned();
        let found = found.iter().map(|f| {
            (
                told(f, "rule"),
                told(f, "severity"),
                f["line"].as_i64().unwrap(),
            )
        });
        (done.code, found.collect())
    };
    let trap = |rule: &str, severity: &str, line: i64| (rule.to_owned(), severity.to_owned(), line);
    assert_eq!(
        found("let given = report::context();\nlet all = given.list.map(|x| given.y);\n[]\n"),
        (65, vec![trap("captures-receiver", "error", 2)])
    );
    let body = "#{ id: name, layer: \"x\", ask: || #{ status: \"ok\", value: name } }";
    for keep in [
        format!("plan.push({body});"),
        format!("plan += [{body}];"),
        format!("plan[0] = {body};"),
    ] {
        assert_eq!(
            found(&format!(
                "let plan = [1];\nfor name in [\"a\"] {{\n    {keep}\n}}\nplan\n"
            )),
            (0, vec![trap("loop-capture", "warning", 3)]),
            "{keep}"
        );
    }
    // Made by a function, each has its own; called within the pass, it is fine.
    assert_eq!(
        found(&format!(
            "fn of(name) {{ {body} }}\nlet plan = [];\nfor name in [\"a\"] {{ plan.push(of(name)); plan += [1].map(|n| name); }}\nplan\n"
        )),
        (0, vec![])
    );
}
