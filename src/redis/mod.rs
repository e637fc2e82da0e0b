//! Redis: whether it answers, what it says of itself, keys and their sizes; and leases.

mod error;
mod info;
mod lease;
mod query;
mod server;
mod session;
mod state;

pub use error::Error;
pub use lease::{Lease, lease};
pub use query::{
    Key, KeyCount, Memory, Ping, count_keys, get, hash, info, key, members, memory, ping, size,
};
pub use server::Server;
pub use state::{Persistence, Stats, persistence, stats};
