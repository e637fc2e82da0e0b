//! A QuestDB of a test's own: statements that have to work.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of it, so an expectation would fail in some"
)]

use std::time::Duration;

use tradeops::questdb::{self, Limits, Server};
use tradeops::run::Cx;

use crate::server::eventually;

/// Much of one statement at once takes its time.
const LONG: Limits = Limits {
    rows: 10_000,
    bytes: 64 << 20,
    time: Duration::from_secs(600),
};

pub(crate) fn run(server: &Server, sql: &str) {
    questdb::exec(&Cx::detached(), server, sql, LONG)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The server at a port of this machine, once it answers. One that is starting may take a connection and say nothing.
pub(crate) fn at(port: u16) -> Server {
    let server = Server::new(&format!("http://127.0.0.1:{port}"), None, None)
        .unwrap_or_else(|e| panic!("{e}"));
    let limits = Limits {
        time: Duration::from_secs(2),
        ..Limits::default()
    };
    eventually(|| questdb::tables(&Cx::detached(), &server, limits));
    server
}

pub(crate) fn number(server: &Server, sql: &str) -> i64 {
    let cell = questdb::value(&Cx::detached(), server, sql, Limits::default());
    let cell = cell.unwrap_or_else(|error| panic!("{sql}: {error}"));
    cell.int().unwrap_or_else(|| panic!("{sql}: {cell:?}"))
}

pub(crate) fn settle(server: &Server, table: &str) {
    let (cx, limits) = (Cx::detached(), LONG);
    let can = questdb::abilities(&cx, server, limits).unwrap_or_else(|e| panic!("{e}"));
    questdb::settle(&cx, server, can, table, limits).unwrap_or_else(|e| panic!("{table}: {e}"));
}
