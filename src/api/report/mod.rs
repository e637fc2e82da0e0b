//! `report::` - many checks at once, and the verdict that follows.

mod files;
mod graph;
mod watch;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rhai::{Dynamic, Map};

pub(crate) use self::files::{CheckFile, CheckFiles};
use self::graph::Graph;
pub(crate) use self::watch::Watched;
use super::call::thrown;
use super::task::{limited, snapshot, spread};
use super::{
    Call, Failure, Kind, Namespace, Output, Primitive, Record, Shape, Ty, field, option, param,
    to_json, units,
};
use crate::gate::Access;
use crate::report::{self, Check, Severity, Status, Style};

static CHECK: Shape = Shape {
    name: "Check",
    doc: "What one check found.",
    fields: &[
        field(
            "id",
            Ty::Str,
            "stable and unique within a report: `redis.container`",
        ),
        field("layer", Ty::Str, "the part of the report"),
        field("service", Ty::Str, "the service; empty for the machine"),
        field(
            "severity",
            Ty::OneOf(&["critical", "major", "minor"]),
            "how much it matters",
        ),
        field(
            "status",
            Ty::OneOf(&["ok", "degraded", "bad", "unknown", "skipped"]),
            "what was found",
        ),
        field("value", Ty::Any, "what was measured"),
        field("threshold", Ty::Any, "what it is held against"),
        field("evidence", Ty::Str, "what was asked and what came back"),
        field("remedy", Ty::Str, "what to do about it"),
        field("ms", Ty::Float, "how long it took, in milliseconds"),
        field(
            "needs",
            Ty::List(&Ty::Str),
            "the ids of the checks that it rests on: without them it is not made",
        ),
        field(
            "explained_by",
            Ty::List(&Ty::Str),
            "the ids of the checks that, when they are at least as bad, are the cause of what it found",
        ),
    ],
};

static CAUSE: Shape = Shape {
    name: "Cause",
    doc: "Something wrong that nothing else explains.",
    fields: &[
        field("id", Ty::Str, "the check that found it"),
        field("service", Ty::Str, "the service"),
        field("status", Ty::Str, "`bad`, `degraded` or `unknown`"),
        field("evidence", Ty::Str, "what was found"),
        field("remedy", Ty::Str, "what to do about it"),
        field(
            "explains",
            Ty::Int,
            "how many other checks were skipped, or not as they should be, because of it",
        ),
    ],
};

static REPORT: Shape = Shape {
    name: "Report",
    doc: "Findings and what follows from them. As the last value of a workflow it decides the exit code.",
    fields: &[
        field(
            "schema",
            Ty::Str,
            "name and version of this form: `tradeops.report/1`",
        ),
        field("workflow", Ty::Str, "the workflow that made it"),
        field(
            "verdict",
            Ty::OneOf(&["healthy", "degraded", "unhealthy", "unknown"]),
            "what all findings say",
        ),
        field("exit_code", Ty::Int, "0, 1, 2, 3 for the four verdicts"),
        field(
            "root_causes",
            Ty::List(&Ty::Record(&CAUSE)),
            "what is wrong and not explained by something else",
        ),
        field(
            "counts",
            Ty::Map,
            "`ok`, `degraded`, `bad`, `unknown`, `skipped`",
        ),
        field(
            "checks",
            Ty::List(&Ty::Record(&CHECK)),
            "every finding, in the order of the checks",
        ),
        field("started_at", Ty::Time, "when"),
        field("ms", Ty::Float, "how long it took, in milliseconds"),
    ],
};

pub(super) static NAMESPACE: Namespace = Namespace {
    name: "report",
    doc: "Checks, verdicts and root causes. Unhealthy is a bad check of critical severity; any other bad or degraded one, and a critical one that could not be made, is degraded; nothing known is unknown; skipped counts for nothing.",
    primitives: &[
        UNKNOWN,
        files::CHECKS,
        files::CONTEXT,
        watch::WATCH,
        Primitive {
            name: "run",
            params: &[
                param(
                    "checks",
                    Ty::List(&Ty::Map),
                    "maps with `id`, `layer`, and if wanted `service`, `severity` (major), `needs` and `explained_by` (ids), `timeout`; other keys are the closure's own",
                ),
                param(
                    "work",
                    Ty::Closure,
                    "called with one check, on a worker; gives `#{ status, value, threshold, evidence, remedy }`, of which all but `status` may be left out",
                ),
            ],
            options: &[
                option(
                    "deadline",
                    Ty::Opt(&Ty::Duration),
                    "()",
                    "checks that have not ended by then are `unknown`; the report still comes",
                ),
                option("limit", Ty::Int, "128", "how many at once"),
            ],
            access: Access::Local,
            returns: Ty::Record(&REPORT),
            doc: "Makes all checks at once and gives the report.\n\nA check begins when all that it `needs` have ended; if one of those is bad, unknown or skipped, it is `skipped` and says because of what. A check that is `explained_by` others is made all the same, but is no root cause of its own when one of them is at least as bad. A check that throws is `unknown`, with the error as its evidence: whether an unreachable service is bad is for the script to say.",
            example: "let r = report::run([#{ id: \"a\", layer: \"demo\" }], |check| #{ status: \"ok\", value: 1 });\nr.verdict",
            call: run,
            ..Primitive::PURE
        },
    ],
    shapes: &[&REPORT, &CHECK, &CAUSE, &files::CHECK_FILE],
};

const UNKNOWN: Primitive = Primitive {
    name: "unknown",
    params: &[
        param("id", Ty::Str, "what could not be asked: `engine`"),
        param("why", Ty::Str, "what was tried and what came back"),
    ],
    options: &[option("remedy", Ty::Str, "\"\"", "what to do about it")],
    access: Access::Local,
    returns: Ty::Record(&REPORT),
    doc: "A report of exit code 3, for when nothing could be known. Says why in one line on standard error; for people the report shows nothing more.",
    example: "report::unknown(\"engine\", \"no engine answers\").exit_code == 3",
    call: |call| {
        let a = call.args();
        let redact = |text: &str| call.run().redactor().text(text).into_owned();
        let why = redact(a.str("why"));
        super::ui::tell(&format!("unknown: {why}"));
        let now = super::Time(call.cx().now()).to_string();
        let workflow = &call.frame().workflow;
        let remedy = redact(a.str("remedy"));
        let report = report::unknown(workflow, a.str("id"), why, remedy, now, 0.0);
        Ok(REPORT.record(&report))
    },
    ..Primitive::PURE
};

/// Whether a value is a report.
pub(crate) fn is_report(value: &Dynamic) -> bool {
    value
        .read_lock::<Record>()
        .is_some_and(|record| record.shape().name == REPORT.name && !record.planned)
}

/// Whether a value is the result of a workflow in a documented form, a report or a map with a `schema`: it is kept, and where
/// people look the script has said by itself what there is to say.
pub(crate) fn is_result(value: &Dynamic) -> bool {
    is_report(value)
        || value.read_lock::<Map>().is_some_and(|map| {
            let schema = map.get("schema").and_then(|s| s.clone().into_string().ok());
            schema.is_some_and(|schema| schema.starts_with("tradeops."))
        })
}

/// The report in a script's value.
fn of(value: &Dynamic) -> Option<report::Report> {
    serde_json::from_value(to_json(value)).ok()
}

/// A report as people read it.
pub(super) fn human(value: &Dynamic, output: Output) -> Option<String> {
    if !is_report(value) {
        return None;
    }
    let report = of(value)?;
    if report.checks.is_empty() && !report.root_causes.is_empty() {
        // `report::unknown` has said it.
        return Some(String::new());
    }
    Some(report::human(
        &report,
        Style {
            colour: output.colour,
            width: output.width,
        },
    ))
}

/// A check that is to be made.
struct Planned {
    map: Map,
    check: Check,
    timeout: Option<std::time::Duration>,
}

fn run(call: &Call<'_>) -> Result<Dynamic, Failure> {
    let started_at = super::Time(call.cx().now()).to_string();
    let began = Instant::now();
    let planned = call
        .args()
        .list("checks")
        .iter()
        .enumerate()
        .map(|(n, value)| plan(n, value))
        .collect::<Result<Vec<_>, _>>()?;
    let graph = Graph::of(&planned)?;
    let Some(work) = call.args().closure("work") else {
        return Err(Failure::invalid("`work` wants a closure"));
    };
    let cx = match call.args().opt_duration("deadline") {
        Some(limit) => call.cx().within(limit),
        None => call.cx().with_cancel(call.cx().cancel().child()),
    };
    let limit = usize::try_from(call.args().int("limit"))
        .unwrap_or(1)
        .clamp(1, planned.len().max(1));
    let native = call.native();
    let times: Vec<Mutex<f64>> = planned.iter().map(|_| Mutex::new(0.0)).collect();
    spread(
        call,
        &cx,
        limit,
        &|| graph.next(),
        &|index| {
            cx.check()?;
            let from = Instant::now();
            let answer = limited(call, &cx, planned[index].timeout, || {
                snapshot(work)
                    .call_within_context::<Dynamic>(native, (planned[index].map.clone(),))
                    .map_err(thrown)
            });
            *lock(&times[index]) = from.elapsed().as_secs_f64() * 1e3;
            answer
        },
        &|index, answer| {
            graph.done(
                index,
                found(
                    call,
                    &cx,
                    &planned[index].check,
                    answer,
                    *lock(&times[index]),
                ),
            )
        },
    );
    // The run itself was stopped: there is no report then.
    call.cx().check()?;
    let checks = graph.into_checks();
    let ms = rounded(began.elapsed().as_secs_f64() * 1e3);
    let report = report::assess(&call.frame().workflow, checks, started_at, ms);
    Ok(REPORT.record(&report))
}

/// Why a map is no check.
pub(crate) fn invalid_check(n: usize, value: &Dynamic) -> Result<(), Failure> {
    plan(n, value).map(|_| ())
}

fn plan(n: usize, value: &Dynamic) -> Result<Planned, Failure> {
    let map = match value.read_lock::<Record>() {
        Some(record) => record.to_map(),
        None => value.clone().try_cast::<Map>().unwrap_or_default(),
    };
    let text = |key: &str| map.get(key).and_then(|v| v.clone().into_string().ok());
    let id = text("id")
        .ok_or_else(|| Failure::invalid(format!("the check {} of the list has no `id`", n + 1)))?;
    let wrong = |why: String| Failure::invalid(format!("the check `{id}`: {why}"));
    let severity = text("severity").unwrap_or_else(|| "major".into());
    let severity = Severity::from_word(&severity).ok_or_else(|| {
        wrong(format!(
            "`{severity}` is no severity: `critical`, `major` or `minor`"
        ))
    })?;
    let timeout = text("timeout")
        .map(|t| units::duration(&t).map_err(|why| wrong(format!("`timeout` {why}"))))
        .transpose()?;
    let layer = text("layer").ok_or_else(|| wrong("it has no `layer`".into()))?;
    let ids = |key: &str| -> Vec<String> {
        map.get(key)
            .and_then(|v| {
                v.read_lock::<rhai::Array>()
                    .map(|list| list.iter().map(ToString::to_string).collect())
            })
            .unwrap_or_default()
    };
    let (needs, explained_by) = (ids("needs"), ids("explained_by"));
    Ok(Planned {
        check: Check {
            id,
            layer,
            service: text("service").unwrap_or_default(),
            severity,
            status: Status::Unknown,
            value: serde_json::Value::Null,
            threshold: serde_json::Value::Null,
            evidence: String::new(),
            remedy: String::new(),
            ms: 0.0,
            needs,
            explained_by,
        },
        timeout,
        map,
    })
}

/// To a hundredth: nobody needs nanoseconds in a report.
fn rounded(ms: f64) -> f64 {
    (ms * 100.0).round() / 100.0
}

/// What a call of the closure says about its check.
fn found(
    call: &Call<'_>,
    cx: &crate::run::Cx,
    planned: &Check,
    answer: Result<Dynamic, Failure>,
    ms: f64,
) -> Check {
    let mut check = Check {
        ms: rounded(ms),
        ..planned.clone()
    };
    let redact = |text: &str| call.run().redactor().text(text).into_owned();
    match answer {
        Ok(value) => {
            let map = super::plain(&value).try_cast::<Map>().unwrap_or_default();
            let text = |key: &str| {
                map.get(key)
                    .filter(|v| !v.is_unit())
                    .map(ToString::to_string)
                    .unwrap_or_default()
            };
            let json = |key: &str| map.get(key).map_or(serde_json::Value::Null, to_json);
            let status = text("status");
            match Status::from_word(&status) {
                Some(status) => check.status = status,
                None => {
                    check.status = Status::Unknown;
                    check.evidence = format!("the check gave the status `{status}`, which is none");
                    return check;
                }
            }
            check.value = json("value");
            check.threshold = json("threshold");
            check.evidence = redact(&text("evidence"));
            check.remedy = redact(&text("remedy"));
        }
        Err(failure) if failure.stop.is_some() && cx.cancel().stopped().is_some() => {
            check.status = Status::Unknown;
            check.evidence = "it ran out of time".into();
        }
        Err(failure) => {
            check.status = Status::Unknown;
            check.evidence = redact(&if failure.kind == Kind::Timeout {
                format!("it ran out of time: {}", failure.message)
            } else {
                failure.message
            });
            check.remedy = failure.hint.unwrap_or_default();
        }
    }
    check
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
