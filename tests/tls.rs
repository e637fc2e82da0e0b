//! `tls::certificate` against real servers: what is wrong with a certificate is told, not thrown, and what
//! is no certificate at all is told apart.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/tls_server.rs"]
mod tls_server;

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use tls_server::TlsServer;
use tradeops::run::Cx;
use tradeops::tls::{Error, Peer, Question, peer};

fn ask(address: &str, change: impl FnOnce(&mut Question)) -> Result<Peer, Error> {
    let mut question = Question {
        address: address.into(),
        server_name: None,
        ca: None,
        timeout: Duration::from_secs(5),
    };
    change(&mut question);
    peer(&Cx::detached(), &question)
}

fn days(from: i64, to: i64) -> (chrono::DateTime<Utc>, chrono::DateTime<Utc>) {
    let now = Utc::now();
    (now + TimeDelta::days(from), now + TimeDelta::days(to))
}

/// Asks a server whose certificate is so, trusting its authority if `trusted`.
fn seen(names: &[&str], range: (i64, i64), own: bool, trusted: bool) -> Peer {
    let server = TlsServer::start(names, days(range.0, range.1), own);
    let ca = trusted.then(|| server.ca().to_owned());
    ask(&server.address.to_string(), |q| {
        q.server_name = Some("api.example".into());
        q.ca = ca;
    })
    .unwrap()
}

#[test]
fn a_good_one() {
    let peer = seen(&["api.example", "*.other.example"], (-1, 30), false, true);
    assert!(peer.verified, "{peer:?}");
    assert_eq!((peer.error.as_deref(), peer.problems.len()), (None, 0));
    assert_eq!(peer.protocol.as_deref(), Some("1.3"));
    assert_eq!(peer.server_name, "api.example");
    assert_eq!(peer.ip, "127.0.0.1");
    let certificate = peer.certificate;
    assert_eq!(certificate.names, ["api.example", "*.other.example"]);
    assert!(certificate.subject.contains("CN=tradeops test server"));
    assert!(certificate.issuer.contains("CN=tradeops test authority"));
    let left = certificate.days_left.unwrap();
    assert!((28.9..=30.0).contains(&left), "{left}");
    assert_eq!(peer.chain.len(), 1);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    for (names, range, own, trusted, problems) in [
        (
            &["api.example"][..],
            (-30, -1),
            false,
            true,
            &["expired"][..],
        ),
        (
            &["api.example"],
            (-30, -1),
            false,
            false,
            &["expired", "unknown_issuer"],
        ),
        (&["api.example"], (2, 30), false, true, &["not_yet_valid"]),
        (&["db.example"], (-1, 30), false, true, &["wrong_name"]),
        (
            &["api.example"],
            (-1, 30),
            false,
            false,
            &["unknown_issuer"],
        ),
        (&["api.example"], (-1, 30), true, false, &["self_signed"]),
        (
            &["db.example"],
            (-30, -1),
            true,
            false,
            &["expired", "wrong_name", "self_signed"],
        ),
    ] {
        let peer = seen(names, range, own, trusted);
        assert!(!peer.verified);
        assert_eq!(peer.problems, problems, "{:?}", peer.error);
        assert!(peer.error.is_some());
        assert!(
            peer.protocol.is_some(),
            "the handshake went on: {:?}",
            peer.error
        );
        assert_eq!(peer.certificate.self_signed, own);
    }
}

#[test]
fn no_certificate_is_four_different_errors() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = ask(&free.to_string(), |_| ()).unwrap_err();
    assert!(matches!(refused, Error::Unreachable { .. }), "{refused}");
    assert!(refused.to_string().contains("connection refused"));

    let nameless = ask("no-such-host.invalid:443", |_| ()).unwrap_err();
    assert!(
        matches!(nameless, Error::Unreachable { .. } | Error::Timeout { .. }),
        "{nameless}"
    );

    // A server of something else: it talks first, or it hangs up.
    for greeting in [&b"220 ready\r\n"[..], b""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(greeting).unwrap();
        });
        let plain = ask(&address.to_string(), |_| ()).unwrap_err();
        server.join().unwrap();
        assert!(matches!(plain, Error::NotTls { .. }), "{plain}");
    }

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let late = ask(&address.to_string(), |q| {
        q.timeout = Duration::from_millis(200);
    })
    .unwrap_err();
    assert!(matches!(late, Error::Timeout { .. }), "{late}");
    assert!(
        late.to_string()
            .contains("the TLS handshake took longer than 200ms"),
        "{late}"
    );

    for wrong in ["example", "a b:443", "x:0"] {
        assert!(matches!(ask(wrong, |_| ()), Err(Error::Invalid(_))));
    }
}
