//! The network below HTTP: looking names up, and knocking at TCP ports.

pub mod dns;
pub mod tcp;

use std::time::{Duration, Instant};

use crate::run::Stop;

/// Why a look-up or a knock could not be tried at all. A closed port is no error but an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The resolver says that there is no such name.
    #[error("no such host: `{name}` ({why})")]
    NoSuchName {
        /// The name.
        name: String,
        /// The resolver's words.
        why: String,
    },
    /// The resolver itself does not answer.
    #[error("looking up `{name}` failed: {why}")]
    Resolver {
        /// The name.
        name: String,
        /// The resolver's words.
        why: String,
    },
    /// No answer within the limit.
    #[error("{what} took longer than {}", show(*.limit))]
    Timeout {
        /// What was tried: "looking up `db`".
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

/// Milliseconds since `began`, to the microsecond.
pub(crate) fn ms_since(began: Instant) -> f64 {
    ms(began.elapsed())
}

/// A duration in milliseconds, to the microsecond.
pub(crate) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A limit in the words of an error message: `250ms`, `1.5s`.
pub(crate) fn show(limit: Duration) -> String {
    if limit < Duration::from_secs(1) {
        format!("{}ms", limit.as_millis())
    } else {
        format!("{}s", (limit.as_secs_f64() * 10.0).round() / 10.0)
    }
}
