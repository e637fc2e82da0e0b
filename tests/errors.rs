//! What people read when something is wrong: the whole of standard error, word for word.
//!
//! `INSTA_UPDATE=always cargo test --test errors` writes what is said now; read the difference before it is committed.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::os::unix::fs::PermissionsExt as _;

use support::{Done, World};

/// What stands on standard error, with the exit code.
#[track_caller]
fn shown(world: &World, done: &Done) -> String {
    let root = world.work().canonicalize().unwrap().display().to_string();
    assert!(done.out.is_empty(), "on stdout: {}", done.out);
    format!(
        "exit {}\n\n{}",
        done.code,
        done.err.replace(&root, "[WORK]")
    )
    .lines()
    .map(str::trim_end)
    .collect::<Vec<_>>()
    .join("\n")
}

/// Runs `main` as `script.rhai` beside these other files.
fn run(main: &str, others: &[(&str, &str)]) -> String {
    let world = World::new();
    for (name, text) in others {
        world.file(name, text);
    }
    let done = world.script(main, &[]);
    shown(&world, &done)
}

macro_rules! golden {
    ($($name:ident: $main:expr $(, $file:expr => $text:expr)*;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), run($main, &[$(($file, $text)),*]));
        }
    )*};
}

// Found by the check: nothing runs.
golden! {
    syntax_error: "print(\"never\");\nlet x = ;\n";
    syntax_error_of_an_unclosed_text: "let x = \"abc\n";
    syntax_error_in_a_module: "import \"lib/a\" as a;\na::f();\n", "lib/a.rhai" => "fn f() {\n    let x = (1;\n}\n";
    reserved_word: "let spawn = 1;\n";
    undefined_variable: "let container = 1;\nprint(contaner);\n";
    undefined_variable_in_a_function: "const LIMIT = 3;\nfn f() { LIMIT }\nf();\n";
    unknown_function: "fn restart_all() { 1 }\nrestart_al();\n";
    unknown_function_in_a_module: "import \"lib\" as lib;\nlib::f();\n", "lib.rhai" => "// what it is\nfn f() {\n    nosuch(1)\n}\n";
    unknown_function_of_a_module: "import \"lib\" as lib;\nlib::redy();\n", "lib.rhai" => "fn ready() { true }\n";
    private_function_of_a_module: "import \"lib\" as lib;\nlib::ready();\n", "lib.rhai" => "private fn ready() { true }\n";
    unknown_namespace: "dcker::containers();\n";
    unknown_primitive: "docker::stopp(\"x\");\n";
    primitive_without_its_namespace: "write_text(\"a\", \"b\");\n";
    rhais_own_sleep: "sleep(1);\n";
    wrong_arity: "fn f(a, b) { a + b }\nf(1);\n";
    wrong_arity_of_a_primitive: "fs::write_text(\"a\");\n";
    wrong_arity_in_a_module: "import \"lib\" as lib;\nlib::f(1);\n", "lib.rhai" => "fn g(a, b) { a }\nfn f(x) {\n    g(x)\n}\n";
    unresolved_import: "import \"lib/none\" as none;\nnone::f();\n";
    unresolved_std_import: "import \"std/stak\" as stack;\n";
    import_that_climbs: "import \"../outside\" as o;\n", "../outside.rhai" => "fn f() { 1 }\n";
    circular_import: "import \"a\" as a;\n", "a.rhai" => "import \"b\" as b;\nfn f() { 1 }\n", "b.rhai" => "fn g() { 1 }\nimport \"a\" as a;\n";
    alias_that_hijacks: "import \"lib\" as docker;\n", "lib.rhai" => "fn stop(x) { 1 }\n";
    closures_with_equal_texts: "let f = |s| s + 1;\nimport \"lib\" as lib;\n", "lib.rhai" => "let f = |s| s + 1;\n";
    function_that_a_module_has_too: "import \"lib\" as lib;\nfn helper(s) { 1 }\nlib::each(|s| helper(s));\n", "lib.rhai" => "private fn helper(s) { 2 }\nfn each(f) { f.call(1) }\n";
    capture_written_in_a_worker: "let n = 0;\ntask::map([1], |x| { n += x; });\n";
    computed_args: "let flags = #{};\nlet a = args::parse(#{ flags: flags });\n";
    wrong_args: "let a = args::parse(#{ flags: #{ n: #{ type: \"integer\" } } });\n";
    bad_capability: "//! Does.\n//! needs: docker\nprint(1);\n";
    too_new: "//! Does.\n//! requires: tradeops >= 999.1\nprint(1);\n";
    bad_requires: "//! Does.\n//! requires: the newest\nprint(1);\n";
    several_at_once: "nosuch(1);\nfs::read_txt(\"a\");\nlet x = f(1);\n";
    method_whose_closure_captures_what_it_is_called_on: "let given = #{ list: [1], y: 2 };\nlet all = given.list.map(|x| x + given.y);\n";
    closure_in_a_map_that_a_loop_keeps: "let plan = [];\nfor name in [\"a\", \"b\"] {\n    plan.push(#{ id: name, ask: || name });\n}\nthrow \"the check warns only\";\n";
    warnings_do_not_stop: "let s = \" a \";\nlet t = s.trim();\nlet all = [];\nfor n in 0..2 { all.push(|| n); }\n";
}

// Uncaught while running.
golden! {
    thrown_text: "throw \"no market data since 09:30\";\n";
    thrown_map: "throw #{ kind: \"unreachable\", message: \"nobody is home\", hint: \"ring again\" };\n";
    thrown_plain_map: "throw #{ a: 1 };\n";
    thrown_deep: "fn inner() {\n    throw \"deep\"\n}\nfn outer() {\n    inner()\n}\nouter();\n";
    failure_of_a_primitive: "//! needs: fs.read\n\nlet text = fs::read_text(\"none.txt\");\n";
    failure_of_a_primitive_in_a_module: "//! needs: fs.read\nimport \"lib\" as lib;\nlib::load();\n", "lib.rhai" => "fn load() {\n    let path = \"none.txt\";\n    fs::read_text(path)\n}\n";
    failure_in_a_closure_that_a_module_calls: "//! needs: fs.read\nimport \"lib\" as lib;\n\nlib::each([1], |n| {\n    fs::read_text(\"none.txt\")\n});\n", "lib.rhai" => "fn each(items, f) {\n    for item in items { f.call(item); }\n}\n";
    failure_in_a_module_that_a_closure_calls: "import \"lib\" as lib;\n[1, 2].map(|n| lib::check(n));\n", "lib.rhai" => "// one\n// two\nfn check(n) {\n    if n == 2 { throw `bad ${n}` }\n    n\n}\n";
    failure_in_retry: "task::retry(|| throw \"still down\", #{ times: 2, delay: \"1ms\" });\n";
    failure_while_importing: "import \"lib\" as lib;\n", "lib.rhai" => "let x = 1;\nthrow \"not today\";\n";
    wrong_type_of_an_argument: "//! needs: fs.read\nfs::read_text(42);\n";
    unknown_option: "//! needs: fs.read\nfs::read_text(\"a\", #{ maximum: 3 });\n";
    bad_duration: "time::sleep(\"soon\");\n";
    wrong_types: "let x = \"a\" - 1;\n";
    wrong_type_of_a_script_function: "let s = \"abc\";\ns.sub_string(\"x\");\n";
    missing_key: "let m = #{ name: 1 };\nm.nmae;\n";
    missing_key_of_a_record: "//! needs: fs.read\nfs::stat(\"script.rhai\").size;\n";
    index_out_of_bounds: "let a = [1, 2];\na[5];\n";
    index_in_a_function: "fn third(a) {\n    a[2]\n}\nprint(third([1]) + 1);\n";
    overflow: "let x = 9223372036854775807 + 1;\n";
    division_by_zero: "let x = 1 / 0;\n";
    recursion_without_end: "fn f(n) { f(n + 1) }\nf(0);\n";
    unmatched_condition: "if 1 { print(1); }\n";
    unknown_method: "let x = 3;\nx.nosuch(1);\n";
    dynamic_import_of_nothing: "let name = \"none\";\nimport name as m;\n";
    iterating_a_number: "for x in 3 { }\n";
}

// The command line.
fn cli(args: &[&str]) -> String {
    let world = World::new();
    world.file(
        "scripts/greet.rhai",
        "//! Greets.\nlet args = args::parse(#{\n    flags: #{\n        times: #{ type: \"int\", initial: 1, help: \"how often\", env: \"GREET_TIMES\" },\n        tone: #{ values: [\"warm\", \"cold\"], initial: \"warm\", help: \"how\" },\n    },\n    positionals: [#{ name: \"whom\", required: true, help: \"whom to greet\" }],\n});\n",
    );
    let done = world.tradeops(args).done();
    shown(&world, &done)
}

macro_rules! usage {
    ($($name:ident: $args:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), cli(&$args));
        }
    )*};
}

usage! {
    no_such_script: ["run", "nosuch.rhai"];
    misspelt_workflow: ["gret"];
    misspelt_command: ["ejct", "health"];
    unknown_flag: ["greet", "--time", "3", "ann"];
    wrong_value: ["greet", "--times", "often", "ann"];
    wrong_word: ["greet", "--tone", "war", "ann"];
    missing_value: ["greet", "ann", "--times"];
    missing_positional: ["greet"];
    one_too_many: ["greet", "ann", "bob"];
    unknown_runtime_flag: ["--plann", "greet", "ann"];
    wrong_output_form: ["greet", "ann", "-o", "xml"];
    wrong_deadline: ["greet", "ann", "--deadline", "soon"];
    unknown_profile: ["greet", "ann", "--profile", "prod"];
    eject_nothing: ["eject", "helth"];
    doc_of_nothing: ["doc", "docker::stopp"];
    diff_of_nothing: ["diff", "nosuch"];
}

#[test]
fn wrong_value_in_the_environment() {
    let world = World::new();
    world.file(
        "script.rhai",
        "args::parse(#{ flags: #{ times: #{ type: \"int\", initial: 1, help: \"n\", env: \"GREET_TIMES\" } } });\n",
    );
    let done = world
        .tradeops(&["run", "script.rhai"])
        .env("GREET_TIMES", "often")
        .done();
    insta::assert_snapshot!(shown(&world, &done));
}

#[test]
fn untrusted_project_file() {
    let world = World::new();
    let file = world.file("scripts/mine.rhai", "print(1);\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let done = world.tradeops(&["mine"]).done();
    insta::assert_snapshot!(shown(&world, &done));
}

#[test]
fn untrusted_project_folder() {
    let world = World::new();
    world.file("scripts/mine.rhai", "print(1);\n");
    std::fs::set_permissions(
        world.path("scripts"),
        std::fs::Permissions::from_mode(0o777),
    )
    .unwrap();
    let done = world.tradeops(&["mine"]).done();
    insta::assert_snapshot!(shown(&world, &done));
}

#[test]
fn untrusted_settings() {
    let world = World::new();
    let file = world.file("tradeops.toml", "profile = \"x\"\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let done = world.tradeops(&["list"]).done();
    insta::assert_snapshot!(shown(&world, &done));
}

#[test]
fn unknown_setting() {
    let world = World::new();
    world.file("tradeops.toml", "deadlin = \"5m\"\n");
    let done = world.tradeops(&["list"]).done();
    insta::assert_snapshot!(shown(&world, &done));
}

#[test]
fn script_that_is_no_text() {
    let world = World::new();
    std::fs::write(world.path("script.rhai"), b"\xff\xfe\x00").unwrap();
    let done = world.tradeops(&["run", "script.rhai"]).done();
    insta::assert_snapshot!(shown(&world, &done));
}

#[test]
fn a_link_into_a_folder_that_others_may_write() {
    let world = World::new();
    world.file("open/evil.rhai", "print(1);\n");
    std::fs::set_permissions(world.path("open"), std::fs::Permissions::from_mode(0o777)).unwrap();
    world.file("scripts/keep.rhai", "print(1);\n");
    std::os::unix::fs::symlink(
        world.path("open/evil.rhai"),
        world.path("scripts/mine.rhai"),
    )
    .unwrap();
    let done = world.tradeops(&["mine"]).done();
    insta::assert_snapshot!(shown(&world, &done));
}
