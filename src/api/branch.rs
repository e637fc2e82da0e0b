//! Which run and which branch of it the current thread works for.
//!
//! A thread-local, because Rhai calls natives on whatever thread the script (or a worker of it) is on,
//! and the cancellation of a branch must be found without the script handing it along.

use std::cell::RefCell;
use std::sync::Arc;

use rhai::{Dynamic, Map};

use crate::gate::{Grants, HttpPolicy, Run};
use crate::run::Cx;

/// A run and a branch of it.
#[derive(Debug, Clone)]
pub struct Branch {
    /// The run.
    pub run: Arc<Run>,
    /// The branch's context.
    pub cx: Cx,
    /// The script that works here.
    pub frame: Arc<Frame>,
}

/// The script that a branch works for: the one that was started, or one that it runs in place.
#[derive(Debug, Default)]
pub struct Frame {
    /// Its name.
    pub workflow: String,
    /// What it may do.
    pub grants: Grants,
    /// Where its reads over HTTP may go.
    pub http: Arc<HttpPolicy>,
    /// Its parsed arguments.
    pub arguments: Map,
    /// What the script that runs it hands to it.
    pub context: Dynamic,
    /// The script that runs it.
    pub caller: Option<Arc<Frame>>,
}

impl Frame {
    /// The names of the scripts that led here, the first one first.
    pub fn chain(&self) -> Vec<String> {
        let mut chain = self
            .caller
            .as_ref()
            .map_or_else(Vec::new, |caller| caller.chain());
        chain.push(self.workflow.clone());
        chain
    }
}

impl Branch {
    /// The same script on another branch of cancellation.
    pub fn on(&self, cx: Cx) -> Self {
        Self { cx, ..self.clone() }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Branch>> = const { RefCell::new(None) };
}

/// Works for `branch` while `work` runs on this thread.
pub fn enter<T>(branch: Branch, work: impl FnOnce() -> T) -> T {
    struct Back(Option<Branch>);
    impl Drop for Back {
        fn drop(&mut self) {
            let before = self.0.take();
            CURRENT.with(|current| *current.borrow_mut() = before);
        }
    }
    let _back = Back(CURRENT.with(|current| current.borrow_mut().replace(branch)));
    work()
}

/// Hands the thread's branch to `look`; `None` outside a run.
pub fn with_branch<T>(look: impl FnOnce(&Branch) -> T) -> Option<T> {
    CURRENT.with(|current| current.borrow().as_ref().map(look))
}
