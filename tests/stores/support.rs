//! What the tests share: the stack's address, unique names, servers of their own, sockets that misbehave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tradeops::run::{Cancel, Cx, Stop};

pub(crate) use crate::server::{Container, env, eventually, unique};

/// A port where nobody listens.
pub(crate) fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A port that accepts, reads, says `reply` and then, unless it is to hang, closes.
pub(crate) fn speaking_port(reply: &'static [u8], hang: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let mut open: Vec<TcpStream> = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(reply);
            if hang {
                open.push(stream);
            }
        }
    });
    port
}

/// A port that accepts and never says a word.
pub(crate) fn silent_port() -> u16 {
    speaking_port(b"", true)
}

/// Runs `work` and stops it after `wait`; how long it took to come back from then on.
pub(crate) fn stopped<T: Send>(
    wait: Duration,
    work: impl FnOnce(&Cx) -> T + Send,
) -> (T, Duration) {
    let cancel = Cancel::root();
    let cx = Cx::detached().with_cancel(cancel.clone());
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| (work(&cx), Instant::now()));
        std::thread::sleep(wait);
        let began = Instant::now();
        cancel.stop(Stop::Interrupted);
        let (answer, ended) = worker.join().expect("no panic");
        (answer, ended.saturating_duration_since(began))
    })
}

/// What gave way because it was told to did so within this; by themselves they would go on for longer.
pub(crate) const PROMPT: Duration = Duration::from_secs(3);
