//! `history::` - the last results of workflows, which the runtime keeps.

use rhai::Dynamic;

use super::{Failure, Kind, Namespace, Primitive, StateFolder, Ty, option};
use crate::gate::Access;
use crate::history;

pub(super) static NAMESPACE: Namespace = Namespace {
    name: "history",
    doc: "The last results of each workflow. The runtime keeps them, not the script: so a script that may only read can still compare with yesterday.",
    primitives: &[Primitive {
        name: "last",
        params: &[option(
            "workflow",
            Ty::Opt(&Ty::Str),
            "()",
            "whose; this one's by default",
        )],
        options: &[option("count", Ty::Int, "1", "how many")],
        access: Access::Local,
        returns: Ty::List(&Ty::Map),
        errors: &[Kind::Failed],
        doc: "The last results as maps, the newest first; an empty list when there is none yet. The last 50 are kept.",
        example: "history::last(\"health\", #{ count: 2 }).len()",
        call: |call| {
            let frame = call.frame();
            let workflow = call.args().opt_str("workflow").unwrap_or(&frame.workflow);
            let Some(state) = call.run().resources().get::<StateFolder>() else {
                return Ok(Dynamic::from_array(Vec::new()));
            };
            let count = usize::try_from(call.args().int("count")).unwrap_or(0);
            let results = history::last(&state.0, workflow, count).map_err(|error| {
                Failure::new(
                    Kind::Failed,
                    format!("cannot read the history of `{workflow}`: {error}"),
                )
            })?;
            let results = results
                .iter()
                .filter_map(|r| rhai::serde::to_dynamic(r).ok())
                .collect();
            Ok(Dynamic::from_array(results))
        },
        ..Primitive::PURE
    }],
    shapes: &[],
};
