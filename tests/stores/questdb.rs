//! QuestDB: 7.3.3 of the stack, and a 9.x with a login of the test's own.

use std::time::{Duration, Instant};

use tradeops::questdb::{
    Error, Limits, Server, exec, hit, partitions, ping, query, quote_name, quote_text, tables,
    value, wal,
};
use tradeops::rows::Cell;
use tradeops::run::{Cx, Stop};

use crate::support::{Container, PROMPT, env, eventually, stopped, unique};

fn at(port: u16) -> Server {
    Server::new(&format!("http://127.0.0.1:{port}"), None, None).expect("an address")
}

fn stack() -> Server {
    at(env("QUESTDB_PORT").parse().expect("a port"))
}

fn run(server: &Server, sql: &str) {
    exec(&Cx::detached(), server, sql, Limits::default())
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn failed(server: &Server, sql: &str) -> Error {
    match query(&Cx::detached(), server, sql, Limits::default()) {
        Ok(rows) => panic!("{sql}: {rows:?}"),
        Err(error) => error,
    }
}

/// A table that is dropped with the test.
struct Table<'a> {
    server: &'a Server,
    name: String,
}

impl<'a> Table<'a> {
    fn new(server: &'a Server, columns: &str) -> Self {
        let name = unique("t");
        run(server, &format!("CREATE TABLE {name} {columns}"));
        Self { server, name }
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        let sql = format!("DROP TABLE IF EXISTS {}", self.name);
        let _ = exec(&Cx::detached(), self.server, &sql, Limits::default());
    }
}

const ALL_TYPES: &str = "(ok BOOLEAN, b BYTE, s SHORT, i INT, l LONG, f FLOAT, d DOUBLE, c CHAR, t STRING, \
     y SYMBOL, u UUID, ip IPV4, big LONG256, day DATE, ts TIMESTAMP, geo GEOHASH(4c), raw BINARY) \
     TIMESTAMP(ts) PARTITION BY DAY BYPASS WAL";

fn typed_rows(server: &Server) {
    let table = Table::new(server, ALL_TYPES);
    let name = &table.name;
    run(
        server,
        &format!(
            "INSERT INTO {name} (ok, b, s, i, l, f, d, c, t, y, u, ip, big, day, ts, geo) VALUES \
             (true, 1, 2, 3, 9223372036854775807, 0.5, 2.0, 'x', 'it''s', 'AAPL', \
             '11111111-2222-3333-4444-555555555555', '10.0.0.1', '0x1f', '2024-01-02T00:00:00.000Z', \
             '2024-01-02T03:04:05.678901Z', #u33d)"
        ),
    );
    run(
        server,
        &format!("INSERT INTO {name} (ts) VALUES ('2024-01-03T00:00:00.000000Z')"),
    );
    let rows = query(
        &Cx::detached(),
        server,
        &format!("SELECT * FROM {}", quote_name(name).expect("a name")),
        Limits::default(),
    )
    .expect("rows");
    assert_eq!(rows.count(), 2);
    assert_eq!(rows.columns[14].ty, "TIMESTAMP");
    let text = |text: &str| Cell::Text(text.into());
    let want = [
        Cell::Bool(true),
        Cell::Int(1),
        Cell::Int(2),
        Cell::Int(3),
        Cell::Int(i64::MAX),
        Cell::Float(0.5),
        Cell::Float(2.0),
        text("x"),
        text("it's"),
        text("AAPL"),
        text("11111111-2222-3333-4444-555555555555"),
        text("10.0.0.1"),
        text("0x1f"),
        text("2024-01-02T00:00:00.000Z"),
        text("2024-01-02T03:04:05.678901Z"),
        text("u33d"),
        Cell::Null,
    ];
    assert_eq!(rows.cells[0], want);
    // BOOLEAN, BYTE and SHORT have no NULL; CHAR and LONG256 print it as "".
    let nulls = rows.cells[1]
        .iter()
        .zip(&rows.columns)
        .filter(|(cell, _)| **cell == Cell::Null)
        .map(|(_, column)| column.name.as_str())
        .collect::<Vec<_>>();
    assert_eq!(
        nulls,
        ["i", "l", "f", "d", "t", "y", "u", "ip", "day", "geo", "raw"]
    );
}

fn values_and_quotes(server: &Server) {
    let cx = Cx::detached();
    let one = |sql: &str| value(&cx, server, sql, Limits::default());
    let hostile = "'; DROP TABLE x; -- \\ \" + % ü €";
    let sql = format!("SELECT {} AS t", quote_text(hostile).expect("a text"));
    assert_eq!(one(&sql).expect("a value"), Cell::Text(hostile.into()));
    assert_eq!(
        one("SELECT x FROM long_sequence(1) WHERE x = 2").expect("nothing"),
        Cell::Null
    );
    assert!(matches!(
        one("SELECT x FROM long_sequence(2)"),
        Err(Error::TooManyRows { most: 1 })
    ));
    assert!(matches!(
        one("SELECT 1 AS a, 2 AS b"),
        Err(Error::Statement(_))
    ));
    assert_eq!(
        one("-- it's a comment\nSELECT /* ; DROP */ 1 AS x;").expect("a value"),
        Cell::Int(1)
    );
}

fn bounds(server: &Server) {
    let cx = Cx::detached();
    let of = |count: usize, most: usize| {
        let limits = Limits {
            rows: most,
            ..Limits::default()
        };
        query(
            &cx,
            server,
            &format!("SELECT x FROM long_sequence({count})"),
            limits,
        )
    };
    assert_eq!(of(100, 100).map(|rows| rows.count()).ok(), Some(100));
    assert!(matches!(
        of(101, 100),
        Err(Error::TooManyRows { most: 100 })
    ));
    assert_eq!(of(0, 0).map(|rows| rows.count()).ok(), Some(0));
    let little = Limits {
        bytes: 1_000,
        ..Limits::default()
    };
    assert!(matches!(
        query(&cx, server, "SELECT x FROM long_sequence(1000)", little),
        Err(Error::TooLarge { .. })
    ));
    // A statement just within the cap arrives whole, one beyond it is not sent.
    let padded = |length: usize| format!("SELECT '{}' AS t", "x".repeat(length));
    let longest = value(&cx, server, &padded(29_900), Limits::default()).expect("it arrives");
    assert_eq!(longest.text().map(str::len), Some(29_900));
    assert!(matches!(
        failed(server, &padded(30_000)),
        Error::TooLong { .. }
    ));
    assert!(matches!(
        failed(server, &format!("SELECT '{}' AS t", "'".repeat(20_000))),
        Error::TooLong { .. }
    ));
}

fn only_reads(server: &Server) {
    let table = Table::new(
        server,
        "(ts TIMESTAMP, x INT) TIMESTAMP(ts) PARTITION BY DAY WAL",
    );
    let name = &table.name;
    for sql in [
        format!("DROP TABLE {name}"),
        format!("SELECT 1; DROP TABLE {name}"),
        format!("-- SELECT\nDROP TABLE {name}"),
        format!("/* ' */ DROP TABLE {name} -- '"),
        format!("INSERT INTO {name} VALUES (0, 1)"),
        format!("WITH a AS (SELECT 0 ts, 1 x) INSERT INTO {name} SELECT * FROM a"),
        format!("EXPLAIN DROP TABLE {name}"),
        format!("TRUNCATE TABLE {name}"),
        format!("ALTER TABLE {name} ADD COLUMN y INT"),
        "SELECT reload_config() AS x".into(),
        "SELECT flush_query_cache AS x".into(),
    ] {
        assert!(matches!(failed(server, &sql), Error::Statement(_)), "{sql}");
    }
    let rows = value(
        &Cx::detached(),
        server,
        &format!("SELECT count() AS n FROM {name}"),
        Limits::default(),
    );
    assert_eq!(rows.expect("the table is there"), Cell::Int(0));
}

fn metadata(server: &Server) {
    let cx = Cx::detached();
    let limits = Limits::default();
    let table = Table::new(
        server,
        "(ts TIMESTAMP, x INT) TIMESTAMP(ts) PARTITION BY DAY WAL",
    );
    let name = &table.name;
    run(
        server,
        &format!("INSERT INTO {name} VALUES ('2024-01-02T00:00:00.000000Z', 1)"),
    );
    run(
        server,
        &format!("INSERT INTO {name} VALUES ('2024-01-03T00:00:00.000000Z', 2)"),
    );
    let log = eventually(|| {
        let log = wal(&cx, server, limits)
            .expect("logs")
            .into_iter()
            .find(|log| &log.table == name)
            .expect("the table has a log");
        if log.pending == Some(0) {
            Ok(log)
        } else {
            Err(format!("{log:?}"))
        }
    });
    assert_eq!(
        (log.suspended, log.writer_txn, log.sequencer_txn),
        (Some(false), Some(2), Some(2))
    );
    assert_eq!(log.error_message, None);
    let all = tables(&cx, server, limits).expect("tables");
    assert!(
        all.iter()
            .all(|t| !t.name.starts_with("sys.") && !t.name.starts_with("telemetry"))
    );
    let listed = all
        .iter()
        .find(|t| &t.name == name)
        .expect("the table is listed");
    assert_eq!(listed.timestamp.as_deref(), Some("ts"));
    assert_eq!(listed.partition_by.as_deref(), Some("DAY"));
    assert_eq!((listed.wal, listed.dedup), (Some(true), Some(false)));
    let parts = partitions(&cx, server, name, limits).expect("partitions");
    let named: Vec<_> = parts
        .iter()
        .map(|p| (p.name.as_str(), p.rows, p.active))
        .collect();
    assert_eq!(
        named,
        [
            ("2024-01-02", Some(1), Some(false)),
            ("2024-01-03", Some(1), Some(true))
        ]
    );
    assert!(parts.iter().all(|p| p.disk_bytes.is_some_and(|b| b > 0)));
    assert_eq!(
        parts[0].oldest.as_deref(),
        Some("2024-01-02T00:00:00.000000Z")
    );

    let found = hit(&cx, server, &format!("TRUNCATE TABLE {name}"), limits).expect("a look");
    assert_eq!((found.exists, found.rows), (true, Some(2)));
    assert_eq!(found.newest.as_deref(), Some("2024-01-03T00:00:00.000000Z"));
    let found = hit(&cx, server, "DROP TABLE tradeops_no_such", limits).expect("a look");
    assert_eq!((found.exists, found.rows), (false, None));
}

fn errors(server: &Server) {
    let cx = Cx::detached();
    let missing = partitions(&cx, server, "tradeops_no_such", Limits::default());
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
    assert!(matches!(
        failed(server, "SELECT * FROM tradeops_no_such"),
        Error::NotFound { .. }
    ));
    match failed(server, "SELECT /* here */ nosuch FROM long_sequence(1)") {
        Error::Invalid { position, .. } => assert_eq!(position, Some(18), "as written"),
        other => panic!("{other}"),
    }
    let refused = exec(
        &cx,
        server,
        "DROP TABLE tradeops_no_such",
        Limits::default(),
    );
    assert!(
        matches!(refused, Err(Error::NotFound { .. })),
        "{refused:?}"
    );
    let several = exec(&cx, server, "SELECT 1; SELECT 2", Limits::default());
    assert!(matches!(several, Err(Error::Statement(_))), "{several:?}");
    let ping = ping(&cx, server, Limits::default()).expect("it answers");
    assert!(ping.version.starts_with("QuestDB "), "{ping:?}");
}

#[test]
fn the_stacks_version() {
    let server = stack();
    typed_rows(&server);
    values_and_quotes(&server);
    bounds(&server);
    only_reads(&server);
    metadata(&server);
    errors(&server);
}

/// 7.3.3 answers an exception inside it with status 200, a head without its end, and a cut connection.
#[test]
fn a_cut_body_is_the_servers_failure() {
    let server = stack();
    let table = Table::new(
        &server,
        "(ts TIMESTAMP, expiry DATE) TIMESTAMP(ts) PARTITION BY DAY BYPASS WAL",
    );
    run(
        &server,
        &format!(
            "INSERT INTO {} VALUES ('2024-01-02T00:00:00.000000Z', to_date('2024-01-19', 'yyyy-MM-dd'))",
            table.name
        ),
    );
    let sql = format!("SELECT * FROM {} WHERE expiry < '2024-02-01'", table.name);
    let error = failed(&server, &sql);
    assert!(matches!(error, Error::Cut { .. }), "{error}");
    assert!(
        error.to_string().contains("failed inside the server"),
        "{error}"
    );
    ping(&Cx::detached(), &server, Limits::default()).expect("and it goes on");
}

#[test]
fn a_newer_version_with_a_login() {
    let container = Container::start(
        &env("QUESTDB_9_IMAGE"),
        9000,
        &[
            "QDB_HTTP_USER=ops",
            "QDB_HTTP_PASSWORD=s@fe+ pass",
            "QDB_DEV_MODE_ENABLED=true",
        ],
        &[],
    );
    let url = format!("http://127.0.0.1:{}", container.port);
    let server = Server::new(&url, Some("ops"), Some("s@fe+ pass")).expect("an address");
    let cx = Cx::detached();
    eventually(|| ping(&cx, &server, Limits::default()));
    typed_rows(&server);
    values_and_quotes(&server);
    bounds(&server);
    only_reads(&server);
    metadata(&server);
    errors(&server);

    for wrong in [
        Server::new(&url, None, None),
        Server::new(&url, Some("ops"), Some("hunter2")),
        Server::new(&url.replace("//", "//ops:hunter2@"), None, None),
    ] {
        let wrong = wrong.expect("an address");
        let error = failed(&wrong, "SELECT 1 AS x");
        assert!(
            matches!(error, Error::Refused { status: 401, .. }),
            "{error}"
        );
        assert!(!format!("{error} {error:?} {wrong:?} {wrong}").contains("hunter2"));
    }

    // A suspended table: the error stands behind the rows of a reply with status 200.
    let table = Table::new(
        &server,
        "(ts TIMESTAMP, x INT) TIMESTAMP(ts) PARTITION BY DAY WAL",
    );
    let name = &table.name;
    run(
        &server,
        &format!("ALTER TABLE {name} SUSPEND WAL WITH 28, 'no space (test)'"),
    );
    run(
        &server,
        &format!("INSERT INTO {name} VALUES ('2024-01-02T00:00:00.000000Z', 1)"),
    );
    let error = failed(&server, &format!("SELECT wait_wal_table('{name}') AS done"));
    assert!(matches!(error, Error::Late { .. }), "{error}");
    let logs = wal(&cx, &server, Limits::default()).expect("logs");
    let log = logs.iter().find(|log| &log.table == name).expect("its log");
    assert_eq!((log.suspended, log.pending), (Some(true), Some(1)));
    assert_eq!(log.error_message.as_deref(), Some("no space (test)"));

    // A long SELECT gives way at once, and the server is free again.
    let long = "SELECT sum(a.x * b.x) AS s FROM long_sequence(300000) a CROSS JOIN long_sequence(300000) b";
    let (answer, took) = stopped(Duration::from_millis(500), |cx| {
        query(cx, &server, long, Limits::default())
    });
    assert!(
        matches!(answer, Err(Error::Stopped(Stop::Interrupted))),
        "{answer:?}"
    );
    assert!(took < PROMPT, "{took:?}");
    let limits = Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    };
    let began = Instant::now();
    let late = query(&cx, &server, long, limits);
    assert!(matches!(late, Err(Error::Timeout { .. })), "{late:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
    eventually(|| {
        let sql = "SELECT count() AS n FROM query_activity() WHERE query LIKE '%300000%' AND NOT query LIKE '%query_activity%'";
        match value(&cx, &server, sql, Limits::default()) {
            Ok(Cell::Int(0)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}
