//! The docker domain and namespace on the real engine.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../support/docker_fixture.rs"]
mod docker_fixture;
mod endpoint;
#[path = "../support/engine.rs"]
mod engine;
mod life;
mod logs;
mod reading;
mod script;
mod second;
mod ssh;
mod sshd;
#[path = "../support/mod.rs"]
mod support;
mod trouble;

use std::time::Duration;

use tradeops::docker::{ExecOptions, LogBounds};
use tradeops::run::Cx;

const SLEEP: &[&str] = &["sleep", "600"];
const BOUNDS: LogBounds = LogBounds {
    lines: 10_000,
    bytes: 8 << 20,
};
const SECONDS_20: Duration = Duration::from_secs(20);

fn cx() -> Cx {
    Cx::detached().within(Duration::from_secs(60))
}

fn exec_options() -> ExecOptions {
    ExecOptions {
        user: None,
        workdir: None,
        env: Vec::new(),
        stdin: None,
        timeout: SECONDS_20,
        max_bytes: 1 << 20,
    }
}

fn sh(line: &str) -> Vec<String> {
    ["sh", "-c", line].map(String::from).to_vec()
}
