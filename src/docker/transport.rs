//! How requests reach an engine: a connection over its socket, its port, TLS or ssh, under the HTTP client
//! that bollard is given.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::{BollardRequest, Docker};
use hyper::Uri;
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::address::{Address, bracketed};
use super::endpoint::{Credentials, Endpoint};
use super::error::{Broken, Error, io_words};
use super::ssh::Dialler;
use crate::tls;

/// bollard's own limit stands behind ours and only keeps an abandoned task from living for ever.
const BACKSTOP: u64 = 3600;
/// How long a connection that took a handshake is kept for the next request, and how many of them.
const KEPT: (Duration, usize) = (Duration::from_secs(30), 8);

/// A client for an engine. Nothing is connected yet.
pub(super) struct Transport {
    pub(super) client: Docker,
    /// What starts `ssh`, where that is the way.
    pub(super) ssh: Option<Arc<Dialler>>,
}

impl Transport {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, Error> {
        let way = Way::to(endpoint)?;
        let ssh = match &way {
            Way::Ssh(dialler) => Some(dialler.clone()),
            _ => None,
        };
        let (base, authority) = match &endpoint.address {
            Address::Tcp { host, port, base } => {
                (base.clone(), format!("{}:{port}", bracketed(host)))
            }
            _ => (String::new(), "docker".into()),
        };
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT.0);
        // A new connection to a socket costs nothing, and one that is new is not one that has gone stale.
        builder.pool_max_idle_per_host(if way.is_dear() { KEPT.1 } else { 0 });
        let client = builder.build(Connector(Arc::new(way)));
        let send = move |request: BollardRequest| {
            let sent = placed(request, &base).map(|request| client.request(request));
            async move { Ok(sent?.await?) }
        };
        // The authority becomes the `Host` that a proxy before the engine may look at.
        let authority = Authority::try_from(authority)
            .map_err(|error| Error::Setting(format!("`{}`: {error}", endpoint.address)))?;
        let client = Docker::connect_with_custom_transport(
            send,
            Some(format!("http://{authority}")),
            BACKSTOP,
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|error| Error::Setting(format!("`{}`: {error}", endpoint.address)))?;
        Ok(Self { client, ssh })
    }
}

/// The request with the engine's base path before its own.
fn placed(
    mut request: BollardRequest,
    base: &str,
) -> Result<BollardRequest, bollard::errors::Error> {
    if !base.is_empty() {
        let mut parts = request.uri().clone().into_parts();
        let path = parts
            .path_and_query
            .as_ref()
            .map_or("/", PathAndQuery::as_str);
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{base}{path}"))?);
        *request.uri_mut() = Uri::from_parts(parts)?;
    }
    Ok(request)
}

/// The ways to an engine.
enum Way {
    Unix(PathBuf),
    Tcp(String, u16),
    Tls(String, u16, ServerName<'static>, Arc<ClientConfig>),
    Ssh(Arc<Dialler>),
}

impl Way {
    fn to(endpoint: &Endpoint) -> Result<Self, Error> {
        Ok(match (&endpoint.address, &endpoint.tls) {
            (Address::Unix(path), _) => Self::Unix(path.clone()),
            (Address::Ssh(to), _) => Self::Ssh(Arc::new(Dialler::new(to.clone()))),
            (Address::Tcp { host, port, .. }, None) => Self::Tcp(host.clone(), *port),
            (Address::Tcp { host, port, .. }, Some(credentials)) => {
                let wrong = |error: tls::Error| {
                    Error::Setting(format!("TLS with {}: {error}", endpoint.place()))
                };
                let config = config(credentials).map_err(wrong)?;
                let name = tls::server_name(host).map_err(wrong)?;
                Self::Tls(host.clone(), *port, name, Arc::new(config))
            }
        })
    }

    /// Whether a connection takes so much that it is worth keeping.
    fn is_dear(&self) -> bool {
        matches!(self, Self::Tls(..) | Self::Ssh(_))
    }

    async fn connect(&self) -> Result<Box<dyn Duplex>, Broken> {
        match self {
            Self::Unix(path) => Ok(Box::new(unix(path).await?)),
            Self::Tcp(host, port) => Ok(Box::new(tcp(host, *port).await?)),
            Self::Tls(host, port, name, config) => {
                let socket = tcp(host, *port).await?;
                let connector = TlsConnector::from(config.clone());
                let stream = connector.connect(name.clone(), socket).await;
                Ok(Box::new(stream.map_err(|error| handshake(&error))?))
            }
            Self::Ssh(dialler) => Ok(Box::new(dialler.dial().await?)),
        }
    }
}

fn config(credentials: &Credentials) -> Result<ClientConfig, tls::Error> {
    let verifier = match (credentials.verify, &credentials.ca) {
        (false, _) => tls::blind(),
        (true, Some(ca)) => tls::verifier_of(ca)?,
        (true, None) => tls::verifier(&tls::Tls::default().trust())?,
    };
    let pair = credentials.pair.as_ref();
    tls::config_as(verifier, pair.map(|(cert, key)| (&**cert, &**key)))
}

async fn unix(path: &Path) -> Result<UnixStream, Broken> {
    UnixStream::connect(path)
        .await
        .map_err(|error| of_io(&error))
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, Broken> {
    let socket = TcpStream::connect((host, port))
        .await
        .map_err(|error| of_io(&error))?;
    // Requests are small and answered one by one.
    let _ = socket.set_nodelay(true);
    Ok(socket)
}

fn of_io(error: &io::Error) -> Broken {
    Broken {
        refused: error.kind() == io::ErrorKind::PermissionDenied,
        reason: io_words(error),
        hint: None,
    }
}

fn handshake(error: &io::Error) -> Broken {
    let tls_error = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls_error {
        Some(error) => Broken::of_tls(error),
        None => Broken {
            refused: false,
            reason: tls::broken_off(&io_words(error)),
            hint: None,
        },
    }
}

/// What the HTTP client asks for connections.
#[derive(Clone)]
struct Connector(Arc<Way>);

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = Broken;
    type Future = Pin<Box<dyn Future<Output = Result<Link, Broken>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let way = self.0.clone();
        Box::pin(async move { Ok(Link(TokioIo::new(way.connect().await?))) })
    }
}

/// Any connection.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection in the form that hyper takes.
struct Link(TokioIo<Box<dyn Duplex>>);

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
