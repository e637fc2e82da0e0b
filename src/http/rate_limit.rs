//! How much a server still lets one ask, as its response says: `X-RateLimit-*`, `RateLimit-*`, the newer `RateLimit`
//! field in both of its drafts, and `Retry-After`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::retry::retry_after;

/// What a response says of the limit on requests. What it does not say is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateLimit {
    /// Whether this response is a refusal for that reason: status 429.
    pub limited: bool,
    /// Requests within one period.
    pub limit: Option<i64>,
    /// Requests that are left of them.
    pub remaining: Option<i64>,
    /// `remaining` of `limit`, in percent.
    pub left_percent: Option<f64>,
    /// Until the period ends.
    pub resets_in_seconds: Option<f64>,
    /// How long the server asks to wait.
    pub retry_after_seconds: Option<f64>,
}

/// Numbers up to here are seconds from now, above an instant in seconds since 1970: no period is ten years long.
const LONGEST_PERIOD: f64 = 315_360_000.0;
/// Numbers above are milliseconds since 1970.
const MILLISECONDS: f64 = 100_000_000_000.0;

/// Reads the headers of a response; names in lower case. What makes no sense is taken as not said.
pub fn rate_limit(
    status: i64,
    headers: &BTreeMap<String, String>,
    now: DateTime<Utc>,
) -> RateLimit {
    let named = |name: &str| {
        ["x-ratelimit-", "x-rate-limit-", "ratelimit-"]
            .iter()
            .find_map(|family| headers.get(&format!("{family}{name}")))
            .map(String::as_str)
    };
    let fields = headers.get("ratelimit").map(String::as_str);
    let policy = headers.get("ratelimit-policy").map(String::as_str);
    let limit = named("limit")
        .and_then(count)
        .or_else(|| count(parameter(fields?, &["limit", "q"])?))
        .or_else(|| count(parameter(policy?, &["q"])?));
    let remaining = named("remaining")
        .and_then(count)
        .or_else(|| count(parameter(fields?, &["remaining", "r"])?));
    let reset = named("reset")
        .and_then(|text| until(text, now))
        .or_else(|| until(parameter(fields?, &["reset", "t"])?, now));
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let left_percent = limit
        .zip(remaining)
        .filter(|(limit, _)| *limit > 0)
        .map(|(limit, left)| (left as f64 / limit as f64 * 100.0).min(100.0));
    RateLimit {
        limited: status == 429,
        limit,
        remaining,
        left_percent,
        resets_in_seconds: reset,
        retry_after_seconds: headers
            .get("retry-after")
            .and_then(|text| retry_after(text, now))
            .map(|wait| wait.as_secs_f64()),
    }
}

/// A count; of a list, such as `100, 100;w=60` or two lines joined, the first.
fn count(text: &str) -> Option<i64> {
    let first = text.split([',', ';']).next()?.trim();
    first
        .parse::<i64>()
        .ok()
        .or_else(|| whole(first.parse().ok()?))
        .filter(|count| *count >= 0)
}

/// Some send counts as `300.0`.
#[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

/// Seconds from now: the text is a count of them, an instant since 1970 in seconds or milliseconds, or a date.
fn until(text: &str, now: DateTime<Utc>) -> Option<f64> {
    let text = text.split(';').next()?.trim();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let now_seconds = now.timestamp_millis() as f64 / 1000.0;
    let Ok(number) = text.parse::<f64>() else {
        let at = DateTime::parse_from_rfc3339(text)
            .map(|at| at.with_timezone(&Utc))
            .ok()
            .or_else(|| Some(DateTime::from(httpdate::parse_http_date(text).ok()?)))?;
        #[expect(clippy::cast_precision_loss, reason = "no period is that long")]
        let seconds = (at - now).num_milliseconds() as f64 / 1000.0;
        return Some(seconds.max(0.0));
    };
    let seconds = match number {
        n if !n.is_finite() || n < 0.0 => return None,
        n if n > MILLISECONDS => n / 1000.0 - now_seconds,
        n if n > LONGEST_PERIOD => n - now_seconds,
        n => n,
    };
    Some(seconds.max(0.0))
}

/// `limit=100, remaining=50, reset=5` and `"default";r=50;t=30`: the first parameter of one of these names.
fn parameter<'a>(text: &'a str, names: &[&str]) -> Option<&'a str> {
    text.split([',', ';']).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        names
            .contains(&name.trim().to_ascii_lowercase().as_str())
            .then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    type Said = (Option<i64>, Option<i64>, Option<f64>, Option<f64>);

    fn read(headers: &[(&str, &str)]) -> Said {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        let said = rate_limit(200, &headers, now);
        assert!(!said.limited);
        (
            said.limit,
            said.remaining,
            said.resets_in_seconds,
            said.retry_after_seconds,
        )
    }

    #[test]
    fn every_spelling() {
        let all: Said = (Some(100), Some(25), Some(30.0), None);
        for headers in [
            [
                ("x-ratelimit-limit", "100"),
                ("x-ratelimit-remaining", "25"),
                ("x-ratelimit-reset", "30"),
            ],
            [
                ("x-rate-limit-limit", "100"),
                ("x-rate-limit-remaining", "25"),
                ("x-rate-limit-reset", "1795521630"),
            ],
            [
                ("ratelimit-limit", "100, 100;w=60"),
                ("ratelimit-remaining", "25"),
                ("ratelimit-reset", "30"),
            ],
            [
                ("x-ratelimit-limit", "100.0"),
                ("x-ratelimit-remaining", " 25 "),
                ("x-ratelimit-reset", "1795521630000"),
            ],
            [
                ("x-ratelimit-limit", "100"),
                ("x-ratelimit-remaining", "25"),
                ("x-ratelimit-reset", "2026-11-24T12:00:30Z"),
            ],
            [
                ("ratelimit", "limit=100, remaining=25, reset=30"),
                ("a", ""),
                ("b", ""),
            ],
            [
                ("ratelimit", "\"default\";r=25;t=30"),
                ("ratelimit-policy", "\"default\";q=100;w=60"),
                ("b", ""),
            ],
        ] {
            assert_eq!(read(&headers), all, "{headers:?}");
        }
        assert_eq!(
            read(&[("retry-after", "Tue, 24 Nov 2026 12:01:00 GMT")]).3,
            Some(60.0)
        );
    }

    #[test]
    fn nonsense_is_not_said() {
        let nothing: Said = (None, None, None, None);
        for value in ["", "many", "-1", "NaN", "inf", "1e400", ",", ";=", "="] {
            let headers = [
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
                "ratelimit",
                "retry-after",
            ]
            .map(|name| (name, value));
            assert_eq!(read(&headers), nothing, "{value}");
        }
    }

    #[test]
    fn a_limit_of_nothing_has_no_share() {
        let headers = [("x-ratelimit-limit", "0"), ("x-ratelimit-remaining", "0")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        let said = rate_limit(429, &headers.into(), DateTime::UNIX_EPOCH);
        assert!(said.limited);
        assert_eq!(said.left_percent, None);
    }
}
