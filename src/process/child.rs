//! The child process: started, read, and ended with its whole group.
//!
//! One task on the shared runtime owns the child until it is reaped, and tells the caller's thread
//! through a bounded channel.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Options, Source};
use crate::run::{Cancel, Stop, handle};
use crate::system;

/// Between SIGTERM and SIGKILL when the run is stopped: whoever pressed Ctrl-C waits for this.
const GRACE_STOPPED: Duration = Duration::from_millis(50);

/// Between SIGTERM and SIGKILL when the program's own time is over, or its output is no longer wanted.
const GRACE: Duration = Duration::from_secs(1);

/// For what SIGKILL ends; only what hangs in the kernel takes longer.
const DYING: Duration = Duration::from_millis(500);

/// Once the program has ended its pipe is read until it has been silent for this long.
const LINGER: Duration = Duration::from_millis(40);

/// And no more than this is read then: all that a pipe can hold. What comes after is not the program's.
const LEFT_IN_PIPE: usize = 1 << 20;

/// Why a program is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It ended.
    Exited,
    /// Its own time was over.
    TimedOut,
    /// Its output was no longer wanted.
    Enough,
    /// The branch was stopped.
    Stopped(Stop),
}

/// What the task tells.
#[derive(Debug)]
pub(super) enum Event {
    /// A piece of output.
    Output(Source, Vec<u8>),
    /// Something in the background keeps the output open; what it writes is not waited for.
    HeldOpen,
    /// There is no program.
    NotStarted(io::Error),
    /// It is over and reaped. The last event.
    Ended(End, ExitStatus),
}

/// The caller's end.
pub(super) struct Events {
    receive: mpsc::Receiver<Event>,
    enough: watch::Sender<bool>,
}

impl Events {
    pub(super) fn next(&mut self) -> Option<Event> {
        self.receive.blocking_recv()
    }

    /// Ends the program; events still come until it is over.
    pub(super) fn enough(&self) {
        let _ = self.enough.send(true);
    }
}

/// Starts the program.
pub(super) fn start(cancel: &Cancel, argv: &[String], options: &Options) -> Events {
    let (send, receive) = mpsc::channel(16);
    let (enough, no_more) = watch::channel(false);
    let (cancel, argv, options) = (cancel.clone(), argv.to_vec(), options.clone());
    handle().spawn(async move {
        match Running::spawn(&argv, &options, &send) {
            Ok(running) => {
                running
                    .see_through(cancel, options.timeout, no_more, send)
                    .await
            }
            Err(error) => drop(send.send(Event::NotStarted(error)).await),
        }
    });
    Events { receive, enough }
}

struct Running {
    child: Child,
    group: Option<Pid>,
    pipes: JoinSet<()>,
    /// Says to the readers that the program is over.
    over: watch::Sender<bool>,
}

impl Running {
    fn spawn(argv: &[String], options: &Options, send: &mpsc::Sender<Event>) -> io::Result<Self> {
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).process_group(0);
        if let Some(cwd) = &options.cwd {
            command.current_dir(cwd);
        }
        if options.clear_env {
            command.env_clear();
        }
        for (name, value) in &options.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(if options.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let combined = if options.combine {
            let (read, write) = io::pipe()?;
            command.stdout(write.try_clone()?).stderr(write);
            Some(pipe::Receiver::from_owned_fd(OwnedFd::from(read))?)
        } else {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            None
        };
        let mut child = command.spawn()?;
        // It holds the writing ends of the combined pipe, which would then never be closed.
        drop(command);

        let (over, is_over) = watch::channel(false);
        let mut pipes = JoinSet::new();
        if let Some(pipe) = combined {
            pipes.spawn(pump(pipe, Source::Stdout, send.clone(), is_over.clone()));
        }
        if let Some(pipe) = child.stdout.take() {
            pipes.spawn(pump(pipe, Source::Stdout, send.clone(), is_over.clone()));
        }
        if let Some(pipe) = child.stderr.take() {
            pipes.spawn(pump(pipe, Source::Stderr, send.clone(), is_over));
        }
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), options.stdin.clone()) {
            // A program that does not read to the end is its own affair; the task ends with the program's
            // end of the pipe, or is dropped with the others.
            tokio::spawn(async move {
                let _ = pipe.write_all(text.as_bytes()).await;
            });
        }
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self {
            child,
            group,
            pipes,
            over,
        })
    }

    async fn see_through(
        mut self,
        cancel: Cancel,
        limit: Option<Duration>,
        mut no_more: watch::Receiver<bool>,
        send: mpsc::Sender<Event>,
    ) {
        let over_time = async {
            match limit {
                Some(limit) => sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let not_wanted = async {
            // The caller is gone (it panicked) or says so: either way nobody wants the rest.
            let _ = no_more.wait_for(|enough| *enough).await;
        };
        let end = tokio::select! {
            _ = self.child.wait() => End::Exited,
            stop = cancel.cancelled() => End::Stopped(stop),
            () = over_time => End::TimedOut,
            () = not_wanted => End::Enough,
        };
        match end {
            End::Exited => {}
            End::Stopped(_) => self.end_group(GRACE_STOPPED).await,
            End::TimedOut | End::Enough => {
                // Pressing Ctrl-C does not wait for the longer grace.
                let ended = tokio::select! {
                    () = self.end_group(GRACE) => true,
                    _ = cancel.cancelled() => false,
                };
                if !ended {
                    self.end_group(Duration::ZERO).await;
                }
            }
        }
        let status = self.child.wait().await;
        let _ = self.over.send(true);
        if matches!(end, End::Stopped(_) | End::Enough) {
            // Nobody reads what is left.
            self.pipes.shutdown().await;
        } else {
            while self.pipes.join_next().await.is_some() {}
        }
        let last = match status {
            Ok(status) => Event::Ended(end, status),
            Err(error) => Event::NotStarted(error),
        };
        let _ = send.send(last).await;
    }

    /// SIGTERM to the group; SIGKILL to what is left of it after `grace`. The child is not reaped
    /// meanwhile: as long as it is there, if only as a zombie, nobody else can get its group's number.
    async fn end_group(&mut self, grace: Duration) {
        let Some(group) = self.group.filter(|_| self.child.id().is_some()) else {
            return;
        };
        let _ = kill_process_group(group, Signal::TERM);
        // What is stopped (SIGSTOP, a read of the terminal) could not act on it.
        let _ = kill_process_group(group, Signal::CONT);
        if gone(group, grace).await {
            return;
        }
        let _ = kill_process_group(group, Signal::KILL);
        // What is killed is not gone at once, and whoever is told of the end may look.
        gone(group, DYING).await;
    }
}

/// Looks until nothing of the group runs, at most for `limit`; whether it came to that.
async fn gone(group: Pid, limit: Duration) -> bool {
    const LOOK: Duration = Duration::from_millis(5);
    let until = Instant::now() + limit;
    while let Some(left) = until
        .checked_duration_since(Instant::now())
        .filter(|l| !l.is_zero())
    {
        if is_over(group) && !system::group_alive(group.as_raw_nonzero().get().into()) {
            return true;
        }
        sleep(LOOK.min(left)).await;
    }
    false
}

/// Whether the child has ended; does not reap it.
fn is_over(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(pid), options), Ok(None))
}

/// Reads one pipe to its end, or, once the program is over, until it has nothing more to say.
async fn pump(
    mut pipe: impl AsyncRead + Unpin,
    source: Source,
    send: mpsc::Sender<Event>,
    mut over: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut left = LEFT_IN_PIPE;
    let mut is_over = false;
    loop {
        let read = if is_over {
            match timeout(LINGER, pipe.read(&mut buffer)).await {
                Ok(read) if left > 0 => read,
                _ => {
                    let _ = send.send(Event::HeldOpen).await;
                    return;
                }
            }
        } else {
            tokio::select! {
                read = pipe.read(&mut buffer) => read,
                _ = over.wait_for(|over| *over) => {
                    is_over = true;
                    continue;
                }
            }
        };
        let Ok(length @ 1..) = read else { return };
        if is_over {
            left = left.saturating_sub(length);
        }
        if send
            .send(Event::Output(source, buffer[..length].to_vec()))
            .await
            .is_err()
        {
            return;
        }
    }
}
