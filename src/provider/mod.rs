//! Market data as the stack gets it: one quote through the ingestion API, and what it is worth.

mod error;
mod quote;

pub use error::Error;
pub use quote::{Answer, Quote, quote, route};
