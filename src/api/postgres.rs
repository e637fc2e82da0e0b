//! `postgres::`: Postgres, reads and changes.

mod shapes;

use rhai::Dynamic;

use super::connection::{self, PASSWORD};
use super::rows::{COLUMN, ROWS};
use super::{
    Args, Call, Failure, Kind, Namespace, Param, Primitive, Shape, Ty, field, option, param,
};
use crate::gate::Blast;
use crate::postgres::{self, Error, Limits, Login, Parameter, Server, Sort};
use shapes::{CONNECTIONS, REPLICA, REPLICATION, SLOT, TRANSACTION, TRANSACTIONS};

pub(super) const DB: Param = param(
    "db",
    Ty::Handle("Postgres"),
    "what `postgres::connect` returned",
);

const PARAMS: Param = option(
    "params",
    Ty::List(&Ty::Any),
    "[]",
    "values for `$1`, `$2`, ...; the server reads each as the type of its place",
);

const TIMEOUT: Param = option(
    "timeout",
    Ty::Duration,
    "\"60s\"",
    "how long the whole call may take; then the statement is cancelled",
);

const MAX_ROWS: Param = option(
    "max_rows",
    Ty::Int,
    "10000",
    "more rows than this are an error",
);

static EXECUTED: Shape = Shape {
    name: "PostgresExecuted",
    doc: "A change that Postgres committed.",
    fields: &[
        field(
            "rows",
            Ty::Int,
            "rows inserted, changed or deleted; 0 for statements that count none",
        ),
        field(
            "ms",
            Ty::Float,
            "from connecting to the confirmation, in milliseconds",
        ),
    ],
};

static PING: Shape = Shape {
    name: "PostgresPing",
    doc: "A Postgres that answers this login in this database.",
    fields: &[
        field("version", Ty::Str, "`15.18`"),
        field(
            "ms",
            Ty::Float,
            "from connecting to the answer, in milliseconds",
        ),
    ],
};

const QUICK: Param = option("timeout", Ty::Duration, "\"5s\"", "how long it may take");

const ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::NotFound,
    Kind::Invalid,
    Kind::Conflict,
    Kind::Failed,
];

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "postgres",
    doc: "Postgres. Reads run as one statement in a READ ONLY transaction, so the server itself keeps them from writing. `numeric` is a float (cast it to `text` for its exact digits); times are text, `timestamptz` in UTC; `json` is text; arrays are lists.",
    primitives: &[
        Primitive {
            name: "connect",
            params: &[param("url", Ty::Str, "`postgres://host:5432/database`")],
            options: &[
                option(
                    "user",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "the user; `postgres` when neither this nor the address says",
                ),
                PASSWORD,
                option(
                    "database",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "the database; the user's name when neither this nor the address says",
                ),
            ],
            returns: Ty::Handle("Postgres"),
            errors: &[Kind::Invalid],
            doc: "Says where a Postgres is and how to log in. Nothing is sent: a wrong address or password shows at the first call that uses it.",
            example: r#"let db = postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" });"#,
            call: |call| {
                let a = call.args();
                let login = Login {
                    user: a.opt_str("user"),
                    password: a.opt_str("password"),
                    database: a.opt_str("database"),
                };
                let server = Server::new(a.str("url"), login)?;
                Ok(connection::handle(
                    call,
                    "Postgres",
                    server,
                    Server::password,
                ))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "query",
            params: &[
                DB,
                param(
                    "sql",
                    Ty::Str,
                    "one SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN",
                ),
                PARAMS,
            ],
            options: &[MAX_ROWS, TIMEOUT],
            returns: Ty::Record(&ROWS),
            errors: ERRORS,
            doc: "The rows of one statement that only reads.\n\nThe server refuses writes; what a READ ONLY transaction would still let through (functions on other sessions, files, settings) is refused before sending. A column whose type has no form here is `invalid`: cast it, `x::text`.",
            example: r#"let db = postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" });
postgres::query(db, "SELECT $1::int + 1 AS two", [1]).rows[0].two == 2"#,
            target,
            vet: Some(only_reads),
            call: |call| {
                let a = call.args();
                let limits = Limits {
                    rows: usize::try_from(a.int("max_rows")).unwrap_or(0),
                    time: a.duration("timeout"),
                    ..Limits::default()
                };
                let params = parameters(a)?;
                let rows = postgres::query(call.cx(), &server(a), a.str("sql"), params, limits)?;
                Ok(ROWS.record(&rows))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "value",
            params: &[
                DB,
                param("sql", Ty::Str, "a read with one column and at most one row"),
                PARAMS,
            ],
            options: &[TIMEOUT],
            returns: Ty::Any,
            errors: ERRORS,
            doc: "The one value that a statement gives; `()` for NULL and for no row. More rows or columns are an error.",
            example: r#"let db = postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" });
postgres::value(db, "SELECT count(*) FROM pg_class") > 0"#,
            target,
            vet: Some(only_reads),
            call: |call| {
                let a = call.args();
                let params = parameters(a)?;
                let cell = postgres::value(call.cx(), &server(a), a.str("sql"), params, limits(a))?;
                Ok(super::rows::cell(&cell))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "exec",
            params: &[DB, param("sql", Ty::Str, "one statement"), PARAMS],
            options: &[TIMEOUT],
            returns: Ty::Record(&EXECUTED),
            errors: &[
                Kind::Unreachable,
                Kind::Timeout,
                Kind::Refused,
                Kind::NotFound,
                Kind::Invalid,
                Kind::Conflict,
                Kind::Failed,
                Kind::Unknown,
            ],
            doc: "Runs one statement that changes something, and commits it. No confirmation in time is `unknown`, never `failed`; `timeout` means that the server itself stopped it, so nothing was changed.",
            example: r#"let db = postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" });
postgres::exec(db, "CREATE TABLE IF NOT EXISTS example (x int)");
postgres::exec(db, "INSERT INTO example VALUES ($1)", [1]).rows == 1;
postgres::exec(db, "DROP TABLE example");"#,
            target,
            preview: Some(preview),
            call: |call| {
                let a = call.args();
                let params = parameters(a)?;
                let done = postgres::exec(call.cx(), &server(a), a.str("sql"), params, limits(a))?;
                Ok(EXECUTED.record(&done))
            },
            ..Primitive::CHANGE
        },
        Primitive {
            name: "ping",
            params: &[DB],
            options: &[option(
                "timeout",
                Ty::Duration,
                "\"5s\"",
                "how long it may take",
            )],
            returns: Ty::Record(&PING),
            errors: ERRORS,
            doc: "Whether Postgres answers a statement of this login in this database, and how fast. A server that starts up is `conflict`.",
            example: r#"postgres::ping(postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" })).version"#,
            target,
            call: |call| {
                let a = call.args();
                let ping = postgres::ping(call.cx(), &server(a), limits(a))?;
                Ok(PING.record(&ping))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "connections",
            params: &[DB],
            options: &[QUICK],
            returns: Ty::Record(&CONNECTIONS),
            errors: ERRORS,
            doc: "How many connections are in use, against `max_connections`, and what they do.\n\nWithout the right to see others' sessions (`pg_read_all_stats`) they are counted and nothing more is known of them.",
            example: r#"postgres::connections(postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" })).used_percent"#,
            target,
            call: |call| {
                let a = call.args();
                let found = postgres::connections(call.cx(), &server(a), limits(a))?;
                Ok(CONNECTIONS.record(&found))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "transactions",
            params: &[DB],
            options: &[
                option("limit", Ty::Int, "10", "the most that are listed"),
                QUICK,
            ],
            returns: Ty::Record(&TRANSACTIONS),
            errors: ERRORS,
            doc: "The open transactions of the server, the oldest first, prepared ones among them; never their statements, which may hold secrets.",
            example: r#"postgres::transactions(postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" })).open.len() >= 0"#,
            target,
            call: |call| {
                let a = call.args();
                let most = a.int("limit");
                let found = postgres::transactions(call.cx(), &server(a), most, limits(a))?;
                Ok(TRANSACTIONS.record(&found))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "replication",
            params: &[DB],
            options: &[QUICK],
            returns: Ty::Record(&REPLICATION),
            errors: ERRORS,
            doc: "Whether the server is in recovery, how far a standby is behind, who receives from it, and which slots keep log.",
            example: r#"!postgres::replication(postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" })).in_recovery"#,
            target,
            call: |call| {
                let a = call.args();
                let found = postgres::replication(call.cx(), &server(a), limits(a))?;
                Ok(REPLICATION.record(&found))
            },
            ..Primitive::READ
        },
    ],
    shapes: &[
        &COLUMN,
        &ROWS,
        &EXECUTED,
        &PING,
        &CONNECTIONS,
        &TRANSACTION,
        &TRANSACTIONS,
        &REPLICA,
        &SLOT,
        &REPLICATION,
    ],
};

pub(super) fn server(a: &Args) -> std::sync::Arc<Server> {
    a.handle("db")
}

pub(super) fn target(a: &Args) -> String {
    let server = server(a);
    format!("postgres/{}/{}", server.name(), server.database())
}

fn only_reads(call: &Call<'_>) -> Result<(), String> {
    postgres::statement::read_only(call.args().str("sql")).map(|_| ())
}

fn limits(a: &Args) -> Limits {
    Limits {
        time: a.duration("timeout"),
        ..Limits::default()
    }
}

fn preview(call: &Call<'_>) -> Result<Blast, Failure> {
    let a = call.args();
    let hit = postgres::hit(call.cx(), &server(a), a.str("sql"), limits(a))?;
    let summary = match (&hit.table, hit.oid, hit.estimated_rows) {
        (Some(table), Some(_), Some(rows)) => {
            format!("{} on `{table}`, which has about {rows} rows", hit.verb)
        }
        (Some(table), Some(_), None) => format!("{} on `{table}`", hit.verb),
        (Some(table), None, _) => format!("{} on `{table}`, which is not there", hit.verb),
        (None, ..) => hit.verb.clone(),
    };
    let identity = format!("{:?} {:?}", hit.table, hit.oid);
    Ok(super::rows::blast(summary, identity, &hit))
}

fn parameters(a: &Args) -> Result<Vec<Parameter>, Failure> {
    let items = a.list("params").iter().enumerate();
    items
        .map(|(i, value)| {
            parameter(value).ok_or_else(|| {
                Failure::invalid(format!(
                    "parameter ${} is no number, text, bool, time, list of these, or `()`",
                    i + 1
                ))
            })
        })
        .collect()
}

fn parameter(value: &Dynamic) -> Option<Parameter> {
    if value.is_unit() {
        return Some(Parameter::Null);
    }
    if let Ok(value) = value.as_bool() {
        return Some(Parameter::Bool(value));
    }
    if let Ok(number) = value.as_int() {
        return Some(Parameter::Int(number));
    }
    if let Ok(number) = value.as_float() {
        return Some(Parameter::Float(number));
    }
    if let Some(time) = value.read_lock::<super::Time>() {
        return Some(Parameter::Text(time.to_string()));
    }
    if let Some(items) = value.read_lock::<rhai::Array>() {
        return items
            .iter()
            .map(parameter)
            .collect::<Option<_>>()
            .map(Parameter::List);
    }
    value.clone().into_string().ok().map(Parameter::Text)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let failure = |kind| Self::new(kind, message.clone());
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::Address { .. } | Error::Statement(_) => failure(Kind::Invalid),
            Error::Column { column, .. } => {
                failure(Kind::Invalid).hint(format!("cast it: `{column}::text AS {column}`"))
            }
            Error::Unreachable { .. } | Error::Closed { .. } => failure(Kind::Unreachable),
            Error::Timeout { .. } => {
                failure(Kind::Timeout).hint("raise `timeout`, or ask for less")
            }
            Error::TooManyRows { .. } => {
                failure(Kind::Invalid).hint("raise `max_rows`, or add a LIMIT to the statement")
            }
            Error::TooLarge { .. } => failure(Kind::Invalid).hint("ask for fewer rows or columns"),
            Error::Unknown { .. } => {
                failure(Kind::Unknown).hint("look at what is there now before sending it again")
            }
            Error::Sql { sort, hint, .. } => {
                let kind = match sort {
                    Sort::Refused => Kind::Refused,
                    Sort::NotFound => Kind::NotFound,
                    Sort::Invalid => Kind::Invalid,
                    Sort::Conflict => Kind::Conflict,
                    Sort::Timeout => Kind::Timeout,
                    Sort::Failed => Kind::Failed,
                };
                let failure = failure(kind).retryable(matches!(sort, Sort::Conflict));
                match hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            }
        }
    }
}
