//! Tables of Postgres, and the lease in Redis that keeps other machines away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tradeops::postgres::{self, Limits, Login, Parameter, Server};
use tradeops::retention::{self, RowsOptions};
use tradeops::run::{Cancel, Cx};
use tradeops::{questdb, redis};

use crate::rows::{at, rule};
use crate::server::{Container, env, unique};
use crate::support::{World, until};

fn url(database: &str) -> String {
    format!("postgres://127.0.0.1:{}/{database}", env("DB_PORT"))
}

fn login(database: &str) -> Server {
    let (user, password) = (env("DB_USER"), env("DB_PASSWORD"));
    let login = Login {
        user: Some(&user),
        password: Some(&password),
        database: None,
    };
    Server::new(&url(database), login).unwrap_or_else(|e| panic!("{e}"))
}

fn exec(server: &Server, sql: &str) -> i64 {
    postgres::exec(&Cx::detached(), server, sql, Vec::new(), Limits::default())
        .unwrap_or_else(|e| panic!("{sql}: {e}"))
        .rows
}

fn number(server: &Server, sql: &str) -> i64 {
    let cell = postgres::value(
        &Cx::detached(),
        server,
        sql,
        Vec::<Parameter>::new(),
        Limits::default(),
    );
    cell.unwrap_or_else(|e| panic!("{sql}: {e}"))
        .int()
        .unwrap_or_else(|| panic!("{sql}"))
}

/// A database of its own, dropped with it.
struct Database {
    server: Server,
    name: String,
}

impl Database {
    fn new() -> Self {
        let name = unique("retention");
        exec(&login(&env("DB_NAME")), &format!("CREATE DATABASE {name}"));
        Self {
            server: login(&name),
            name,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = postgres::exec(
            &Cx::detached(),
            &login(&env("DB_NAME")),
            &sql,
            Vec::new(),
            Limits::default(),
        );
    }
}

const MAKE: &str = "CREATE TABLE social_posts (id bigserial PRIMARY KEY, published_at timestamptz, relevance double precision, title text, seen boolean, day date)";
const FILL: &str = "INSERT INTO social_posts (published_at, relevance, title, seen, day) SELECT CASE WHEN n % 11 = 0 THEN NULL ELSE timestamptz '2019-01-01 00:00:00+00' + n * interval '7 hours' END, CASE WHEN n % 5 = 0 THEN NULL ELSE sin(n) / 3 END, CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE E'it''s \\\\ \"x\" \\n ü' END, n % 2 = 0, date '2019-01-01' + n FROM generate_series(1, 2000) n";

fn options(state: &std::path::Path, run: &str) -> RowsOptions {
    RowsOptions {
        run: run.into(),
        state: state.into(),
        undo: true,
        batch: 150,
        budget: None,
    }
}

#[test]
fn rows_of_postgres_go_in_batches_and_come_back() {
    let database = Database::new();
    let server = &database.server;
    exec(server, MAKE);
    exec(server, FILL);
    exec(server, "CREATE TABLE twin AS SELECT * FROM social_posts");
    let (cx, state) = (
        Cx::detached(),
        tempfile::tempdir().unwrap_or_else(|e| panic!("{e}")),
    );
    let rules = [
        rule("age", "2019-06-01", None),
        rule(
            "low",
            "2020-01-01",
            Some("relevance < 0.1 and title != x and day < 2022-01-01"),
        ),
        rule("gone", "2020-01-01", Some("no_such_column = 1")),
    ];
    let means = "(published_at < '2019-06-01Z' OR (published_at < '2020-01-01Z' AND relevance < 0.1 AND title <> 'x' AND day < '2022-01-01'))";
    let wanted = number(
        server,
        &format!("SELECT count(*)::bigint FROM twin WHERE {means}"),
    );
    let plan = retention::plan_rows(&cx, server, "social_posts", "published_at", &rules)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        (plan.total, plan.delete_rows, &plan.absent[..]),
        (2000, wanted, &["gone".to_owned()][..])
    );
    assert_eq!(plan.by_rule.iter().sum::<i64>(), wanted);
    let removed = retention::remove_rows(
        &cx,
        server,
        "social_posts",
        "published_at",
        &rules,
        &options(state.path(), "r1"),
        &|_| {},
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        (removed.deleted, removed.batches),
        (wanted, wanted.div_euclid(150) + 1)
    );
    let differ = |what: &str| {
        number(
            server,
            &format!(
                "SELECT count(*)::bigint FROM ((TABLE social_posts EXCEPT ALL {what}) UNION ALL ({what} EXCEPT ALL TABLE social_posts)) d"
            ),
        )
    };
    assert_eq!(
        differ(&format!("SELECT * FROM twin WHERE {means} IS NOT TRUE")),
        0
    );
    // What was taken back by the server does not come back: its rows never went.
    let back = retention::undo_rows(&cx, server, state.path(), "social_posts", "r1")
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((back, differ("SELECT * FROM twin")), (wanted, 0));
    assert_eq!(
        retention::undo_rows(&cx, server, state.path(), "social_posts", "r1")
            .unwrap_or_else(|e| panic!("{e}")),
        0
    );
    // Another table of the same run has its own export.
    exec(
        server,
        "CREATE TABLE other_posts AS SELECT id + 10000 AS id, published_at, relevance, title, seen, day FROM twin",
    );
    for table in ["social_posts", "other_posts"] {
        let options = options(state.path(), "r3");
        retention::remove_rows(
            &cx,
            server,
            table,
            "published_at",
            &rules,
            &options,
            &|_| {},
        )
        .unwrap_or_else(|e| panic!("{table}: {e}"));
    }
    let back = retention::undo_rows(&cx, server, state.path(), "social_posts", "r3");
    assert_eq!(back.unwrap_or_else(|e| panic!("{e}")), wanted);
    assert_eq!(differ("SELECT * FROM twin"), 0);
    let left = number(server, "SELECT count(*)::bigint FROM other_posts");
    assert_eq!(left, 2000 - wanted, "nothing of it came back");
    let none = retention::undo_rows(&cx, server, state.path(), "social_posts", "r9");
    assert!(
        matches!(none, Err(retention::Error::Invalid(_))),
        "{none:?}"
    );
    let missing = retention::plan_rows(&cx, server, "no_such", "published_at", &rules);
    assert!(
        matches!(missing, Err(retention::Error::Missing(_))),
        "{missing:?}"
    );
    // A batch whose rows cannot be kept is taken back.
    let blocked = state.path().join("retention/r2");
    std::fs::write(&blocked, "a file where a folder has to be").unwrap_or_else(|e| panic!("{e}"));
    let failed = retention::remove_rows(
        &cx,
        server,
        "social_posts",
        "published_at",
        &rules,
        &options(state.path(), "r2"),
        &|_| {},
    );
    assert!(failed.is_err_and(|e| e.to_string().contains("cannot write the export")));
    assert_eq!(differ("SELECT * FROM twin"), 0);
}

/// The script looks at Postgres where it is told its address, and a lease that another machine has ends it with 75.
#[test]
fn the_script_on_postgres_and_under_a_lease() {
    let database = Database::new();
    exec(&database.server, MAKE);
    exec(&database.server, FILL);
    let world = World::new();
    let (redis_url, project) = (
        format!(
            "redis://:{}@127.0.0.1:{}",
            env("REDIS_PASSWORD"),
            env("REDIS_PORT")
        ),
        unique("project"),
    );
    let call = |args: &[&str]| {
        let lock = world.path("lock").display().to_string();
        let mut all = vec![
            "-o",
            "json",
            "retention",
            "--lock-path",
            &lock,
            "--table",
            "social_posts",
            "--project",
            &project,
        ];
        all.extend(args);
        let pg = url(&database.name).replace(
            "postgres://",
            &format!("postgres://{}:{}@", env("DB_USER"), env("DB_PASSWORD")),
        );
        world
            .tradeops(&all)
            .env(
                "QUESTDB_HTTP_URL",
                format!("http://127.0.0.1:{}", env("QUESTDB_PORT")),
            )
            .env("RETENTION_POSTGRES_URL", pg)
            .env("RETENTION_REDIS_URL", &redis_url)
            .done()
    };
    let key = format!("tradeops:retention:{project}:postgres:social_posts");
    let (cx, server) = (
        Cx::detached(),
        redis::Server::new(&redis_url, None, Some(&env("REDIS_PASSWORD")))
            .unwrap_or_else(|e| panic!("{e}")),
    );
    let elsewhere = redis::lease(
        &cx,
        &server,
        &key,
        "another machine",
        Duration::from_secs(20),
        &Cancel::root(),
    );
    let elsewhere = elsewhere.unwrap_or_else(|e| panic!("{e}"));
    let held = call(&["--apply"]);
    assert_eq!(held.code, 75, "{}{}", held.out, held.err);
    assert!(
        held.out.contains("is held by another machine"),
        "{}",
        held.out
    );
    drop(elsewhere);
    let done = call(&["--apply"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(
        number(
            &database.server,
            "SELECT count(*)::bigint FROM social_posts WHERE published_at < now() - interval '5 years'"
        ) == 0
    );
    assert!(!done.err.contains(&env("DB_PASSWORD")) && !done.out.contains(&env("DB_PASSWORD")));
    assert_eq!(
        redis::get(&cx, &server, &key, Duration::from_secs(5)).unwrap_or_else(|e| panic!("{e}")),
        None,
        "it was given back"
    );
}

/// A lease is renewed as long as it is needed, has one holder, and whoever loses it is stopped.
#[test]
fn a_lease_is_renewed_and_its_loss_is_noticed() {
    let url = format!("redis://127.0.0.1:{}", env("REDIS_PORT"));
    let server = redis::Server::new(&url, None, Some(&env("REDIS_PASSWORD")))
        .unwrap_or_else(|e| panic!("{e}"));
    let (cx, key, ttl) = (Cx::detached(), unique("lease"), Duration::from_millis(1500));
    let take = |who: &str, cancel: &Cancel| redis::lease(&cx, &server, &key, who, ttl, cancel);
    let cancel = Cancel::root();
    let mine = take("me", &cancel).unwrap_or_else(|e| panic!("{e}"));
    for _ in 0..5 {
        std::thread::sleep(ttl / 2);
        let other = take("you", &Cancel::root());
        assert!(
            matches!(&other, Err(redis::Error::Held { holder, .. }) if holder == "me"),
            "{other:?}"
        );
    }
    assert!(cancel.stopped().is_none());
    drop(mine);
    // Many want it, one at a time has it.
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    std::thread::scope(|scope| {
        for who in 0..4 {
            let (take, inside, most) = (&take, inside.clone(), most.clone());
            scope.spawn(move || {
                for _ in 0..40 {
                    if let Ok(held) = take(&format!("{who}"), &Cancel::root()) {
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(3));
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(held);
                    }
                }
            });
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 1);
    // Taken away: whoever had it is stopped, and does not take it from the new one.
    let mine = take("me", &cancel).unwrap_or_else(|e| panic!("{e}"));
    let world = World::new();
    let taken = world.script(
        "//! needs: redis.change\nredis::leased(redis::connect(\"redis://127.0.0.1:1\"), \"x\", || 1)",
        &[],
    );
    assert_eq!(taken.code, 69, "{}", taken.err);
    flush(&key);
    until("the loss", || mine.lost() && cancel.stopped().is_some());
    let yours = take("you", &Cancel::root()).unwrap_or_else(|e| panic!("{e}"));
    drop(mine);
    assert!(matches!(
        take("me", &Cancel::root()),
        Err(redis::Error::Held { .. })
    ));
    drop(yours);
}

/// Takes a key away, as an operator might.
fn flush(key: &str) {
    let container = "t-trading-redis";
    let said = std::process::Command::new("docker")
        .args([
            "exec",
            "-e",
            &format!("REDISCLI_AUTH={}", env("REDIS_PASSWORD")),
            container,
            "redis-cli",
            "DEL",
            key,
        ])
        .output()
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
}

/// What the two versions can do, as they were found to differ.
#[test]
fn abilities_are_asked_for() {
    let port = env("QUESTDB_PORT")
        .parse()
        .unwrap_or_else(|e| panic!("{e}"));
    let ask = |port| {
        questdb::abilities(&Cx::detached(), &at(port), Limits::default())
            .unwrap_or_else(|e| panic!("{e}"))
    };
    let old = ask(port);
    assert!(
        !(old.wait || old.activity || old.views || old.atomic || old.exact),
        "{old:?}"
    );
    let container = Container::start(&env("QUESTDB_9_IMAGE"), 9000, &[], &[]);
    let new = ask(container.port);
    assert!(
        new.wait && new.activity && new.views && new.atomic && new.exact,
        "{new:?}"
    );
}
