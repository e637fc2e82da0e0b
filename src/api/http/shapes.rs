//! The records that `http` returns.

use crate::api::{Field, Shape, Ty, field};

pub(in crate::api) static HEADER: Shape = Shape {
    name: "Header",
    doc: "One header line of a response.",
    fields: &[
        field("name", Ty::Str, "lower case"),
        field("value", Ty::Str, "as it came"),
    ],
};

static LINE: Ty = Ty::Record(&HEADER);

const HEADERS: Field = field(
    "headers",
    Ty::Map,
    "by lower-case name; repeated ones joined with `, `",
);
const ALL_HEADERS: Field = field(
    "all_headers",
    Ty::List(&LINE),
    "each line, in the order in which it came",
);

pub(in crate::api) static RESPONSE: Shape = Shape {
    name: "Response",
    doc: "A whole HTTP response, whatever its status.",
    fields: &[
        field("status", Ty::Int, "200"),
        field("ok", Ty::Bool, "whether the status is 2xx"),
        field("url", Ty::Str, "the URL that answered, after redirects"),
        field("http_version", Ty::Str, "`1.1`"),
        HEADERS,
        ALL_HEADERS,
        field("body", Ty::Str, "the body as text, by its charset"),
        field("bytes", Ty::Int, "the body's length, decompressed"),
        field(
            "exact",
            Ty::Bool,
            "whether `body` is exactly what came: false if some of it was no text",
        ),
        field(
            "ms",
            Ty::Float,
            "from the look-up to the last byte, of the last attempt, in milliseconds",
        ),
        field("attempts", Ty::Int, "how often it was asked"),
        field(
            "gave_up",
            Ty::Opt(&Ty::Str),
            "why it was not asked again although there were retries left",
        ),
    ],
};

const MS: Ty = Ty::Opt(&Ty::Float);

pub(in crate::api) static PROBE: Shape = Shape {
    name: "Probe",
    doc: "How an address answered, phase by phase; a phase that was not reached has the time `()`.",
    fields: &[
        field(
            "ok",
            Ty::Bool,
            "whether a whole response with a 2xx status came",
        ),
        field("url", Ty::Str, "the URL, without user and password"),
        field(
            "phase",
            Ty::OneOf(&[
                "dns", "connect", "tls", "request", "response", "body", "done",
            ]),
            "where it ended: `done` if a whole response came, whatever its status",
        ),
        field(
            "kind",
            Ty::Opt(&Ty::OneOf(&["unreachable", "timeout", "failed"])),
            "why it ended before `done`",
        ),
        field("error", Ty::Opt(&Ty::Str), "the same in words"),
        field(
            "status",
            Ty::Opt(&Ty::Int),
            "the response's status, if its head came",
        ),
        field("dns_ms", MS, "looking the name up"),
        field("connect_ms", MS, "the TCP connection"),
        field("tls_ms", MS, "the TLS handshake; `()` without TLS"),
        field(
            "first_byte_ms",
            MS,
            "from sending the request to the response's head",
        ),
        field("transfer_ms", MS, "the body"),
        field("ms", Ty::Float, "all of it, or until it ended"),
        field(
            "address",
            Ty::Opt(&Ty::Str),
            "the address that was connected to, or the last one tried",
        ),
        field("tls_version", Ty::Opt(&Ty::Str), "`1.3`"),
        field(
            "certificate_expires",
            Ty::Opt(&Ty::Time),
            "when the server's certificate ends; of one that was not accepted, too",
        ),
        field("certificate_issuer", Ty::Opt(&Ty::Str), "who signed it"),
        field("http_version", Ty::Opt(&Ty::Str), "`1.1`"),
        HEADERS,
        ALL_HEADERS,
        field("body", Ty::Str, "the body as text, or what came of it"),
        field("bytes", Ty::Int, "the body's length"),
    ],
};

pub(in crate::api) static RATE_LIMIT: Shape = Shape {
    name: "RateLimit",
    doc: "What a response says of the limit on requests; what it does not say is `()`.",
    fields: &[
        field(
            "limited",
            Ty::Bool,
            "whether it is a refusal for that reason: status 429",
        ),
        field("limit", Ty::Opt(&Ty::Int), "requests within one period"),
        field("remaining", Ty::Opt(&Ty::Int), "how many of them are left"),
        field("left_percent", Ty::Opt(&Ty::Float), "the same in percent"),
        field(
            "resets_in_seconds",
            Ty::Opt(&Ty::Float),
            "until the period ends",
        ),
        field(
            "retry_after_seconds",
            Ty::Opt(&Ty::Float),
            "how long the server asks to wait",
        ),
    ],
};
