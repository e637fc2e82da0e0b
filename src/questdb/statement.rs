//! Whether a statement only reads.
//!
//! `/exec` runs anything it is sent, with one and the same GET, so the difference between a read and a
//! DROP is drawn here, before sending: exactly one SELECT, WITH ... SELECT, SHOW, or EXPLAIN of one of
//! the first two, without the functions that act on the server.

use crate::sql::{self, Dialect, Token};

/// Functions that change the server or what runs on it. They need no parentheses: 9.3.4 runs
/// `SELECT flush_query_cache` [measured], so the bare word is refused; a column of that name can be
/// had in double quotes, and a quoted name is no function there [measured on 7.3.3 and 9.3.4].
const ACTS: &[&str] = &[
    "cancel_query",
    "dump_memory_usage",
    "dump_thread_stacks",
    "flush_query_cache",
    "hydrate_table_metadata",
    "pg_advisory_unlock_all",
    "reload_config",
    "simulate_crash",
    "simulate_warnings",
    "touch",
];

/// Words of statements that change data or tables. They stand in no reading statement unless quoted,
/// so they are refused at any depth: a second line behind the one that looks at how it begins.
const CHANGES: &[&str] = &[
    "alter", "create", "delete", "drop", "insert", "rename", "truncate", "update",
];

const WANTED: &str = "a read is one SELECT, WITH, SHOW, or EXPLAIN of a SELECT";

/// The text to send for a statement that only reads; `Err` says why it does not.
pub fn read_only(text: &str) -> Result<String, String> {
    let statement = sql::statement(text, Dialect::Questdb).map_err(|fault| fault.to_string())?;
    let tokens = &statement.tokens;
    if tokens.first().is_some_and(|first| first.is("show")) {
        // SHOW CREATE TABLE has a changing word and only shows.
        return Ok(statement.text);
    }
    let body = match tokens.first() {
        Some(first) if first.is("explain") => &tokens[1..],
        _ => &tokens[..],
    };
    let begins = match body.first() {
        Some(first) if first.is("with") => sql::behind_named_queries(body),
        first => first,
    };
    match begins {
        Some(word) if word.is("select") => {}
        Some(Token::Word(word)) => {
            return Err(format!("`{}` is no read: {WANTED}", word.to_uppercase()));
        }
        _ => return Err(WANTED.to_owned()),
    }
    for token in tokens {
        let Token::Word(word) = token else { continue };
        let word = word.as_str();
        if CHANGES.contains(&word) {
            return Err(format!(
                "`{}` stands in the statement: {WANTED}; a column of that name goes into double quotes",
                word.to_uppercase()
            ));
        }
        if ACTS.contains(&word) {
            return Err(format!("`{word}` acts on the server, so it is no read"));
        }
    }
    Ok(statement.text)
}

/// The text to send for any one statement. QuestDB 7.3.3 and 9.0 run the first of several and ignore
/// the rest without a word, so several are refused.
pub(super) fn single(text: &str) -> Result<String, String> {
    sql::statement(text, Dialect::Questdb)
        .map(|statement| statement.text)
        .map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        for sql in [
            "SELECT 1",
            "select count() n from trades;",
            "  -- how many; really 'many'?\nSELECT /* DROP */ count() FROM trades",
            "SELECT 'drop table x; --' t FROM trades",
            "SELECT \"drop\" FROM \"insert\"",
            "SELECT updated, created, dropped, created_at, insert_time FROM t",
            "WITH a AS (SELECT 1 x) SELECT * FROM a",
            "WITH a AS (SELECT 1 x), b AS (SELECT * FROM a WHERE x IN (1)) SELECT * FROM b",
            "EXPLAIN SELECT 1",
            "EXPLAIN WITH a AS (SELECT 1) SELECT * FROM a",
            "SHOW TABLES",
            "SHOW CREATE TABLE trades",
            "SHOW PARTITIONS FROM trades",
            "SELECT * FROM table_partitions('trades')",
            "SELECT * FROM t WHERE ts IN '2024-01-02;1d'",
        ] {
            assert!(read_only(sql).is_ok(), "{sql}: {:?}", read_only(sql));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for sql in [
            "",
            "  ;",
            "-- only a comment",
            "tables()",
            "trades",
            "(SELECT 1)",
            "DROP TABLE t",
            "drop\ntable t",
            "DrOp TABLE t",
            "/* SELECT */ DROP TABLE t",
            "-- SELECT\nDROP TABLE t",
            "-- SELECT '\nDROP TABLE t -- '",
            "/* ' */ DROP TABLE t /* ' */",
            "/* /* */ SELECT 1 */ DROP TABLE t",
            "SELECT 1; DROP TABLE t",
            "SELECT 1;DROP TABLE t;",
            "SELECT 1 -- \n; DROP TABLE t",
            "SELECT 'a'';'; DROP TABLE t",
            r"SELECT '\'; DROP TABLE t --'",
            "INSERT INTO t SELECT 1",
            "INSERT ATOMIC INTO t SELECT 1",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "ALTER TABLE t DROP PARTITION LIST '2024-01-01'",
            "TRUNCATE TABLE t",
            "CREATE TABLE t AS (SELECT 1)",
            "RENAME TABLE a TO b",
            "COPY t FROM 'x.csv'",
            "VACUUM TABLE t",
            "REINDEX TABLE t LOCK EXCLUSIVE",
            "SNAPSHOT PREPARE",
            "CHECKPOINT CREATE",
            "BACKUP TABLE t",
            "CANCEL QUERY 1",
            "REFRESH MATERIALIZED VIEW v FULL",
            "GRANT SELECT ON t TO u",
            "REVOKE SELECT ON t FROM u",
            "SET x = 1",
            "BEGIN",
            "COMMIT",
            "DECLARE @x := 1 SELECT @x",
            "EXECUTE x",
            "COMPILE VIEW v",
            "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
            "WITH a AS (SELECT 1), b AS (SELECT 2) UPDATE t SET a = 1",
            "with a as (select 1)\n/* select */ insert into t select 1",
            "WITH a AS (INSERT INTO t SELECT 1) SELECT 1",
            "WITH a",
            "EXPLAIN INSERT INTO t SELECT 1",
            "EXPLAIN DROP TABLE t",
            "EXPLAIN EXPLAIN SELECT 1",
            "EXPLAIN",
            "EXPLAIN WITH a AS (SELECT 1) INSERT INTO t SELECT 1",
            "SELECT * FROM (INSERT INTO t SELECT 1)",
            "SELECT reload_config()",
            "SELECT Reload_Config ()",
            "SELECT reload_config/**/()",
            "SELECT flush_query_cache",
            "SELECT * FROM (SELECT flush_query_cache())",
            "SELECT 1 WHERE cancel_query(7)",
            "SELECT dump_memory_usage()",
            "SELECT dump_thread_stacks()",
            "SELECT hydrate_table_metadata('*')",
            "SELECT simulate_crash('M')",
            "EXPLAIN SELECT simulate_crash('M')",
            "SELECT touch(SELECT x FROM long_sequence(1))",
            "SELECT `drop` FROM t",
            "SELECT 'open",
            "SELECT \"open",
            "SELECT 1 /* open",
            "1SELECT 1",
            "SELECT 1drop",
        ] {
            assert!(read_only(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn the_reason_names_the_word() {
        assert_eq!(
            read_only("with a as (select 1) insert into t select 1")
                .err()
                .as_deref(),
            Some("`INSERT` is no read: a read is one SELECT, WITH, SHOW, or EXPLAIN of a SELECT")
        );
        assert_eq!(
            read_only("select reload_config()").err().as_deref(),
            Some("`reload_config` acts on the server, so it is no read")
        );
    }
}
