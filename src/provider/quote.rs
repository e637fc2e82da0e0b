//! One quote through the ingestion API: `POST /market-data/quote/{symbol}`.
//!
//! The API's own method is a stub in some releases: it finds nothing, means to say 404, and says 500. So a 500 tells
//! nothing of the provider behind it, and is an answer of its own here.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::Error;
use crate::http::{self, RateLimit, Request};
use crate::run::Cx;

/// What the API made of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A quote.
    Quote,
    /// It knows no quote of this symbol: 404, or a body without one.
    Nothing,
    /// 429: asked too often.
    Limited,
    /// 401 or 403.
    Refused,
    /// 502, 503 or 504: the API says that what stands behind it does not answer.
    Upstream,
    /// 500: the API itself failed, which tells nothing of the provider.
    Failed,
    /// Any other status.
    Other,
}

/// A quote, or why there is none.
#[derive(Debug, Clone, Serialize)]
pub struct Quote {
    /// What came back.
    pub answer: Answer,
    /// The HTTP status.
    pub status: i64,
    /// What the API says about it, if it says something.
    pub detail: String,
    /// The symbol that the quote is of.
    pub symbol: Option<String>,
    /// When it was made.
    pub at: Option<DateTime<Utc>>,
    /// How long ago that is; below zero when it comes from the future.
    pub age_seconds: Option<f64>,
    /// First price of its period.
    pub open: Option<f64>,
    /// Highest price.
    pub high: Option<f64>,
    /// Lowest price.
    pub low: Option<f64>,
    /// Last price.
    pub close: Option<f64>,
    /// Traded.
    pub volume: Option<f64>,
    /// Which provider it is from.
    pub source: Option<String>,
    /// Whether the API's own validation found it valid, if it says.
    pub valid: Option<bool>,
    /// What that validation found wrong.
    pub issues: Vec<String>,
    /// What the answer says of limits.
    pub rate_limit: RateLimit,
    /// How long it took.
    pub ms: f64,
}

/// The address that is asked for a symbol. The base is a scheme, a host and a port, nothing more, and the symbol is one
/// part of a path: so no base and no symbol lead anywhere else.
pub fn route(base: &str, symbol: &str) -> Result<Url, Error> {
    let wrong = || Error::BadAddress(base.to_owned());
    let mut url = http::parse(base).map_err(|_| wrong())?;
    let bare = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare {
        return Err(Error::BadAddress(http::shown(&url)));
    }
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '^' | ':');
    let dots = symbol.chars().all(|c| c == '.');
    if dots || symbol.len() > 32 || !symbol.chars().all(fine) {
        return Err(Error::BadSymbol(symbol.chars().take(40).collect()));
    }
    url.set_path(&format!("/market-data/quote/{}", http::encode(symbol)));
    Ok(url)
}

/// Asks for one quote, once, following no redirect.
pub fn quote(cx: &Cx, base: &str, symbol: &str, timeout: Duration) -> Result<Quote, Error> {
    let url = route(base, symbol)?;
    let request = Request {
        timeout,
        connect_timeout: timeout,
        body_limit: 1 << 20,
        ..Request::new("POST", url.as_str())
    };
    let response = http::request(cx, &request).map_err(|error| match error {
        // A POST by its method, a question by its nature: that no answer came leaves nothing in doubt.
        http::Error::Unknown(last) => *last,
        error => error,
    })?;
    let limit = http::rate_limit(response.status, &response.headers, cx.now());
    let body = serde_json::from_str::<Value>(&response.body);
    let detail = body
        .as_ref()
        .ok()
        .and_then(|body| body["detail"].as_str().map(str::to_owned));
    let mut quote = Quote {
        answer: answer_of(response.status),
        status: response.status,
        detail: detail.unwrap_or_default(),
        symbol: None,
        at: None,
        age_seconds: None,
        open: None,
        high: None,
        low: None,
        close: None,
        volume: None,
        source: None,
        valid: None,
        issues: Vec::new(),
        rate_limit: limit,
        ms: response.ms,
    };
    if quote.answer == Answer::Quote {
        let body = body.map_err(|error| Error::Unreadable {
            symbol: symbol.to_owned(),
            why: error.to_string(),
        })?;
        fill(&mut quote, symbol, &body, cx.now())?;
    }
    Ok(quote)
}

fn answer_of(status: i64) -> Answer {
    match status {
        200..=299 => Answer::Quote,
        404 => Answer::Nothing,
        429 => Answer::Limited,
        401 | 403 => Answer::Refused,
        500 => Answer::Failed,
        502..=504 => Answer::Upstream,
        _ => Answer::Other,
    }
}

/// Reads the body of a 2xx.
fn fill(quote: &mut Quote, asked: &str, body: &Value, now: DateTime<Utc>) -> Result<(), Error> {
    let data = &body["data"];
    if data.is_null() {
        quote.answer = Answer::Nothing;
        return Ok(());
    }
    if !data.is_object() {
        return Err(Error::Unreadable {
            symbol: asked.to_owned(),
            why: "`data` is no object".into(),
        });
    }
    // Prices come as numbers or as text.
    let number = |name: &str| match &data[name] {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    let text = |name: &str| data[name].as_str().map(str::to_owned);
    quote.symbol = text("symbol");
    quote.at = data.get("timestamp").and_then(instant);
    #[expect(clippy::cast_precision_loss, reason = "an age in seconds")]
    let age = quote
        .at
        .map(|at| (now - at).num_milliseconds() as f64 / 1000.0);
    quote.age_seconds = age;
    quote.open = number("open");
    quote.high = number("high");
    quote.low = number("low");
    quote.close = number("close");
    quote.volume = number("volume");
    quote.source = text("source");
    quote.valid = body["validation"]["valid"].as_bool();
    let issues = body["validation"]["issues"].as_array();
    quote.issues = issues
        .into_iter()
        .flatten()
        .map(|issue| {
            issue
                .as_str()
                .map_or_else(|| issue.to_string(), str::to_owned)
        })
        .collect();
    Ok(())
}

/// A time as services write it: RFC 3339, without a zone (then UTC), or seconds or milliseconds since 1970.
fn instant(value: &Value) -> Option<DateTime<Utc>> {
    if let Some(number) = value.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        let millis = if number > 100_000_000_000.0 {
            number as i64
        } else {
            (number * 1000.0) as i64
        };
        return DateTime::from_timestamp_millis(millis);
    }
    let text = value.as_str()?.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&Utc));
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;
    use serde_json::json;

    #[test]
    fn neither_base_nor_symbol_leads_elsewhere() {
        let url = route("http://127.0.0.1:8002/", "BRK.B").unwrap();
        assert_eq!(
            url.as_str(),
            "http://127.0.0.1:8002/market-data/quote/BRK.B"
        );
        for base in [
            "http://127.0.0.1:8002/backfill/run",
            "http://127.0.0.1:8002?x=1",
            "http://127.0.0.1:8002/#x",
            "http://user:word@127.0.0.1:8002",
            "ftp://127.0.0.1",
            "127.0.0.1:8002",
            "",
        ] {
            let error = route(base, "AAPL").unwrap_err();
            assert!(matches!(error, Error::BadAddress(_)), "{base}: {error}");
            assert!(!error.to_string().contains("user:word"), "{error}");
        }
        for symbol in [
            "",
            ".",
            "..",
            "A/B",
            "A%2fB",
            "A?x",
            "A B",
            "Ä",
            &"A".repeat(33),
        ] {
            let error = route("http://127.0.0.1:8002", symbol).unwrap_err();
            assert!(matches!(error, Error::BadSymbol(_)), "{symbol}");
        }
    }

    #[test]
    fn times_as_services_write_them() {
        let want: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        for value in [
            json!("2026-11-24T12:00:00Z"),
            json!("2026-11-24T13:00:00+01:00"),
            json!("2026-11-24T12:00:00"),
            json!("2026-11-24 12:00:00.000"),
            json!(1_795_521_600),
            json!(1_795_521_600_000_i64),
        ] {
            assert_eq!(instant(&value), Some(want), "{value}");
        }
        for value in [json!(null), json!("now"), json!({}), json!("")] {
            assert_eq!(instant(&value), None, "{value}");
        }
    }

    #[test]
    fn bodies() {
        let read = |body: Value| {
            let headers = std::collections::BTreeMap::new();
            let now = "2026-11-24T12:01:00Z".parse().unwrap();
            let mut quote = Quote {
                answer: Answer::Quote,
                status: 200,
                detail: String::new(),
                symbol: None,
                at: None,
                age_seconds: None,
                open: None,
                high: None,
                low: None,
                close: None,
                volume: None,
                source: None,
                valid: None,
                issues: Vec::new(),
                rate_limit: http::rate_limit(200, &headers, now),
                ms: 0.0,
            };
            fill(&mut quote, "A", &body, now).map(|()| quote)
        };
        let quote = read(json!({
            "data": {"symbol": "A", "timestamp": "2026-11-24T12:00:00Z", "close": "1.5", "high": 2},
            "validation": {"valid": false, "issues": ["old", {"code": 1}]}
        }))
        .unwrap();
        assert_eq!(
            (quote.close, quote.high, quote.age_seconds, quote.valid),
            (Some(1.5), Some(2.0), Some(60.0), Some(false))
        );
        assert_eq!(quote.issues, ["old", "{\"code\":1}"]);
        assert_eq!(read(json!({"data": null})).unwrap().answer, Answer::Nothing);
        assert_eq!(read(json!([])).unwrap().answer, Answer::Nothing);
        assert!(read(json!({"data": [1]})).is_err());
    }
}
