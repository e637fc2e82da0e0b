//! The connection to one engine: where it listens, the lazy client, and the two ways of asking.
//!
//! bollard puts names into request paths as they are, so every name is checked here before it gets
//! there: `../images/x` must never reach another part of the API.

use std::env;
use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as Wire;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri};

use super::Error;
use super::error::{Sort, explain};
use crate::run::{Cx, Stop};

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
/// How long a connection and the first hello may take.
const HELLO: Duration = Duration::from_secs(5);
/// How long an ordinary question may take. A loaded engine needs seconds for a list.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// How long a change may take beyond what it waits for itself.
pub(super) const CHANGE: Duration = Duration::from_secs(60);
/// bollard's own limit stands behind ours and only keeps an abandoned task from living for ever.
const BACKSTOP: u64 = 3600;

/// One docker engine. Connects on first use and keeps its client; a failed connection is tried anew on
/// the next use, so a script can wait for an engine to come up.
pub struct Engine {
    host: String,
    client: Mutex<Option<Docker>>,
}

impl Engine {
    /// The engine that `DOCKER_HOST` names, else the one on the default socket.
    pub fn from_env() -> Self {
        Self::at(
            env::var("DOCKER_HOST")
                .ok()
                .filter(|host| !host.is_empty())
                .as_deref()
                .unwrap_or(DEFAULT_HOST),
        )
    }

    /// The engine at `host`: `unix:///var/run/docker.sock`, `tcp://10.0.0.5:2375`.
    pub fn at(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            client: Mutex::new(None),
        }
    }

    /// Its address as it may be shown: a password in it is left out.
    pub fn host(&self) -> String {
        match (self.host.find("://"), self.host.rfind('@')) {
            (Some(scheme), Some(at)) if at > scheme => {
                format!("{}{}", &self.host[..scheme + 3], &self.host[at + 1..])
            }
            _ => self.host.clone(),
        }
    }

    fn open(&self) -> Result<Docker, Error> {
        let version = bollard::API_DEFAULT_VERSION;
        let (scheme, rest) = self.host.split_once("://").unwrap_or(("unix", &self.host));
        let tls = env::var_os("DOCKER_TLS_VERIFY").is_some_and(|v| !v.is_empty());
        let client = match scheme {
            // Not `connect_with_unix` alone: it takes a folder that may not be entered for a missing socket.
            "unix" => match std::fs::metadata(rest) {
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    return Err(Error::Refused {
                        host: self.host(),
                        reason: "permission denied".into(),
                    });
                }
                _ => Docker::connect_with_unix(rest, BACKSTOP, version),
            },
            "tcp" | "http" | "https" if tls || scheme == "https" => {
                Docker::connect_with_host(&self.host)
                    .map(|d| d.with_timeout(Duration::from_secs(BACKSTOP)))
            }
            "tcp" | "http" => {
                Docker::connect_with_http(rest.trim_end_matches('/'), BACKSTOP, version)
            }
            _ => {
                return Err(Error::Invalid(format!(
                    "`DOCKER_HOST` is `{}`, and only `unix://` and `tcp://` addresses are known",
                    self.host()
                )));
            }
        };
        client.map_err(|error| self.explain(error, Sort::Read, "connect", HELLO))
    }

    /// The client, connected and at an API version that both sides know.
    pub(super) fn client(&self, cx: &Cx) -> Result<Docker, Error> {
        let kept = || self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = kept().clone() {
            return Ok(client);
        }
        // Outside the lock: a stuck connection must not hold another worker beyond its deadline. Two
        // workers may both connect; one client stays.
        let fresh = self.open()?;
        let client = self.settle(
            cx.wait(tokio_timeout(HELLO, fresh.negotiate_version())),
            Sort::Read,
            "connect",
            HELLO,
        )?;
        Ok(kept().get_or_insert(client).clone())
    }

    /// Asks something that changes nothing.
    pub(super) fn read<T, F, W>(
        &self,
        cx: &Cx,
        what: &str,
        limit: Duration,
        ask: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Docker) -> W,
        W: Future<Output = Result<T, Wire>> + Send + 'static,
    {
        let client = self.client(cx)?;
        self.settle(
            cx.wait(tokio_timeout(limit, ask(client))),
            Sort::Read,
            what,
            limit,
        )
    }

    /// Asks for a change. From here on silence means that it may or may not have happened.
    pub(super) fn change<T, F, W>(
        &self,
        cx: &Cx,
        what: &str,
        limit: Duration,
        ask: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Docker) -> W,
        W: Future<Output = Result<T, Wire>> + Send + 'static,
    {
        let client = self.client(cx)?;
        cx.check()?;
        self.settle(
            cx.wait(tokio_timeout(limit, ask(client))),
            Sort::Change,
            what,
            limit,
        )
    }

    fn settle<T>(
        &self,
        answer: Result<Result<T, Wire>, Stop>,
        sort: Sort,
        what: &str,
        limit: Duration,
    ) -> Result<T, Error> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.explain(error, sort, what, limit)),
            Err(stop) if sort == Sort::Read => Err(stop.into()),
            Err(stop) => Err(Error::Unknown {
                what: what.to_owned(),
                reason: stop.to_string(),
                stop: Some(stop),
            }),
        }
    }

    pub(super) fn explain(&self, error: Wire, sort: Sort, what: &str, limit: Duration) -> Error {
        explain(error, sort, &self.host(), what, limit)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

async fn tokio_timeout<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Wire>>,
) -> Result<T, Wire> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(Wire::RequestTimeoutError))
}

/// The body of `GET path`, for the answers whose typed form in bollard no longer fits older engines.
/// bollard has no call for it; the export call hands out a body as it is, over whichever transport is
/// in use, and the modifier puts the wanted path in.
pub(super) async fn raw(client: Docker, path: &'static str) -> Result<Bytes, Wire> {
    let client = client.with_request_modifier(move |mut request| {
        debug_assert_eq!(request.method(), Method::GET);
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static(path));
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
        request
    });
    let mut body = client.export_container("raw");
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.freeze())
}

/// Whether it can be a container's name or id; `Err` says why not.
pub(super) fn checked_name(name: &str) -> Result<&str, Error> {
    let mut letters = name.chars();
    let good = letters.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if good {
        Ok(name)
    } else {
        Err(Error::Invalid(format!(
            "{name:?} cannot be a container's name or id: those have letters, digits, `_`, `.` and `-`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        for name in ["trading-redis", "a", "0123abcdef", "x_1.y"] {
            assert!(checked_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "../images/x",
            "a/b",
            "a?b",
            "a#b",
            ".a",
            "/a",
            "a b",
            "ä",
            "a%2fb",
        ] {
            assert!(
                matches!(checked_name(name), Err(Error::Invalid(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn a_password_in_the_address_is_never_shown() {
        let engine = Engine::at("tcp://ops:hunter2@10.0.0.5:2375");
        assert_eq!(engine.host(), "tcp://10.0.0.5:2375");
        assert!(!format!("{engine:?}").contains("hunter2"));
    }

    #[test]
    fn an_unknown_scheme_is_told_at_once() {
        let error = Engine::at("ssh://ops@box").client(&Cx::detached()).err();
        assert!(matches!(error, Some(Error::Invalid(_))), "{error:?}");
    }

    #[test]
    fn no_socket_is_unreachable_in_one_line() {
        let error = Engine::at("unix:///nonexistent")
            .client(&Cx::detached())
            .err();
        assert_eq!(
            error.map(|e| e.to_string()).as_deref(),
            Some("no docker engine answers at `unix:///nonexistent`: no such socket")
        );
    }
}
