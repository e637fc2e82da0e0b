//! Workflows that run workflows: what `workflow::run` does.

use std::sync::Arc;

use rhai::{Dynamic, Scope};

use super::host::{http_policy, learn_secrets};
use super::library::{Library, Source};
use super::load::{Checked, NotRun, load};
use super::program::Program;
use crate::api::{self, Branch, Failure, Frame, SiteTable, WorkflowRunner};
use crate::gate::Grants;
use crate::run::Stop;

/// The program of the script that was started, for the messages about what runs within it.
pub(super) struct Outermost(pub Arc<Program>);

/// The calendars of a run, from the library's layers.
pub(super) fn calendars(library: Library) -> api::Calendars {
    let names = library.clone();
    let find = move |name: &str| {
        let source = library
            .calendar(name)
            .map_err(|error| NotRun::NotFound(error).failure())?;
        let file = match &source.path {
            Some(path) => library.shown(path),
            None => source.id,
        };
        Ok((source.text, file))
    };
    api::Calendars::new(find, move || names.calendars())
}

/// How deeply workflows may run workflows.
const NESTING: usize = 8;

/// What `workflow::run` does: loads and checks another script, and evaluates it on the caller's thread,
/// within the caller's bounds and the same run.
pub(super) fn runner(library: Library, env: fn(&str) -> Option<String>) -> WorkflowRunner {
    WorkflowRunner(Box::new(
        move |branch: &Branch, name: &str, given: &[String]| {
            let (source, checked) = load(&library, name).map_err(|not_run| not_run.failure())?;
            let chain = branch.frame.chain();
            if chain.contains(&source.name) || chain.len() >= NESTING {
                return Err(Failure::invalid(format!(
                    "the workflows run each other in a circle: {} -> {}",
                    chain.join(" -> "),
                    source.name
                )));
            }
            let arguments = checked
                .spec
                .parse(given, &env)
                .map_err(|error| NotRun::from(error).failure())?;
            learn_secrets(branch.run.redactor(), &arguments);
            let frame = Frame {
                workflow: source.name.clone(),
                grants: Grants {
                    needs: checked.header.needs.clone(),
                    outer: Some(Arc::new(branch.frame.grants.clone())),
                    ..Grants::default()
                },
                arguments,
                ..Frame::default()
            };
            let inner = inside(&library, branch, &source, &checked, frame)?;
            evaluate(inner, &checked, &mut Scope::new())
        },
    ))
}

/// The branch of a script that runs within another one: the run takes it in, its lines are there for messages.
pub(super) fn inside(
    library: &Library,
    branch: &Branch,
    source: &Source,
    checked: &Checked,
    frame: Frame,
) -> Result<Branch, Failure> {
    let run = &branch.run;
    if !run.bring_in(&source.id, checked.program.digest()) {
        return Err(Stop::Cancelled.into());
    }
    if let Some(outermost) = run.resources().get::<Outermost>() {
        outermost.0.adopt(&checked.program);
    }
    run.resources()
        .get_or(SiteTable::default)
        .extend(&checked.sites);
    let http = http_policy(library, Some(&checked.program), source, &checked.header)
        .map_err(|error| NotRun::Environment(error).failure())?;
    Ok(Branch {
        frame: Arc::new(Frame {
            http: Arc::new(http),
            caller: Some(branch.frame.clone()),
            ..frame
        }),
        ..branch.clone()
    })
}

/// The script's last value; its variables stay in the scope.
pub(super) fn evaluate(
    inner: Branch,
    checked: &Checked,
    scope: &mut Scope<'_>,
) -> Result<Dynamic, Failure> {
    let Some(unit) = checked.program.unit(&checked.program.main) else {
        return Ok(Dynamic::UNIT);
    };
    api::enter(inner, || {
        checked
            .engine
            .eval_ast_with_scope::<Dynamic>(scope, &unit.ast)
    })
    .map_err(api::thrown)
}
