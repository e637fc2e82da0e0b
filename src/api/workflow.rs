//! `workflow::` - running another workflow in place.

use std::fmt;

use rhai::Dynamic;

use super::{Branch, Failure, Kind, Namespace, Primitive, Ty, option, param};
use crate::gate::Access;

type Runner = dyn Fn(&Branch, &str, &[String]) -> Result<Dynamic, Failure> + Send + Sync;

/// The host's way to run a script; this floor only knows that there is one.
pub struct WorkflowRunner(pub Box<Runner>);

impl fmt::Debug for WorkflowRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkflowRunner").finish_non_exhaustive()
    }
}

pub(super) static NAMESPACE: Namespace = Namespace {
    name: "workflow",
    doc: "Running another workflow in place. It runs in the same run, plan and audit; its header bounds it, and so do the caller's.",
    primitives: &[
        Primitive {
            name: "run",
            params: &[param("name", Ty::Str, "a workflow's name or path")],
            options: &[option(
                "args",
                Ty::List(&Ty::Str),
                "[]",
                "its command line: `[\"--window\", \"10s\"]`",
            )],
            access: Access::Local,
            returns: Ty::Any,
            errors: &[Kind::NotFound, Kind::Invalid],
            doc: "Runs another workflow and gives its result. Both headers bound what it may do; a circle of workflows is an error that prints its chain.",
            example: "task::attempt(|| workflow::run(\"no-such-workflow\")).error.kind",
            call: |call| {
                let Some(runner) = call.run().resources().get::<WorkflowRunner>() else {
                    return Err(Failure::new(
                        Kind::Conflict,
                        "workflows cannot be run from here",
                    ));
                };
                (runner.0)(
                    call.branch(),
                    call.args().str("name"),
                    &call.args().strs("args"),
                )
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "name",
            access: Access::Local,
            returns: Ty::Str,
            doc: "The name of the script that calls.",
            example: "workflow::name()",
            call: |call| Ok(call.frame().workflow.clone().into()),
            ..Primitive::PURE
        },
    ],
    shapes: &[],
};
