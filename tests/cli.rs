//! The commands around running: what is found where, what is written where, and with which exit code.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::{Command, Stdio};

use support::World;
use tradeops::api::{Kind, NAMESPACES, Primitive, Ty};
use tradeops::gate::Access;

// --- Finding scripts -----------------------------------------------------------------------------

#[test]
fn the_nearest_layer_wins_and_is_named() {
    let world = World::new();
    let run = |cwd: &str| {
        std::fs::create_dir_all(world.path(cwd)).unwrap();
        world
            .tradeops(&["who"])
            .cwd(&world.path(cwd))
            .done()
            .exits(0)
    };
    world.user_file("scripts/who.rhai", "print(\"user\");\n");
    run("")
        .shows(&["user\n"])
        .says(&["note: `who` is the user layer's"]);
    world.file("scripts/who.rhai", "print(\"project\");\n");
    run("")
        .shows(&["project\n"])
        .says(&["note: `who` is the project layer's `scripts/who.rhai`"]);
    world.file(".tradeops/scripts/who.rhai", "print(\"dot\");\n");
    run("").shows(&["dot\n"]);
    // Upward, the nearest first.
    run("deep/er").shows(&["dot\n"]);
    world.file("deep/scripts/who.rhai", "print(\"deep\");\n");
    run("deep/er").shows(&["deep\n"]);
    // A path is a path.
    world.file("who.rhai", "print(\"given\");\n");
    let given = world.tradeops(&["run", "who.rhai"]).done().exits(0);
    assert_eq!((given.out.as_str(), given.err.as_str()), ("given\n", ""));
    world
        .tradeops(&["run", "./scripts/who.rhai"])
        .done()
        .shows(&["project\n"]);
}

#[test]
fn a_shipped_workflow_is_named_by_nobody_until_it_is_changed() {
    let world = World::new();
    let plain = world.tradeops(&["health", "--help"]).done().exits(0);
    assert_eq!(plain.err, "");
    world
        .tradeops(&["eject", "health"])
        .done()
        .exits(0)
        .says(&[".tradeops/scripts/health.rhai"]);
    let same = world.tradeops(&["health", "--help"]).done().exits(0);
    assert_eq!(same.err, "", "an unchanged copy is the shipped one");
    assert_eq!(world.tradeops(&["diff"]).done().exits(0).out, "");

    let text = world.read(".tradeops/scripts/health.rhai").unwrap();
    world.file(
        ".tradeops/scripts/health.rhai",
        &(text + "// changed here\n"),
    );
    world
        .tradeops(&["health", "--help"])
        .done()
        .exits(0)
        .says(&["note: `health` is the project layer's"]);
    world
        .tradeops(&["diff", "health"])
        .done()
        .exits(0)
        .shows(&["--- shipped/health.rhai", "+// changed here"]);
    world
        .tradeops(&["list"])
        .done()
        .exits(0)
        .shows(&["health", "project", "changed"]);
    // Never over someone's changes.
    world
        .tradeops(&["eject", "health"])
        .done()
        .exits(73)
        .says(&["is there already", "tradeops diff health"]);
}

#[test]
fn eject_to_the_user_and_of_the_stdlib() {
    let world = World::new();
    world
        .tradeops(&["eject", "--user", "health"])
        .done()
        .exits(0);
    assert!(world.config().join("scripts/health.rhai").is_file());
    world.tradeops(&["eject", "--std", "stack"]).done().exits(0);
    assert!(world.path(".tradeops/std/stack.rhai").is_file());
    let text = world.read(".tradeops/std/stack.rhai").unwrap();
    world.file(
        ".tradeops/std/stack.rhai",
        &(text + "\nexport const MINE = 42;\n"),
    );
    world
        .script("import \"std/stack\" as stack;\nprint(stack::MINE);\n", &[])
        .exits(0)
        .shows(&["42\n"]);
}

#[test]
fn eject_into_a_folder_that_cannot_be_written() {
    let world = World::new();
    world.file(".tradeops", "a file is in the way");
    world.tradeops(&["eject", "health"]).done().exits(73);
}

#[test]
fn list_as_json() {
    let world = World::new();
    world.file("scripts/mine.rhai", "//! Mine, all mine.\n1\n");
    let done = world.tradeops(&["list", "-o", "json"]).done().exits(0);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&done.out).unwrap();
    let mine = rows.iter().find(|row| row["name"] == "mine").unwrap();
    assert_eq!(mine["layer"], "project");
    assert_eq!(mine["state"], "own");
    assert_eq!(mine["summary"], "Mine, all mine.");
    assert!(rows.iter().any(|row| row["name"] == "health"));
}

#[test]
fn a_shebang_and_windows_line_ends_are_taken() {
    let world = World::new();
    world
        .script("#!/usr/bin/env -S tradeops run\r\n//! Greets.\r\n//! needs: fs.read\r\nprint(fs::exists(\"script.rhai\"));\r\n", &[])
        .exits(0)
        .shows(&["true\n"]);
    world
        .script("#!/usr/bin/env -S tradeops run\n\nnosuch();\n", &[])
        .exits(65)
        .says(&["script.rhai:3:1"]);
}

// --- Check, doc, eval, completions -----------------------------------------------------------------

#[test]
fn check_checks_all_without_running_any() {
    let world = World::new();
    world
        .tradeops(&["check"])
        .done()
        .exits(0)
        .shows(&[" checked"]);
    world.file("scripts/bad.rhai", "print(\"ran\");\nnosuch();\n");
    let done = world.tradeops(&["check"]).done().exits(65);
    assert!(!done.out.contains("ran"));
    let done = world
        .tradeops(&["check", "-o", "json", "bad"])
        .done()
        .exits(65);
    let found: Vec<serde_json::Value> = serde_json::from_str(&done.out).unwrap();
    assert_eq!(found[0]["rule"], "unknown-function");
    assert_eq!(found[0]["line"], 2);
    assert_eq!(found[0]["severity"], "error");
}

#[test]
fn doc_knows_namespaces_primitives_and_records() {
    let world = World::new();
    let doc = |name: &str| world.tradeops(&["doc", name]).done().exits(0).out;
    assert!(
        world
            .tradeops(&["doc"])
            .done()
            .exits(0)
            .out
            .contains("docker")
    );
    assert!(doc("fs").contains("fs::write_text"));
    assert!(doc("fs::write_text").contains("Example"));
    assert!(doc("FileStat").contains("size_bytes"));
}

#[test]
fn eval_shows_a_value_and_changes_nothing_unless_told() {
    let world = World::new();
    world
        .tradeops(&["eval", "1 + 2"])
        .done()
        .exits(0)
        .shows(&["3\n"]);
    world
        .tradeops(&["eval", "fs::write_text(\"a\", \"x\")"])
        .done()
        .exits(0)
        .says(&["was planned and not done"]);
    assert_eq!(world.read("a"), None);
    world
        .tradeops(&["eval", "--live", "--plan", "fs::write_text(\"a\", \"x\")"])
        .done()
        .exits(0);
    assert_eq!(world.read("a"), None);
    world
        .tradeops(&["eval", "--live", "fs::write_text(\"a\", \"x\")"])
        .done()
        .exits(0)
        .shows(&["Written {"]);
    assert_eq!(world.read("a").as_deref(), Some("x"));
    world
        .tradeops(&["eval", "-o", "json", "#{ a: [1, 2.5, \"x\"] }"])
        .done()
        .exits(0)
        .shows(&["\"a\": ["]);
    world.tradeops(&["eval", "1 +"]).done().exits(65);
    world.tradeops(&["eval", "throw 1"]).done().exits(70);
}

#[test]
fn values_of_every_sort_print_as_people_read_them() {
    let world = World::new();
    for (expression, shown) in [
        ("fs::stat(\"/\")", "FileStat { path:"),
        ("[fs::stat(\"/\")]", "[FileStat { path:"),
        ("#{ a: fs::stat(\"/\") }", "#{ a: FileStat { path:"),
        ("time::from_unix(0)", "1970-01-01T00:00:00Z"),
        ("[time::from_unix(0)]", "[1970-01-01T00:00:00Z]"),
        ("`${time::from_unix(0)}`", "1970-01-01T00:00:00Z"),
        ("`${fs::stat(\"/\")}`", "FileStat { path:"),
        ("\"text\"", "text"),
        ("[\"text\", 1.5, true, ()]", "[\"text\", 1.5, true, ()]"),
    ] {
        let done = world.tradeops(&["eval", expression]).done().exits(0);
        assert!(done.out.starts_with(shown), "{expression}: {}", done.out);
        let print = format!("print({expression})");
        let done = world.tradeops(&["eval", &print]).done().exits(0);
        assert!(!done.out.contains("tradeops::"), "{print}: {}", done.out);
    }
}

#[test]
fn completions_for_every_shell() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        world
            .tradeops(&["completions", shell])
            .done()
            .exits(0)
            .shows(&["tradeops", "eject"]);
    }
    world.tradeops(&["completions", "csh"]).done().exits(64);
}

#[test]
fn help_and_version_go_to_stdout_and_the_rest_to_stderr() {
    let world = World::new();
    for args in [
        &["--help"][..],
        &["help"],
        &["run", "--help"],
        &["--version"],
    ] {
        let done = world.tradeops(args).done().exits(0);
        assert!(!done.out.is_empty() && done.err.is_empty(), "{args:?}");
    }
    let none: [&str; 0] = [];
    let done = world.tradeops(&none).done().exits(64);
    assert!(done.out.is_empty() && done.err.contains("Usage"));
}

// --- Settings ------------------------------------------------------------------------------------

#[test]
fn settings_come_in_layers() {
    let world = World::new();
    world.file("script.rhai", "#{ a: 1 }\n");
    let run = |args: &[&str], env: Option<&str>| {
        let mut run = world.tradeops(&[&["run", "script.rhai"], args].concat());
        if let Some(form) = env {
            run = run.env("TRADEOPS_OUTPUT", form);
        }
        run.done().exits(0).out.contains("\"a\"")
    };
    assert!(!run(&[], None));
    world.user_file("tradeops.toml", "output = \"json\"\n");
    assert!(run(&[], None), "the user's");
    world.file("tradeops.toml", "output = \"human\"\n");
    assert!(!run(&[], None), "the project's over the user's");
    assert!(run(&[], Some("json")), "the environment over both");
    assert!(!run(&["-o", "human"], Some("json")), "the flag over all");
}

#[test]
fn wrong_settings_are_configuration_errors() {
    for text in [
        "outpt = \"json\"\n",
        "output = \"xml\"\n",
        "deadline = \"soon\"\n",
        "profile = \"none\"\n",
        "[profiles.a]\nalow = []\n",
        "[profiles.a]\nallow = [\"docker\"]\n",
        "= broken",
    ] {
        let world = World::new();
        world.file("tradeops.toml", text);
        let done = world.script("1", &[]);
        assert_eq!(done.code, 78, "{text}\n{}", done.err);
        assert!(done.err.contains("tradeops.toml"), "{text}\n{}", done.err);
    }
    let world = World::new();
    for name in ["TRADEOPS_OUTPUT", "TRADEOPS_DEADLINE", "TRADEOPS_PROFILE"] {
        let done = world.tradeops(&["eval", "1"]).env(name, "wrong").done();
        assert_eq!(done.code, 78, "{name}\n{}", done.err);
    }
}

#[test]
fn scripts_read_their_settings_from_all_layers() {
    let world = World::new();
    let read = "//! needs: env.read\nenv::settings(\"backups\")";
    assert_eq!(
        world.script(read, &["-o", "json"]).exits(0).out.trim(),
        "{}"
    );
    world.user_file(
        "tradeops.toml",
        "[settings.backups.db]\npath = \"/a\"\nmax_age = \"26h\"\n",
    );
    world.file(
        "tradeops.toml",
        "[settings.backups.db]\nmax_age = \"2h\"\nmin = 1.5\nsince = 2026-01-01\n",
    );
    let out = world.script(read, &["-o", "json"]).exits(0).out;
    let out: serde_json::Value = serde_json::from_str(&out).unwrap();
    let expected = serde_json::json!({"db": {"path": "/a", "max_age": "2h", "min": 1.5, "since": "2026-01-01"}});
    assert_eq!(out, expected);

    world
        .script("env::settings(\"backups\")", &[])
        .exits(77)
        .says(&["needs `env.read`"]);
}

#[test]
fn a_secret_of_the_settings_is_shown_nowhere() {
    let world = World::new();
    world.file(
        "tradeops.toml",
        "[settings.feed]\napi_key = \"planted-4711\"\n[settings.feed.more]\ntokens = \"few\"\nauth = [\"planted-4712\"]\n",
    );
    let done = world.script(
        "//! needs: env.read\nlet s = env::settings(\"feed\");\nprint(`${s.api_key} ${s.more.auth[0]}`);\nui::note(s.more.auth[0]);\ns",
        &[],
    );
    let done = done.exits(0);
    assert!(
        !done.out.contains("planted") && !done.err.contains("planted"),
        "{}{}",
        done.out,
        done.err
    );
    // A file that does not parse is quoted in the message.
    world.file(
        "tradeops.toml",
        "[settings.feed]\napi_key = \"planted-4711\" x\n",
    );
    let done = world.script("1", &[]);
    assert_eq!(done.code, 78);
    assert!(!done.err.contains("planted"), "{}", done.err);
}

#[test]
fn a_deadline_of_the_settings_holds() {
    let world = World::new();
    world.file("tradeops.toml", "deadline = \"200ms\"\n");
    world.script("loop {}", &[]).exits(124);
    world.script("1", &["--deadline", "1m"]).exits(0);
}

// --- Output --------------------------------------------------------------------------------------

#[test]
fn without_a_terminal_there_is_no_colour() {
    let world = World::new();
    world.file(
        "script.rhai",
        "print(ui::colour(\"x\", \"red\")); nosuch_method.call();",
    );
    world.file(
        "good.rhai",
        "print(ui::colour(\"x\", \"red\")); throw \"y\";",
    );
    for script in ["script.rhai", "good.rhai"] {
        for no_color in ["1", ""] {
            let done = world
                .tradeops(&["run", script])
                .env("NO_COLOR", no_color)
                .done();
            assert!(!done.out.contains('\u{1b}') && !done.err.contains('\u{1b}'));
        }
    }
}

/// Runs a shell line with the binary as `$T`.
fn shell(world: &World, line: &str) -> (i32, String, String) {
    let output = Command::new("bash")
        .args(["-c", line])
        .current_dir(world.work())
        .env("T", support::TRADEOPS)
        .env("TRADEOPS_STATE", world.state())
        .env("HOME", world.work())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_closed_pipe_is_quiet() {
    let world = World::new();
    world.file(
        "script.rhai",
        "for n in 0..20000 { print(`line ${n}`); }\n#{ done: true }\n",
    );
    for line in [
        "$T run script.rhai | head -1",
        "$T run -o json script.rhai 2>/dev/null | head -1",
        "$T --help | head -1",
        "$T doc | head -1",
        "$T completions bash | head -1",
        "$T list | true",
        "$T run nosuch.rhai 2>&1 | true",
    ] {
        let (_, out, err) = shell(&world, &format!("set -o pipefail; {line}"));
        assert!(out.lines().count() <= 1, "{line}: {out}");
        assert_eq!(err, "", "{line}");
    }
    let (code, ..) = shell(&world, "set -o pipefail; $T run script.rhai | head -1");
    assert_eq!(code, 0);
}

#[test]
fn a_full_disk_is_no_success() {
    let world = World::new();
    world.file("print.rhai", "print(\"lost\");\n");
    world.file("value.rhai", "#{ a: 1 }\n");
    for line in [
        "$T run print.rhai > /dev/full",
        "$T run value.rhai > /dev/full",
        "$T run -o json value.rhai > /dev/full",
        "$T list > /dev/full",
        "$T doc > /dev/full",
        "$T completions bash > /dev/full",
        "$T health --help > /dev/full",
        "$T eval 'ui::table([#{ a: 1 }])' > /dev/full",
        "$T run --plan print.rhai > /dev/full",
        "$T --help > /dev/full",
    ] {
        let (code, _, err) = shell(&world, line);
        assert_eq!(code, 74, "{line}\n{err}");
        assert!(err.contains("No space left"), "{line}\n{err}");
    }
    let (code, _, err) = shell(&world, "$T run --plan-out /dev/none/plan print.rhai");
    assert_eq!(code, 73, "{err}");
}

#[test]
fn the_exit_codes() {
    let world = World::new();
    for (script, code) in [
        ("1", 0),
        ("#{ exit_code: 0 }", 0),
        ("#{ exit_code: 1 }", 1),
        ("#{ exit_code: 2 }", 2),
        ("#{ exit_code: 3 }", 3),
        ("#{ exit_code: 300 }", 3),
        ("#{ exit_code: -1 }", 3),
        ("exit(7);", 7),
        ("exit();", 0),
        (
            "fn f() { exit(7) } try { f(); } catch (e) {} print(\"on\");",
            7,
        ),
        ("task::map([1, 2], |n| exit(7)); print(\"on\");", 7),
        ("task::attempt(|| exit(7)); print(\"on\");", 7),
        ("throw \"x\";", 70),
        ("throw #{ kind: \"unreachable\", message: \"m\" };", 69),
        ("throw #{ kind: \"held\", message: \"m\" };", 75),
        ("nosuch();", 65),
        ("fs::exists(\"x\");", 77),
        (
            "let a = args::parse(#{ positionals: [#{ name: \"x\", required: true, help: \"x\" }] });",
            64,
        ),
    ] {
        let done = world.script(&format!("{script}\n"), &[]);
        assert_eq!(done.code, code, "{script}\n{}{}", done.out, done.err);
        assert!(!done.out.contains("on\n"), "{script}");
    }
}

// --- The records of the primitives -----------------------------------------------------------------

fn primitives() -> impl Iterator<Item = (String, &'static Primitive)> {
    NAMESPACES.iter().flat_map(|namespace| {
        namespace
            .primitives
            .iter()
            .map(|p| (format!("{}::{}", namespace.name, p.name), p))
    })
}

#[test]
fn namespaces_are_sorted_and_each_there_once() {
    let names: Vec<_> = NAMESPACES.iter().map(|n| n.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    let mut all: Vec<_> = primitives().map(|(name, _)| name).collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn no_name_is_a_reserved_word() {
    let engine = tradeops::script::engine::parser();
    for (name, primitive) in primitives() {
        let call = format!("let x = {name}();");
        assert!(engine.compile(&call).is_ok(), "{name} cannot be called");
        for option in primitive.options {
            let map = format!("let x = #{{ {}: 1 }};", option.name);
            assert!(
                engine.compile(&map).is_ok(),
                "option {} of {name}",
                option.name
            );
        }
    }
    for shape in NAMESPACES.iter().flat_map(|n| n.shapes) {
        for field in shape.fields {
            let read = format!("let r = 1; let x = r.{};", field.name);
            assert!(
                engine.compile(&read).is_ok(),
                "field {} of {}",
                field.name,
                shape.name
            );
        }
    }
}

#[test]
fn every_change_gives_a_record() {
    for (name, primitive) in primitives() {
        if primitive.access.acts() || primitive.access_of.is_some() {
            assert!(
                matches!(primitive.returns, Ty::Record(_)),
                "{name} changes something and gives {}",
                primitive.returns.name()
            );
        }
        if primitive.access == Access::Pure {
            assert!(primitive.preview.is_none(), "{name}");
        }
    }
}

#[test]
fn every_record_is_documented() {
    for (name, primitive) in primitives() {
        let first = primitive.doc.lines().next().unwrap_or_default();
        assert!(
            first.ends_with('.'),
            "{name}: its first line is no sentence"
        );
        assert!(!primitive.example.is_empty(), "{name} has no example");
        for parameter in primitive.params.iter().chain(primitive.options) {
            assert!(!parameter.doc.is_empty(), "{name}: {}", parameter.name);
        }
        if let Ty::Record(shape) = primitive.returns {
            let namespace = name.split("::").next().unwrap();
            let declared = NAMESPACES
                .iter()
                .filter(|n| n.name == namespace)
                .flat_map(|n| n.shapes)
                .any(|s| s.name == shape.name);
            assert!(declared, "{name}: `{}` is in no `shapes`", shape.name);
        }
        assert!(Kind::ALL.len() >= primitive.errors.len(), "{name}");
    }
}

/// Every default is written as a script would write it; wrong ones would only show when they are used.
#[test]
fn every_default_is_one() {
    for (name, primitive) in primitives() {
        for parameter in primitive.params.iter().chain(primitive.options) {
            if let Some(default) = parameter.default {
                assert!(
                    parameter.default_is_valid(),
                    "{name}: the default `{default}` of `{}`",
                    parameter.name
                );
            }
        }
    }
}

/// Every example passes the check, with every name and arity in it.
#[test]
fn every_example_passes_the_check() {
    let world = World::new();
    let mut names = Vec::new();
    for (name, primitive) in primitives() {
        let file = format!("{}.rhai", name.replace("::", "_"));
        world.file(&file, &format!("{}\n", primitive.example));
        names.push(file);
    }
    let mut args = vec!["check".to_owned()];
    args.extend(names);
    world.tradeops(&args).done().exits(0);
}

#[test]
fn derived_files_are_current() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, text) in tradeops::script::reference::derived_files() {
        let now = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
        assert!(
            now == text,
            "`{path}` is not current: `make generate` writes it"
        );
    }
}

#[test]
fn every_shipped_workflow_has_help_and_passes_its_check() {
    let world = World::new();
    for (name, _) in tradeops::script::shipped::SCRIPTS {
        world
            .tradeops(&[*name, "--help"])
            .done()
            .exits(0)
            .shows(&["Usage: tradeops"]);
    }
}
