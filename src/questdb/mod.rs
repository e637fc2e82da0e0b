//! QuestDB over HTTP: statements with typed rows, tables, partitions, write-ahead logs.
//!
//! Works with 7.3.3 and 9.x alike: nothing is decided by a version, everything by what the server
//! answers. A reply is taken as complete only when it proves to be (`reply`).

mod classify;
mod error;
mod metadata;
mod predicate;
mod preview;
mod query;
mod quote;
mod reply;
mod server;
mod state;
pub mod statement;
mod transport;

pub use crate::rows::Limits;
pub use classify::{Classified, Judged, Rule, Verdict, classify};
pub use error::Error;
pub use metadata::{Partition, Table, Wal, partitions, tables, wal};
pub use predicate::Predicate;
pub use preview::{Hit, hit};
pub use query::{Executed, Ping, exec, ping, query, value};
pub use quote::{quote_name, quote_text};
pub use server::Server;
pub use state::{Integrity, Newest, integrity, newest};
