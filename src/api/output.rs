//! What a run's primitives share with the host: how output is shown, what to do at the end.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

#[expect(deprecated, reason = "marked so to say that an upgrade may change it")]
use rhai::NativeCallContextStore;
use rhai::{Dynamic, Engine, FnPtr};

use super::{Branch, Call, Failure, Frame, Kind};
use crate::gate::Run;
use crate::run::Cx;

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

/// Why something that a script printed was lost: a full disk. The first reason stays.
#[derive(Debug, Default)]
pub struct OutputLost(pub OnceLock<String>);

/// Where the runtime keeps audit and history.
#[derive(Debug, Clone)]
pub struct StateFolder(pub PathBuf);

/// That folder, for a primitive that keeps something of its own there.
pub(super) fn state(call: &Call<'_>) -> Result<PathBuf, Failure> {
    let state = call.run().resources().get::<StateFolder>();
    state
        .map(|state| state.0.clone())
        .ok_or_else(|| Failure::new(Kind::Failed, "there is no state folder in this run"))
}

/// What the operator set for scripts in `tradeops.toml`, by section.
pub struct ScriptSettings(pub toml::Table);

/// What is to be done when the run ends.
pub struct AtEnd {
    work: Work,
    /// How long the clean-up may take for its sake.
    pub limit: Duration,
}

enum Work {
    /// A closure, with what the script that registered it may do, and with the functions that it could see there.
    Closure {
        closure: FnPtr,
        frame: Arc<Frame>,
        #[expect(deprecated, reason = "marked so to say that an upgrade may change it")]
        context: Box<NativeCallContextStore>,
    },
    /// The host's own.
    Native(fn(&Run, &Cx) -> Result<(), Failure>),
}

impl AtEnd {
    pub(super) fn new(closure: FnPtr, limit: Duration, call: &Call<'_>) -> Self {
        let work = Work::Closure {
            closure,
            frame: call.branch.frame.clone(),
            #[expect(deprecated, reason = "marked so to say that an upgrade may change it")]
            context: Box::new(call.native().store_data()),
        };
        Self { work, limit }
    }

    pub(super) fn native(limit: Duration, work: fn(&Run, &Cx) -> Result<(), Failure>) -> Self {
        Self {
            work: Work::Native(work),
            limit,
        }
    }

    /// Does it, on this thread.
    pub fn run(&self, engine: &Engine, run: &Arc<Run>, cx: &Cx) -> Result<(), Failure> {
        let (closure, frame, context) = match &self.work {
            Work::Native(work) => return work(run, cx),
            Work::Closure {
                closure,
                frame,
                context,
            } => (closure, frame, context),
        };
        let branch = Branch {
            run: run.clone(),
            cx: cx.clone(),
            frame: frame.clone(),
        };
        #[expect(deprecated, reason = "marked so to say that an upgrade may change it")]
        let context = context.create_context(engine);
        super::enter(branch, || {
            closure
                .call_within_context::<Dynamic>(&context, ())
                .map(|_| ())
                .map_err(super::thrown)
        })
    }
}

/// What is to run when the run ends, however it ends.
#[derive(Default)]
pub struct Cleanup(Mutex<Vec<AtEnd>>);

impl Cleanup {
    /// Adds one.
    pub fn add(&self, entry: AtEnd) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
    }

    /// Takes all.
    pub fn take(&self) -> Vec<AtEnd> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
