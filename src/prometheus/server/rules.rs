//! `/api/v1/rules`: the rules of all groups, and how their last evaluation went.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::aggregate::Labels;
use super::super::error::Error;

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Its group.
    pub group: String,
    /// The group's file.
    pub file: String,
    /// The alert, or the series that is recorded.
    pub name: String,
    /// `alerting` or `recording`.
    #[serde(rename = "type")]
    pub kind: String,
    /// PromQL.
    pub query: String,
    /// `ok`, `err`, or `unknown` before the first evaluation.
    pub health: String,
    /// Why the last evaluation failed.
    pub error: Option<String>,
    /// `inactive`, `pending` or `firing`; `None` for a recording rule.
    pub state: Option<String>,
    /// How many alerts are pending or firing.
    pub alerts: usize,
    /// `None` before the first.
    pub last_evaluation: Option<DateTime<Utc>>,
    /// How long the last evaluation took.
    pub evaluation_ms: f64,
    /// Between two evaluations of the group.
    pub interval_seconds: f64,
    /// What it adds to its alerts or series.
    pub labels: Labels,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    #[serde(default)]
    file: String,
    #[serde(default)]
    interval: f64,
    #[serde(default)]
    rules: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    query: String,
    health: String,
    #[serde(default, deserialize_with = "super::text")]
    last_error: Option<String>,
    state: Option<String>,
    #[serde(default)]
    alerts: Vec<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "super::time")]
    last_evaluation: Option<DateTime<Utc>>,
    #[serde(default)]
    evaluation_time: f64,
    #[serde(default)]
    labels: Option<Labels>,
}

/// Reads the body of `rules`.
///
/// # Errors
///
/// [`Error::Refused`] when the server says so, [`Error::BadAnswer`] when the body is not the API's.
pub fn rules(body: &str) -> Result<Vec<Rule>, Error> {
    let all: Groups = super::data(body)?;
    let mut rules = Vec::new();
    for group in all.groups {
        for raw in group.rules {
            rules.push(Rule {
                group: group.name.clone(),
                file: group.file.clone(),
                name: raw.name,
                kind: raw.kind,
                query: raw.query,
                health: raw.health,
                error: raw.last_error,
                state: raw.state,
                alerts: raw.alerts.len(),
                last_evaluation: raw.last_evaluation,
                evaluation_ms: super::ms(raw.evaluation_time),
                interval_seconds: group.interval,
                labels: raw.labels.unwrap_or_default(),
            });
        }
    }
    Ok(rules)
}
