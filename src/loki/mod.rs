//! Loki: whether a line that goes in comes out again.
//!
//! | file | about |
//! |---|---|
//! | `server` | where a Loki is, who asks, and its two endpoints |
//! | `roundtrip` | one line in, and back out |

mod error;
mod roundtrip;
mod server;

pub use error::Error;
pub use roundtrip::{Patience, Roundtrip, roundtrip};
pub use server::{Line, Pushed, Server};
