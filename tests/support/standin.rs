//! A stand-in of the ingestion service of a test's own: a process beside the test, in front of a QuestDB that the test
//! names, told by its control port what goes wrong.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of it, so an expectation would fail in some"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use serde_json::Value;

/// The tables that the stack has, as the stack makes them.
pub(crate) const TABLES: &str = include_str!("../stack/seed/questdb-tables.sql");

/// The process; ended when dropped.
pub(crate) struct Standin {
    child: Child,
    pub(crate) port: u16,
    control: u16,
}

impl Standin {
    /// In front of the QuestDB at a port of this machine; its exports go into a folder.
    pub(crate) fn start(questdb: u16, folder: &Path) -> Self {
        Self::start_with(questdb, folder, &[])
    }

    /// The same with more variables, or others.
    pub(crate) fn start_with(questdb: u16, folder: &Path, more: &[(&str, &str)]) -> Self {
        static BUILT: Once = Once::new();
        // Another package's program: nothing else has it built before a test of this one runs.
        BUILT.call_once(|| {
            let built = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--package", "standin"])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status();
            assert!(built.is_ok_and(|status| status.success()), "it is built");
        });
        let beside = Path::new(env!("CARGO_BIN_EXE_tradeops")).with_file_name("standin");
        let mut child = Command::new(beside)
            .arg("data-ingestion")
            .env_clear()
            .env("STANDIN_ALONE", "true")
            .env("STANDIN_PORT", "0")
            .env("STANDIN_CONTROL_PORT", "0")
            .env("STANDIN_CRASH_NOTE", folder.join("no-crash"))
            .env("QUESTDB_HTTP_URL", format!("http://127.0.0.1:{questdb}"))
            .env("OPTIONS_COVERAGE_OUTPUT_DIR", folder)
            .env("ENABLE_OPTIONS_INGEST", "true")
            .env("ENABLE_QUESTDB_HIST_PERSIST", "true")
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("the stand-in: {error}"));
        let mut log = BufReader::new(child.stdout.take().expect("its log"));
        let mut line = String::new();
        let read = log.read_line(&mut line);
        read.unwrap_or_else(|error| panic!("its first line: {error}"));
        // The rest has to be read, or it stops at a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let started: Value = serde_json::from_str(&line).unwrap_or_default();
        let port = |name: &str| {
            let text = started[name].as_str().unwrap_or_default();
            let first = text.trim_matches(['[', ']']).split(',').next();
            first
                .and_then(|port| port.parse().ok())
                .unwrap_or_else(|| panic!("no {name} in {line}"))
        };
        Self {
            port: port("ports"),
            control: port("control_port"),
            child,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Says something to its control port: `/faults?rate429=1`.
    pub(crate) fn tell(&self, conduct: &str) -> Value {
        let (status, body) = request(self.control, "GET", conduct);
        assert_eq!(status, 200, "{conduct}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{conduct}: {error}: {body}"))
    }

    /// What was asked of its backfills since this was last called.
    pub(crate) fn asked(&self) -> Value {
        self.tell("/asked?clear=1")
    }

    /// Asks it as a client does.
    pub(crate) fn post(&self, path: &str) -> (u16, String) {
        request(self.port, "POST", path)
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request to a port of this machine, without a body: status and body of the answer.
pub(crate) fn request(port: u16, method: &str, path: &str) -> (u16, String) {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    let answer = ask().unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or(0), body.to_owned())
}
