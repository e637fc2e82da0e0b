//! What of the engine's errors a script may catch.

use crate::api::{Failure, Kind, SETTING};
use crate::docker::Error;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Unreachable { .. } => Kind::Unreachable,
            Error::Refused { .. } => Kind::Refused,
            Error::Timeout { .. } | Error::NotYet { .. } => Kind::Timeout,
            Error::NotFound { .. } => Kind::NotFound,
            Error::Conflict { .. } | Error::NeverReady { .. } => Kind::Conflict,
            Error::Setting(_) | Error::Invalid(_) => Kind::Invalid,
            Error::Failed { .. } => Kind::Failed,
            Error::Unknown { .. } => Kind::Unknown,
            Error::Stopped(stop) => return (*stop).into(),
        };
        let stop = match &error {
            Error::Unknown { stop, .. } => *stop,
            _ => None,
        };
        Self {
            hint: error.hint(),
            status: match &error {
                Error::Setting(_) => Some(SETTING),
                error => error.status().map(i64::from),
            },
            stop,
            ..Self::new(kind, error.to_string())
        }
    }
}
