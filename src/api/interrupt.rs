//! Ctrl-C as the normal end of something, such as a follow of logs: whoever claims it is told, and the run goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::run::held;

/// Who wants to be told of the next Ctrl-C of a run instead of its being stopped.
#[derive(Debug, Default)]
pub(crate) struct Interrupts(Mutex<Vec<Weak<AtomicBool>>>);

impl Interrupts {
    /// Claims it, until what is given back is dropped.
    pub(crate) fn claim(&self) -> Arc<AtomicBool> {
        let claim = Arc::new(AtomicBool::new(false));
        let mut all = held(&self.0);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&claim));
        claim
    }

    /// Tells who claims it; `false`: nobody does, or those who do were told already and did not end.
    pub(crate) fn tell(&self) -> bool {
        let all = held(&self.0);
        let told = all.iter().filter_map(Weak::upgrade);
        told.filter(|claim| !claim.swap(true, Ordering::AcqRel))
            .count()
            > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_claims_it_is_told_once() {
        let interrupts = Interrupts::default();
        assert!(!interrupts.tell());
        let claim = interrupts.claim();
        assert!(interrupts.tell() && claim.load(Ordering::Acquire));
        assert!(!interrupts.tell(), "a second one stops the run");
        drop(claim);
        let _other = interrupts.claim();
        assert!(interrupts.tell());
    }
}
