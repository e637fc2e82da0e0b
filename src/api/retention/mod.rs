//! `retention::` - rows that have had their time are removed, and can be brought back for a while.

mod rows;
mod rules;
mod shapes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::output::state;
use super::progress::Working;
use super::questdb::{DB, server, target};
use super::{
    Answer, AtEnd, Call, Cleanup, Failure, Kind, Namespace, Param, Primitive, Ty, option, param,
};
use crate::gate::{Access, Blast};
use crate::questdb::{Limits, Rule};
use crate::retention::{self, Busy, Error, Options, Plan};
use crate::run::held;
use rules::RULES;
use shapes::{
    CARRIED, ENDED, EXPIRED, JUDGED, PLAN, REMOVED, ROWS_PLAN, ROWS_REMOVED, ROWS_UNDONE, UNDONE,
};

const TABLE: Param = param("table", Ty::Str, "the table's name");

const ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::NotFound,
    Kind::Invalid,
    Kind::Failed,
];

/// A partition of tens of millions of rows takes its time.
const FINISH: Duration = Duration::from_secs(300);

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "retention",
    doc: "Removes rows that have had their time from QuestDB, which has no DELETE: whole partitions are dropped, and of the others what stays is copied aside, proven equal and put back. Every step is in a journal first, so that a run that was killed anywhere is brought to its end by the next one, with no row lost and none doubled. What is removed is exported before, exactly.",
    primitives: &[
        Primitive {
            name: "plan",
            params: &[DB, TABLE, RULES],
            options: &[TIMEOUT],
            returns: Ty::Record(&PLAN),
            errors: ERRORS,
            doc: "What rules would remove of a table, partition by partition: nothing, all of it, or some rows; and why nothing may be removed. Changes nothing.\n\nA condition is `column op value` with `= != < <= > >=`, `abs(column)`, `column is null`, `column in (a, b)`, joined by `and`, `or` and parentheses. A NULL fulfils nothing but `is null`. A row that several rules mean counts once, for the first of them. A rule of which a column is missing is `absent` and means nothing. One scan, in slices that an old server can open.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let rules = [#{ name: "zero_volume_old", before: time::ago("540d"), condition: "volume = 0" }];
for p in retention::plan(db, "options_data", rules).partitions { print(`${p.name} ${p.verdict}`); }"#,
            target: |a| format!("{}/{}", target(a), a.str("table")),
            call: |call| {
                let known = planned(call)?;
                Ok(PLAN.record(&*known.plan))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "remove",
            params: &[DB, TABLE, RULES],
            options: &[
                option(
                    "partitions",
                    Ty::Opt(&Ty::List(&Ty::Str)),
                    "()",
                    "only these, by their names; all that the rules mean by default",
                ),
                option(
                    "undo",
                    Ty::Bool,
                    "true",
                    "write all rows of a partition to a file first, for `retention::undo`",
                ),
                option(
                    "active",
                    Ty::Bool,
                    "false",
                    "also write the partition anew that is being written; it is never dropped",
                ),
                option(
                    "views",
                    Ty::Bool,
                    "false",
                    "also where views depend on the table: they end for good",
                ),
                option(
                    "budget",
                    Ty::Opt(&Ty::Duration),
                    "()",
                    "so long after the run's first call of this namespace no other partition is begun",
                ),
                TIMEOUT,
            ],
            returns: Ty::Record(&REMOVED),
            access: Access::Destroy,
            errors: ERRORS,
            doc: "Removes from a table what rules mean: what `retention::plan` says, and never more rows of a partition than that.\n\nWhat an earlier run left undone is ended first. A partition is dropped only when the table was not written since its rows were proven, and when it was written around the drop itself, that is told and ends the work. Ctrl-C ends it behind the partition that is being put back. The run's name is in `run`: `retention::undo` takes it.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let rules = [#{ name: "age_cutoff", before: time::ago("7300d") }];
print(retention::remove(db, "market_data", rules).deleted);"#,
            target: |a| format!("{}/{}", target(a), a.str("table")),
            preview: Some(preview),
            call: remove,
            ..Primitive::CHANGE
        },
        Primitive {
            name: "unfinished",
            params: &[DB, TABLE],
            access: Access::Local,
            returns: Ty::Opt(&Ty::Str),
            errors: &[Kind::Failed],
            doc: "The run that was cut off in a table, by the journals here; the next `retention::remove` of that table ends it. `()` when there is none.",
            example: r#"retention::unfinished(questdb::connect("http://127.0.0.1:9000"), "market_data") == ()"#,
            call: |call| {
                let a = call.args();
                let run = retention::unfinished(&server(a), &state(call)?, a.str("table"))?;
                Ok(run.map_or(rhai::Dynamic::UNIT, rhai::Dynamic::from))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "tables",
            params: &[
                DB,
                param("run", Ty::Str, "the run that removed, as it said"),
            ],
            access: Access::Local,
            returns: Ty::List(&Ty::Str),
            errors: &[Kind::Failed],
            doc: "The tables of a server of which a run removed something, by the journals here; none for a run that is not known.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
retention::tables(db, "20261128T020000-4711").len() == 0"#,
            call: |call| {
                let a = call.args();
                let names = retention::tables(&server(a), &state(call)?, a.str("run"))?;
                Ok(names
                    .into_iter()
                    .map(rhai::Dynamic::from)
                    .collect::<Vec<_>>()
                    .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "undo",
            params: &[
                DB,
                TABLE,
                param("run", Ty::Str, "the run that removed, as it said"),
            ],
            returns: Ty::Record(&UNDONE),
            errors: ERRORS,
            doc: "Brings back what a run removed from a table, from its exports, bit for bit.\n\nCut off, it goes on where it was; done, it does nothing again. Rows that came back another way meanwhile are not doubled: that fails.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
print(retention::undo(db, "market_data", "20261128T020000-4711").rows);"#,
            access: Access::Change,
            target: |a| format!("{}/{}", target(a), a.str("table")),
            call: |call| {
                let a = call.args();
                let (state, working) = (state(call)?, Working::begin(call));
                let undone = retention::undo(
                    call.cx(),
                    &server(a),
                    &state,
                    a.str("table"),
                    a.str("run"),
                    &busy(call),
                    &|line, step| working.step(line, step),
                )?;
                Ok(UNDONE.record(&undone))
            },
            ..Primitive::CHANGE
        },
        rows::PLAN,
        rows::REMOVE,
        rows::UNDO,
        Primitive {
            name: "expire",
            params: &[param(
                "keep",
                Ty::Duration,
                "how long exports can be brought back",
            )],
            access: Access::Destroy,
            returns: Ty::Record(&EXPIRED),
            errors: &[Kind::Failed],
            doc: "Removes the exports of runs that are older than that.",
            example: r#"print(retention::expire("30d").runs.len());"#,
            target: |_| "retention/exports".into(),
            call: |call| {
                let keep = call.args().duration("keep");
                Ok(EXPIRED.record(&retention::expire(&state(call)?, keep)?))
            },
            ..Primitive::CHANGE
        },
    ],
    shapes: &[
        &JUDGED,
        &PLAN,
        &ENDED,
        &CARRIED,
        &REMOVED,
        &UNDONE,
        &EXPIRED,
        &ROWS_PLAN,
        &ROWS_REMOVED,
        &ROWS_UNDONE,
    ],
};

const TIMEOUT: Param = option(
    "timeout",
    Ty::Duration,
    "\"10m\"",
    "how long one statement of the scan may take",
);

/// Plans of this run, by server and table: a removal does what was planned, without a second scan.
#[derive(Default)]
struct Plans(Mutex<BTreeMap<String, Planned>>);

/// A plan, and the rules that it was made by.
#[derive(Clone)]
struct Planned {
    plan: Arc<Plan>,
    rules: Vec<Rule>,
}

/// What of this run must not be cut off.
#[derive(Default)]
struct Guarded(Busy);

fn busy(call: &Call<'_>) -> Busy {
    let resources = call.run().resources();
    if let Some(guarded) = resources.get::<Guarded>() {
        return guarded.0.clone();
    }
    // Whoever ends the run waits until what was dropped is put back.
    resources
        .get_or(Cleanup::default)
        .add(AtEnd::native(FINISH, |run, _| {
            let guarded = run.resources().get_or(Guarded::default);
            match guarded.0.wait(FINISH) {
                true => Ok(()),
                false => Err(Failure::new(
                    Kind::Unknown,
                    "a partition is between its drop and its end: the next run ends it",
                )),
            }
        }));
    resources.get_or(Guarded::default).0.clone()
}

fn key(call: &Call<'_>) -> String {
    let a = call.args();
    format!("{} {}", target(a), a.str("table"))
}

/// What is left of the time in which something new may be begun.
fn budget(call: &Call<'_>) -> Option<Duration> {
    let most = call.args().opt_duration("budget")?;
    Some(most.saturating_sub(began(call).elapsed()))
}

/// When this run called the namespace first: to plan.
fn began(call: &Call<'_>) -> Instant {
    struct Began(Instant);
    let resources = call.run().resources();
    resources.get_or(|| Began(Instant::now())).0
}

/// A plan that is made now.
fn planned(call: &Call<'_>) -> Result<Planned, Failure> {
    began(call);
    let a = call.args();
    let limits = Limits {
        rows: 1_000_000,
        bytes: 256 << 20,
        time: a.duration("timeout").max(Duration::from_secs(1)),
    };
    let rules = rules::read(a)?;
    let plan = retention::plan(call.cx(), &server(a), a.str("table"), &rules, limits)?;
    let known = Planned {
        plan: Arc::new(plan),
        rules,
    };
    let plans = call.run().resources().get_or(Plans::default);
    held(&plans.0).insert(key(call), known.clone());
    Ok(known)
}

/// The plan that this run has made for these rules, or one made now.
fn agreed(call: &Call<'_>) -> Result<Planned, Failure> {
    let plans = call.run().resources().get_or(Plans::default);
    let known = held(&plans.0).get(&key(call)).cloned();
    let rules = rules::read(call.args())?;
    let same = |known: &Planned| {
        known.rules.len() == rules.len()
            && std::iter::zip(&known.rules, &rules).all(|(a, b)| a.meaning() == b.meaning())
    };
    match known.filter(same) {
        // What is left to the next run may have been decided since.
        Some(known) => Ok(Planned { rules, ..known }),
        None => planned(call),
    }
}

/// The partitions of a plan that a call means, and what of them.
fn chosen(call: &Call<'_>, plan: &Plan) -> Result<Vec<String>, Failure> {
    let meant = plan.partitions.iter().filter(|p| p.delete_rows > 0);
    let all: Vec<_> = meant.map(|p| p.name.clone()).collect();
    let Some(wanted) = call.args().opt_strs("partitions") else {
        return Ok(all);
    };
    match wanted.iter().find(|name| !all.contains(name)) {
        Some(name) => Err(Failure::invalid(format!(
            "the rules mean no row of a partition `{name}` of `{}`",
            plan.table
        ))),
        None => Ok(wanted),
    }
}

fn preview(call: &Call<'_>) -> Result<Blast, Failure> {
    let known = agreed(call)?;
    let (plan, rules) = (&known.plan, &known.rules);
    let names = chosen(call, plan)?;
    let (mut rows, mut bytes) = (0, 0);
    for partition in plan.partitions.iter().filter(|p| names.contains(&p.name)) {
        rows += retention::planned_rows(plan, partition, rules);
        bytes += partition.disk_bytes;
    }
    let facts = serde_json::json!({
        "rows": rows, "partitions": names.len(), "disk_bytes": bytes,
        "oldest": names.first(), "newest": names.last(), "views": plan.views,
    });
    Ok(Blast {
        summary: format!(
            "{rows} of {} rows of `{}` in {} partitions",
            plan.total,
            plan.table,
            names.len()
        ),
        facts: facts.as_object().cloned().unwrap_or_default(),
        identity: format!("{:?} {rows} {names:?}", plan.folder),
        touches: Vec::new(),
    })
}

fn remove(call: &Call<'_>) -> Answer {
    let a = call.args();
    let known = agreed(call)?;
    let (plan, rules) = (&known.plan, &known.rules);
    let names = chosen(call, plan)?;
    let options = Options {
        run: run_name(call),
        state: state(call)?,
        undo: a.bool("undo"),
        active: a.bool("active"),
        views: a.bool("views"),
        budget: budget(call),
        busy: busy(call),
    };
    let working = Working::begin(call);
    let rules: Vec<Rule> = rules
        .iter()
        .filter(|rule| plan.rules.contains(&rule.name))
        .cloned()
        .collect();
    let removed = retention::remove(
        call.cx(),
        &server(a),
        plan,
        &names,
        &rules,
        &options,
        &|line, step| working.step(line, step),
    )?;
    Ok(REMOVED.record(&removed))
}

/// One name for all that a run removes.
fn run_name(call: &Call<'_>) -> String {
    struct Named(String);
    let named = call.run().resources().get_or(|| {
        let now = call.cx().now().format("%Y%m%dT%H%M%S");
        Named(format!("{now}-{}", std::process::id()))
    });
    named.0.clone()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Server(error) => error.into(),
            Error::Postgres(error) => error.into(),
            Error::Missing(_) => Self::new(Kind::NotFound, text),
            Error::Stopped(stop) => stop.into(),
            Error::Invalid(_) => Self::invalid(text),
            Error::Journal(_) | Error::Export { .. } => Self::new(Kind::Failed, text),
            Error::Unclear(_) => Self::new(Kind::Unknown, text).hint(
                "look at what is there; nothing more is done to this table until that is clear",
            ),
        }
    }
}
