//! `proc::` - running programs.

use std::ops::ControlFlow;
use std::path::PathBuf;

use rhai::{Array, Dynamic};

use super::{
    Args, Call, Failure, Kind, Namespace, Param, Primitive, Shape, Ty, field, option, param,
};
use crate::gate::Blast;
use crate::process::{self, Error, Options, Outcome};

static RESULT: Shape = Shape {
    name: "ProgramResult",
    doc: "How a program ended and what it wrote.",
    fields: &[
        field("program", Ty::Str, "the program, as asked"),
        field("ok", Ty::Bool, "whether it ended by itself with code 0"),
        field(
            "exit_code",
            Ty::Opt(&Ty::Int),
            "its code; `()` when a signal ended it",
        ),
        field(
            "signal",
            Ty::Opt(&Ty::Str),
            "the signal that ended it, such as `SIGKILL`",
        ),
        field("stdout", Ty::Str, "its output; empty when it was streamed"),
        field(
            "stderr",
            Ty::Str,
            "its errors; empty when they were combined or streamed",
        ),
        field("ms", Ty::Int, "from start to end, in milliseconds"),
        field(
            "truncated",
            Ty::Bool,
            "whether output is missing: beyond `max_output`, or in a pipe that something in the background kept open",
        ),
        field(
            "timed_out",
            Ty::Bool,
            "whether it was ended because its `timeout` was over",
        ),
    ],
};

static LINE: Shape = Shape {
    name: "ProgramLine",
    doc: "One line of a running program.",
    fields: &[
        field("source", Ty::OneOf(&["stdout", "stderr"]), "which output"),
        field("text", Ty::Str, "the line without its end"),
    ],
};

const ARGV: Param = param(
    "argv",
    Ty::List(&Ty::Str),
    "the program and its arguments; no shell sees them",
);
const CWD: Param = option(
    "cwd",
    Ty::Opt(&Ty::Str),
    "()",
    "the folder to run in; a program named by a relative path is looked for there",
);
const ENV: Param = option(
    "env",
    Ty::Opt(&Ty::Map),
    "()",
    "added to the environment that it inherits; `()` takes a variable out",
);
const CLEAR_ENV: Param = option(
    "clear_env",
    Ty::Bool,
    "false",
    "inherit nothing: only `env` is set",
);
const STDIN: Param = option(
    "stdin",
    Ty::Opt(&Ty::Str),
    "()",
    "fed to its input; without it the input is closed",
);
const TIMEOUT: Param = option(
    "timeout",
    Ty::Opt(&Ty::Duration),
    "()",
    "after that its whole group gets SIGTERM, and SIGKILL a second later",
);
const COMBINE: Param = option(
    "combine",
    Ty::Bool,
    "false",
    "send its errors into its output, in the order of writing",
);
const CHECK: Param = option(
    "check",
    Ty::Bool,
    "false",
    "throw `failed` when it does not end with code 0, `timeout` when its time was over",
);

const ERRORS: &[Kind] = &[
    Kind::NotFound,
    Kind::Refused,
    Kind::Invalid,
    Kind::Failed,
    Kind::Timeout,
];

/// The functions of `proc::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "proc",
    doc: "Running programs by their argument list, never through a shell. Capabilities are scoped by the program's \
          file name: `proc.change@pg_dump`. A program runs in a process group of its own, which is ended as a whole \
          when its time is over or the run is stopped.",
    shapes: &[&RESULT, &LINE],
    primitives: &[
        Primitive {
            name: "run",
            params: &[ARGV],
            options: &[
                CWD,
                ENV,
                CLEAR_ENV,
                STDIN,
                TIMEOUT,
                COMBINE,
                CHECK,
                option(
                    "max_output",
                    Ty::Size,
                    "\"1MiB\"",
                    "as much of each output is kept; the rest is read and dropped",
                ),
            ],
            returns: Ty::Record(&RESULT),
            errors: ERRORS,
            doc: "Runs a program to its end and returns how it ended and what it wrote.\n\
                  Ending with another code than 0 is a result, not an error, unless `check` is set. `not_found`: there is \
                  no such program; `refused`: it may not be run. What it leaves in the background is left alone.",
            example: r#"let r = proc::run(["uname", "-s"], #{ timeout: "5s" });
if r.ok { print(r.stdout); }"#,
            target,
            preview: Some(preview),
            call: |call| {
                let a = call.args();
                let outcome = process::run(
                    call.cx(),
                    &a.strs("argv"),
                    &options(a, a.size("max_output")),
                )?;
                finish(a, outcome)
            },
            ..Primitive::CHANGE
        },
        Primitive {
            name: "stream",
            params: &[
                ARGV,
                param(
                    "on_lines",
                    Ty::Closure,
                    "gets a list of lines each time some have come; `false` ends the program",
                ),
            ],
            options: &[CWD, ENV, CLEAR_ENV, STDIN, TIMEOUT, COMBINE, CHECK],
            returns: Ty::Record(&RESULT),
            errors: ERRORS,
            doc: "Runs a program and hands its output to a closure line by line, in batches, while it runs.\n\
                  No line is dropped: while the closure works the program may have to wait. When the closure throws, the \
                  program is ended and the error goes on.",
            example: r#"proc::stream(["printf", "a\nb\n"], |lines| { for l in lines { print(l.text); } });"#,
            target,
            preview: Some(preview),
            call: stream,
            ..Primitive::CHANGE
        },
        Primitive {
            name: "exit_meaning",
            params: &[param(
                "code",
                Ty::Int,
                "an exit code, as a program or a container reports it",
            )],
            returns: Ty::Str,
            doc: "The usual meaning of an exit code, in a few words: 137 is `SIGKILL: killed (out of memory?)`.",
            example: r"proc::exit_meaning(137)",
            call: |call| Ok(process::exit_meaning(call.args().int("code")).into()),
            ..Primitive::PURE
        },
    ],
};

fn target(a: &Args) -> String {
    let program = a.strs("argv").first().cloned().unwrap_or_default();
    format!("proc/{}", program.rsplit('/').next().unwrap_or_default())
}

fn preview(call: &Call<'_>) -> Result<Blast, Failure> {
    let program = call
        .args()
        .strs("argv")
        .first()
        .cloned()
        .unwrap_or_default();
    let found = process::find(&program).map(|path| path.display().to_string());
    Ok(Blast {
        summary: match &found {
            Some(path) => format!("runs `{path}`"),
            None => format!("there is no program `{program}` to run"),
        },
        identity: found.unwrap_or_default(),
        ..Blast::default()
    })
}

fn options(a: &Args, max_output: u64) -> Options {
    Options {
        cwd: a.opt_str("cwd").map(PathBuf::from),
        env: a
            .map("env")
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    (!value.is_unit()).then(|| value.to_string()),
                )
            })
            .collect(),
        clear_env: a.bool("clear_env"),
        stdin: a.opt_str("stdin").map(str::to_owned),
        timeout: a.opt_duration("timeout"),
        max_output: usize::try_from(max_output).unwrap_or(usize::MAX),
        combine: a.bool("combine"),
    }
}

fn finish(a: &Args, outcome: Outcome) -> super::Answer {
    let outcome = if a.bool("check") {
        outcome.check()?
    } else {
        outcome
    };
    Ok(RESULT.record(&outcome))
}

fn stream(call: &Call<'_>) -> super::Answer {
    let a = call.args();
    let mut thrown = None;
    let outcome = process::stream(call.cx(), &a.strs("argv"), &options(a, 0), &mut |lines| {
        let Some(on_lines) = a.closure("on_lines") else {
            return ControlFlow::Break(());
        };
        let batch: Array = lines.iter().map(|line| LINE.record(line)).collect();
        match call.invoke(on_lines, vec![Dynamic::from_array(batch)]) {
            Ok(answer) if answer.as_bool() == Ok(false) => ControlFlow::Break(()),
            Ok(_) => ControlFlow::Continue(()),
            Err(failure) => {
                thrown = Some(failure);
                ControlFlow::Break(())
            }
        }
    });
    if let Some(failure) = thrown {
        return Err(failure);
    }
    finish(a, outcome?)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::NoProgram | Error::BadArgument { .. } => Self::invalid(text),
            Error::NotFound { by_path: false, .. } => Self::new(Kind::NotFound, text)
                .hint("it is in no folder of `PATH`: install it, or name it by its path"),
            Error::NotFound { .. } | Error::NoFolder { .. } => Self::new(Kind::NotFound, text),
            Error::NoInterpreter { .. } => {
                Self::new(Kind::NotFound, text).hint("look at its first line (`#!`)")
            }
            Error::NotAllowed { .. } => {
                Self::new(Kind::Refused, text).hint("is it executable, and is this the right user?")
            }
            Error::NotStarted { .. } => Self::new(Kind::Failed, text),
            Error::Ended { code, .. } => {
                let failure = Self::new(Kind::Failed, text);
                match code {
                    Some(code) => failure.status(code),
                    None => failure,
                }
            }
            Error::TimedOut { .. } => Self::new(Kind::Timeout, text),
            Error::Lost { .. } => Self::new(Kind::Unknown, text),
        }
    }
}
