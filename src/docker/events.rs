//! What the engine did: its events between two instants, without the noise of health checks.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as Wire;
use bollard::models::{EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::EventsOptionsBuilder;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};
use serde::Serialize;

use super::containers::compose;
use super::engine::ANSWER;
use super::{Engine, Error};
use crate::run::Cx;

/// How many past events an engine remembers, of all sorts together.
const REMEMBERED: usize = 256;
/// How many are given back at most, the newest.
const KEPT: usize = 10_000;

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventRange {
    /// From this instant on.
    pub since: Option<DateTime<Utc>>,
    /// Up to this instant; `None`: now.
    pub until: Option<DateTime<Utc>>,
    /// Of this container, by name or id.
    pub container: Option<String>,
    /// Of this compose project.
    pub project: Option<String>,
    /// Of this compose service.
    pub service: Option<String>,
    /// Of this sort: `container`, `image`, `network`, `volume`.
    pub kind: Option<String>,
    /// Only these actions: `die`, `oom`, `health_status`.
    pub actions: Vec<String>,
    /// Also the `exec_*` events, of which each health check makes three.
    pub exec: bool,
}

/// Events, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Events {
    /// The events.
    pub events: Vec<Event>,
    /// Whether there may have been more: the engine remembers its last 256 only, health checks included.
    pub truncated: bool,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// When.
    pub time: Option<DateTime<Utc>>,
    /// `container`, `image`, `network`, `volume`, `daemon`.
    pub kind: String,
    /// `start`, `die`, `oom`, `kill`, `stop`, `health_status`, ...
    pub action: String,
    /// What an action's text carries behind its name: `healthy` of `health_status`.
    pub detail: Option<String>,
    /// The id of what it happened to.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its compose service.
    pub service: Option<String>,
    /// Its compose project.
    pub project: Option<String>,
    /// Of a `die`.
    pub exit_code: Option<i64>,
    /// Of a `kill`: the signal's number.
    pub signal: Option<i64>,
    /// All that the engine told with it.
    pub attributes: BTreeMap<String, String>,
}

impl Engine {
    /// The events of `range`. One that ends in the future is waited for.
    pub fn events(&self, cx: &Cx, range: &EventRange) -> Result<Events, Error> {
        let range = EventRange {
            until: Some(range.until.unwrap_or_else(|| cx.now())),
            ..range.clone()
        };
        let now = cx.now();
        let ahead = range
            .until
            .and_then(|u| (u - now).to_std().ok())
            .unwrap_or(Duration::ZERO);
        let past_only = ahead.is_zero();
        self.read(
            cx,
            "read events",
            ahead + ANSWER,
            move |client| async move {
                let mut stream = std::pin::pin!(subscribe(&client, &range));
                let mut kept = VecDeque::new();
                let (mut past, mut dropped) = (0_usize, false);
                while let Some(message) = stream.next().await {
                    let event = Event::from(message?);
                    if past_only || event.time.is_some_and(|t| t < now) {
                        past += 1;
                    }
                    if range.includes(&event) {
                        kept.push_back(event);
                        if kept.len() > KEPT {
                            kept.pop_front();
                            dropped = true;
                        }
                    }
                }
                Ok(Events {
                    events: kept.into(),
                    truncated: dropped || past >= REMEMBERED,
                })
            },
        )
    }
}

/// The engine's own stream. Only what cannot hide the size of its memory is filtered over there.
pub(super) fn subscribe(
    client: &Docker,
    range: &EventRange,
) -> impl Stream<Item = Result<EventMessage, Wire>> + Send + use<> {
    let mut options = EventsOptionsBuilder::default();
    let instant = |t: DateTime<Utc>| format!("{}.{:09}", t.timestamp(), t.timestamp_subsec_nanos());
    if let Some(since) = range.since {
        options = options.since(&instant(since));
    }
    if let Some(until) = range.until {
        options = options.until(&instant(until));
    }
    // A range without an end follows one container (see `wait`): no need to send it the rest.
    if let (Some(container), None) = (&range.container, range.until) {
        options = options.filters(&HashMap::from([("container", vec![container.as_str()])]));
    }
    client.events(Some(options.build()))
}

impl EventRange {
    fn includes(&self, event: &Event) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let container = self.container.as_deref().is_none_or(|wanted| {
            event.kind == "container" && super::detail::meant(wanted, &event.id, &event.name)
        });
        container
            && (self.exec || !event.action.starts_with("exec_"))
            && same(&self.project, event.project.as_deref())
            && same(&self.service, event.service.as_deref())
            && same(&self.kind, Some(&event.kind))
            && (self.actions.is_empty() || self.actions.contains(&event.action))
    }
}

impl From<EventMessage> for Event {
    fn from(message: EventMessage) -> Self {
        let actor = message.actor.unwrap_or_default();
        let attributes: BTreeMap<_, _> = actor.attributes.unwrap_or_default().into_iter().collect();
        let whole = message.action.unwrap_or_default();
        let (action, detail) = match whole.split_once(": ") {
            Some((action, detail)) => (action.to_owned(), Some(detail.trim().to_owned())),
            None => (whole, None),
        };
        let (project, service) = compose(&attributes);
        let number = |key: &str| attributes.get(key).and_then(|v| v.parse().ok());
        Self {
            time: message
                .time_nano
                .map(DateTime::from_timestamp_nanos)
                .or_else(|| DateTime::from_timestamp(message.time?, 0)),
            kind: message
                .typ
                .filter(|t| *t != EventMessageTypeEnum::EMPTY)
                .map(|t| t.to_string())
                .unwrap_or_default(),
            action,
            detail,
            id: actor.id.unwrap_or_default(),
            name: attributes.get("name").cloned().unwrap_or_default(),
            project,
            service,
            exit_code: number("exitCode"),
            signal: number("signal"),
            attributes,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn event(action: &str) -> Event {
        let text = format!(
            r#"{{"Type":"container","Action":{action:?},"time":1795542601,"timeNano":1795542601000000005,
            "Actor":{{"ID":"0123456789abcdef","Attributes":{{"name":"trading-redis","exitCode":"137",
            "com.docker.compose.project":"trading","com.docker.compose.service":"redis"}}}}}}"#
        );
        serde_json::from_str::<EventMessage>(&text).unwrap().into()
    }

    #[test]
    fn an_action_and_what_it_carries() {
        let health = event("health_status: unhealthy");
        assert_eq!(
            (health.action.as_str(), health.detail.as_deref()),
            ("health_status", Some("unhealthy"))
        );
        let die = event("die");
        assert_eq!(
            (
                die.exit_code,
                die.service.as_deref(),
                die.project.as_deref()
            ),
            (Some(137), Some("redis"), Some("trading"))
        );
        assert_eq!(die.time.unwrap().timestamp_subsec_nanos(), 5);
    }

    #[test]
    fn the_noise_of_health_checks_is_left_out() {
        let range = EventRange::default();
        for (action, expected) in [
            ("exec_create: /bin/sh -c true", false),
            ("exec_die", false),
            ("health_status: healthy", true),
            ("die", true),
        ] {
            assert_eq!(range.includes(&event(action)), expected, "{action}");
        }
        assert!(
            EventRange {
                exec: true,
                ..range
            }
            .includes(&event("exec_die"))
        );
    }

    #[test]
    fn filters_are_exact() {
        let with = |container: &str| EventRange {
            container: Some(container.into()),
            ..EventRange::default()
        };
        assert!(with("trading-redis").includes(&event("die")));
        assert!(with("0123456789ab").includes(&event("die")));
        assert!(!with("redis").includes(&event("die")));
        assert!(!with("0123").includes(&event("die")));
        let oom = EventRange {
            actions: vec!["oom".into()],
            ..EventRange::default()
        };
        assert!(!oom.includes(&event("die")));
    }
}
