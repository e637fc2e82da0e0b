//! `loki::`: whether a line that goes in comes out again.

use super::{
    Args, Call, Failure, Kind, Namespace, Primitive, Shape, Ty, connection, field, option, param,
};
use crate::gate::Blast;
use crate::http::Auth;
use crate::loki::{self, Error, Patience, Server};

static ROUNDTRIP: Shape = Shape {
    name: "LokiRoundtrip",
    doc: "How a line fared in Loki.",
    fields: &[
        field(
            "outcome",
            Ty::Str,
            "`ok`; `late` (it came back after `late` or more); `lost` (taken in, and not back within `wait`); `rejected` (not taken in); `unreadable` (taken in, and the query failed)",
        ),
        field(
            "delay_ms",
            Ty::Opt(&Ty::Float),
            "from sending to the answer that had the line, in milliseconds, to about a quarter of a second; `()` when none had",
        ),
        field("push_ms", Ty::Float, "until the push was answered"),
        field(
            "status",
            Ty::Opt(&Ty::Int),
            "the HTTP status of the refusal, of `rejected` and `unreadable`",
        ),
        field(
            "reason",
            Ty::Opt(&Ty::Str),
            "Loki's words, of `rejected` and `unreadable`",
        ),
        field("queries", Ty::Int, "how often it was queried"),
        field(
            "probe",
            Ty::Str,
            "the value of the label `probe`, by which the line is found",
        ),
    ],
};

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "loki",
    doc: "Loki: whether it takes lines in and gives them back.",
    primitives: &[Primitive {
        name: "roundtrip",
        params: &[param("url", Ty::Str, "the server: `http://loki:3100`")],
        options: &[
            option(
                "wait",
                Ty::Duration,
                "\"10s\"",
                "how long the line may take to come back before it is lost",
            ),
            option(
                "late",
                Ty::Duration,
                "\"3s\"",
                "from this delay on it is late",
            ),
            option(
                "timeout",
                Ty::Duration,
                "\"5s\"",
                "how long the push may take",
            ),
            option(
                "tenant",
                Ty::Opt(&Ty::Str),
                "()",
                "the tenant, where Loki has several (`X-Scope-OrgID`)",
            ),
            option("user", Ty::Opt(&Ty::Str), "()", "for basic authentication"),
            option(
                "password",
                Ty::Opt(&Ty::Str),
                "()",
                "for basic authentication; it is never shown",
            ),
        ],
        capability: Some("loki.roundtrip"),
        returns: Ty::Record(&ROUNDTRIP),
        errors: &[
            Kind::Unreachable,
            Kind::Timeout,
            Kind::Refused,
            Kind::Invalid,
            Kind::Failed,
            Kind::Unknown,
        ],
        doc: "Pushes one line with a label that no other has (`{job=\"tradeops\", probe=\"...\"}`), and queries it until it is back.\n\n\
              That Loki refuses the line, loses it, is late or cannot be queried are outcomes, and no errors. Each call leaves one \
              line in Loki, in a stream of its own, until its retention removes it; so it is a change, with a capability of its own, \
              `loki.roundtrip`, which allows nothing else.",
        example: r#"try {
    let trip = loki::roundtrip("http://127.0.0.1:1", #{ wait: "10s", late: "3s" });
    if trip.outcome == "rejected" { print(`${trip.status}: ${trip.reason}`); }
} catch (e) { }"#,
        target,
        preview: Some(|call| {
            let server = server(call)?;
            Ok(Blast {
                summary: format!(
                    "one line into {}, in a stream of its own, and back out",
                    server.origin()
                ),
                ..Blast::default()
            })
        }),
        call: |call| {
            let a = call.args();
            let patience = Patience {
                push: a.duration("timeout"),
                wait: a.duration("wait"),
                late: a.duration("late"),
            };
            let trip = loki::roundtrip(call.cx(), &server(call)?, patience)?;
            Ok(ROUNDTRIP.record(&trip))
        },
        ..Primitive::CHANGE
    }],
    shapes: &[&ROUNDTRIP],
};

fn target(a: &Args) -> String {
    connection::target("loki", a)
}

fn server(call: &Call<'_>) -> Result<Server, Failure> {
    let a = call.args();
    let mut server = Server::new(a.str("url"))?;
    server.tenant = a.opt_str("tenant").map(str::to_owned);
    server.auth = match (a.opt_str("user"), a.opt_str("password")) {
        (None, None) => None,
        (None, Some(_)) => return Err(Failure::invalid("`password` needs a `user`")),
        (Some(user), password) => {
            let password = password.unwrap_or_default();
            call.run().redactor().learn(password);
            Some(Auth::Basic(user.to_owned(), password.to_owned()))
        }
    };
    Ok(server)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::Invalid(_) => Self::invalid(message),
            Error::Http(error) => error.into(),
            Error::Refused { status, .. } => Self::new(Kind::Refused, message)
                .status(status.into())
                .hint("401 without a login: a Loki with several tenants wants the option `tenant`"),
        }
    }
}
