//! A broken check file is told with its place, and costs the others nothing.

use crate::support::World;
use crate::{look, mode};

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
