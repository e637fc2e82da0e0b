//! Why the engine could not do something, and how an answer of its API becomes one of the reasons.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bollard::errors::Error as Wire;

use crate::run::Stop;
use crate::tls;

/// What went wrong between this process and the engine. Carries what a person needs to act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing answers as an engine.
    #[error("no docker engine answers at {place}: {reason}")]
    Unreachable {
        /// The engine's address, and who chose it.
        place: String,
        /// What the connection ran into.
        reason: String,
        /// The next step, where it is not the usual one.
        hint: Option<String>,
    },
    /// An engine is there, and this user may not talk to it.
    #[error("the docker engine at {place} may not be used: {reason}")]
    Refused {
        /// The engine's address, and who chose it.
        place: String,
        /// What the connection ran into.
        reason: String,
        /// The next step, where it is not the usual one.
        hint: Option<String>,
    },
    /// The engine was asked and did not answer in time. Only of reads: a change is then [`Error::Unknown`].
    #[error("{what}: the docker engine gave no answer within {}", humantime::format_duration(*.limit))]
    Timeout {
        /// What was asked: ``list containers``.
        what: String,
        /// How long it was given.
        limit: Duration,
    },
    /// A container did not come to the awaited state in time.
    #[error("container `{name}` is {last} after {}, not {wanted}", humantime::format_duration(*.limit))]
    NotYet {
        /// The container.
        name: String,
        /// The awaited state.
        wanted: String,
        /// The last state seen.
        last: String,
        /// How long it was given.
        limit: Duration,
    },
    /// A container will not come to the awaited state.
    #[error("container `{name}` will not be {wanted}: {reason}")]
    NeverReady {
        /// The container.
        name: String,
        /// The awaited state.
        wanted: String,
        /// Why not.
        reason: String,
    },
    /// There is no such container, network or volume.
    #[error("{message}")]
    NotFound {
        /// What there is not.
        message: String,
        /// Names that look like it.
        similar: Vec<String>,
    },
    /// It cannot be done in the present state.
    #[error("{what}: {message}")]
    Conflict {
        /// What was asked.
        what: String,
        /// What stands in the way.
        message: String,
    },
    /// What says which engine is meant is wrong.
    #[error("{0}")]
    Setting(String),
    /// The question is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The engine tried and failed, or its answer makes no sense.
    #[error("{what}: {message}")]
    Failed {
        /// What was asked.
        what: String,
        /// The HTTP status, when there was one.
        status: Option<u16>,
        /// The engine's own words.
        message: String,
    },
    /// A change was sent and no answer came: it may or may not have happened.
    #[error("{what}: sent, and no answer came ({reason}): it may or may not have happened")]
    Unknown {
        /// What was sent.
        what: String,
        /// Why there is no answer.
        reason: String,
        /// Set when this branch was stopped while it waited.
        stop: Option<Stop>,
    },
    /// This branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

impl Error {
    /// The next step, where there is an obvious one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { hint: Some(hint), .. } | Self::Refused { hint: Some(hint), .. } => hint.clone(),
            Self::Unreachable { .. } => {
                "start the engine (`systemctl start docker`), or set `DOCKER_HOST` or the current context to where it listens".into()
            }
            Self::Refused { .. } => {
                "run as root, or as a member of the group that owns the socket (`docker`)".into()
            }
            Self::NotFound { similar, .. } if !similar.is_empty() => {
                let names: Vec<_> = similar.iter().map(|name| format!("`{name}`")).collect();
                format!("there is {}", names.join(", "))
            }
            Self::NotFound { message, .. } if message.starts_with("no container") => {
                "`docker::containers()` lists what there is".into()
            }
            Self::Unknown { .. } => "look at the present state before trying again".into(),
            _ => return None,
        })
    }

    /// The HTTP status that the engine answered with.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::NotFound { .. } => Some(404),
            Self::Conflict { .. } => Some(409),
            Self::Failed { status, .. } => *status,
            _ => None,
        }
    }
}

/// Whether an unanswered request may have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Read,
    Change,
}

/// Why a connection did not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Broken {
    /// Whether somebody is there who does not want us.
    pub(super) refused: bool,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl Broken {
    /// TLS that one side did not like.
    pub(super) fn of_tls(error: &rustls::Error) -> Self {
        // An alert is the engine's: it did not like what we showed, or that we showed nothing.
        let (refused, reason) = match error {
            rustls::Error::AlertReceived(alert) => (
                true,
                format!(
                    "the engine does not accept this client's certificate, or wants one ({alert:?})"
                ),
            ),
            error => (false, tls::reason(error)),
        };
        let hint = "certificates are those of the context, or `ca.pem`, `cert.pem` and `key.pem` in `DOCKER_CERT_PATH`";
        Self {
            refused,
            reason,
            hint: Some(hint.into()),
        }
    }

    fn at(self, place: &str) -> Error {
        let (place, reason, hint) = (place.to_owned(), self.reason, self.hint);
        if self.refused {
            Error::Refused {
                place,
                reason,
                hint,
            }
        } else {
            Error::Unreachable {
                place,
                reason,
                hint,
            }
        }
    }
}

/// Turns bollard's error into a reason. `what` is the request in words, `place` the engine's.
pub(super) fn explain(error: Wire, sort: Sort, place: &str, what: &str, limit: Duration) -> Error {
    let lost = |reason: String| match sort {
        Sort::Change => Error::Unknown {
            what: what.into(),
            reason,
            stop: None,
        },
        Sort::Read => Error::Unreachable {
            place: place.into(),
            reason,
            hint: None,
        },
    };
    let failed = |status: Option<u16>, message: String| Error::Failed {
        what: what.into(),
        status,
        message,
    };
    match error {
        Wire::DockerResponseServerError {
            status_code,
            message,
        } => {
            let message = tidy(&message);
            match status_code {
                400 if message.contains("HTTP request to an HTTPS server") => Error::Refused {
                    place: place.into(),
                    reason: "it wants TLS".into(),
                    hint: Some("set `DOCKER_TLS_VERIFY=1` and `DOCKER_CERT_PATH`, or use a context with certificates".into()),
                },
                400 => Error::Invalid(format!("{what}: {message}")),
                401 | 403 => Error::Refused {
                    place: place.into(),
                    reason: message,
                    hint: None,
                },
                404 => Error::NotFound {
                    message,
                    similar: Vec::new(),
                },
                409 => Error::Conflict {
                    what: what.into(),
                    message,
                },
                status => failed(Some(status), message),
            }
        }
        Wire::RequestTimeoutError => match sort {
            Sort::Change => lost(format!("within {}", humantime::format_duration(limit))),
            Sort::Read => Error::Timeout {
                what: what.into(),
                limit,
            },
        },
        // Never sent: the connection itself failed, so not even a change can have happened.
        Wire::HyperLegacyError { err } if err.is_connect() => match cause::<Broken>(&err) {
            Some(broken) => broken.clone().at(place),
            None => lost(innermost(&err)),
        },
        // With TLS 1.3 the engine says so after the handshake, and reads no request then.
        Wire::HyperLegacyError { err } if refusal(&err).is_some() => match refusal(&err) {
            Some(error) => Broken::of_tls(error).at(place),
            None => lost(innermost(&err)),
        },
        Wire::HyperLegacyError { err } => lost(innermost(&err)),
        Wire::HyperResponseError { err } => lost(innermost(&err)),
        Wire::IOError { err } => lost(io_words(&err)),
        Wire::DockerStreamError { error } => failed(None, tidy(&error)),
        Wire::JsonDataError { message, .. } => {
            failed(None, format!("its answer cannot be understood: {message}"))
        }
        other => failed(None, tidy(&other.to_string())),
    }
}

/// The error of this type somewhere below, if there is one.
fn cause<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The engine's TLS alert somewhere below, if there is one.
fn refusal<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    // What an I/O error carries is not its source, but that one's source.
    let inner = cause::<io::Error>(error)?.get_ref()?;
    let alert = inner.downcast_ref::<rustls::Error>()?;
    matches!(alert, rustls::Error::AlertReceived(_)).then_some(alert)
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    tidy(&error.to_string())
}

pub(super) fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such socket".into(),
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset => "connection reset".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error
            .source()
            .map_or_else(|| tidy(&error.to_string()), innermost),
    }
}

/// The engine's words as one lowercase line without a full stop.
fn tidy(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.');
    let mut letters = line.chars();
    match letters.next() {
        // `OCI runtime ...` and other abbreviations stay as they are.
        Some(first) if !letters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status_code: u16, message: &str) -> Wire {
        Wire::DockerResponseServerError {
            status_code,
            message: message.into(),
        }
    }

    fn explained(error: Wire, sort: Sort) -> Error {
        explain(
            error,
            sort,
            "`unix:///s`",
            "stop `a`",
            Duration::from_secs(5),
        )
    }

    #[test]
    fn the_engines_answers_by_status() {
        for (status, message, expected) in [
            (400, "Bad parameter.", "stop `a`: bad parameter"),
            (
                403,
                "Forbidden",
                "the docker engine at `unix:///s` may not be used: forbidden",
            ),
            (404, "No such container: a", "no such container: a"),
            (
                409,
                "Container x is\nnot running",
                "stop `a`: container x is not running",
            ),
            (500, "OCI runtime failed", "stop `a`: OCI runtime failed"),
        ] {
            let error = explained(answer(status, message), Sort::Change);
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(
            explained(answer(503, "no"), Sort::Change).status(),
            Some(503)
        );
    }

    #[test]
    fn silence_is_a_timeout_for_a_read_and_unknown_for_a_change() {
        let read = explained(Wire::RequestTimeoutError, Sort::Read);
        assert_eq!(
            read.to_string(),
            "stop `a`: the docker engine gave no answer within 5s"
        );
        let change = explained(Wire::RequestTimeoutError, Sort::Change);
        assert!(
            matches!(change, Error::Unknown { stop: None, .. }),
            "{change:?}"
        );
        let cut = Wire::IOError {
            err: io::Error::from(io::ErrorKind::ConnectionReset),
        };
        assert!(matches!(
            explained(cut, Sort::Change),
            Error::Unknown { .. }
        ));
    }

    #[test]
    fn similar_names_make_the_hint() {
        let error = Error::NotFound {
            message: "no container `redis`".into(),
            similar: vec!["trading-redis".into()],
        };
        assert_eq!(error.hint().as_deref(), Some("there is `trading-redis`"));
    }
}
