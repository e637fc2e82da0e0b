//! Coverage against real servers of both versions: what is found missing is what was left out, by a computation of the test's own.
//!
//! `make test` sets the environment up. Each test has servers of its own.

mod api;
#[path = "../support/docker_fixture.rs"]
mod docker_fixture;
mod folder;
mod html;
mod kinds;
mod large;
mod operator;
mod options;
mod planted;
#[path = "../support/proxy.rs"]
mod proxy;
mod script;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/setting.rs"]
mod setting;
#[path = "../support/standin.rs"]
mod standin;
#[path = "../support/store.rs"]
mod store;
#[path = "../support/mod.rs"]
mod support;
