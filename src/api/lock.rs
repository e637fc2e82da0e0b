//! `lock::` - one run at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Args, Call, Failure, Kind, Namespace, Param, Primitive, Shape, Ty, field, option, param,
};
use crate::files::real_parent;
use crate::gate::{Access, Blast};
use crate::lock::{self, Error, Lock, Sharing, State};

static LOCK: Shape = Shape {
    name: "Lock",
    doc: "A lock that this run holds until it is released or the run ends.",
    fields: &[
        field("id", Ty::Str, "names this hold within the run"),
        field("path", Ty::Str, "the lock file, absolute"),
        field("since", Ty::Time, "since when it is held"),
    ],
};

static RELEASED: Shape = Shape {
    name: "Released",
    doc: "A lock that was given back.",
    fields: &[
        field("path", Ty::Str, "the lock file"),
        field("held_ms", Ty::Int, "how long it was held, in milliseconds"),
    ],
};

static HOLDER: Shape = Shape {
    name: "LockHolder",
    doc: "Who holds a lock. The kernel says whether; the rest is `()` when the lock is free or its holder has not said it.",
    fields: &[
        field("path", Ty::Str, "the lock file, absolute"),
        field(
            "state",
            Ty::OneOf(&["held", "free"]),
            "whether anybody holds it",
        ),
        field("pid", Ty::Opt(&Ty::Int), "the holder's process"),
        field("host", Ty::Opt(&Ty::Str), "the holder's host"),
        field("boot_id", Ty::Opt(&Ty::Str), "the boot in which it runs"),
        field(
            "start_ticks",
            Ty::Opt(&Ty::Int),
            "when its process started, in kernel ticks since the boot",
        ),
        field("since", Ty::Opt(&Ty::Time), "since when it has the lock"),
        field(
            "command",
            Ty::Opt(&Ty::Str),
            "the start of its command line",
        ),
        field("note", Ty::Opt(&Ty::Str), "what it said it is doing"),
        field(
            "share",
            Ty::Bool,
            "whether it is held with `share`, so that others may hold it, too",
        ),
        field(
            "others",
            Ty::List(&Ty::Int),
            "the processes of this host that hold it beside this one",
        ),
    ],
};

const PATH: Param = param(
    "path",
    Ty::Str,
    "the lock file; made if it is missing, and left behind empty",
);

const OPTIONS: &[Param] = &[
    option(
        "wait",
        Ty::Opt(&Ty::Duration),
        "()",
        "how long to wait for another holder; without it a held lock fails at once",
    ),
    option(
        "note",
        Ty::Opt(&Ty::Str),
        "()",
        "what is being done, for whoever finds the lock held",
    ),
    option(
        "share",
        Ty::Bool,
        "false",
        "others may hold it shared at the same time, and nobody alone; who wants it alone waits for all of them",
    ),
];

const ERRORS: &[Kind] = &[
    Kind::Held,
    Kind::Refused,
    Kind::Invalid,
    Kind::NotFound,
    Kind::Failed,
];

/// The functions of `lock::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "lock",
    doc: "Locks between runs, also of other tools on this host: the kernel's advisory lock (`flock`) on a file. \
          The death of a holder, by whatever signal, releases its lock, and no age makes one stale. On NFS it works \
          between hosts unless the mount says `nolock` or `local_lock`; a local folder is the better place.",
    shapes: &[&LOCK, &RELEASED, &HOLDER],
    primitives: &[
        Primitive {
            name: "acquire",
            params: &[PATH],
            options: OPTIONS,
            returns: Ty::Record(&LOCK),
            errors: ERRORS,
            doc: "Takes a lock, and holds it until `lock::release` or the end of the run.\n\
                  `held` names the holder's pid, host, command and since when. Symbolic links, folders, files that hold \
                  something else, and other people's files in a folder that everybody can write are refused. Taking a \
                  lock that this run has already is `held`, too.",
            example: r#"let l = lock::acquire("/tmp/tradeops-example.lock", #{ wait: "2s", note: "example" });
lock::release(l);"#,
            target,
            preview: Some(preview),
            call: |call| {
                let a = call.args();
                let lock = take(call, a)?;
                let record = LOCK.record(&serde_json::json!({
                    "id": lock.id(), "path": lock.path().display().to_string(), "since": lock.since(),
                }));
                locks(&held(call)).insert(lock.id().to_owned(), lock);
                Ok(record)
            },
            ..Primitive::CHANGE
        },
        Primitive {
            name: "release",
            params: &[param(
                "lock",
                Ty::Record(&LOCK),
                "what `lock::acquire` gave",
            )],
            access: Access::Local,
            returns: Ty::Record(&RELEASED),
            errors: &[Kind::Conflict],
            doc: "Gives a lock back that this run holds.\n`conflict` when it does not hold it (any more).",
            example: r#"lock::release(lock::acquire("/tmp/tradeops-example-2.lock"));"#,
            call: |call| {
                let record = call.args().record("lock");
                if record.planned {
                    return Ok(RELEASED.planned());
                }
                let id = record.str("id");
                let lock = locks(&held(call)).remove(&id);
                let Some(lock) = lock else {
                    return Err(Failure::new(
                        Kind::Conflict,
                        format!("this run does not hold the lock `{}`", record.str("path")),
                    )
                    .hint("it was released already"));
                };
                let held_ms = (call.cx().now() - lock.since()).num_milliseconds();
                let path = lock.path().display().to_string();
                lock.release();
                Ok(RELEASED.record(&serde_json::json!({ "path": path, "held_ms": held_ms })))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "scoped",
            params: &[
                PATH,
                param("body", Ty::Closure, "runs while the lock is held"),
            ],
            options: OPTIONS,
            // Not `change`: in plan mode the body must run, so that what it would change is planned.
            capability: Some("lock.change"),
            returns: Ty::Any,
            errors: ERRORS,
            doc: "Holds a lock while a closure runs, and returns what the closure returns.\n\
                  The lock is released also when the closure throws. In plan mode the closure runs without the lock.",
            example: r#"let n = lock::scoped("/tmp/tradeops-example-3.lock", || 1 + 1);"#,
            target,
            call: |call| {
                let a = call.args();
                let _lock = if call.run().mode().is_plan() {
                    None
                } else {
                    Some(take(call, a)?)
                };
                a.closure("body")
                    .map_or(Ok(rhai::Dynamic::UNIT), |body| call.invoke(body, vec![]))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "holder",
            params: &[param(
                "path",
                Ty::Str,
                "the lock file; a missing one is a free lock",
            )],
            returns: Ty::Record(&HOLDER),
            errors: &[Kind::Refused, Kind::Invalid, Kind::Failed],
            doc: "Who holds a lock, without taking it.\nThe kernel decides whether it is held; a text that a dead holder left in the file is not believed.",
            example: r#"if lock::holder("/tmp/tradeops-example.lock").state == "held" { print("busy"); }"#,
            target,
            call: |call| Ok(HOLDER.record(&lock::holder(Path::new(call.args().str("path")))?)),
            ..Primitive::READ
        },
    ],
};

/// The run's locks: dropped, and so released, with the run.
#[derive(Debug, Default)]
struct Held(Mutex<BTreeMap<String, Lock>>);

fn held(call: &Call<'_>) -> Arc<Held> {
    call.run().resources().get_or(Held::default)
}

fn locks(held: &Held) -> MutexGuard<'_, BTreeMap<String, Lock>> {
    held.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn target(a: &Args) -> String {
    format!("lock/{}", real_parent(Path::new(a.str("path"))).display())
}

fn take(call: &Call<'_>, a: &Args) -> Result<Lock, Error> {
    lock::acquire(
        call.cx(),
        Path::new(a.str("path")),
        a.opt_duration("wait"),
        a.opt_str("note"),
        if a.bool("share") {
            Sharing::Shared
        } else {
            Sharing::Exclusive
        },
    )
}

fn preview(call: &Call<'_>) -> Result<Blast, Failure> {
    let holder = lock::holder(Path::new(call.args().str("path")))?;
    Ok(Blast {
        summary: match (holder.state, holder.pid) {
            (State::Free, _) => "the lock is free".into(),
            (State::Held, Some(pid)) => format!("the lock is held by pid {pid} now"),
            (State::Held, None) => "the lock is held now".into(),
        },
        ..Blast::default()
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::Held { ours: true, .. } => Self::new(Kind::Held, text)
                .hint("this run has it: release it first, or take it once around both parts"),
            Error::Held { .. } => Self::new(Kind::Held, text)
                .hint("wait for it with `#{ wait: \"5m\" }`, or look at that process; its end frees the lock"),
            Error::NotALock { .. } => Self::invalid(text).hint("choose a path that nothing else uses"),
            Error::NoFolder(_) => Self::new(Kind::NotFound, text).hint("make the folder first"),
            Error::NotAllowed { .. } => Self::new(Kind::Refused, text),
            Error::Failed { .. } => Self::new(Kind::Failed, text),
        }
    }
}
