//! `logs::` - the lines of containers and files: shown, counted, or handed to a script.

mod options;
mod shapes;
mod sink;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rhai::Dynamic;
use serde_json::json;

use self::options::{OPTIONS, SHOWN, TAIL_OPTIONS, TAIL_SHOWN};
use self::shapes::{COUNTS, RECORD, SEEN, SUMMARY};
use self::sink::{Batches, Secrets};
use super::docker::{engine, learn_secrets};
use super::task::closure;
use super::{
    Answer, Args, Call, Failure, Interrupts, Kind, Namespace, Param, Primitive, Ty, param,
};
use crate::gate::{Access, Op};
use crate::logs::{self, End, Error, Input, Scan, Sequence, Sink, Sources, Tail, Tally, View};

const TARGETS: Param = param(
    "targets",
    Ty::List(&Ty::Map),
    "whose: `#{ name: \"api\", project: \"p\", service: \"api\" }` is a compose service under the name that is shown, `#{ name: \"x\" }` the container of that name",
);
const PATHS: Param = param(
    "paths",
    Ty::List(&Ty::Str),
    "the files, read one after the other: plain, gzip or zstd, told apart by their first bytes; `\"-\"` is standard input",
);
const WORK: Param = param(
    "work",
    Ty::Closure,
    "called with a list of `LogRecord`s at a time, on this thread; `false` ends the reading",
);

const FILE_ERRORS: &[Kind] = &[Kind::NotFound, Kind::Refused, Kind::Invalid, Kind::Failed];
const ENGINE_ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Refused,
    Kind::Timeout,
    Kind::NotFound,
    Kind::Invalid,
    Kind::Failed,
];

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "logs",
    doc: "The logs of many containers as one, and of files. Lines are read as records, a stack trace with its head; each has \
          a level, from a field (JSON, logfmt), from the prefix of its logger (klog, Postgres, the JVM, Python, Rust, Redis, \
          ...) or from a word, which is a guess. Of containers, history comes in the order of the engine's time; a follow goes \
          on through restarts, new containers and an engine that comes back, and loses and doubles no line.",
    primitives: &[
        Primitive {
            name: "show",
            params: &[TARGETS],
            options: TAIL_SHOWN,
            capability: Some("docker.read"),
            returns: Ty::Record(&SUMMARY),
            errors: ENGINE_ERRORS,
            doc: "Shows the logs of containers, and says what it came to.\nWith `follow` Ctrl-C is the normal end, and the script goes on after it. When the reader of the output is too slow, the least bad lines are left out and counted; errors never are.",
            example: "let s = logs::show([#{ name: \"trading-redis\" }], #{ since: \"10m\", level: \"warn\" });\nprint(`${s.errors} errors in ${s.lines} lines`);",
            target: |_| "docker".into(),
            call: |call| {
                let view = options::view(call)?;
                let mut output = logs::Output::new(&view, std::io::stdout());
                tail(call, &mut output)
            },
            ..Primitive::READ
        },
        Primitive {
            name: "tail",
            params: &[TARGETS, WORK],
            options: TAIL_OPTIONS,
            capability: Some("docker.read"),
            returns: Ty::Record(&SUMMARY),
            errors: ENGINE_ERRORS,
            doc: "Hands the logs of containers to a function, and says what it came to.",
            example: "let slow = 0;\nlogs::tail([#{ name: \"trading-redis\" }], |batch| { for r in batch { print(r.message); } }, #{ since: \"5m\", level: \"error\" });",
            target: |_| "docker".into(),
            call: |call| batches(call, tail),
            ..Primitive::READ
        },
        Primitive {
            name: "show_files",
            params: &[PATHS],
            options: SHOWN,
            capability: Some("fs.read"),
            returns: Ty::Record(&SUMMARY),
            errors: FILE_ERRORS,
            doc: "Shows the lines of files, and says what it came to.\nOf a file `since` and `before` look at the time that each record says; one that says none is left out then.",
            example: "fs::write_text(\"/tmp/tradeops-example.log\", \"INFO: fine\\nERROR: not fine\\n\");\nlogs::show_files([\"/tmp/tradeops-example.log\"], #{ level: \"error\" }).errors",
            target: first_file,
            vet: Some(other_files),
            call: |call| {
                let view = options::view(call)?;
                let mut output = logs::Output::new(&view, std::io::stdout());
                scan(call, &mut output, Some(&view))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "scan",
            params: &[PATHS, WORK],
            options: OPTIONS,
            capability: Some("fs.read"),
            returns: Ty::Record(&SUMMARY),
            errors: FILE_ERRORS,
            doc: "Hands the records of files to a function, and says what it came to.",
            example: "fs::write_text(\"/tmp/tradeops-example-2.log\", \"{\\\"level\\\":\\\"error\\\",\\\"status\\\":500}\\n\");\nlogs::scan([\"/tmp/tradeops-example-2.log\"], |batch| { for r in batch { print(r.fields.status); } }, #{ condition: \"status >= 500\" }).shown",
            target: first_file,
            vet: Some(other_files),
            call: |call| batches(call, |call, sink| scan(call, sink, None)),
            ..Primitive::READ
        },
    ],
    shapes: &[&RECORD, &COUNTS, &SEEN, &SUMMARY],
};

fn place(path: &str) -> String {
    match path {
        "-" => "fs/-".into(),
        path => super::fs::place(path),
    }
}

fn first_file(args: &Args) -> String {
    args.strs("paths")
        .first()
        .map(|path| place(path))
        .unwrap_or_default()
}

/// The other files are no less to be allowed than the first.
fn other_files(call: &Call<'_>) -> Result<(), String> {
    for path in call.args().strs("paths") {
        let op = Op {
            namespace: "logs",
            verb: "scan",
            access: Access::Read,
            capability: "fs.read".into(),
            target: place(&path),
            args: serde_json::Value::Null,
            site: call.site().clone(),
        };
        call.frame()
            .grants
            .check(&op)
            .map_err(|denial| denial.message)?;
    }
    Ok(())
}

/// Runs a reading whose records go to the script's function.
fn batches(call: &Call<'_>, read: impl FnOnce(&Call<'_>, &mut dyn Sink) -> Answer) -> Answer {
    let work = closure(call, "work")?;
    let mut sink = Batches::new(call, &work);
    let answer = read(call, &mut sink);
    // What the function threw is why it ended.
    match sink.thrown() {
        Some(failure) => Err(failure),
        None => answer,
    }
}

fn tail(call: &Call<'_>, sink: &mut dyn Sink) -> Answer {
    let a = call.args();
    let targets = options::targets(call)?;
    let query = Arc::new(options::query(call, true)?);
    let order = options::order(call)?;
    let follow = a.bool("follow");
    let claim = if follow {
        call.run().resources().get_or(Interrupts::default).claim()
    } else {
        Arc::new(AtomicBool::new(false))
    };
    let run = call.run().clone();
    let engine = engine(call);
    let sources = Sources::default();
    let mut sequence = Sequence::new(&sources, order.clone(), sink);
    let tail = Tail {
        engine: &engine,
        targets: &targets,
        since: query.since,
        query,
        context: order.context > 0,
        follow,
        within: a.opt_duration("within"),
        markers: a.bool("markers"),
        direct: a.bool("direct"),
        times: a.bool("times"),
        found: &|detail| learn_secrets(run.redactor(), detail),
        interrupted: &claim,
    };
    let end = tail.run(call.cx(), &sources, &mut sequence);
    summary(end, sequence, &sources)
}

fn scan(call: &Call<'_>, sink: &mut dyn Sink, view: Option<&View>) -> Answer {
    let paths = call.args().strs("paths");
    let query = options::query(call, false)?;
    let order = options::order(call)?;
    let mut inputs = Vec::new();
    for path in paths {
        inputs.push(Input::open(&path).map_err(|error| Failure::from(Error::Input(path, error)))?);
    }
    let sources = Sources::default();
    let context = order.context > 0;
    let mut sequence = Sequence::new(&sources, order, sink);
    let scan = Scan {
        query: &query,
        view,
        context,
    };
    let end = scan.run(call.cx(), inputs, &sources, &mut sequence);
    summary(end, sequence, &sources)
}

fn summary(end: Result<End, Error>, sequence: Sequence<'_>, sources: &Sources) -> Answer {
    let closed = |error: &Error| matches!(error, Error::Output(io) if io.kind() == std::io::ErrorKind::BrokenPipe);
    let (end, tally) = match end {
        Ok(end) => match sequence.finish() {
            (tally, None) => (end, tally),
            (tally, Some(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                (End::Closed, tally)
            }
            (_, Some(error)) => return Err(Error::Output(error).into()),
        },
        Err(error) if closed(&error) => (End::Closed, sequence.abandon()),
        Err(error) => {
            // What was read until then is shown.
            let _ = sequence.finish();
            return Err(error.into());
        }
    };
    Ok(told(end, &tally, sources))
}

fn told(end: End, tally: &Tally, sources: &Sources) -> Dynamic {
    let names = sources.all();
    let name = |at: usize| {
        names
            .get(at)
            .map(|source| source.name.clone())
            .unwrap_or_default()
    };
    let sum = |of: fn(&logs::Counts) -> u64| tally.counts.iter().map(of).sum::<u64>();
    let counts: Vec<_> = (0..names.len())
        .map(|at| {
            let c = tally.counts.get(at).cloned().unwrap_or_default();
            json!({
                "source": name(at), "lines": c.lines, "shown": c.shown, "filtered": c.filtered, "dropped": c.dropped,
                "folded": c.folded, "errors": c.errors, "guessed": c.guessed, "allowed": c.allowed, "late": c.late,
            })
        })
        .collect();
    let seen: Vec<_> = tally
        .seen
        .iter()
        .map(|seen| {
            json!({
                "time": seen.at.map(logs::instant), "source": name(seen.source), "level": seen.level.as_str(),
                "guessed": seen.guessed, "text": seen.text,
            })
        })
        .collect();
    let top = tally.templates.top(10);
    let templates: Vec<_> = top
        .iter()
        .map(|(template, lines)| json!({ "template": template, "lines": lines }))
        .collect();
    SUMMARY.record(&json!({
        "ended": end.as_str(), "lines": sum(|c| c.lines), "shown": sum(|c| c.shown), "filtered": sum(|c| c.filtered),
        "dropped": sum(|c| c.dropped), "folded": sum(|c| c.folded), "errors": tally.errors, "awaited": tally.awaited,
        "sources": counts, "seen": seen, "templates": templates,
    }))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Input(_, io) => {
                let kind = match io.kind() {
                    std::io::ErrorKind::NotFound => Kind::NotFound,
                    std::io::ErrorKind::PermissionDenied => Kind::Refused,
                    std::io::ErrorKind::IsADirectory => Kind::Invalid,
                    _ => Kind::Failed,
                };
                Self::new(kind, text)
            }
            Error::Output(_) => Self::new(Kind::Failed, text),
            Error::Engine(error) => error.into(),
            Error::Stopped(stop) => stop.into(),
        }
    }
}
