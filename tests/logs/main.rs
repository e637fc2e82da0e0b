//! `tradeops logs` and `logs::` on files, on containers of the real engine, on a terminal, and on an engine that restarts.

#![expect(clippy::unwrap_used, reason = "a test")]

mod containers;
mod daemon;
#[path = "../support/engine.rs"]
mod engine;
mod files;
mod flags;
mod follow;
mod output;
mod script;
#[path = "../support/mod.rs"]
mod support;
mod writer;
