//! Why a variable or a `.env` file could not be had.

use std::path::PathBuf;

use crate::run::Stop;

/// Why a variable or a `.env` file could not be had. Never holds a value: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// Not set.
    #[error("the environment variable `{0}` is not set")]
    NotSet(String),
    /// Set to nothing.
    #[error("the environment variable `{0}` is empty")]
    Empty(String),
    /// Not UTF-8.
    #[error("the environment variable `{0}` is no text (not UTF-8)")]
    NotText(String),
    /// A name that no variable can have.
    #[error("`{0}` is no name of an environment variable")]
    BadName(String),
    /// No such file.
    #[error("`{}` does not exist", .0.display())]
    NoFile(PathBuf),
    /// Not readable.
    #[error("not allowed to read `{}`: {reason}", path.display())]
    NotAllowed {
        /// The file.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// Not readable for another reason.
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A line that is none of such a file.
    #[error("`{}` line {line} is not `NAME=value`: {reason}", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
}
