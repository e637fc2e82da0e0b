//! Nobody there, somebody silent, somebody who hangs up, somebody else: told apart for each server.

use std::time::{Duration, Instant};

use tradeops::run::{Cx, Stop};
use tradeops::{postgres, questdb, redis};

use crate::support::{PROMPT, closed_port, silent_port, speaking_port, stopped};

const LONG: Duration = Duration::from_secs(5);

fn questdb_at(port: u16) -> questdb::Server {
    questdb::Server::new(&format!("http://127.0.0.1:{port}"), None, None).expect("an address")
}

#[test]
fn questdb() {
    let cx = Cx::detached();
    let limits = questdb::Limits {
        time: Duration::from_millis(300),
        ..questdb::Limits::default()
    };
    let ask = |server: &questdb::Server| questdb::query(&cx, server, "SELECT 1 AS x", limits);
    let change = |server: &questdb::Server| questdb::exec(&cx, server, "DROP TABLE x", limits);

    let nobody = questdb_at(closed_port());
    let error = ask(&nobody).expect_err("nobody is there");
    assert!(
        matches!(&error, questdb::Error::Unreachable { why, .. } if why == "connection refused"),
        "{error}"
    );
    assert!(
        matches!(change(&nobody), Err(questdb::Error::Unreachable { .. })),
        "nothing was sent"
    );
    let no_host =
        questdb::Server::new("http://no-such-host.invalid:9000", None, None).expect("an address");
    let no_host = questdb::query(&cx, &no_host, "SELECT 1 AS x", questdb::Limits::default());
    assert!(
        matches!(no_host, Err(questdb::Error::Unreachable { .. })),
        "{no_host:?}"
    );

    let silent = questdb_at(silent_port());
    let began = Instant::now();
    assert!(matches!(ask(&silent), Err(questdb::Error::Timeout { .. })));
    assert!(began.elapsed() < PROMPT);
    assert!(
        matches!(change(&silent), Err(questdb::Error::Unknown { .. })),
        "it was sent"
    );
    let (answer, took) = stopped(Duration::from_millis(50), |cx| {
        questdb::query(cx, &silent, "SELECT 1 AS x", questdb::Limits::default())
    });
    assert!(
        matches!(answer, Err(questdb::Error::Stopped(Stop::Interrupted))),
        "{answer:?}"
    );
    assert!(took < PROMPT, "{took:?}");

    let hangs_up = questdb_at(speaking_port(b"", false));
    assert!(matches!(
        ask(&hangs_up),
        Err(questdb::Error::NoReply { .. })
    ));
    assert!(
        matches!(change(&hangs_up), Err(questdb::Error::Unknown { .. })),
        "it was sent"
    );

    let cut = questdb_at(speaking_port(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"query\":\"x\",\"co\r\n",
        false,
    ));
    let error = ask(&cut).expect_err("cut, and nothing else works there");
    assert!(matches!(error, questdb::Error::NoReply { .. }), "{error}");
    assert!(matches!(change(&cut), Err(questdb::Error::Unknown { .. })));

    let other = questdb_at(speaking_port(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
    ));
    assert!(matches!(ask(&other), Err(questdb::Error::Garbled { .. })));
    let moved = questdb_at(speaking_port(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        false,
    ));
    assert!(matches!(
        ask(&moved),
        Err(questdb::Error::Garbled { status: 302, .. })
    ));
}

#[test]
fn redis() {
    let cx = Cx::detached();
    let at = |port: u16| {
        redis::Server::new(&format!("127.0.0.1:{port}"), None, Some("x")).expect("an address")
    };
    let short = Duration::from_millis(300);

    let error = redis::ping(&cx, &at(closed_port()), short).expect_err("nobody");
    assert!(
        matches!(&error, redis::Error::Unreachable { why, .. } if why == "connection refused"),
        "{error}"
    );
    let silent = at(silent_port());
    let began = Instant::now();
    assert!(matches!(
        redis::ping(&cx, &silent, short),
        Err(redis::Error::Timeout { .. })
    ));
    assert!(began.elapsed() < PROMPT);
    let (answer, took) = stopped(Duration::from_millis(50), |cx| {
        redis::ping(cx, &silent, LONG)
    });
    assert!(
        matches!(answer, Err(redis::Error::Stopped(Stop::Interrupted))),
        "{answer:?}"
    );
    assert!(took < PROMPT, "{took:?}");
    let hangs_up = at(speaking_port(b"", false));
    let answer = redis::ping(&cx, &hangs_up, LONG);
    assert!(
        matches!(answer, Err(redis::Error::Closed { .. })),
        "{answer:?}"
    );
    let other = at(speaking_port(b"HTTP/1.1 400 Bad Request\r\n\r\n", false));
    let answer = redis::ping(&cx, &other, LONG);
    assert!(
        matches!(answer, Err(redis::Error::Failed { .. })),
        "{answer:?}"
    );
}

#[test]
fn postgres() {
    let cx = Cx::detached();
    let at = |port: u16| {
        let url = format!("postgres://ops:x@127.0.0.1:{port}/db");
        postgres::Server::new(&url, postgres::Login::default()).expect("an address")
    };
    let short = postgres::Limits {
        time: Duration::from_millis(300),
        ..postgres::Limits::default()
    };
    let error = postgres::ping(&cx, &at(closed_port()), short).expect_err("nobody");
    assert!(
        matches!(&error, postgres::Error::Unreachable { why, .. } if why == "connection refused"),
        "{error}"
    );
    let silent = at(silent_port());
    let began = Instant::now();
    assert!(matches!(
        postgres::ping(&cx, &silent, short),
        Err(postgres::Error::Timeout { .. })
    ));
    assert!(began.elapsed() < PROMPT);
    let (answer, took) = stopped(Duration::from_millis(50), |cx| {
        postgres::ping(cx, &silent, postgres::Limits::default())
    });
    assert!(
        matches!(answer, Err(postgres::Error::Stopped(Stop::Interrupted))),
        "{answer:?}"
    );
    assert!(took < PROMPT, "{took:?}");
    let answer = postgres::ping(&cx, &at(speaking_port(b"", false)), short);
    assert!(
        matches!(answer, Err(postgres::Error::Closed { .. })),
        "{answer:?}"
    );
    let answer = postgres::ping(
        &cx,
        &at(speaking_port(b"HTTP/1.1 400 Bad Request\r\n\r\n", false)),
        short,
    );
    assert!(answer.is_err(), "{answer:?}");
}
