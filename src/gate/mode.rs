//! How a run treats what would change the world.

use super::Allowance;

/// The mode of a run. Set once, by the host; a script can read it and not change it.
#[derive(Debug)]
pub enum Mode {
    /// Changes happen.
    Live,
    /// Changes are recorded and none happens.
    Plan,
    /// Changes happen if the plan names them.
    Apply(Allowance),
}

impl Mode {
    /// Whether changes are only recorded.
    pub fn is_plan(&self) -> bool {
        matches!(self, Self::Plan)
    }
}
