//! `dns`: names and addresses.

use super::{Failure, Field, Kind, Namespace, Primitive, Shape, Ty, field, option, param};
use crate::net::{Error, dns};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::Invalid(_) => Self::invalid(message),
            Error::NoSuchName { .. } => Self::new(Kind::NotFound, message)
                .hint("is the name spelt as the resolver knows it?"),
            Error::Resolver { .. } => Self::new(Kind::Unreachable, message),
            Error::Timeout { .. } => Self::new(Kind::Timeout, message),
        }
    }
}

static LOOKUP: Shape = Shape {
    name: "Lookup",
    doc: "What a name stands for.",
    fields: &[
        field("name", Ty::Str, "the name that was asked for"),
        field(
            "addresses",
            Ty::List(&Ty::Str),
            "its addresses, in the resolver's order, each once",
        ),
        MS,
    ],
};

const MS: Field = field("ms", Ty::Float, "how long it took, in milliseconds");

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "dns",
    doc: "Names to addresses, by the system's resolver.",
    primitives: &[Primitive {
        name: "lookup",
        params: &[param("name", Ty::Str, "the host's name, or an address")],
        options: &[option(
            "timeout",
            Ty::Duration,
            "\"5s\"",
            "how long to wait at most",
        )],
        returns: Ty::Record(&LOOKUP),
        errors: &[Kind::NotFound, Kind::Unreachable, Kind::Timeout],
        doc: "Looks up the addresses of a name.\n\nIt asks the system's resolver, so `/etc/hosts` and search domains hold. \
              No such name is `not_found`; a resolver that does not answer is `unreachable`.",
        example: r#"let found = dns::lookup("localhost");
found.addresses.len() > 0"#,
        target: |a| format!("dns/{}", a.str("name").trim()),
        call: |call| {
            let a = call.args();
            let found = dns::lookup(call.cx(), a.str("name"), a.duration("timeout"))?;
            Ok(LOOKUP.record(&found))
        },
        ..Primitive::READ
    }],
    shapes: &[&LOOKUP],
};
