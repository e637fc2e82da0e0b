//! What a run's primitives share with the host: how output is shown, what to do at the end.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rhai::FnPtr;

/// How a run shows its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Standard output carries data only: what scripts print goes to standard error.
    pub json: bool,
    /// Colour on standard output.
    pub colour: bool,
    /// Standard error is a terminal: live progress may be drawn there.
    pub live: bool,
    /// Columns of the terminal; 80 where there is none.
    pub width: usize,
}

impl Output {
    /// Plain text of 80 columns.
    pub const PLAIN: Self = Self {
        json: false,
        colour: false,
        live: false,
        width: 80,
    };
}

/// Where the runtime keeps audit and history.
#[derive(Debug, Clone)]
pub struct StateFolder(pub PathBuf);

/// Closures to run when the run ends, however it ends.
#[derive(Debug, Default)]
pub struct Cleanup(Mutex<Vec<FnPtr>>);

impl Cleanup {
    /// Adds one.
    pub fn add(&self, closure: FnPtr) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(closure);
    }

    /// Takes all.
    pub fn take(&self) -> Vec<FnPtr> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
