//! One GET of the API, and its body as what was asked for.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Error;
use crate::http::{self, Request};
use crate::run::Cx;

/// How much of a server's words is kept.
const WORDS: usize = 200;
/// The largest answer that is held.
const ANSWER_BYTES: u64 = 64 << 20;

/// Where an Alertmanager is.
#[derive(Debug, Clone)]
pub struct Server {
    base: url::Url,
    limit: Duration,
}

impl Server {
    /// An Alertmanager at `http://alertmanager:9093` (with a path prefix if it has one); how long a call may take.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what is no http or https URL, or has a query.
    pub fn new(url: &str, limit: Duration) -> Result<Self, Error> {
        let base = http::parse(url)?;
        if base.query().is_some() || base.fragment().is_some() {
            return Err(Error::Invalid(
                "the address of an Alertmanager has no query and no fragment".into(),
            ));
        }
        Ok(Self { base, limit })
    }

    pub(super) fn get<T: DeserializeOwned>(
        &self,
        cx: &Cx,
        endpoint: &'static str,
        query: Vec<(String, String)>,
    ) -> Result<T, Error> {
        let base = self.base.as_str().trim_end_matches('/');
        let mut request = Request::new("GET", format!("{base}/api/v2/{endpoint}"));
        request.query = query;
        request.timeout = self.limit;
        request.connect_timeout = request.connect_timeout.min(self.limit);
        request.body_limit = ANSWER_BYTES;
        let response = http::request(cx, &request)?;
        let server = http::origin(&self.base);
        let status = response.status;
        if matches!(status, 401 | 403) {
            let message = words(&response.body);
            return Err(Error::Refused {
                server,
                status,
                message,
            });
        }
        let failed = |message| Error::Failed {
            server,
            endpoint,
            status,
            message,
        };
        if !response.ok {
            return Err(failed(words(&response.body)));
        }
        serde_json::from_str(&response.body)
            .map_err(|error| failed(format!("not an answer of its API: {error}")))
    }
}

/// What the server says, in one line; its own errors are JSON strings.
fn words(body: &str) -> String {
    let text = serde_json::from_str::<String>(body).unwrap_or_else(|_| body.to_owned());
    let line: Vec<_> = text.split_whitespace().collect();
    line.join(" ").chars().take(WORDS).collect()
}
