//! Where a Loki is, and the two of its endpoints that a round trip takes: `POST /loki/api/v1/push` and
//! `GET /loki/api/v1/query_range` (grafana/loki `docs/sources/reference/loki-http-api.md`).

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::Error;
use crate::http::{self, Auth, Request, Response};
use crate::run::Cx;

/// How much of a server's words is kept.
const WORDS: usize = 300;
/// A second, in Loki's unit of time.
const SECOND_NS: i64 = 1_000_000_000;

/// A Loki, and who asks it.
#[derive(Debug, Clone)]
pub struct Server {
    base: url::Url,
    /// The tenant, where Loki has several (`X-Scope-OrgID`).
    pub tenant: Option<String>,
    /// The login of a proxy before it; Loki itself has none.
    pub auth: Option<Auth>,
}

/// A line and the labels of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The stream.
    pub labels: Vec<(String, String)>,
    /// Its time, nanoseconds since 1970.
    pub time_ns: i64,
    /// The text.
    pub text: String,
}

/// What Loki said to a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// It has it.
    Accepted,
    /// It does not take it.
    Rejected {
        /// The HTTP status: 400 for a line that is not good enough, 429 over a limit, 5xx for trouble of its own.
        status: u16,
        /// Its words.
        reason: String,
    },
}

/// What a query found.
pub(super) enum Queried {
    Found,
    Nothing,
    Failed { status: Option<u16>, reason: String },
}

impl Server {
    /// A Loki at this address: `http://loki:3100`, with a path prefix if it has one.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what is no http or https URL, or has a query.
    pub fn new(url: &str) -> Result<Self, Error> {
        let base = http::parse(url)?;
        if base.query().is_some() || base.fragment().is_some() {
            return Err(Error::Invalid(
                "the address of a Loki has no query and no fragment".into(),
            ));
        }
        Ok(Self {
            base,
            tenant: None,
            auth: None,
        })
    }

    /// `host:port`.
    pub fn origin(&self) -> String {
        http::origin(&self.base)
    }

    fn request(&self, method: &str, endpoint: &str, limit: Duration) -> Request {
        let base = self.base.as_str().trim_end_matches('/');
        let mut request = Request::new(method, format!("{base}/loki/api/v1/{endpoint}"));
        request.timeout = limit;
        request.connect_timeout = request.connect_timeout.min(limit);
        request.auth.clone_from(&self.auth);
        if let Some(tenant) = &self.tenant {
            request
                .headers
                .push(("X-Scope-OrgID".into(), tenant.clone()));
        }
        request
    }

    /// Sends one line.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when we may not, [`Error::Http`] when no answer came: by that error's kind nothing was sent,
    /// or it is unknown whether Loki has the line.
    pub fn push(&self, cx: &Cx, line: &Line, limit: Duration) -> Result<Pushed, Error> {
        let stream: serde_json::Map<_, _> = line
            .labels
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let values = json!([[line.time_ns.to_string(), line.text]]);
        let body = json!({"streams": [{"stream": stream, "values": values}]});
        let mut request = self.request("POST", "push", limit);
        request.body = Some(body.to_string().into());
        request.content_type = Some("application/json".into());
        let response = http::request(cx, &request)?;
        let status = status(&response);
        match status {
            200..=299 => Ok(Pushed::Accepted),
            401 | 403 => Err(Error::Refused {
                server: self.origin(),
                status,
                message: words(&response),
            }),
            _ => Ok(Pushed::Rejected {
                status,
                reason: words(&response),
            }),
        }
    }

    /// Whether a line can be queried by its labels.
    pub(super) fn query(&self, cx: &Cx, line: &Line, limit: Duration) -> Result<Queried, Error> {
        let mut request = self.request("GET", "query_range", limit);
        request.query = vec![
            ("query".into(), selector(&line.labels)),
            (
                "start".into(),
                line.time_ns.saturating_sub(SECOND_NS).to_string(),
            ),
            (
                "end".into(),
                line.time_ns.saturating_add(SECOND_NS).to_string(),
            ),
            ("limit".into(), "1".into()),
        ];
        let response = match http::request(cx, &request).map_err(Error::from) {
            Ok(response) => response,
            Err(Error::Http(error)) => {
                return Ok(Queried::Failed {
                    status: None,
                    reason: error.to_string(),
                });
            }
            Err(other) => return Err(other),
        };
        let failed = |reason| Queried::Failed {
            status: Some(status(&response)),
            reason,
        };
        if !response.ok {
            return Ok(failed(words(&response)));
        }
        Ok(match serde_json::from_str::<Answer>(&response.body) {
            Ok(answer) => {
                let found = |stream: &Stream| stream.values.iter().any(|v| v.1 == line.text);
                if answer.data.result.iter().any(found) {
                    Queried::Found
                } else {
                    Queried::Nothing
                }
            }
            Err(error) => failed(format!("not an answer of Loki: {error}")),
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Streams,
}

#[derive(Deserialize)]
struct Streams {
    result: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    values: Vec<Entry>,
}

/// Time and line; newer versions put structured metadata behind them.
#[derive(Deserialize)]
#[serde(from = "Vec<serde_json::Value>")]
struct Entry(#[expect(dead_code, reason = "its place")] String, String);

impl From<Vec<serde_json::Value>> for Entry {
    fn from(parts: Vec<serde_json::Value>) -> Self {
        let text = |at: usize| {
            let part = parts.get(at).and_then(serde_json::Value::as_str);
            part.unwrap_or_default().to_owned()
        };
        Self(text(0), text(1))
    }
}

/// `{job="tradeops", probe="1f"}`.
fn selector(labels: &[(String, String)]) -> String {
    let matchers: Vec<_> = labels
        .iter()
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{name}=\"{}\"", value.replace('\n', "\\n"))
        })
        .collect();
    format!("{{{}}}", matchers.join(", "))
}

fn status(response: &Response) -> u16 {
    u16::try_from(response.status).unwrap_or(0)
}

/// What the server says, in one line.
fn words(response: &Response) -> String {
    let line: Vec<_> = response.body.split_whitespace().collect();
    let line = line.join(" ");
    let mut short: String = line.chars().take(WORDS).collect();
    if short.len() < line.len() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn selectors_quote_what_labels_hold() {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            selector(&[label("job", "tradeops"), label("x", "a\"b\\c\nd")]),
            r#"{job="tradeops", x="a\"b\\c\nd"}"#
        );
    }

    #[test]
    fn addresses() {
        for bad in [
            "loki:3100",
            "ftp://loki",
            "http://loki:3100/?a=b",
            "http://",
        ] {
            assert!(matches!(Server::new(bad), Err(Error::Invalid(_))), "{bad}");
        }
        let server = Server::new("http://proxy.example/loki-a/").unwrap();
        let request = server.request("POST", "push", Duration::from_secs(1));
        assert_eq!(request.url, "http://proxy.example/loki-a/loki/api/v1/push");
        assert_eq!(server.origin(), "proxy.example:80");
    }

    #[test]
    fn entries_may_carry_metadata() {
        for body in [
            r#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":[["1","x"]]}]}}"#,
            r#"{"data":{"result":[{"values":[["1","x",{"structuredMetadata":{}}]]}]}}"#,
        ] {
            let answer: Answer = serde_json::from_str(body).unwrap();
            assert_eq!(answer.data.result[0].values[0].1, "x");
        }
    }
}
