//! An engine behind ssh: each connection is an `ssh` process that runs `docker system dial-stdio` on the
//! other side, as the `docker` command does it. Keys, agents, jumps and known hosts are ssh's own affair.
//!
//! It never asks (`BatchMode`): nobody may be there to answer, and the run owns the terminal.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::address::Destination;
use super::error::Broken;
use super::ssh_trouble;
use crate::run::{handle, held};

/// How many may log in at once: sshd drops some of those that come in a crowd (`MaxStartups`).
const LOGINS: usize = 4;
/// Given to ssh itself, so that it can still say what it waited for.
const CONNECT_TIMEOUT: &str = "ConnectTimeout=20";
/// How long an ended ssh is waited for, and what it had to say.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(1);
/// The first request of each connection. Its answer shows that an engine is there; what goes wrong before
/// it goes wrong before anything that matters was sent.
const PING: &[u8] = b"HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
/// More than an answer without a body has.
const MAX_HEAD: usize = 64 << 10;
/// What is kept of ssh's own words.
const MAX_WORDS: u64 = 16 << 10;

/// Starts `ssh` for one destination, and ends what it started.
pub(super) struct Dialler {
    to: Destination,
    logins: Semaphore,
    running: Arc<Running>,
}

/// The process groups that run. None of them is reaped as long as it stands here, so no other process can
/// have its number.
#[derive(Default)]
struct Groups {
    running: Vec<Pid>,
    /// Nothing is started any more.
    ended: bool,
}

type Running = Mutex<Groups>;

impl Dialler {
    pub(super) fn new(to: Destination) -> Self {
        Self {
            to,
            logins: Semaphore::new(LOGINS),
            running: Arc::default(),
        }
    }

    /// A connection to the engine there.
    pub(super) async fn dial(&self) -> Result<SshStream, Broken> {
        let _login = self.logins.acquire().await;
        let mut command = Command::new("ssh");
        command
            .args(arguments(&self.to))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = self
            .start(command)
            .map_err(|error| ssh_trouble::not_started(&error))?;
        let (mut stream, stderr) = SshStream::new(child, self.running.clone())?;
        let words = handle().spawn(words(stderr));
        match stream.greet().await {
            Ok(()) => Ok(stream),
            Err(Greeting::Odd(said)) => Err(ssh_trouble::no_engine(&self.to, &said)),
            Err(Greeting::Ended) => {
                let code = stream.code().await;
                Err(ssh_trouble::ended(&self.to, code, &said(words).await))
            }
        }
    }

    /// Starts `ssh` and writes it down in one: whoever ends all that runs must not come in between.
    fn start(&self, mut command: Command) -> io::Result<Child> {
        let mut groups = held(&self.running);
        if groups.ended {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = command.spawn()?;
        groups.running.extend(group_of(&child));
        Ok(child)
    }

    /// Ends every `ssh` that still runs, and starts no more.
    pub(super) fn end(&self) {
        let mut groups = held(&self.running);
        groups.ended = true;
        for group in &groups.running {
            let _ = kill_process_group(*group, Signal::TERM);
        }
    }
}

/// A child that leads a group has its number.
fn group_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(id.cast_signed()))
}

/// The arguments of `ssh`. What stands after the host is read by a shell there.
fn arguments(to: &Destination) -> Vec<String> {
    let mut arguments = ["-o", CONNECT_TIMEOUT, "-o", "BatchMode=yes", "-T"]
        .map(str::to_owned)
        .to_vec();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|&word| word.to_owned()));
    if let Some(user) = &to.user {
        add(&["-l", user]);
    }
    if let Some(port) = to.port {
        add(&["-p", &port.to_string()]);
    }
    add(&["--", &to.host, "docker"]);
    if let Some(socket) = &to.socket {
        add(&["--host", &quoted(&format!("unix://{socket}"))]);
    }
    add(&["system", "dial-stdio"]);
    arguments
}

/// One word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-+@%,=".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// All that ssh and the other side write to standard error, up to a bound; the rest is read and dropped.
async fn words(mut from: ChildStderr) -> Vec<u8> {
    let mut kept = Vec::new();
    let _ = (&mut from).take(MAX_WORDS).read_to_end(&mut kept).await;
    let left = async move { tokio::io::copy(&mut from, &mut tokio::io::sink()).await };
    handle().spawn(left);
    kept
}

/// A master connection of the user's own (`ControlPersist`) may keep standard error open after its ssh.
async fn said(words: JoinHandle<Vec<u8>>) -> String {
    match timeout(LAST_WORDS, words).await {
        Ok(Ok(words)) => String::from_utf8_lossy(&words).into_owned(),
        _ => String::new(),
    }
}

/// Why no connection came about.
enum Greeting {
    /// ssh is over.
    Ended,
    /// Something else than an engine's answer came.
    Odd(String),
}

/// The pipes to one `ssh`. It is ended when they are dropped.
pub(super) struct SshStream {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    child: Option<Child>,
    group: Option<Pid>,
    running: Arc<Running>,
}

impl SshStream {
    fn new(mut child: Child, running: Arc<Running>) -> Result<(Self, ChildStderr), Broken> {
        let group = group_of(&child);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(ssh_trouble::not_started(&io::ErrorKind::BrokenPipe.into()));
        };
        let stream = Self {
            stdin: Some(stdin),
            stdout,
            child: Some(child),
            group,
            running,
        };
        Ok((stream, stderr))
    }

    /// The code of an ssh that has closed its output.
    async fn code(&mut self) -> Option<i32> {
        // Once it is reaped its number is anybody's.
        self.forget();
        let status = timeout(LAST_WORDS, self.child.as_mut()?.wait())
            .await
            .ok()?
            .ok()?;
        self.group = None;
        status.code()
    }

    fn forget(&self) {
        held(&self.running)
            .running
            .retain(|group| Some(*group) != self.group);
    }

    /// Sees an engine's answer.
    async fn greet(&mut self) -> Result<(), Greeting> {
        // A pipe that is closed already is told by what is read next.
        let _ = self.write_all(PING).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // One by one: what follows the head is no longer ours. It is as short as an answer can be.
            match self.stdout.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) if head.is_empty() => return Err(Greeting::Ended),
                Err(_) => break,
            }
            let begun = head.len().min(5);
            if head[..begun] != b"HTTP/"[..begun] && (head.ends_with(b"\n") || head.len() > 200) {
                break;
            }
            if head.len() > MAX_HEAD {
                break;
            }
        }
        if head.starts_with(b"HTTP/") && head.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
        Err(Greeting::Odd(String::from_utf8_lossy(&head).into_owned()))
    }
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(cx, buffer)
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Closes the pipe, which the other side hands on: a program in a container sees the end of its input.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.as_mut().poll_flush(cx);
        if flushed.is_ready() {
            self.stdin = None;
        }
        flushed
    }
}

impl Drop for SshStream {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::TERM);
        }
        self.forget();
        if let Some(mut child) = self.child.take() {
            handle().spawn(async move {
                if timeout(GRACE, child.wait()).await.is_err() {
                    let _ = child.kill().await;
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(socket: Option<&str>) -> Destination {
        Destination {
            user: Some("ops".into()),
            host: "-oProxyCommand=x".into(),
            port: Some(2222),
            socket: socket.map(str::to_owned),
        }
    }

    #[test]
    fn the_command_as_the_docker_command_has_it() {
        let line = arguments(&to(Some("/run/x.sock"))).join(" ");
        assert_eq!(
            line,
            "-o ConnectTimeout=20 -o BatchMode=yes -T -l ops -p 2222 -- -oProxyCommand=x docker --host unix:///run/x.sock system dial-stdio"
        );
    }

    #[test]
    fn a_path_is_one_word_for_the_shell_there() {
        let line = arguments(&to(Some("/run/x';touch y;'"))).join(" ");
        assert!(
            line.contains(r"--host 'unix:///run/x'\'';touch y;'\''' system"),
            "{line}"
        );
    }
}
