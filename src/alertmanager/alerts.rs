//! `/api/v2/alerts`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Error, Server};
use crate::run::Cx;

/// Which alerts are asked for.
#[derive(Debug, Clone)]
pub struct Which {
    /// Conditions on labels: `severity="critical"`. All must hold.
    pub matchers: Vec<String>,
    /// Those that fire and reach their receivers.
    pub active: bool,
    /// Those that a silence holds back.
    pub silenced: bool,
    /// Those that another alert holds back.
    pub inhibited: bool,
}

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// The label `alertname`.
    pub name: String,
    /// The label `severity`.
    pub severity: Option<String>,
    /// `active`, `suppressed` (silenced or inhibited) or `unprocessed`.
    pub state: String,
    /// Since when it fires.
    pub starts_at: DateTime<Utc>,
    /// Until when, if nobody says that it still fires.
    pub ends_at: DateTime<Utc>,
    /// All of its labels.
    pub labels: BTreeMap<String, String>,
    /// `summary`, `description` and the like.
    pub annotations: BTreeMap<String, String>,
    /// Who is told.
    pub receivers: Vec<String>,
    /// The ids of silences that hold it back.
    pub silenced_by: Vec<String>,
    /// The fingerprints of alerts that hold it back.
    pub inhibited_by: Vec<String>,
    /// A hash of its labels.
    pub fingerprint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    fingerprint: String,
    #[serde(default)]
    receivers: Vec<Receiver>,
    status: State,
}

#[derive(Deserialize)]
struct Receiver {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    state: String,
    #[serde(default)]
    silenced_by: Vec<String>,
    #[serde(default)]
    inhibited_by: Vec<String>,
}

/// The alerts that fire now.
///
/// # Errors
///
/// When the server does not answer, refuses, or answers with something else.
pub fn alerts(cx: &Cx, server: &Server, which: &Which) -> Result<Vec<Alert>, Error> {
    let mut query = vec![
        ("active".to_owned(), which.active.to_string()),
        ("silenced".to_owned(), which.silenced.to_string()),
        ("inhibited".to_owned(), which.inhibited.to_string()),
        ("unprocessed".to_owned(), which.active.to_string()),
    ];
    for matcher in &which.matchers {
        query.push(("filter".to_owned(), matcher.clone()));
    }
    let raw: Vec<Raw> = server.get(cx, "alerts", query)?;
    Ok(raw.into_iter().map(alert).collect())
}

fn alert(raw: Raw) -> Alert {
    Alert {
        name: raw.labels.get("alertname").cloned().unwrap_or_default(),
        severity: raw.labels.get("severity").cloned(),
        state: raw.status.state,
        starts_at: raw.starts_at,
        ends_at: raw.ends_at,
        labels: raw.labels,
        annotations: raw.annotations,
        receivers: raw.receivers.into_iter().map(|r| r.name).collect(),
        silenced_by: raw.status.silenced_by,
        inhibited_by: raw.status.inhibited_by,
        fingerprint: raw.fingerprint,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn an_alert_as_the_api_has_it() {
        let body = r#"{"annotations":{"summary":"x"},"endsAt":"2026-11-24T22:00:00.000Z","fingerprint":"ab12",
            "receivers":[{"name":"operators"}],"startsAt":"2026-11-24T21:00:00.000Z",
            "status":{"inhibitedBy":[],"silencedBy":["s1"],"state":"suppressed"},"updatedAt":"2026-11-24T21:00:00.000Z",
            "labels":{"alertname":"A","severity":"critical"}}"#;
        let alert = alert(serde_json::from_str(body).unwrap());
        assert_eq!(
            (alert.name.as_str(), alert.severity.as_deref()),
            ("A", Some("critical"))
        );
        assert_eq!(
            (alert.state.as_str(), alert.receivers),
            ("suppressed", vec!["operators".to_owned()])
        );
        assert_eq!(alert.silenced_by, ["s1"]);
    }
}
