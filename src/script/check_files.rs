//! Check files: scripts whose last value is the checks that they add to a report.
//!
//! Each runs by its own header, within the profile: whoever may write into a folder of check files may let every
//! health run do what the header asks for. A file that is broken is reported and costs the others nothing.

use std::collections::HashSet;
use std::sync::Arc;

use rhai::{Dynamic, FnPtr, Map};

use super::fault;
use super::held::Held;
use super::library::{Library, Source};
use super::load::{NotRun, load_source};
use super::nested::{evaluate, inside};
use crate::api::{self, Branch, CheckFile, CheckFiles, Failure, Frame};
use crate::gate::Grants;

/// What `report::checks` does.
pub(super) fn check_files(library: Library) -> CheckFiles {
    CheckFiles(Box::new(move |branch: &Branch, context: &Dynamic| {
        let mut known = HashSet::new();
        let mut files = Vec::new();
        for name in library.check_names() {
            let source = library.check_file(&name);
            let mut file = match source {
                Ok(source) => one(&library, branch, source, context)?,
                Err(error) => CheckFile {
                    name: name.clone(),
                    file: format!("checks/{name}.rhai"),
                    error: Some(NotRun::NotFound(error).failure().message),
                    ..CheckFile::default()
                },
            };
            let twice = |check: &Map| !known.insert(id(check));
            let (again, once): (Vec<_>, Vec<_>) = file.checks.drain(..).partition(twice);
            file.checks = once;
            if let (Some(check), None) = (again.first(), &file.error) {
                file.error = Some(format!(
                    "the check `{}` is in another file already",
                    id(check)
                ));
            }
            files.push(file);
        }
        Ok(files)
    }))
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
            file.error = Some(not_run.failure().message);
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
    let listed = evaluate(inner.clone(), &checked).and_then(|value| {
        let unit = checked.program.unit(&source.id);
        let ast = unit.map(|unit| unit.ast.clone()).unwrap_or_default();
        // The modules are evaluated already; this only looks them up.
        let held = api::enter(inner.clone(), || Held::new(checked.engine.clone(), &ast));
        let held = Arc::new(held.map_err(api::thrown)?);
        checks(&value, &held, &inner.frame)
    });
    match listed {
        Ok(checks) => file.checks = checks,
        Err(failure) if failure.stop.is_some() || branch.run.doom().is_some() => {
            return Err(failure);
        }
        Err(failure) => {
            let place = failure.cause.as_deref().map(|error| {
                let (found, _) = fault::diagnose(error, &checked.program, &branch.run);
                format!(" at {}:{}:{}", found.file, found.line, found.column)
            });
            file.error = Some(format!("{}{}", failure.message, place.unwrap_or_default()));
        }
    }
    Ok(file)
}

/// The checks of a file's last value, ready to be called from anywhere.
fn checks(value: &Dynamic, held: &Arc<Held>, frame: &Arc<Frame>) -> Result<Vec<Map>, Failure> {
    let list = value.read_lock::<rhai::Array>().ok_or_else(|| {
        Failure::invalid("its last value is no list of checks: `[#{ id, layer, ask }, ...]`")
    })?;
    list.iter()
        .enumerate()
        .map(|(n, check)| {
            api::invalid_check(n, check)?;
            let mut check = check.clone().try_cast::<Map>().unwrap_or_default();
            let ask = check.get("ask").and_then(|ask| ask.clone().try_cast::<FnPtr>());
            let arity = ask.as_ref().and_then(|ask| held.takes(ask));
            let (Some(ask), Some(arity @ 0..=1)) = (ask, arity) else {
                return Err(Failure::invalid(format!(
                    "the check `{}` has no `ask`: a closure of the file that takes the check, or nothing",
                    id(&check)
                )));
            };
            check.insert("ask".into(), callable(ask, arity, held, frame)?.into());
            Ok(check)
        })
        .collect()
}

/// The closure as a function that works for its own file, whoever calls it.
fn callable(
    ask: FnPtr,
    arity: usize,
    held: &Arc<Held>,
    frame: &Arc<Frame>,
) -> Result<FnPtr, Failure> {
    let (held, frame) = (held.clone(), frame.clone());
    #[expect(deprecated, reason = "marked so to say that an upgrade may change it")]
    let native = FnPtr::from_fn("ask", move |_, args: &mut [&mut Dynamic]| {
        let given: Vec<Dynamic> = args.iter_mut().take(arity).map(|a| a.take()).collect();
        let Some(branch) = api::with_branch(Branch::clone) else {
            return Ok(Dynamic::UNIT);
        };
        let inner = Branch {
            frame: frame.clone(),
            ..branch
        };
        api::enter(inner, || held.call(&ask, given))
    });
    native.map_err(api::thrown)
}
