//! The query API of a Prometheus server (`/api/v1/query`, `/api/v1/query_range`): which address to ask, and what the
//! JSON of the answer says. Sending is someone else's; nothing here does input or output.
//!
//! Shapes follow prometheus/prometheus `docs/querying/api.md`. Values come as strings there (`"NaN"`, `"+Inf"`) and as
//! floats here; times are Unix seconds with a fraction, as the API has them.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::aggregate::Labels;
use super::error::Error;

/// More points per series than this the server refuses.
const MOST_POINTS: f64 = 11_000.0;

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    pub data: Data,
    /// What the server could not do fully: the data may be incomplete.
    pub warnings: Vec<String>,
    /// What the server thinks of the query, such as a rate of what is not a counter.
    pub infos: Vec<String>,
}

/// The data of an answer, by the query's type.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", content = "result", rename_all = "lowercase")]
pub enum Data {
    /// An instant query's series, each with one value. May be empty: that is an answer, not an error.
    Vector(Vec<InstantSeries>),
    /// A range query's series.
    Matrix(Vec<RangeSeries>),
    Scalar(Point),
    String(Text),
}

/// A series and its value at one time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstantSeries {
    /// With `__name__`, if the query kept it.
    pub labels: Labels,
    /// Unix seconds.
    pub time: f64,
    pub value: f64,
}

/// A series over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RangeSeries {
    /// With `__name__`, if the query kept it.
    pub labels: Labels,
    /// By ascending time; steps without data are left out.
    pub points: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Unix seconds.
    pub time: f64,
    pub value: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Text {
    /// Unix seconds.
    pub time: f64,
    pub value: String,
}

/// Reads the body of an answer. The HTTP status need not be looked at first: refusals (400, 422, 503) have a body, too.
///
/// # Errors
///
/// [`Error::Refused`] when the server says so, [`Error::BadAnswer`] when the body is not the API's (a proxy's page, a
/// cut body), [`Error::NativeHistogram`] when a series holds one.
pub fn decode(body: &str) -> Result<Answer, Error> {
    let envelope: Envelope<'_> = json(body)?;
    if envelope.status == "error" {
        return Err(Error::Refused {
            error_type: envelope.error_type.unwrap_or_else(|| "unknown".into()),
            message: envelope.error.unwrap_or_default(),
        });
    }
    let shape = |message: String| Error::BadAnswer {
        line: 1,
        column: 1,
        message,
    };
    if envelope.status != "success" {
        return Err(shape(format!("unknown status `{}`", envelope.status)));
    }
    let data = envelope
        .data
        .ok_or_else(|| shape("no `data` in a success".into()))?;
    let result = data.result.get();
    let data = match data.result_type.as_str() {
        "vector" => Data::Vector(series(result, body, |raw: RawSeries| {
            let RawPoint(time, Number(value)) = raw.value.ok_or(raw.histogram.is_some())?;
            Ok(InstantSeries {
                labels: raw.metric,
                time,
                value,
            })
        })?),
        "matrix" => Data::Matrix(series(result, body, |raw: RawSeries| {
            if raw.histograms.is_some() {
                return Err(true);
            }
            let point = |RawPoint(time, Number(value))| Point { time, value };
            Ok(RangeSeries {
                labels: raw.metric,
                points: raw.values.ok_or(false)?.into_iter().map(point).collect(),
            })
        })?),
        "scalar" => {
            let RawPoint(time, Number(value)) =
                json(result).map_err(|error| within(body, result, error))?;
            Data::Scalar(Point { time, value })
        }
        "string" => {
            let (time, value) = json(result).map_err(|error| within(body, result, error))?;
            Data::String(Text { time, value })
        }
        other => return Err(shape(format!("unknown result type `{other}`"))),
    };
    Ok(Answer {
        data,
        warnings: envelope.warnings,
        infos: envelope.infos,
    })
}

/// The address of an instant query. `time` is Unix seconds, the server's now if none; `base` is the server's address,
/// with its path prefix if it has one.
///
/// # Errors
///
/// [`Error::BadUrl`] for a base that is not http or https or has a query of its own, [`Error::BadTime`] for a time that
/// is not finite.
pub fn instant_url(base: &str, query: &str, time: Option<f64>) -> Result<String, Error> {
    let mut url = endpoint(base, "query", query)?;
    if let Some(time) = time {
        let _ = write!(url, "&time={}", finite("time", time)?);
    }
    Ok(url)
}

/// The address of a range query. `start` and `end` are Unix seconds, both inclusive; `step` is seconds.
///
/// # Errors
///
/// As [`instant_url`], and [`Error::BadTime`] for an end before the start, a step that is not greater than 0, or more
/// than 11,000 points, which the server would refuse.
pub fn range_url(
    base: &str,
    query: &str,
    start: f64,
    end: f64,
    step: f64,
) -> Result<String, Error> {
    let mut url = endpoint(base, "query_range", query)?;
    let bad = |message: &str| {
        Err(Error::BadTime {
            message: message.to_owned(),
        })
    };
    if finite("end", end)? < finite("start", start)? {
        return bad("the end is before the start");
    }
    if finite("step", step)? <= 0.0 {
        return bad("the step must be greater than 0 seconds");
    }
    if ((end - start) / step).floor() > MOST_POINTS {
        return bad("more than 11000 points a series: take a larger step or a shorter range");
    }
    let _ = write!(url, "&start={start}&end={end}&step={step}");
    Ok(url)
}

fn finite(what: &str, value: f64) -> Result<f64, Error> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::BadTime {
            message: format!("{what} is {value}"),
        })
    }
}

/// Whether `base` can be a server's address.
pub(super) fn checked(base: &str) -> Result<(), Error> {
    let bad = |message: &str| Error::BadUrl {
        url: base.to_owned(),
        message: message.to_owned(),
    };
    let rest = base
        .strip_prefix("http://")
        .or_else(|| base.strip_prefix("https://"));
    match rest {
        None => Err(bad("it must begin with `http://` or `https://`")),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Err(bad("it names no host")),
        Some(rest) if rest.contains(['?', '#']) => {
            Err(bad("it must not have a query or a fragment"))
        }
        Some(rest) if rest.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Err(bad("it must not have blanks"))
        }
        Some(_) => Ok(()),
    }
}

fn endpoint(base: &str, name: &str, query: &str) -> Result<String, Error> {
    checked(base)?;
    let mut url = format!("{}/api/v1/{name}?query=", base.trim_end_matches('/'));
    for byte in query.bytes() {
        // RFC 3986's unreserved characters; everything else is safe only when escaped.
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(byte as char);
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    Ok(url)
}

#[derive(Deserialize)]
struct Envelope<'a> {
    status: String,
    #[serde(borrow)]
    data: Option<RawData<'a>>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
struct RawData<'a> {
    #[serde(rename = "resultType")]
    result_type: String,
    /// Its shape depends on the type, which may come after it.
    #[serde(borrow)]
    result: &'a serde_json::value::RawValue,
}

#[derive(Deserialize)]
struct RawSeries {
    #[serde(default)]
    metric: Labels,
    value: Option<RawPoint>,
    values: Option<Vec<RawPoint>>,
    histogram: Option<serde::de::IgnoredAny>,
    histograms: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct RawPoint(f64, Number);

/// A float as the API writes it: in a string.
#[derive(Deserialize)]
#[serde(try_from = "std::borrow::Cow<'_, str>")]
struct Number(f64);

impl TryFrom<std::borrow::Cow<'_, str>> for Number {
    type Error = super::error::Fault;

    fn try_from(text: std::borrow::Cow<'_, str>) -> Result<Self, Self::Error> {
        super::number::float(text.as_bytes()).map(Self)
    }
}

pub(super) fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::BadAnswer {
        line: error.line(),
        column: error.column(),
        // The place stands in our own words.
        message: error
            .to_string()
            .split(" at line ")
            .next()
            .unwrap_or_default()
            .to_owned(),
    })
}

/// The series of a result. The reader of one answers whether it is a native histogram that kept it from its value.
fn series<T>(
    result: &str,
    body: &str,
    read: impl Fn(RawSeries) -> Result<T, bool>,
) -> Result<Vec<T>, Error> {
    let raw: Vec<RawSeries> = json(result).map_err(|error| within(body, result, error))?;
    let read = raw.into_iter().map(|raw| {
        read(raw).map_err(|native| {
            let message = "a series without a value".to_owned();
            if native {
                Error::NativeHistogram
            } else {
                Error::BadAnswer {
                    line: 1,
                    column: 1,
                    message,
                }
            }
        })
    });
    read.collect()
}

/// An error's place in the whole body, when it was found in a part of it.
fn within(body: &str, part: &str, error: Error) -> Error {
    let Error::BadAnswer {
        line,
        column,
        message,
    } = error
    else {
        return error;
    };
    // The part is borrowed from the body, so its address gives its place.
    let offset = (part.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    let before = body.get(..offset).unwrap_or_default();
    let last_line = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
    let column = if line <= 1 {
        column + last_line
    } else {
        column
    };
    Error::BadAnswer {
        line: line + before.matches('\n').count(),
        column,
        message,
    }
}

#[cfg(test)]
mod tests;
