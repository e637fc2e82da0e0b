//! Which run and which branch of it the current thread works for.
//!
//! A thread-local, because Rhai calls natives on whatever thread the script (or a worker of it) is on,
//! and the cancellation of a branch must be found without the script handing it along.

use std::cell::RefCell;
use std::sync::Arc;

use crate::gate::Run;
use crate::run::Cx;

/// A run and a branch of it.
#[derive(Debug, Clone)]
pub struct Branch {
    /// The run.
    pub run: Arc<Run>,
    /// The branch's context.
    pub cx: Cx,
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
