//! `tcp`: knocking at ports.

use super::{Args, Failure, Kind, Namespace, Param, Primitive, Shape, Ty, field, option, param};
use crate::net::{Error, tcp};

static PROBE: Shape = Shape {
    name: "TcpProbe",
    doc: "How a port answered.",
    fields: &[
        field("open", Ty::Bool, "whether a connection was made"),
        field(
            "state",
            Ty::OneOf(&["open", "refused", "timeout", "unreachable", "unresolved"]),
            "`refused`: the host says that nobody listens there; `unresolved`: no such name",
        ),
        field("target", Ty::Str, "what was asked for: `db:5432`"),
        field(
            "address",
            Ty::Opt(&Ty::Str),
            "the address that answered, or the last one tried; `()` if the name did not resolve",
        ),
        field(
            "ms",
            Ty::Float,
            "how long it took, the look-up included, in milliseconds",
        ),
        field("error", Ty::Opt(&Ty::Str), "why it is not open"),
    ],
};

const HOST: Param = param("host", Ty::Str, "a host, or `host:port`");
const PORT: Param = option(
    "port",
    Ty::Opt(&Ty::Int),
    "()",
    "the port, unless `host` names it",
);

/// Host and port from either form.
fn place(a: &Args) -> Result<(String, u16), Error> {
    match a.opt_int("port") {
        None => tcp::host_port(a.str("host")),
        Some(port) => match u16::try_from(port) {
            Ok(port) => Ok((a.str("host").trim().to_owned(), port)),
            Err(_) => Err(Error::Invalid(format!("{port} is no port"))),
        },
    }
}

fn target(a: &Args) -> String {
    match place(a) {
        Ok((host, port)) => format!("tcp/{host}:{port}"),
        Err(_) => "tcp".into(),
    }
}

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "tcp",
    doc: "Knocking at TCP ports.",
    primitives: &[
        Primitive {
            name: "probe",
            params: &[HOST, PORT],
            options: &[option(
                "timeout",
                Ty::Duration,
                "\"3s\"",
                "for the look-up and the connection together",
            )],
            returns: Ty::Record(&PROBE),
            doc: "Connects to a port and closes the connection again.\n\nA closed, silent or unknown one is an answer and \
                  no error: see `state`. Nothing is sent.",
            example: r#"let db = tcp::probe("127.0.0.1:5432", #{ timeout: "500ms" });
db.open"#,
            target,
            call: |call| {
                let a = call.args();
                let (host, port) = place(a)?;
                let probe = tcp::probe(call.cx(), &host, port, a.duration("timeout"))?;
                Ok(PROBE.record(&probe))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "wait",
            waits: true,
            params: &[HOST, PORT],
            options: &[
                option(
                    "timeout",
                    Ty::Duration,
                    "\"30s\"",
                    "how long to wait at most",
                ),
                option(
                    "interval",
                    Ty::Duration,
                    "\"250ms\"",
                    "how long to wait between two attempts",
                ),
            ],
            returns: Ty::Record(&PROBE),
            errors: &[Kind::Timeout],
            doc: "Waits until a port is open.\n\nOne that does not open in time is a `timeout` that tells the last answer. \
                  In plan mode, once a change is planned, it does not wait.",
            example: r#"tcp::wait("127.0.0.1:5432", #{ timeout: "10s" }).open"#,
            target,
            call: |call| {
                let a = call.args();
                let (host, port) = place(a)?;
                // What would open it may be among what was only planned.
                if call.run().mode().is_plan() && !call.run().plan_so_far().steps.is_empty() {
                    return Ok(PROBE.planned());
                }
                let (timeout, interval) = (a.duration("timeout"), a.duration("interval"));
                tcp::wait(call.cx(), &host, port, timeout, interval)
                    .map(|probe| PROBE.record(&probe))
                    .map_err(Failure::from)
            },
            ..Primitive::READ
        },
    ],
    shapes: &[&PROBE],
};
