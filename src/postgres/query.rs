//! Statements: reads within a READ ONLY transaction, changes with a count.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::value::{self, Value};
use super::{Error, Parameter, Server, session, statement};
use crate::rows::{Cell, Column, Limits, Rows, milliseconds};
use crate::run::Cx;

/// Rows fetched at a time.
const BATCH: usize = 1_000;

/// A change that was committed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Executed {
    /// Rows inserted, changed or deleted; 0 for statements that count none.
    pub rows: i64,
    /// From connecting to the confirmation, in milliseconds.
    pub ms: f64,
}

/// A server that answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ping {
    /// `15.18 (Debian ...)`.
    pub version: String,
    /// From connecting to the answer, in milliseconds.
    pub ms: f64,
}

/// Rows of one statement that only reads.
pub fn query(
    cx: &Cx,
    server: &Server,
    sql: &str,
    parameters: Vec<Parameter>,
    limits: Limits,
) -> Result<Rows, Error> {
    let text = statement::read_only(sql).map_err(Error::Statement)?;
    let began = Instant::now();
    let (name, time) = (server.name(), time(cx, limits));
    let (columns, cells) = session::with(cx, server, limits.time, move |client| async move {
        fetch(client, &name, &text, &parameters, limits, time).await
    })?;
    Ok(Rows {
        columns,
        cells,
        ms: milliseconds(began.elapsed()),
    })
}

async fn fetch(
    mut client: Client,
    server: &str,
    text: &str,
    parameters: &[Parameter],
    limits: Limits,
    time: Duration,
) -> Result<(Vec<Column>, Vec<Vec<Cell>>), Error> {
    let library = |error| Error::from_library(server, &error);
    settle(&client, time).await.map_err(library)?;
    let transaction = client
        .build_transaction()
        .read_only(true)
        .start()
        .await
        .map_err(library)?;
    let statement = transaction.prepare(text).await.map_err(library)?;
    let columns = columns(&statement)?;
    let portal = transaction
        .bind(&statement, &references(parameters))
        .await
        .map_err(library)?;
    let (mut cells, mut bytes) = (Vec::new(), 0);
    loop {
        // One more than may be, to know whether there are more.
        let want = BATCH.min(limits.rows.saturating_add(1) - cells.len());
        let rows = transaction
            .query_portal(&portal, i32::try_from(want).unwrap_or(i32::MAX))
            .await
            .map_err(library)?;
        let came = rows.len();
        for row in rows {
            bytes += row.raw_size_bytes();
            let cell = |i| row.try_get::<_, Value>(i).map(|value| value.0);
            let row: Result<Vec<_>, _> = (0..columns.len()).map(cell).collect();
            cells.push(row.map_err(library)?);
        }
        if bytes > limits.bytes {
            return Err(Error::TooLarge { most: limits.bytes });
        }
        if cells.len() > limits.rows {
            return Err(Error::TooManyRows { most: limits.rows });
        }
        if came < want {
            return Ok((columns, cells));
        }
    }
}

/// The one value of an answer with one column and at most one row; NULL when there is no row.
pub fn value(
    cx: &Cx,
    server: &Server,
    sql: &str,
    parameters: Vec<Parameter>,
    limits: Limits,
) -> Result<Cell, Error> {
    let rows = query(cx, server, sql, parameters, Limits { rows: 1, ..limits })?;
    rows.into_value().map_err(Error::Statement)
}

/// Runs one statement of any kind; it commits by itself. Without a confirmation the outcome is unknown,
/// and says so.
pub fn exec(
    cx: &Cx,
    server: &Server,
    sql: &str,
    parameters: Vec<Parameter>,
    limits: Limits,
) -> Result<Executed, Error> {
    let began = Instant::now();
    let (name, text, time) = (server.name(), sql.to_owned(), time(cx, limits));
    let rows = session::with(cx, server, limits.time, move |client| async move {
        let library = |error| Error::from_library(&name, &error);
        settle(&client, time).await.map_err(library)?;
        let statement = client.prepare(&text).await.map_err(library)?;
        let parameters = references(&parameters);
        client
            .execute(&statement, &parameters)
            .await
            .map_err(|error| match library(error) {
                Error::Closed { server, why } => Error::Unknown { server, why },
                other => other,
            })
    })
    .map_err(|error| match error {
        // Where it was when time ran out is not known, so the worse is assumed.
        Error::Timeout { server, limit } => Error::Unknown {
            server,
            why: format!(
                "no confirmation within {}",
                humantime::format_duration(limit)
            ),
        },
        other => other,
    })?;
    Ok(Executed {
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
        ms: milliseconds(began.elapsed()),
    })
}

/// Whether the server answers a statement of this login in this database.
pub fn ping(cx: &Cx, server: &Server, limits: Limits) -> Result<Ping, Error> {
    let began = Instant::now();
    let version = value(cx, server, "SHOW server_version", Vec::new(), limits)?;
    Ok(Ping {
        version: version.text().unwrap_or_default().to_owned(),
        ms: milliseconds(began.elapsed()),
    })
}

/// The server's own limit: what is left of the caller's time, and at least a millisecond (0 is none).
pub(super) fn time(cx: &Cx, limits: Limits) -> Duration {
    let left = cx.cancel().remaining().unwrap_or(limits.time);
    left.min(limits.time).max(Duration::from_millis(1))
}

/// What every session starts with.
pub(super) async fn settle(client: &Client, time: Duration) -> Result<(), tokio_postgres::Error> {
    let settings = format!(
        // Texts are read as the check of the statement read them.
        "SET standard_conforming_strings = on; SET statement_timeout = {}",
        time.as_millis().min(i32::MAX as u128)
    );
    client.batch_execute(&settings).await
}

fn references(parameters: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    parameters
        .iter()
        .map(|p| p as &(dyn ToSql + Sync))
        .collect()
}

/// The columns of an answer, if each has a form here.
fn columns(statement: &Statement) -> Result<Vec<Column>, Error> {
    let columns: Vec<_> = statement
        .columns()
        .iter()
        .map(|column| {
            let ty = column.type_();
            if value::known(ty) {
                Ok(Column {
                    name: column.name().to_owned(),
                    ty: ty.name().to_owned(),
                })
            } else {
                Err(Error::Column {
                    column: column.name().to_owned(),
                    ty: ty.name().to_owned(),
                })
            }
        })
        .collect::<Result<_, _>>()?;
    match Rows::doubled(&columns) {
        Some(name) => Err(Error::Statement(format!(
            "two columns are called `{name}`: give each a name with `AS`"
        ))),
        None => Ok(columns),
    }
}
