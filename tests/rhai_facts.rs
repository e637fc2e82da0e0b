//! What is true of rhai 1.27.0 and what the runtime's design rests on, each as a test. When an upgrade of rhai breaks
//! one, the design may be simplified or must be mended there; the name of the test says what.
//!
//! Timing facts (the debugger's quadratic cost, the clock in the progress hook) are measured and asserted as ratios
//! within one test, wide enough for a busy machine.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::print_stdout,
    reason = "the measured times are part of the result"
)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rhai::module_resolvers::{FileModuleResolver, StaticModuleResolver};
use rhai::{
    ASTNode, Dynamic, Engine, EvalAltResult, Expr, FnPtr, FuncRegistration, INT, Map, Module,
    NativeCallContext, OptimizationLevel, Position, Scope, Shared,
};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

fn plain() -> Engine {
    let mut engine = Engine::new();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_call_levels(64);
    engine.set_max_expr_depths(128, 64);
    engine
}

fn eval<T: Clone + Send + Sync + 'static>(engine: &Engine, script: &str) -> T {
    engine
        .eval::<T>(script)
        .unwrap_or_else(|error| panic!("{script}\n{error}"))
}

fn error(engine: &Engine, script: &str) -> Box<EvalAltResult> {
    match engine.eval::<Dynamic>(script) {
        Ok(value) => panic!("{script}\ngave {value}"),
        Err(error) => error,
    }
}

fn fails(engine: &Engine, script: &str) {
    drop(error(engine, script));
}

fn terminated() -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE).into()
}

/// The error within the errors of the calls.
fn innermost(error: &EvalAltResult) -> &EvalAltResult {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
        | EvalAltResult::ErrorInModule(_, inner, _) => innermost(inner),
        other => other,
    }
}

/// A module with one native `name(text)`.
fn module(name: &str, native: fn(&str) -> String) -> Shared<Module> {
    let mut module = Module::new();
    FuncRegistration::new(name)
        .set_into_module(&mut module, move |text: &str| -> String { native(text) });
    module.into()
}

/// The engine serves this text as the module of that name, with `source` set to the name.
fn serve(engine: &mut Engine, modules: &[(&str, &str)]) {
    let mut resolver = StaticModuleResolver::new();
    for (name, text) in modules {
        let mut ast = engine.compile(text).unwrap();
        ast.set_source(*name);
        let module = Module::eval_ast_as_new(Scope::new(), &ast, engine).unwrap();
        resolver.insert(*name, module);
    }
    engine.set_module_resolver(resolver);
}

// --- Compiling -----------------------------------------------------------------------------------

#[test]
fn full_optimization_calls_natives_while_compiling() {
    let calls = Arc::new(AtomicU64::new(0));
    let compile = |level, volatile: bool| {
        calls.store(0, Ordering::Relaxed);
        let mut engine = Engine::new();
        engine.set_optimization_level(level);
        let counter = calls.clone();
        FuncRegistration::new("stop")
            .with_volatility(volatile)
            .register_into_engine(&mut engine, move |_: &str| -> INT {
                counter.fetch_add(1, Ordering::Relaxed);
                0
            });
        engine.compile("stop(\"redis\");").unwrap();
        calls.load(Ordering::Relaxed)
    };
    assert!(compile(OptimizationLevel::Full, false) > 0);
    assert_eq!(compile(OptimizationLevel::Full, true), 0);
    assert_eq!(compile(OptimizationLevel::Simple, false), 0);
    assert_eq!(compile(OptimizationLevel::None, false), 0);
}

#[test]
fn strict_variables_find_undefined_variables_and_no_unknown_functions() {
    let mut engine = plain();
    engine.set_strict_variables(true);
    assert!(engine.compile("let a = nowhere;").is_err());
    assert!(engine.compile("nowhere::f();").is_err());
    assert!(engine.compile("nosuch(1, 2);").is_ok());
}

#[test]
fn doc_collects_lines_from_deep_in_the_file() {
    let ast = plain()
        .compile("//! The header.\nlet a = 1;\n//! needs: docker.destroy\nlet b = 2;\n")
        .unwrap();
    assert!(ast.doc().contains("needs: docker.destroy"), "{}", ast.doc());
}

#[test]
fn a_shebang_is_a_compile_error() {
    assert!(plain().compile("#!/usr/bin/env tradeops\n1").is_err());
    assert!(plain().compile("                       \n1").is_ok());
}

#[test]
fn a_walk_sees_calls_in_closures_and_interpolations() {
    let ast = plain()
        .compile("let f = |x| inner(x); let t = `${within(1)}`; a.method(1, 2); m::spaced(1);")
        .unwrap();
    let mut names = Vec::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))) = path.last()
        {
            names.push(format!("{}/{}", call.name, call.args.len()));
        }
        true
    });
    for name in ["inner/1", "within/1", "method/2", "spaced/1"] {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
}

#[test]
fn a_literal_map_is_read_from_the_tree_and_a_computed_value_is_not() {
    let engine = plain();
    let literal = |text: &str| {
        let ast = engine.compile(text).unwrap();
        let mut found = None;
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            if let Some(ASTNode::Expr(Expr::FnCall(call, _))) = path.last() {
                found = call.args[0].get_literal_value(None);
                return false;
            }
            true
        });
        found
    };
    assert!(literal("let a = f(#{ x: #{ y: [1, \"z\"] } });").is_some_and(|v| v.is_map()));
    assert!(literal("let a = f(1 + 2);").is_none());
    assert!(literal("let a = f(#{ x: g() });").is_none());
}

#[test]
fn words_that_no_script_can_call() {
    let engine = plain();
    for word in [
        "until",
        "spawn",
        "thread",
        "go",
        "async",
        "await",
        "sync",
        "yield",
        "default",
        "null",
        "with",
        "use",
        "new",
        "match",
        "case",
        "is",
        "module",
        "package",
        "shared",
        "static",
        "public",
        "goto",
        "exit_",
        "void",
        "var",
        "protected",
        "super",
    ] {
        let bare = engine.compile(format!("ns::{word}(1);")).is_ok();
        assert_eq!(bare, word == "exit_", "{word}");
    }
    assert!(
        engine
            .compile("let m = #{ \"spawn\": 1 }; m[\"spawn\"]")
            .is_ok()
    );
}

#[test]
fn eval_can_be_switched_off_while_compiling() {
    let mut engine = plain();
    engine.disable_symbol("eval");
    assert!(engine.compile("eval(\"1\")").is_err());
}

#[test]
fn positions_hold_16_bit_lines() {
    let text = "\n".repeat(70_000) + "nosuch()";
    let error = error(&plain(), &text);
    assert!(error.position().line().unwrap() < 70_000, "{error}");
}

// --- Who is called -------------------------------------------------------------------------------

#[test]
fn script_functions_hijack_bare_natives_even_in_modules() {
    let mut engine = plain();
    engine.register_fn("probe", |_: &str| -> String { "native".into() });
    serve(&mut engine, &[("lib", "fn ask() { probe(\"x\") }")]);
    let answer: String = eval(
        &engine,
        "import \"lib\" as lib; fn probe(x) { \"hijacked\" } lib::ask()",
    );
    assert_eq!(answer, "hijacked");
}

#[test]
fn static_namespaces_cannot_be_hijacked() {
    let mut engine = plain();
    engine.register_static_module("docker", module("stop", |_| "native".into()));
    serve(&mut engine, &[("lib", "fn ask() { docker::stop(\"x\") }")]);
    let answer: String = eval(
        &engine,
        "import \"lib\" as lib; fn stop(x) { \"hijacked\" } docker::stop(\"x\") + lib::ask()",
    );
    assert_eq!(answer, "nativenative");
}

#[test]
fn alias_replaces_a_namespace() {
    let mut engine = plain();
    engine.register_static_module("docker", module("stop", |_| "native".into()));
    serve(
        &mut engine,
        &[
            ("mine", "fn stop(x) { \"mine\" }"),
            ("lib", "fn ask() { docker::stop(\"x\") }"),
        ],
    );
    let own: String = eval(&engine, "import \"mine\" as docker; docker::stop(\"x\")");
    assert_eq!(own, "mine");
    let theirs: String = eval(
        &engine,
        "import \"lib\" as lib; import \"mine\" as docker; lib::ask()",
    );
    assert_eq!(theirs, "mine");
}

#[derive(Clone)]
struct Db;

#[test]
fn script_functions_replace_methods_of_handles() {
    let mut engine = plain();
    engine
        .register_type_with_name::<Db>("Db")
        .register_fn("db", || Db)
        .register_fn("query", |_: &mut Db, _: &str| -> String { "native".into() });
    let answer: String = eval(&engine, "fn query(q) { \"hijacked\" } db().query(\"x\")");
    assert_eq!(answer, "hijacked");
}

#[test]
fn a_pointer_to_a_namespaced_function_cannot_be_called() {
    let mut engine = plain();
    engine.register_static_module("docker", module("stop", |_| "native".into()));
    fails(&engine, "Fn(\"docker::stop\").call(\"x\")");
    assert!(
        engine
            .eval::<Dynamic>("let f = docker::stop; f.call(\"x\")")
            .is_err()
    );
}

// --- Closures ------------------------------------------------------------------------------------

#[test]
fn returned_closures_fail_in_the_importer() {
    let mut engine = plain();
    serve(
        &mut engine,
        &[("lib", "fn helper(n) { n } fn make() { |n| helper(n) + 41 }")],
    );
    let error = error(
        &engine,
        "import \"lib\" as lib; let f = lib::make(); f.call(1)",
    );
    assert!(error.to_string().contains("anon$"), "{error}");
}

/// The whole lookup happens where the closure is called: also for what the closure's own functions call.
#[test]
fn closures_called_by_a_module_call_the_modules_functions() {
    let mut engine = plain();
    serve(
        &mut engine,
        &[(
            "lib",
            "private fn helper(s) { \"theirs\" }\n\nfn each(f) { f.call(1) }",
        )],
    );
    for (closure, expected) in [
        ("|mine| helper(mine)", "theirs"),
        ("|mine| through(mine)", "theirs"),
        ("|mine| other(mine)", "mine"),
    ] {
        let answer: String = eval(
            &engine,
            &format!(
                "import \"lib\" as lib; fn helper(s) {{ \"mine\" }} fn through(s) {{ helper(s) }} fn other(s) {{ \"mine\" }} lib::each({closure})"
            ),
        );
        assert_eq!(answer, expected, "{closure}");
    }
}

/// The hash is over text and place, so it takes the same text at the same place of two files.
#[test]
fn equal_closures_at_equal_places_run_the_wrong_one() {
    let name = |text: &str| {
        let ast = plain().compile(text).unwrap();
        let names: Vec<String> = ast.iter_functions().map(|f| f.name.to_owned()).collect();
        names[0].clone()
    };
    assert_eq!(
        name("let f = |s| s + 1; 1"),
        name("let f = |s| s + 1; other(2)")
    );
    assert_ne!(name("let f = |s| s + 1;"), name("let g  = |s| s + 1;"));
}

#[test]
fn closures_in_a_loop_share_the_variable() {
    let all: rhai::Array = eval(
        &plain(),
        "let all = []; for n in 0..3 { all.push(|| n); } all.map(|f| f.call())",
    );
    let all: Vec<INT> = all.into_iter().map(|v| v.as_int().unwrap()).collect();
    assert_eq!(all, [2, 2, 2]);
}

/// `spread(items, closure)`: one thread for each item, with the captures as they are or copied.
fn spreading(copied: bool) -> Engine {
    let mut engine = plain();
    engine.register_fn(
        "spread",
        move |native: NativeCallContext<'_>, items: INT, closure: FnPtr| -> Fallible<INT> {
            let failed = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for n in 0..items {
                    let (native, failed, mut closure) = (&native, &failed, closure.clone());
                    if copied {
                        let curry = closure
                            .curry()
                            .iter()
                            .map(Dynamic::flatten_clone)
                            .collect::<Vec<_>>();
                        closure.set_curry(curry);
                    }
                    std::thread::Builder::new()
                        .stack_size(8 << 20)
                        .spawn_scoped(scope, move || {
                            if closure
                                .call_within_context::<Dynamic>(native, (n,))
                                .is_err()
                            {
                                failed.fetch_add(1, Ordering::Relaxed);
                            }
                        })
                        .unwrap();
                }
            });
            Ok(INT::try_from(failed.into_inner()).unwrap())
        },
    );
    engine
}

const WRITES: &str = "let sum = 0; spread(8, |n| { for i in 0..3000 { sum += i; } sum })";
const READS: &str =
    "let m = #{ a: #{ b: 1 } }; spread(8, |n| { let s = 0; for i in 0..3000 { s += m.a.b; } s })";

#[test]
fn captured_variables_race_between_threads() {
    // A race: it need not show each time, but it does within a few.
    let raced = |script: &str| (0..20).any(|_| eval::<INT>(&spreading(false), script) > 0);
    assert!(raced(WRITES));
}

#[test]
fn snapshotted_captures_do_not() {
    for script in [WRITES, READS] {
        for _ in 0..5 {
            assert_eq!(eval::<INT>(&spreading(true), script), 0, "{script}");
        }
    }
}

#[test]
fn racing_imports_evaluate_a_module_more_than_once_at_most_once_each() {
    let mut engine = spreading(true);
    let evaluated = Arc::new(AtomicU64::new(0));
    let counter = evaluated.clone();
    engine.register_fn("evaluated", move || -> INT {
        counter.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(30));
        1
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lib.rhai"), "evaluated(); fn f() { 1 }").unwrap();
    engine.set_module_resolver(FileModuleResolver::new_with_path(folder.path()));
    let failed: INT = eval(
        &engine,
        "spread(4, |n| { import \"lib\" as lib; lib::f() })",
    );
    assert_eq!(failed, 0);
    // Its own resolver does not guard this; ours gives all of them one module.
    assert!(evaluated.load(Ordering::Relaxed) > 1);
}

// --- Errors --------------------------------------------------------------------------------------

#[test]
fn termination_is_swallowed_by_sort() {
    let mut engine = plain();
    engine.register_fn("stop", || -> Fallible<INT> { Err(terminated()) });
    let went_on: String = eval(
        &engine,
        "let a = [3, 1, 2]; a.sort(|x, y| stop()); \"went on\"",
    );
    assert_eq!(went_on, "went on");
    let thrown: String = eval(
        &engine,
        "let a = [3, 1, 2]; a.sort(|x, y| throw #{ kind: \"x\" }); \"went on\"",
    );
    assert_eq!(thrown, "went on");
}

#[test]
fn termination_in_map_is_wrapped_and_caught() {
    let mut engine = plain();
    engine.register_fn("stop", || -> Fallible<INT> { Err(terminated()) });
    let caught: String = eval(
        &engine,
        "let r = \"\"; try { [1].map(|x| stop()); } catch (e) { r = \"caught\"; } r",
    );
    assert_eq!(caught, "caught");
    let error = error(&engine, "try { stop(); } catch (e) {} 1");
    assert!(matches!(
        innermost(&error),
        EvalAltResult::ErrorTerminated(..)
    ));
}

#[test]
fn thrown_maps_pass_unchanged() {
    let engine = plain();
    for call in [
        "[1].map(|x| f(x))",
        "[1].filter(|x| f(x))",
        "[1].reduce(|s, x| f(x))",
        "[1].for_each(|| f(1))",
        "f(1)",
        "g(1)",
    ] {
        let kind: String = eval(
            &engine,
            &format!(
                "fn f(x) {{ throw #{{ kind: \"held\", n: [1, #{{ a: 2 }}] }} }} fn g(x) {{ f(x) }} let r = \"\"; try {{ {call}; }} catch (e) {{ r = e.kind + e.n[1].a; }} r"
            ),
        );
        assert_eq!(kind, "held2", "{call}");
    }
}

#[test]
fn built_in_errors_lose_their_kind_one_frame_up() {
    let engine = plain();
    let here: String = eval(
        &engine,
        "let r = \"\"; try { let a = [1]; a[9]; } catch (e) { r = e.error; } r",
    );
    assert_eq!(here, "ErrorArrayBounds");
    let above: String = eval(
        &engine,
        "fn f() { let a = [1]; a[9] } let r = \"\"; try { f(); } catch (e) { r = e.error; } r",
    );
    assert_eq!(above, "ErrorInFunctionCall");
}

#[test]
fn wrong_file_right_line_for_closures_called_by_modules() {
    let mut engine = plain();
    let place = Arc::new(Mutex::new((String::new(), 0)));
    let noted = place.clone();
    engine.register_fn("note", move |native: NativeCallContext<'_>, _: INT| {
        *noted.lock().unwrap() = (
            native.call_source().unwrap_or_default().to_owned(),
            native.call_position().line().unwrap_or(0),
        );
    });
    serve(&mut engine, &[("lib", "fn each(f) { f.call(1) }")]);
    let mut ast = engine
        .compile("import \"lib\" as lib;\n\n\nlib::each(|n| note(n));")
        .unwrap();
    ast.set_source("main");
    engine.eval_ast::<()>(&ast).unwrap();
    assert_eq!(*place.lock().unwrap(), ("lib".to_owned(), 4));
}

#[test]
fn a_wrong_type_reads_as_an_unknown_function() {
    let mut engine = plain();
    engine.register_fn("stop", |_: &str| 1 as INT);
    let error = error(&engine, "stop(1)");
    assert!(
        matches!(*error, EvalAltResult::ErrorFunctionNotFound(..)),
        "{error}"
    );
}

#[test]
fn a_raw_native_of_dynamics_gets_every_type_with_engine_name_and_place() {
    let mut engine = plain();
    let mut module = Module::new();
    FuncRegistration::new("any").set_into_module_raw(
        &mut module,
        [std::any::TypeId::of::<Dynamic>(); 2],
        rhai::RhaiFunc::Pure {
            func: Shared::new(
                |native: Option<NativeCallContext<'_>>, args: &mut [&mut Dynamic]| {
                    let native = native.unwrap();
                    Ok(format!(
                        "{} {} {}",
                        native.fn_name(),
                        native.call_position().line().unwrap_or(0),
                        args.len()
                    )
                    .into())
                },
            ),
            has_context: true,
            is_pure: true,
            is_volatile: true,
        },
    );
    module.build_index();
    engine.register_static_module("ns", module.into());
    for args in ["1, \"x\"", "(), #{}", "|x| x, [1]"] {
        let told: String = eval(&engine, &format!("\nns::any({args})"));
        assert_eq!(told, "any 2 2", "{args}");
    }
    fails(&engine, "ns::any(1)");
}

#[test]
fn exit_becomes_the_value_of_the_script() {
    assert_eq!(eval::<INT>(&plain(), "exit(3); 4"), 3);
    assert_eq!(
        eval::<INT>(&plain(), "fn f() { exit(3) } try { f(); } catch (e) {} 4"),
        3
    );
}

// --- Stopping ------------------------------------------------------------------------------------

#[test]
fn progress_never_interrupts_a_native() {
    let mut engine = plain();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    engine.on_progress(move |_| flag.load(Ordering::Relaxed).then_some(Dynamic::UNIT));
    engine.register_fn("block", || std::thread::sleep(Duration::from_millis(300)));
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        stop.store(true, Ordering::Relaxed);
    });
    let began = Instant::now();
    fails(&engine, "block(); loop {}");
    assert!(began.elapsed() >= Duration::from_millis(300));
    thread.join().unwrap();
    // The loop itself ends at once.
    let began = Instant::now();
    fails(&engine, "loop {}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn max_operations_do_not_accumulate_through_natives() {
    let mut engine = plain();
    engine.set_max_operations(2_000);
    fails(&engine, "for i in 0..10000 { }");
    // Fifty thousand closure calls pass a limit of two thousand.
    let mut engine = plain();
    engine.set_max_operations(2_000);
    engine.register_fn(
        "often",
        |native: NativeCallContext<'_>, closure: FnPtr| -> Fallible<INT> {
            for n in 0..50_000 as INT {
                let _ = closure.call_within_context::<Dynamic>(&native, (n,))?;
            }
            Ok(50_000)
        },
    );
    assert_eq!(eval::<INT>(&engine, "often(|n| n + 1)"), 50_000);
}

#[test]
fn debug_and_release_defaults_differ() {
    let engine = Engine::new();
    let (calls, depth) = if cfg!(debug_assertions) {
        (8, 32)
    } else {
        (64, 64)
    };
    assert_eq!(engine.max_call_levels(), calls);
    assert_eq!(engine.max_expr_depth(), depth);
}

#[test]
fn call_depth_64_needs_more_than_two_mebibytes_in_a_debug_build() {
    // Not run at 2 MiB: that aborts the process. At the stack that the runtime gives, it passes.
    let depth = std::thread::Builder::new()
        .stack_size(tradeops::script::host::SCRIPT_STACK)
        .spawn(|| {
            let engine = plain();
            eval::<INT>(
                &engine,
                "fn f(n) { if n == 0 { 0 } else { 1 + f(n - 1) } } f(60)",
            )
        })
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(depth, 60);
}

#[test]
fn reading_the_clock_in_the_progress_hook_is_dear() {
    let time = |clock: bool| {
        let mut engine = plain();
        let flag = AtomicBool::new(false);
        let end = Instant::now() + Duration::from_secs(3600);
        if clock {
            engine.on_progress(move |_| (Instant::now() > end).then_some(Dynamic::UNIT));
        } else {
            engine.on_progress(move |_| flag.load(Ordering::Relaxed).then_some(Dynamic::UNIT));
        }
        let ast = engine
            .compile("let x = 0; for i in 0..100000 { x += i; }")
            .unwrap();
        (0..5)
            .map(|_| {
                let began = Instant::now();
                engine.run_ast(&ast).unwrap();
                began.elapsed()
            })
            .min()
            .unwrap()
    };
    let (flag, clock) = (time(false), time(true));
    println!("a loop of 100,000: {flag:?} with a flag, {clock:?} with the clock");
}

// --- Modules -------------------------------------------------------------------------------------

#[test]
fn file_resolver_leaves_its_root() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let outside = folder.path().join("outside.rhai");
    std::fs::write(&outside, "fn f() { 1 }").unwrap();
    let mut engine = plain();
    engine.set_module_resolver(FileModuleResolver::new_with_path(&root));
    for path in [
        "../outside".to_owned(),
        outside.with_extension("").display().to_string(),
    ] {
        assert_eq!(
            eval::<INT>(&engine, &format!("import \"{path}\" as m; m::f()")),
            1,
            "{path}"
        );
    }
}

#[test]
fn file_resolver_replaces_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.rhai"), "fn f() { 1 }").unwrap();
    let mut engine = plain();
    engine.set_module_resolver(FileModuleResolver::new_with_path(folder.path()));
    assert_eq!(eval::<INT>(&engine, "import \"a.b\" as m; m::f()"), 1);
}

#[test]
fn the_standard_packages_bring_a_blocking_sleep_and_no_wall_clock() {
    let began = Instant::now();
    plain().run("sleep(0.05);").unwrap();
    assert!(began.elapsed() >= Duration::from_millis(50));
    fails(&plain(), "now()");
}

/// A circular import overflows the stack and aborts the process, so it is tried in a child.
#[test]
fn a_circular_import_aborts_the_process() {
    const CHILD: &str = "TRADEOPS_TEST_CIRCLE";
    if let Some(folder) = std::env::var_os(CHILD) {
        let mut engine = plain();
        engine.set_max_modules(10);
        engine.set_module_resolver(FileModuleResolver::new_with_path(folder));
        let _ = engine.run("import \"a\" as a;");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.rhai"), "import \"b\" as b;").unwrap();
    std::fs::write(folder.path().join("b.rhai"), "import \"a\" as a;").unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_circular_import_aborts_the_process"])
        .env(CHILD, folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success(), "rhai has learned to see circles");
}

#[test]
fn top_level_constants_are_seen_in_functions_only_through_global() {
    let engine = plain();
    assert_eq!(
        eval::<INT>(&engine, "const X = 7; fn f() { global::X } f()"),
        7
    );
    fails(&engine, "const X = 7; fn f() { X } f()");
}

// --- Values --------------------------------------------------------------------------------------

#[test]
fn in_place_methods_give_unit() {
    for method in [
        "trim()",
        "replace(\"a\", \"b\")",
        "truncate(1)",
        "pad(9, \" \")",
        "make_upper()",
    ] {
        let unit: bool = eval(
            &plain(),
            &format!("let s = \" a \"; let t = s.{method}; type_of(t) == \"()\""),
        );
        assert!(unit, "{method}");
    }
}

#[test]
fn a_missing_key_can_be_made_an_error() {
    let mut engine = plain();
    assert!(eval::<bool>(&engine, "let m = #{}; m.none == ()"));
    engine.set_fail_on_invalid_map_property(true);
    fails(&engine, "let m = #{}; m.none");
    fails(&engine, "let m = #{}; m?.none");
    assert_eq!(eval::<INT>(&engine, "let m = #{}; m.get(\"none\") ?? 3"), 3);
}

#[test]
fn maps_are_ordered_by_key_and_overflow_is_an_error() {
    let keys: rhai::Array = eval(&plain(), "#{ z: 1, a: 2, m: 3 }.keys()");
    let keys: Vec<String> = keys.into_iter().map(|k| k.into_string().unwrap()).collect();
    assert_eq!(keys, ["a", "m", "z"]);
    fails(&plain(), "9223372036854775807 + 1");
}

#[test]
fn equality_of_custom_types_can_be_trapped_and_unwrapping_cannot() {
    #[derive(Clone)]
    struct Planned;
    let mut engine = plain();
    engine
        .register_type::<Planned>()
        .register_fn("planned", || Planned)
        .register_fn("==", |_: Planned, _: Dynamic| -> Fallible<bool> {
            Err(terminated())
        });
    fails(&engine, "planned() == 3");
    assert!(eval::<bool>(
        &engine,
        "let p = planned(); let q = p ?? 3; type_of(q) != \"i64\""
    ));
}

#[test]
fn an_unassigned_value_is_dropped_at_the_end_of_its_statement() {
    #[derive(Clone)]
    struct Guard(
        Arc<AtomicBool>,
        #[expect(dead_code, reason = "counts the clones")] Arc<()>,
    );
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let (made, asked) = (dropped.clone(), dropped);
    let mut engine = plain();
    engine.register_fn("acquire", move || Guard(made.clone(), Arc::new(())));
    engine.register_fn("released", move || asked.load(Ordering::Relaxed));
    assert!(eval::<bool>(&engine, "acquire(); let x = 1; released()"));
}

#[test]
fn json_of_large_unsigned_numbers_is_no_int() {
    let value = rhai::serde::to_dynamic(u64::MAX).unwrap();
    assert!(value.as_int().is_err());
    let map: Map = rhai::serde::to_dynamic(serde_json::json!({ "a": null }))
        .unwrap()
        .cast();
    assert!(map["a"].is_unit());
}

// --- What the runtime makes of it ----------------------------------------------------------------

#[test]
fn the_engine_of_the_runtime_neither_optimises_nor_sleeps_nor_evals() {
    let engine = tradeops::script::engine::engine(None);
    assert_eq!(engine.optimization_level(), OptimizationLevel::None);
    assert_eq!(engine.max_call_levels(), 64);
    assert!(engine.compile("eval(\"1\")").is_err());
    for call in [
        "sleep(9)",
        "sleep(9.0)",
        "9.sleep()",
        "Fn(\"sleep\").call(9)",
        "timestamp()",
    ] {
        let began = Instant::now();
        fails(&engine, call);
        assert!(began.elapsed() < Duration::from_secs(5), "{call}");
    }
}
