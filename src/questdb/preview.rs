//! What a change would hit, as the table is now.

use serde::Serialize;

use super::{Error, Limits, Server, query, quote_name, tables};
use crate::rows::Cell;
use crate::run::Cx;
use crate::sql::{self, Dialect, Token};

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
        verb: verb(&statement.tokens),
        table: table(&statement.tokens),
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

fn verb(tokens: &[Token]) -> String {
    let words = tokens.iter().map_while(|token| match token {
        Token::Word(word) => Some(word.to_uppercase()),
        _ => None,
    });
    let words: Vec<_> = words.take(2).collect();
    match words.first().map(String::as_str) {
        Some("UPDATE") => "UPDATE".into(),
        _ => words.join(" "),
    }
}

/// The name behind TABLE, INTO or UPDATE, whichever comes first.
fn table(tokens: &[Token]) -> Option<String> {
    let at = tokens
        .iter()
        .position(|t| t.is("table") || t.is("into") || t.is("update"))?;
    let mut rest = tokens[at + 1..]
        .iter()
        .skip_while(|t| t.is("if") || t.is("not") || t.is("exists"));
    match rest.next()? {
        Token::Word(name) | Token::Quoted(name) => Some(name.clone()),
        Token::Text | Token::Mark(_) => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn verbs_and_tables() {
        for (sql, verb_, table_) in [
            (
                "drop table if exists \"Trades\"",
                "DROP TABLE",
                Some("Trades"),
            ),
            (
                "ALTER TABLE t DROP PARTITION LIST '2024'",
                "ALTER TABLE",
                Some("t"),
            ),
            ("insert atomic into t select 1", "INSERT ATOMIC", Some("t")),
            ("UPDATE t SET a = 1", "UPDATE", Some("t")),
            (
                "with a as (select 1) insert into t select 1",
                "WITH A",
                Some("t"),
            ),
            (
                "CREATE TABLE IF NOT EXISTS t (a INT)",
                "CREATE TABLE",
                Some("t"),
            ),
            ("CANCEL QUERY 1", "CANCEL QUERY", None),
            ("DROP TABLE", "DROP TABLE", None),
        ] {
            let tokens = sql::statement(sql, Dialect::Questdb).unwrap().tokens;
            assert_eq!(verb(&tokens), verb_, "{sql}");
            assert_eq!(table(&tokens).as_deref(), table_, "{sql}");
        }
    }
}
