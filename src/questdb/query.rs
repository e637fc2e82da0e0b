//! Statements: reads with typed rows, changes with a confirmation.

use std::time::{Duration, Instant};

use serde::Serialize;
use url::Url;

use super::reply::{self, Reply};
use super::transport::{self, Fault};
use super::{Error, Server, statement};
use crate::rows::{Cell, Limits, Rows, milliseconds};
use crate::run::Cx;

/// The longest statement that is sent, encoded. Both versions close the connection without a word a
/// little above 32,000 bytes of request line and headers [measured].
const LONGEST: usize = 30_000;

/// How long a server may take to show that it is alive.
const PROBE: Duration = Duration::from_secs(5);

/// A change that was confirmed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Executed {
    /// What QuestDB calls the statement: `ddl`, `dml` or `select`. Versions differ in which.
    pub kind: String,
    /// Its `updated`, where it gives one. On a WAL table that is a transaction number, not rows.
    pub updated: Option<i64>,
    /// From sending to the confirmation.
    pub ms: f64,
}

/// A server that answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ping {
    /// What `build()` says: `QuestDB 9.3.4`; empty when it says something else.
    pub version: String,
    /// From sending to the whole answer.
    pub ms: f64,
}

/// Rows of one statement that only reads.
pub fn query(cx: &Cx, server: &Server, sql: &str, limits: Limits) -> Result<Rows, Error> {
    let text = statement::read_only(sql).map_err(Error::Statement)?;
    match read(cx, server, &text, limits) {
        Err(error @ (Error::Cut { .. } | Error::NoReply { .. })) => {
            Err(broken_off(cx, server, limits, error))
        }
        // A cached plan of a table that was dropped and made again: the second try gets a new one
        // [measured on 9.x].
        Err(Error::NotFound { message, .. }) if message.contains("table is dropped") => {
            read(cx, server, &text, limits)
        }
        answer => answer,
    }
}

fn read(cx: &Cx, server: &Server, text: &str, limits: Limits) -> Result<Rows, Error> {
    let began = Instant::now();
    let (columns, cells) = match ask(
        cx,
        server,
        text,
        Some(limits.rows.saturating_add(1)),
        limits,
    )? {
        Reply::Rows(columns, cells) => (columns, cells),
        Reply::Done(..) => return Err(Error::Statement("the statement gave no rows".into())),
    };
    if cells.len() > limits.rows {
        return Err(Error::TooManyRows { most: limits.rows });
    }
    if let Some(name) = Rows::doubled(&columns) {
        return Err(Error::Statement(format!(
            "two columns are called `{name}`: give each a name with `AS`"
        )));
    }
    Ok(Rows {
        columns,
        cells,
        ms: milliseconds(began.elapsed()),
    })
}

/// What it means that a reply broke off. 7.3.3 answers an exception inside it, and its own time-out, with
/// a head that is not even closed, and cuts the connection [measured]; that looks like a fault of the
/// network. So the server is asked something that cannot fail.
fn broken_off(cx: &Cx, server: &Server, limits: Limits, error: Error) -> Error {
    let limits = Limits {
        time: limits.time.min(PROBE),
        ..limits
    };
    let alive = read(cx, server, "SELECT 1 AS x", limits);
    match (error, alive) {
        (_, Err(Error::Stopped(stop))) => stop.into(),
        (Error::NoReply { server, .. }, Ok(_)) => Error::Cut {
            server,
            bytes: 0,
            status: None,
        },
        (Error::Cut { server, bytes, .. }, Err(_)) => Error::NoReply {
            server,
            why: format!("it ends after {bytes} bytes, and other statements get no answer either"),
        },
        (error, _) => error,
    }
}

/// The one value of an answer with one column and at most one row; NULL when there is no row.
pub fn value(cx: &Cx, server: &Server, sql: &str, limits: Limits) -> Result<Cell, Error> {
    let rows = query(cx, server, sql, Limits { rows: 1, ..limits })?;
    rows.into_value().map_err(Error::Statement)
}

/// Runs one statement of any kind. Without a confirmation the outcome is unknown, and says so.
pub fn exec(cx: &Cx, server: &Server, sql: &str, limits: Limits) -> Result<Executed, Error> {
    let text = statement::single(sql).map_err(Error::Statement)?;
    let began = Instant::now();
    let reply = ask(cx, server, &text, None, limits).map_err(|error| {
        let why = match &error {
            Error::Timeout { limit, .. } => {
                format!(
                    "no confirmation within {}",
                    humantime::format_duration(*limit)
                )
            }
            Error::NoReply { why, .. } => format!("the connection closed without a reply ({why})"),
            Error::Cut { bytes, .. } => format!("the reply broke off after {bytes} bytes"),
            Error::TooLarge { .. } | Error::Garbled { status: 200, .. } => error.to_string(),
            _ => return error,
        };
        Error::Unknown {
            server: server.name(),
            why,
        }
    })?;
    let (kind, updated) = match reply {
        Reply::Done(kind, updated) => (kind, updated),
        Reply::Rows(..) => ("select", None),
    };
    Ok(Executed {
        kind: kind.to_owned(),
        updated,
        ms: milliseconds(began.elapsed()),
    })
}

/// Whether the server answers statements. A health page that says so proves less: both network workers
/// can be stuck while it still answers [measured].
pub fn ping(cx: &Cx, server: &Server, limits: Limits) -> Result<Ping, Error> {
    let began = Instant::now();
    let cell = value(cx, server, "SELECT build() AS build", limits)?;
    Ok(Ping {
        version: cell.text().map_or_else(String::new, version),
        ms: milliseconds(began.elapsed()),
    })
}

/// `Build Information: QuestDB 7.3.3, JDK 11.0.8, Commit Hash ..` to `QuestDB 7.3.3`.
fn version(build: &str) -> String {
    let build = build.strip_prefix("Build Information: ").unwrap_or(build);
    build
        .split(',')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn ask(
    cx: &Cx,
    server: &Server,
    text: &str,
    rows: Option<usize>,
    limits: Limits,
) -> Result<Reply, Error> {
    short_enough(&server.exec(text, rows))?;
    let (asked, sql) = (server.clone(), text.to_owned());
    let answer = cx.wait(async move {
        let reply = transport::get(&asked, &sql, rows, limits.bytes);
        tokio::time::timeout(limits.time, reply).await
    })?;
    let name = server.name();
    match answer {
        Err(_) => Err(Error::Timeout {
            server: name,
            limit: limits.time,
        }),
        Ok(Err(fault)) => Err(fault.error(name, limits)),
        Ok(Ok(body)) => reply::read(server, &body),
    }
}

/// Beyond some length the server closes the connection and says nothing.
pub(super) fn short_enough(address: &Url) -> Result<(), Error> {
    let bytes = address.path().len() + address.query().map_or(0, str::len);
    if bytes > LONGEST {
        return Err(Error::TooLong {
            bytes,
            most: LONGEST,
        });
    }
    Ok(())
}

impl Fault {
    pub(super) fn error(self, server: String, limits: Limits) -> Error {
        match self {
            Self::Connect(why) => Error::Unreachable { server, why },
            Self::NoReply(why) => Error::NoReply { server, why },
            Self::Cut { status, bytes } => Error::Cut {
                server,
                bytes,
                status: Some(status),
            },
            Self::TooLarge => Error::TooLarge { most: limits.bytes },
        }
    }
}
