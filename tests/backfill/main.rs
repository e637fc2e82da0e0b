//! `tradeops backfill` against the stand-in of the ingestion service before a real QuestDB.
//!
//! `make test` sets the environment up. Each test has a database and a service of its own.

mod bars;
mod ends;
mod faults;
mod kills;
mod plan;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/setting.rs"]
mod setting;
#[path = "../ingest/site.rs"]
mod site;
#[path = "../support/standin.rs"]
mod standin;
#[path = "../support/mod.rs"]
mod support;
mod workers;
