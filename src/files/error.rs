//! Why a file could not be read, written or removed.

use std::io;
use std::path::{Path, PathBuf};

use crate::run::Stop;

/// Why a file could not be read, written or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// Nothing there.
    #[error("`{}` does not exist", .0.display())]
    NotFound(PathBuf),
    /// The folder to write into is missing.
    #[error("cannot write `{}`: its folder does not exist", .0.display())]
    NoFolder(PathBuf),
    /// This user may not.
    #[error("not allowed to {verb} `{}`: {reason}", path.display())]
    NotAllowed {
        /// `read`, `write`, `remove`, ...
        verb: &'static str,
        /// The path.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// It may not be emptied.
    #[error("`{}` may not be emptied: {why}", path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is something else than what was asked for.
    #[error("cannot {verb} `{}`: it is {is}", path.display())]
    WrongKind {
        /// `read`, `write`, `remove`, ...
        verb: &'static str,
        /// The path.
        path: PathBuf,
        /// `a folder`, `a device`, ...
        is: &'static str,
    },
    /// More than was allowed.
    #[error("`{}` is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// Not UTF-8.
    #[error("`{}` is no text: byte {at} is not UTF-8", path.display())]
    NotText {
        /// The path.
        path: PathBuf,
        /// Offset of the first wrong byte.
        at: usize,
    },
    /// No room.
    #[error(
        "cannot {verb} `{}`: {why}, {} bytes free",
        path.display(),
        free.map_or_else(|| "unknown".to_owned(), |f| f.to_string())
    )]
    Full {
        /// `write`, ...
        verb: &'static str,
        /// The path.
        path: PathBuf,
        /// `the disk is full`, or the quota is used up.
        why: &'static str,
        /// Bytes that this user can still write there.
        free: Option<i64>,
    },
    /// It did not work.
    #[error("cannot {verb} `{}`: {reason}", path.display())]
    Failed {
        /// `read`, `write`, `remove`, ...
        verb: &'static str,
        /// The path.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// A pattern that is none.
    #[error("`{pattern}` is no pattern: {reason}")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// An I/O error of doing `verb` to `path`.
    pub(super) fn io(verb: &'static str, path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let reason = error.to_string();
        let why = match error.kind() {
            Kind::StorageFull => Some("the disk is full"),
            Kind::QuotaExceeded => Some("the disk quota is used up"),
            _ => None,
        };
        let path = path.to_owned();
        if let Some(why) = why {
            let folder = if path.is_dir() {
                Some(&*path)
            } else {
                path.parent()
            };
            let free = folder
                .and_then(|f| crate::system::disk(f).ok())
                .map(|disk| disk.available_bytes);
            return Self::Full {
                verb,
                path,
                why,
                free,
            };
        }
        match error.kind() {
            Kind::NotFound | Kind::NotADirectory => Self::NotFound(path),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
                Self::NotAllowed { verb, path, reason }
            }
            Kind::IsADirectory => Self::WrongKind {
                verb,
                path,
                is: "a folder",
            },
            _ => Self::Failed { verb, path, reason },
        }
    }
}
