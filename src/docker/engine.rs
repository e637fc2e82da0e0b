//! The connection to one engine: the lazy client, and the two ways of asking.
//!
//! bollard puts names into request paths as they are, so every name is checked here before it gets
//! there: `../images/x` must never reach another part of the API.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as Wire;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri};

use super::endpoint::Endpoint;
use super::error::{Error, Sort, explain};
use super::transport::Transport;
use crate::run::{Cx, Stop, held};

/// How long an ordinary question may take. A loaded engine needs seconds for a list.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// How long a change may take beyond what it waits for itself.
pub(super) const CHANGE: Duration = Duration::from_secs(60);
/// One docker engine. Connects on first use and keeps its client; a failed connection is tried anew on
/// the next use, so a script can wait for an engine to come up.
pub struct Engine {
    /// `None`: the one of this process.
    host: Option<String>,
    endpoint: Mutex<Option<Arc<Endpoint>>>,
    transport: Mutex<Option<Transport>>,
}

impl Engine {
    /// The engine that the environment and the `docker` command's settings choose.
    pub fn from_env() -> Self {
        Self::of(None)
    }

    /// The engine at `host`: `unix:///var/run/docker.sock`, `tcp://10.0.0.5:2375`, `ssh://ops@box`.
    pub fn at(host: &str) -> Self {
        Self::of(Some(host.to_owned()))
    }

    fn of(host: Option<String>) -> Self {
        Self {
            host,
            endpoint: Mutex::new(None),
            transport: Mutex::new(None),
        }
    }

    /// Which engine it is. Looks at files, and connects nowhere.
    pub fn endpoint(&self) -> Result<Arc<Endpoint>, Error> {
        let mut kept = held(&self.endpoint);
        if let Some(endpoint) = &*kept {
            return Ok(endpoint.clone());
        }
        let endpoint = match &self.host {
            Some(host) => Arc::new(Endpoint::at(host)?),
            None => Endpoint::chosen()?,
        };
        Ok(kept.insert(endpoint).clone())
    }

    /// The client, connected and at an API version that both sides know.
    pub(super) fn client(&self, cx: &Cx) -> Result<Docker, Error> {
        let kept = || held(&self.transport);
        if let Some(transport) = &*kept() {
            return Ok(transport.client.clone());
        }
        let endpoint = self.endpoint()?;
        let what = format!("connect to {}", endpoint.place());
        let limit = endpoint.hello();
        // Outside the lock: a stuck connection must not hold another worker beyond its deadline. Two
        // workers may both connect; one client stays.
        let fresh = Transport::new(&endpoint)?;
        let client = fresh.client.clone();
        let hello = tokio_timeout(
            limit,
            async move { client.negotiate_version().await.map(drop) },
        );
        if let Err(error) = self.settle(cx.wait(hello), Sort::Read, &what, limit) {
            // Here and now: the task that greets may not come to its end before the process does.
            if let Some(ssh) = &fresh.ssh {
                ssh.end();
            }
            return Err(error);
        }
        Ok(kept().get_or_insert(fresh).client.clone())
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
        let place = held(&self.endpoint).as_ref().map(|e| e.place());
        explain(error, sort, &place.unwrap_or_default(), what, limit)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("endpoint", &*held(&self.endpoint))
            .finish_non_exhaustive()
    }
}

/// What was started for it ends with it.
impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(ssh) = held(&self.transport)
            .take()
            .and_then(|transport| transport.ssh)
        {
            ssh.end();
        }
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
        let address = engine.endpoint().map(|endpoint| endpoint.address());
        assert_eq!(address.as_deref(), Ok("tcp://10.0.0.5:2375"));
        assert!(!format!("{engine:?}").contains("hunter2"));
    }

    #[test]
    fn an_unknown_scheme_is_told_at_once() {
        let error = Engine::at("npipe:////./x").client(&Cx::detached()).err();
        assert!(matches!(error, Some(Error::Setting(_))), "{error:?}");
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
