//! One primitive call as data: what is allowed, planned, audited and (later) recorded and replayed.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a call may do to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Nothing: arithmetic on its arguments.
    Pure,
    /// Only the run itself: its clock, terminal, tasks. Needs no capability.
    Local,
    /// Asks, and changes nothing.
    Read,
    /// Changes something that can be changed back.
    Change,
    /// Removes something.
    Destroy,
}

impl Access {
    /// The word in headers and docs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Local => "local",
            Self::Read => "read",
            Self::Change => "change",
            Self::Destroy => "destroy",
        }
    }

    /// Whether plan mode holds it back and the audit writes it down.
    pub const fn acts(self) -> bool {
        matches!(self, Self::Change | Self::Destroy)
    }

    /// Whether it passes the gate at all.
    pub const fn gated(self) -> bool {
        matches!(self, Self::Read | Self::Change | Self::Destroy)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in a script.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Site {
    /// The file, as shown to people.
    pub file: String,
    /// From 1; 0 when unknown.
    pub line: usize,
    /// From 1; 0 when unknown.
    pub column: usize,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One call of a gated primitive.
#[derive(Debug, Clone, Serialize)]
pub struct Op {
    /// `docker`.
    pub namespace: &'static str,
    /// `stop`.
    pub verb: &'static str,
    /// What it may do.
    pub access: Access,
    /// What a header must say to allow it: `docker.change`.
    pub capability: String,
    /// A path from the namespace down: `docker/trading-redis`.
    pub target: String,
    /// The arguments, not yet redacted: whoever writes them down redacts.
    pub args: Value,
    /// Where the script calls it.
    pub site: Site,
}

impl Op {
    /// `docker::stop`.
    pub fn name(&self) -> String {
        format!("{}::{}", self.namespace, self.verb)
    }
}

/// Whether one target lies within the other, in either direction.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_overlap_along_whole_segments() {
        assert!(overlap("docker", "docker/trading-redis"));
        assert!(overlap("docker/trading-redis", "docker/trading-redis"));
        assert!(!overlap(
            "docker/trading-redis",
            "docker/trading-redis-exporter"
        ));
        assert!(!overlap("docker/a", "docker/b"));
    }
}
