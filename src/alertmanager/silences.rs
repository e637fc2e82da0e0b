//! `/api/v2/silences`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Error, Server};
use crate::run::Cx;

/// A silence: from when until when it holds which alerts back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// `active`, `pending` or `expired`.
    pub state: String,
    /// From when on.
    pub starts_at: DateTime<Utc>,
    /// Until when.
    pub ends_at: DateTime<Utc>,
    /// Which alerts: all of these must hold.
    pub matchers: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    id: String,
    status: State,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    matchers: Vec<Matcher>,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
struct State {
    state: String,
}

/// One condition on a label.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    name: String,
    value: String,
    is_regex: bool,
    /// Older servers know no inequality.
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl std::fmt::Display for Matcher {
    /// `severity="critical"`, as it is written everywhere else.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operator = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (true, true) => "=~",
            (false, false) => "!=",
            (false, true) => "!~",
        };
        write!(f, "{}{operator}{:?}", self.name, self.value)
    }
}

/// All silences, those that are over too, as long as the server keeps them.
///
/// # Errors
///
/// When the server does not answer, refuses, or answers with something else.
pub fn silences(cx: &Cx, server: &Server) -> Result<Vec<Silence>, Error> {
    let raw: Vec<Raw> = server.get(cx, "silences", Vec::new())?;
    let silence = |raw: Raw| Silence {
        id: raw.id,
        state: raw.status.state,
        starts_at: raw.starts_at,
        ends_at: raw.ends_at,
        matchers: raw.matchers.iter().map(ToString::to_string).collect(),
        created_by: raw.created_by,
        comment: raw.comment,
    };
    Ok(raw.into_iter().map(silence).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn matchers_read_as_they_are_written() {
        for (json, text) in [
            (
                r#"{"isEqual":true,"isRegex":false,"name":"a","value":"x\"y"}"#,
                r#"a="x\"y""#,
            ),
            (
                r#"{"isEqual":false,"isRegex":true,"name":"a","value":"x|y"}"#,
                r#"a!~"x|y""#,
            ),
            (r#"{"isRegex":true,"name":"a","value":"x"}"#, r#"a=~"x""#),
        ] {
            let matcher: Matcher = serde_json::from_str(json).unwrap();
            assert_eq!(matcher.to_string(), text);
        }
    }
}
