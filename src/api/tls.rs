//! `tls::` - the certificates that servers show, and those in files.

use std::path::Path;

use super::{Args, Failure, Field, Kind, Namespace, Primitive, Shape, Ty, field, option, param};
use crate::files::real;
use crate::tls::{self, Error, Question};

const TIME: Ty = Ty::Opt(&Ty::Time);

const SUBJECT: Field = field(
    "subject",
    Ty::Str,
    "`CN=...,O=...`; often empty today, see `names`",
);
const ISSUER: Field = field("issuer", Ty::Str, "who signed it");
const NAMES: Field = field(
    "names",
    Ty::List(&Ty::Str),
    "what it is for: host names (`*` stands for one part), addresses",
);
const NOT_BEFORE: Field = field("not_before", TIME, "from when on it is good");
const NOT_AFTER: Field = field(
    "not_after",
    TIME,
    "until when it is good; `()`: without an end",
);
const DAYS_LEFT: Field = field(
    "days_left",
    Ty::Opt(&Ty::Float),
    "days until then, negative when it has expired",
);
const SELF_SIGNED: Field = field(
    "self_signed",
    Ty::Bool,
    "whether it names itself as who signed it",
);
const AUTHORITY: Field = field("authority", Ty::Bool, "whether it may sign others");
const SERIAL: Field = field("serial", Ty::Str, "its number, hexadecimal");
const FINGERPRINT: Field = field(
    "fingerprint_sha256",
    Ty::Str,
    "SHA-256 over the whole, hexadecimal",
);

static CERTIFICATE: Shape = Shape {
    name: "Certificate",
    doc: "What a certificate says about itself.",
    fields: &[
        SUBJECT,
        ISSUER,
        NAMES,
        NOT_BEFORE,
        NOT_AFTER,
        DAYS_LEFT,
        SELF_SIGNED,
        AUTHORITY,
        SERIAL,
        FINGERPRINT,
    ],
};

static PEER: Shape = Shape {
    name: "TlsPeer",
    doc: "What a server showed in a TLS handshake: its own certificate, and whether it would be believed.",
    fields: &[
        field("address", Ty::Str, "what was asked: `host:port`"),
        field("ip", Ty::Str, "the address that answered"),
        field("server_name", Ty::Str, "the name that was asked for"),
        field(
            "protocol",
            Ty::Opt(&Ty::Str),
            "`1.2` or `1.3`; `()` when the handshake did not end, see `error`",
        ),
        field(
            "verified",
            Ty::Bool,
            "whether a client with these authorities believes it, now, for this name",
        ),
        field(
            "problems",
            Ty::List(&Ty::Str),
            "why not, all of: `expired`, `not_yet_valid`, `wrong_name`, `self_signed`, `unknown_issuer`, `unusable`",
        ),
        field("error", Ty::Opt(&Ty::Str), "the same in words"),
        SUBJECT,
        ISSUER,
        NAMES,
        NOT_BEFORE,
        NOT_AFTER,
        DAYS_LEFT,
        SELF_SIGNED,
        AUTHORITY,
        SERIAL,
        FINGERPRINT,
        field(
            "chain",
            Ty::List(&Ty::Record(&CERTIFICATE)),
            "as it sent them, its own first",
        ),
        field(
            "ms",
            Ty::Float,
            "look-up, connection and handshake, in milliseconds",
        ),
    ],
};

/// The functions of `tls::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "tls",
    doc: "The certificates that servers show, and those in files. One that is not accepted is an answer and no error.",
    shapes: &[&PEER, &CERTIFICATE],
    primitives: &[
        Primitive {
            name: "certificate",
            params: &[param(
                "address",
                Ty::Str,
                "`host:port`; an IPv6 address in brackets",
            )],
            options: &[
                option(
                    "server_name",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "the name to ask for, and that the certificate must be for; the host by default",
                ),
                option(
                    "ca",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "a PEM file of authorities to trust besides the system's",
                ),
                option(
                    "timeout",
                    Ty::Duration,
                    "\"5s\"",
                    "for look-up, connection and handshake together",
                ),
            ],
            returns: Ty::Record(&PEER),
            errors: &[
                Kind::Unreachable,
                Kind::Timeout,
                Kind::Failed,
                Kind::Invalid,
            ],
            doc: "Shakes hands and tells what certificate the server shows, whether or not it is good; sends nothing after.\n\n\
                  An expired, self-signed or foreign one is told in `verified` and `problems`. `unreachable`: nothing \
                  listens there; `timeout`: no end in time; `failed`: what answers does not speak TLS.",
            example: r#"let left = ();
try { left = tls::certificate("127.0.0.1:1", #{ timeout: "500ms" }).days_left; } catch (e) { print(e.message); }
left"#,
            target: |a| format!("tls/{}", a.str("address")),
            call: |call| {
                let a = call.args();
                let question = Question {
                    address: a.str("address").trim().to_owned(),
                    server_name: a.opt_str("server_name").map(Into::into),
                    ca: a.opt_str("ca").map(Into::into),
                    timeout: a.duration("timeout"),
                };
                Ok(PEER.record(&tls::peer(call.cx(), &question)?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "certificate_file",
            params: &[param(
                "path",
                Ty::Str,
                "a PEM or DER file, or Traefik's `acme.json`",
            )],
            capability: Some("fs.read"),
            returns: Ty::List(&Ty::Record(&CERTIFICATE)),
            errors: &[Kind::NotFound, Kind::Refused, Kind::Invalid, Kind::Failed],
            doc: "The certificates of a file, in its order; of Traefik's store the first of each chain.\n\
                  Keys in the file are passed over. `invalid` when there is no certificate in it.",
            example: r#"let all = [];
try { all = tls::certificate_file("/etc/ssl/certs/ca-certificates.crt"); } catch (e) { print(e.message); }
all.filter(|c| c.days_left != () && c.days_left < 0.0).len()"#,
            target: file_target,
            call: |call| {
                let path = Path::new(call.args().str("path"));
                Ok(CERTIFICATE.records(&tls::certificates(call.cx(), path)?))
            },
            ..Primitive::READ
        },
    ],
};

fn file_target(a: &Args) -> String {
    format!("fs/{}", real(Path::new(a.str("path"))).display())
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::File(error) => error.into(),
            Error::Invalid(_) | Error::NoCertificate { .. } => Self::invalid(text),
            Error::Unreachable { .. } => Self::new(Kind::Unreachable, text),
            Error::Timeout { .. } => Self::new(Kind::Timeout, text),
            Error::NotTls { .. } | Error::Handshake { .. } => Self::new(Kind::Failed, text),
        }
    }
}
