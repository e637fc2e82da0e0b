//! `tradeops ingest` against the stand-in of the ingestion service before a real QuestDB.
//!
//! `make test` sets the environment up. Each test has a database and a service of its own.

mod calendar;
mod faults;
mod guide;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/setting.rs"]
mod setting;
mod site;
#[path = "../support/standin.rs"]
mod standin;
#[path = "../support/mod.rs"]
mod support;
