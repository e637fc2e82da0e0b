//! `task::every`: the same work again and again until Ctrl-C, which is its normal end.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rhai::Dynamic;

use super::{Call, Failure, Interrupts, Primitive, Ty, option, param};
use crate::gate::Access;

/// How soon a Ctrl-C is noticed between two calls.
const NOTICE: Duration = Duration::from_millis(200);

pub(super) const EVERY: Primitive = Primitive {
    name: "every",
    params: &[
        param(
            "interval",
            Ty::Duration,
            "from the start of one call to the start of the next",
        ),
        param(
            "work",
            Ty::Closure,
            "called without arguments, on this thread",
        ),
    ],
    options: &[option(
        "times",
        Ty::Opt(&Ty::Int),
        "()",
        "how often; until it is interrupted by default",
    )],
    access: Access::Local,
    returns: Ty::Any,
    doc: "Calls a function again and again, and gives what the last call gave.\n\nCtrl-C ends it at once between two calls; during one, when that has ended. A second Ctrl-C stops the run. What the function throws ends it, too. In plan mode it calls once.",
    example: "task::every(\"10ms\", || 42, #{ times: 2 }) == 42",
    call: every,
    ..Primitive::PURE
};

fn every(call: &Call<'_>) -> Result<Dynamic, Failure> {
    let Some(work) = call.args().closure("work") else {
        return Err(Failure::invalid("`work` wants a closure"));
    };
    let interval = call.args().duration("interval");
    let times = call.args().opt_int("times");
    let interrupts = call.run().resources().get_or(Interrupts::default);
    let claim = interrupts.claim();
    let mut calls = 0;
    loop {
        let began = Instant::now();
        let value = call.invoke(work, vec![])?;
        calls += 1;
        let last = times.is_some_and(|times| calls >= times) || call.run().mode().is_plan();
        while !last && !claim.load(Ordering::Acquire) && began.elapsed() < interval {
            let left = interval.saturating_sub(began.elapsed());
            call.cx().sleep(left.min(NOTICE))?;
        }
        if last || claim.load(Ordering::Acquire) {
            return Ok(value);
        }
    }
}
