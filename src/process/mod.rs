//! Running a program: by its argument list, never through a shell; in a process group of its own, which
//! is ended as a whole when time is over or the run is stopped.
//!
//! The program inherits this process's environment (plus `env`, or without it under `clear_env`). It
//! has no terminal to read from: its input is closed, or is the given text. That it ended with another
//! code than 0 is a result; [`Outcome::check`] turns it into an error for those who want one.
//!
//! A program that was started is always waited for. What it leaves running in the background when it
//! ends by itself is left alone, and cannot hold the caller up by keeping the output open.

mod child;
mod code;
mod error;
mod find;
mod output;

pub use code::exit_meaning;
pub use error::Error;
pub use find::find;
pub use output::{Line, Source};

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::run::Cx;
use child::{End, Event};
use output::{Kept, Lines};

/// How to run a program.
#[derive(Clone)]
pub struct Options {
    /// Where; `None` is here.
    pub cwd: Option<PathBuf>,
    /// Added to the environment; `None` takes a variable out.
    pub env: Vec<(String, Option<String>)>,
    /// Starts from an empty environment instead of this process's own.
    pub clear_env: bool,
    /// Fed to its input, which is closed then; `None` closes it at once.
    pub stdin: Option<String>,
    /// After that the group is ended.
    pub timeout: Option<Duration>,
    /// As much of each output is kept; the rest is read and dropped, so that the program does not block.
    pub max_output: usize,
    /// Sends its errors into its output, in the order of writing.
    pub combine: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cwd: None,
            env: Vec::new(),
            clear_env: false,
            stdin: None,
            timeout: None,
            max_output: 1 << 20,
            combine: false,
        }
    }
}

impl std::fmt::Debug for Options {
    /// Without the environment's values and the input: passwords travel there.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("cwd", &self.cwd)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The program, as asked.
    pub program: String,
    /// Whether it ended by itself with code 0.
    pub ok: bool,
    /// Its code; nothing when a signal ended it.
    pub exit_code: Option<i64>,
    /// The signal that ended it: `SIGKILL`.
    pub signal: Option<String>,
    /// Its output; what is not UTF-8 is replaced. Empty when streamed.
    pub stdout: String,
    /// Its errors; empty when combined or streamed.
    pub stderr: String,
    /// From start to end.
    pub ms: i64,
    /// Whether output is missing: beyond `max_output`, or in a pipe that something in the background keeps open.
    pub truncated: bool,
    /// Whether it was ended because its time was over.
    pub timed_out: bool,
}

impl Outcome {
    /// An error unless it ended well.
    pub fn check(self) -> Result<Self, Error> {
        if self.timed_out {
            return Err(Error::TimedOut {
                program: self.program,
                ms: self.ms,
            });
        }
        if self.ok {
            return Ok(self);
        }
        let said = if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        Err(Error::Ended {
            last_line: output::last_line(said),
            meaning: match (self.exit_code, &self.signal) {
                (Some(code), _) => exit_meaning(code).to_owned(),
                (None, signal) => format!("ended by {}", signal.as_deref().unwrap_or("a signal")),
            },
            code: self.exit_code,
            program: self.program,
        })
    }
}

/// Runs a program to its end and keeps its output.
pub fn run(cx: &Cx, argv: &[String], options: &Options) -> Result<Outcome, Error> {
    let mut stdout = Kept::new(options.max_output);
    let mut stderr = Kept::new(options.max_output);
    let mut outcome = follow(cx, argv, options, &mut |source, bytes| {
        match source {
            Source::Stdout => stdout.add(bytes),
            Source::Stderr => stderr.add(bytes),
        }
        ControlFlow::Continue(())
    })?;
    outcome.truncated |= stdout.is_cut() || stderr.is_cut();
    outcome.stdout = stdout.into_text();
    outcome.stderr = stderr.into_text();
    Ok(outcome)
}

/// Runs a program and hands its output over line by line, in batches as it comes. `Break` ends the
/// program. While the callback works the program may block on its output: nothing is dropped.
pub fn stream(
    cx: &Cx,
    argv: &[String],
    options: &Options,
    on_lines: &mut dyn FnMut(&[Line]) -> ControlFlow<()>,
) -> Result<Outcome, Error> {
    let mut stdout = Lines::new(Source::Stdout);
    let mut stderr = Lines::new(Source::Stderr);
    let mut broken = false;
    let outcome = follow(cx, argv, options, &mut |source, bytes| {
        let lines = match source {
            Source::Stdout => stdout.add(bytes),
            Source::Stderr => stderr.add(bytes),
        };
        let flow = if lines.is_empty() {
            ControlFlow::Continue(())
        } else {
            on_lines(&lines)
        };
        broken |= flow.is_break();
        flow
    })?;
    let rest: Vec<_> = stdout.end().into_iter().chain(stderr.end()).collect();
    if !broken && !rest.is_empty() {
        let _ = on_lines(&rest);
    }
    Ok(outcome)
}

/// Runs a program and hands its output over as it comes.
fn follow(
    cx: &Cx,
    argv: &[String],
    options: &Options,
    on_output: &mut dyn FnMut(Source, &[u8]) -> ControlFlow<()>,
) -> Result<Outcome, Error> {
    cx.check()?;
    let program = match argv.first().map(String::as_str) {
        None | Some("") => return Err(Error::NoProgram),
        Some(program) => program.to_owned(),
    };
    if argv.iter().any(|a| a.contains('\0')) {
        return Err(Error::BadArgument {
            program,
            why: "an argument holds a NUL byte",
        });
    }
    let bad_name = |name: &str| name.is_empty() || name.contains(['=', '\0']);
    let bad_value = |value: &Option<String>| value.as_ref().is_some_and(|v| v.contains('\0'));
    if options
        .env
        .iter()
        .any(|(name, value)| bad_name(name) || bad_value(value))
    {
        return Err(Error::BadArgument {
            program,
            why: "`env` holds a name or a value that no environment takes",
        });
    }
    let began = Instant::now();
    // The task ends by itself soon after the branch is stopped (it ends the group and reaps), so this
    // waits for it and not for the stop: a return before the reaping would leave the program behind.
    let mut events = child::start(cx.cancel(), argv, options);
    let mut truncated = false;
    let mut wanted = true;
    while let Some(event) = events.next() {
        match event {
            Event::Output(source, bytes) => {
                if wanted && on_output(source, &bytes).is_break() {
                    wanted = false;
                    events.enough();
                }
            }
            Event::HeldOpen => truncated = true,
            Event::NotStarted(error) => return Err(Error::start(program, options, &error)),
            Event::Ended(End::Stopped(stop), _) => return Err(stop.into()),
            Event::Ended(end, status) => {
                let (exit_code, signal) = code::read(status);
                return Ok(Outcome {
                    ok: exit_code == Some(0) && end == End::Exited,
                    exit_code,
                    signal,
                    stdout: String::new(),
                    stderr: String::new(),
                    ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
                    truncated,
                    timed_out: end == End::TimedOut,
                    program,
                });
            }
        }
    }
    Err(Error::Lost { program })
}
