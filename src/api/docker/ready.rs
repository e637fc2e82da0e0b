//! `docker::wait_ready`.

use crate::api::{Kind, Primitive, Ty, option};
use crate::docker::{Readiness, Until};

use super::shapes::READY;
use super::{NAME, TIMEOUT, engine, on_container};

pub(super) const WAIT_READY: Primitive = Primitive {
    name: "wait_ready",
    waits: true,
    params: &[NAME],
    options: &[
        TIMEOUT,
        option(
            "completed",
            Ty::Bool,
            "false",
            "wait for its end with code 0 instead: a job",
        ),
        option("good", Ty::Int, "2", "so many good looks in a row"),
        option(
            "settle",
            Ty::Duration,
            "\"2s\"",
            "so long no start and no restart; counted back, so that one which has long run needs no wait",
        ),
        option(
            "probe",
            Ty::Bool,
            "false",
            "run its own health check inside it until the engine has: that it passes is a good look, too",
        ),
    ],
    returns: Ty::Record(&READY),
    errors: &[
        Kind::Timeout,
        Kind::Conflict,
        Kind::NotFound,
        Kind::Unreachable,
        Kind::Refused,
    ],
    doc: "Waits until a container is ready and stays so: its health check passes, or without one its process runs.\n`conflict`, at once and with the \
          reason, when it will not be: it ended, ends again and again, was killed for want of memory, could not be started, or its health \
          check fails. Out of time is `timeout`, with the last state seen.\nThe engine first looks when one interval of the health check is over, \
          30 s by default. With `probe` one need not wait for that; its `health` may then still be `starting`, and the engine has the last word.",
    example: "let r = docker::wait_ready(\"trading-redis\", #{ timeout: \"30s\" });\nprint(`ready after ${r.ms} ms, ${r.restarts} restarts`);",
    target: on_container,
    call: |call| {
        let a = call.args();
        let readiness = Readiness {
            until: if a.bool("completed") {
                Until::Completed
            } else {
                Until::Ready
            },
            good: u32::try_from(a.int("good")).unwrap_or(1),
            settle: a.duration("settle"),
            limit: a.duration("timeout"),
            probe: a.bool("probe"),
        };
        Ok(READY.record(&engine(call).wait_ready(call.cx(), a.str("name"), readiness)?))
    },
    ..Primitive::READ
};
