//! `task::` - many things at once, limits, retries and clean-up.
//!
//! Items plus a function, never a list of closures: closures made in a loop share its variable. Workers
//! run on copies of what the closure captured, because Rhai's shared values fail under contention.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rhai::{Dynamic, FnPtr, Map};

use super::call::thrown;
use super::graph;
use super::{AtEnd, Call, Cleanup, Failure, Kind, Namespace, Primitive, Ty, enter, option, param};
use crate::gate::Access;
use crate::run::{Cx, Stop};

/// Who presses Ctrl-C waits for it.
const LONGEST_CLEANUP: Duration = Duration::from_secs(60);

pub(super) static NAMESPACE: Namespace = Namespace {
    name: "task",
    doc: "Concurrency, limits and retries. No script sees a thread: `task::map` takes items and a function.",
    primitives: &[
        graph::PRIMITIVE,
        Primitive {
            name: "map",
            params: &[
                param("items", Ty::List(&Ty::Any), "what to work on"),
                param(
                    "work",
                    Ty::Closure,
                    "called with one item, on a worker; sees copies of what it captured",
                ),
            ],
            options: &[
                option("limit", Ty::Int, "8", "how many at once"),
                option(
                    "fail_fast",
                    Ty::Bool,
                    "false",
                    "the first error cancels the rest and is thrown",
                ),
                option(
                    "timeout",
                    Ty::Opt(&Ty::Duration),
                    "()",
                    "how long one item may take",
                ),
            ],
            access: Access::Local,
            returns: Ty::List(&Ty::Map),
            doc: "Calls a function for every item, several at once, and gives the results in the items' order.\n\nEach result is `#{ ok, value, error }`: `error` is the map that the call threw, or `()`. A denial or a stop of the run ends it as everywhere.",
            example: "task::map([1, 2, 3], |n| n * 10, #{ limit: 2 }).map(|r| r.value)",
            call: map,
            ..Primitive::PURE
        },
        Primitive {
            name: "within",
            params: &[
                param("limit", Ty::Duration, "how long"),
                param(
                    "work",
                    Ty::Closure,
                    "called without arguments, on this thread",
                ),
            ],
            access: Access::Local,
            returns: Ty::Any,
            errors: &[Kind::Timeout],
            doc: "Calls a function under a time limit of its own; throws `timeout` when the limit passes.",
            example: "task::within(\"5s\", || 1 + 1)",
            call: within,
            ..Primitive::PURE
        },
        Primitive {
            name: "retry",
            params: &[param(
                "work",
                Ty::Closure,
                "called without arguments until it does not throw",
            )],
            options: &[
                option("times", Ty::Int, "3", "how often at most"),
                option(
                    "delay",
                    Ty::Duration,
                    "\"200ms\"",
                    "before the second try; doubled after each",
                ),
                option("max_delay", Ty::Duration, "\"10s\"", "the longest delay"),
                option(
                    "only_retryable",
                    Ty::Bool,
                    "true",
                    "give up at once on errors that say they are not retryable",
                ),
            ],
            access: Access::Local,
            returns: Ty::Any,
            doc: "Calls a function again while it throws, with growing delays; throws the last error.",
            example: "task::retry(|| \"fine\", #{ times: 2 })",
            call: retry,
            ..Primitive::PURE
        },
        Primitive {
            name: "wait_until",
            params: &[param(
                "condition",
                Ty::Closure,
                "called until it gives something else than `()` or `false`",
            )],
            options: &[
                option("every", Ty::Duration, "\"500ms\"", "between two looks"),
                option(
                    "timeout",
                    Ty::Duration,
                    "\"60s\"",
                    "how long to wait at most",
                ),
            ],
            access: Access::Local,
            returns: Ty::Any,
            errors: &[Kind::Timeout],
            doc: "Waits until a function gives a value, and gives that value. In plan mode it looks once and gives what it got.",
            example: "task::wait_until(|| 42, #{ timeout: \"1s\" })",
            call: until,
            ..Primitive::PURE
        },
        super::every::EVERY,
        Primitive {
            name: "attempt",
            params: &[param(
                "work",
                Ty::Closure,
                "called without arguments, on this thread",
            )],
            access: Access::Local,
            returns: Ty::Map,
            doc: "Calls a function and gives `#{ ok, value, error }` instead of throwing.",
            example: "task::attempt(|| throw \"no\").error",
            call: |call| {
                let work = closure(call, "work")?;
                outcome(call.invoke(&work, vec![]))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "cleanup",
            params: &[param(
                "work",
                Ty::Closure,
                "called without arguments when the run ends",
            )],
            options: &[option(
                "limit",
                Ty::Duration,
                "\"5s\"",
                "how long it may take, at most a minute",
            )],
            access: Access::Local,
            returns: Ty::Unit,
            doc: "Registers a function to be called when the run ends, however it ends: Ctrl-C, deadline, denial, error. The last registered runs first; all together have the longest of their limits, and a second Ctrl-C ends them.",
            example: "task::cleanup(|| print(\"done\"))",
            call: |call| {
                call.run()
                    .resources()
                    .get_or(Cleanup::default)
                    .add(AtEnd::new(
                        closure(call, "work")?,
                        call.args().duration("limit").min(LONGEST_CLEANUP),
                        call,
                    ));
                Ok(Dynamic::UNIT)
            },
            ..Primitive::PURE
        },
    ],
    shapes: &[&graph::GRAPH, &graph::NODE],
};

pub(super) fn closure(call: &Call<'_>, name: &str) -> Result<FnPtr, Failure> {
    call.args()
        .closure(name)
        .cloned()
        .ok_or_else(|| Failure::invalid(format!("`{name}` wants a closure")))
}

/// `#{ ok, value, error }`; a stop is no outcome.
fn outcome(answer: Result<Dynamic, Failure>) -> Result<Dynamic, Failure> {
    let (ok, value, error) = match answer {
        Ok(value) => (true, value, Dynamic::UNIT),
        Err(failure) if failure.stop.is_some() => return Err(failure),
        Err(failure) => (false, Dynamic::UNIT, error_value(&failure)),
    };
    Ok(Map::from_iter([
        ("ok".into(), ok.into()),
        ("value".into(), value),
        ("error".into(), error),
    ])
    .into())
}

/// What a `catch` would have got.
pub(super) fn error_value(failure: &Failure) -> Dynamic {
    failure
        .original
        .clone()
        .unwrap_or_else(|| failure.to_map("", "").into())
}

/// Copies of everything that a closure captured, so that a worker has its own.
pub(crate) fn snapshot(closure: &FnPtr) -> FnPtr {
    let mut copy = closure.clone();
    let curry: Vec<Dynamic> = closure.curry().iter().map(Dynamic::flatten_clone).collect();
    copy.set_curry(curry);
    copy
}

/// The stack of a worker: Rhai needs it as deep as the script's own.
const WORKER_STACK: usize = 16 << 20;

/// Calls `work` for each index that `next` gives, on `workers` threads that belong to `cx`'s branch.
/// Answers arrive in `done`, on the workers' threads. `next` may wait; `None` ends a worker.
pub(super) fn spread(
    call: &Call<'_>,
    cx: &Cx,
    workers: usize,
    next: &(dyn Fn() -> Option<usize> + Sync),
    work: &(dyn Fn(usize) -> Result<Dynamic, Failure> + Sync),
    done: &(dyn Fn(usize, Result<Dynamic, Failure>) + Sync),
) {
    std::thread::scope(|scope| {
        for n in 0..workers.max(1) {
            let branch = call.branch().on(cx.clone());
            let body = move || {
                enter(branch, || {
                    while let Some(index) = next() {
                        // A panic in a primitive must not take the run with it, nor pass as an answer.
                        let answer =
                            catch_unwind(AssertUnwindSafe(|| work(index))).unwrap_or_else(|_| {
                                Err(Failure::new(
                                    Kind::Failed,
                                    "a defect in tradeops: the worker panicked",
                                ))
                            });
                        done(index, answer);
                    }
                });
            };
            let builder = std::thread::Builder::new()
                .name(format!("worker-{n}"))
                .stack_size(WORKER_STACK);
            if builder.spawn_scoped(scope, body).is_err() && n == 0 {
                // No thread at all: the items were not worked on, and each says so.
                while let Some(index) = next() {
                    done(
                        index,
                        Err(Failure::new(Kind::Failed, "cannot start a thread")),
                    );
                }
            }
        }
    });
}

fn map(call: &Call<'_>) -> Result<Dynamic, Failure> {
    let items = call.args().list("items").to_vec();
    let work = closure(call, "work")?;
    let limit = usize::try_from(call.args().int("limit"))
        .unwrap_or(1)
        .max(1);
    let fail_fast = call.args().bool("fail_fast");
    let timeout = call.args().opt_duration("timeout");
    let cx = call.cx().with_cancel(call.cx().cancel().child());
    let results: Mutex<Vec<Option<Result<Dynamic, Failure>>>> = Mutex::new(vec![None; items.len()]);
    let first: Mutex<Option<Failure>> = Mutex::new(None);
    let native = call.native();
    let next = AtomicUsize::new(0);
    let count = items.len();
    spread(
        call,
        &cx,
        limit.min(count),
        &|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < count),
        &|index| {
            cx.check()?;
            let closure = snapshot(&work);
            let item = items[index].flatten_clone();
            limited(call, &cx, timeout, || {
                closure
                    .call_within_context::<Dynamic>(native, (item,))
                    .map_err(thrown)
            })
        },
        &|index, answer| {
            if let Err(failure) = &answer
                && fail_fast
            {
                first
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert_with(|| failure.clone());
                cx.cancel().stop(Stop::Cancelled);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(answer);
        },
    );
    call.cx().check()?;
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        drop(results);
        return Err(failure);
    }
    let list =
        results
            .into_iter()
            .map(|result| {
                outcome(result.unwrap_or_else(|| {
                    Err(Failure::new(Kind::Failed, "the item was not worked on"))
                }))
            })
            .collect::<Result<Vec<_>, _>>()?;
    Ok(Dynamic::from_array(list))
}

/// Runs `work` on a branch with a limit of its own; when that limit (and no outer one) passes, it is a
/// timeout that a script can catch.
pub(super) fn limited<T>(
    call: &Call<'_>,
    cx: &Cx,
    limit: Option<Duration>,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Some(limit) = limit else { return work() };
    let inner = cx.within(limit);
    let branch = call.branch().on(inner.clone());
    let answer = enter(branch, work);
    if inner.cancel().stopped().is_some() && cx.cancel().stopped().is_none() {
        return Err(Failure::new(
            Kind::Timeout,
            format!("it took longer than {}", super::units::show_duration(limit)),
        ));
    }
    answer
}

fn within(call: &Call<'_>) -> Result<Dynamic, Failure> {
    let work = closure(call, "work")?;
    limited(call, call.cx(), Some(call.args().duration("limit")), || {
        call.invoke(&work, vec![])
    })
}

fn retry(call: &Call<'_>) -> Result<Dynamic, Failure> {
    let work = closure(call, "work")?;
    let times = call.args().int("times").max(1);
    let longest = call.args().duration("max_delay");
    let only_retryable = call.args().bool("only_retryable");
    let mut delay = call.args().duration("delay");
    for attempt in 1.. {
        match call.invoke(&work, vec![]) {
            Ok(value) => return Ok(value),
            Err(failure) if failure.stop.is_some() || attempt >= times => return Err(failure),
            Err(failure) if only_retryable && !failure.retryable && failure_has_kind(&failure) => {
                return Err(failure);
            }
            Err(_) => {}
        }
        call.cx().sleep(delay.min(longest))?;
        delay = delay.saturating_mul(2);
    }
    unreachable!("the loop returns at its last attempt")
}

/// A plain `throw "text"` says nothing about being retryable, so it is retried.
fn failure_has_kind(failure: &Failure) -> bool {
    failure.original.as_ref().is_none_or(|value| {
        value
            .read_lock::<Map>()
            .is_some_and(|map| map.contains_key("retryable"))
    })
}

fn until(call: &Call<'_>) -> Result<Dynamic, Failure> {
    let condition = closure(call, "condition")?;
    let every = call.args().duration("every");
    let timeout = call.args().duration("timeout");
    limited(call, call.cx(), Some(timeout), || {
        loop {
            let value = call.invoke(&condition, vec![])?;
            let met = !value.is_unit() && value.as_bool() != Ok(false);
            if met || call.run().mode().is_plan() {
                return Ok(value);
            }
            // The innermost branch: its limit is the one that must end this sleep.
            match super::with_branch(|b| b.cx.clone()) {
                Some(cx) => cx.sleep(every)?,
                None => call.cx().sleep(every)?,
            }
        }
    })
}
