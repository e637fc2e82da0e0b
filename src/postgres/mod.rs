//! Postgres: reads that the server itself keeps from writing, changes that are confirmed or unknown.

mod error;
mod parameter;
mod preview;
mod query;
mod returning;
mod server;
mod session;
mod state;
pub mod statement;
mod value;

pub use crate::rows::Limits;
pub use error::{Error, Sort};
pub use parameter::Parameter;
pub use preview::{Hit, hit};
pub use query::{Executed, Ping, exec, ping, query, value};
pub use returning::{Batch, committed, returning};
pub use server::{Login, Server};
pub use state::{
    Connections, Replica, Replication, Slot, Transaction, Transactions, connections, replication,
    transactions,
};
