//! Redis: whether it answers, what it says of itself, keys and their sizes; and leases.

mod bucket;
mod error;
mod info;
mod lease;
mod query;
mod server;
mod session;
mod state;
mod work;

pub use bucket::{pause, token};
pub use error::Error;
pub use lease::{Lease, lease};
pub use query::{
    Key, KeyCount, Memory, Ping, count_keys, get, hash, info, key, members, memory, ping, size,
};
pub use server::Server;
pub use state::{Persistence, Stats, persistence, stats};
pub use work::{Next, Work, agree};
