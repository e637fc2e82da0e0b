//! What a domain tells while it works: effects (for the audit) and progress (for whoever watches).

use serde::Serialize;

/// One thing that a domain did inside a primitive: a statement, a removed file, a dropped partition.
#[derive(Debug, Clone, Serialize)]
pub struct Effect {
    /// What was done, in the domain's words: `drop partition`.
    pub verb: String,
    /// To what: `questdb/market_data/2024-01-02`.
    pub target: String,
    /// How it ended, in a word or a sentence.
    pub outcome: String,
}

/// Receives effects. Called from the domain's thread; must not block for long.
pub trait EffectSink: Send + Sync {
    /// Takes one effect.
    fn effect(&self, effect: Effect);
}

/// Receives progress of long work.
pub trait Progress: Send + Sync {
    /// `done` of `total` (where known) of `what`.
    fn advance(&self, what: &str, done: u64, total: Option<u64>);
}

/// Forgets effects.
#[derive(Debug, Clone, Copy)]
pub struct NoEffects;

impl EffectSink for NoEffects {
    fn effect(&self, _: Effect) {}
}

/// Forgets progress.
#[derive(Debug, Clone, Copy)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn advance(&self, _: &str, _: u64, _: Option<u64>) {}
}
