//! `plan::` - whether changes are only planned.

use super::{Failure, Kind, Namespace, Primitive, Ty, param};
use crate::gate::Access;

pub(super) static NAMESPACE: Namespace = Namespace {
    name: "plan",
    doc: "Plan mode is a property of the runtime (`--plan`): reads happen, changes are recorded and none happens. A script can ask for it and cannot switch it.",
    primitives: &[
        Primitive {
            name: "on",
            access: Access::Local,
            returns: Ty::Bool,
            doc: "Whether this run only plans.",
            example: "if plan::on() { print(\"nothing will be changed\") }",
            call: |call| Ok(call.run().mode().is_plan().into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "save",
            params: &[
                param("path", Ty::Str, "the file"),
                param("plan", Ty::Any, "what the script planned"),
            ],
            // Not a change: that file is what plan mode is for. The capability is that of a write.
            access: Access::Read,
            capability: Some("fs.change"),
            returns: Ty::Str,
            errors: &[Kind::Failed, Kind::NotFound, Kind::Refused],
            doc: "Writes a plan that a script made in its own form (`//! plan: own`) into a file, as JSON, whole or not at all, in plan mode, too. Gives the path.",
            example: "plan::save(\"plan.json\", #{ schema: \"tradeops.example-plan/1\" })",
            target: |a| super::fs::place(a.str("path")),
            call: |call| {
                let a = call.args();
                let text = serde_json::to_string_pretty(&super::to_json(&a.any("plan")))
                    .map_err(|why| Failure::invalid(why.to_string()))?;
                let file = std::path::Path::new(a.str("path"));
                let written =
                    crate::files::write_text(call.cx(), file, &format!("{text}\n"), None)?;
                Ok(written.path.into())
            },
            ..Primitive::READ
        },
    ],
    shapes: &[],
};
