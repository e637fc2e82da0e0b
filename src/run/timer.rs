//! One thread that runs small actions at their instants. Started on first use, so a run without a
//! deadline pays nothing.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Instant;

type Action = Box<dyn FnOnce() + Send>;

struct Entry {
    at: Instant,
    action: Action,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    /// The heap is a max-heap: the earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

struct Timer {
    queue: Mutex<BinaryHeap<Entry>>,
    changed: Condvar,
}

/// Runs `action` at `at`, on the timer's thread. Actions must be short.
pub(super) fn at(at: Instant, action: impl FnOnce() + Send + 'static) {
    static TIMER: OnceLock<&'static Timer> = OnceLock::new();
    let timer = TIMER.get_or_init(|| {
        let timer: &'static Timer = Box::leak(Box::new(Timer {
            queue: Mutex::new(BinaryHeap::new()),
            changed: Condvar::new(),
        }));
        // If no thread can be had the process is beyond help: deadlines then do not fire, and the
        // main thread's own limit still ends the run.
        let _ = std::thread::Builder::new()
            .name("timer".into())
            .spawn(move || timer.run());
        timer
    });
    timer
        .queue
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Entry {
            at,
            action: Box::new(action),
        });
    timer.changed.notify_one();
}

impl Timer {
    fn run(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            match queue.peek().map(|entry| entry.at) {
                Some(at) if at <= now => {
                    if let Some(entry) = queue.pop() {
                        drop(queue);
                        (entry.action)();
                        queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                    }
                }
                Some(at) => {
                    queue = self
                        .changed
                        .wait_timeout(queue, at - now)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
                None => {
                    queue = self
                        .changed
                        .wait(queue)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}
