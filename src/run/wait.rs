//! Waiting that can be stopped.
//!
//! Async work runs on a shared runtime's own workers and the caller waits on a channel. It is never
//! driven by `block_on` from the caller: draining a stream that way was measured 2.5 times slower, and
//! a stuck name look-up would hold the caller past its deadline. A stopped wait abandons the task.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

use super::{Cx, Stop};

/// How soon a waiting thread notices that it was stopped. An answer wakes it at once.
const NOTICE: Duration = Duration::from_millis(10);

impl Cx {
    /// Runs `work` on the shared runtime and waits for it, or for this branch to be stopped: then the
    /// task is aborted, and what it had sent may or may not have arrived.
    pub fn wait<T, F>(&self, work: F) -> Result<T, Stop>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.check()?;
        let (send, receive) = mpsc::sync_channel(1);
        let task = runtime().spawn(async move {
            let _ = send.send(work.await);
        });
        loop {
            match receive.recv_timeout(NOTICE) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(stop) = self.check() {
                        task.abort();
                        return Err(stop);
                    }
                }
                // The task died: a panic in a dependency. It must not look like an answer.
                Err(RecvTimeoutError::Disconnected) => return Err(Stop::Cancelled),
            }
        }
    }

    /// Sleeps for `duration`, or until stopped.
    pub fn sleep(&self, duration: Duration) -> Result<(), Stop> {
        let began = Instant::now();
        loop {
            self.check()?;
            let left = duration.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(NOTICE));
        }
    }

    /// Calls `look` every `interval` until it has an answer, or until stopped.
    pub fn poll<T>(
        &self,
        interval: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<T, Stop> {
        loop {
            self.check()?;
            if let Some(found) = look() {
                return Ok(found);
            }
            self.sleep(interval)?;
        }
    }
}

/// The shared runtime's handle, for work that outlives one wait (connections, streams).
pub fn handle() -> Handle {
    runtime().handle().clone()
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        #[expect(
            clippy::expect_used,
            reason = "without threads nothing can run, and there is no caller to tell"
        )]
        Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("io")
            .enable_all()
            .build()
            .expect("the I/O runtime needs two threads")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Cancel;

    #[test]
    fn a_stopped_wait_returns_long_before_the_work_does() {
        let cx = Cx::detached().within(Duration::from_millis(30));
        let began = Instant::now();
        let answer = cx.wait(async { tokio::time::sleep(Duration::from_secs(30)).await });
        assert_eq!(answer, Err(Stop::Deadline));
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_panic_in_the_work_is_not_an_answer() {
        let answer: Result<u8, Stop> = Cx::detached().wait(async { panic!("boom") });
        assert_eq!(answer, Err(Stop::Cancelled));
    }

    #[test]
    fn sleep_and_poll_notice_a_stop() {
        let cancel = Cancel::root();
        let cx = Cx::detached().with_cancel(cancel.clone());
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            cancel.stop(Stop::Interrupted);
        });
        assert_eq!(cx.sleep(Duration::from_secs(30)), Err(Stop::Interrupted));
        assert_eq!(
            cx.poll(Duration::from_secs(1), || None::<()>),
            Err(Stop::Interrupted)
        );
    }
}
