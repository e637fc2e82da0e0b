//! One GET to `/exec`, and the whole of its body or the reason why not.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, Response, redirect};
use url::Url;

use super::Server;

/// Nothing answers within this: nobody is there.
const CONNECT: Duration = Duration::from_secs(5);

/// QuestDB closes an idle connection after 5 s; one that is about to be closed must not be used.
const IDLE: Duration = Duration::from_secs(4);

/// A complete body.
pub(super) struct Body {
    pub(super) status: u16,
    pub(super) bytes: Vec<u8>,
}

/// Why there is none.
pub(super) enum Fault {
    /// Nothing was sent.
    Connect(String),
    /// Sent, and the connection ended before a status line.
    NoReply(String),
    /// The body ends before its terminator.
    Cut { status: u16, bytes: usize },
    /// The body is larger than may be held.
    TooLarge,
}

/// Gets the reply to `sql`. Dropping the future closes the connection, by which QuestDB stops a SELECT.
pub(super) async fn get(
    server: &Server,
    sql: &str,
    limit: Option<usize>,
    most_bytes: usize,
) -> Result<Body, Fault> {
    let mut response = start(server, server.exec(sql, limit)).await?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > most_bytes => {
                return Err(Fault::TooLarge);
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(Body { status, bytes }),
            Err(_) => {
                return Err(Fault::Cut {
                    status,
                    bytes: bytes.len(),
                });
            }
        }
    }
}

/// The head of the reply to a GET; the body is still to come.
pub(super) async fn start(server: &Server, address: Url) -> Result<Response, Fault> {
    let client = client(server.is_tls()).map_err(|error| Fault::Connect(leaf(&error)))?;
    let mut request = client.get(address);
    if let Some(user) = server.user() {
        request = request.basic_auth(user, server.password());
    }
    request.send().await.map_err(|error| {
        let why = leaf(&error);
        if error.is_connect() && error.is_timeout() {
            Fault::Connect(format!("no answer within {}s", CONNECT.as_secs()))
        } else if error.is_connect() {
            Fault::Connect(why)
        } else {
            Fault::NoReply(why)
        }
    })
}

/// Made on first use and shared. A client for plain HTTP is made without certificates, because making
/// one with them fails where the system has none.
fn client(tls: bool) -> Result<Client, reqwest::Error> {
    static PLAIN: OnceLock<Client> = OnceLock::new();
    static TLS: OnceLock<Client> = OnceLock::new();
    let slot = if tls { &TLS } else { &PLAIN };
    if let Some(client) = slot.get() {
        return Ok(client.clone());
    }
    // Another part of the program may have been first, with the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        // A statement that may have run is never sent twice behind the caller's back.
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .no_gzip()
        .http1_only();
    let builder = if tls {
        builder
    } else {
        builder.tls_certs_only([])
    };
    let client = builder.build()?;
    Ok(slot.get_or_init(|| client).clone())
}

/// The innermost words of an error: `Connection refused`.
fn leaf(error: &reqwest::Error) -> String {
    let mut words = String::new();
    let mut next = error.source();
    while let Some(inner) = next {
        words = inner.to_string();
        next = inner.source();
    }
    if words.is_empty() {
        words = if error.is_timeout() {
            "no answer in time".into()
        } else {
            "the connection failed".into()
        };
    }
    match words.find(" (os error") {
        Some(end) => words[..end].to_lowercase(),
        None => words,
    }
}
