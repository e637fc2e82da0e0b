//! Servers of a test's own, in containers, and what starting them needs.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of it, so an expectation would fail in some"
)]

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

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
        Self::labelled(image, port, env, command, &[])
    }

    /// The same, with labels.
    pub(crate) fn labelled(
        image: &str,
        port: u16,
        env: &[&str],
        command: &[&str],
        labels: &[String],
    ) -> Self {
        let name = unique("server").replace('_', "-");
        let mut run = Command::new("docker");
        // Not removed by itself when it ends: some are killed and started again.
        run.args(["run", "-d", "--label", "com.tradeops.test=servers"]);
        run.args(["--name", &name, "-p", &format!("127.0.0.1::{port}")]);
        for pair in env {
            run.args(["-e", pair]);
        }
        for label in labels {
            run.args(["--label", label]);
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

    /// Kills it with -9.
    pub(crate) fn kill(&self) {
        self.docker(&["kill", &self.name]);
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
            .args(["rm", "-f", "-v", &self.name])
            .output();
    }
}

/// Tries until it works, for five minutes: a loaded machine starts a server slowly.
pub(crate) fn eventually<T, E: std::fmt::Display>(mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(error) if Instant::now() > end => panic!("still: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
