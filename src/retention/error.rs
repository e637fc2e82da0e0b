//! Why rows could not be removed or brought back.

use std::path::PathBuf;

use crate::run::Stop;
use crate::{journal, postgres, questdb};

/// A failed removal or undo.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server.
    #[error(transparent)]
    Server(questdb::Error),
    /// Postgres.
    #[error(transparent)]
    Postgres(postgres::Error),
    /// A table or column that is not there.
    #[error("{0}")]
    Missing(String),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// A file with rows for the undo.
    #[error("cannot {doing} the export `{}`: {why}", path.display())]
    Export {
        /// `write`, `read`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// What is there is not what must be there; nothing was done about it.
    #[error("{0}")]
    Unclear(String),
    /// Asked for what makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The run was stopped.
    #[error(transparent)]
    Stopped(Stop),
}

impl From<questdb::Error> for Error {
    fn from(error: questdb::Error) -> Self {
        match error {
            questdb::Error::Stopped(stop) => Self::Stopped(stop),
            error => Self::Server(error),
        }
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}
