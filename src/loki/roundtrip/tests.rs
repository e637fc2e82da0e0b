#![expect(clippy::unwrap_used, reason = "a test")]
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use super::*;

/// A Loki that answers a push and the n-th query as told, each with a status and a body.
fn loki(push: (u16, &'static str), queries: &'static [(u16, &'static str)]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/prefix", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut asked, mut line) = (0, String::new());
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let length = head.lines().find_map(|l| {
                l.to_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            });
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let (status, text) = if head.starts_with("POST /prefix/loki/api/v1/push ") {
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                line = body["streams"][0]["values"][0][1].to_string();
                push
            } else {
                assert!(
                    head.starts_with("GET /prefix/loki/api/v1/query_range?query="),
                    "{head}"
                );
                asked += 1;
                queries[(asked - 1).min(queries.len() - 1)]
            };
            let text = text.replace("LINE", &line);
            let answer = format!(
                "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            );
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    Server::new(&url).unwrap()
}

const TAKEN: (u16, &str) = (204, "");
const NOTHING: (u16, &str) = (200, r#"{"data":{"result":[]}}"#);
const THERE: (u16, &str) = (200, r#"{"data":{"result":[{"values":[["1",LINE]]}]}}"#);
const ANOTHER: (u16, &str) = (200, r#"{"data":{"result":[{"values":[["1","another"]]}]}}"#);

fn trip(push: (u16, &'static str), queries: &'static [(u16, &'static str)]) -> Roundtrip {
    let patience = Patience {
        push: Duration::from_secs(5),
        wait: Duration::from_millis(400),
        late: Duration::from_millis(200),
    };
    roundtrip(&Cx::detached(), &loki(push, queries), patience).unwrap()
}

#[test]
fn the_ends_are_told_apart() {
    let ok = trip(TAKEN, &[THERE]);
    assert_eq!((ok.outcome, ok.queries), ("ok", 1));
    assert!(ok.delay_ms.unwrap() >= ok.push_ms);

    let late = trip(TAKEN, &[NOTHING, NOTHING, ANOTHER, NOTHING, THERE]);
    assert_eq!(late.outcome, "late");
    assert!(late.delay_ms.unwrap() >= 200.0, "{late:?}");

    let lost = trip(TAKEN, &[NOTHING, ANOTHER]);
    assert_eq!((lost.outcome, lost.delay_ms), ("lost", None));

    let rejected = trip((429, "Ingestion rate\nlimit exceeded"), &[THERE]);
    assert_eq!((rejected.outcome, rejected.status), ("rejected", Some(429)));
    assert_eq!(
        rejected.reason.as_deref(),
        Some("Ingestion rate limit exceeded")
    );
    assert_eq!(rejected.queries, 0);
}

#[test]
fn a_query_that_fails_says_nothing_of_the_line() {
    let broken = trip(TAKEN, &[(500, "context canceled")]);
    assert_eq!((broken.outcome, broken.status), ("unreadable", Some(500)));
    assert!(
        broken.queries > 1,
        "a server's trouble may pass: {broken:?}"
    );
    let forbidden = trip(TAKEN, &[(403, "no")]);
    assert_eq!((forbidden.outcome, forbidden.queries), ("unreadable", 1));
    let page = trip(TAKEN, &[(200, "<html>")]);
    assert_eq!(page.outcome, "unreadable");
    let passing = trip(TAKEN, &[(502, ""), THERE]);
    assert_eq!(passing.outcome, "ok");
}

#[test]
fn not_to_be_let_in_is_an_error() {
    let patience = Patience {
        push: Duration::from_secs(5),
        wait: Duration::ZERO,
        late: Duration::ZERO,
    };
    let cx = Cx::detached();
    let server = loki((401, "no org id"), &[NOTHING]);
    let error = roundtrip(&cx, &server, patience).unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 401, .. }),
        "{error}"
    );
    let nobody = Server::new("http://127.0.0.1:1").unwrap();
    let error = roundtrip(&cx, &nobody, patience).unwrap_err();
    assert!(matches!(error, Error::Http(_)), "{error}");
}
