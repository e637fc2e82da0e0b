//! TLS: who is trusted, under which name, and what a failed handshake says.

use tradeops::http::{Error, Phase, Tls};

use crate::tls::TlsServer;
use crate::{get, post, send};

fn refused(error: &Error, part: &str) {
    assert!(
        matches!(
            error,
            Error::Unreachable {
                phase: Phase::Tls,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn only_who_is_trusted() {
    let server = TlsServer::start(&["localhost"], 2090);
    let mut request = get(server.url("localhost"));
    refused(&send(&request).unwrap_err(), "certificate is not accepted");
    request.tls.ca = server.ca();
    assert!(send(&request).unwrap().ok);
    request.tls = Tls {
        verify: false,
        ..Tls::default()
    };
    assert!(send(&request).unwrap().ok);
    // A change whose handshake fails was not sent.
    refused(
        &send(&post(server.url("localhost"))).unwrap_err(),
        "certificate is not accepted",
    );
}

#[test]
fn the_name_must_fit() {
    let server = TlsServer::start(&["api.internal"], 2090);
    let mut request = get(server.url("localhost"));
    request.tls.ca = server.ca();
    refused(&send(&request).unwrap_err(), "not valid for");
    request.tls.server_name = Some("api.internal".into());
    let response = send(&request).unwrap();
    let port = server.address.port();
    assert_eq!(
        response.body,
        format!("sni=api.internal host=localhost:{port}")
    );
    assert_eq!(response.url, server.url("localhost"));
    request.url = server.url("127.0.0.1");
    assert!(send(&request).unwrap().ok);
}

#[test]
fn expired() {
    let server = TlsServer::start(&["localhost"], 2021);
    let mut request = get(server.url("localhost"));
    request.tls.ca = server.ca();
    refused(&send(&request).unwrap_err(), "expired");
}

#[test]
fn what_does_not_speak_tls() {
    let chatty = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = chatty.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for mut socket in chatty.incoming().flatten() {
            let mut buffer = [0; 1024];
            let _ = socket.read(&mut buffer);
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let error = send(&get(format!("https://{address}/"))).unwrap_err();
    refused(&error, "does not speak TLS");
}

#[test]
fn a_ca_that_is_none() {
    let mut request = get("https://localhost:1/");
    for (text, part) in [("", "no certificate"), ("not pem", "no certificate")] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        request.tls.ca = Some(file.path().to_owned());
        let error = send(&request).unwrap_err();
        assert!(
            matches!(error, Error::Invalid(_)) && error.to_string().contains(part),
            "{error}"
        );
    }
    request.tls.ca = Some("/nonexistent/ca.pem".into());
    let error = send(&request).unwrap_err();
    assert!(
        error.to_string().contains("cannot be read: no such file"),
        "{error}"
    );
}
