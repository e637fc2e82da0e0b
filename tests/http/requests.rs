//! One attempt: bodies, charsets, limits, and each way to break off.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tradeops::http::{Auth, Error, Phase};
use tradeops::run::{Cx, Stop};

use crate::server::{Server, pause};
use crate::{get, post, send, with_timeout};

fn answering(status: &'static str, headers: &'static str, body: &'static str) -> Server {
    Server::start(move |asked| {
        asked.answer(status, headers, body);
        true
    })
}

#[test]
fn any_status_is_a_response() {
    for (status, code, ok) in [
        ("200 OK", 200, true),
        ("404 No", 404, false),
        ("500 Oh", 500, false),
    ] {
        let server = answering(
            status,
            "X-A: 1\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n",
            "text",
        );
        let response = send(&get(server.url("/x"))).unwrap();
        assert_eq!((response.status, response.ok), (code, ok));
        assert_eq!((response.body.as_str(), response.bytes), ("text", 4));
        assert_eq!(response.headers["x-a"], "1");
        assert_eq!(response.headers["set-cookie"], "a=1, b=2");
        assert_eq!(response.header_values("Set-Cookie"), ["a=1", "b=2"]);
        assert_eq!(
            (response.http_version.as_str(), response.attempts),
            ("1.1", 1)
        );
        assert_eq!(response.url, server.url("/x"));
        assert!(response.ms > 0.0);
    }
}

#[test]
fn what_is_sent() {
    let server = Server::start(|asked| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        asked.answer("200 OK", "", &body);
        true
    });
    let mut request = post(server.url("/in?a=1"));
    request.query = vec![("q".into(), "x y".into())];
    request.headers = vec![("X-Token".into(), "t".into())];
    request.auth = Some(Auth::Bearer("abc".into()));
    request.body = Some("{\"a\":1}".into());
    request.content_type = Some("application/json".into());
    assert_eq!(send(&request).unwrap().body, "{\"a\":1}");
    let head = &server.heads()[0];
    assert!(
        head.starts_with("POST /in?a=1&q=x+y HTTP/1.1\r\n"),
        "{head}"
    );
    for line in [
        "x-token: t",
        "authorization: Bearer abc",
        "content-type: application/json",
        "content-length: 7",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(head.contains("user-agent: tradeops/"), "{head}");
}

#[test]
fn charsets_and_bytes() {
    let server = Server::start(|asked| {
        asked.send_bytes(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=latin1\r\ncontent-length: 4\r\n\r\ngr\xfcn");
        true
    });
    let response = send(&get(server.url("/"))).unwrap();
    assert_eq!(
        (response.body.as_str(), response.bytes, response.exact),
        ("grün", 4, true)
    );

    let server = Server::start(|asked| {
        asked.send_bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na\xffb");
        true
    });
    let response = send(&get(server.url("/"))).unwrap();
    assert_eq!(
        (response.body.as_str(), response.bytes, response.exact),
        ("a\u{fffd}b", 3, false)
    );
    assert_eq!(&response.raw[..], b"a\xffb");
}

#[test]
fn gzip_is_unpacked_and_its_size_limited() {
    let packed = gzip(b"hello, gzip ", 4);
    let server = Server::start(move |asked| {
        assert!(asked.header("accept-encoding").contains("gzip"));
        let body = match asked.path() {
            "/ok" => packed.clone(),
            "/cut" => packed[..packed.len() - 10].to_vec(),
            _ => b"this is no gzip stream at all".to_vec(),
        };
        asked.send(&format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            body.len()
        ));
        asked.send_bytes(&body);
        true
    });
    let response = send(&get(server.url("/ok"))).unwrap();
    assert_eq!(
        (response.body, response.bytes),
        ("hello, gzip ".repeat(4), 48)
    );
    let mut small = get(server.url("/ok"));
    small.body_limit = 47;
    assert!(matches!(
        send(&small),
        Err(Error::TooLarge {
            status: 200,
            limit: 47,
            ..
        })
    ));
    for path in ["/cut", "/broken"] {
        let error = send(&get(server.url(path))).unwrap_err();
        assert!(
            matches!(error, Error::Cut { status: 200, .. }),
            "{path}: {error}"
        );
    }
}

/// A gzip stream of one stored block: no compressor needed.
fn gzip(text: &[u8], times: usize) -> Vec<u8> {
    let plain = text.repeat(times);
    let length = u16::try_from(plain.len()).unwrap();
    let mut packed = vec![31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(&plain);
    let mut crc = !0_u32;
    for byte in &plain {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    packed.extend((!crc).to_le_bytes());
    packed.extend(u32::from(length).to_le_bytes());
    packed
}

#[test]
fn a_cut_body_is_no_body() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let server = Server::start(move |asked| {
            asked.send(text);
            false
        });
        let error = send(&get(server.url("/secret?token=geheim"))).unwrap_err();
        assert!(
            matches!(error, Error::Cut { status: 200, .. }),
            "{text:?}: {error}"
        );
        assert!(
            error.to_string().contains("was cut after") && !error.to_string().contains("geheim")
        );
        // Of a change nobody knows then what became of it.
        let error = send(&post(server.url("/"))).unwrap_err();
        assert!(matches!(error, Error::Unknown(_)), "{text:?}: {error}");
    }
}

#[test]
fn no_response_and_no_http() {
    for (text, part) in [
        ("", "closed without a response"),
        ("HTTP/1.1 200 OK\r\nconte", "closed without a response"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        ("-ERR unknown command\r\n", "not HTTP"),
    ] {
        let server = Server::start(move |asked| {
            asked.send(text);
            false
        });
        let error = send(&get(server.url("/"))).unwrap_err();
        assert!(
            matches!(error, Error::Dropped { .. }),
            "{text:?}: {error:?}"
        );
        assert!(error.to_string().contains(part), "{text:?}: {error}");
        let error = send(&post(server.url("/"))).unwrap_err();
        assert!(matches!(error, Error::Unknown(_)), "{text:?}: {error}");
    }
}

#[test]
fn nothing_there() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for request in [
        get(format!("http://{free}/")),
        post(format!("http://{free}/")),
    ] {
        let error = send(&request).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Unreachable {
                    phase: Phase::Connect,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.to_string().contains("connection refused"), "{error}");
    }
    let error = send(&get("http://no-such-host.invalid/")).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unreachable {
                phase: Phase::Dns,
                ..
            } | Error::Timeout {
                phase: Phase::Dns,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn time_runs_out_where_the_message_says() {
    let server = Server::start(|asked| {
        match asked.path() {
            "/head" => pause(6_000),
            "/body" => {
                asked.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12");
                pause(6_000);
            }
            _ => {
                // Never still for long, and never done.
                asked.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
                for _ in 0..200 {
                    asked.send("x");
                    pause(30);
                }
            }
        }
        false
    });
    for (path, phase) in [
        ("/head", Phase::Response),
        ("/body", Phase::Body),
        ("/drip", Phase::Body),
    ] {
        let began = Instant::now();
        let error = send(&with_timeout(get(server.url(path)), 800)).unwrap_err();
        let Error::Timeout {
            phase: at, status, ..
        } = &error
        else {
            panic!("{path}: {error:?}")
        };
        assert_eq!(
            (*at, status.is_some()),
            (phase, phase == Phase::Body),
            "{path}"
        );
        assert!(began.elapsed() < Duration::from_secs(5), "{path}");
        let error = send(&with_timeout(post(server.url(path)), 800)).unwrap_err();
        assert!(matches!(error, Error::Unknown(_)), "{path}: {error:?}");
    }
}

#[test]
fn a_connection_that_is_not_made_was_not_used() {
    // Nobody accepts, and the queue is full: the kernel drops what comes.
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    rustix::net::bind(&socket, &std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let held: Vec<_> = (0..4)
        .filter_map(|_| {
            std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok()
        })
        .collect();
    let url = format!("http://{address}/");
    for mut request in [get(&url), post(&url)] {
        request.connect_timeout = Duration::from_millis(150);
        let error = send(&request).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Timeout {
                    phase: Phase::Connect,
                    ..
                }
            ),
            "{error:?}"
        );
        request.connect_timeout = Duration::from_secs(5);
        let error = send(&with_timeout(request, 150)).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Timeout {
                    phase: Phase::Connect,
                    ..
                }
            ),
            "{error:?}"
        );
    }
    drop(held);
}

#[test]
fn a_server_that_hangs_after_accept_is_a_timeout_of_the_response() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept() {
            held.push(socket);
        }
    });
    let error = send(&with_timeout(get(format!("http://{address}/")), 800)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Timeout {
                phase: Phase::Response,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("800ms (waiting for the response)"),
        "{error}"
    );
}

#[test]
fn a_stopped_branch_stops_waiting() {
    let server = Server::start(|_| {
        pause(5_000);
        false
    });
    let cx = Cx::detached().within(Duration::from_millis(100));
    let began = Instant::now();
    let error = tradeops::http::request(&cx, &get(server.url("/"))).unwrap_err();
    assert!(matches!(error, Error::Stopped(Stop::Deadline)), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[test]
fn bodies_over_the_limit() {
    let server = Server::start(|asked| {
        match asked.path() {
            "/told" => asked.send("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"),
            "/endless" => {
                asked.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
                let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
                for _ in 0..100 {
                    asked.send(&chunk);
                }
            }
            _ => asked.answer("200 OK", "", "1234567890"),
        }
        false
    });
    for path in ["/told", "/endless"] {
        let mut request = get(server.url(path));
        request.body_limit = 100_000;
        let error = send(&request).unwrap_err();
        assert!(
            matches!(error, Error::TooLarge { limit: 100_000, .. }),
            "{path}: {error:?}"
        );
    }
    let mut request = get(server.url("/exact"));
    request.body_limit = 10;
    assert_eq!(send(&request).unwrap().bytes, 10);
}

#[test]
fn head_has_no_body_whatever_its_length_says() {
    let server = Server::start(|asked| {
        asked.send("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n");
        true
    });
    let mut request = get(server.url("/"));
    request.method = "HEAD".into();
    let response = send(&request).unwrap();
    assert_eq!((response.status, response.bytes), (200, 0));
}

#[test]
fn reads_share_connections_and_survive_stale_ones() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for mut socket in listener.incoming().flatten() {
            CONNECTIONS.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                // Two answers, and then the third request gets the door.
                for _ in 0..2 {
                    let mut buffer = [0; 4096];
                    if socket.read(&mut buffer).unwrap_or(0) == 0 {
                        return;
                    }
                    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                }
                let mut buffer = [0; 4096];
                let _ = socket.read(&mut buffer);
            });
        }
    });
    for n in 0..4 {
        let response = send(&get(format!("http://{address}/{n}"))).unwrap();
        assert_eq!((response.body.as_str(), response.attempts), ("ok", 1));
        // The connection goes back to the pool after the body's end, on another thread.
        pause(20);
    }
    assert_eq!(CONNECTIONS.load(Ordering::SeqCst), 2);
}
