//! What the tests share: the stack's address, unique names, servers of their own, sockets that misbehave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tradeops::run::{Cancel, Cx, Stop};

pub(crate) use crate::setting::setting as env;

/// A name that no other test has.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("tradeops_test_{what}_{}_{next}", std::process::id())
}

/// A server in a container of the test's own; removed when dropped.
pub(crate) struct Container {
    name: String,
    pub(crate) port: u16,
}

impl Container {
    /// Starts `image` with `port` published on the loopback.
    pub(crate) fn start(image: &str, port: u16, env: &[&str], command: &[&str]) -> Self {
        let name = unique("server").replace('_', "-");
        let mut run = Command::new("docker");
        run.args(["run", "-d", "--rm", "--label", "com.tradeops.test=stores"]);
        run.args(["--name", &name, "-p", &format!("127.0.0.1::{port}")]);
        for pair in env {
            run.args(["-e", pair]);
        }
        run.arg(image).args(command);
        let output = run.output().expect("`docker` runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut container = Self { name, port: 0 };
        container.port = container.published(port);
        container
    }

    /// What a shell inside writes.
    pub(crate) fn sh(&self, script: &str) -> String {
        self.docker(&["exec", &self.name, "sh", "-c", script])
    }

    /// A shell inside that goes on by itself.
    pub(crate) fn sh_apart(&self, script: &str) {
        self.docker(&["exec", "-d", &self.name, "sh", "-c", script]);
    }

    /// Stops and starts it; its port is another then.
    pub(crate) fn restart(&mut self, port: u16) {
        self.docker(&["restart", &self.name]);
        self.port = self.published(port);
    }

    fn published(&self, port: u16) -> u16 {
        let text = self.docker(&["port", &self.name, &port.to_string()]);
        text.trim()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("no port in `{text}`"))
    }

    fn docker(&self, words: &[&str]) -> String {
        let output = Command::new("docker").args(words).output();
        let output = output.expect("`docker` runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {words:?}: {said}", self.name);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "-f", &self.name])
            .output();
    }
}

/// Tries until it works, for half a minute.
pub(crate) fn eventually<T, E: std::fmt::Display>(mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(error) if Instant::now() > end => panic!("still: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

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

/// The bound within which everything must give way.
pub(crate) const PROMPT: Duration = Duration::from_millis(200);
