//! The network as a container sees it: `docker::sockets` and `docker::reach`.

use crate::api::{Call, Failure, Kind, Primitive, Ty, option, param};
use crate::system::Inside;

use super::shapes::{REACHED, SOCKET};
use super::{NAME, engine, on_container};

const ERRORS: &[Kind] = &[
    Kind::NotFound,
    Kind::Conflict,
    Kind::Refused,
    Kind::Unreachable,
    Kind::Timeout,
];

pub(super) const SOCKETS: Primitive = Primitive {
    name: "sockets",
    params: &[NAME],
    returns: Ty::List(&Ty::Record(&SOCKET)),
    errors: ERRORS,
    doc: "The sockets of a running container's network, listening ones first.\nRead from the kernel, so that the image needs no tool. `refused`: this user may \
          not look, or the engine is on another machine; `conflict`: it does not run.",
    example: "docker::sockets(\"trading-redis\").filter(|s| s.state == \"listen\").map(|s| s.local_port)",
    target: on_container,
    call: |call| Ok(SOCKET.records(&inside(call)?.sockets()?)),
    ..Primitive::READ
};

pub(super) const REACH: Primitive = Primitive {
    name: "reach",
    params: &[
        NAME,
        param(
            "host",
            Ty::Str,
            "a name as the container knows it, or an address",
        ),
        param("port", Ty::Int, "the TCP port there"),
    ],
    options: &[option(
        "timeout",
        Ty::Duration,
        "\"3s\"",
        "how long it may take",
    )],
    returns: Ty::Record(&REACHED),
    errors: ERRORS,
    doc: "Whether a running container reaches something: the name by its own `resolv.conf`, then a TCP connection, both from within its network.\nNothing runs \
          inside the container. That it is not reached is an answer (`ok` is `false`); not being allowed to look is `refused`.",
    example: "docker::reach(\"trading-api\", \"redis\", 6379).ok",
    target: on_container,
    call: |call| {
        let a = call.args();
        let port = u16::try_from(a.int("port"))
            .map_err(|_| Failure::invalid("a port is between 0 and 65535"))?;
        Ok(REACHED.record(&inside(call)?.reach(a.str("host"), port, a.duration("timeout"))?))
    },
    ..Primitive::READ
};

fn inside(call: &Call<'_>) -> Result<Inside, Failure> {
    let name = call.args().str("name");
    let found = engine(call).container(call.cx(), name)?;
    match found.pid {
        Some(pid) => Ok(Inside::of(&found.id, pid)?),
        None => Err(Failure::new(
            Kind::Conflict,
            format!("container `{name}` does not run"),
        )),
    }
}
