//! What a change would hit, as the table is now.

use serde::Serialize;

use super::{Error, Limits, Server, query, quote_name, tables};
use crate::rows::Cell;
use crate::run::Cx;
use crate::sql::{self, Dialect};

/// The table that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The statement's first words: `DROP TABLE`.
    pub verb: String,
    /// The table; `None` when the statement names none in a place that is known.
    pub table: Option<String>,
    /// Whether it is there.
    pub exists: bool,
    /// All its rows, whether or not the statement would hit each of them.
    pub rows: Option<i64>,
    /// The time of the oldest row.
    pub oldest: Option<String>,
    /// The time of the newest row.
    pub newest: Option<String>,
}

/// Looks at the table that `sql` would change. Reads only.
pub fn hit(cx: &Cx, server: &Server, sql: &str, limits: Limits) -> Result<Hit, Error> {
    let statement = sql::statement(sql, Dialect::Questdb)
        .map_err(|fault| Error::Statement(fault.to_string()))?;
    let mut hit = Hit {
        verb: sql::verb(&statement.tokens),
        table: sql::table(&statement.tokens).map(|name| name.join(".")),
        exists: false,
        rows: None,
        oldest: None,
        newest: None,
    };
    let Some(name) = &hit.table else {
        return Ok(hit);
    };
    let known = tables(cx, server, limits)?;
    let Some(known) = known
        .into_iter()
        .find(|t| t.name.eq_ignore_ascii_case(name))
    else {
        return Ok(hit);
    };
    hit.exists = true;
    let name = quote_name(&known.name)?;
    let times = known.timestamp.as_deref().map(quote_name).transpose()?;
    let bounds = times.map_or_else(String::new, |time| {
        format!(", min({time}) AS oldest, max({time}) AS newest")
    });
    let rows = query(
        cx,
        server,
        &format!("SELECT count() AS n{bounds} FROM {name}"),
        limits,
    )?;
    let cell = |column: &str| {
        let row = rows.cells.first()?;
        rows.pick(row, &[column])
    };
    hit.rows = cell("n").and_then(Cell::int);
    hit.oldest = cell("oldest").and_then(Cell::text).map(str::to_owned);
    hit.newest = cell("newest").and_then(Cell::text).map(str::to_owned);
    Ok(hit)
}
