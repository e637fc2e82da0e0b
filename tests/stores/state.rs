//! How the stores say they are doing: what the checks of health read, on real servers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tradeops::run::Cx;
use tradeops::{postgres, questdb, redis};

use crate::support::{Container, env, eventually, unique};

const LIMIT: Duration = Duration::from_secs(5);

/// A Redis without a login, with these settings.
fn a_redis(settings: &[&str]) -> (Container, redis::Server) {
    let mut command = vec!["redis-server", "--protected-mode", "no"];
    command.extend(settings);
    let container = Container::start(&env("REDIS_IMAGE"), 6379, &[], &command);
    let url = format!("redis://127.0.0.1:{}", container.port);
    let server = redis::Server::new(&url, None, None).expect("an address");
    eventually(|| redis::ping(&Cx::detached(), &server, LIMIT));
    (container, server)
}

/// Asks it what only its operator asks.
fn admin(container: &Container, words: &[&str]) {
    let url = format!("redis://127.0.0.1:{}", container.port);
    let mut connection = ::redis::Client::open(url)
        .and_then(|client| client.get_connection())
        .expect("a connection");
    let (name, rest) = words.split_first().expect("a command");
    let _: ::redis::Value = ::redis::cmd(name)
        .arg(rest)
        .query(&mut connection)
        .expect("done");
}

#[test]
fn redis_counts_what_it_evicts() {
    let (container, server) = a_redis(&["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"]);
    let cx = Cx::detached();
    let before = redis::stats(&cx, &server, LIMIT).expect("stats");
    assert_eq!((before.role.as_str(), before.evicted_keys), ("master", 0));
    assert_eq!(before.blocked_clients, 0);
    assert!(before.clients >= 1 && before.max_clients >= Some(before.clients));
    let value = "x".repeat(100_000);
    for n in 0..50 {
        admin(&container, &["SET", &format!("k{n}"), &value]);
    }
    let after = redis::stats(&cx, &server, LIMIT).expect("stats");
    assert!(after.evicted_keys > 0, "{after:?}");
}

#[test]
fn a_redis_that_cannot_save_still_answers() {
    let (container, server) = a_redis(&["--save", "3600 1", "--dir", "/proc"]);
    let cx = Cx::detached();
    let well = redis::persistence(&cx, &server, LIMIT).expect("persistence");
    assert!(well.snapshot_ok && !well.aof && well.aof_write_ok.is_none());
    assert!(
        !redis::ping(&cx, &server, LIMIT)
            .expect("ping")
            .refuses_writes
    );
    admin(&container, &["SET", "k", "v"]);
    admin(&container, &["BGSAVE"]);
    eventually(|| match redis::persistence(&cx, &server, LIMIT) {
        Ok(ill) if !ill.snapshot_ok && ill.changes_since == 1 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // It refuses PING as it refuses writes, and reads.
    assert!(
        redis::ping(&cx, &server, LIMIT)
            .expect("ping")
            .refuses_writes
    );
    let read = redis::get(&cx, &server, "k", LIMIT).expect("a read");
    assert_eq!(read.as_deref(), Some("v"));
}

/// The one that waits for the other: (blocked, blocks), once there is one.
fn waits_for(found: &postgres::Transactions) -> Option<(i64, i64)> {
    let blocked = found.open.iter().find(|t| !t.blocked_by.is_empty())?;
    Some((blocked.pid?, blocked.blocked_by[0]))
}

#[test]
fn postgres_tells_who_is_connected_what_is_open_and_who_receives() {
    let settings = ["POSTGRES_PASSWORD=s3cret", "POSTGRES_USER=ops"];
    let mut container = Container::start(&env("POSTGRES_IMAGE"), 5432, &settings, &[]);
    let at = |port: u16| {
        let login = postgres::Login {
            user: Some("ops"),
            password: Some("s3cret"),
            database: Some("ops"),
        };
        postgres::Server::new(&format!("postgres://127.0.0.1:{port}"), login).expect("an address")
    };
    let (cx, limits) = (Cx::detached(), postgres::Limits::default());
    let server = at(container.port);
    eventually(|| postgres::ping(&cx, &server, limits));
    let alone = postgres::connections(&cx, &server, limits).expect("connections");
    assert_eq!((alone.used, alone.max, alone.waiting), (0, 100, 0));
    let none = postgres::transactions(&cx, &server, 10, limits).expect("transactions");
    assert!(none.open.is_empty() && none.hidden == 0, "{none:?}");
    let single = postgres::replication(&cx, &server, limits).expect("replication");
    assert!(!single.in_recovery && single.replicas.is_empty() && single.slots.is_empty());
    assert_eq!(single.receiving, None);

    // One session holds a lock and sleeps, another waits for it.
    let psql = "psql -U ops -h /var/run/postgresql -c";
    container.sh(&format!("{psql} 'CREATE TABLE t (x int)'"));
    let locks = "BEGIN; LOCK TABLE t;";
    container.sh_apart(&format!("{psql} '{locks} SELECT pg_sleep(60)'"));
    eventually(|| match postgres::transactions(&cx, &server, 10, limits) {
        Ok(found) if found.open.len() == 1 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    container.sh_apart(&format!("{psql} '{locks}'"));
    let (blocked, blocks) = eventually(|| match postgres::transactions(&cx, &server, 10, limits) {
        Ok(found) => waits_for(&found).ok_or_else(|| format!("{found:?}")),
        Err(error) => Err(error.to_string()),
    });
    let open = postgres::transactions(&cx, &server, 10, limits).expect("transactions");
    assert_eq!(open.open[0].pid, Some(blocks), "the oldest first: {open:?}");
    assert_eq!(open.open[1].pid, Some(blocked));
    assert!(open.open[0].seconds >= open.open[1].seconds);
    assert_eq!(open.open[0].user.as_deref(), Some("ops"));
    let two = postgres::connections(&cx, &server, limits).expect("connections");
    assert_eq!((two.used, two.waiting), (2, 1), "{two:?}");
    let first = postgres::transactions(&cx, &server, 1, limits).expect("transactions");
    assert_eq!(first.open.len(), 1);

    // A receiver, then its slot without one.
    let receiver = "pg_receivewal -U ops -h /var/run/postgresql -S kept";
    container.sh(&format!("{receiver} --create-slot"));
    container.sh_apart(&format!("mkdir /tmp/wal && {receiver} -D /tmp/wal"));
    // A receiver begins as "startup" and "catchup".
    let streams = |r: &postgres::Replication| {
        r.slots.len() == 1
            && r.slots[0].active
            && r.replicas.len() == 1
            && r.replicas[0].state == "streaming"
    };
    eventually(|| match postgres::replication(&cx, &server, limits) {
        Ok(found) if streams(&found) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let folder = container.sh("echo $PGDATA");
    container.sh(&format!("touch {}/standby.signal", folder.trim()));
    container.restart(5432);
    let server = at(container.port);
    let standby = eventually(|| postgres::replication(&cx, &server, limits));
    assert!(standby.in_recovery, "{standby:?}");
    assert_eq!(standby.receiving, Some(false));
    assert!(standby.replicas.is_empty() && !standby.slots[0].active);
}

/// The newest row, and rows whose files are gone.
fn newest_and_missing(image: &str) {
    let container = Container::start(image, 9000, &["QDB_TELEMETRY_ENABLED=false"], &[]);
    let url = format!("http://127.0.0.1:{}", container.port);
    let server = questdb::Server::new(&url, None, None).expect("an address");
    let (cx, limits) = (Cx::detached(), questdb::Limits::default());
    eventually(|| questdb::ping(&cx, &server, limits));
    let table = unique("t");
    let run = |sql: &str| {
        questdb::exec(&cx, &server, sql, limits).unwrap_or_else(|error| panic!("{sql}: {error}"));
    };
    run(&format!(
        "CREATE TABLE {table} (ts TIMESTAMP, x LONG) TIMESTAMP(ts) PARTITION BY DAY WAL"
    ));
    let empty = questdb::newest(&cx, &server, &table, None, limits).expect("newest");
    assert_eq!((empty.column.as_str(), empty.newest), ("ts", None));
    // The last row is not the newest.
    for (day, x) in [("2024-01-02", 1), ("2024-01-03", 2), ("2024-01-01", 3)] {
        run(&format!(
            "INSERT INTO {table} VALUES ('{day}T10:00:00.000000Z', {x})"
        ));
    }
    let full = eventually(|| match questdb::integrity(&cx, &server, &table, limits) {
        Ok(found) if found.rows == 3 && found.partition_rows == 3 => Ok(found),
        other => Err(format!("{other:?}")),
    });
    assert_eq!((full.partition_rows, full.partitions), (3, 3));
    assert_eq!(full.missing_rows, 0);
    assert!(full.disk_bytes > 0);
    for column in [None, Some("ts")] {
        let found = questdb::newest(&cx, &server, &table, column, limits).expect("newest");
        let newest = found.newest.expect("a time");
        let newest: DateTime<Utc> = newest.parse().expect("a time");
        assert_eq!(newest.to_rfc3339(), "2024-01-03T10:00:00+00:00");
    }
    let error = questdb::newest(&cx, &server, "nosuchtable", None, limits).expect_err("none");
    assert!(matches!(error, questdb::Error::NotFound { .. }), "{error}");

    let folder = format!("/var/lib/questdb/db/{table}*/2024-01-01*");
    let removed = container.sh(&format!("ls -d {folder} && rm -r {folder}"));
    assert!(removed.contains("2024-01-01"), "{removed}");
    let found = questdb::integrity(&cx, &server, &table, limits).expect("integrity");
    assert_eq!(
        (found.partition_rows, found.missing_rows),
        (3, 1),
        "{found:?}"
    );
}

#[test]
fn questdb_7_tells_its_newest_row_and_what_is_missing() {
    newest_and_missing(&env("QUESTDB_IMAGE"));
}

#[test]
fn questdb_9_tells_its_newest_row_and_what_is_missing() {
    newest_and_missing(&env("QUESTDB_9_IMAGE"));
}
