//! What changes a container: start, stop, restart, pause, unpause, kill, remove.
//!
//! Each looks first and acts on the id that it saw, never on the name: a name may mean another
//! container a moment later. Doing what is already so is no error; the result says `changed: false`.

use std::time::{Duration, Instant};

use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptions, RestartContainerOptions, StopContainerOptions,
};
use serde::Serialize;

use super::engine::CHANGE;
use super::{ContainerDetail, Engine, Error};
use crate::run::Cx;

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The full id.
    pub id: String,
    /// The container.
    pub name: String,
    /// Whether anything had to be done.
    pub changed: bool,
    /// Its state before.
    pub before: String,
    /// Its state after; `removed` when it is gone, `None` when the engine could not tell any more.
    pub state: Option<String>,
    /// Of a container that ended.
    pub exit_code: Option<i64>,
    /// How long it took.
    pub ms: i64,
}

impl Engine {
    /// Starts a container.
    pub fn start(&self, cx: &Cx, name: &str) -> Result<Change, Error> {
        let (began, seen) = (Instant::now(), self.container(cx, name)?);
        if seen.running && !seen.restarting {
            return Ok(unchanged(seen, began));
        }
        let id = seen.id.clone();
        self.change(
            cx,
            &format!("start container `{name}`"),
            CHANGE,
            |client| async move { client.start_container(&id, None).await },
        )?;
        Ok(self.after(cx, seen, began))
    }

    /// Stops a container: asks it to end, and kills it after `grace`.
    pub fn stop(&self, cx: &Cx, name: &str, grace: Duration) -> Result<Change, Error> {
        let (began, seen) = (Instant::now(), self.container(cx, name)?);
        if !seen.running && !seen.restarting {
            return Ok(unchanged(seen, began));
        }
        let id = seen.id.clone();
        let options = StopContainerOptions {
            t: Some(whole_seconds(grace)),
            ..Default::default()
        };
        let limit = grace.saturating_add(CHANGE);
        self.change(
            cx,
            &format!("stop container `{name}`"),
            limit,
            |client| async move { client.stop_container(&id, Some(options)).await },
        )?;
        Ok(self.after(cx, seen, began))
    }

    /// Stops a container as [`Engine::stop`] does, and starts it. One that is stopped is started.
    pub fn restart(&self, cx: &Cx, name: &str, grace: Duration) -> Result<Change, Error> {
        let (began, seen) = (Instant::now(), self.container(cx, name)?);
        let id = seen.id.clone();
        let options = RestartContainerOptions {
            t: Some(whole_seconds(grace)),
            ..Default::default()
        };
        let limit = grace.saturating_add(CHANGE);
        self.change(
            cx,
            &format!("restart container `{name}`"),
            limit,
            |client| async move { client.restart_container(&id, Some(options)).await },
        )?;
        Ok(self.after(cx, seen, began))
    }

    /// Freezes a container's processes.
    pub fn pause(&self, cx: &Cx, name: &str) -> Result<Change, Error> {
        let (began, seen) = (Instant::now(), self.container(cx, name)?);
        if seen.paused {
            return Ok(unchanged(seen, began));
        }
        let id = seen.id.clone();
        self.change(
            cx,
            &format!("pause container `{name}`"),
            CHANGE,
            |client| async move { client.pause_container(&id).await },
        )?;
        Ok(self.after(cx, seen, began))
    }

    /// Lets a paused container go on.
    pub fn unpause(&self, cx: &Cx, name: &str) -> Result<Change, Error> {
        let (began, seen) = (Instant::now(), self.container(cx, name)?);
        if seen.running && !seen.paused {
            return Ok(unchanged(seen, began));
        }
        let id = seen.id.clone();
        self.change(
            cx,
            &format!("unpause container `{name}`"),
            CHANGE,
            |client| async move { client.unpause_container(&id).await },
        )?;
        Ok(self.after(cx, seen, began))
    }

    /// Sends a signal to a container's first process. Whether that ends it is the process's affair.
    pub fn kill(&self, cx: &Cx, name: &str, signal: &str) -> Result<Change, Error> {
        let signal = signal_name(signal)?;
        let (began, seen) = (Instant::now(), self.container(cx, name)?);
        let id = seen.id.clone();
        let options = KillContainerOptions {
            signal: signal.clone(),
        };
        self.change(
            cx,
            &format!("send {signal} to container `{name}`"),
            CHANGE,
            |client| async move { client.kill_container(&id, Some(options)).await },
        )?;
        Ok(self.after(cx, seen, began))
    }

    /// Removes a container. `force` kills a running one first; `volumes` removes its nameless volumes.
    pub fn remove(&self, cx: &Cx, name: &str, force: bool, volumes: bool) -> Result<Change, Error> {
        let (began, seen) = (Instant::now(), self.container(cx, name)?);
        let id = seen.id.clone();
        let options = RemoveContainerOptions {
            force,
            v: volumes,
            link: false,
        };
        let what = format!("remove container `{name}`");
        self.change(cx, &what, CHANGE, |client| async move {
            client.remove_container(&id, Some(options)).await
        })?;
        Ok(Change {
            state: Some("removed".into()),
            exit_code: None,
            ..changed(seen, began)
        })
    }

    /// What came of it. The change is done by now, so a failed look must not make it a failure.
    fn after(&self, cx: &Cx, before: ContainerDetail, began: Instant) -> Change {
        let now = self.container(cx, &before.id).ok();
        Change {
            state: now.as_ref().map(|d| d.state.clone()),
            exit_code: now.and_then(|d| d.exit_code),
            ..changed(before, began)
        }
    }
}

fn changed(before: ContainerDetail, began: Instant) -> Change {
    Change {
        id: before.id,
        name: before.name,
        changed: true,
        before: before.state,
        state: None,
        exit_code: None,
        ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
    }
}

fn unchanged(seen: ContainerDetail, began: Instant) -> Change {
    Change {
        changed: false,
        state: Some(seen.state.clone()),
        exit_code: seen.exit_code,
        ..changed(seen, began)
    }
}

/// The engine takes whole seconds; a part of one counts as one, so that 500 ms is not "kill at once".
fn whole_seconds(grace: Duration) -> i32 {
    let up = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
    i32::try_from(up).unwrap_or(i32::MAX)
}

/// `TERM`, `SIGTERM` and `15` are the same.
fn signal_name(signal: &str) -> Result<String, Error> {
    let upper = signal.to_ascii_uppercase();
    let known = !upper.is_empty()
        && upper.len() <= 16
        && upper
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'-');
    if !known {
        return Err(Error::Invalid(format!(
            "{signal:?} is no signal: write it as \"TERM\", \"HUP\" or \"KILL\""
        )));
    }
    let plain = upper.starts_with("SIG") || upper.bytes().all(|b| b.is_ascii_digit());
    Ok(if plain { upper } else { format!("SIG{upper}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_in_every_writing() {
        for (given, expected) in [
            ("TERM", Some("SIGTERM")),
            ("sighup", Some("SIGHUP")),
            ("9", Some("9")),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(signal_name(given).ok().as_deref(), expected, "{given:?}");
        }
    }

    #[test]
    fn a_part_of_a_second_is_not_none() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(500)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(10)), 10);
        assert_eq!(
            whole_seconds(Duration::MAX.saturating_sub(Duration::from_secs(1))),
            i32::MAX
        );
    }
}
