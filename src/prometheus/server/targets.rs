//! `/api/v1/targets`: what the server scrapes, and how the last scrape went.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::aggregate::Labels;
use super::super::error::Error;

/// An active target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// The label `job`.
    pub job: String,
    /// The label `instance`.
    pub instance: String,
    /// What is scraped.
    pub url: String,
    /// `up`, `down`, or `unknown` before the first scrape.
    pub health: String,
    /// Why the last scrape failed.
    pub error: Option<String>,
    /// `None` before the first.
    pub last_scrape: Option<DateTime<Utc>>,
    /// How long the last scrape took.
    pub scrape_ms: f64,
    /// Between two scrapes; older servers do not say.
    pub interval_seconds: Option<f64>,
    /// Which part of the configuration it comes from.
    pub pool: String,
    /// As they stand on its series.
    pub labels: Labels,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    scrape_pool: String,
    scrape_url: String,
    #[serde(default, deserialize_with = "super::text")]
    last_error: Option<String>,
    #[serde(default, deserialize_with = "super::time")]
    last_scrape: Option<DateTime<Utc>>,
    #[serde(default)]
    last_scrape_duration: f64,
    health: String,
    scrape_interval: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Active {
    active_targets: Vec<Raw>,
}

/// Reads the body of `targets?state=active`.
///
/// # Errors
///
/// [`Error::Refused`] when the server says so, [`Error::BadAnswer`] when the body is not the API's.
pub fn targets(body: &str) -> Result<Vec<Target>, Error> {
    let active: Active = super::data(body)?;
    let target = |raw: Raw| {
        let label = |name| raw.labels.get(name).cloned().unwrap_or_default();
        Target {
            job: label("job"),
            instance: label("instance"),
            url: raw.scrape_url,
            health: raw.health,
            error: raw.last_error,
            last_scrape: raw.last_scrape,
            scrape_ms: super::ms(raw.last_scrape_duration),
            interval_seconds: super::seconds(raw.scrape_interval.as_deref()),
            pool: raw.scrape_pool,
            labels: raw.labels,
        }
    };
    Ok(active.active_targets.into_iter().map(target).collect())
}
