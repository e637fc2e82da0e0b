//! The one engine that run, check, REPL, docs and tests share.

use std::cell::RefCell;
use std::sync::Arc;

use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicMapPackage, BasicMathPackage, BitFieldPackage,
    CorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{
    Dynamic, Engine, EvalAltResult, ImmutableString, Map, Module, ModuleResolver,
    NativeCallContext, OptimizationLevel, Position, Scope, Shared,
};

use super::program::{Program, Unit, parse};
use super::syntax::Facts;
use crate::api::{self, Handle, Record, Time, closest, show, with_branch};
use crate::gate::{Doom, DoomKind, Site};

/// An engine with every primitive. `program` serves its imports; without one it has none.
pub fn engine(program: Option<Arc<Program>>) -> Engine {
    build(bare(), program, |_| true)
}

/// An engine with the primitives that a checked program can call: registering all of them is half of what
/// it costs to start a small script.
pub fn engine_for(program: Arc<Program>) -> Engine {
    let Some(used) = program.namespaces() else {
        return engine(Some(program));
    };
    let language = if program.plain() { looked_up() } else { bare() };
    build(language, Some(program), |name| used.contains(name))
}

fn build(
    mut engine: Engine,
    program: Option<Arc<Program>>,
    wanted: impl Fn(&str) -> bool,
) -> Engine {
    api::register(&mut engine, wanted);
    values(&mut engine);
    match program {
        Some(program) => engine.set_module_resolver(Resolver(program)),
        None => engine.set_module_resolver(rhai::module_resolvers::DummyModuleResolver::new()),
    };
    engine.on_print(|text| {
        with_branch(|branch| {
            let output = *branch.run.resources().get_or(|| api::Output::PLAIN);
            api::ui::write_out(output, &branch.run.redactor().text(text));
        });
    });
    engine.on_debug(|text, source, at| {
        with_branch(|branch| {
            let text = branch.run.redactor().text(text);
            let place = source.map_or_else(|| at.to_string(), |file| format!("{file} @ {at:?}"));
            api::ui::tell(&format!("debug: {place}: {text}"));
        });
    });
    // Reading a flag is free; reading the clock here would double the cost of a loop.
    engine.on_progress(|_| {
        let stopped = with_branch(|branch| branch.cx.cancel().stopped().is_some());
        (stopped == Some(true)).then_some(Dynamic::UNIT)
    });
    engine
}

/// An engine that only parses: no primitive, no package, and so no cost.
pub fn parser() -> Engine {
    let mut engine = Engine::new_raw();
    limits(&mut engine);
    for namespace in api::NAMESPACES {
        engine.register_static_module(namespace.name, Module::new().into());
    }
    engine
}

/// The language itself: the standard packages but the one with Rhai's own clock.
macro_rules! language {
    ($new:ident) => {{
        let mut engine = Engine::new_raw();
        CorePackage::$new().register_into_engine(&mut engine);
        BitFieldPackage::$new().register_into_engine(&mut engine);
        LogicPackage::$new().register_into_engine(&mut engine);
        BasicMathPackage::$new().register_into_engine(&mut engine);
        BasicArrayPackage::$new().register_into_engine(&mut engine);
        BasicBlobPackage::$new().register_into_engine(&mut engine);
        BasicMapPackage::$new().register_into_engine(&mut engine);
        MoreStringPackage::$new().register_into_engine(&mut engine);
        limits(&mut engine);
        engine
    }};
}

/// The language, with every standard function registered.
fn bare() -> Engine {
    language!(new)
}

/// The language, its standard functions searched for when they are called. That saves four in ten of the
/// instructions of a small script's start, but every closure that is called, and every element that an array is
/// searched for, searches anew: it is for programs without them.
fn looked_up() -> Engine {
    language!(new_lazy)
}

/// What parser and engine must agree on.
fn limits(engine: &mut Engine) {
    // `Full` would run primitives while compiling; `None` also keeps dead code for the check to see.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    // Rhai's defaults differ between debug and release builds.
    engine.set_max_call_levels(64);
    engine.set_max_expr_depths(128, 64);
    engine.disable_symbol("eval");
}

/// How the values that primitives give behave in scripts.
fn values(engine: &mut Engine) {
    engine
        .register_type_with_name::<Record>("Record")
        .register_indexer_get(record_field)
        .register_fn("to_string", |record: &mut Record| record.to_string())
        .register_fn("to_debug", |record: &mut Record| record.to_string())
        .register_fn(
            "to_map",
            |native: NativeCallContext<'_>, record: &mut Record| {
                known(&native, record, "the fields")?;
                Ok::<_, Box<EvalAltResult>>(record.to_map())
            },
        )
        .register_fn(
            "==",
            |native: NativeCallContext<'_>, a: Record, b: Record| same(&native, &a, &b),
        )
        .register_fn(
            "!=",
            |native: NativeCallContext<'_>, a: Record, b: Record| {
                same(&native, &a, &b).map(|same| !same)
            },
        )
        .register_fn("contains", |record: &mut Record, name: &str| {
            record.shape().fields.iter().any(|field| field.name == name)
        });
    // The core package brings a sleep that nothing can interrupt. The check knows no `sleep`; this is for
    // the ways around it: `Fn("sleep")`, `1.sleep()`.
    engine
        .register_fn("sleep", |_: i64| no_sleep())
        .register_fn("sleep", |_: f64| no_sleep());
    // As in a shell: the number is the process's exit code, wherever in the script it is called. In a
    // workflow that another one runs it is that workflow's value, as Rhai has it.
    engine.register_fn(
        "exit",
        |native: NativeCallContext<'_>, code: i64| -> Result<(), Box<EvalAltResult>> {
            let at = native.call_position();
            let ended = with_branch(|branch| {
                let outermost = branch.frame.caller.is_none();
                if outermost {
                    branch.run.set_doom(Doom {
                        kind: DoomKind::Exited(code),
                        message: format!("the script called `exit({code})`"),
                        hint: None,
                        op: None,
                        site: None,
                    });
                }
                outermost
            });
            Err(if ended == Some(true) {
                EvalAltResult::ErrorTerminated(Dynamic::UNIT, at).into()
            } else {
                EvalAltResult::Exit(code.into(), at).into()
            })
        },
    );
    engine
        .register_type_with_name::<Time>("Time")
        .register_fn("to_string", |time: &mut Time| time.to_string())
        .register_fn("to_debug", |time: &mut Time| time.to_string())
        .register_fn("==", |a: Time, b: Time| a == b)
        .register_fn("!=", |a: Time, b: Time| a != b)
        .register_fn("<", |a: Time, b: Time| a < b)
        .register_fn("<=", |a: Time, b: Time| a <= b)
        .register_fn(">", |a: Time, b: Time| a > b)
        .register_fn(">=", |a: Time, b: Time| a >= b)
        // The difference of two instants, in seconds.
        .register_fn("-", |a: Time, b: Time| {
            let span = a.0.signed_duration_since(b.0);
            #[expect(
                clippy::cast_precision_loss,
                reason = "microseconds of centuries fit a float well enough"
            )]
            let seconds = span.num_microseconds().unwrap_or(i64::MAX) as f64 / 1e6;
            seconds
        });
    engine
        .register_type_with_name::<Handle>("Handle")
        .register_fn("to_string", |handle: &mut Handle| handle.to_string())
        .register_fn("to_debug", |handle: &mut Handle| handle.to_string());
}

fn no_sleep() -> Result<(), Box<EvalAltResult>> {
    let failure =
        api::Failure::invalid("there is no `sleep`").hint("did you mean `time::sleep(\"1s\")`?");
    Err(EvalAltResult::ErrorRuntime(failure.to_map("", "").into(), Position::NONE).into())
}

fn same(
    native: &NativeCallContext<'_>,
    a: &Record,
    b: &Record,
) -> Result<bool, Box<EvalAltResult>> {
    known(native, a, "the fields")?;
    known(native, b, "the fields")?;
    Ok(a.to_string() == b.to_string())
}

fn record_field(
    native: NativeCallContext<'_>,
    record: &mut Record,
    name: ImmutableString,
) -> Result<Dynamic, Box<EvalAltResult>> {
    if name == "planned" {
        return Ok(record.planned.into());
    }
    known(&native, record, &format!("`{name}`"))?;
    if let Some(value) = record.get(&name) {
        return Ok(value.clone());
    }
    let shape = record.shape();
    let names = || shape.fields.iter().map(|f| f.name);
    let hint = closest(&name, names()).map_or_else(
        || format!("its fields are {}", names().collect::<Vec<_>>().join(", ")),
        |name| format!("did you mean `{name}`?"),
    );
    let failure =
        api::Failure::invalid(format!("a `{}` has no field `{name}`", shape.name)).hint(hint);
    Err(EvalAltResult::ErrorRuntime(failure.to_map("", "").into(), Position::NONE).into())
}

/// A planned change has no outcome yet: what the script would do with it cannot be foreseen.
fn known(
    native: &NativeCallContext<'_>,
    record: &Record,
    what: &str,
) -> Result<(), Box<EvalAltResult>> {
    if !record.planned {
        return Ok(());
    }
    let why = format!(
        "the script reads {what} of a planned `{}`, which is not known before it happens",
        record.shape().name
    );
    let at = native.call_position();
    let site = native.call_source().map(|file| Site {
        file: file.to_owned(),
        line: at.line().unwrap_or(0),
        column: at.position().unwrap_or(0),
    });
    with_branch(|branch| branch.run.end_plan(why, site));
    Err(EvalAltResult::ErrorTerminated(Dynamic::UNIT, at).into())
}

/// Serves imports from a program.
struct Resolver(Arc<Program>);

thread_local! {
    /// The files whose import is going on, on this thread: a circle among them would overflow the stack.
    static IMPORTING: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        at: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let unit = self.find(engine, source, path, at)?;
        if let Some(module) = unit.module.get() {
            return Ok(module.clone());
        }
        let id = unit.source.id.clone();
        let circle = IMPORTING.with(|chain| {
            let chain = chain.borrow();
            chain
                .iter()
                .position(|c| *c == id)
                .map(|from| chain[from..].join(" -> "))
        });
        if let Some(circle) = circle {
            return Err(broken(
                path,
                format!("the imports go in a circle: {circle} -> {id}"),
                at,
            ));
        }
        IMPORTING.with(|chain| chain.borrow_mut().push(id));
        let module = Module::eval_ast_as_new(Scope::new(), &unit.ast, engine);
        IMPORTING.with(|chain| chain.borrow_mut().pop());
        let module: Shared<Module> = module
            .map_err(|error| EvalAltResult::ErrorInModule(path.to_owned(), error, at))?
            .into();
        // Another thread may have been first; all get that one.
        Ok(unit.module.get_or_init(|| module).clone())
    }
}

impl Resolver {
    fn find(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        at: Position,
    ) -> Result<Arc<Unit>, Box<EvalAltResult>> {
        let program = &self.0;
        let (Some(importer), Some(main)) = (
            program.unit(source.unwrap_or(&program.main)),
            program.unit(&program.main),
        ) else {
            return Err(broken(path, "it is not known who imports it".into(), at));
        };
        let module = program
            .library
            .module(&main.source, &importer.source, path)
            .map_err(|error| broken(path, error.to_string(), at))?;
        if let Some(unit) = program.unit(&module.id) {
            return Ok(unit);
        }
        let digest = module.digest();
        if with_branch(|branch| branch.run.bring_in(&module.id, digest)) == Some(false) {
            return Err(EvalAltResult::ErrorTerminated(Dynamic::UNIT, at).into());
        }
        let ast = parse(engine, &module)
            .map_err(|error| broken(path, format!("{}: {error}", module.id), at))?;
        Ok(program.add(Unit {
            facts: Facts::of(&ast),
            source: module,
            ast,
            broken: false,
            imports: Vec::new(),
            module: std::sync::OnceLock::new(),
        }))
    }
}

fn broken(path: &str, why: String, at: Position) -> Box<EvalAltResult> {
    let map: Map =
        api::Failure::invalid(format!("cannot import `{path}`: {why}")).to_map("import", path);
    EvalAltResult::ErrorRuntime(map.into(), at).into()
}

/// A value as `print` shows it: text as it is, everything else as the REPL does.
pub fn printed(value: &Dynamic) -> String {
    value
        .read_lock::<ImmutableString>()
        .map_or_else(|| show(value), |text| text.to_string())
}
