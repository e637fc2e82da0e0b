//! Verdicts: what single checks found, what follows from it, what is the cause of it.
//!
//! Knows nothing of how checks are made. Statuses, severities and the verdict are the contract that
//! every renderer and the exit code rest on.

mod grid;
mod render;
mod verdict;

pub use grid::{changes, fitted, grid};
pub use render::{Style, human};
pub use verdict::{Cause, Counts, Report, Verdict, assess, unknown};

use serde::{Deserialize, Serialize};

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and not as it should.
    Degraded,
    /// It does not work.
    Bad,
    /// It could not be found out.
    Unknown,
    /// It was not looked at: not set up, or what it depends on is down.
    Skipped,
}

impl Status {
    /// Every status, the worst first.
    pub const ALL: [Self; 5] = [
        Self::Bad,
        Self::Degraded,
        Self::Unknown,
        Self::Skipped,
        Self::Ok,
    ];

    /// The word in scripts and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }

    /// The status of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether what depends on it can be looked at.
    pub const fn carries(self) -> bool {
        matches!(self, Self::Ok | Self::Degraded)
    }
}

/// How much a check matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Without it the stack does not do its work.
    Critical,
    /// The stack works, and worse.
    Major,
    /// Good to know.
    Minor,
}

impl Severity {
    /// The severity of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "critical" => Some(Self::Critical),
            "major" => Some(Self::Major),
            "minor" => Some(Self::Minor),
            _ => None,
        }
    }
}

/// One finding.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    /// Stable and unique within a report: `redis.container`.
    pub id: String,
    /// The part of the report that it belongs to.
    pub layer: String,
    /// The service that it is about; empty for the machine.
    pub service: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was found.
    pub status: Status,
    /// What was measured.
    pub value: serde_json::Value,
    /// What it is held against.
    pub threshold: serde_json::Value,
    /// What was asked and what came back.
    pub evidence: String,
    /// What to do about it.
    pub remedy: String,
    /// How long it took.
    pub ms: f64,
    /// The ids of the checks that it rests on: without them it is not made.
    pub needs: Vec<String>,
    /// The ids of the checks that, when they are at least as bad, are the cause of what it found.
    #[serde(default)]
    pub explained_by: Vec<String>,
}
