//! QuestDB, Redis and Postgres as they really are: the domains against the servers of the test stack, and
//! against servers that the tests start for what the stack's must not be put through.
//!
//! `make test` sets the environment up. Each test makes its own tables, schema or keys and removes them.

mod faults;
mod postgres;
mod questdb;
mod redis;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/setting.rs"]
mod setting;
mod state;
mod support;
