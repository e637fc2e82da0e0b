//! Redirects: with which method, where to, and with whose credentials.

use std::sync::Arc;

use tradeops::http::Error;

use crate::server::{Asked, Server};
use crate::{get, post, send};

fn redirecting() -> Server {
    Server::start(|asked: &mut Asked<'_>| {
        let path = asked.path().to_owned();
        match path.as_str() {
            "/end" => asked.answer("200 OK", "", "the end"),
            "/loop" => asked.answer("302 Found", "location: /loop\r\n", ""),
            "/none" => asked.answer("302 Found", "", "no location"),
            "/ftp" => asked.answer("302 Found", "location: ftp://x/\r\n", ""),
            "/exec" => asked.answer("200 OK", "", "dropped"),
            "/evil" => asked.answer("302 Found", "location: /exec?query=drop\r\n", ""),
            "/see" => asked.answer("303 See Other", "location: /end\r\n", ""),
            "/same" => asked.answer("307 Temporary", "location: /end\r\n", ""),
            other => {
                let to = other.trim_start_matches("/to/");
                let line = format!("location: http://{to}/end\r\n");
                asked.answer("302 Found", &line, "");
            }
        }
        true
    })
}

#[test]
fn redirects() {
    let server = redirecting();
    let follow = |path: &str| {
        let mut request = get(server.url(path));
        request.redirects = 3;
        send(&request)
    };
    let response = follow("/see").unwrap();
    assert_eq!(
        (response.body.as_str(), response.url),
        ("the end", server.url("/end"))
    );
    assert_eq!(
        send(&get(server.url("/see"))).unwrap().status,
        303,
        "not followed unless asked for"
    );
    assert_eq!(follow("/none").unwrap().status, 302);
    for path in ["/loop", "/ftp"] {
        let error = follow(path).unwrap_err();
        assert!(matches!(error, Error::Redirect { .. }), "{path}: {error:?}");
    }
    assert!(
        follow("/loop")
            .unwrap_err()
            .to_string()
            .contains("more than 3")
    );

    let mut request = post(server.url("/see"));
    request.redirects = 1;
    request.body = Some("x".into());
    request.content_type = Some("text/plain".into());
    send(&request).unwrap();
    let last = server.heads().pop().unwrap();
    assert!(
        last.starts_with("GET /end") && !last.contains("content-type"),
        "{last}"
    );
    request.url = server.url("/same");
    send(&request).unwrap();
    let last = server.heads().pop().unwrap();
    assert!(
        last.starts_with("POST /end") && last.contains("content-length: 1"),
        "{last}"
    );
}

#[test]
fn every_hop_is_asked_about() {
    let server = redirecting();
    let mut request = get(server.url("/evil"));
    request.redirects = 3;
    request.allow = Arc::new(|hop| {
        if hop.url.path() == "/exec" {
            Err("it changes data".into())
        } else {
            Ok(())
        }
    });
    let error = send(&request).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    assert!(
        !error.to_string().contains("drop"),
        "the query is not shown: {error}"
    );
    assert_eq!(server.heads().len(), 1, "the denied hop was not made");

    request.url = server.url("/exec");
    assert!(matches!(send(&request), Err(Error::Denied { .. })));
    assert_eq!(server.heads().len(), 1);
}

#[test]
fn credentials_stay_with_the_first_host() {
    let (first, second) = (redirecting(), redirecting());
    for (to, want) in [(second.address, ""), (first.address, "Basic dTpw")] {
        let mut request = get(format!("http://u:p@{}/to/{to}", first.address));
        request.redirects = 1;
        request.headers = vec![
            ("Cookie".into(), "session=1".into()),
            ("X-Id".into(), "7".into()),
        ];
        assert_eq!(send(&request).unwrap().body, "the end");
        let server = if to == first.address { &first } else { &second };
        let head = server.heads().pop().unwrap();
        assert_eq!(
            crate::server::header(&head, "authorization"),
            want,
            "{head}"
        );
        assert_eq!(
            crate::server::header(&head, "cookie").is_empty(),
            want.is_empty()
        );
        assert_eq!(crate::server::header(&head, "x-id"), "7");
        assert_eq!(crate::server::header(&head, "host"), to.to_string());
    }
}
