//! Locks between runs, also of other tools on this host: the kernel's advisory lock on a file.
//!
//! The kernel alone decides who holds a lock. It is taken with `flock`, so the death of its holder, by
//! whatever signal, releases it, and no age makes it stale. The text in the file (pid, host, start,
//! command, note) only *describes* the holder; it is written after the lock was taken and believed only
//! as far as `/proc` bears it out.
//!
//! On NFS `flock` works between hosts when the mount has no `nolock` or `local_lock`; there the kernel
//! notices a dead host only when the server does. A local directory is the better place.

mod error;
mod file;
mod holder;
mod kernel;

pub use error::Error;
pub use holder::{Holder, Note, State, holder};

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::run::Cx;

/// How often a waiting run looks.
const POLL: Duration = Duration::from_millis(20);

/// How long even an impatient run tries: [`holder`]'s look takes the lock for some microseconds where
/// `/proc/locks` does not answer, and that must not look like a holder.
const PATIENCE: Duration = Duration::from_millis(60);

/// How often it tries meanwhile: where several look all the time, a few tries can all meet one of them.
const AGAIN: Duration = Duration::from_millis(2);

/// A held lock. Dropping it releases.
#[derive(Debug)]
pub struct Lock {
    id: String,
    path: PathBuf,
    since: DateTime<Utc>,
    sharing: Sharing,
    file: File,
}

/// Whether others may hold the lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody else.
    Exclusive,
    /// Those who take it shared, too. Whoever wants it alone waits for all of them, and they do not make way for him.
    Shared,
}

impl Lock {
    /// Names this hold within the process.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Since when it is held.
    pub fn since(&self) -> DateTime<Utc> {
        self.since
    }

    /// Releases it; so does dropping it.
    pub fn release(self) {}
}

impl Drop for Lock {
    /// Empties the file and unlocks it. The file stays: removing it would let two processes hold "the
    /// lock" at once, one on the removed inode and one on a new file of the same name, unless every
    /// other tool that uses it made our inode check, too. First emptied, then unlocked: after the
    /// unlock the text may already be the next holder's. Unlocked by name and not by closing alone: a child
    /// between fork and exec shares the open file and would keep the lock for that moment.
    ///
    /// Who shares it empties the file only as the last one, which the kernel tells by letting it have it alone.
    fn drop(&mut self) {
        if self.sharing == Sharing::Exclusive || self.file.try_lock().is_ok() {
            let _ = self.file.set_len(0);
        }
        let _ = self.file.unlock();
    }
}

/// Takes the lock at `path`, making the file (mode 0600) where there is none. Held by another: tries
/// again until `wait` is over, or fails at once when there is none.
pub fn acquire(
    cx: &Cx,
    path: &Path,
    wait: Option<Duration>,
    note: Option<&str>,
    sharing: Sharing,
) -> Result<Lock, Error> {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let path = std::path::absolute(path).map_err(|e| Error::io(path, &e))?;
    let began = Instant::now();
    let patience = wait.unwrap_or_default().max(PATIENCE);
    loop {
        cx.check()?;
        let file = file::open(&path)?;
        let tried = match sharing {
            Sharing::Exclusive => file.try_lock(),
            Sharing::Shared => file.try_lock_shared(),
        };
        match tried {
            Ok(()) => {
                // Between our open and our lock the path may have got another file (or none). A lock on
                // the old one would exclude nobody.
                if !file::is_still_at(&file, &path)? {
                    continue;
                }
                file::check_content(&file, &path)?;
                let since = cx.now();
                let note = Note::ours(since, note);
                match sharing {
                    Sharing::Exclusive => note.write_to(&file),
                    Sharing::Shared => note.append_to(&file),
                }
                return Ok(Lock {
                    id: format!(
                        "{}-{}",
                        std::process::id(),
                        COUNT.fetch_add(1, Ordering::Relaxed)
                    ),
                    path,
                    since,
                    sharing,
                    file,
                });
            }
            Err(TryLockError::WouldBlock) => {
                let waited = began.elapsed();
                if waited >= patience {
                    return Err(Error::held(&path, &file, wait.map(|_| waited)));
                }
                drop(file);
                let pause = if waited < PATIENCE { AGAIN } else { POLL };
                cx.sleep(pause.min(patience - waited))?;
            }
            Err(TryLockError::Error(error)) => return Err(Error::unlockable(&path, &error)),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::Sharing::{Exclusive, Shared};
    use super::*;
    use crate::run::{Cancel, Stop};

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn one_holder_at_a_time_and_the_error_names_it() {
        let dir = folder();
        let path = dir.path().join("a.lock");
        let cx = Cx::detached();
        assert_eq!(holder(&path).unwrap().state, State::Free);
        let lock = acquire(&cx, &path, None, Some("nightly"), Exclusive).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let seen = holder(&path).unwrap();
        assert_eq!(seen.state, State::Held);
        assert_eq!(seen.pid, Some(std::process::id().into()));
        assert_eq!(seen.note.as_deref(), Some("nightly"));
        assert_eq!(seen.since, Some(lock.since()));

        let error = acquire(&cx, &path, None, None, Exclusive).unwrap_err();
        let Error::Held {
            holder, ours: true, ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(holder.pid, Some(std::process::id().into()));
        assert!(error.to_string().contains("nightly"), "{error}");

        let began = Instant::now();
        let limit = Duration::from_millis(150);
        assert!(matches!(
            acquire(&cx, &path, Some(limit), None, Exclusive),
            Err(Error::Held { .. })
        ));
        assert!(began.elapsed() >= limit);

        lock.release();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        drop(acquire(&cx, &path, None, None, Exclusive).unwrap());
    }

    #[test]
    fn shared_by_several_and_then_by_nobody() {
        let dir = folder();
        let path = dir.path().join("a.lock");
        let cx = Cx::detached();
        let first = acquire(&cx, &path, None, Some("backfill"), Shared).unwrap();
        let second = acquire(&cx, &path, None, Some("retention"), Shared).unwrap();
        let error = acquire(&cx, &path, None, None, Exclusive).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("is shared by this very process"), "{text}");
        assert!(text.contains("backfill"), "{text}");
        drop(first);
        let seen = holder(&path).unwrap();
        assert_eq!((seen.state, seen.share), (State::Held, true));
        assert!(acquire(&cx, &path, None, None, Exclusive).is_err());
        drop(second);
        assert_eq!(
            std::fs::read(&path).unwrap(),
            b"",
            "what the last one leaves"
        );
        assert_eq!(holder(&path).unwrap().state, State::Free);
        let alone = acquire(&cx, &path, None, None, Exclusive).unwrap();
        assert!(!holder(&path).unwrap().share);
        assert!(acquire(&cx, &path, None, None, Shared).is_err());
        drop(alone);
    }

    #[test]
    fn waiting_ends_with_the_holder_or_the_run() {
        let dir = folder();
        let path = dir.path().join("a.lock");
        let cx = Cx::detached();
        let lock = acquire(&cx, &path, None, None, Exclusive).unwrap();
        let cancel = Cancel::root();
        std::thread::scope(|scope| {
            let stopped = scope.spawn(|| {
                let cx = Cx::detached().with_cancel(cancel.clone());
                acquire(&cx, &path, Some(Duration::from_secs(30)), None, Exclusive)
            });
            std::thread::sleep(Duration::from_millis(50));
            let began = Instant::now();
            cancel.stop(Stop::Interrupted);
            assert!(matches!(
                stopped.join().unwrap(),
                Err(Error::Stopped(Stop::Interrupted))
            ));
            assert!(began.elapsed() < Duration::from_millis(100));
            let next = scope.spawn(|| {
                acquire(
                    &Cx::detached(),
                    &path,
                    Some(Duration::from_secs(30)),
                    None,
                    Exclusive,
                )
            });
            std::thread::sleep(Duration::from_millis(50));
            drop(lock);
            assert!(next.join().unwrap().is_ok());
        });
    }

    #[test]
    fn what_is_no_lock_file_is_refused_and_left_alone() {
        let dir = folder();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("treasure"), "data\n").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        symlink(at("treasure"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        std::fs::hard_link(at("treasure"), at("second")).unwrap();
        let fifo = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status()
            .unwrap();
        assert!(fifo.success());
        for name in ["treasure", "folder", "link", "dangling", "second", "fifo"] {
            let error = acquire(&Cx::detached(), &at(name), None, None, Exclusive).unwrap_err();
            assert!(matches!(error, Error::NotALock { .. }), "{name}: {error}");
        }
        assert_eq!(std::fs::read(at("treasure")).unwrap(), b"data\n");
        assert!(!at("nowhere").exists());
        let error = acquire(
            &Cx::detached(),
            &at("no/such/a.lock"),
            None,
            None,
            Exclusive,
        )
        .unwrap_err();
        assert!(matches!(error, Error::NoFolder(_)), "{error}");
    }

    #[test]
    fn left_over_text_holds_nothing() {
        let dir = folder();
        for (name, text) in [
            ("pid", "4711\n"),
            ("cut", "{\"tradeops_lock\":1,\"pid\":12"),
            ("empty", ""),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            assert_eq!(holder(&path).unwrap().state, State::Free, "{name}");
            assert!(
                acquire(&Cx::detached(), &path, None, None, Exclusive).is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_file_put_in_place_of_the_locked_one_is_locked_anew() {
        let dir = folder();
        let path = dir.path().join("a.lock");
        let cx = Cx::detached();
        let old = acquire(&cx, &path, None, None, Exclusive).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(!file::is_still_at(&old.file, &path).unwrap());
        let new = acquire(&cx, &path, None, None, Exclusive).unwrap();
        assert!(file::is_still_at(&new.file, &path).unwrap());
    }
}
