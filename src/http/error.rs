//! What can go wrong with a request, told apart by what it means for whoever asked.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::net::show;
use crate::run::Stop;

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Looking the host up.
    Dns,
    /// Connecting; for a request, the TLS handshake too.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request.
    Request,
    /// Waiting for the response's head.
    Response,
    /// Reading the response's body.
    Body,
    /// All of it.
    Done,
}

impl Phase {
    /// The word that scripts see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Request => "request",
            Self::Response => "response",
            Self::Body => "body",
            Self::Done => "done",
        }
    }

    /// What was going on, for a sentence.
    const fn doing(self) -> &'static str {
        match self {
            Self::Dns => "looking the host up",
            Self::Connect => "connecting",
            Self::Tls => "in the TLS handshake",
            Self::Request => "sending the request",
            Self::Response => "waiting for the response",
            Self::Body => "reading the body",
            Self::Done => "after the response",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why there is no response. `call` is the method and the URL without its query: `GET http://db:80/x`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// This run may not go there.
    #[error("`{call}` is not allowed: {why}")]
    Denied {
        /// What was to be asked.
        call: String,
        /// The rule.
        why: String,
    },
    /// Nothing answered: no such name, refused connection, no TLS. Nothing was sent.
    #[error("`{call}`: {phase}: {why}")]
    Unreachable {
        /// What was asked.
        call: String,
        /// `dns`, `connect` or `tls`.
        phase: Phase,
        /// The reason.
        why: String,
    },
    /// No answer in time. Of a change only if it was not sent yet.
    #[error("`{call}` took longer than {} ({})", show(*.limit), phase.doing())]
    Timeout {
        /// What was asked.
        call: String,
        /// Where the time ran out.
        phase: Phase,
        /// The limit.
        limit: Duration,
        /// The status, if it had come.
        status: Option<u16>,
    },
    /// It was sent, and the connection ended without a response, or with something that is none.
    #[error("`{call}`: {why}")]
    Dropped {
        /// What was asked.
        call: String,
        /// The reason.
        why: String,
    },
    /// The response's body broke off or does not decode.
    #[error("`{call}` answered {status}, but its body {why}")]
    Cut {
        /// What was asked.
        call: String,
        /// The response's status.
        status: u16,
        /// How: "was cut after 12 bytes".
        why: String,
    },
    /// The response's body is larger than was allowed.
    #[error("`{call}` answered {status}, but its body is over the limit of {limit} bytes")]
    TooLarge {
        /// What was asked.
        call: String,
        /// The response's status.
        status: u16,
        /// The limit.
        limit: u64,
    },
    /// The response sends elsewhere too often, or to nowhere.
    #[error("`{call}`: {why}")]
    Redirect {
        /// What was asked.
        call: String,
        /// The reason.
        why: String,
    },
    /// A change was sent and no whole answer came: it may or may not have happened.
    #[error("it is unknown whether it happened: {0}")]
    Unknown(Box<Error>),
    /// It was tried more than once, or was not tried again for a reason that is worth telling.
    #[error("{last}; {why}")]
    GaveUp {
        /// The last error.
        last: Box<Error>,
        /// "after 3 attempts".
        why: String,
    },
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

impl Error {
    /// Whether the same request may fare better later, going by the error alone.
    pub(super) fn transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Dropped { .. }
            | Self::Cut { .. } => true,
            Self::Unknown(last) | Self::GaveUp { last, .. } => last.transient(),
            _ => false,
        }
    }
}

impl From<crate::tls::Error> for Error {
    /// Only of settings that cannot be used: what answers is told by the request itself.
    fn from(error: crate::tls::Error) -> Self {
        match error {
            crate::tls::Error::Stopped(stop) => Self::Stopped(stop),
            error => Self::Invalid(error.to_string()),
        }
    }
}
