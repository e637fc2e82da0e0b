//! Why a run must end, whatever its script makes of it.
//!
//! Rhai cannot make an error uncatchable: `map` and `sort` wrap or swallow a termination. So the first
//! denial or stop is kept here; the progress hook raises it again at the next operation, and the host
//! asks for it after the script ends.

use super::{Op, Site};
use crate::run::Stop;

/// What sort of end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoomKind {
    /// A capability is missing, or the act is outside the applied plan.
    Denied,
    /// The script called `exit` with this code.
    Exited(i64),
    /// A deadline, Ctrl-C or a termination signal.
    Stopped(Stop),
    /// Plan mode met a read whose answer depends on something planned.
    Incomplete,
    /// The audit could not be written, so the act was refused.
    Unrecorded,
}

/// The first reason to end, with its place.
#[derive(Debug, Clone)]
pub struct Doom {
    /// What sort.
    pub kind: DoomKind,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The call that met it.
    pub op: Option<String>,
    /// Where.
    pub site: Option<Site>,
}

impl Doom {
    /// A doom that a call met.
    pub fn of(kind: DoomKind, op: &Op, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            op: Some(op.name()),
            site: Some(op.site.clone()),
        }
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
