//! `journal::` - a work in steps that goes on where it was cut off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rhai::Dynamic;
use serde_json::Value;

use super::{
    Answer, Call, Failure, Kind, Namespace, Primitive, Shape, StateFolder, Time, Ty, field, option,
    param, to_json,
};
use crate::gate::Access;
use crate::journal::{self, Error, Journal, Told};

static TOLD: Shape = Shape {
    name: "Journal",
    doc: "What the journal of a work says.",
    fields: &[
        field("run", Ty::Str, "the run's id"),
        field("data", Ty::Any, "what the run was opened with"),
        field("finished", Ty::Bool, "whether it came to its end"),
        field(
            "begun",
            Ty::List(&Ty::Str),
            "the steps that were begun, in order",
        ),
        field("done", Ty::Map, "what each step gave that is done"),
        field(
            "resumed",
            Ty::Bool,
            "whether this run goes on with one that was cut off",
        ),
    ],
};

/// The journals that this run has open.
#[derive(Default)]
struct Open(Mutex<HashMap<String, Arc<Journal>>>);

/// The functions of `journal::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "journal",
    doc: "A work in steps. What is begun and what is done is on the disk (in the state folder) before anything else happens: so a run that was killed goes on \
          where it was, or says what is left. A step has to be one that may be done again. In plan mode nothing is written, and every step is planned.",
    shapes: &[&TOLD],
    primitives: &[
        Primitive {
            name: "open",
            params: &[
                param("name", Ty::Str, "the work: `reset-trading`"),
                param(
                    "data",
                    Ty::Any,
                    "what it is to do; of a run that was cut off, its own counts",
                ),
            ],
            access: Access::Local,
            returns: Ty::Record(&TOLD),
            errors: &[Kind::Failed],
            doc: "Begins a work, or goes on with the run that was cut off.",
            example: "let j = journal::open(\"example\", #{ what: \"cache\" });\njournal::step(\"example\", \"one\", || 1 + 1);\njournal::finish(\"example\");",
            call: open,
            ..Primitive::PURE
        },
        Primitive {
            name: "step",
            params: &[
                param("name", Ty::Str, "the work"),
                param("step", Ty::Str, "the step's name, once per work"),
                param("work", Ty::Closure, "does it; its value is kept as JSON"),
            ],
            access: Access::Local,
            returns: Ty::Any,
            errors: &[Kind::Failed, Kind::Conflict],
            doc: "Does a step unless it is done, and gives what it gave.\nThe step is noted before and after; when the function throws, it counts as begun.",
            example: "journal::open(\"example-2\", ());\njournal::step(\"example-2\", \"one\", || \"done\") == \"done\"",
            call: step,
            ..Primitive::PURE
        },
        Primitive {
            name: "finish",
            params: &[param("name", Ty::Str, "the work")],
            access: Access::Local,
            returns: Ty::Unit,
            errors: &[Kind::Failed, Kind::Conflict],
            doc: "Notes that the work is done: the next `open` begins anew.",
            example: "journal::open(\"example-3\", ());\njournal::finish(\"example-3\");",
            call: |call| {
                if !call.run().mode().is_plan() {
                    named(call)?.finish(&now(call))?;
                }
                Ok(Dynamic::UNIT)
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "look",
            params: &[param("name", Ty::Str, "the work")],
            options: &[option(
                "run",
                Ty::Opt(&Ty::Str),
                "()",
                "of this run; the last one by default",
            )],
            access: Access::Local,
            returns: Ty::Opt(&Ty::Record(&TOLD)),
            errors: &[Kind::Failed],
            doc: "What the journal of a work says, without opening it; `()` when there is none.",
            example: "journal::look(\"no-such-work\") == ()",
            call: |call| {
                let Some(state) = call.run().resources().get::<StateFolder>() else {
                    return Ok(Dynamic::UNIT);
                };
                let a = call.args();
                let found = journal::look(&state.0, a.str("name"), a.opt_str("run"))?;
                Ok(found.map_or(Dynamic::UNIT, |told| record(&told, false)))
            },
            ..Primitive::PURE
        },
    ],
};

fn open(call: &Call<'_>) -> Answer {
    let name = call.args().str("name");
    let run = format!(
        "{}-{}",
        call.cx().now().format("%Y%m%dT%H%M%S"),
        std::process::id()
    );
    let data = call
        .run()
        .redactor()
        .json(&to_json(&call.args().any("data")));
    let state = call.run().resources().get::<StateFolder>();
    let Some(state) = state.filter(|_| !call.run().mode().is_plan()) else {
        let told = Told {
            run,
            data,
            finished: false,
            begun: Vec::new(),
            done: Default::default(),
        };
        return Ok(record(&told, false));
    };
    let journal = Journal::open(&state.0, name, &run, &now(call), &data)?;
    let told = journal.told();
    let resumed = told.run != run;
    call.run()
        .resources()
        .get_or(Open::default)
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(name.to_owned(), Arc::new(journal));
    Ok(record(&told, resumed))
}

fn step(call: &Call<'_>) -> Answer {
    let Some(work) = call.args().closure("work") else {
        return Err(Failure::invalid("`work` wants a closure"));
    };
    if call.run().mode().is_plan() {
        return call.invoke(work, vec![]);
    }
    let (journal, step) = (named(call)?, call.args().str("step"));
    if let Some(value) = journal.done(step) {
        return Ok(dynamic(&value));
    }
    journal.begin(step, &now(call))?;
    let value = call.invoke(work, vec![])?;
    // A stop that the closure did not notice must not make the step done.
    call.cx().check()?;
    journal.end(
        step,
        &now(call),
        &call.run().redactor().json(&to_json(&value)),
    )?;
    Ok(value)
}

fn named(call: &Call<'_>) -> Result<Arc<Journal>, Failure> {
    let name = call.args().str("name");
    let open = call.run().resources().get_or(Open::default);
    let found = open
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(name)
        .cloned();
    found.ok_or_else(|| {
        Failure::new(Kind::Conflict, format!("the journal `{name}` is not open"))
            .hint("open it with `journal::open`")
    })
}

fn now(call: &Call<'_>) -> String {
    Time(call.cx().now()).to_string()
}

fn dynamic(value: &Value) -> Dynamic {
    rhai::serde::to_dynamic(value).unwrap_or(Dynamic::UNIT)
}

fn record(told: &Told, resumed: bool) -> Dynamic {
    let mut value = serde_json::to_value(told).unwrap_or_default();
    value["resumed"] = resumed.into();
    TOLD.record(&value)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(Kind::Failed, error.to_string())
    }
}
