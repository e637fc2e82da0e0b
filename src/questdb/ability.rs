//! What a server can do, found out by asking it, never by its version.

use serde::Serialize;

use super::{Error, Limits, Server, exec, query, value};
use crate::run::Cx;

/// What differs between servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// `wait_wal_table`: waits until what was accepted is applied.
    pub wait: bool,
    /// `query_activity` and `CANCEL QUERY`: what runs can be seen and stopped.
    pub activity: bool,
    /// Materialized views.
    pub views: bool,
    /// `INSERT ATOMIC`. Where it is missing, an `INSERT .. SELECT` is one transaction anyway [measured on 7.3.3].
    pub atomic: bool,
    /// Whether doubles come whole over HTTP; 7.3.3 cuts them after twelve decimals.
    pub exact: bool,
}

/// Asks `server` what it can do.
pub fn abilities(cx: &Cx, server: &Server, limits: Limits) -> Result<Abilities, Error> {
    let sql = "SELECT DISTINCT name FROM functions() WHERE name IN ('wait_wal_table', 'query_activity', 'materialized_views')";
    let rows = query(cx, server, sql, limits)?;
    let has = |name: &str| {
        let mut cells = rows.cells.iter().filter_map(|row| row.first()?.text());
        cells.any(|found| found == name)
    };
    // The table is not there, so the statement does nothing whatever it is taken for; explained, it would not anyway.
    let sql = "EXPLAIN INSERT ATOMIC INTO \"tradeops_no_such_table\" SELECT 1 AS x";
    let atomic = match exec(cx, server, sql, limits) {
        Ok(_) | Err(Error::NotFound { .. }) => true,
        Err(Error::Invalid { message, .. }) => !message.contains("'into' expected"),
        Err(error) => return Err(error),
    };
    let third = value(cx, server, "SELECT 1.0 / 3.0 AS third", limits)?;
    Ok(Abilities {
        wait: has("wait_wal_table"),
        activity: has("query_activity"),
        views: has("materialized_views"),
        atomic,
        exact: third == crate::rows::Cell::Float(1.0 / 3.0),
    })
}
