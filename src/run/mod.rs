//! The ground floor: what every domain gets as `&Cx` - cancellation, waiting, the clock, progress and
//! the effect sink.
//!
//! Domains know nothing of scripts, capabilities or terminals. They do their work, wait only through
//! [`Cx::wait`], [`Cx::sleep`] or [`Cx::poll`] (so that a deadline or Ctrl-C always gets through), and
//! tell what they did to the [`EffectSink`].

mod cancel;
mod clock;
mod effects;
mod timer;
mod wait;

pub use cancel::{Cancel, Stop};
pub use clock::{Clock, SystemClock};
pub use effects::{Effect, EffectSink, NoEffects, NoProgress, Progress};
pub use wait::handle;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// What a mutex holds, also when somebody who held it panicked: what is kept in ours is whole at every step.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The context of one branch of work. Cheap to clone; a clone is the same branch.
#[derive(Clone)]
pub struct Cx {
    cancel: Cancel,
    clock: Arc<dyn Clock>,
    progress: Arc<dyn Progress>,
    effects: Arc<dyn EffectSink>,
}

impl Cx {
    /// A context that nothing cancels, on the system's clock, that tells nobody: for tests, benchmarks
    /// and the host's own work.
    pub fn detached() -> Self {
        Self::new(
            Cancel::root(),
            Arc::new(SystemClock),
            Arc::new(NoProgress),
            Arc::new(NoEffects),
        )
    }

    /// A context from its parts.
    pub fn new(
        cancel: Cancel,
        clock: Arc<dyn Clock>,
        progress: Arc<dyn Progress>,
        effects: Arc<dyn EffectSink>,
    ) -> Self {
        Self {
            cancel,
            clock,
            progress,
            effects,
        }
    }

    /// The same context on another branch of cancellation.
    pub fn with_cancel(&self, cancel: Cancel) -> Self {
        Self {
            cancel,
            ..self.clone()
        }
    }

    /// The same context, telling another sink what it changes.
    pub fn with_effects(&self, effects: Arc<dyn EffectSink>) -> Self {
        Self {
            effects,
            ..self.clone()
        }
    }

    /// The same context with a limit of its own; whichever of this and the outer limits comes first ends it.
    pub fn within(&self, limit: Duration) -> Self {
        self.with_cancel(self.cancel.child_within(limit))
    }

    /// The branch's cancellation.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// `Err` once this branch was stopped. Long loops call it now and then.
    pub fn check(&self) -> Result<(), Stop> {
        self.cancel.check()
    }

    /// The wall clock, UTC. Under replay this is the recorded time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Tells whoever watches how far a long work has come.
    pub fn progress(&self) -> &dyn Progress {
        &*self.progress
    }

    /// Where a domain tells each thing that it changed.
    pub fn effects(&self) -> &dyn EffectSink {
        &*self.effects
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}
