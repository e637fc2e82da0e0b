//! Waiting until a container is ready and stays so, or can be said not to become ready.
//!
//! As in `wait`, events tell when to look and inspection tells what is so. Ready is more than one good look: the
//! health check passes (without one: the process runs), several times in a row, and neither the start nor the
//! number of restarts has changed within the settle window. The window reaches back: one that has long run needs no wait.

use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::errors::Error as Wire;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use serde::Serialize;

use super::detail::{ContainerDetail, meant};
use super::engine::checked_name;
use super::events::{EventRange, subscribe};
use super::own_check::OwnCheck;
use super::{Engine, Error, memory};
use crate::process::exit_meaning;
use crate::run::Cx;

/// How often to look without an event.
const LOOK: Duration = Duration::from_secs(1);
/// How soon to look again when the last look was good.
pub(super) const AGAIN: Duration = Duration::from_millis(150);
/// How long an ended container is left for whoever may start it again, unless nobody does.
const GRACE: Duration = Duration::from_millis(500);
/// So many ends make a crash loop.
const LOOP: i64 = 2;

/// What a container has to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Its health check passes; without one, its process runs.
    Ready,
    /// It has ended with code 0.
    Completed,
}

/// What counts as ready, and how long to wait for it.
#[derive(Debug, Clone, Copy)]
pub struct Readiness {
    /// What it has to come to.
    pub until: Until,
    /// So many good looks in a row.
    pub good: u32,
    /// So long no start and no restart.
    pub settle: Duration,
    /// How long to wait at most.
    pub limit: Duration,
    /// Whether its own health check is run meanwhile, as long as the engine has not. That it passes counts as a good look.
    pub probe: bool,
}

/// A container that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// The container.
    pub name: String,
    /// Its state.
    pub state: String,
    /// Its health as the engine knows it: `starting` when only its own check has been run.
    pub health: Option<String>,
    /// Of a container that ended.
    pub exit_code: Option<i64>,
    /// How often its restart policy had to start it again.
    pub restarts: i64,
    /// When it was last started.
    pub started_at: Option<DateTime<Utc>>,
    /// How long it took.
    pub ms: i64,
}

enum End {
    Ready(Ready),
    Missing,
    Never(String),
    Late(String),
}

/// What one look says.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Good,
    NotYet,
    /// It ended; unless somebody starts it again it will not be ready.
    Ended(String),
    Never(String),
}

impl Engine {
    /// Waits until container `name` is ready. Fails early, with the reason, when it will not be: it ended, ends again and
    /// again, was killed for want of memory, could not be started, or its health check fails.
    pub fn wait_ready(&self, cx: &Cx, name: &str, readiness: Readiness) -> Result<Ready, Error> {
        checked_name(name)?;
        let wanted = match readiness.until {
            Until::Ready => "ready",
            Until::Completed => "done",
        };
        let what = format!("wait for container `{name}` to be {wanted}");
        let asked = name.to_owned();
        let now = cx.now();
        let backstop = readiness.limit.saturating_add(Duration::from_secs(5));
        let end = self.read(cx, &what, backstop, move |client| async move {
            follow(&client, &asked, readiness, now).await
        })?;
        match end {
            End::Ready(ready) => Ok(ready),
            End::Missing => Err(self.missing(cx, name)),
            End::Never(reason) => Err(Error::NeverReady {
                name: name.to_owned(),
                wanted: wanted.to_owned(),
                reason,
            }),
            End::Late(last) => Err(Error::NotYet {
                name: name.to_owned(),
                wanted: wanted.to_owned(),
                last,
                limit: readiness.limit,
            }),
        }
    }
}

/// What was seen so far.
struct Seen {
    /// Good looks in a row, of the same start.
    good: u32,
    /// The start that they belong to.
    start: Option<DateTime<Utc>>,
    /// Since when this start is known.
    since: Instant,
    ended: Option<Instant>,
    crashes: i64,
    last: String,
}

async fn follow(
    client: &Docker,
    name: &str,
    readiness: Readiness,
    now: DateTime<Utc>,
) -> Result<End, Wire> {
    let began = Instant::now();
    // Subscribed before the first look, so that nothing falls between the two.
    let range = EventRange {
        container: Some(name.to_owned()),
        ..EventRange::default()
    };
    let mut events = Some(Box::pin(subscribe(client, &range)));
    let mut seen = Seen {
        good: 0,
        start: None,
        since: began,
        ended: None,
        crashes: 0,
        last: "unknown".into(),
    };
    let mut there = false;
    let mut own = None;
    loop {
        let left = readiness.limit.saturating_sub(began.elapsed());
        let look = tokio::time::timeout(
            left.max(Duration::from_secs(1)),
            client.inspect_container(name, None),
        );
        let found = match look.await {
            Ok(Ok(found)) => {
                if readiness.probe && own.is_none() {
                    own = OwnCheck::of(found.config.as_ref());
                }
                let detail = memory::told(client, ContainerDetail::from(found)).await;
                Some(detail).filter(|d| meant(name, &d.id, &d.name))
            }
            Ok(Err(Wire::DockerResponseServerError {
                status_code: 404, ..
            })) => None,
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(End::Late(seen.last)),
        };
        let Some(detail) = found else {
            return Ok(if there {
                End::Never("it was removed".into())
            } else {
                End::Missing
            });
        };
        there = true;
        // The engine's clock may be another than ours: what was watched counts, too.
        let ago = now
            .signed_duration_since(detail.started_at.unwrap_or(now))
            .to_std()
            .unwrap_or_default();
        let run = ago + began.elapsed();
        let settled = |seen: &Seen| run.max(seen.since.elapsed()) >= readiness.settle;
        let mut pause = LOOK;
        let mut look = judge(&detail, readiness.until, seen.crashes);
        let mut probed = None;
        if let Some(own) = own
            .as_mut()
            .filter(|_| look == Look::NotYet && starting(&detail))
        {
            let left = readiness.settle.saturating_sub(run);
            let passed = own.look(client, &detail.id, detail.started_at, left).await;
            look = if passed > 0 { Look::Good } else { look };
            pause = own.rest().clamp(AGAIN, LOOK);
            probed = Some(passed);
        }
        match look {
            Look::Never(reason) => return Ok(End::Never(reason)),
            Look::Ended(reason) => {
                let since = *seen.ended.get_or_insert_with(Instant::now);
                if detail.restart_policy == "no" || since.elapsed() >= GRACE {
                    return Ok(End::Never(reason));
                }
                pause = AGAIN;
            }
            Look::NotYet => {
                seen.good = 0;
                seen.ended = None;
            }
            Look::Good => {
                if seen.start != detail.started_at || seen.good == 0 {
                    seen.good = 0;
                    seen.start = detail.started_at;
                    seen.since = Instant::now();
                }
                seen.good += 1;
                // The engine's own probes are looks, too; between two of ours there is nothing new to see.
                let good = probed.unwrap_or_else(|| seen.good.max(passed(&detail)));
                if readiness.until == Until::Completed || (good >= readiness.good && settled(&seen))
                {
                    return Ok(End::Ready(ready(&detail, began)));
                }
                pause = if probed.is_some() { pause } else { AGAIN };
            }
        }
        seen.last = told(&detail);
        let left = readiness.limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(End::Late(seen.last));
        }
        let until = Instant::now() + left.min(pause);
        loop {
            let next = async {
                match events.as_mut() {
                    Some(stream) => stream.next().await,
                    None => std::future::pending().await,
                }
            };
            match tokio::time::timeout_at(until.into(), next).await {
                Ok(Some(Ok(event))) => {
                    let action = event.action.unwrap_or_default();
                    // Probes come several times a second, and say nothing by themselves.
                    if action.starts_with("exec_") {
                        continue;
                    }
                    if action == "die" {
                        seen.crashes += 1;
                    }
                }
                // A stream that broke is not asked again: looking once a second is enough then.
                Ok(None | Some(Err(_))) => events = None,
                Err(_) => {}
            }
            break;
        }
    }
}

/// Whether it runs, and the engine's health check has not come to an end yet.
fn starting(detail: &ContainerDetail) -> bool {
    let health = detail.health.as_ref().map(|h| h.status.as_str());
    detail.state == "running" && health == Some("starting")
}

/// The last probes in a row, of those that the engine keeps of this start, that passed.
fn passed(detail: &ContainerDetail) -> u32 {
    let probes = detail.health.iter().flat_map(|h| h.log.iter().rev());
    let passed = probes
        .take_while(|p| p.exit_code == 0 && p.started_at >= detail.started_at)
        .count();
    u32::try_from(passed).unwrap_or(u32::MAX)
}

/// What is to be said of a container as it is. `crashes`: how often it ended while it was watched.
fn judge(detail: &ContainerDetail, until: Until, crashes: i64) -> Look {
    let again = detail.restarting || detail.state == "restarting";
    let ended = matches!(detail.state.as_str(), "exited" | "dead");
    let often = detail.restart_count.max(crashes);
    if let Some(error) = detail.error.as_ref().filter(|e| ended && !e.is_empty()) {
        return Look::Never(format!("the engine could not start it: {error}"));
    }
    if (again || ended) && detail.oom_killed {
        return Look::Never(match detail.memory_limit_bytes {
            Some(limit) => format!(
                "it was killed for want of memory: its limit is {} MiB",
                limit >> 20
            ),
            None => "it was killed for want of memory: the host has none left".into(),
        });
    }
    if again && often >= LOOP {
        return Look::Never(format!(
            "it ends again and again: {often} times, {}",
            with_code(detail)
        ));
    }
    match until {
        Until::Completed if ended && detail.exit_code == Some(0) => Look::Good,
        Until::Completed if ended => Look::Ended(format!("it {}", with_code(detail))),
        Until::Ready if ended => Look::Ended(format!("it {}", with_code(detail))),
        Until::Completed => Look::NotYet,
        Until::Ready if detail.state != "running" => Look::NotYet,
        Until::Ready => match &detail.health {
            None => Look::Good,
            Some(health) if health.status == "healthy" => Look::Good,
            Some(health) if health.status == "unhealthy" => {
                let probe = health.log.last();
                let said = probe
                    .map_or("", |p| {
                        p.output
                            .lines()
                            .find(|l| !l.trim().is_empty())
                            .unwrap_or("")
                    })
                    .trim();
                let code = probe.map_or(0, |p| p.exit_code);
                let said = if said.is_empty() {
                    "it says nothing".to_owned()
                } else {
                    format!("it says: {said}")
                };
                Look::Never(format!(
                    "its health check failed {} times in a row, last with {code}; {said}",
                    health.failing_streak
                ))
            }
            Some(_) => Look::NotYet,
        },
    }
}

/// `ended with 137 (SIGKILL: killed (out of memory?))`.
fn with_code(detail: &ContainerDetail) -> String {
    match detail.exit_code {
        Some(code) => format!("ended with {code} ({})", exit_meaning(code)),
        None => "ended".into(),
    }
}

/// The present state in words.
fn told(detail: &ContainerDetail) -> String {
    match (&detail.health, detail.exit_code) {
        (_, Some(code)) => format!("{} with code {code}", detail.state),
        (Some(health), None) => format!("{} and {}", detail.state, health.status),
        (None, None) => detail.state.clone(),
    }
}

fn ready(detail: &ContainerDetail, began: Instant) -> Ready {
    Ready {
        name: detail.name.clone(),
        state: detail.state.clone(),
        health: detail.health.as_ref().map(|h| h.status.clone()),
        exit_code: detail.exit_code,
        restarts: detail.restart_count,
        started_at: detail.started_at,
        ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn detail(state: &str, more: &str) -> ContainerDetail {
        let text = format!(
            r#"{{"Id":"0123456789abcdef","Name":"/a","State":{{"Status":"{state}","Running":{},"Restarting":{}{more}}}}}"#,
            matches!(state, "running" | "restarting"),
            state == "restarting"
        );
        serde_json::from_str::<bollard::models::ContainerInspectResponse>(&text)
            .unwrap()
            .into()
    }

    #[test]
    fn what_a_look_says() {
        use Until::{Completed, Ready};
        let never = |why: &str| Look::Never(why.into());
        let ended = |why: &str| Look::Ended(why.into());
        let unhealthy = r#","Health":{"Status":"unhealthy","FailingStreak":3,"Log":[{"ExitCode":7,"Output":"\n refused\nmore"}]}"#;
        for (state, more, until, crashes, expected) in [
            ("running", "", Ready, 0, Look::Good),
            (
                "running",
                r#","Health":{"Status":"starting"}"#,
                Ready,
                0,
                Look::NotYet,
            ),
            (
                "running",
                r#","Health":{"Status":"healthy"}"#,
                Ready,
                0,
                Look::Good,
            ),
            (
                "running",
                unhealthy,
                Ready,
                0,
                never("its health check failed 3 times in a row, last with 7; it says: refused"),
            ),
            ("paused", "", Ready, 0, Look::NotYet),
            ("created", "", Ready, 0, Look::NotYet),
            (
                "exited",
                r#","ExitCode":1"#,
                Ready,
                1,
                ended("it ended with 1 (failed)"),
            ),
            ("restarting", r#","ExitCode":1"#, Ready, 1, Look::NotYet),
            (
                "restarting",
                r#","ExitCode":1"#,
                Ready,
                2,
                never("it ends again and again: 2 times, ended with 1 (failed)"),
            ),
            (
                "exited",
                r#","ExitCode":137,"OOMKilled":true"#,
                Ready,
                1,
                never("it was killed for want of memory: the host has none left"),
            ),
            (
                "exited",
                r#","ExitCode":127,"Error":"no such file""#,
                Ready,
                0,
                never("the engine could not start it: no such file"),
            ),
            ("exited", r#","ExitCode":0"#, Completed, 1, Look::Good),
            (
                "exited",
                r#","ExitCode":3"#,
                Completed,
                1,
                ended("it ended with 3 (failed with a code of its own)"),
            ),
            ("running", "", Completed, 0, Look::NotYet),
        ] {
            assert_eq!(
                judge(&detail(state, more), until, crashes),
                expected,
                "{state} {more} {until:?}"
            );
        }
    }
}
