//! How a service is asked to fill a range, and how its reply is read. What is said here comes from the script.

use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Error;

/// One route of the ingestion service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Requests to the same provider share its pace.
    pub provider: String,
    /// `POST`.
    pub method: String,
    /// `/market-data/historical/{symbol}`.
    pub path: String,
    /// Added to the URL.
    #[serde(default)]
    pub query: Map<String, Value>,
    /// The body; `None`: none.
    #[serde(default)]
    pub json: Option<Value>,
    /// Fields of the reply that say how many rows it has or stored; the first that is there counts.
    pub count: Vec<String>,
    /// Seconds that a whole answer may take.
    pub timeout_seconds: f64,
    /// Seconds for each due day on top of that.
    #[serde(default)]
    pub seconds_per_day: f64,
    /// Seconds in which rows must come when the reply says only that a job was accepted.
    pub accepted_seconds: f64,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// The method.
    pub method: String,
    /// Path, without a host.
    pub path: String,
    /// Query.
    pub query: Vec<(String, String)>,
    /// JSON.
    pub body: Option<String>,
    /// How long a whole answer may take.
    pub timeout: Duration,
}

/// What a reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Rows; `None`: it does not say.
    pub rows: Option<i64>,
    /// A job was accepted, and nothing is done yet.
    pub accepted: bool,
}

impl Endpoint {
    /// The request for a range of a symbol.
    pub fn fill(&self, symbol: &str, from: NaiveDate, to: NaiveDate) -> Result<Filled, Error> {
        let text = |template: &str| fill(template, symbol, from, to);
        let query = self.query.iter().map(|(name, value)| {
            let value = match value {
                Value::String(template) => text(template)?,
                other => other.to_string(),
            };
            Ok((name.clone(), value))
        });
        let json = self.json.as_ref().map(|json| inside(json, &text));
        let days = (to - from).num_days() + 1;
        let seconds = self.timeout_seconds + self.seconds_per_day * days as f64;
        Ok(Filled {
            method: self.method.clone(),
            // A symbol is one step of the path, whatever is in it.
            path: fill(&self.path, &crate::http::encode(symbol), from, to)?,
            query: query.collect::<Result<_, Error>>()?,
            body: json.transpose()?.map(|json| json.to_string()),
            timeout: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(60)),
        })
    }

    /// Reads a reply of status 2xx; `Err`: it is not what such a service says.
    pub fn read(&self, body: &str) -> Result<Said, String> {
        let reply: Value = serde_json::from_str(body)
            .map_err(|error| format!("its answer is no JSON: {error}"))?;
        let number = |name: &String| {
            let field = reply.get(name)?;
            field
                .as_i64()
                .or_else(|| Some(field.as_array()?.len() as i64))
        };
        let status = reply
            .get("status")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match status {
            "error" | "failed" | "disabled" => Err(format!(
                "it says `{status}`{}",
                reply
                    .get("error")
                    .or_else(|| reply.get("detail"))
                    .and_then(Value::as_str)
                    .map(|why| format!(": {why}"))
                    .unwrap_or_default()
            )),
            _ => Ok(Said {
                rows: self.count.iter().find_map(number),
                accepted: matches!(status, "accepted" | "scheduled" | "queued" | "started"),
            }),
        }
    }
}

fn inside(value: &Value, text: &impl Fn(&str) -> Result<String, Error>) -> Result<Value, Error> {
    Ok(match value {
        Value::String(template) => Value::String(text(template)?),
        Value::Array(items) => items
            .iter()
            .map(|item| inside(item, text))
            .collect::<Result<_, _>>()?,
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, item)| Ok((name.clone(), inside(item, text)?)))
                .collect::<Result<_, Error>>()?,
        ),
        other => other.clone(),
    })
}

/// `{symbol}`, `{from}`, `{to}`, and the days with an offset: `{from-7d}`, `{to+60d}`.
fn fill(template: &str, symbol: &str, from: NaiveDate, to: NaiveDate) -> Result<String, Error> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        let wrong = || {
            Error::Invalid(format!(
                "`{template}`: between braces stands `symbol`, `from`, `to`, or a day with an offset, `to+60d`"
            ))
        };
        let (name, after) = behind.split_once('}').ok_or_else(wrong)?;
        filled += before;
        filled += &match name {
            "symbol" => symbol.to_owned(),
            _ => day(name, from, to).ok_or_else(wrong)?.to_string(),
        };
        rest = after;
    }
    Ok(filled + rest)
}

fn day(name: &str, from: NaiveDate, to: NaiveDate) -> Option<NaiveDate> {
    let (date, offset) = match (name.strip_prefix("from"), name.strip_prefix("to")) {
        (Some(offset), _) => (from, offset),
        (_, Some(offset)) => (to, offset),
        _ => return None,
    };
    if offset.is_empty() {
        return Some(date);
    }
    let days: i64 = offset.strip_suffix('d')?.parse().ok()?;
    offset.starts_with(['+', '-']).then_some(())?;
    date.checked_add_signed(TimeDelta::try_days(days)?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn endpoint(json: Value) -> Endpoint {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn templates_are_filled_in_path_query_and_body() {
        let e = endpoint(serde_json::json!({
            "provider": "p", "method": "POST", "path": "/chain/{symbol}",
            "query": {"start": "{from}", "start_expiry": "{from-7d}", "end_expiry": "{to+60d}", "max": 300},
            "json": {"symbols": ["{symbol}"], "days": 14},
            "count": ["bars"], "timeout_seconds": 30.0, "seconds_per_day": 0.5, "accepted_seconds": 60.0,
        }));
        let day = |text: &str| text.parse().unwrap();
        let filled = e
            .fill("BRK/B", day("2024-08-10"), day("2024-09-10"))
            .unwrap();
        assert_eq!(filled.path, "/chain/BRK%2FB");
        let query: Vec<_> = filled
            .query
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        assert_eq!(
            query,
            [
                "start=2024-08-10",
                "start_expiry=2024-08-03",
                "end_expiry=2024-11-09",
                "max=300"
            ]
        );
        assert_eq!(
            filled.body.as_deref(),
            Some(r#"{"symbols":["BRK/B"],"days":14}"#)
        );
        assert_eq!(filled.timeout, Duration::from_secs(46));
        for wrong in [
            "{",
            "{symbols}",
            "{to+60}",
            "{to60d}",
            "{from+99999999999999d}",
        ] {
            let day = day("2024-01-01");
            assert!(fill(wrong, "A", day, day).is_err(), "{wrong}");
        }
    }

    #[test]
    fn replies_say_rows_or_that_a_job_was_accepted() {
        let e = endpoint(serde_json::json!({
            "provider": "p", "method": "POST", "path": "/", "count": ["persisted_count", "data"],
            "timeout_seconds": 1.0, "accepted_seconds": 1.0,
        }));
        let said = |text: &str| e.read(text);
        let rows = |rows, accepted| Ok(Said { rows, accepted });
        assert_eq!(
            said(r#"{"persisted_count": 7, "data": [1]}"#),
            rows(Some(7), false)
        );
        assert_eq!(said(r#"{"data": [1, 2]}"#), rows(Some(2), false));
        assert_eq!(
            said(r#"{"status": "accepted", "job_id": "x"}"#),
            rows(None, true)
        );
        assert_eq!(said("{}"), rows(None, false));
        assert!(said("<html>").is_err());
        let failed = said(r#"{"status": "error", "error": "no key"}"#);
        assert_eq!(failed.unwrap_err(), "it says `error`: no key");
    }
}
