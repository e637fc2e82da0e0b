//! A request as a caller writes it down, and as it is checked before anything is sent.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::address::{self, shown};
use super::{Error, Retry, Tls};
use crate::tls::server_name;

/// No single attempt takes longer; an instant beyond the clock's range would be a panic.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// One URL that is about to be asked: the first, or one that a redirect leads to.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// `GET`.
    pub method: &'a str,
    /// Where.
    pub url: &'a Url,
    /// 0 for the first.
    pub number: usize,
}

/// Says whether a hop may be made; `Err` is the reason why not.
pub type Allow = Arc<dyn Fn(Hop<'_>) -> Result<(), String> + Send + Sync>;

/// A part of the body of a successful answer, as it comes.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// The answer's `content-type`; empty when it has none.
    pub content_type: &'a str,
    /// How much of the body came before. 0 is a body's first piece: after a broken answer there may be another one.
    pub at: u64,
    /// Decompressed.
    pub bytes: &'a [u8],
}

/// Takes a body piece by piece, so that nobody holds it; false when the rest is not wanted.
pub type Sink = Arc<dyn Fn(Piece<'_>) -> bool + Send + Sync>;

/// Who asks.
#[derive(Clone)]
pub enum Auth {
    /// A user and a password.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(..) => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
        })
    }
}

/// What to ask, and how long and how often.
#[derive(Clone)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// Absolute, http or https.
    pub url: String,
    /// Added to the URL's own query, encoded.
    pub query: Vec<(String, String)>,
    /// Sent as they are.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Bytes>,
    /// The body's type, unless a header says it.
    pub content_type: Option<String>,
    /// Who asks.
    pub auth: Option<Auth>,
    /// For one attempt, from the first look-up to the last byte.
    pub timeout: Duration,
    /// For making a connection.
    pub connect_timeout: Duration,
    /// How many redirects to follow; with 0 a redirect is the response.
    pub redirects: usize,
    /// The most bytes of body, decompressed.
    pub body_limit: u64,
    /// When to try again.
    pub retry: Retry,
    /// How the server must prove who it is.
    pub tls: Tls,
    /// Where it may go.
    pub allow: Allow,
    /// Who takes the body of a 2xx answer; the response has none then.
    pub sink: Option<Sink>,
}

impl Request {
    /// A request with no options, that may go anywhere.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            content_type: None,
            auth: None,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            redirects: 0,
            body_limit: 16 << 20,
            retry: Retry::default(),
            tls: Tls::default(),
            allow: Arc::new(|_| Ok(())),
            sink: None,
        }
    }

    /// Whether it could be sent as it stands: nothing is looked up or connected to.
    pub fn check(&self) -> Result<(), Error> {
        self.prepare().map(|_| ())
    }

    pub(super) fn prepare(&self) -> Result<Prepared, Error> {
        let method = method(&self.method)?;
        let mut url = address::parse(&self.url)?;
        url.set_fragment(None);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut headers = headers(&self.headers)?;
        let within = credentials(&mut url);
        if let Some(auth) = self.auth.as_ref().or(within.as_ref()) {
            headers.entry(AUTHORIZATION).or_insert(authorization(auth)?);
        }
        if let Some(content_type) = &self.content_type
            && self.body.is_some()
        {
            let value = HeaderValue::from_str(content_type)
                .map_err(|_| Error::Invalid("the content type holds a control character".into()))?;
            headers.entry(CONTENT_TYPE).or_insert(value);
        }
        if let Some(name) = &self.tls.server_name {
            server_name(name)?;
            if name.parse::<std::net::IpAddr>().is_ok() {
                return Err(Error::Invalid(
                    "`server_name` is an address; it must be a name".into(),
                ));
            }
        }
        Ok(Prepared {
            method,
            url,
            headers,
            body: self.body.clone(),
            timeout: self.timeout.min(LONGEST),
            connect_timeout: self.connect_timeout.min(LONGEST),
            redirects: self.redirects,
            body_limit: self.body_limit,
            tls: self.tls.clone(),
            allow: self.allow.clone(),
            sink: self.sink.clone(),
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

/// A request that can be sent.
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) redirects: usize,
    pub(super) body_limit: u64,
    pub(super) tls: Tls,
    pub(super) allow: Allow,
    pub(super) sink: Option<Sink>,
}

/// `GET http://db:80/x`, for messages.
pub(super) fn call(method: &Method, url: &Url) -> String {
    format!("{method} {}", shown(url))
}

/// Whether a method only asks.
pub(super) fn asks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Reads a method.
pub(super) fn method(text: &str) -> Result<Method, Error> {
    let upper = text.trim().to_ascii_uppercase();
    let method = Method::from_bytes(upper.as_bytes())
        .map_err(|_| Error::Invalid(format!("{text:?} is no HTTP method")))?;
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(Error::Invalid(format!(
            "`{method}` is no request that can be made here"
        )));
    }
    Ok(method)
}

/// Reads headers. A message never shows a value.
pub(super) fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let key = HeaderName::from_bytes(name.trim().as_bytes())
            .map_err(|_| Error::Invalid(format!("{name:?} is no header name")))?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| {
            Error::Invalid(format!(
                "the value of header `{key}` holds a control character"
            ))
        })?;
        // These decide where a message ends; one that lies would desynchronise the connection.
        if matches!(
            key.as_str(),
            "content-length" | "transfer-encoding" | "connection"
        ) {
            return Err(Error::Invalid(format!(
                "header `{key}` is set by the runtime"
            )));
        }
        headers.append(key, value);
    }
    Ok(headers)
}

/// Takes user and password out of a URL.
pub(super) fn credentials(url: &mut Url) -> Option<Auth> {
    let plain = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let user = plain(url.username());
    let password = plain(url.password().unwrap_or_default());
    if user.is_empty() && password.is_empty() {
        return None;
    }
    // Neither can fail on a URL that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(Auth::Basic(user, password))
}

pub(super) fn authorization(auth: &Auth) -> Result<HeaderValue, Error> {
    let text = match auth {
        Auth::Basic(user, _) if user.contains(':') => {
            return Err(Error::Invalid(
                "a user name for basic auth holds no `:`".into(),
            ));
        }
        Auth::Basic(user, password) => {
            format!(
                "Basic {}",
                BASE64_STANDARD.encode(format!("{user}:{password}"))
            )
        }
        Auth::Bearer(token) => format!("Bearer {token}"),
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Error::Invalid("the bearer token holds a control character".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn credentials_go_from_the_url_into_a_header() {
        let request = Request::new("get", "http://us%65r:p%40ss@x.test/a?b=1#frag");
        let prepared = request.prepare().unwrap();
        assert_eq!(prepared.url.as_str(), "http://x.test/a?b=1");
        assert_eq!(prepared.headers[AUTHORIZATION], "Basic dXNlcjpwQHNz");
        assert_eq!(prepared.method, Method::GET);
    }

    #[test]
    fn query_is_added_and_encoded() {
        let mut request = Request::new("GET", "http://x.test/?a=1");
        request.query = vec![("q".into(), "x y&z".into())];
        assert_eq!(
            request.prepare().unwrap().url.as_str(),
            "http://x.test/?a=1&q=x+y%26z"
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_telling_secrets() {
        let refuse = |change: fn(&mut Request)| {
            let mut request = Request::new("GET", "http://x.test/");
            change(&mut request);
            match request.prepare() {
                Err(Error::Invalid(text)) => {
                    assert!(!text.contains("geheim"), "{text}");
                    text
                }
                Err(other) => panic!("{other}"),
                Ok(_) => panic!("accepted"),
            }
        };
        refuse(|r| r.method = "G ET".into());
        refuse(|r| r.method = "CONNECT".into());
        refuse(|r| r.headers = vec![("a b".into(), "geheim".into())]);
        refuse(|r| r.headers = vec![("x".into(), "geheim\r\nInjected: 1".into())]);
        refuse(|r| r.headers = vec![("Content-Length".into(), "5".into())]);
        refuse(|r| r.auth = Some(Auth::Bearer("geheim\n".into())));
        refuse(|r| r.auth = Some(Auth::Basic("a:b".into(), "geheim".into())));
        refuse(|r| r.tls.server_name = Some("127.0.0.1".into()));
        refuse(|r| r.tls.server_name = Some("a b".into()));
    }

    #[test]
    fn debug_tells_no_secret() {
        let mut request = Request::new("GET", "http://u:geheim@x.test/");
        request.auth = Some(Auth::Bearer("geheim".into()));
        assert!(!format!("{request:?}").contains("geheim"));
    }
}
