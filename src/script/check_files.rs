//! Check files: scripts whose last value is the checks that they add to a report.
//!
//! Each runs by its own header, within the profile: whoever may write into a folder of check files may let every
//! health run do what the header asks for. A file that is broken is reported and costs the others nothing.

use std::collections::HashMap;
use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, FnPtr, Map, Position, Scope};

use super::diagnostic::{Diagnostic, Severity};
use super::fault;
use super::held::Held;
use super::library::{Library, Source};
use super::load::{NotRun, load_source};
use super::nested::{evaluate, inside};
use super::program::Program;
use super::syntax::last_place;
use crate::api::{self, Branch, CheckFile, CheckFiles, Failure, Frame};
use crate::gate::{Grants, Run};

/// What `report::checks` does.
pub(super) fn check_files(library: Library) -> CheckFiles {
    CheckFiles(Box::new(move |branch: &Branch, context: &Dynamic| {
        let mut known: HashMap<String, String> = HashMap::new();
        let mut files = Vec::new();
        for name in library.check_names() {
            let source = library.check_file(&name);
            let mut file = match source {
                Ok(source) => one(&library, branch, source, context)?,
                Err(error) => CheckFile {
                    name: name.clone(),
                    file: format!("checks/{name}.rhai"),
                    error: Some(why(NotRun::NotFound(error))),
                    ..CheckFile::default()
                },
            };
            for check in std::mem::take(&mut file.checks) {
                let id = id(&check);
                if let Some(first) = known.get(&id) {
                    let why = format!("there is a check `{id}` in `{first}` already");
                    file.error.get_or_insert(why);
                } else {
                    known.insert(id, file.file.clone());
                    file.checks.push(check);
                }
            }
            files.push(file);
        }
        Ok(files)
    }))
}

/// Why a file did not run, with its place, or with what to do.
fn why(not_run: NotRun) -> String {
    if let NotRun::Invalid(_, found) = &not_run
        && let Some(first) = found.iter().find(|d| d.severity == Severity::Error)
    {
        return placed(first);
    }
    let failure = not_run.failure();
    match failure.hint {
        Some(hint) => format!("{}; {hint}", failure.message),
        None => failure.message,
    }
}

fn placed(found: &Diagnostic) -> String {
    format!(
        "{} at {}:{}:{}",
        found.message, found.file, found.line, found.column
    )
}

fn id(check: &Map) -> String {
    check.get("id").map(ToString::to_string).unwrap_or_default()
}

/// One file and its checks; only what ends the whole run is an error here.
fn one(
    library: &Library,
    branch: &Branch,
    source: Source,
    context: &Dynamic,
) -> Result<CheckFile, Failure> {
    let mut file = CheckFile {
        name: source.name.clone(),
        file: source.id.clone(),
        layer: source.layer.to_string(),
        ..CheckFile::default()
    };
    let checked = match load_source(library, source.clone()) {
        Ok(checked) => checked,
        Err(not_run) => {
            file.error = Some(why(not_run));
            return Ok(file);
        }
    };
    file.summary = checked.header.summary().to_owned();
    let frame = Frame {
        workflow: branch.frame.workflow.clone(),
        grants: Grants {
            needs: checked.header.needs.clone(),
            profile: branch.frame.grants.profile().cloned(),
            ..Grants::default()
        },
        context: context.flatten_clone(),
        ..Frame::default()
    };
    let inner = inside(library, branch, &source, &checked, frame)?;
    let mut scope = Scope::new();
    let listed = evaluate(inner.clone(), &checked, &mut scope).and_then(|value| {
        let unit = checked.program.unit(&source.id);
        let ast = unit.map(|unit| unit.ast.clone()).unwrap_or_default();
        // The modules are evaluated already; this only looks them up.
        let engine = checked.engine.clone();
        let held = api::enter(inner.clone(), || Held::new(engine, &ast, &scope));
        let of = Arc::new(Of {
            held: held.map_err(api::thrown)?,
            frame: inner.frame.clone(),
            program: checked.program.clone(),
        });
        checks(&value, &of).map_err(|failure| {
            let found = Diagnostic::error("check", &source.id, last_place(&ast), failure.message);
            Failure::invalid(placed(&found))
        })
    });
    match listed {
        Ok(checks) => file.checks = checks,
        Err(failure) if failure.stop.is_some() || branch.run.doom().is_some() => {
            return Err(failure);
        }
        Err(failure) => {
            let thrown = failure.cause.as_deref();
            let found = thrown.map(|e| fault::diagnose(e, &checked.program, &branch.run).0);
            file.error = Some(found.map_or(failure.message, |found| placed(&found)));
        }
    }
    Ok(file)
}

/// What the closures of a file are called with.
struct Of {
    held: Held,
    frame: Arc<Frame>,
    program: Arc<Program>,
}

/// The checks of a file's last value, ready to be called from anywhere.
fn checks(value: &Dynamic, of: &Arc<Of>) -> Result<Vec<Map>, Failure> {
    let list = value.read_lock::<rhai::Array>().ok_or_else(|| {
        Failure::invalid("its last value is no list of checks: `[#{ id, layer, ask }, ...]`")
    })?;
    list.iter()
        .enumerate()
        .map(|(n, check)| {
            api::invalid_check(n, check)?;
            let mut check = check.clone().try_cast::<Map>().unwrap_or_default();
            let ask = check.get("ask").and_then(|ask| ask.clone().try_cast::<FnPtr>());
            let arity = ask.as_ref().and_then(|ask| of.held.takes(ask));
            let (Some(ask), Some(arity @ 0..=1)) = (ask, arity) else {
                return Err(Failure::invalid(format!(
                    "the check `{}` has no `ask`: a closure of the file that takes the check, or nothing",
                    id(&check)
                )));
            };
            check.insert("ask".into(), callable(ask, arity, of)?.into());
            Ok(check)
        })
        .collect()
}

/// The closure as a function that works for its own file, whoever calls it.
fn callable(ask: FnPtr, arity: usize, of: &Arc<Of>) -> Result<FnPtr, Failure> {
    let of = of.clone();
    #[expect(deprecated, reason = "marked so to say that an upgrade may change it")]
    let native = FnPtr::from_fn("ask", move |_, args: &mut [&mut Dynamic]| {
        let given: Vec<Dynamic> = args.iter_mut().take(arity).map(|a| a.take()).collect();
        let Some(branch) = api::with_branch(Branch::clone) else {
            return Ok(Dynamic::UNIT);
        };
        let inner = Branch {
            frame: of.frame.clone(),
            ..branch
        };
        let run = inner.run.clone();
        api::enter(inner, || of.held.call(&ask, given)).map_err(|e| at_home(e, &of.program, &run))
    });
    native.map_err(api::thrown)
}

/// Whether it is a failure that no primitive threw: a field that a record does not have.
fn is_the_engines(thrown: &Dynamic) -> bool {
    let Some(map) = thrown.read_lock::<Map>() else {
        return false;
    };
    let is = |key: &str, text: &str| {
        map.get(key)
            .is_some_and(|v| v.is_string() && v.to_string() == text)
    };
    is("kind", "invalid") && is("op", "")
}

/// What is thrown goes on as it is; a mistake in the file is told with its place, which the caller does not know.
fn at_home(error: Box<EvalAltResult>, program: &Program, run: &Run) -> Box<EvalAltResult> {
    let mut inner = &*error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, next, _)
    | EvalAltResult::ErrorInModule(_, next, _) = inner
    {
        inner = next;
    }
    match inner {
        EvalAltResult::ErrorRuntime(value, _) if !is_the_engines(value) => error,
        EvalAltResult::ErrorTerminated(..) => error,
        _ => {
            let (found, _) = fault::diagnose(&error, program, run);
            let failure = Failure {
                hint: found.hint.clone(),
                ..Failure::invalid(placed(&found))
            };
            failure.throw("report::checks", &found.file, Position::NONE)
        }
    }
}
