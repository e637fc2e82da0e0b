//! HTTP as an operator needs it: requests that say how far they came, and probes that time each phase.
//!
//! A response is a response, whatever its status. That nothing answered, that it took too long, that the
//! answer broke off, and that a change was sent without an answer are four different errors.

mod address;
mod certificate;
mod client;
mod error;
mod exchange;
mod fault;
mod json;
mod probe;
mod rate_limit;
mod request;
mod response;
mod retry;
mod tls;

pub use address::{encode, origin, parse, shown};
pub use error::{Error, Phase};
pub use exchange::request;
pub use json::{JsonError, json};
pub use probe::{Probe, probe};
pub use rate_limit::{RateLimit, rate_limit};
pub use request::{Allow, Auth, Hop, Piece, Request, Sink};
pub use response::{Header, Response};
pub use retry::Retry;
pub use tls::Tls;
