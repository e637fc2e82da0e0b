//! The commands that know check files.

use serde_json::Value;

use crate::TAPE;
use crate::support::World;

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
