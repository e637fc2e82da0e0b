//! What a change would hit, as the table is now.

use serde::Serialize;

use super::{Error, Limits, Parameter, Server, query};
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
    /// Its number in the catalogue; `None` when it is not there.
    pub oid: Option<i64>,
    /// All its rows as the server estimates them; `None` when it was never analysed.
    pub estimated_rows: Option<i64>,
    /// Its size, with indexes.
    pub disk_bytes: Option<i64>,
}

/// Looks at the table that `sql` would change. Reads only.
pub fn hit(cx: &Cx, server: &Server, sql: &str, limits: Limits) -> Result<Hit, Error> {
    let statement = sql::statement(sql, Dialect::Postgres)
        .map_err(|fault| Error::Statement(fault.to_string()))?;
    let table = sql::table(&statement.tokens);
    let mut hit = Hit {
        verb: sql::verb(&statement.tokens),
        table: table.as_ref().map(|name| name.join(".")),
        oid: None,
        estimated_rows: None,
        disk_bytes: None,
    };
    let Some(name) = table else {
        return Ok(hit);
    };
    let quoted: Vec<_> = name
        .iter()
        .map(|part| format!("\"{}\"", part.replace('"', "\"\"")))
        .collect();
    let look = "SELECT oid, reltuples::int8 AS rows, pg_total_relation_size(oid) AS bytes \
                FROM pg_class WHERE oid = to_regclass($1)";
    let name = vec![Parameter::Text(quoted.join("."))];
    let rows = query(cx, server, look, name, limits)?;
    let int = |column: &str| {
        let row = rows.cells.first()?;
        rows.pick(row, &[column]).and_then(Cell::int)
    };
    hit.oid = int("oid");
    hit.estimated_rows = int("rows").filter(|rows| *rows >= 0);
    hit.disk_bytes = int("bytes");
    Ok(hit)
}
