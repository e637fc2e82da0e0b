//! Removing rows from QuestDB as it really is, on both versions: what stays is compared row by row with what must stay.
//!
//! `make test` sets the environment up. Each test makes its own tables and removes them.

mod classify;
mod kills;
mod kinds;
mod large;
mod late;
mod operator;
mod others;
#[path = "../support/proxy.rs"]
mod proxy;
mod removal;
mod rows;
mod script;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/setting.rs"]
mod setting;
#[path = "../support/store.rs"]
mod store;
#[path = "../support/mod.rs"]
mod support;
