//! Probes: each phase timed, and each place to end.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tradeops::http::{Error, Phase, Probe, Request, probe};
use tradeops::run::Cx;

use crate::server::{Server, pause};
use crate::tls::TlsServer;
use crate::{get, post, with_timeout};

fn knock(request: &Request) -> Probe {
    probe(&Cx::detached(), request).unwrap()
}

#[test]
fn phases_are_timed() {
    let server = Server::start(|asked| {
        pause(60);
        asked.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-security-policy: default-src\r\n\r\nab");
        pause(60);
        asked.send("cd");
        true
    });
    let probe = knock(&get(server.url("/x?y=1")));
    assert!(
        probe.ok && probe.phase == Phase::Done && probe.error.is_none(),
        "{probe:?}"
    );
    assert_eq!(
        (probe.status, probe.body.as_str(), probe.bytes),
        (Some(200), "abcd", 4)
    );
    assert!(
        probe.first_byte_ms.unwrap() >= 50.0 && probe.transfer_ms.unwrap() >= 50.0,
        "{probe:?}"
    );
    assert!(probe.dns_ms.is_some() && probe.connect_ms.is_some() && probe.tls_ms.is_none());
    assert!(probe.ms >= 110.0);
    assert_eq!(probe.address.unwrap(), server.address.to_string());
    assert_eq!(probe.headers["content-security-policy"], "default-src");
    assert_eq!(probe.http_version.unwrap(), "1.1");
    let head = &server.heads()[0];
    assert!(head.starts_with("GET /x?y=1 HTTP/1.1"), "{head}");
    assert!(
        head.contains(&format!("host: {}", server.address)),
        "{head}"
    );
}

#[test]
fn a_status_is_an_answer() {
    let server = Server::start(|asked| {
        let location = "location: /elsewhere\r\n";
        match asked.path() {
            "/401" => asked.answer("401 Who", "", ""),
            _ => asked.answer("302 Found", location, ""),
        }
        true
    });
    for (path, status) in [("/401", 401), ("/302", 302)] {
        let probe = knock(&get(server.url(path)));
        assert_eq!(
            (probe.ok, probe.phase, probe.status),
            (false, Phase::Done, Some(status))
        );
        assert!(probe.error.is_none() && probe.kind.is_none());
    }
    let mut head = get(server.url("/401"));
    head.method = "HEAD".into();
    assert_eq!(knock(&head).status, Some(401));
}

#[test]
fn each_way_to_end() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let probe = knock(&get(format!("http://{free}/")));
    assert_eq!(
        (probe.phase, probe.kind),
        (Phase::Connect, Some("unreachable"))
    );
    assert!(probe.error.unwrap().contains("connection refused"));
    assert_eq!(probe.address.unwrap(), free.to_string());

    let probe = knock(&get("http://no-such-host.invalid/"));
    assert_eq!(probe.phase, Phase::Dns);
    assert!(probe.kind.is_some() && probe.error.is_some() && probe.dns_ms.is_none());

    for (text, then, phase, kind) in [
        ("", 0, Phase::Response, "failed"),
        ("", 6_000, Phase::Response, "timeout"),
        ("SSH-2.0\r\n", 0, Phase::Response, "failed"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab",
            0,
            Phase::Body,
            "failed",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab",
            6_000,
            Phase::Body,
            "timeout",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
            0,
            Phase::Body,
            "failed",
        ),
    ] {
        let server = Server::start(move |asked| {
            asked.send(text);
            pause(then);
            false
        });
        let began = Instant::now();
        let probe = knock(&with_timeout(get(server.url("/")), 1_000));
        assert_eq!(
            (probe.phase, probe.kind),
            (phase, Some(kind)),
            "{text:?}: {probe:?}"
        );
        assert!(!probe.ok && probe.error.is_some());
        assert!(began.elapsed() < Duration::from_secs(4));
        if phase == Phase::Body {
            assert_eq!(
                (probe.status, probe.body.as_str()),
                (Some(200), "ab"),
                "{probe:?}"
            );
        }
    }

    let server = Server::start(|asked| {
        asked.answer("200 OK", "", "0123456789");
        true
    });
    let mut request = get(server.url("/"));
    request.body_limit = 9;
    let probe = knock(&request);
    assert_eq!(
        (probe.ok, probe.phase, probe.kind),
        (false, Phase::Body, Some("failed"))
    );
}

#[test]
fn a_wrong_question_is_an_error() {
    let cx = Cx::detached();
    for url in ["localhost", "ftp://x/", "http://"] {
        assert!(
            matches!(probe(&cx, &get(url)), Err(Error::Invalid(_))),
            "{url}"
        );
    }
    assert!(matches!(
        probe(&cx, &post("http://localhost:1/")),
        Err(Error::Invalid(_))
    ));
    let mut denied = get("http://localhost:1/exec");
    denied.allow = std::sync::Arc::new(|_| Err("no".into()));
    assert!(matches!(probe(&cx, &denied), Err(Error::Denied { .. })));
}

#[test]
fn tls_tells_version_and_certificate() {
    let server = TlsServer::start(&["localhost"], 2090);
    let mut request = get(server.url("localhost"));
    request.tls.ca = server.ca();
    let probe = knock(&request);
    assert!(probe.ok, "{probe:?}");
    assert_eq!(probe.tls_version.unwrap(), "1.3");
    assert!(probe.tls_ms.unwrap() > 0.0);
    assert_eq!(
        probe.certificate_expires.unwrap().to_rfc3339(),
        "2090-01-02T00:00:00+00:00"
    );
    assert_eq!(
        probe.certificate_issuer.unwrap(),
        "CN=tradeops test authority"
    );
}

#[test]
fn a_certificate_that_is_not_accepted_still_tells_its_date() {
    let server = TlsServer::start(&["localhost"], 2021);
    let mut request = get(server.url("localhost"));
    request.tls.ca = server.ca();
    let probe = knock(&request);
    assert_eq!(
        (probe.ok, probe.phase, probe.kind),
        (false, Phase::Tls, Some("unreachable")),
        "{probe:?}"
    );
    assert!(probe.error.unwrap().contains("expired"));
    assert_eq!(
        probe.certificate_expires.unwrap().to_rfc3339(),
        "2021-01-02T00:00:00+00:00"
    );
}

#[test]
fn a_handshake_that_hangs_is_a_timeout_of_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept() {
            held.push(socket);
        }
    });
    let probe = knock(&with_timeout(get(format!("https://{address}/")), 800));
    assert_eq!(
        (probe.phase, probe.kind),
        (Phase::Tls, Some("timeout")),
        "{probe:?}"
    );
    let probe = knock(&with_timeout(get(format!("http://{address}/")), 800));
    assert_eq!(
        (probe.phase, probe.kind),
        (Phase::Response, Some("timeout")),
        "{probe:?}"
    );
}
