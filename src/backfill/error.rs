//! Why a backfill could not go on.

use crate::run::Stop;
use crate::{coverage, redis};

/// A failure of the whole; that of a chunk is in its outcome.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store, the calendar or the ledger.
    #[error(transparent)]
    Coverage(coverage::Error),
    /// Redis, through which workers share a plan.
    #[error(transparent)]
    Redis(redis::Error),
    /// Asked for what makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The run was stopped.
    #[error(transparent)]
    Stopped(Stop),
}

impl From<coverage::Error> for Error {
    fn from(error: coverage::Error) -> Self {
        match error {
            coverage::Error::Stopped(stop) => Self::Stopped(stop),
            error => Self::Coverage(error),
        }
    }
}

impl From<redis::Error> for Error {
    fn from(error: redis::Error) -> Self {
        match error {
            redis::Error::Stopped(stop) => Self::Stopped(stop),
            error => Self::Redis(error),
        }
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}
