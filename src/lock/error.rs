//! Why a lock was not taken.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::holder::{Holder, describe};
use crate::run::Stop;

/// Why a lock was not taken, or not looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// Somebody has it.
    #[error("{}", held_text(path, holder, *ours, *waited))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who, as far as is known.
        holder: Box<Holder>,
        /// Whether it is this very process.
        ours: bool,
        /// How long it was waited for.
        waited: Option<Duration>,
    },
    /// Something is at the path that must not be locked or written over.
    #[error("`{}` cannot be a lock file: {why}", path.display())]
    NotALock {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The folder is missing.
    #[error("`{}` does not exist, so no lock file can be made in it", .0.display())]
    NoFolder(PathBuf),
    /// This user may not.
    #[error("not allowed to open the lock file `{}`: {reason}", path.display())]
    NotAllowed {
        /// The path.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// The file system cannot lock, or failed.
    #[error("cannot lock `{}`: {reason}", path.display())]
    Failed {
        /// The path.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
}

impl Error {
    pub(super) fn held(path: &Path, file: &File, waited: Option<Duration>) -> Self {
        let holder = describe(path, file);
        Self::Held {
            path: path.to_owned(),
            ours: holder.is_this_process(),
            holder: Box::new(holder),
            waited,
        }
    }

    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        let not_a_lock = |why| Self::NotALock {
            path: path.clone(),
            why,
        };
        if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            return not_a_lock("it is a symbolic link");
        }
        match error.kind() {
            io::ErrorKind::IsADirectory => not_a_lock("it is a folder"),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                Self::NoFolder(path.parent().unwrap_or(Path::new("/")).to_owned())
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotAllowed {
                    path,
                    reason: error.to_string(),
                }
            }
            _ => Self::Failed {
                path,
                reason: error.to_string(),
            },
        }
    }

    pub(super) fn unlockable(path: &Path, error: &io::Error) -> Self {
        Self::Failed {
            path: path.to_owned(),
            reason: format!("its file system gives no lock: {error}"),
        }
    }
}

fn held_text(path: &Path, holder: &Holder, ours: bool, waited: Option<Duration>) -> String {
    let how = if holder.share { "shared" } else { "held" };
    let mut text = format!("the lock `{}` is {how} by ", path.display());
    match holder.pid {
        Some(pid) if ours => drop(write!(text, "this very process, pid {pid},")),
        Some(pid) => drop(write!(text, "pid {pid}")),
        None => text.push_str("a process that has not said who it is"),
    }
    if let Some(host) = &holder.host {
        let _ = write!(text, " on `{host}`");
    }
    if let Some(command) = &holder.command {
        let _ = write!(text, " (`{command}`)");
    }
    if let Some(since) = holder.since {
        let _ = write!(
            text,
            " since {}",
            since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        );
    }
    if let Some(note) = &holder.note {
        let _ = write!(text, ": {note}");
    }
    if !holder.others.is_empty() {
        let others: Vec<_> = holder.others.iter().map(i64::to_string).collect();
        let _ = write!(text, "; and by pid {}", others.join(", "));
    }
    if let Some(waited) = waited {
        let _ = write!(text, "; waited {:.1}s for it", waited.as_secs_f64());
    }
    text
}
