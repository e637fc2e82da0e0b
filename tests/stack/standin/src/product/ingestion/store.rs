//! Rows into QuestDB, in statements of bounded length; the original puts thousands into one URL and drops the rest.

use super::super::backends;
use super::provider::Row;
use crate::text;

pub(super) const BARS: &str =
    "INSERT INTO market_data (symbol,timestamp,open,high,low,close,volume,source) VALUES ";
pub(super) const OPTIONS: &str = "INSERT INTO options_data (underlying,option_symbol,timestamp,bid,ask,last,volume,open_interest,expiry,strike,option_type,source,open,high,low,close) VALUES ";
pub(super) const NEWS: &str =
    "INSERT INTO news_items (symbol,ts,title,source,url,sentiment,relevance,provider) VALUES ";
pub(super) const SOCIAL: &str = "INSERT INTO social_signals (symbol,source,ts,sentiment,engagement,influence,author,url,content) VALUES ";

/// Bytes of a statement in its URL; the server takes 64 KiB of head.
const LONGEST: usize = 24 * 1024;

/// Stores all of them. `Err` is the server's word on the first statement that it did not take, and how many rows were
/// stored before.
pub(super) fn insert(head: &str, rows: &[Row]) -> Result<usize, (String, usize)> {
    let mut stored = 0;
    for statement in statements(head, rows) {
        backends::questdb(&statement.sql).map_err(|error| (error, stored))?;
        stored += statement.rows;
    }
    Ok(stored)
}

struct Statement {
    sql: String,
    rows: usize,
}

fn statements(head: &str, rows: &[Row]) -> Vec<Statement> {
    let mut all: Vec<Statement> = Vec::new();
    let mut length = 0;
    for row in rows {
        let more = text::percent_encode(&row.values).len() + 3;
        match all.last_mut() {
            Some(last) if length + more <= LONGEST => {
                last.sql.push(',');
                last.sql.push_str(&row.values);
                last.rows += 1;
                length += more;
            }
            _ => {
                all.push(Statement {
                    sql: format!("{head}{}", row.values),
                    rows: 1,
                });
                length = text::percent_encode(head).len() + more;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::provider;
    use super::*;

    #[test]
    fn every_row_is_in_one_statement_and_none_is_too_long() {
        let rows = provider::bars("AAPL", 11_000, 18_000);
        let all = statements(BARS, &rows);
        assert!(all.len() > 10);
        assert_eq!(all.iter().map(|one| one.rows).sum::<usize>(), rows.len());
        for one in &all {
            assert!(text::percent_encode(&one.sql).len() <= LONGEST);
            assert_eq!(one.sql.matches("('AAPL'").count(), one.rows);
        }
        assert!(statements(BARS, &[]).is_empty());
    }
}
