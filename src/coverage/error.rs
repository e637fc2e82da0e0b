//! Why coverage could not be told.

use std::io;
use std::path::PathBuf;

use crate::run::Stop;
use crate::{calendar, questdb};

/// A failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server.
    #[error(transparent)]
    Server(questdb::Error),
    /// The exchange's calendar.
    #[error(transparent)]
    Calendar(#[from] calendar::Error),
    /// A row that is no row of the statement.
    #[error("QuestDB's answer about `{table}` cannot be read: {why}")]
    Row {
        /// The table.
        table: String,
        /// What was wrong.
        why: String,
    },
    /// The ledger of what was asked.
    #[error("the ledger `{}` cannot be {doing}: {source}", path.display())]
    Ledger {
        /// `read`, `written`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
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
