//! HTTP against real sockets: servers that are slow, cut off, lie about lengths, redirect to where one
//! must not go, or do not answer at all.

#![expect(clippy::unwrap_used, reason = "tests")]

mod probes;
mod redirects;
mod requests;
mod retries;
mod scrape;
mod scripts;
mod secure;
mod server;
mod tls;
#[path = "../support/tls_server.rs"]
mod tls_server;

use std::time::Duration;

use tradeops::http::{Error, Request, Response};
use tradeops::run::Cx;

/// A GET with a limit that a hanging test cannot exceed.
fn get(url: impl Into<String>) -> Request {
    with_timeout(Request::new("GET", url), 5_000)
}

fn post(url: impl Into<String>) -> Request {
    with_timeout(Request::new("POST", url), 5_000)
}

fn with_timeout(mut request: Request, ms: u64) -> Request {
    request.timeout = Duration::from_millis(ms);
    request
}

fn send(request: &Request) -> Result<Response, Error> {
    tradeops::http::request(&Cx::detached(), request)
}
