//! What a Prometheus server says of itself: its targets, its rules, its state. Which address to ask, and what the JSON
//! of the answer says; sending is someone else's.
//!
//! Shapes follow prometheus/prometheus `docs/querying/api.md`; fields that a version lacks are left out.

mod rules;
mod status;
mod targets;

pub use rules::{Rule, rules};
pub use status::{Alerting, Build, Runtime, Tsdb, alerting, build, runtime, tsdb};
pub use targets::{Target, targets};

use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Deserializer};

use super::api;
use super::error::Error;

/// The address of an endpoint: `url(base, "targets?state=active")`.
///
/// # Errors
///
/// [`Error::BadUrl`] for a base that is not http or https, or has a query of its own.
pub fn url(base: &str, endpoint: &str) -> Result<String, Error> {
    api::checked(base)?;
    Ok(format!("{}/api/v1/{endpoint}", base.trim_end_matches('/')))
}

/// The data of an answer.
fn data<T: for<'a> Deserialize<'a>>(body: &str) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Envelope<T> {
        status: String,
        data: Option<T>,
        #[serde(rename = "errorType")]
        error_type: Option<String>,
        error: Option<String>,
    }
    let envelope: Envelope<T> = api::json(body)?;
    match (envelope.status.as_str(), envelope.data) {
        ("success", Some(data)) => Ok(data),
        ("error", _) => Err(Error::Refused {
            error_type: envelope.error_type.unwrap_or_else(|| "unknown".into()),
            message: envelope.error.unwrap_or_default(),
        }),
        (status, _) => Err(Error::BadAnswer {
            line: 1,
            column: 1,
            message: format!("no `data` in an answer of status `{status}`"),
        }),
    }
}

/// A time, or `None` for Go's zero time, by which the server says "never".
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let time = Option::<DateTime<Utc>>::deserialize(deserializer)?;
    Ok(time.filter(|time| time.year() > 1))
}

/// A text, or `None` for an empty one, by which the server says "nothing".
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// Seconds as milliseconds, to the microsecond.
fn ms(seconds: f64) -> f64 {
    (seconds * 1_000_000.0).round() / 1_000.0
}

/// `"5s"`, `"1m30s"` as seconds, as the server writes durations.
fn seconds(text: Option<&str>) -> Option<f64> {
    Some(humantime::parse_duration(text?).ok()?.as_secs_f64())
}

#[cfg(test)]
mod tests;
