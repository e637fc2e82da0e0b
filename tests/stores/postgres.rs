//! Postgres of the stack.

use std::time::Duration;

use tradeops::postgres::{
    Error, Limits, Login, Parameter, Server, Sort, exec, hit, ping, query, value,
};
use tradeops::rows::Cell;
use tradeops::run::{Cx, Stop};

use crate::support::{PROMPT, env, eventually, stopped, unique};

fn url() -> String {
    format!("postgres://127.0.0.1:{}/{}", env("DB_PORT"), env("DB_NAME"))
}

fn stack() -> Server {
    let (user, password) = (env("DB_USER"), env("DB_PASSWORD"));
    let login = Login {
        user: Some(&user),
        password: Some(&password),
        database: None,
    };
    Server::new(&url(), login).expect("an address")
}

fn run(server: &Server, sql: &str) -> i64 {
    exec(&Cx::detached(), server, sql, Vec::new(), Limits::default())
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
        .rows
}

fn one(server: &Server, sql: &str) -> Result<Cell, Error> {
    value(&Cx::detached(), server, sql, Vec::new(), Limits::default())
}

fn sort(error: &Error) -> Option<Sort> {
    match error {
        Error::Sql { sort, .. } => Some(*sort),
        _ => None,
    }
}

/// A schema that is dropped with the test.
struct Schema {
    server: Server,
    name: String,
}

impl Schema {
    fn new() -> Self {
        let (server, name) = (stack(), unique("s"));
        run(&server, &format!("CREATE SCHEMA {name}"));
        Self { server, name }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA {} CASCADE", self.name);
        let _ = exec(
            &Cx::detached(),
            &self.server,
            &sql,
            Vec::new(),
            Limits::default(),
        );
    }
}

#[test]
fn typed_values() {
    let schema = Schema::new();
    let name = &schema.name;
    run(
        &schema.server,
        &format!("CREATE TYPE {name}.side AS ENUM ('buy', 'sell')"),
    );
    run(
        &schema.server,
        &format!("CREATE DOMAIN {name}.price AS numeric(10, 2)"),
    );
    let text = |text: &str| Cell::Text(text.into());
    let list = Cell::List;
    let table = [
        ("true", Cell::Bool(true)),
        ("1::int2", Cell::Int(1)),
        ("(-2)::int4", Cell::Int(-2)),
        ("9223372036854775807::int8", Cell::Int(i64::MAX)),
        ("0.1::float4", Cell::Float(0.1)),
        ("0.1::float8", Cell::Float(0.1)),
        ("12345.678900::numeric", Cell::Float(12_345.678_9)),
        ("(-0.00001234)::numeric", Cell::Float(-0.000_012_34)),
        ("1e30::numeric", Cell::Float(1e30)),
        ("0::numeric", Cell::Float(0.0)),
        ("sum(x) FROM generate_series(1, 3) x", Cell::Int(6)),
        ("avg(x) FROM generate_series(1, 4) x", Cell::Float(2.5)),
        ("'it''s ü'::text", text("it's ü")),
        ("'a'::varchar(3)", text("a")),
        ("'a'::char(3)", text("a  ")),
        ("'a'::\"char\"", text("a")),
        ("'x'::name", text("x")),
        ("'x'", text("x")),
        ("'{\"a\": 1}'::json", text("{\"a\": 1}")),
        ("'{\"a\":1}'::jsonb", text("{\"a\": 1}")),
        (
            "'11111111-2222-3333-4444-555555555555'::uuid",
            text("11111111-2222-3333-4444-555555555555"),
        ),
        ("'\\x00ff'::bytea", text("\\x00ff")),
        ("'2024-02-29'::date", text("2024-02-29")),
        ("'0044-03-15 BC'::date", text("-0043-03-15")),
        ("'03:04:05.6'::time", text("03:04:05.600000")),
        (
            "'2024-01-02 03:04:05.678901'::timestamp",
            text("2024-01-02T03:04:05.678901"),
        ),
        (
            "'2024-01-02 03:04:05+02'::timestamptz",
            text("2024-01-02T01:04:05.000000Z"),
        ),
        ("'infinity'::timestamptz", text("infinity")),
        ("'-infinity'::date", text("-infinity")),
        (
            "'1 year 2 mons 3 days 04:05:06.7'::interval",
            text("P1Y2M3DT14706.7S"),
        ),
        ("'10.1.2.3'::inet", text("10.1.2.3")),
        ("'10.1.0.0/16'::cidr", text("10.1.0.0/16")),
        ("'::1'::inet", text("::1")),
        ("'16/B374D848'::pg_lsn", text("16/B374D848")),
        ("1259::oid", Cell::Int(1259)),
        ("NULL::int", Cell::Null),
        ("pg_sleep(0)", Cell::Null),
        (
            "ARRAY[1, NULL, 3]",
            list(vec![Cell::Int(1), Cell::Null, Cell::Int(3)]),
        ),
        ("'{}'::text[]", list(vec![])),
        (
            "ARRAY[['a'], ['b']]",
            list(vec![list(vec![text("a")]), list(vec![text("b")])]),
        ),
        ("'buy'::@.side", text("buy")),
        ("ARRAY['sell']::@.side[]", list(vec![text("sell")])),
        ("1.5::@.price", Cell::Float(1.5)),
    ];
    for (expression, want) in table {
        let expression = expression.replace('@', name);
        let got = one(&schema.server, &format!("SELECT {expression}"));
        assert_eq!(
            got.unwrap_or_else(|e| panic!("{expression}: {e}")),
            want,
            "{expression}"
        );
    }
    assert!(
        matches!(one(&schema.server, "SELECT 'NaN'::numeric"), Ok(Cell::Float(x)) if x.is_nan())
    );
    match one(&schema.server, "SELECT point(1, 2) AS where_") {
        Err(Error::Column { column, ty }) => {
            assert_eq!((column.as_str(), ty.as_str()), ("where_", "point"))
        }
        other => panic!("{other:?}"),
    }
    for sql in [
        "SHOW server_version",
        "EXPLAIN SELECT 1",
        "VALUES ('x')",
        "WITH a AS (SELECT 'x'::text) TABLE a",
    ] {
        let rows = query(
            &Cx::detached(),
            &schema.server,
            sql,
            Vec::new(),
            Limits::default(),
        );
        assert!(rows.unwrap_or_else(|e| panic!("{sql}: {e}")).count() > 0);
    }
}

#[test]
fn parameters_and_changes() {
    let schema = Schema::new();
    let (cx, server, name) = (Cx::detached(), &schema.server, &schema.name);
    let limits = Limits::default();
    run(
        server,
        &format!(
            "CREATE TABLE {name}.t (id int PRIMARY KEY, at timestamptz, tags text[], note text, price numeric)"
        ),
    );
    let insert = format!("INSERT INTO {name}.t VALUES ($1, $2, $3, $4, $5)");
    let hostile = r#"'; DROP TABLE t; -- "{\"#;
    let row = |id: i64| {
        vec![
            Parameter::Int(id),
            Parameter::Text("2024-01-02T03:04:05Z".into()),
            Parameter::List(vec![Parameter::Text(hostile.into()), Parameter::Null]),
            Parameter::Text(hostile.into()),
            Parameter::Float(0.1),
        ]
    };
    assert_eq!(
        exec(&cx, server, &insert, row(1), limits)
            .expect("insert")
            .rows,
        1
    );
    let sql =
        format!("SELECT at, tags, note, price FROM {name}.t WHERE id = ANY($1) AND note = $2");
    let wanted = vec![
        Parameter::List(vec![Parameter::Int(1), Parameter::Int(7)]),
        Parameter::Text(hostile.into()),
    ];
    let rows = query(&cx, server, &sql, wanted, limits).expect("rows");
    let text = |text: &str| Cell::Text(text.into());
    assert_eq!(
        rows.cells,
        [[
            text("2024-01-02T03:04:05.000000Z"),
            Cell::List(vec![text(hostile), Cell::Null]),
            text(hostile),
            Cell::Float(0.1)
        ]]
    );
    let error = exec(&cx, server, &insert, row(1), limits).expect_err("twice the same key");
    assert_eq!(sort(&error), Some(Sort::Conflict), "{error}");
    run(server, &format!("ANALYZE {name}.t"));
    let found = hit(
        &cx,
        server,
        &format!("DELETE FROM {name}.t WHERE id = 1"),
        limits,
    )
    .expect("a look");
    assert_eq!(
        (found.verb.as_str(), found.estimated_rows),
        ("DELETE FROM", Some(1))
    );
    assert!(
        found.oid.is_some() && found.disk_bytes.is_some_and(|bytes| bytes > 0),
        "{found:?}"
    );
    let found = hit(&cx, server, "DROP TABLE IF EXISTS tradeops_no_such", limits).expect("a look");
    assert_eq!((found.oid, found.estimated_rows), (None, None));
    let few = query(
        &cx,
        server,
        "SELECT $1::int AS a, $2::int AS b",
        vec![Parameter::Int(1)],
        limits,
    );
    assert!(matches!(few, Err(Error::Statement(_))), "{few:?}");
    let wrong = query(
        &cx,
        server,
        "SELECT $1::int AS a",
        vec![Parameter::Text("x".into())],
        limits,
    );
    assert_eq!(
        wrong.as_ref().err().and_then(sort),
        Some(Sort::Invalid),
        "{wrong:?}"
    );
}

#[test]
fn bounds() {
    let (cx, server) = (Cx::detached(), stack());
    let of = |count: usize, rows: usize| {
        let sql = format!("SELECT x FROM generate_series(1, {count}) x");
        query(
            &cx,
            &server,
            &sql,
            Vec::new(),
            Limits {
                rows,
                ..Limits::default()
            },
        )
    };
    assert_eq!(of(2_500, 2_500).map(|rows| rows.count()).ok(), Some(2_500));
    assert!(matches!(
        of(2_501, 2_500),
        Err(Error::TooManyRows { most: 2_500 })
    ));
    assert_eq!(of(1_000, 10_000).map(|rows| rows.count()).ok(), Some(1_000));
    assert_eq!(of(0, 0).map(|rows| rows.count()).ok(), Some(0));
    let little = Limits {
        bytes: 10_000,
        ..Limits::default()
    };
    let large = query(
        &cx,
        &server,
        "SELECT repeat('x', 20000) AS t",
        Vec::new(),
        little,
    );
    assert!(matches!(large, Err(Error::TooLarge { .. })), "{large:?}");
    assert!(matches!(
        one(&server, "SELECT 1 AS a, 2 AS a"),
        Err(Error::Statement(_))
    ));
    assert_eq!(
        one(&server, "SELECT 1 WHERE false").expect("nothing"),
        Cell::Null
    );
}

#[test]
fn reading_changes_nothing() {
    let schema = Schema::new();
    let (server, name) = (&schema.server, &schema.name);
    run(server, &format!("CREATE TABLE {name}.t (x int)"));
    run(server, &format!("CREATE SEQUENCE {name}.s"));
    run(
        server,
        &format!(
            "CREATE FUNCTION {name}.sly() RETURNS int LANGUAGE sql AS $$ INSERT INTO {name}.t VALUES (1) RETURNING x $$"
        ),
    );
    // What the check lets pass, the server itself refuses.
    for sql in [
        format!("SELECT {name}.sly()"),
        format!("WITH gone AS (INSERT INTO {name}.t VALUES (2) RETURNING x) SELECT * FROM gone"),
        format!("SELECT * INTO {name}.copy FROM {name}.t"),
        format!("SELECT * FROM {name}.t FOR UPDATE"),
        format!("EXPLAIN ANALYZE SELECT {name}.sly()"),
    ] {
        let error = one(server, &sql).expect_err(&sql);
        assert_eq!(sort(&error), Some(Sort::Refused), "{sql}: {error}");
    }
    // What the server would let pass, the check refuses.
    for sql in [
        "COMMIT".to_owned(),
        "SET TRANSACTION READ WRITE".to_owned(),
        format!("SELECT 1; DROP TABLE {name}.t"),
        format!("COMMIT; DROP TABLE {name}.t"),
        format!("DROP TABLE {name}.t"),
        "SELECT pg_terminate_backend(0)".to_owned(),
        "SELECT set_config('transaction_read_only', 'off', false)".to_owned(),
        format!("SELECT nextval('{name}.s')"),
    ] {
        assert!(
            matches!(one(server, &sql), Err(Error::Statement(_))),
            "{sql}"
        );
    }
    assert_eq!(
        one(server, &format!("SELECT count(*) FROM {name}.t")).expect("it is there"),
        Cell::Int(0)
    );
    let several = exec(
        &Cx::detached(),
        server,
        "SELECT 1; SELECT 2",
        Vec::new(),
        Limits::default(),
    );
    assert_eq!(
        several.as_ref().err().and_then(sort),
        Some(Sort::Invalid),
        "{several:?}"
    );
}

#[test]
fn kinds_of_errors() {
    let server = stack();
    for (sql, want) in [
        ("SELECT * FROM tradeops_no_such", Sort::NotFound),
        ("SELECT nosuch", Sort::Invalid),
        ("SELECT FROM WHERE", Sort::Invalid),
        ("SELECT 1/0", Sort::Invalid),
        ("SELECT 'x'::int", Sort::Invalid),
    ] {
        let error = one(&server, sql).expect_err(sql);
        assert_eq!(sort(&error), Some(want), "{sql}: {error}");
    }
    match one(&server, "SELECT /* here */ nosuch") {
        Err(Error::Sql { position, .. }) => assert_eq!(position, Some(19), "as written"),
        other => panic!("{other:?}"),
    }
    let login = |user: &'static str, database| Login {
        user: Some(user),
        password: Some("hunter2"),
        database,
    };
    let cx = Cx::detached();
    let wrong = Server::new(&url(), login("nobody", None)).expect("an address");
    let error = ping(&cx, &wrong, Limits::default()).expect_err("a wrong login");
    assert_eq!(sort(&error), Some(Sort::Refused), "{error}");
    assert!(
        !format!("{error} {error:?} {wrong:?}").contains("hunter2"),
        "{error}"
    );
    let no_password = Server::new(
        &url(),
        Login {
            user: Some("nobody"),
            ..Login::default()
        },
    );
    let error =
        ping(&cx, &no_password.expect("an address"), Limits::default()).expect_err("no password");
    assert_eq!(sort(&error), Some(Sort::Refused), "{error}");
    let (user, password) = (env("DB_USER"), env("DB_PASSWORD"));
    let no_database = Login {
        user: Some(&user),
        password: Some(&password),
        database: Some("tradeops_no_such"),
    };
    let no_database = Server::new(&url(), no_database).expect("an address");
    let error = ping(&cx, &no_database, Limits::default()).expect_err("no such database");
    assert_eq!(sort(&error), Some(Sort::NotFound), "{error}");
    assert!(
        !ping(&cx, &server, Limits::default())
            .expect("it answers")
            .version
            .is_empty()
    );
}

/// Whether a statement with this mark runs.
fn runs(server: &Server, mark: &str) -> bool {
    let mine = vec![Parameter::Text(format!("%{mark}%"))];
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE $1 AND state = 'active'";
    let count = value(&Cx::detached(), server, sql, mine, Limits::default());
    count.expect("a count") != Cell::Int(0)
}

#[test]
fn who_leaves_takes_the_statement_along() {
    let (server, mark) = (stack(), unique("sleep"));
    let sql = format!("SELECT pg_sleep(30), '{mark}' AS mark");
    let (answer, took) = stopped(Duration::from_millis(500), |cx| {
        query(cx, &server, &sql, Vec::new(), Limits::default())
    });
    assert!(
        matches!(answer, Err(Error::Stopped(Stop::Interrupted))),
        "{answer:?}"
    );
    assert!(took < PROMPT, "{took:?}");
    let gone = || {
        if runs(&server, &mark) {
            Err("it still runs")
        } else {
            Ok(())
        }
    };
    eventually(gone);

    let limits = Limits {
        time: Duration::from_millis(400),
        ..Limits::default()
    };
    let late = query(&Cx::detached(), &server, &sql, Vec::new(), limits);
    let in_time = matches!(late, Err(Error::Timeout { .. }))
        || late.as_ref().err().and_then(sort) == Some(Sort::Timeout);
    assert!(in_time, "{late:?}");
    eventually(gone);

    let late = exec(&Cx::detached(), &server, &sql, Vec::new(), limits);
    let told = matches!(late, Err(Error::Unknown { .. }))
        || late.as_ref().err().and_then(sort) == Some(Sort::Timeout);
    assert!(told, "{late:?}");
    eventually(gone);
}
