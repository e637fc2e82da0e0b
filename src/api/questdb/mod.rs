//! `questdb::`: QuestDB over HTTP.

mod shapes;

use super::connection::{self, PASSWORD, USER};
use super::rows::{COLUMN, ROWS};
use super::{Args, Call, Failure, Kind, Namespace, Param, Primitive, Ty, option, param};
use crate::gate::Blast;
use crate::questdb::{self, Error, Limits, Server};
use shapes::{EXECUTED, INTEGRITY, NEWEST, PARTITION, PING, TABLE, WAL};

pub(super) const DB: Param = param(
    "db",
    Ty::Handle("QuestDb"),
    "what `questdb::connect` returned",
);

const TIMEOUT: Param = option(
    "timeout",
    Ty::Duration,
    "\"60s\"",
    "how long the whole call may take; then the connection is closed, by which QuestDB stops a SELECT",
);

const MAX_ROWS: Param = option(
    "max_rows",
    Ty::Int,
    "10000",
    "more rows than this are an error",
);

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "questdb",
    doc: "QuestDB over HTTP: statements with typed rows, tables, partitions, write-ahead logs. An answer is complete or it is an error: an error behind rows, a reply that breaks off and a row count that does not agree all fail.",
    primitives: &[
        Primitive {
            name: "connect",
            params: &[param(
                "url",
                Ty::Str,
                "`http://host:9000`; a path before `/exec` may follow",
            )],
            options: &[USER, PASSWORD],
            returns: Ty::Handle("QuestDb"),
            errors: &[Kind::Invalid],
            doc: "Says where a QuestDB is and how to log in. Nothing is sent: a wrong address or password shows at the first call that uses it.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");"#,
            call: |call| {
                let a = call.args();
                let server = Server::new(a.str("url"), a.opt_str("user"), a.opt_str("password"))?;
                Ok(connection::handle(
                    call,
                    "QuestDb",
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
                    "one SELECT, WITH, SHOW, or EXPLAIN of a SELECT",
                ),
            ],
            options: &[MAX_ROWS, TIMEOUT],
            returns: Ty::Record(&ROWS),
            errors: QUERY_ERRORS,
            doc: "The rows of one statement that only reads.\n\nAnything else is refused before it is sent: the check reads the statement as QuestDB does, comments and quotes included. Give every expression a name with `AS`: versions call an unnamed `count()` differently. `questdb::quote_text` and `questdb::quote_name` put values in.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let answer = questdb::query(db, "SELECT 1 AS one, 'a' AS letter");
answer.rows[0].one == 1"#,
            target,
            vet: Some(only_reads),
            call: |call| {
                let a = call.args();
                let rows = questdb::query(call.cx(), &server(a), a.str("sql"), limits(a))?;
                Ok(ROWS.record(&rows))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "value",
            params: &[
                DB,
                param("sql", Ty::Str, "a read with one column and at most one row"),
            ],
            options: &[TIMEOUT],
            returns: Ty::Any,
            errors: QUERY_ERRORS,
            doc: "The one value that a statement gives; `()` for NULL and for no row. More rows or columns are an error.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
questdb::value(db, "SELECT count() AS n FROM long_sequence(5)") == 5"#,
            target,
            vet: Some(only_reads),
            call: |call| {
                let a = call.args();
                let limits = Limits {
                    time: a.duration("timeout"),
                    ..Limits::default()
                };
                let cell = questdb::value(call.cx(), &server(a), a.str("sql"), limits)?;
                Ok(super::rows::cell(&cell))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "exec",
            params: &[DB, param("sql", Ty::Str, "one statement")],
            options: &[TIMEOUT],
            returns: Ty::Record(&EXECUTED),
            errors: &[
                Kind::Unreachable,
                Kind::Refused,
                Kind::NotFound,
                Kind::Invalid,
                Kind::Failed,
                Kind::Unknown,
            ],
            doc: "Runs one statement that changes data or tables.\n\nOn a WAL table a confirmation means accepted, not applied: `questdb::wal` says how far applying has come. No confirmation in time is `unknown`, never `failed`: QuestDB goes on with an INSERT whose client has left.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
questdb::exec(db, "CREATE TABLE IF NOT EXISTS example (ts TIMESTAMP, x INT) TIMESTAMP(ts) PARTITION BY DAY");
questdb::exec(db, "DROP TABLE IF EXISTS example");"#,
            target,
            preview: Some(preview),
            call: |call| {
                let a = call.args();
                let limits = Limits {
                    time: a.duration("timeout"),
                    ..Limits::default()
                };
                let done = questdb::exec(call.cx(), &server(a), a.str("sql"), limits)?;
                Ok(EXECUTED.record(&done))
            },
            ..Primitive::CHANGE
        },
        Primitive {
            name: "tables",
            params: &[DB],
            options: &[TIMEOUT],
            returns: Ty::List(&Ty::Record(&TABLE)),
            errors: &[
                Kind::Unreachable,
                Kind::Timeout,
                Kind::Refused,
                Kind::Failed,
            ],
            doc: "The user's tables; QuestDB's own (`sys.*`, `telemetry*`) are left out.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
for table in questdb::tables(db) { print(table.name); }"#,
            target,
            call: |call| {
                let a = call.args();
                let tables = questdb::tables(call.cx(), &server(a), metadata_limits(a))?;
                Ok(TABLE.records(&tables))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "partitions",
            params: &[DB, param("table", Ty::Str, "the table's name")],
            options: &[TIMEOUT],
            returns: Ty::List(&Ty::Record(&PARTITION)),
            errors: &[
                Kind::Unreachable,
                Kind::Timeout,
                Kind::Refused,
                Kind::NotFound,
                Kind::Failed,
            ],
            doc: "The partitions of a table, oldest first, with rows and bytes.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
for table in questdb::tables(db) { print(questdb::partitions(db, table.name).len()); }"#,
            target: |a| format!("{}/{}", target(a), a.str("table")),
            call: |call| {
                let a = call.args();
                let table = a.str("table");
                let found = questdb::partitions(call.cx(), &server(a), table, metadata_limits(a))?;
                Ok(PARTITION.records(&found))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "wal",
            params: &[DB],
            options: &[TIMEOUT],
            returns: Ty::List(&Ty::Record(&WAL)),
            errors: &[
                Kind::Unreachable,
                Kind::Timeout,
                Kind::Refused,
                Kind::Failed,
            ],
            doc: "The write-ahead logs: which are suspended, and how far applying is behind. 7.3.3 does not say why one is suspended; its server log does.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
questdb::wal(db).filter(|log| log.suspended == true).len()"#,
            target,
            call: |call| {
                let a = call.args();
                let logs = questdb::wal(call.cx(), &server(a), metadata_limits(a))?;
                Ok(WAL.records(&logs))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "newest",
            params: &[
                DB,
                param("table", Ty::Str, "the table's name"),
                option(
                    "column",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "the column that tells a row's time; the designated timestamp by default",
                ),
            ],
            options: &[TIMEOUT],
            returns: Ty::Record(&NEWEST),
            errors: QUERY_ERRORS,
            doc: "When the newest row of a table is from. Reads one partition, however many there are.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
for table in ["market_data", "news_items"] { print(questdb::newest(db, table).newest); }"#,
            target: |a| format!("{}/{}", target(a), a.str("table")),
            call: |call| {
                let a = call.args();
                let (table, column) = (a.str("table"), a.opt_str("column"));
                let found =
                    questdb::newest(call.cx(), &server(a), table, column, metadata_limits(a))?;
                Ok(NEWEST.record(&found))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "integrity",
            params: &[DB, param("table", Ty::Str, "the table's name")],
            options: &[TIMEOUT],
            returns: Ty::Record(&INTEGRITY),
            errors: QUERY_ERRORS,
            doc: "Whether all rows of a table can be read: a count leaves a partition whose files are gone out, and says nothing.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
print(questdb::integrity(db, "market_data").missing_rows);"#,
            target: |a| format!("{}/{}", target(a), a.str("table")),
            call: |call| {
                let a = call.args();
                let table = a.str("table");
                let found = questdb::integrity(call.cx(), &server(a), table, metadata_limits(a))?;
                Ok(INTEGRITY.record(&found))
            },
            ..Primitive::READ
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
            errors: &[
                Kind::Unreachable,
                Kind::Timeout,
                Kind::Refused,
                Kind::Failed,
            ],
            doc: "Whether QuestDB answers a statement, and how fast. Its health page proves less: it still says healthy when no statement gets through.",
            example: r#"questdb::ping(questdb::connect("http://127.0.0.1:9000")).version"#,
            target,
            call: |call| {
                let a = call.args();
                let limits = Limits {
                    time: a.duration("timeout"),
                    ..Limits::default()
                };
                let ping = questdb::ping(call.cx(), &server(a), limits)?;
                Ok(PING.record(&ping))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "quote_name",
            params: &[param("name", Ty::Str, "a table or column")],
            returns: Ty::Str,
            errors: &[Kind::Invalid],
            doc: "A name as it goes into a statement, in double quotes. A name that QuestDB cannot have is an error.",
            example: r#"questdb::quote_name("market_data") == "\"market_data\"""#,
            call: |call| Ok(questdb::quote_name(call.args().str("name"))?.into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "quote_text",
            params: &[param("text", Ty::Str, "any text")],
            returns: Ty::Str,
            errors: &[Kind::Invalid],
            doc: "A text as it goes into a statement, in single quotes.",
            example: r#"questdb::quote_text("it's") == "'it''s'""#,
            call: |call| Ok(questdb::quote_text(call.args().str("text"))?.into()),
            ..Primitive::PURE
        },
    ],
    shapes: &[
        &COLUMN, &ROWS, &EXECUTED, &PING, &TABLE, &PARTITION, &WAL, &NEWEST, &INTEGRITY,
    ],
};

const QUERY_ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::NotFound,
    Kind::Invalid,
    Kind::Failed,
];

pub(super) fn server(a: &Args) -> std::sync::Arc<Server> {
    a.handle("db")
}

pub(super) fn target(a: &Args) -> String {
    format!("questdb/{}", server(a).name())
}

fn only_reads(call: &Call<'_>) -> Result<(), String> {
    questdb::statement::read_only(call.args().str("sql")).map(|_| ())
}

fn limits(a: &Args) -> Limits {
    Limits {
        rows: usize::try_from(a.int("max_rows")).unwrap_or(0),
        time: a.duration("timeout"),
        ..Limits::default()
    }
}

/// A table may have more partitions than a person wants rows: twenty years of hours are 175,000.
fn metadata_limits(a: &Args) -> Limits {
    Limits {
        rows: 1_000_000,
        time: a.duration("timeout"),
        ..Limits::default()
    }
}

fn preview(call: &Call<'_>) -> Result<Blast, Failure> {
    let a = call.args();
    let hit = questdb::hit(call.cx(), &server(a), a.str("sql"), Limits::default())?;
    let summary = match (&hit.table, hit.rows) {
        (Some(table), Some(rows)) => format!("{} on `{table}`, which has {rows} rows", hit.verb),
        (Some(table), None) => format!("{} on `{table}`, which is not there", hit.verb),
        (None, _) => hit.verb.clone(),
    };
    let identity = format!("{:?} {} {:?}", hit.table, hit.exists, hit.oldest);
    Ok(super::rows::blast(summary, identity, &hit))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let failure = |kind| Self::new(kind, message.clone());
        let with = |kind, status: u16| failure(kind).status(i64::from(status));
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::Unreachable { .. } | Error::NoReply { .. } => failure(Kind::Unreachable),
            Error::Timeout { .. } => failure(Kind::Timeout).hint("raise `timeout`, or ask for less"),
            Error::ServerTimeout { .. } => failure(Kind::Timeout)
                .retryable(false)
                .hint("QuestDB's own limit is `query.timeout` (60 s unless set)"),
            Error::Refused { status, .. } => with(Kind::Refused, status),
            Error::NotFound { status, .. } => with(Kind::NotFound, status),
            Error::Invalid { status, .. } => with(Kind::Invalid, status),
            Error::Address { .. } | Error::Name { .. } | Error::Statement(_) => {
                failure(Kind::Invalid)
            }
            Error::TooLong { .. } => {
                failure(Kind::Invalid).hint("split it, or filter on this side")
            }
            Error::TooManyRows { .. } => {
                failure(Kind::Invalid).hint("raise `max_rows`, or add a LIMIT to the statement")
            }
            Error::TooLarge { .. } => failure(Kind::Invalid).hint("ask for fewer rows or columns"),
            Error::Failed { status, .. } | Error::Garbled { status, .. } => {
                with(Kind::Failed, status)
            }
            Error::Cut { .. } => failure(Kind::Failed).hint(
                "QuestDB 7.x does so for its own time-out and for any exception inside it: its log says which; the same statement fails again",
            ),
            Error::Late { .. } => failure(Kind::Failed).status(200),
            Error::Suspended { table, .. } => failure(Kind::Failed).hint(format!(
                "mend the cause that its server log names, then `ALTER TABLE {table} RESUME WAL`"
            )),
            Error::Lagging { .. } => failure(Kind::Timeout).hint("wait until it has caught up"),
            Error::Sink(_) => failure(Kind::Failed),
            Error::Unknown { .. } => failure(Kind::Unknown)
                .hint("look at what is there now before sending it again"),
        }
    }
}
