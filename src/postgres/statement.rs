//! Whether a statement may go where only reads may.
//!
//! The server itself refuses writes: reads run as one statement of the extended protocol within a READ
//! ONLY transaction. What that does not stop is refused here: statements about the session and the
//! transaction, and functions that act outside the transaction or run SQL that they get as text. A login
//! with few rights is the better fence; functions that users made cannot be known here.

use crate::sql::{self, Dialect, Token};

const BEGINS: &[&str] = &["select", "table", "values", "with"];

const WANTED: &str = "a read is one SELECT, WITH, VALUES, TABLE, SHOW, or EXPLAIN of one of these";

/// Functions that act in spite of READ ONLY.
const ACTS: &[&str] = &[
    // Other sessions, and the server.
    "pg_cancel_backend",
    "pg_log_backend_memory_contexts",
    "pg_notify",
    "pg_promote",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "pg_terminate_backend",
    // This session's settings: the time limit is one.
    "set_config",
    // Files of the server, large objects.
    "lo_creat",
    "lo_create",
    "lo_export",
    "lo_from_bytea",
    "lo_import",
    "lo_open",
    "lo_put",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
    "lowrite",
    "pg_stat_file",
    // Write-ahead log, replication, back-up.
    "pg_logical_emit_message",
    "pg_logical_slot_get_binary_changes",
    "pg_logical_slot_get_changes",
    "pg_replication_slot_advance",
    "pg_start_backup",
    "pg_stop_backup",
    "pg_switch_wal",
    "pg_wal_replay_pause",
    "pg_wal_replay_resume",
    // Statistics, indexes, catalogues.
    "brin_desummarize_range",
    "brin_summarize_new_values",
    "brin_summarize_range",
    "gin_clean_pending_list",
    "pg_import_system_collations",
    "pg_nextoid",
    "pg_prewarm",
    "pg_stat_statements_reset",
    "nextval",
    "setval",
    // SQL given as text.
    "connectby",
    "crosstab",
    "crosstabn",
    "cursor_to_xml",
    "database_to_xml",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "ts_rewrite",
    "ts_stat",
    "xpath_table",
];

/// Families of such functions.
const FAMILIES: &[&str] = &[
    "binary_upgrade_",
    "dblink",
    "pg_advisory_",
    "pg_backup_",
    "pg_copy_",
    "pg_create_",
    "pg_drop_",
    "pg_file_",
    "pg_ls_",
    "pg_read_",
    "pg_replication_origin_",
    "pg_stat_reset",
    "pg_sync_",
    "pg_try_advisory_",
];

/// The text to send for a statement that only reads; `Err` says why it does not.
pub fn read_only(text: &str) -> Result<String, String> {
    let statement = sql::statement(text, Dialect::Postgres).map_err(|fault| fault.to_string())?;
    let tokens = &statement.tokens;
    if tokens.first().is_some_and(|first| first.is("show")) {
        return Ok(statement.text);
    }
    let body = match tokens.first() {
        Some(first) if first.is("explain") => behind_explain(&tokens[1..]),
        _ => tokens,
    };
    match body.first() {
        Some(Token::Word(word)) if BEGINS.contains(&word.as_str()) => {}
        Some(Token::Word(word)) => {
            return Err(format!("`{}` is no read: {WANTED}", word.to_uppercase()));
        }
        _ => return Err(WANTED.to_owned()),
    }
    for name in tokens.iter().filter_map(Token::name) {
        let acts =
            ACTS.contains(&name.as_str()) || FAMILIES.iter().any(|family| name.starts_with(family));
        if acts {
            return Err(format!("`{name}` acts on the server, so it is no read"));
        }
    }
    Ok(statement.text)
}

/// What is explained: behind EXPLAIN's words and its options in parentheses.
fn behind_explain(tokens: &[Token]) -> &[Token] {
    let words = tokens
        .iter()
        .take_while(|t| t.is("analyze") || t.is("analyse") || t.is("verbose"))
        .count();
    let rest = &tokens[words..];
    if rest.first() != Some(&Token::Mark('(')) {
        return rest;
    }
    match rest.iter().position(|t| *t == Token::Mark(')')) {
        Some(end) => &rest[end + 1..],
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        for sql in [
            "SELECT 1",
            "select count(*) from pg_stat_activity;",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES (1, 2)",
            "TABLE pg_class",
            "SHOW server_version",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE VERBOSE SELECT 1",
            "EXPLAIN (ANALYZE, FORMAT JSON) SELECT 1",
            "SELECT 'pg_terminate_backend(1)'",
            "SELECT $$ pg_terminate_backend(1) $$ -- pg_terminate_backend(1)",
            "SELECT pg_database_size(current_database()), lo_price FROM t",
            r"SELECT E'it\'s; x'",
        ] {
            assert!(read_only(sql).is_ok(), "{sql}: {:?}", read_only(sql));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for sql in [
            "",
            ";",
            "DROP TABLE t",
            "/* SELECT */ DROP TABLE t",
            "-- x\nDELETE FROM t",
            "INSERT INTO t VALUES (1)",
            "COMMIT",
            "ROLLBACK",
            "BEGIN",
            "END",
            "SET TRANSACTION READ WRITE",
            "SET statement_timeout = 0",
            "RESET ALL",
            "START TRANSACTION READ WRITE",
            "SELECT 1; COMMIT; DROP TABLE t",
            "SELECT 1; DROP TABLE t",
            "SELECT $a$ $a$; DROP TABLE t; --$a$",
            r"SELECT E'\\'; DROP TABLE t; --'",
            "COPY t TO PROGRAM 'x'",
            "COPY (SELECT 1) TO '/tmp/x'",
            "DO $$ BEGIN END $$",
            "CALL p()",
            "EXECUTE x",
            "PREPARE x AS DELETE FROM t",
            "DECLARE c CURSOR FOR SELECT 1",
            "LOCK TABLE t",
            "NOTIFY x",
            "LISTEN x",
            "VACUUM",
            "CLUSTER",
            "EXPLAIN DELETE FROM t",
            "EXPLAIN ANALYZE DELETE FROM t",
            "EXPLAIN (ANALYZE) DELETE FROM t",
            "EXPLAIN (ANALYZE",
            "EXPLAIN",
            "(SELECT 1)",
            "SELECT pg_terminate_backend(1)",
            "SELECT PG_Terminate_Backend (1)",
            "SELECT pg_catalog.pg_terminate_backend(1)",
            "SELECT \"pg_terminate_backend\"(1)",
            "SELECT pg_catalog . /* */ \"pg_terminate_backend\" /* */ (1)",
            "SELECT U&\"pg_terminate\\005fbackend\"(1)",
            "EXPLAIN ANALYZE SELECT pg_terminate_backend(1)",
            "SELECT set_config('statement_timeout', '0', false)",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_try_advisory_lock(1)",
            "SELECT dblink_exec('x', 'DROP TABLE t')",
            "SELECT * FROM dblink('x', 'DELETE FROM t') AS t(a int)",
            "SELECT lo_export(1, '/tmp/x')",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT pg_ls_dir('/')",
            "SELECT nextval('s')",
            "SELECT query_to_xml('SELECT pg_terminate_backend(1)', true, true, '')",
            "SELECT * FROM ts_stat('SELECT 1')",
            "SELECT pg_reload_conf()",
            "SELECT pg_notify('a', 'b')",
            "SELECT pg_create_restore_point('x')",
            "SELECT pg_drop_replication_slot('x')",
            "SELECT pg_stat_reset()",
        ] {
            assert!(read_only(sql).is_err(), "{sql}");
        }
    }
}
