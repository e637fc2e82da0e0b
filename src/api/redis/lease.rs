//! `redis::leased`: one of several machines works at a time.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{DB, KEY, at_key, server};
use crate::api::{Failure, Kind, Primitive, Ty, enter, option, param};
use crate::redis;

/// Tells two holds of one process in the same moment apart.
static HOLDS: AtomicU64 = AtomicU64::new(1);

pub(super) const LEASED: Primitive = Primitive {
    name: "leased",
    params: &[
        DB,
        KEY,
        param("body", Ty::Closure, "runs while the lease is held"),
    ],
    options: &[
        option(
            "ttl",
            Ty::Duration,
            "\"30s\"",
            "after this long without a renewal it is free: the holder's machine died",
        ),
        option(
            "note",
            Ty::Str,
            "\"\"",
            "what is being done, for whoever finds it held",
        ),
    ],
    // Not `change`: in plan mode the body must run, so that what it would change is planned.
    capability: Some("redis.change"),
    returns: Ty::Any,
    errors: &[
        Kind::Held,
        Kind::Unreachable,
        Kind::Timeout,
        Kind::Refused,
        Kind::Failed,
    ],
    doc: "Holds a lease on a key while a closure runs, and returns what the closure returns: of several machines one works at a time.\n\nIt is renewed three times within `ttl`, and given back also when the closure throws. When it is lost, because Redis was away for longer or somebody removed the key, the closure is stopped and this fails. `held` says who has it. In plan mode the closure runs without it.",
    example: r#"redis::leased(redis::connect("redis://127.0.0.1:6379"), "tradeops:example", || 1 + 1)"#,
    target: at_key,
    call: |call| {
        let a = call.args();
        let Some(body) = a.closure("body") else {
            return Err(Failure::invalid("`body` wants a closure"));
        };
        if call.run().mode().is_plan() {
            return call.invoke(body, vec![]);
        }
        let host = crate::system::host_name();
        let (pid, now) = (std::process::id(), call.cx().now().to_rfc3339());
        let (note, hold) = (a.str("note"), HOLDS.fetch_add(1, Ordering::Relaxed));
        let value = format!("pid {pid} on {host} since {now} ({note}, hold {hold})");
        let cancel = call.cx().cancel().child();
        let lease = redis::lease(
            call.cx(),
            &server(a),
            a.str("key"),
            &value,
            a.duration("ttl"),
            &cancel,
        )?;
        let branch = call.branch().on(call.cx().with_cancel(cancel));
        let answer = enter(branch, || call.invoke(body, vec![]));
        if lease.lost() && call.cx().cancel().stopped().is_none() {
            return Err(Failure::new(
                Kind::Failed,
                format!("the lease `{}` was lost while it was needed", a.str("key")),
            )
            .hint("Redis was away for longer than `ttl`, or somebody removed the key"));
        }
        answer
    },
    ..Primitive::READ
};
