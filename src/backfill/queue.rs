//! Who does which chunk: one process by itself, in the order of the plan.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Error;
use super::chunk::Outcome;
use crate::run::Cx;

/// A chunk that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its place in the plan.
    pub index: usize,
    /// Whether somebody may have begun it.
    pub again: bool,
    /// Whether too many have begun it and died.
    pub deadly: bool,
    /// What the queue calls it.
    pub token: String,
}

/// Where chunks are taken from.
pub trait Queue: Sync {
    /// The next chunk; `None`: there is none for this worker any more.
    fn next(&self, cx: &Cx) -> Result<Option<Taken>, Error>;

    /// Notes how one ended.
    fn done(&self, cx: &Cx, taken: &Taken, outcome: &Outcome) -> Result<(), Error>;

    /// How many others have ended.
    fn elsewhere(&self, cx: &Cx) -> Result<i64, Error>;
}

/// All chunks of a plan, in its order.
#[derive(Debug)]
pub struct InOrder {
    next: AtomicUsize,
    all: usize,
}

impl InOrder {
    /// So many.
    pub fn new(all: usize) -> Self {
        Self {
            next: AtomicUsize::new(0),
            all,
        }
    }
}

impl Queue for InOrder {
    fn next(&self, _: &Cx) -> Result<Option<Taken>, Error> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        Ok((index < self.all).then(|| Taken {
            index,
            again: false,
            deadly: false,
            token: String::new(),
        }))
    }

    fn done(&self, _: &Cx, _: &Taken, _: &Outcome) -> Result<(), Error> {
        Ok(())
    }

    fn elsewhere(&self, _: &Cx) -> Result<i64, Error> {
        Ok(0)
    }
}
