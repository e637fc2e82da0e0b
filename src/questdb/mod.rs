//! QuestDB over HTTP: statements with typed rows, tables, partitions, write-ahead logs.
//!
//! Works with 7.3.3 and 9.x alike: nothing is decided by a version, everything by what the server
//! answers. A reply is taken as complete only when it proves to be (`reply`).

mod ability;
mod classify;
mod error;
mod metadata;
mod predicate;
mod preview;
mod query;
mod quote;
mod reply;
mod rule;
mod server;
mod settle;
pub(crate) mod slices;
mod state;
pub mod statement;
mod stream;
mod transport;
mod unit;

pub use crate::rows::Limits;
pub use ability::{Abilities, abilities};
pub use classify::{Classified, Judged, Verdict, classify};
pub(crate) use classify::{Known, judge};
pub use error::Error;
pub use metadata::{Partition, Table, Wal, partitions, table, tables, views, wal};
pub(crate) use metadata::{columns, named};
pub use predicate::Predicate;
pub(crate) use predicate::timestamp;
pub use preview::{Hit, hit};
pub use query::{Executed, Ping, exec, ping, query, value};
pub use quote::{quote_name, quote_text};
pub use rule::Rule;
pub(crate) use rule::{number, present};
pub use server::Server;
pub use settle::{Applied, quiet, settle};
pub(crate) use settle::{applied, sequencer};
pub use state::{Integrity, Newest, integrity, newest};
pub use stream::stream;
