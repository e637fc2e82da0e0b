//! The small stack as these tests hold it: who may disturb it, how it is disturbed, how health is asked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A variable that `make test` sets.
pub(crate) fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("`{name}` is not set: run these tests with `make test`, which brings the small stack up and sets it")
    })
}

/// The name of a container of the stack.
pub(crate) fn container(service: &str) -> String {
    format!("{}trading-{service}", env("TRADEOPS_PREFIX"))
}

/// `docker` with these words, which must succeed.
pub(crate) fn docker(words: &[&str]) -> String {
    let output = Command::new("docker").args(words).output();
    let output = output.unwrap_or_else(|error| panic!("`docker` does not start: {error}"));
    assert!(
        output.status.success(),
        "docker {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The body of a GET to a port of this machine.
pub(crate) fn fetch(port: u16, path: &str) -> Result<String, std::io::Error> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    let mut buffer = [0; 8192];
    // QuestDB keeps the connection open, whatever it is asked: its last chunk is the end.
    while !answer.ends_with("0\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => break,
            read => answer.push_str(&String::from_utf8_lossy(&buffer[..read])),
        }
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(body.to_owned())
}

/// Waits for something, for five minutes.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        match attempt() {
            Ok(found) => return found,
            Err(why) => {
                println!("{what}, not yet: {why}");
                assert!(Instant::now() < end, "{what}: {why}");
            }
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// While it is held, no other test disturbs the machine.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The binary with these words, away from this checkout's scripts and this user's settings: all it knows is in `folder`.
pub(crate) fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradeops"));
    command
        .args(words)
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("TRADEOPS_STATE", folder.join("state"))
        .env("NO_COLOR", "1");
    command
}

/// The stack, for one test alone; put back when it goes.
pub(crate) struct Stack {
    pub(crate) folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Stack {
    /// The stack with nothing wrong in it.
    pub(crate) fn healthy() -> Self {
        let stack = Self::alone();
        stack.put_back();
        stack.wait_until_healthy();
        stack
    }

    /// The stack as it is, for what does not depend on its health.
    pub(crate) fn alone() -> Self {
        let alone = alone();
        let folder = tempfile::tempdir().expect("a folder");
        // What the script reads must be there before anything is disturbed, or it would look at another stack.
        for name in [
            "COMPOSE_PROJECT_NAME",
            "TRADEOPS_SERVICES",
            "TRADEOPS_ENV_FILE",
            "TRADEOPS_PREFIX",
            "API_CONTROL_PORT",
            "ML_CONTROL_PORT",
        ] {
            env(name);
        }
        Self {
            folder,
            _alone: alone,
        }
    }

    pub(crate) fn wait_until_healthy(&self) {
        eventually("the stack does not get healthy", || {
            let asked = self.health(&[]);
            match asked.code {
                0 => Ok(()),
                code => Err(format!("exit {code}: {:#}", asked.report["root_causes"])),
            }
        });
    }

    fn put_back(&self) {
        for service in ["redis", "api", "ml"] {
            let name = container(service);
            let words = ["container", "inspect", "-f", "{{.State.Paused}}", &name];
            if docker(&words) == "true" {
                docker(&["unpause", &name]);
            }
            docker(&["start", &name]);
            if docker(&["container", "inspect", "-f", "{{.RestartCount}}", &name]) != "0" {
                // It was told to crash again and again; a start by hand sets the count of restarts back.
                let note = self.folder.path().join("standin-crash");
                std::fs::write(&note, "").expect("a note");
                let to = format!("{name}:/standin-crash");
                docker(&["cp", &note.display().to_string(), &to]);
                docker(&["restart", "-t", "2", &name]);
            }
        }
        for service in ["api", "ml"] {
            eventually("a control port does not answer", || {
                fetch(control_port(service), "/reset").map_err(|e| e.to_string())
            });
        }
        self.feed();
    }

    /// New rows in QuestDB, as the ingestion would write them: the small stack has none.
    fn feed(&self) {
        let port = env("QUESTDB_PORT").parse().expect("a port");
        for (table, time) in [
            ("market_data", "timestamp"),
            ("options_data", "timestamp"),
            ("news_items", "ts"),
            ("social_signals", "ts"),
        ] {
            let statement = format!("/exec?query=INSERT%20INTO%20{table}({time})%20VALUES(now())");
            // A test may have stopped QuestDB; what it misses then, its health says.
            let _ = fetch(port, &statement);
        }
    }

    /// Tells a stand-in how to behave.
    pub(crate) fn tell(&self, service: &str, conduct: &str) -> Value {
        let body = fetch(control_port(service), conduct)
            .unwrap_or_else(|e| panic!("{service}{conduct}: {e}"));
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{service}{conduct}: {e} in {body}"))
    }

    /// A command of the binary.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        command(self.folder.path(), words)
    }

    /// `tradeops health -o json`. Error lines of earlier tests are let alone: only those of the last second count;
    /// nor is the load of a machine that tests others at the same time of interest.
    pub(crate) fn health(&self, words: &[&str]) -> Asked {
        let quiet = ["--since", "1s", "--skip", "machine.load"];
        self.ask("health", &[&quiet, words].concat())
    }

    pub(crate) fn ask(&self, script: &str, words: &[&str]) -> Asked {
        let began = Instant::now();
        let output = run(self.command(&["run", "-o", "json", script]).args(words));
        let wall = began.elapsed();
        let code = output.status.code().unwrap_or(-1);
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "no report ({error}), exit {code}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        });
        Asked { code, report, wall }
    }

    /// An overlay of the operator's, with a change in it.
    pub(crate) fn overlay(&self, name: &str, change: impl FnOnce(String) -> String) {
        let done = run(&mut self.command(&["eject", name]));
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
        let path = self.overlay_path(name);
        let text = std::fs::read_to_string(&path).expect("the overlay");
        let changed = change(text.clone());
        assert_ne!(text, changed, "the change changes nothing");
        std::fs::write(path, changed).expect("the overlay");
    }

    /// Without that overlay again.
    pub(crate) fn as_shipped(&self, name: &str) {
        std::fs::remove_file(self.overlay_path(name)).expect("the overlay");
    }

    pub(crate) fn overlay_path(&self, name: &str) -> PathBuf {
        let calendar = name.starts_with("calendars/");
        let ending = if calendar { "toml" } else { "rhai" };
        let file = format!(".tradeops/{name}.{ending}");
        self.folder.path().join(file)
    }

    /// A copy of the shipped script with a change in it.
    pub(crate) fn copy(&self, name: &str, change: impl FnOnce(String) -> String) -> String {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/health.rhai");
        let text = std::fs::read_to_string(shipped).expect("the shipped script");
        let changed = change(text.clone());
        assert_ne!(changed, text, "the change changes nothing");
        let path = self.folder.path().join(name);
        std::fs::write(&path, changed).expect("a copy");
        path.to_str().expect("text").to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return self.put_back();
        }
        // A second panic would hide the first: what can be put back is, and nothing is said.
        let redis = container("redis");
        for words in [["unpause", &redis], ["start", &redis]] {
            let _ = Command::new("docker").args(words).output();
        }
        for service in ["api", "ml"] {
            let _ = fetch(control_port(service), "/reset");
        }
    }
}

pub(crate) fn run(command: &mut Command) -> Output {
    command.output().expect("the binary runs")
}

pub(crate) fn control_port(service: &str) -> u16 {
    let name = format!("{}_CONTROL_PORT", service.to_uppercase().replace('-', "_"));
    env(&name).parse().expect("a port")
}

/// What health answered.
pub(crate) struct Asked {
    pub(crate) code: i32,
    pub(crate) report: Value,
    pub(crate) wall: Duration,
}

impl Asked {
    pub(crate) fn checks(&self) -> &[Value] {
        self.report["checks"].as_array().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn check(&self, id: &str) -> &Value {
        let found = self.checks().iter().find(|c| c["id"] == id);
        found.unwrap_or_else(|| panic!("no check `{id}` in {:#}", self.report))
    }

    pub(crate) fn causes(&self) -> Vec<&str> {
        let causes = self.report["root_causes"].as_array();
        let ids = causes.into_iter().flatten().map(|c| c["id"].as_str());
        ids.map(Option::unwrap_or_default).collect()
    }
}
