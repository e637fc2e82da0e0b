//! Redis of the stack, and one of the test's own that is made to load for a while.

use std::time::Duration;

use redis::{Commands, Connection};
use tradeops::redis::{Error, Server, count_keys, get, hash, info, key, memory, ping, size};
use tradeops::run::Cx;

use crate::support::{Container, env, eventually, unique};

const LIMIT: Duration = Duration::from_secs(5);

fn stack() -> Server {
    let url = format!("redis://127.0.0.1:{}", env("REDIS_PORT"));
    Server::new(&url, None, Some(&env("REDIS_PASSWORD"))).expect("an address")
}

/// Keys under one prefix, removed with the test.
struct Keys {
    writer: Connection,
    prefix: String,
}

impl Keys {
    fn new() -> Self {
        let url = format!(
            "redis://:{}@127.0.0.1:{}",
            env("REDIS_PASSWORD"),
            env("REDIS_PORT")
        );
        let writer = redis::Client::open(url)
            .and_then(|client| client.get_connection())
            .expect("the stack's Redis");
        Self {
            writer,
            prefix: unique("keys"),
        }
    }

    fn name(&self, key: &str) -> String {
        format!("{}:{key}", self.prefix)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let keys: Vec<String> = self
            .writer
            .keys(format!("{}:*", self.prefix))
            .unwrap_or_default();
        for name in keys {
            let _: Result<i64, _> = self.writer.del(name);
        }
    }
}

#[test]
fn keys_and_values() {
    let (cx, server) = (Cx::detached(), stack());
    let mut keys = Keys::new();
    let (text, bytes, set, fields) = (
        keys.name("text"),
        keys.name("bytes"),
        keys.name("set"),
        keys.name("hash"),
    );
    let _: () = keys.writer.set_ex(&text, "grüße", 1_000).expect("set");
    let _: () = keys.writer.set(&bytes, &[0xFFu8, 0][..]).expect("set");
    let _: () = keys.writer.sadd(&set, &["a", "b", "c"][..]).expect("sadd");
    let _: () = keys
        .writer
        .hset_multiple(&fields, &[("a", "1"), ("b", "x")])
        .expect("hset");

    assert_eq!(
        get(&cx, &server, &text, LIMIT).expect("text").as_deref(),
        Some("grüße")
    );
    assert_eq!(
        get(&cx, &server, &keys.name("none"), LIMIT).expect("none"),
        None
    );
    assert!(matches!(
        get(&cx, &server, &bytes, LIMIT),
        Err(Error::NotText { .. })
    ));
    match get(&cx, &server, &set, LIMIT) {
        Err(Error::WrongType { found, wanted, .. }) => {
            assert_eq!((found.as_str(), wanted), ("set", "string"))
        }
        other => panic!("{other:?}"),
    }
    let map = hash(&cx, &server, &fields, LIMIT)
        .expect("hash")
        .expect("there");
    assert_eq!(
        serde_json::Value::Object(map),
        serde_json::json!({ "a": "1", "b": "x" })
    );
    assert_eq!(
        hash(&cx, &server, &keys.name("none"), LIMIT).expect("none"),
        None
    );

    let found = key(&cx, &server, &set, LIMIT).expect("key");
    assert_eq!(
        (
            found.exists,
            found.ty.as_str(),
            found.size,
            found.ttl_seconds
        ),
        (true, "set", Some(3), None)
    );
    let found = key(&cx, &server, &text, LIMIT).expect("key");
    assert!(
        found.ttl_seconds.is_some_and(|s| (1..=1_000).contains(&s)),
        "{found:?}"
    );
    let found = key(&cx, &server, &keys.name("none"), LIMIT).expect("key");
    assert_eq!(
        (found.exists, found.ty.as_str(), found.size),
        (false, "none", None)
    );

    let pattern = keys.name("*");
    let count = count_keys(&cx, &server, &pattern, 1_000, LIMIT).expect("count");
    assert_eq!((count.count, count.complete), (4, true));
    assert!(size(&cx, &server, LIMIT).expect("size") >= 4);
    for i in 0..5_000 {
        let _: () = keys
            .writer
            .set(keys.name(&format!("many:{i}")), i)
            .expect("set");
    }
    let count = count_keys(&cx, &server, &pattern, 100, LIMIT).expect("count");
    assert!(count.count >= 100 && !count.complete, "{count:?}");
    let count = count_keys(&cx, &server, &pattern, 100_000, LIMIT).expect("count");
    assert_eq!((count.count, count.complete), (5_004, true));
}

#[test]
fn what_it_says_of_itself() {
    let (cx, server) = (Cx::detached(), stack());
    assert!(ping(&cx, &server, LIMIT).expect("ping").ms > 0.0);
    let replication = info(&cx, &server, Some("replication"), LIMIT).expect("info");
    assert_eq!(replication["role"], "master");
    let all = info(&cx, &server, None, LIMIT).expect("info");
    assert!(all["redis_version"].is_string());
    assert!(all["uptime_in_seconds"].is_i64());
    let nothing = info(&cx, &server, Some("nosuchsection"), LIMIT).expect("info");
    assert!(nothing.is_empty());
    let memory = memory(&cx, &server, LIMIT).expect("memory");
    assert!(
        memory.used_bytes > 0 && memory.peak_bytes >= memory.used_bytes,
        "{memory:?}"
    );
    assert_eq!(memory.max_bytes.is_some(), memory.used_percent.is_some());
}

#[test]
fn a_wrong_login_is_refused() {
    let cx = Cx::detached();
    let url = format!("redis://127.0.0.1:{}", env("REDIS_PORT"));
    for (user, password, says) in [
        (None, None, "NOAUTH"),
        (None, Some("hunter2"), "WRONGPASS"),
        (Some("nobody"), Some("hunter2"), "WRONGPASS"),
    ] {
        let server = Server::new(&url, user, password).expect("an address");
        let error = ping(&cx, &server, LIMIT).expect_err("refused");
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(
            !format!("{error} {error:?} {server:?}").contains("hunter2"),
            "{error}"
        );
    }
    let no_database = Server::new(&format!("{url}/99999"), None, Some(&env("REDIS_PASSWORD")));
    let error = ping(&cx, &no_database.expect("an address"), LIMIT).expect_err("no such database");
    assert!(matches!(error, Error::Failed { .. }), "{error}");
}

#[test]
fn a_server_that_loads_is_neither_down_nor_fine() {
    let container = Container::start(
        &env("REDIS_IMAGE"),
        6379,
        &[],
        &[
            "redis-server",
            "--enable-debug-command",
            "yes",
            "--protected-mode",
            "no",
            "--loading-process-events-interval-bytes",
            "1024",
        ],
    );
    let cx = Cx::detached();
    let url = format!("redis://127.0.0.1:{}", container.port);
    let server = Server::new(&url, None, None).expect("an address");
    eventually(|| ping(&cx, &server, LIMIT));
    let needless = Server::new(&url, None, Some("hunter2")).expect("an address");
    let error = ping(&cx, &needless, LIMIT).expect_err("no password is configured");
    assert!(matches!(error, Error::Refused { .. }), "{error}");

    let mut admin = redis::Client::open(url)
        .and_then(|c| c.get_connection())
        .expect("admin");
    let () = redis::cmd("DEBUG")
        .arg("POPULATE")
        .arg(20_000)
        .query(&mut admin)
        .expect("populate");
    let () = redis::cmd("CONFIG")
        .arg("SET")
        .arg("key-load-delay")
        .arg(500)
        .query(&mut admin)
        .expect("config");
    let reload = std::thread::spawn(move || {
        let _: Result<(), _> = redis::cmd("DEBUG").arg("RELOAD").query(&mut admin);
    });
    eventually(|| match ping(&cx, &server, LIMIT) {
        Err(Error::Loading { .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    drop(container);
    let _ = reload.join();
}
