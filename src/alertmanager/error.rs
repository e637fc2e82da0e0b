//! Why an Alertmanager gave no answer.

use crate::http;
use crate::run::Stop;

/// A failed call. `server` is `host:port`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Nothing answered, or not in time, or only in part.
    #[error(transparent)]
    Http(http::Error),
    /// It said that we may not.
    #[error("the Alertmanager at `{server}` refuses with status {status}: {message}")]
    Refused {
        /// Where.
        server: String,
        /// 401 or 403.
        status: i64,
        /// Its words.
        message: String,
    },
    /// It answered, and not with what was asked for.
    #[error("the Alertmanager at `{server}` answers {endpoint} with status {status}: {message}")]
    Failed {
        /// Where.
        server: String,
        /// `alerts`.
        endpoint: &'static str,
        /// The HTTP status.
        status: i64,
        /// Its words, or what is wrong with its answer.
        message: String,
    },
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Stopped(stop) => Self::Stopped(stop),
            http::Error::Invalid(why) => Self::Invalid(why),
            other => Self::Http(other),
        }
    }
}
