//! No engine, a mute one, one that hangs up, and being stopped in the middle.

use std::time::{Duration, Instant};

use tradeops::docker::{Engine, Error, Filter, Goal};
use tradeops::run::{Cancel, Cx, Stop};

use crate::docker_fixture::Fixture;
use crate::{SLEEP, cx, exec_options};

#[test]
fn no_engine_is_one_line() {
    let cx = cx();
    let nowhere = Engine::at("unix:///nonexistent")
        .containers(&cx, &Filter::default())
        .unwrap_err();
    assert_eq!(
        nowhere.to_string(),
        "no docker engine answers at `unix:///nonexistent`: no such socket"
    );
    assert!(nowhere.hint().unwrap().contains("DOCKER_HOST"));
    let refused = Engine::at("tcp://127.0.0.1:1")
        .stop(&cx, "a", Duration::ZERO)
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "no docker engine answers at `tcp://127.0.0.1:1`: connection refused"
    );
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let dead = Engine::at(&format!("unix://{}", socket.display()))
        .info(&cx)
        .unwrap_err();
    assert!(dead.to_string().ends_with(": connection refused"), "{dead}");
}

#[test]
fn an_engine_that_hangs_or_hangs_up() {
    // It takes the connection and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let engine = Engine::at(&format!("tcp://{}", silent.local_addr().unwrap()));
    let began = Instant::now();
    let error = engine.info(&cx()).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(8));
    let error = engine
        .info(&Cx::detached().within(Duration::from_millis(200)))
        .unwrap_err();
    assert_eq!(error, Error::Stopped(Stop::Deadline));

    // It answers the questions, takes the order and hangs up.
    let (address, orders) = half_engine();
    let engine = Engine::at(&format!("tcp://{address}"));
    let error = engine.stop(&cx(), "a", Duration::ZERO).unwrap_err();
    assert!(
        matches!(error, Error::Unknown { stop: None, .. }),
        "{error}"
    );
    assert_eq!(
        orders.recv().unwrap(),
        "POST /containers/0123456789abcdef/stop?t=0 HTTP/1.1"
    );
}

/// An engine that knows one running container `a` and closes the connection on every order.
fn half_engine() -> (std::net::SocketAddr, std::sync::mpsc::Receiver<String>) {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, orders) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|l| !l.unwrap().is_empty()) {}
            let body = if first.starts_with("GET /version") {
                r#"{"ApiVersion":"1.41"}"#
            } else if first.starts_with("GET ") {
                r#"{"Id":"0123456789abcdef","Name":"/a","State":{"Status":"running","Running":true}}"#
            } else {
                send.send(first).unwrap();
                continue;
            };
            let size = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n{body}"
            );
        }
    });
    (address, orders)
}

#[test]
fn waits_are_stopped_at_once() {
    let (fixture, engine) = (Fixture::new(), Engine::from_env());
    let guard = fixture.run("wait", SLEEP);
    engine.container(&cx(), &guard.name).unwrap();
    let cancel = Cancel::root();
    let branch = Cx::detached().with_cancel(cancel.clone());
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.stop(Stop::Interrupted);
        Instant::now()
    });
    let error = engine
        .wait_for(&branch, &guard.name, Goal::Exited, Duration::from_secs(60))
        .unwrap_err();
    let ended = Instant::now();
    assert_eq!(error, Error::Stopped(Stop::Interrupted));
    assert!(ended - stopper.join().unwrap() < Duration::from_secs(5));

    // A change that is stopped in the middle is not "stopped" but "unknown".
    let short = Cx::detached().within(Duration::from_secs(2));
    let error = engine
        .exec(
            &short,
            &guard.name,
            &["sleep".into(), "5".into()],
            &exec_options(),
        )
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unknown {
                stop: Some(Stop::Deadline),
                ..
            }
        ),
        "{error}"
    );
    // One that was stopped before is not sent at all.
    std::thread::sleep(Duration::from_millis(10));
    assert_eq!(
        engine.stop(&short, &guard.name, Duration::ZERO),
        Err(Error::Stopped(Stop::Deadline))
    );
    assert_eq!(
        engine.container(&cx(), &guard.name).unwrap().state,
        "running"
    );
}
