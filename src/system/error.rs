//! Why the machine could not be asked.

use std::io;
use std::path::{Path, PathBuf};

use crate::run::Stop;

/// Why an answer about this machine could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// No such path.
    #[error("`{}` does not exist", .0.display())]
    NoPath(PathBuf),
    /// A container's processes are not to be found here.
    #[error("the processes of container `{0}` are not on this machine")]
    Elsewhere(String),
    /// No process has this number.
    #[error("no process has pid {0}")]
    NoProcess(i64),
    /// The kernel did not give the file, or not in the known form.
    #[error("cannot read `{path}`: {reason}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// This user may not look.
    #[error("not allowed to look at `{what}`: {reason}")]
    NotAllowed {
        /// What was asked.
        what: String,
        /// In the system's words.
        reason: String,
    },
    /// Units were asked about and systemd does not run here.
    #[error("systemd does not run here: {0}")]
    NoSystemd(String),
    /// systemd did not answer in time.
    #[error("systemd did not answer about `{0}` within {1}s")]
    UnitTimeout(String, u64),
    /// `systemctl` failed in another way.
    #[error("`systemctl show` failed for `{unit}`: {reason}")]
    UnitFailed {
        /// Which unit.
        unit: String,
        /// In systemctl's words.
        reason: String,
    },
    /// A unit name that is none.
    #[error("`{0}` is no unit name")]
    BadUnit(String),
}

impl Error {
    /// An I/O error about a path.
    pub(super) fn at(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NoPath(path.to_owned()),
            io::ErrorKind::PermissionDenied => Self::NotAllowed {
                what: path.display().to_string(),
                reason: error.to_string(),
            },
            _ => Self::Unreadable {
                path: path.display().to_string(),
                reason: error.to_string(),
            },
        }
    }

    /// A file of the kernel's that is not as expected.
    pub(super) fn form(path: &str) -> Self {
        Self::Unreadable {
            path: path.into(),
            reason: "not in the known form".into(),
        }
    }
}

/// Reads a file of `/proc`.
pub(super) fn read(path: &str) -> Result<String, Error> {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|error| Error::at(Path::new(path), &error))
}
