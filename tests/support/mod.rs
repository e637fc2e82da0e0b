//! The binary in a world of its own: a home, a configuration, a state and a current folder that are made
//! for one test and removed with it, a cleared environment, a time limit.

#![expect(clippy::unwrap_used, reason = "a test")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of it, so an expectation would fail in some"
)]

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The binary under test.
pub(crate) const TRADEOPS: &str = env!("CARGO_BIN_EXE_tradeops");

/// Longer than anything here takes on a loaded machine; a test that needs it has hung.
const LIMIT: Duration = Duration::from_secs(600);

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !so() {
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A home, a configuration, a state and a project folder of its own.
pub(crate) struct World {
    root: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("tradeops-test-")
            .tempdir()
            .unwrap();
        for folder in ["home", "config/tradeops", "state", "work"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        Self { root }
    }

    /// The current folder of its runs.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// The user's configuration folder.
    pub(crate) fn config(&self) -> PathBuf {
        self.root.path().join("config/tradeops")
    }

    /// Where its runs keep audit and history.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// A path below the current folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.work().join(name)
    }

    /// Writes a file below the current folder, for its owner alone to change.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        write(&path, text);
        path
    }

    /// Writes a file below the user's configuration folder.
    pub(crate) fn user_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.config().join(name);
        write(&path, text);
        path
    }

    /// What a file below the current folder holds; `None` when there is none.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }

    /// The lines of the audit; none when there is no audit.
    pub(crate) fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.state().join("audit.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What its runs set out to change, by their audit: `docker.start docker/a`.
    pub(crate) fn changes(&self) -> Vec<String> {
        let intents = self.audit().into_iter();
        intents
            .filter(|line| line["event"] == "intent")
            .map(|line| {
                let text = |key: &str| line[key].as_str().unwrap().to_owned();
                format!("{} {}", text("op"), text("target"))
            })
            .collect()
    }

    /// A run of the binary with these arguments.
    pub(crate) fn tradeops<S: AsRef<str>>(&self, args: &[S]) -> Run {
        let mut run = Run {
            command: Command::new(TRADEOPS),
            stdin: Vec::new(),
        };
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        run.command
            .args(args.iter().map(AsRef::as_ref))
            .current_dir(self.work())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.root.path().join("home"))
            .env("XDG_CONFIG_HOME", self.root.path().join("config"))
            .env("TRADEOPS_STATE", self.state())
            .env("NO_COLOR", "1")
            .env("USER", "tester")
            .env("TZ", "UTC");
        run
    }

    /// Writes `text` as `script.rhai` and runs it.
    pub(crate) fn script(&self, text: &str, args: &[&str]) -> Done {
        self.file("script.rhai", text);
        let mut all = vec!["run", "script.rhai"];
        all.extend(args);
        self.tradeops(&all).done()
    }
}

fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

/// A run that has not begun.
pub(crate) struct Run {
    command: Command,
    stdin: Vec<u8>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Run {
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// With more words behind those that it has.
    #[must_use]
    pub(crate) fn and<S: AsRef<str>>(mut self, words: &[S]) -> Self {
        self.command.args(words.iter().map(AsRef::as_ref));
        self
    }

    #[must_use]
    pub(crate) fn cwd(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    #[must_use]
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.stdin = text.as_bytes().to_vec();
        self
    }

    /// Runs it to its end, or fails at the time limit.
    pub(crate) fn done(self) -> Done {
        self.start().end()
    }

    /// Starts it, and leaves it running.
    pub(crate) fn start(self) -> Running {
        self.start_with(Stdio::piped())
    }

    /// Starts it with its standard output in a file.
    pub(crate) fn start_into(self, file: &Path) -> Running {
        self.start_with(std::fs::File::create(file).unwrap().into())
    }

    fn start_with(mut self, stdout: Stdio) -> Running {
        use std::os::unix::process::CommandExt as _;
        // A process group of its own: a signal to it is a signal to nobody else.
        let mut child = self
            .command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = std::mem::take(&mut self.stdin);
        // Beside it: a program that writes before it has read all would wait for us.
        std::thread::spawn(move || stdin.write_all(&text));
        let (out, err) = (child.stdout.take(), child.stderr.take().unwrap());
        Running {
            out: out.map_or_else(|| mpsc::channel().1, collect),
            err: collect(err),
            child: Some(child),
            seen: String::new(),
            said: String::new(),
        }
    }
}

fn collect(mut from: impl std::io::Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if send.send(buffer[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    receive
}

/// A run that goes on. Killed when dropped.
pub(crate) struct Running {
    child: Option<Child>,
    out: mpsc::Receiver<Vec<u8>>,
    err: mpsc::Receiver<Vec<u8>>,
    seen: String,
    said: String,
}

/// Adds what comes to `seen` until `text` is in it; `false`: it did not come in time.
fn wait_for(from: &mpsc::Receiver<Vec<u8>>, seen: &mut String, text: &str) -> bool {
    let end = Instant::now() + LIMIT;
    while !seen.contains(text) {
        match from.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(bytes) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            Err(_) => return false,
        }
    }
    true
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits until `text` was written to standard output.
    pub(crate) fn until(&mut self, text: &str) {
        if !wait_for(&self.out, &mut self.seen, text) {
            let err: Vec<u8> = self.err.try_iter().flatten().collect();
            panic!(
                "no `{text}` in\n{}\n{}",
                self.seen,
                String::from_utf8_lossy(&err)
            );
        }
    }

    /// Waits until `text` was written to standard error.
    pub(crate) fn until_says(&mut self, text: &str) {
        assert!(
            wait_for(&self.err, &mut self.said, text),
            "no `{text}` in\n{}",
            self.said
        );
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; `took` counts from here.
    pub(crate) fn end(mut self) -> Done {
        let from = Instant::now();
        let child = self.child.as_mut().unwrap();
        let status: ExitStatus = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(
                from.elapsed() < LIMIT,
                "the run did not end within {LIMIT:?}"
            );
            std::thread::sleep(Duration::from_millis(1));
        };
        let took = from.elapsed();
        self.child = None;
        // What it left running may hold the pipes open: not waited for.
        let rest = |from: &mpsc::Receiver<Vec<u8>>| {
            let mut all = Vec::new();
            while let Ok(bytes) = from.recv_timeout(Duration::from_secs(2)) {
                all.extend(bytes);
            }
            String::from_utf8_lossy(&all).into_owned()
        };
        Done {
            // As a shell reports it.
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            out: format!("{}{}", self.seen, rest(&self.out)),
            err: format!("{}{}", self.said, rest(&self.err)),
            took,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Done {
    /// Checks the exit code, and shows everything when it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.out, self.err
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("no JSON ({e}): {}{}", self.out, self.err))
    }

    /// Checks that standard error has all of these.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.err.contains(text),
                "no `{text}` on stderr\n--- stdout\n{}\n--- stderr\n{}",
                self.out,
                self.err
            );
        }
        self
    }

    /// Checks that standard output has all of these.
    #[track_caller]
    pub(crate) fn shows(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.out.contains(text),
                "no `{text}` on stdout\n--- stdout\n{}\n--- stderr\n{}",
                self.out,
                self.err
            );
        }
        self
    }
}

/// The command lines of this machine's processes that have `text` in them.
pub(crate) fn processes_with(text: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap();
    all.flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}
