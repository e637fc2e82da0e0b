//! The script's thread, and how it ends: by itself, at its deadline, at a signal; then the clean-up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rhai::{Dynamic, Engine, EvalAltResult, Scope};

use super::program::Program;
use crate::api::{self, Branch, Cleanup, Interrupts};
use crate::gate::{Flight, Run};
use crate::run::{Cancel, Stop};

/// What a script gave or threw, and its variables at the end.
pub(super) type Answer = (Result<Dynamic, Box<EvalAltResult>>, Scope<'static>);

/// What the host's thread waits for.
pub(super) enum Event {
    /// The script ended.
    Finished(Box<Answer>),
    /// A signal came.
    Signal(i32),
}

/// The stack of the script's thread: 2 MiB overflows a debug build at a call depth of 64.
pub const SCRIPT_STACK: usize = 16 << 20;

/// Starts the program's script on a thread of its own, with the variables of `scope`.
pub(super) fn start(
    program: Arc<Program>,
    engine: Arc<Engine>,
    branch: Branch,
    mut scope: Scope<'static>,
    send: Sender<Event>,
) {
    let failed = send.clone();
    let spawned = std::thread::Builder::new()
        .name("script".into())
        .stack_size(SCRIPT_STACK)
        .spawn(move || {
            // A panic must end the run, not leave the host waiting for an answer.
            let answer = catch_unwind(AssertUnwindSafe(|| match program.unit(&program.main) {
                Some(unit) => api::enter(branch, || {
                    engine.eval_ast_with_scope::<Dynamic>(&mut scope, &unit.ast)
                }),
                None => Ok(Dynamic::UNIT),
            }))
            .unwrap_or_else(|_| Err("a defect in tradeops: the script's thread panicked".into()));
            let _ = send.send(Event::Finished(Box::new((answer, scope))));
        });
    if let Err(error) = spawned {
        let answer = Err(format!("cannot start a thread: {error}").into());
        let _ = failed.send(Event::Finished(Box::new((answer, Scope::new()))));
    }
}

/// Sends every SIGINT, SIGTERM and SIGHUP on.
pub(super) fn watch_signals(send: Sender<Event>) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    let _ = std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if send.send(Event::Signal(signal)).is_err() {
                    return;
                }
            }
        });
}

/// How long a stopped script may take to notice. A call that takes longer is abandoned.
const GRACE: Duration = Duration::from_millis(120);

/// What the host has when the script's thread is done, or given up.
pub(super) struct Waited {
    pub answer: Option<Answer>,
    /// What was being carried out when it was stopped.
    pub flights: Vec<Arc<Flight>>,
    /// A second signal came: nothing more is waited for.
    pub twice: bool,
}

/// Waits for the script to end, and stops it at its deadline or at a signal.
pub(super) fn wait(
    run: &Run,
    cancel: &Cancel,
    until: Option<Instant>,
    events: &Receiver<Event>,
) -> Waited {
    let mut flights = Vec::new();
    let waited = |answer, flights, twice| Waited {
        answer,
        flights,
        twice,
    };
    let mut abandon: Option<Instant> = None;
    loop {
        let wake = match (abandon, until) {
            (Some(at), _) => Some(at),
            (None, Some(at)) => Some(at),
            (None, None) => None,
        };
        let event = match wake {
            Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
            // Waking now and then costs nothing and finds a doom that another thread set.
            None => events.recv_timeout(Duration::from_secs(3600)),
        };
        let stop = match event {
            Ok(Event::Finished(answer)) => return waited(Some(*answer), flights, false),
            Ok(Event::Signal(signal)) => {
                if abandon.is_some() {
                    return waited(None, flights, true);
                }
                if signal == signal_hook::consts::SIGINT {
                    // Somebody for whom that is the normal end, such as a follow of logs.
                    if run
                        .resources()
                        .get::<Interrupts>()
                        .is_some_and(|claims| claims.tell())
                    {
                        continue;
                    }
                    Stop::Interrupted
                } else {
                    Stop::Terminated
                }
            }
            Err(RecvTimeoutError::Timeout) if abandon.is_some() => {
                return waited(None, flights, false);
            }
            Err(RecvTimeoutError::Timeout) if until.is_some() => Stop::Deadline,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return waited(None, flights, false),
        };
        flights = run.flights();
        cancel.stop(stop);
        abandon = Some(Instant::now() + GRACE);
    }
}

/// Runs what the script registered, the last first, on a branch of its own: the run's is stopped.
pub(super) fn clean_up(
    run: &Arc<Run>,
    engine: &Arc<Engine>,
    events: &Receiver<Event>,
) -> Vec<String> {
    let Some(cleanup) = run.resources().get::<Cleanup>() else {
        return Vec::new();
    };
    let closures = cleanup.take();
    if closures.is_empty() {
        return Vec::new();
    }
    run.begin_cleanup();
    let budget = closures.iter().map(|c| c.limit).max().unwrap_or_default();
    let cx = run.cx().with_cancel(Cancel::root().child_within(budget));
    let (send, done) = mpsc::channel();
    let (engine, run, names) = (engine.clone(), run.clone(), closures.len());
    let _ = std::thread::Builder::new()
        .stack_size(SCRIPT_STACK)
        .spawn(move || {
            for entry in closures.into_iter().rev() {
                let answer = entry.run(&engine, &run, &cx);
                let _ = send.send(answer.map_err(|failure| failure.message));
            }
        });
    let end = Instant::now() + budget + GRACE;
    let mut left = Vec::new();
    let mut ended = 0;
    while ended < names {
        // A signal that comes now means: at once.
        if let Ok(Event::Signal(_)) = events.try_recv() {
            left.push(format!(
                "interrupted, {} not run to the end",
                count(names - ended)
            ));
            break;
        }
        match done.recv_timeout(NOTICE) {
            Ok(answer) => {
                ended += 1;
                left.extend(answer.err());
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
            Err(RecvTimeoutError::Timeout) => {
                left.push(format!("{} did not end in time", count(names - ended)));
                break;
            }
            Err(RecvTimeoutError::Disconnected) => {
                left.push(format!("{} could not be run", count(names - ended)));
                break;
            }
        }
    }
    left
}

/// How soon a signal during clean-up is noticed. A closure that ends is noticed at once.
const NOTICE: Duration = Duration::from_millis(10);

fn count(closures: usize) -> String {
    let plural = if closures == 1 { "" } else { "s" };
    format!("{closures} clean-up closure{plural}")
}
