//! `/api/v1/status/...` and `/api/v1/alertmanagers`: the server's version, configuration, store, and where it sends its
//! alerts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::error::Error;

/// `status/runtimeinfo`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Runtime {
    /// When it started.
    #[serde(rename(deserialize = "startTime"), deserialize_with = "super::time")]
    pub started_at: Option<DateTime<Utc>>,
    /// Whether the last reading of its configuration succeeded; else it runs on the one before.
    #[serde(rename(deserialize = "reloadConfigSuccess"))]
    pub config_loaded: bool,
    /// When its configuration was last read successfully.
    #[serde(
        rename(deserialize = "lastConfigTime"),
        deserialize_with = "super::time"
    )]
    pub config_loaded_at: Option<DateTime<Utc>>,
    /// Corruptions of the write-ahead log since its start.
    #[serde(rename(deserialize = "corruptionCount"))]
    pub wal_corruptions: i64,
    /// How long it keeps samples, in its own words: `15d`.
    #[serde(rename(deserialize = "storageRetention"), default)]
    pub retention: String,
}

/// `status/tsdb`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tsdb {
    /// Series in memory; `None` from servers before 2.21.
    pub head_series: Option<i64>,
    /// Chunks in memory.
    pub head_chunks: Option<i64>,
    /// The newest sample.
    pub newest_sample: Option<DateTime<Utc>>,
}

/// `status/buildinfo`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Build {
    /// `2.53.2`.
    pub version: String,
}

/// `alertmanagers`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alerting {
    /// Where alerts are sent.
    pub alertmanagers: Vec<String>,
}

/// Reads the body of `status/runtimeinfo`.
///
/// # Errors
///
/// [`Error::Refused`] when the server says so, [`Error::BadAnswer`] when the body is not the API's.
pub fn runtime(body: &str) -> Result<Runtime, Error> {
    super::data(body)
}

/// Reads the body of `status/buildinfo`.
///
/// # Errors
///
/// As [`runtime`].
pub fn build(body: &str) -> Result<Build, Error> {
    super::data(body)
}

/// Reads the body of `status/tsdb`.
///
/// # Errors
///
/// As [`runtime`].
pub fn tsdb(body: &str) -> Result<Tsdb, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        head_stats: Option<Head>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        num_series: i64,
        chunk_count: Option<i64>,
        max_time: Option<i64>,
    }
    let data: Data = super::data(body)?;
    let head = data.head_stats;
    Ok(Tsdb {
        head_series: head.as_ref().map(|h| h.num_series),
        head_chunks: head.as_ref().and_then(|h| h.chunk_count),
        // A head without samples has the smallest number there is.
        newest_sample: head
            .and_then(|h| h.max_time)
            .filter(|ms| *ms > 0)
            .and_then(DateTime::from_timestamp_millis),
    })
}

/// Reads the body of `alertmanagers`.
///
/// # Errors
///
/// As [`runtime`].
pub fn alerting(body: &str) -> Result<Alerting, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        #[serde(default)]
        active_alertmanagers: Vec<Address>,
    }
    #[derive(Deserialize)]
    struct Address {
        url: String,
    }
    let data: Data = super::data(body)?;
    Ok(Alerting {
        alertmanagers: data
            .active_alertmanagers
            .into_iter()
            .map(|a| a.url)
            .collect(),
    })
}
