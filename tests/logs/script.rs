//! `logs::tail` and `logs::scan` in a script.

use crate::support::World;
use crate::writer::Writers;

#[test]
fn a_script_gets_typed_records_in_batches() {
    let world = World::new();
    let lines: String = (0..2000)
        .map(|n| {
            format!(
                "{{\"level\":\"error\",\"status\":{},\"n\":{n}}}\n",
                500 + n % 4
            )
        })
        .collect();
    world.file("a.log", &lines);
    world
        .script(
            "//! needs: fs.read\nlet seen = 0; let batches = 0; let sum = 0;\nlet s = logs::scan([\"a.log\"], |batch| {\n    batches += 1;\n    for r in batch { seen += 1; sum += r.fields.status; if r.level != \"error\" || r.level_from != \"field\" { throw \"no\" } }\n}, #{ condition: \"status >= 502\" });\nprint(`${seen} ${batches > 1} ${sum} ${s.shown} ${s.filtered} ${s.errors} ${s.ended}`);",
            &[],
        )
        .exits(0)
        .shows(&["1000 true 502500 1000 1000 1000 done"]);
}

#[test]
fn a_function_can_end_it_and_can_fail() {
    let world = World::new();
    world.file("a.log", &"INFO: x\n".repeat(5000));
    world
        .script(
            "//! needs: fs.read\nlet s = logs::scan([\"a.log\"], |batch| false);\nprint(s.ended);",
            &[],
        )
        .exits(0)
        .shows(&["closed"]);
    world
        .script("//! needs: fs.read\ntry { logs::scan([\"a.log\"], |batch| throw \"enough\"); } catch (e) { print(`caught ${e}`); }", &[])
        .exits(0)
        .shows(&["caught enough"]);
    // A header that allows one folder allows no file outside it, be it the second of two.
    world
        .script(
            "//! needs: fs.read@/tmp/**\nlogs::scan([\"/tmp/x\", \"/etc/passwd\"], |b| ());",
            &[],
        )
        .exits(77)
        .says(&["/etc/passwd"]);
}

#[test]
fn a_script_follows_containers() {
    let (world, writers) = (World::new(), Writers::new());
    let name = writers.run("t", "api", 1, &[], "n=0; while true; do n=$((n + 1)); echo \"line $n\"; echo \"WARN: err $n\" >&2; sleep 0.05; done");
    let text = format!(
        "//! needs: docker.read\nlet warned = 0;\nlet s = logs::tail([#{{ name: \"{name}\" }}], |batch| {{\n    for r in batch {{ if r.note == () && r.stream == \"stderr\" && r.container == \"{name}\" && r.time != () {{ warned += 1; }} }}\n    warned < 20\n}}, #{{ follow: true, level: \"warn\" }});\nprint(`${{warned >= 20}} ${{s.ended}}`);"
    );
    world.script(&text, &[]).exits(0).shows(&["true closed"]);
}
