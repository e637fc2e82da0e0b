//! Cancellation as a tree of flags: stopping a branch stops everything below it, nothing above.
//!
//! The script engine reads the flag once per operation, so reading must cost no more than an atomic
//! load: no clock, no lock. Deadlines therefore set the flag from a timer thread (see `timer`).

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::timer;

/// Why a branch was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// A deadline passed.
    #[error("the deadline passed")]
    Deadline,
    /// Ctrl-C (SIGINT).
    #[error("interrupted")]
    Interrupted,
    /// SIGTERM or SIGHUP.
    #[error("terminated")]
    Terminated,
    /// The branch is no longer wanted: a sibling failed, or the run was refused.
    #[error("cancelled")]
    Cancelled,
}

impl Stop {
    const fn code(self) -> u8 {
        match self {
            Self::Deadline => 1,
            Self::Interrupted => 2,
            Self::Terminated => 3,
            Self::Cancelled => 4,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Deadline),
            2 => Some(Self::Interrupted),
            3 => Some(Self::Terminated),
            4 => Some(Self::Cancelled),
            _ => None,
        }
    }
}

struct Node {
    flag: AtomicU8,
    /// The earliest limit of this branch and all above it.
    deadline: Option<Instant>,
    children: Mutex<Vec<Weak<Node>>>,
    notify: Notify,
}

/// A handle on one branch. Clones are the same branch; [`Cancel::child`] is a new one below it.
#[derive(Clone)]
pub struct Cancel(Arc<Node>);

impl Cancel {
    /// A tree of its own.
    pub fn root() -> Self {
        Self::node(None)
    }

    /// A tree of its own that knows its limit and is stopped by whoever made it.
    pub fn root_until(deadline: Option<Instant>) -> Self {
        Self::node(deadline)
    }

    fn node(deadline: Option<Instant>) -> Self {
        Self(Arc::new(Node {
            flag: AtomicU8::new(0),
            deadline,
            children: Mutex::new(Vec::new()),
            notify: Notify::new(),
        }))
    }

    /// A branch below this one.
    pub fn child(&self) -> Self {
        self.grow(self.0.deadline)
    }

    /// A branch below this one that is stopped with [`Stop::Deadline`] after `limit`, or with the outer
    /// branch if that ends first.
    pub fn child_within(&self, limit: Duration) -> Self {
        let own = Instant::now().checked_add(limit);
        let earliest = match (own, self.0.deadline) {
            (Some(own), Some(outer)) => Some(own.min(outer)),
            (own, outer) => own.or(outer),
        };
        let child = self.grow(earliest);
        // An outer limit that comes first arrives through the tree; only an own one needs a timer.
        if let Some(at) = own
            && earliest == own
        {
            let node = Arc::downgrade(&child.0);
            timer::at(at, move || {
                if let Some(node) = node.upgrade() {
                    Self(node).stop(Stop::Deadline);
                }
            });
        }
        child
    }

    fn grow(&self, deadline: Option<Instant>) -> Self {
        let child = Self::node(deadline);
        let mut children = self.children();
        children.retain(|c| c.strong_count() > 0);
        children.push(Arc::downgrade(&child.0));
        drop(children);
        // Stopped between creation and linking: the flag says so now.
        if let Some(stop) = self.stopped() {
            child.stop(stop);
        }
        child
    }

    fn children(&self) -> MutexGuard<'_, Vec<Weak<Node>>> {
        self.0
            .children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops this branch and all below it. The first reason stays.
    pub fn stop(&self, why: Stop) {
        if self
            .0
            .flag
            .compare_exchange(0, why.code(), Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            return;
        }
        self.0.notify.notify_waiters();
        let children: Vec<_> = self.children().iter().filter_map(Weak::upgrade).collect();
        for child in children {
            Self(child).stop(why);
        }
    }

    /// Why this branch was stopped, if it was.
    pub fn stopped(&self) -> Option<Stop> {
        Stop::from_code(self.0.flag.load(Ordering::Acquire))
    }

    /// `Err` once stopped.
    pub fn check(&self) -> Result<(), Stop> {
        self.stopped().map_or(Ok(()), Err)
    }

    /// How long this branch may still go on; `None` without a limit.
    pub fn remaining(&self) -> Option<Duration> {
        self.0
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Resolves when this branch is stopped.
    pub async fn cancelled(&self) -> Stop {
        loop {
            let notified = self.0.notify.notified();
            if let Some(stop) = self.stopped() {
                return stop;
            }
            notified.await;
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.stopped()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_reaches_down_and_never_up() {
        let root = Cancel::root();
        let left = root.child();
        let leaf = left.child();
        let right = root.child();
        left.stop(Stop::Cancelled);
        assert_eq!(leaf.stopped(), Some(Stop::Cancelled));
        assert_eq!(right.stopped(), None);
        assert_eq!(root.stopped(), None);
        root.stop(Stop::Interrupted);
        assert_eq!(right.stopped(), Some(Stop::Interrupted));
        assert_eq!(
            left.stopped(),
            Some(Stop::Cancelled),
            "the first reason stays"
        );
    }

    #[test]
    fn a_child_of_a_stopped_branch_is_stopped() {
        let root = Cancel::root();
        root.stop(Stop::Terminated);
        assert_eq!(root.child().stopped(), Some(Stop::Terminated));
    }

    #[test]
    fn the_earliest_limit_wins() {
        let outer = Cancel::root().child_within(Duration::from_millis(20));
        let inner = outer.child_within(Duration::from_secs(60));
        assert!(
            inner
                .remaining()
                .is_some_and(|r| r <= Duration::from_millis(20))
        );
        while inner.stopped().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(inner.stopped(), Some(Stop::Deadline));
    }
}
