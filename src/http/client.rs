//! The shared connections: one client per kind of trust, made at its first use.
//!
//! Reads keep their connections for the next one. A change gets a fresh connection each time: then "the
//! connection was never made" proves that nothing was sent, which a reused one could not.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower_layer::Layer;
use tower_service::Service;
use url::Url;

use super::{Error, address};
use crate::net::dns;
use crate::tls::{self, Tls, Trust};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What two requests must have in common to share a client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    /// `None`: never speaks TLS.
    trust: Option<Trust>,
    /// No proxy in between.
    direct: bool,
    /// Keeps connections.
    kept: bool,
    /// Whatever the URL says, connect to this host.
    instead: Option<String>,
}

/// Far more than a run's scripts use; a loop over certificate files must not fill the memory.
const MOST: usize = 64;

/// The client for one hop.
pub(super) fn client(
    url: &Url,
    tls: &Tls,
    kept: bool,
    instead: Option<&str>,
) -> Result<Client, Error> {
    static CLIENTS: Mutex<Option<HashMap<Kind, Client>>> = Mutex::new(None);
    let direct = address::is_loopback(url) || instead.is_some();
    let secure = url.scheme() == "https" || (!direct && proxy_speaks_tls());
    let kind = Kind {
        trust: secure.then(|| tls.trust()),
        direct,
        kept,
        instead: instead.map(str::to_owned),
    };
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let clients = clients.get_or_insert_with(HashMap::new);
    if let Some(client) = clients.get(&kind) {
        return Ok(client.clone());
    }
    let client = build(&kind)?;
    if clients.len() >= MOST {
        clients.clear();
    }
    clients.insert(kind, client.clone());
    Ok(client)
}

fn proxy_speaks_tls() -> bool {
    ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|value| value.starts_with("https:")))
}

fn build(kind: &Kind) -> Result<Client, Error> {
    let config = match &kind.trust {
        Some(trust) => tls::config(tls::verifier(trust)?)?,
        None => tls::unused_config()?,
    };
    let mut builder = Client::builder()
        .user_agent(concat!("tradeops/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .tls_backend_preconfigured(config)
        .dns_resolver(Names {
            instead: kind.instead.clone(),
        })
        .connector_layer(Watch)
        .pool_idle_timeout(Duration::from_secs(30));
    if kind.direct {
        builder = builder.no_proxy();
    }
    if !kind.kept {
        builder = builder.pool_max_idle_per_host(0);
    }
    builder
        .build()
        .map_err(|error| Error::Invalid(format!("no HTTP client can be made: {error}")))
}

/// How far one hop of a request came. Shared with the connector through a task-local, because a client
/// and its connector serve many requests.
#[derive(Debug)]
pub(super) struct Leg {
    state: AtomicU8,
    fresh: AtomicBool,
    connect_limit: Duration,
}

/// The connector's share of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// On a connection, as far as anyone can tell: something may have been sent.
    Sent,
    /// Looking the name up.
    Looking,
    /// Making the connection.
    Connecting,
}

impl Leg {
    pub(super) fn new(connect_limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(0),
            fresh: AtomicBool::new(false),
            connect_limit,
        })
    }

    fn set(&self, reached: Reached) {
        let code = match reached {
            Reached::Sent => 0,
            Reached::Looking => 1,
            Reached::Connecting => 2,
        };
        self.state.store(code, Ordering::Release);
        self.fresh.store(true, Ordering::Release);
    }

    /// Whether a connection was made for it; else it went over a kept one.
    pub(super) fn fresh(&self) -> bool {
        self.fresh.load(Ordering::Acquire)
    }

    pub(super) fn reached(&self) -> Reached {
        match self.state.load(Ordering::Acquire) {
            1 => Reached::Looking,
            2 => Reached::Connecting,
            _ => Reached::Sent,
        }
    }
}

tokio::task_local! {
    /// The hop that the current task is on.
    pub(super) static LEG: Arc<Leg>;
}

fn mark(reached: Reached) {
    let _ = LEG.try_with(|leg| leg.set(reached));
}

/// The system's resolver, with its errors kept apart from those of connecting.
struct Names {
    instead: Option<String>,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let host = self
            .instead
            .clone()
            .unwrap_or_else(|| name.as_str().to_owned());
        Box::pin(async move {
            mark(Reached::Looking);
            let found = dns::resolve(&host).await?;
            mark(Reached::Connecting);
            let addresses = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// Connecting took longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("connecting took too long")]
pub(super) struct ConnectTimedOut;

/// Puts a [`Watched`] around the connector.
#[derive(Debug, Clone)]
struct Watch;

/// A connector that marks the hop's progress and keeps its limit.
#[derive(Debug, Clone)]
struct Watched<S>(S);

impl<S> Layer<S> for Watch {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched(inner)
    }
}

impl<S, R> Service<R> for Watched<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            let limit = LEG
                .try_with(|leg| leg.connect_limit)
                .unwrap_or(Duration::MAX);
            mark(Reached::Connecting);
            let connection = tokio::time::timeout(limit, connecting)
                .await
                .map_err(|_| ConnectTimedOut)??;
            mark(Reached::Sent);
            Ok(connection)
        })
    }
}
