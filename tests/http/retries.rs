//! Asking again.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tradeops::http::{Error, Request, Retry};
use tradeops::run::Cx;

use crate::server::Server;
use crate::{get, post, send};

fn retrying(mut request: Request, retries: usize) -> Request {
    request.retry = Retry {
        retries,
        backoff: Duration::from_millis(10),
        ..Retry::default()
    };
    request
}

/// 503 with this `Retry-After` for the first `times` requests, then 200.
fn busy(times: usize, retry_after: impl Fn() -> String + Send + Sync + 'static) -> Server {
    Server::start(move |asked| {
        if asked.number <= times {
            let line = retry_after();
            let header = if line.is_empty() {
                line
            } else {
                format!("retry-after: {line}\r\n")
            };
            asked.answer("503 Busy", &header, "busy");
        } else {
            asked.answer("200 OK", "", "ok");
        }
        true
    })
}

#[test]
fn not_unless_asked_for() {
    let server = busy(1, String::new);
    let response = send(&get(server.url("/"))).unwrap();
    assert_eq!(
        (response.status, response.attempts, response.gave_up),
        (503, 1, None)
    );
}

#[test]
fn until_it_answers_or_the_attempts_are_used_up() {
    let server = busy(2, String::new);
    let response = send(&retrying(get(server.url("/")), 3)).unwrap();
    assert_eq!((response.status, response.attempts), (200, 3));
    let server = busy(9, String::new);
    let response = send(&retrying(get(server.url("/")), 2)).unwrap();
    assert_eq!(
        (response.status, response.attempts, response.gave_up),
        (503, 3, None)
    );
}

#[test]
fn seconds_are_waited() {
    let server = busy(1, || "1".into());
    let began = Instant::now();
    assert_eq!(
        send(&retrying(get(server.url("/")), 1)).unwrap().attempts,
        2
    );
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_date_is_waited_for() {
    let server = busy(1, || {
        httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(2))
    });
    let began = Instant::now();
    assert_eq!(
        send(&retrying(get(server.url("/")), 1)).unwrap().attempts,
        2
    );
    // The date has whole seconds, so up to one of the two is gone.
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn never_past_the_deadline_and_it_says_so() {
    let server = busy(9, || "30".into());
    let cx = Cx::detached().within(Duration::from_secs(10));
    let began = Instant::now();
    let response = tradeops::http::request(&cx, &retrying(get(server.url("/")), 5)).unwrap();
    assert!(began.elapsed() < Duration::from_secs(9));
    assert_eq!((response.status, response.attempts), (503, 1));
    let why = response.gave_up.unwrap();
    assert!(why.contains("in 30s") && why.contains("deadline"), "{why}");

    let mut request = retrying(get(server.url("/")), 5);
    request.retry.patience = Duration::from_secs(10);
    let why = send(&request).unwrap().gave_up.unwrap();
    assert!(why.contains("at most 10s"), "{why}");
}

#[test]
fn nothing_there_is_tried_again_and_counted() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = send(&retrying(get(format!("http://{free}/")), 2)).unwrap_err();
    assert!(error.to_string().ends_with("after 3 attempts"), "{error}");
    let Error::GaveUp { last, .. } = error else {
        panic!("{error:?}")
    };
    assert!(matches!(*last, Error::Unreachable { .. }));
    let error = send(&retrying(post(format!("http://{free}/")), 2)).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[test]
fn a_change_is_sent_once_unless_the_server_says_otherwise() {
    let drops = Server::start(|_| false);
    assert!(matches!(
        send(&retrying(post(drops.url("/")), 3)),
        Err(Error::Unknown(_))
    ));
    assert_eq!(drops.heads().len(), 1);
    let mut put = retrying(post(drops.url("/")), 2);
    put.method = "PUT".into();
    let Err(Error::GaveUp { last, .. }) = send(&put) else {
        panic!("it was tried again")
    };
    assert!(matches!(*last, Error::Unknown(_)));
    assert_eq!(drops.heads().len(), 4, "PUT means the same twice");

    let server = busy(1, String::new);
    assert_eq!(
        send(&retrying(post(server.url("/")), 3)).unwrap().status,
        503
    );
    let server = busy(1, || "0".into());
    let response = send(&retrying(post(server.url("/")), 3)).unwrap();
    assert_eq!((response.status, response.attempts), (200, 2));
}
