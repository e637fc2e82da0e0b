//! Check files are found, run by their own headers, and bounded by the profile.

use crate::support::World;
use crate::{RUN, TAPE, look};

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
