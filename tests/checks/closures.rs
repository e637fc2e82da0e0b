//! What the closures of check files see, many at once, and what they are given.

use serde_json::Value;

use crate::support::World;
use crate::{TAPE, look};

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
