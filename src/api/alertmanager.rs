//! `alertmanager::`: what fires, what is silenced, and how Alertmanager itself is.

use super::{
    Args, Call, Failure, Kind, Namespace, Param, Primitive, Shape, Ty, connection, field, option,
    param,
};
use crate::alertmanager::{self, Error, Server, Which};

const URL: Param = param("url", Ty::Str, "the server: `http://alertmanager:9093`");

const TIMEOUT: Param = option(
    "timeout",
    Ty::Duration,
    "\"10s\"",
    "how long the whole call may take",
);

const ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::Invalid,
    Kind::Failed,
];

static ALERT: Shape = Shape {
    name: "Alert",
    doc: "An alert that fires.",
    fields: &[
        field("name", Ty::Str, "its label `alertname`"),
        field(
            "severity",
            Ty::Opt(&Ty::Str),
            "its label `severity`: `critical`, `warning`, or what the rules have; `()` without one",
        ),
        field(
            "state",
            Ty::Str,
            "`active`, `suppressed` (silenced or inhibited) or `unprocessed`",
        ),
        field("starts_at", Ty::Time, "since when"),
        field(
            "ends_at",
            Ty::Time,
            "until when, if nobody says before that it still fires",
        ),
        field("labels", Ty::Map, "all of its labels"),
        field(
            "annotations",
            Ty::Map,
            "`summary`, `description` and the like",
        ),
        field("receivers", Ty::List(&Ty::Str), "who is told"),
        field(
            "silenced_by",
            Ty::List(&Ty::Str),
            "ids of the silences that hold it back",
        ),
        field(
            "inhibited_by",
            Ty::List(&Ty::Str),
            "fingerprints of the alerts that hold it back",
        ),
        field("fingerprint", Ty::Str, "a hash of its labels"),
    ],
};

static SILENCE: Shape = Shape {
    name: "Silence",
    doc: "What holds alerts back, and until when.",
    fields: &[
        field("id", Ty::Str, "its id"),
        field("state", Ty::Str, "`active`, `pending` or `expired`"),
        field("starts_at", Ty::Time, "from when on"),
        field("ends_at", Ty::Time, "until when"),
        field(
            "matchers",
            Ty::List(&Ty::Str),
            "which alerts, all must hold: `severity=\"critical\"`, `service=~\"a|b\"`",
        ),
        field("created_by", Ty::Str, "who made it"),
        field("comment", Ty::Str, "why"),
    ],
};

static STATUS: Shape = Shape {
    name: "AlertmanagerStatus",
    doc: "An Alertmanager.",
    fields: &[
        field("version", Ty::Str, "its version"),
        field("started_at", Ty::Time, "when it started"),
        field(
            "cluster",
            Ty::Str,
            "`ready`, `settling`, or `disabled` when it stands alone",
        ),
        field(
            "peers",
            Ty::Int,
            "members of the cluster, itself among them; 0 when it stands alone",
        ),
    ],
};

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "alertmanager",
    doc: "Alertmanager: the alerts that fire, the silences, and its own state. Reads only. Its configuration is not shown: it may hold secrets.",
    primitives: &[
        Primitive {
            name: "alerts",
            params: &[URL],
            options: &[
                option(
                    "filter",
                    Ty::List(&Ty::Str),
                    "[]",
                    "conditions on labels, all must hold: `[\"severity=\\\"critical\\\"\"]`",
                ),
                option(
                    "silenced",
                    Ty::Bool,
                    "false",
                    "also those that a silence holds back",
                ),
                option(
                    "inhibited",
                    Ty::Bool,
                    "false",
                    "also those that another alert holds back",
                ),
                TIMEOUT,
            ],
            returns: Ty::List(&Ty::Record(&ALERT)),
            errors: ERRORS,
            doc: "The alerts that fire now and reach their receivers. None is an empty list.",
            example: r#"let firing = [];
try { firing = alertmanager::alerts("http://127.0.0.1:9093", #{ timeout: "2s" }); } catch (e) { }
firing.filter(|a| a.severity == "critical").len()"#,
            target,
            call: |call| {
                let a = call.args();
                let which = Which {
                    matchers: a.strs("filter"),
                    active: true,
                    silenced: a.bool("silenced"),
                    inhibited: a.bool("inhibited"),
                };
                let alerts = alertmanager::alerts(call.cx(), &server(call)?, &which)?;
                Ok(ALERT.records(&alerts))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "silences",
            params: &[URL],
            options: &[
                option(
                    "expired",
                    Ty::Bool,
                    "false",
                    "also those that are over, as long as the server keeps them",
                ),
                TIMEOUT,
            ],
            returns: Ty::List(&Ty::Record(&SILENCE)),
            errors: ERRORS,
            doc: "The silences that hold alerts back now or will.",
            example: r#"try {
    for s in alertmanager::silences("http://127.0.0.1:9093", #{ timeout: "2s" }) { print(`${s.matchers} until ${s.ends_at}`); }
} catch (e) { }"#,
            target,
            call: |call| {
                let expired = call.args().bool("expired");
                let mut silences = alertmanager::silences(call.cx(), &server(call)?)?;
                silences.retain(|s| expired || s.state != "expired");
                Ok(SILENCE.records(&silences))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "status",
            params: &[URL],
            options: &[TIMEOUT],
            returns: Ty::Record(&STATUS),
            errors: ERRORS,
            doc: "Its version, its start and its cluster.",
            example: r#"let cluster = "";
try { cluster = alertmanager::status("http://127.0.0.1:9093", #{ timeout: "2s" }).cluster; } catch (e) { cluster = e.kind; }
cluster"#,
            target,
            call: |call| Ok(STATUS.record(&alertmanager::status(call.cx(), &server(call)?)?)),
            ..Primitive::READ
        },
    ],
    shapes: &[&ALERT, &SILENCE, &STATUS],
};

fn target(a: &Args) -> String {
    connection::target("alertmanager", a)
}

fn server(call: &Call<'_>) -> Result<Server, Failure> {
    let a = call.args();
    Ok(Server::new(a.str("url"), a.duration("timeout"))?)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::Invalid(_) => Self::invalid(message),
            Error::Http(error) => error.into(),
            Error::Refused { status, .. } => Self::new(Kind::Refused, message).status(status),
            // A bad matcher is ours.
            Error::Failed { status: 400, .. } => Self::invalid(message).status(400),
            Error::Failed { status, .. } => Self::new(Kind::Failed, message).status(status),
        }
    }
}
