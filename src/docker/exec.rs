//! Running a command inside a container, and what it said.

use std::fmt;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as Wire;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::io::AsyncWriteExt;

use super::engine::ANSWER;
use super::{Engine, Error};
use crate::run::Cx;

/// How a command is run.
#[derive(Clone)]
pub struct ExecOptions {
    /// As this user; `None`: the container's.
    pub user: Option<String>,
    /// In this folder; `None`: the image's.
    pub workdir: Option<String>,
    /// Further variables.
    pub env: Vec<(String, String)>,
    /// Written to its standard input.
    pub stdin: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// How much of each stream is kept, its beginning.
    pub max_bytes: usize,
}

impl fmt::Debug for ExecOptions {
    /// Without the variables' values and the input: that is where passwords are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("ExecOptions")
            .field("user", &self.user)
            .field("workdir", &self.workdir)
            .field("env", &names)
            .finish_non_exhaustive()
    }
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecResult {
    /// Its exit code. 126 and 127: it could not be run.
    pub exit_code: i64,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Whether a stream was longer than what is kept.
    pub truncated: bool,
    /// How long it took.
    pub ms: i64,
}

impl Engine {
    /// Runs `argv` inside a running container. There is no shell, and no way to end a command from
    /// outside: one that runs out of time goes on, so that is an unknown outcome.
    pub fn exec(
        &self,
        cx: &Cx,
        name: &str,
        argv: &[String],
        options: &ExecOptions,
    ) -> Result<ExecResult, Error> {
        if argv.is_empty() {
            return Err(Error::Invalid("an empty list is no command".into()));
        }
        let what = format!("run `{}` in container `{name}`", argv[0]);
        self.sure(cx, name)?;
        // Creating it runs nothing yet, so this half is as harmless as a read.
        let create = CreateExecOptions {
            attach_stdin: Some(options.stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(
                options
                    .env
                    .iter()
                    .map(|(k, v)| format!("{k}={v}"))
                    .collect(),
            ),
            cmd: Some(argv.to_vec()),
            user: options.user.clone(),
            working_dir: options.workdir.clone(),
            ..CreateExecOptions::default()
        };
        let asked = name.to_owned();
        let id = self
            .read(cx, &what, ANSWER, |client| async move {
                client.create_exec(&asked, create).await
            })
            .map_err(|error| self.named(cx, name, error))?
            .id;
        let (stdin, keep) = (options.stdin.clone(), options.max_bytes);
        self.change(cx, &what, options.timeout, move |client| async move {
            attend(&client, &id, stdin, keep).await
        })
    }
}

/// Starts a command that was created, and stays until it has ended. Of each stream `keep` bytes are kept.
pub(super) async fn attend(
    client: &Docker,
    id: &str,
    stdin: Option<String>,
    keep: usize,
) -> Result<ExecResult, Wire> {
    let began = Instant::now();
    let started = client
        .start_exec(id, Some(StartExecOptions::default()))
        .await?;
    let StartExecResults::Attached {
        mut output,
        mut input,
    } = started
    else {
        return Err(Wire::DockerStreamError {
            error: "the engine ran it detached".into(),
        });
    };
    // Beside the reading, or two full pipes would wait for each other.
    let feed = async move {
        if let Some(text) = stdin {
            // A command that does not read its input closes it; that is its own affair.
            let _ = input.write_all(text.as_bytes()).await;
            let _ = input.shutdown().await;
        }
        input
    };
    let collect = async {
        let (mut out, mut err) = (Kept::new(keep), Kept::new(keep));
        while let Some(frame) = output.next().await {
            match frame? {
                LogOutput::StdErr { message } => err.add(&message),
                LogOutput::StdOut { message } | LogOutput::Console { message } => out.add(&message),
                LogOutput::StdIn { .. } => {}
            }
        }
        Ok::<_, Wire>((out, err))
    };
    let (_input, collected) = futures_util::future::join(feed, collect).await;
    let (out, err) = collected?;
    // The streams end a moment before the engine has the exit code.
    let exit_code = loop {
        let state = client.inspect_exec(id).await?;
        match state.exit_code {
            Some(code) if state.running != Some(true) => break code,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    Ok(ExecResult {
        exit_code,
        truncated: out.more || err.more,
        stdout: out.text(),
        stderr: err.text(),
        ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
    })
}

/// The beginning of a stream. The rest is read and forgotten, or the command would block.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    more: bool,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            more: false,
        }
    }

    fn add(&mut self, message: &[u8]) {
        let room = self.limit - self.bytes.len();
        self.more |= message.len() > room;
        self.bytes
            .extend_from_slice(&message[..message.len().min(room)]);
    }

    fn text(self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_is_kept() {
        let mut kept = Kept::new(5);
        kept.add(b"abc");
        assert!(!kept.more);
        kept.add(b"def");
        kept.add(b"ghi");
        assert!(kept.more);
        assert_eq!(kept.text(), "abcde");
    }
}
