//! `task::graph`: parts that rest on one another, each begun as soon as it may.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rhai::{Array, Dynamic, Map};

use super::board::{Board, ms};
use super::order::{NoOrder, Order, Waits};
use super::task::{error_value, snapshot, spread};
use super::{
    Answer, Call, Failure, Kind, Primitive, Record, Shape, Ty, field, option, param, thrown,
};
use crate::gate::Access;

pub(super) static NODE: Shape = Shape {
    name: "GraphNode",
    doc: "What came of one part of `task::graph`.",
    fields: &[
        field("name", Ty::Str, "the part"),
        field(
            "state",
            Ty::OneOf(&["done", "failed", "blocked"]),
            "`blocked`: not begun, because of another",
        ),
        field("value", Ty::Any, "what the function gave"),
        field(
            "error",
            Ty::Any,
            "the map that it threw; `()` when it did not",
        ),
        field(
            "blocked_by",
            Ty::List(&Ty::Str),
            "the parts that failed, and because of which this one was not begun",
        ),
        field(
            "began_ms",
            Ty::Opt(&Ty::Int),
            "when it began, in milliseconds from the beginning of all",
        ),
        field("ended_ms", Ty::Opt(&Ty::Int), "when it ended"),
    ],
};

pub(super) static GRAPH: Shape = Shape {
    name: "GraphResult",
    doc: "What came of a `task::graph`.",
    fields: &[
        field("ok", Ty::Bool, "whether all parts are done"),
        field(
            "nodes",
            Ty::List(&Ty::Record(&NODE)),
            "the parts, in the order given",
        ),
        field(
            "critical_path",
            Ty::List(&Ty::Str),
            "the chain of parts that took longest: each began when the one before it had ended",
        ),
        field("ms", Ty::Int, "how long all took"),
    ],
};

pub(super) const PRIMITIVE: Primitive = Primitive {
    name: "graph",
    params: &[
        param(
            "nodes",
            Ty::List(&Ty::Any),
            "maps with a `name`, and if it waits for others `needs` (those must have gone well) and `after` (those must have ended)",
        ),
        param(
            "work",
            Ty::Closure,
            "called with one node, on a worker; sees copies of what it captured",
        ),
    ],
    options: &[
        option("limit", Ty::Int, "16", "how many at once"),
        option(
            "fail_fast",
            Ty::Bool,
            "false",
            "after the first failure begin nothing more",
        ),
        option(
            "title",
            Ty::Opt(&Ty::Str),
            "()",
            "show a board with this title while it goes on",
        ),
    ],
    access: Access::Local,
    returns: Ty::Record(&GRAPH),
    errors: &[Kind::Invalid],
    doc: "Calls a function for each of some things that rest on one another, each as soon as what it waits for has ended.\n\nWhat a node needs and what fails is told once: all that rest on it are `blocked`, by its name. Names that are no node hold nothing up. \
          A circle is `invalid`. With a `title`, `ui::status` says on the board how far a node has come.",
    example: "let nodes = [#{ name: \"a\" }, #{ name: \"b\", needs: [\"a\"] }];\nlet g = task::graph(nodes, |node| node.name + \"!\");\ng.nodes.map(|n| n.value) == [\"a!\", \"b!\"]",
    call: graph,
    ..Primitive::PURE
};

struct Node {
    map: Map,
    name: String,
    needs: Vec<String>,
    after: Vec<String>,
}

/// What came of a node.
#[derive(Clone)]
struct Came {
    state: &'static str,
    value: Dynamic,
    error: Dynamic,
    blocked_by: Vec<String>,
    began_ms: Option<i64>,
    ended_ms: Option<i64>,
}

impl Came {
    fn blocked(by: Vec<String>) -> Self {
        Self {
            state: "blocked",
            value: Dynamic::UNIT,
            error: Dynamic::UNIT,
            blocked_by: by,
            began_ms: None,
            ended_ms: None,
        }
    }
}

fn graph(call: &Call<'_>) -> Answer {
    let a = call.args();
    let nodes = a
        .list("nodes")
        .iter()
        .enumerate()
        .map(|(n, node)| read(n, node))
        .collect::<Result<Vec<_>, _>>()?;
    let texts = |list: &'_ [String]| -> Vec<String> { list.to_vec() };
    let waits: Vec<(String, Vec<String>, Vec<String>)> = nodes
        .iter()
        .map(|n| (n.name.clone(), texts(&n.needs), texts(&n.after)))
        .collect();
    let order = Order::<Came>::of(
        &waits
            .iter()
            .map(|(name, needs, after)| Waits {
                name,
                needs: needs.iter().map(String::as_str).collect(),
                after: after.iter().map(String::as_str).collect(),
            })
            .collect::<Vec<_>>(),
    )
    .map_err(|why| {
        Failure::invalid(match why {
            NoOrder::Twice(name) => format!("two nodes have the name `{name}`"),
            NoOrder::Circle(names) => format!("these wait for each other: {}", names.join(", ")),
        })
    })?;
    let Some(work) = a.closure("work") else {
        return Err(Failure::invalid("`work` wants a closure"));
    };
    let board = Board::new(
        call,
        nodes.iter().map(|n| n.name.clone()).collect(),
        a.opt_str("title"),
    );
    let cx = call.cx().with_cancel(call.cx().cancel().child());
    let limit = usize::try_from(a.int("limit"))
        .unwrap_or(1)
        .clamp(1, nodes.len().max(1));
    let fail_fast = a.bool("fail_fast");
    // The first that failed, when nothing more is to begin then.
    let failed: Mutex<Option<String>> = Mutex::new(None);
    let over = AtomicBool::new(false);
    let began: Vec<Mutex<Option<i64>>> = nodes.iter().map(|_| Mutex::new(None)).collect();
    let from = Instant::now();
    let native = call.native();
    board.begins(&order.waiting());
    spread(
        call,
        &cx,
        limit,
        &|| order.next(),
        &|n| {
            cx.check()?;
            if over.load(Ordering::Relaxed) {
                return Ok(Dynamic::UNIT);
            }
            *lock(&began[n]) = Some(ms(from));
            board.during(n, || {
                snapshot(work)
                    .call_within_context::<Dynamic>(native, (nodes[n].map.clone(),))
                    .map_err(thrown)
            })
        },
        &|n, answer| {
            let began_ms = *lock(&began[n]);
            let came = match (answer, began_ms) {
                (_, None) => Came::blocked(lock(&failed).iter().cloned().collect()),
                (answer, Some(_)) => {
                    let (state, value, error) = match answer {
                        Ok(value) => ("done", value, Dynamic::UNIT),
                        Err(failure) => ("failed", Dynamic::UNIT, error_value(&failure)),
                    };
                    if state == "failed" && fail_fast {
                        lock(&failed).get_or_insert_with(|| nodes[n].name.clone());
                        over.store(true, Ordering::Relaxed);
                    }
                    Came {
                        state,
                        value,
                        error,
                        blocked_by: Vec::new(),
                        began_ms,
                        ended_ms: Some(ms(from)),
                    }
                }
            };
            let told = (came.state, came.began_ms, came.ended_ms);
            let blocked = Mutex::new(Vec::new());
            order.done(n, came, |next, needed| {
                let mut by: Vec<String> = Vec::new();
                for (came, name) in needed.iter().zip(needs_of(&nodes, next)) {
                    match came.state {
                        "failed" => by.push(name.clone()),
                        "blocked" => by.extend(came.blocked_by.iter().cloned()),
                        _ => {}
                    }
                }
                by.sort();
                by.dedup();
                (!by.is_empty()).then(|| {
                    lock(&blocked).push((next, by.join(", ")));
                    Came::blocked(by)
                })
            });
            // A stop makes everything fail at once: that is said by whoever was stopped.
            if cx.check().is_err() {
                return;
            }
            let waiting = order.waiting();
            let took = told
                .1
                .zip(told.2)
                .map(|(from, to)| Duration::from_millis(u64::try_from(to - from).unwrap_or(0)));
            board.ended(n, told.0, took, &waiting);
            for (next, by) in lock(&blocked).drain(..) {
                board.ended(next, &format!("blocked by {by}"), None, &waiting);
            }
        },
    );
    // The run itself was stopped: there is no result then.
    call.cx().check()?;
    let all_ms = ms(from);
    let came: Vec<Came> = order
        .into_ended()
        .into_iter()
        .map(|c| c.unwrap_or_else(|| Came::blocked(Vec::new())))
        .collect();
    let path = critical_path(&nodes, &came);
    Ok(GRAPH.of(Dynamic::from_map(Map::from_iter([
        ("ok".into(), came.iter().all(|c| c.state == "done").into()),
        (
            "nodes".into(),
            nodes
                .iter()
                .zip(&came)
                .map(|(node, came)| shown(node, came))
                .collect::<Array>()
                .into(),
        ),
        (
            "critical_path".into(),
            path.into_iter()
                .map(Dynamic::from)
                .collect::<Array>()
                .into(),
        ),
        ("ms".into(), all_ms.into()),
    ]))))
}

/// The names that a node needs and that are nodes, in the order in which `Order` gives what came of them.
fn needs_of(nodes: &[Node], n: usize) -> impl Iterator<Item = &String> {
    nodes[n]
        .needs
        .iter()
        .filter(|name| nodes.iter().any(|node| node.name == **name))
}

/// From the node that ended last back over what it waited for longest.
fn critical_path(nodes: &[Node], came: &[Came]) -> Vec<String> {
    let ended = |n: &usize| came[*n].ended_ms;
    let mut path = Vec::new();
    let mut at = (0..nodes.len())
        .filter(|n| ended(n).is_some())
        .max_by_key(ended);
    while let Some(n) = at {
        path.push(nodes[n].name.clone());
        at = nodes[n]
            .needs
            .iter()
            .chain(&nodes[n].after)
            .filter_map(|name| nodes.iter().position(|node| node.name == *name))
            .filter(|on| ended(on).is_some())
            .max_by_key(ended);
    }
    path.reverse();
    path
}

fn shown(node: &Node, came: &Came) -> Dynamic {
    let time = |ms: Option<i64>| ms.map_or(Dynamic::UNIT, Dynamic::from);
    NODE.of(Dynamic::from_map(Map::from_iter([
        ("name".into(), node.name.clone().into()),
        ("state".into(), came.state.into()),
        ("value".into(), came.value.clone()),
        ("error".into(), came.error.clone()),
        (
            "blocked_by".into(),
            came.blocked_by
                .iter()
                .cloned()
                .map(Dynamic::from)
                .collect::<Array>()
                .into(),
        ),
        ("began_ms".into(), time(came.began_ms)),
        ("ended_ms".into(), time(came.ended_ms)),
    ])))
}

fn read(n: usize, value: &Dynamic) -> Result<Node, Failure> {
    let map = match value.read_lock::<Record>() {
        Some(record) => record.to_map(),
        None => value.flatten_clone().try_cast::<Map>().unwrap_or_default(),
    };
    let name = map.get("name").and_then(|v| v.clone().into_string().ok());
    let Some(name) = name else {
        return Err(Failure::invalid(format!(
            "the node {} of the list has no `name`",
            n + 1
        )));
    };
    let list = |key: &str| -> Vec<String> {
        map.get(key)
            .and_then(|v| {
                v.read_lock::<Array>()
                    .map(|list| list.iter().map(ToString::to_string).collect())
            })
            .unwrap_or_default()
    };
    Ok(Node {
        needs: list("needs"),
        after: list("after"),
        name,
        map,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
