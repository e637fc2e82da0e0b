//! Between scripts and the `prometheus` domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use rhai::Dynamic;
use serde::Serialize;

use super::super::{Answer, Args, Call, Failure, Kind, Time, connection};
use super::shapes::{ANSWER, QUANTILE};
use crate::http;
use crate::prometheus::api::{self, Data};
use crate::prometheus::{Basis, Error, Histogram, Page, ParseError, Quality, Selector};

/// The largest answer of a server that is held.
const ANSWER_BYTES: u64 = 64 << 20;

pub(super) fn page(a: &Args) -> Arc<Page> {
    page_of(a, "page")
}

pub(super) fn page_of(a: &Args, name: &str) -> Arc<Page> {
    a.handle(name)
}

/// The selector of `name` (which may be one already) and `labels`.
pub(super) fn selector(a: &Args) -> Result<Selector, Error> {
    let name = a.str("name");
    let mut selector = if name.contains('{') {
        name.parse()?
    } else {
        Selector::new(name)
    };
    for (label, condition) in a.str_map("labels") {
        selector = selector.and(&label, &condition)?;
    }
    Ok(selector)
}

pub(super) fn names(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

#[derive(Serialize)]
pub(super) struct FamilyLine<'p> {
    name: &'p str,
    #[serde(rename = "type")]
    kind: &'static str,
    help: Option<&'p str>,
    unit: Option<&'p str>,
    count: usize,
}

pub(super) fn families(page: &Page) -> Vec<FamilyLine<'_>> {
    page.families()
        .map(|family| FamilyLine {
            name: family.name(),
            kind: family.kind().word(),
            help: family.help(),
            unit: family.unit(),
            count: family.samples().len(),
        })
        .collect()
}

#[derive(Serialize)]
pub(super) struct QuantileLine<'h> {
    labels: &'h BTreeMap<String, String>,
    value: f64,
    lower: f64,
    upper: f64,
    count: f64,
    basis: Basis,
    quality: String,
    flags: Quality,
    series: usize,
    resets: usize,
}

pub(super) fn quantiles(all: &[Histogram], phi: f64) -> Vec<QuantileLine<'_>> {
    all.iter()
        .map(|histogram| {
            let quantile = histogram.quantile(phi);
            QuantileLine {
                labels: &histogram.labels,
                value: quantile.value,
                lower: quantile.lower,
                upper: quantile.upper,
                count: quantile.count,
                basis: quantile.basis,
                quality: quantile.quality.to_string(),
                flags: quantile.quality,
                series: histogram.series,
                resets: histogram.resets,
            }
        })
        .collect()
}

/// The one group there is when nothing is grouped by.
pub(super) fn single(lines: Vec<QuantileLine<'_>>) -> Answer {
    match lines.as_slice() {
        [line] => Ok(QUANTILE.record(line)),
        _ => Err(Failure::new(Kind::NotFound, "no series has buckets")),
    }
}

/// Unix seconds.
pub(super) fn seconds(time: Time) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of any calendar year are exact"
    )]
    let millis = time.0.timestamp_millis() as f64;
    millis / 1_000.0
}

/// RFC 3339; `None` for a time that no calendar has.
fn stamp(seconds: f64) -> Option<String> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and the calendar refuses"
    )]
    let millis = (seconds * 1_000.0).round() as i64;
    DateTime::<Utc>::from_timestamp_millis(millis)
        .map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// `prom/host:port`.
pub(super) fn server_target(a: &Args) -> String {
    connection::target("prom", a)
}

/// Asks a server for the values of a query.
pub(super) fn ask(call: &Call<'_>, url: String) -> Result<api::Answer, Failure> {
    fetch(call, url, api::decode)
}

/// Asks a server and reads its answer. A refusal has a body, too, so the status is not looked at first.
pub(super) fn fetch<T>(
    call: &Call<'_>,
    url: String,
    read: fn(&str) -> Result<T, Error>,
) -> Result<T, Failure> {
    let mut request = http::Request::new("GET", url);
    request.timeout = call.args().duration("timeout");
    request.body_limit = ANSWER_BYTES;
    let response = http::request(call.cx(), &request)?;
    match (response.status, read(&response.body)) {
        (401 | 403, Err(Error::BadAnswer { .. })) => Err(Failure::new(
            Kind::Refused,
            format!("the server refuses with status {}", response.status),
        )
        .status(response.status)),
        (_, answer) => answer.map_err(|error| Failure::from(error).status(response.status)),
    }
}

#[derive(Serialize)]
struct SeriesLine<'a> {
    labels: Option<&'a BTreeMap<String, String>>,
    time: Option<String>,
    value: Option<f64>,
    points: Vec<PointLine>,
}

#[derive(Serialize)]
struct PointLine {
    time: Option<String>,
    value: f64,
}

#[derive(Serialize)]
struct AnswerLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    series: Vec<SeriesLine<'a>>,
    text: Option<&'a str>,
    warnings: &'a [String],
    infos: &'a [String],
}

/// A server's answer as a record: every type of result has series, so that a script needs no branch.
pub(super) fn answer(answer: &api::Answer) -> Dynamic {
    let instant = |labels, time, value| SeriesLine {
        labels,
        time: stamp(time),
        value: Some(value),
        points: Vec::new(),
    };
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let (kind, series, text) = match &answer.data {
        Data::Vector(all) => {
            let lines = all
                .iter()
                .map(|s| instant(Some(&s.labels), s.time, s.value));
            ("vector", lines.collect(), None)
        }
        Data::Matrix(all) => {
            let lines = all.iter().map(|s| SeriesLine {
                labels: Some(&s.labels),
                time: None,
                value: None,
                points: s
                    .points
                    .iter()
                    .map(|p| PointLine {
                        time: stamp(p.time),
                        value: p.value,
                    })
                    .collect(),
            });
            ("matrix", lines.collect(), None)
        }
        Data::Scalar(point) => (
            "scalar",
            vec![instant(Some(&NONE), point.time, point.value)],
            None,
        ),
        Data::String(text) => ("string", Vec::new(), Some(text.value.as_str())),
    };
    ANSWER.record(&AnswerLine {
        kind,
        series,
        text,
        warnings: &answer.warnings,
        infos: &answer.infos,
    })
}

/// The one value of an answer.
pub(super) fn one_value(answer: &api::Answer) -> Result<f64, Failure> {
    match &answer.data {
        Data::Scalar(point) => Ok(point.value),
        Data::Vector(all) => match all.as_slice() {
            [one] => Ok(one.value),
            [] => Err(Failure::new(
                Kind::NotFound,
                "the server has no series for the query",
            )),
            all => Err(Failure::invalid(format!(
                "the query gives {} series where one value was asked for",
                all.len()
            ))
            .hint("add labels, or wrap it in `sum(...)` or `max(...)`")),
        },
        Data::Matrix(_) | Data::String(_) => Err(Failure::invalid(
            "the query gives no single value, but a range or text",
        )),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NoMetric { .. } | Error::NoSeries { .. } => Kind::NotFound,
            Error::Refused { error_type, .. } => match error_type.as_str() {
                "bad_data" => Kind::Invalid,
                "timeout" => Kind::Timeout,
                "unavailable" => Kind::Conflict,
                _ => Kind::Failed,
            },
            Error::BadAnswer { .. } => Kind::Failed,
            _ => Kind::Invalid,
        };
        let failure = Self::new(kind, error.to_string());
        let failure = match kind {
            Kind::Conflict => failure.retryable(true),
            _ => failure,
        };
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Error::from(error).into()
    }
}
