//! A probe: one GET or HEAD on a connection of its own, each phase timed.
//!
//! It does not go through a proxy, follows no redirect and never asks twice: it tells how this one
//! address answers, now. That nothing answers is its result and no error.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use reqwest::header::{ACCEPT, HOST, HeaderMap, HeaderValue, USER_AGENT};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::request::{Prepared, asks};
use super::response::{all_headers, joined, text};
use super::{Error, Header, Phase, Request};
use crate::net::{dns, ms, show, tcp};
use crate::run::Cx;
use crate::tls::{self, Certificate, Witness};

/// How an address answered, phase by phase. A phase that was not reached has no time.
#[derive(Debug, Clone, Serialize)]
pub struct Probe {
    /// Whether a whole response with a 2xx status came.
    pub ok: bool,
    /// The URL, without user and password.
    pub url: String,
    /// Where it ended: `done` if a whole response came, whatever its status.
    pub phase: Phase,
    /// Why it ended before `done`: `unreachable`, `timeout` or `failed`.
    pub kind: Option<&'static str>,
    /// The same in words.
    pub error: Option<String>,
    /// The response's status, if its head came.
    pub status: Option<i64>,
    /// Looking the name up.
    pub dns_ms: Option<f64>,
    /// The TCP connection.
    pub connect_ms: Option<f64>,
    /// The TLS handshake.
    pub tls_ms: Option<f64>,
    /// From sending the request to the response's head.
    pub first_byte_ms: Option<f64>,
    /// The body.
    pub transfer_ms: Option<f64>,
    /// All of it, or until it ended.
    pub ms: f64,
    /// The address that was connected to, or the last one tried.
    pub address: Option<String>,
    /// `1.3`.
    pub tls_version: Option<String>,
    /// When the server's certificate ends; told of one that was not accepted, too.
    pub certificate_expires: Option<DateTime<Utc>>,
    /// Who signed it.
    pub certificate_issuer: Option<String>,
    /// `1.1`.
    pub http_version: Option<String>,
    /// Lower-case names; repeated ones joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// Each line, in the order in which it came.
    pub all_headers: Vec<Header>,
    /// The body as text, or what came of it.
    pub body: String,
    /// The body's length.
    pub bytes: i64,
}

/// Probes a URL. `Err` only if the question is wrong, the address is not allowed, or the branch was
/// stopped.
pub fn probe(cx: &Cx, request: &Request) -> Result<Probe, Error> {
    let prepared = request.prepare()?;
    if !asks(&prepared.method) {
        return Err(Error::Invalid(format!(
            "a probe is a GET or a HEAD, not a `{}`",
            prepared.method
        )));
    }
    let hop = super::Hop {
        method: prepared.method.as_str(),
        url: &prepared.url,
        number: 0,
    };
    (prepared.allow)(hop).map_err(|why| Error::Denied {
        call: super::request::call(&prepared.method, &prepared.url),
        why,
    })?;
    // Reading the system's authorities is no part of what is timed.
    let trust = prepared.tls.trust();
    let verifier = if prepared.url.scheme() == "https" {
        Some(Witness::of(tls::verifier(&trust)?))
    } else {
        None
    };
    cx.wait(async move { Knock::new(prepared, verifier).run().await })?
}

/// Why a probe ended early.
struct End {
    phase: Phase,
    kind: &'static str,
    why: String,
}

struct Knock {
    request: Prepared,
    verifier: Option<Arc<Witness>>,
    began: Instant,
    probe: Probe,
}

impl Knock {
    fn new(request: Prepared, verifier: Option<Arc<Witness>>) -> Self {
        let probe = Probe {
            ok: false,
            url: request.url.to_string(),
            phase: Phase::Dns,
            kind: None,
            error: None,
            status: None,
            dns_ms: None,
            connect_ms: None,
            tls_ms: None,
            first_byte_ms: None,
            transfer_ms: None,
            ms: 0.0,
            address: None,
            tls_version: None,
            certificate_expires: None,
            certificate_issuer: None,
            http_version: None,
            headers: BTreeMap::new(),
            all_headers: Vec::new(),
            body: String::new(),
            bytes: 0,
        };
        Self {
            request,
            verifier,
            began: Instant::now(),
            probe,
        }
    }

    async fn run(mut self) -> Result<Probe, Error> {
        let end = self.phases().await?;
        self.probe.ms = ms(self.began.elapsed());
        match end {
            Ok(()) => {
                self.probe.phase = Phase::Done;
                self.probe.ok = self.probe.status.is_some_and(|s| (200..300).contains(&s));
            }
            Err(end) => {
                self.probe.phase = end.phase;
                self.probe.kind = Some(end.kind);
                self.probe.error = Some(end.why);
            }
        }
        Ok(self.probe)
    }

    /// The outer error is a wrong question, the inner one the probe's result.
    async fn phases(&mut self) -> Result<Result<(), End>, Error> {
        let stream = match self.connect().await {
            Ok(stream) => stream,
            Err(end) => return Ok(Err(end)),
        };
        let Some(verifier) = self.verifier.clone() else {
            return Ok(self.exchange(stream).await);
        };
        let host = self.request.url.host_str().unwrap_or_default().to_owned();
        let name = tls::server_name(self.request.tls.server_name.as_deref().unwrap_or(&host))?;
        let config = Arc::new(tls::config(verifier.clone())?);
        let began = Instant::now();
        let handshake = tokio_rustls::TlsConnector::from(config).connect(name, stream);
        let answer = timeout_at(self.deadline(), handshake).await;
        if let Some(certificate) = verifier
            .chain()
            .first()
            .and_then(|der| Certificate::read(der, Utc::now()))
        {
            self.probe.certificate_expires = certificate.not_after;
            self.probe.certificate_issuer = Some(certificate.issuer);
        }
        let stream = match answer {
            Err(_) => return Ok(Err(self.late(Phase::Tls))),
            Ok(Err(error)) => {
                let why = error
                    .get_ref()
                    .and_then(|inner| inner.downcast_ref::<rustls::Error>())
                    .map_or_else(|| tls::broken_off(&tcp::reason(&error)), tls::reason);
                return Ok(Err(End {
                    phase: Phase::Tls,
                    kind: "unreachable",
                    why,
                }));
            }
            Ok(Ok(stream)) => stream,
        };
        self.probe.tls_ms = Some(ms(began.elapsed()));
        self.probe.tls_version = stream.get_ref().1.protocol_version().map(|version| {
            let name = format!("{version:?}");
            name.trim_start_matches("TLSv").replace('_', ".")
        });
        Ok(self.exchange(stream).await)
    }

    async fn connect(&mut self) -> Result<TcpStream, End> {
        let host = self.request.url.host_str().unwrap_or_default().to_owned();
        let port = self.request.url.port_or_known_default().unwrap_or(80);
        let addresses = timeout_at(self.deadline(), dns::resolve(&host))
            .await
            .map_err(|_| self.late(Phase::Dns))?
            .map_err(|error| End {
                phase: Phase::Dns,
                kind: "unreachable",
                why: error.to_string(),
            })?;
        self.probe.dns_ms = Some(ms(self.began.elapsed()));
        let began = Instant::now();
        let left = self.deadline().saturating_duration_since(began);
        let (stream, address) =
            tcp::connect(&addresses, port, left.min(self.request.connect_timeout))
                .await
                .map_err(|missed| {
                    self.probe.address = Some(missed.address.to_string());
                    End {
                        phase: Phase::Connect,
                        kind: if missed.kind == ErrorKind::TimedOut {
                            "timeout"
                        } else {
                            "unreachable"
                        },
                        why: missed.why,
                    }
                })?;
        self.probe.connect_ms = Some(ms(began.elapsed()));
        self.probe.address = Some(address.to_string());
        // One small request: nothing to gain from waiting for more to send.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    async fn exchange<S>(&mut self, stream: S) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let deadline = self.deadline();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(Phase::Request, &error))?;
        let driver = Abort(tokio::spawn(async move {
            let _ = connection.await;
        }));
        let request = self.message().map_err(|why| End {
            phase: Phase::Request,
            kind: "failed",
            why,
        })?;
        let began = Instant::now();
        let answer = timeout_at(deadline, sender.send_request(request))
            .await
            .map_err(|_| self.late(Phase::Response))?
            .map_err(|error| failed(Phase::Response, &error))?;
        self.probe.first_byte_ms = Some(ms(began.elapsed()));
        self.probe.status = Some(answer.status().as_u16().into());
        self.probe.http_version = Some(format!("{:?}", answer.version()).replace("HTTP/", ""));
        self.probe.all_headers = all_headers(answer.headers());
        self.probe.headers = joined(&self.probe.all_headers);
        let headers = answer.headers().clone();
        let began = Instant::now();
        let mut body = BytesMut::new();
        let end = self.body(answer.into_body(), &mut body).await;
        self.probe.bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
        self.probe.body = text(&body, &headers).0;
        if end.is_ok() {
            self.probe.transfer_ms = Some(ms(began.elapsed()));
        }
        drop(driver);
        end
    }

    async fn body(&self, mut incoming: Incoming, body: &mut BytesMut) -> Result<(), End> {
        loop {
            let frame = timeout_at(self.deadline(), incoming.frame())
                .await
                .map_err(|_| self.late(Phase::Body))?;
            let Some(frame) = frame else {
                return Ok(());
            };
            let frame = frame.map_err(|_| End {
                phase: Phase::Body,
                kind: "failed",
                why: format!("the body was cut after {} bytes", body.len()),
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if body.len() as u64 + data.len() as u64 > self.request.body_limit {
                return Err(End {
                    phase: Phase::Body,
                    kind: "failed",
                    why: format!(
                        "the body is over the limit of {} bytes",
                        self.request.body_limit
                    ),
                });
            }
            body.extend_from_slice(&data);
        }
    }

    fn message(&self) -> Result<hyper::Request<Empty<Bytes>>, String> {
        let url = &self.request.url;
        let mut headers: HeaderMap = self.request.headers.clone();
        let authority = url.port().map_or_else(
            || url.host_str().unwrap_or_default().to_owned(),
            |port| format!("{}:{port}", url.host_str().unwrap_or_default()),
        );
        let host = HeaderValue::from_str(&authority).map_err(|_| "the host is no header value")?;
        headers.entry(HOST).or_insert(host);
        headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!(
                "tradeops/",
                env!("CARGO_PKG_VERSION")
            )));
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        let mut request = hyper::Request::builder()
            .method(self.request.method.clone())
            .uri(path_and_query(url))
            .body(Empty::new())
            .map_err(|_| "the path cannot be sent")?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn deadline(&self) -> Instant {
        self.began + self.request.timeout
    }

    fn late(&self, phase: Phase) -> End {
        End {
            phase,
            kind: "timeout",
            why: format!("no end within {}", show(self.request.timeout)),
        }
    }
}

fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn failed(phase: Phase, error: &hyper::Error) -> End {
    let why = if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        "the connection was closed without a response".into()
    } else if error.is_parse() {
        format!("what came back is not HTTP: {error}")
    } else {
        format!("the connection broke off before the response: {error}")
    };
    End {
        phase,
        kind: "failed",
        why,
    }
}

/// Ends the connection's task with the probe.
struct Abort(tokio::task::JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}
