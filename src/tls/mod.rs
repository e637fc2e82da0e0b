//! TLS: whom to trust, what a server shows, what a certificate's file holds.
//!
//! The settings and the verifier (`trust`) serve HTTP too. A certificate that is not accepted is an answer
//! here and no error: the one that has expired is the one that somebody asks about.

mod certificate;
mod error;
mod file;
mod peer;
mod trust;
mod witness;

pub use certificate::Certificate;
pub use error::Error;
pub use file::certificates;
pub use peer::{Peer, Question, peer};
pub use trust::Tls;

pub(crate) use error::{broken_off, reason};
pub(crate) use trust::{
    Trust, blind, config, config_as, server_name, unused_config, verifier, verifier_of,
};
pub(crate) use witness::Witness;
