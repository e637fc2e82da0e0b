//! The one door between a script and the world: capabilities, plan, audit and redaction.
//!
//! Every gated primitive passes here as an [`Op`] before it acts, so plan mode, capabilities and audit
//! are properties of the runtime: a script can neither forget nor evade them. The gate knows nothing of
//! Rhai; the floor above hands it closures.

mod audit;
mod capability;
mod doom;
mod http_path;
mod http_policy;
mod mode;
mod op;
mod plan;
mod planned;
mod redact;
mod resources;
mod run;

pub use audit::{Audit, AuditError, Outcome};
pub(crate) use capability::glob;
pub use capability::{Capability, CapabilityError, Denial, Grants, Profile};
pub use doom::{Doom, DoomKind};
pub use http_path::http_target;
pub use http_policy::HttpPolicy;
pub use mode::Mode;
pub use op::{Access, Op, Site};
pub(crate) use plan::hex;
pub use plan::{Allowance, Blast, Plan, PlanError, Step};
pub use redact::Redactor;
pub use resources::Resources;
pub use run::{Flight, Origin, Pass, Run, RunParts};
