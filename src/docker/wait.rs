//! Waiting until a container is as it should be.
//!
//! Events tell when to look, inspection tells what is so: an event can be missed (the stream ends when
//! the engine restarts, and nothing is sent during a restart policy's back-off), so a look is taken
//! now and then anyway.

use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::errors::Error as Wire;
use futures_util::StreamExt;
use serde::Serialize;

use super::detail::{ContainerDetail, meant};
use super::engine::checked_name;
use super::events::{EventRange, subscribe};
use super::{Engine, Error, memory};
use crate::run::Cx;

/// How often to look without an event.
const LOOK: Duration = Duration::from_secs(1);
/// How long an ended container is left for whoever may start it again: a restart shows it as ended for
/// a moment.
const GRACE: Duration = Duration::from_secs(2);

/// The state to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Its process lives.
    Running,
    /// Its health check passes.
    Healthy,
    /// It has ended.
    Exited,
    /// It is gone.
    Removed,
}

impl Goal {
    /// All of them, as scripts write them.
    pub const WORDS: &'static [&'static str] = &["running", "healthy", "exited", "removed"];

    /// Reads a word of [`Goal::WORDS`].
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "running" => Self::Running,
            "healthy" => Self::Healthy,
            "exited" => Self::Exited,
            "removed" => Self::Removed,
            _ => return None,
        })
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Healthy => "healthy",
            Self::Exited => "exited",
            Self::Removed => "removed",
        }
    }
}

/// A container that has come to the awaited state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waited {
    /// The container.
    pub name: String,
    /// Its state; `removed` when it is gone.
    pub state: String,
    /// Its health.
    pub health: Option<String>,
    /// Of a container that ended.
    pub exit_code: Option<i64>,
    /// How long it took.
    pub ms: i64,
}

/// How a wait ended, short of an error of the connection.
enum End {
    Reached(Waited),
    Missing,
    Hopeless(String),
    Late(String),
}

/// What one look says.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Reached,
    NotYet,
    /// It ended; unless somebody starts it again, this will never be reached.
    Ended,
    Hopeless(String),
}

impl Engine {
    /// Waits until container `name` has come to `goal`. Fails early when that cannot happen any more.
    pub fn wait_for(
        &self,
        cx: &Cx,
        name: &str,
        goal: Goal,
        limit: Duration,
    ) -> Result<Waited, Error> {
        checked_name(name)?;
        let what = format!("wait for container `{name}` to be {}", goal.as_str());
        let asked = name.to_owned();
        let backstop = limit.saturating_add(Duration::from_secs(5));
        let end = self.read(cx, &what, backstop, move |client| async move {
            follow(&client, &asked, goal, limit).await
        })?;
        match end {
            End::Reached(waited) => Ok(waited),
            End::Missing => Err(self.missing(cx, name)),
            End::Hopeless(message) => Err(Error::Conflict { what, message }),
            End::Late(last) => Err(Error::NotYet {
                name: name.to_owned(),
                wanted: goal.as_str().to_owned(),
                last,
                limit,
            }),
        }
    }
}

async fn follow(client: &Docker, name: &str, goal: Goal, limit: Duration) -> Result<End, Wire> {
    let began = Instant::now();
    // Subscribed before the first look, so that nothing falls between the two.
    let range = EventRange {
        container: Some(name.to_owned()),
        ..EventRange::default()
    };
    let mut events = Some(Box::pin(subscribe(client, &range)));
    let mut ended_since: Option<Instant> = None;
    let mut seen = false;
    let mut last = "unknown".to_owned();
    loop {
        let left = limit.saturating_sub(began.elapsed());
        let look = tokio::time::timeout(
            left.max(Duration::from_secs(1)),
            client.inspect_container(name, None),
        );
        let found = match look.await {
            Ok(Ok(found)) => {
                let detail = memory::told(client, ContainerDetail::from(found)).await;
                Some(detail).filter(|d| meant(name, &d.id, &d.name))
            }
            Ok(Err(Wire::DockerResponseServerError {
                status_code: 404, ..
            })) => None,
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(End::Late(last)),
        };
        match &found {
            None if goal == Goal::Removed => return Ok(End::Reached(reached(name, None, began))),
            None if !seen => return Ok(End::Missing),
            None => return Ok(End::Hopeless("it was removed".into())),
            Some(detail) => {
                seen = true;
                last = told(detail);
                match judge(detail, goal) {
                    Look::Reached => return Ok(End::Reached(reached(name, found.as_ref(), began))),
                    Look::Hopeless(reason) => return Ok(End::Hopeless(reason)),
                    Look::Ended => {
                        let since = *ended_since.get_or_insert_with(Instant::now);
                        if since.elapsed() >= GRACE {
                            return Ok(End::Hopeless(format!("it is {last}")));
                        }
                    }
                    Look::NotYet => ended_since = None,
                }
            }
        }
        let left = limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(End::Late(last));
        }
        let nap = left.min(LOOK);
        let next = async {
            match events.as_mut() {
                Some(stream) => stream.next().await,
                None => std::future::pending().await,
            }
        };
        // A stream that broke is not asked again: looking once a second is enough then.
        if let Ok(None | Some(Err(_))) = tokio::time::timeout(nap, next).await {
            events = None;
        }
    }
}

fn judge(detail: &ContainerDetail, goal: Goal) -> Look {
    let ended = matches!(detail.state.as_str(), "exited" | "dead");
    match goal {
        Goal::Removed => Look::NotYet,
        Goal::Exited if ended => Look::Reached,
        Goal::Running if detail.state == "running" => Look::Reached,
        Goal::Healthy if detail.running && detail.health.is_none() && !detail.restarting => {
            Look::Hopeless("it has no health check".into())
        }
        Goal::Healthy
            if detail.state == "running"
                && detail
                    .health
                    .as_ref()
                    .is_some_and(|h| h.status == "healthy") =>
        {
            Look::Reached
        }
        Goal::Running | Goal::Healthy if ended => Look::Ended,
        _ => Look::NotYet,
    }
}

/// The present state in words.
fn told(detail: &ContainerDetail) -> String {
    match (&detail.health, detail.exit_code) {
        (_, Some(_)) if detail.oom_killed => format!("{}, killed for want of memory", detail.state),
        (_, Some(code)) => format!("{} with code {code}", detail.state),
        (Some(health), None) => format!("{} and {}", detail.state, health.status),
        (None, None) => detail.state.clone(),
    }
}

fn reached(name: &str, detail: Option<&ContainerDetail>, began: Instant) -> Waited {
    Waited {
        name: detail.map_or_else(|| name.to_owned(), |d| d.name.clone()),
        state: detail.map_or_else(|| "removed".to_owned(), |d| d.state.clone()),
        health: detail
            .and_then(|d| d.health.as_ref())
            .map(|h| h.status.clone()),
        exit_code: detail.and_then(|d| d.exit_code),
        ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn detail(state: &str, health: Option<&str>) -> ContainerDetail {
        let running = matches!(state, "running" | "paused" | "restarting");
        let health = health.map_or(String::new(), |h| {
            format!(r#","Health":{{"Status":"{h}"}}"#)
        });
        let text = format!(
            r#"{{"Id":"0123456789abcdef","Name":"/a","State":{{"Status":"{state}","Running":{running},
            "Restarting":{},"ExitCode":3{health}}}}}"#,
            state == "restarting"
        );
        serde_json::from_str::<bollard::models::ContainerInspectResponse>(&text)
            .unwrap()
            .into()
    }

    #[test]
    fn what_a_look_says() {
        use Goal::{Exited, Healthy, Removed, Running};
        let no_check = || Look::Hopeless("it has no health check".into());
        for (state, health, goal, expected) in [
            ("running", None, Running, Look::Reached),
            ("running", Some("starting"), Running, Look::Reached),
            ("running", Some("starting"), Healthy, Look::NotYet),
            ("running", Some("unhealthy"), Healthy, Look::NotYet),
            ("running", Some("healthy"), Healthy, Look::Reached),
            ("paused", Some("healthy"), Healthy, Look::NotYet),
            ("running", None, Healthy, no_check()),
            ("restarting", None, Healthy, Look::NotYet),
            ("exited", Some("healthy"), Healthy, Look::Ended),
            ("exited", None, Running, Look::Ended),
            ("created", None, Running, Look::NotYet),
            ("exited", None, Exited, Look::Reached),
            ("restarting", None, Exited, Look::NotYet),
            ("exited", None, Removed, Look::NotYet),
        ] {
            assert_eq!(
                judge(&detail(state, health), goal),
                expected,
                "{state} {health:?} {goal:?}"
            );
        }
    }

    #[test]
    fn the_state_in_words() {
        assert_eq!(told(&detail("exited", None)), "exited with code 3");
        assert_eq!(
            told(&detail("running", Some("starting"))),
            "running and starting"
        );
        assert_eq!(told(&detail("running", None)), "running");
    }
}
