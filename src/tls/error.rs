//! Why no certificate was shown, or none could be read.

use std::path::PathBuf;
use std::time::Duration;

use crate::net::show;
use crate::run::Stop;

/// Why there is no certificate to tell of. One that is not accepted is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Nothing answered: no such name, a refused connection, no way there.
    #[error("`{address}`: {why}")]
    Unreachable {
        /// What was asked: `host:port`.
        address: String,
        /// The reason.
        why: String,
    },
    /// No end in time.
    #[error("`{address}`: {doing} took longer than {}", show(*.limit))]
    Timeout {
        /// What was asked.
        address: String,
        /// Where the time ran out: `connecting`, `the TLS handshake`.
        doing: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// It answered, and not with TLS.
    #[error("`{address}` does not speak TLS: {why}")]
    NotTls {
        /// What was asked.
        address: String,
        /// What came instead.
        why: String,
    },
    /// It speaks TLS, and ended the handshake before it showed a certificate.
    #[error("`{address}` ended the TLS handshake: {why}")]
    Handshake {
        /// What was asked.
        address: String,
        /// In its words.
        why: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] crate::files::Error),
    /// A file without certificates.
    #[error("`{}` holds no certificate: {why}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What it is instead; never its text, which may be a key.
        why: String,
    },
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

/// A TLS error in the words of whoever has to repair it.
pub(crate) fn reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => format!("the certificate is not accepted: {why}"),
        rustls::Error::InvalidMessage(_) => "what answered does not speak TLS".into(),
        error => error.to_string(),
    }
}

/// A handshake that the peer ended has an empty or odd text of its own.
pub(crate) fn broken_off(reason: &str) -> String {
    if reason.contains("eof") || reason.contains("end of file") {
        "the connection was closed in the handshake".into()
    } else {
        reason.to_owned()
    }
}
