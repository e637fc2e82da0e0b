//! `plan::` - whether changes are only planned.

use super::{Namespace, Primitive, Ty};
use crate::gate::Access;

pub(super) static NAMESPACE: Namespace = Namespace {
    name: "plan",
    doc: "Plan mode is a property of the runtime (`--plan`): reads happen, changes are recorded and none happens. A script can ask for it and cannot switch it.",
    primitives: &[Primitive {
        name: "on",
        access: Access::Local,
        returns: Ty::Bool,
        doc: "Whether this run only plans.",
        example: "if plan::on() { print(\"nothing will be changed\") }",
        call: |call| Ok(call.run().mode().is_plan().into()),
        ..Primitive::PURE
    }],
    shapes: &[],
};
