//! A container's own health check, run before the engine does it.
//!
//! The engine takes its first look at a container when one interval of its health check is over: by default after 30 s,
//! in the start period of newer engines after 5 s. Most containers are ready long before that. So the same command is run the same way
//! meanwhile; it proves what the engine's look would, and only sooner. That it fails proves nothing: the engine has the last word.

use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::exec::CreateExecOptions;
use bollard::models::ContainerConfig;
use chrono::{DateTime, Utc};

use super::exec::attend;
use super::ready::AGAIN;

/// How long one may take where the container does not say.
const LIMIT: Duration = Duration::from_secs(10);
/// How soon after one that failed the next comes at first, and later.
const SOON: Duration = Duration::from_millis(250);
const LATER: Duration = Duration::from_secs(2);

/// The check of one container, and what it has said so far.
pub(super) struct OwnCheck {
    argv: Vec<String>,
    limit: Duration,
    start: Option<DateTime<Utc>>,
    due: Instant,
    pause: Duration,
    passed: u32,
}

impl OwnCheck {
    /// `None`: there is none.
    pub(super) fn of(config: Option<&ContainerConfig>) -> Option<Self> {
        let config = config?;
        let check = config.healthcheck.as_ref()?;
        let (kind, rest) = check.test.as_deref()?.split_first()?;
        let argv = match kind.as_str() {
            "CMD" => rest.to_vec(),
            "CMD-SHELL" => {
                let shell = config.shell.clone().filter(|shell| !shell.is_empty());
                let mut argv = shell.unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
                argv.extend(rest.iter().cloned());
                argv
            }
            _ => return None,
        };
        let set = check.timeout.and_then(|ns| u64::try_from(ns).ok());
        (!argv.is_empty()).then(|| Self {
            argv,
            limit: set.filter(|ns| *ns > 0).map_or(LIMIT, Duration::from_nanos),
            start: None,
            due: Instant::now(),
            pause: SOON,
            passed: 0,
        })
    }

    /// Runs it if it is time. Gives how often it has passed in a row, since this start of the container. `settle`: how much is left
    /// until the container has run long enough; it need not pass more than once before that.
    pub(super) async fn look(
        &mut self,
        client: &Docker,
        id: &str,
        start: Option<DateTime<Utc>>,
        settle: Duration,
    ) -> u32 {
        if self.start != start {
            (self.start, self.pause, self.passed) = (start, SOON, 0);
        }
        if Instant::now() < self.due {
            return self.passed;
        }
        // What cannot be run, or does not end, has not passed.
        let passes = tokio::time::timeout(self.limit, passes(client, id, &self.argv));
        if passes.await.is_ok_and(|answer| answer.unwrap_or(false)) {
            self.passed += 1;
            self.due = Instant::now() + settle.max(AGAIN);
        } else {
            self.passed = 0;
            self.due = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(LATER);
        }
        self.passed
    }

    /// How long until the next one.
    pub(super) fn rest(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }
}

async fn passes(
    client: &Docker,
    id: &str,
    argv: &[String],
) -> Result<bool, bollard::errors::Error> {
    let create = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(argv.to_vec()),
        ..CreateExecOptions::default()
    };
    let run = client.create_exec(id, create).await?.id;
    Ok(attend(client, &run, None, 0).await?.exit_code == 0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_the_one_that_the_engine_would_run() {
        for (config, expected) in [
            ("{}", None),
            (r#"{"Healthcheck":{}}"#, None),
            (r#"{"Healthcheck":{"Test":["NONE"]}}"#, None),
            (r#"{"Healthcheck":{"Test":["CMD"]}}"#, None),
            (
                r#"{"Healthcheck":{"Test":["CMD","redis-cli","ping"]}}"#,
                Some(vec!["redis-cli", "ping"]),
            ),
            (
                r#"{"Healthcheck":{"Test":["CMD-SHELL","exit 3"]}}"#,
                Some(vec!["/bin/sh", "-c", "exit 3"]),
            ),
            (
                r#"{"Shell":["/bin/bash","-ec"],"Healthcheck":{"Test":["CMD-SHELL","exit 3"]}}"#,
                Some(vec!["/bin/bash", "-ec", "exit 3"]),
            ),
        ] {
            let config: ContainerConfig = serde_json::from_str(config).unwrap();
            let found = OwnCheck::of(Some(&config)).map(|check| check.argv);
            assert_eq!(
                found.as_deref(),
                expected
                    .as_deref()
                    .map(|e| e.iter().map(ToString::to_string).collect::<Vec<_>>())
                    .as_deref()
            );
        }
    }
}
