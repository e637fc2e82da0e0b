//! The binary at a terminal of its own.

#![expect(clippy::unwrap_used, reason = "a test")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of it, so an expectation would fail in some"
)]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Away from this user's settings, with its state below `folder`.
pub(crate) fn isolate(command: &mut Command, folder: &Path) {
    command
        .env("TRADEOPS_STATE", folder.join("state"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env_remove("TRADEOPS_PROFILE")
        .env_remove("TRADEOPS_OUTPUT")
        .env_remove("TRADEOPS_DEADLINE");
    // Those of the test stack: a workflow would work on it.
    for name in [
        "COMPOSE_PROJECT_NAME",
        "TRADEOPS_COMPOSE_FILE",
        "TRADEOPS_ENV_FILE",
        "TRADEOPS_SERVICES",
    ] {
        command.env_remove(name);
    }
}

/// The binary at a terminal of its own, which `script` (util-linux) makes.
pub(crate) struct Terminal {
    pub(crate) child: Child,
    said: Arc<Mutex<String>>,
    seen: usize,
}

impl Terminal {
    pub(crate) fn open(folder: &Path, shell: &str) -> Self {
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command", shell, "/dev/null"])
            .current_dir(folder)
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env("SHELL", "/bin/sh")
            .env("BIN", env!("CARGO_BIN_EXE_tradeops"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        isolate(&mut command, folder);
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (heard, mut stdout) = (said.clone(), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                heard
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self {
            child,
            said,
            seen: 0,
        }
    }

    pub(crate) fn keys(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Waits until `text` is said after what was waited for before, and gives all up to there.
    pub(crate) fn wait(&mut self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let said = self.said.lock().unwrap().clone();
            if let Some(at) = said[self.seen..].find(text) {
                let until = self.seen + at + text.len();
                let part = said[self.seen..until].to_owned();
                self.seen = until;
                return part;
            }
            assert!(
                Instant::now() < end,
                "no {text:?} in {:?}",
                &said[self.seen..]
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
