//! Why nothing can be said about a Loki.

use crate::http;
use crate::run::Stop;

/// A failed call. That Loki refuses a line, loses it or cannot be queried is an answer, and no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// It said that we may not.
    #[error("Loki at `{server}` refuses with status {status}: {message}")]
    Refused {
        /// `host:port`.
        server: String,
        /// 401 or 403.
        status: u16,
        /// Its words.
        message: String,
    },
    /// Nothing answered, or not in time; or the line was sent and no answer came.
    #[error(transparent)]
    Http(http::Error),
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
