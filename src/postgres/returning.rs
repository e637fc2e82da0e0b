//! A change that is committed only when somebody has kept what it returned.

use super::{Error, Limits, Server, query, session};
use crate::run::Cx;

/// What was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Rows, as the server counts them.
    pub rows: usize,
    /// The transaction: `committed` tells what became of it, also after a crash.
    pub transaction: i64,
}

/// Runs a statement with `RETURNING` of one column of text, and commits it when `keep` has the rows safe. An error of `keep`
/// takes it back. Without a confirmation of the commit the outcome is unknown, and [`committed`] finds it out.
pub fn returning(
    cx: &Cx,
    server: &Server,
    sql: &str,
    limits: Limits,
    keep: impl FnOnce(i64, Vec<String>) -> Result<(), String> + Send + 'static,
) -> Result<Batch, Error> {
    let (name, text, time) = (server.name(), sql.to_owned(), query::time(cx, limits));
    session::with(cx, server, limits.time, move |mut client| async move {
        let library = |error| Error::from_library(&name, &error);
        query::settle(&client, time).await.map_err(library)?;
        let transaction = client.transaction().await.map_err(library)?;
        let current = "SELECT pg_current_xact_id()::text::bigint";
        let id: i64 = transaction
            .query_one(current, &[])
            .await
            .map_err(library)?
            .try_get(0)
            .map_err(library)?;
        let gone = transaction.query(&text, &[]).await.map_err(library)?;
        let rows = gone.iter().map(|row| row.try_get::<_, String>(0));
        let rows: Vec<_> = rows.collect::<Result<_, _>>().map_err(library)?;
        let batch = Batch {
            rows: rows.len(),
            transaction: id,
        };
        keep(id, rows).map_err(Error::Statement)?;
        transaction
            .commit()
            .await
            .map_err(|error| match library(error) {
                Error::Closed { server, why } => Error::Unknown { server, why },
                other => other,
            })?;
        Ok(batch)
    })
}

/// Whether a transaction of before was committed; `None`: it is still running, or too long ago for the server to know.
pub fn committed(
    cx: &Cx,
    server: &Server,
    transaction: i64,
    limits: Limits,
) -> Result<Option<bool>, Error> {
    let sql = format!("SELECT pg_xact_status('{transaction}'::xid8) AS s");
    let status = query::value(cx, server, &sql, Vec::new(), limits)?;
    Ok(match status.text() {
        Some("committed") => Some(true),
        Some("aborted") => Some(false),
        _ => None,
    })
}
