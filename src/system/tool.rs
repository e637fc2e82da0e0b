//! Asking a program of the system that prints its answer: whether it is installed, may be run, answered, and
//! what it said.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::process::{self, Options};
use crate::run::{Cx, Stop};

/// Long rule sets are megabytes.
const MOST: usize = 32 << 20;
const LIMIT: Duration = Duration::from_secs(5);

/// Where administrators' programs are, which an ordinary user's `PATH` may leave out.
const BESIDES: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// How something of the system stands. That it is not there, that it does nothing and that this user may
/// not look are different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It does its work.
    Running,
    /// It is installed, and does not.
    NotRunning,
    /// It is not there.
    NotInstalled,
    /// It is there, and this user may not ask it.
    NotPermitted,
    /// It is there, and did not give an answer that can be read.
    Unknown,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// There is no such program.
    Nothing,
    /// It could not be run, or did not end in time.
    Silent(String),
    /// Its exit code and all that it wrote.
    Answer {
        code: i64,
        stdout: String,
        stderr: String,
    },
}

/// Runs `program` with these arguments.
pub(super) fn ask(cx: &Cx, program: &str, arguments: &[&str]) -> Result<Said, Stop> {
    let Some(path) = find(program) else {
        return Ok(Said::Nothing);
    };
    let argv: Vec<String> = std::iter::once(path.display().to_string())
        .chain(arguments.iter().map(|a| (*a).to_owned()))
        .collect();
    let options = Options {
        timeout: Some(LIMIT),
        max_output: MOST,
        // What is read below are the words of the untranslated program.
        env: vec![("LC_ALL".into(), Some("C".into()))],
        ..Options::default()
    };
    match process::run(cx, &argv, &options) {
        Ok(answer) if answer.timed_out => Ok(Said::Silent(format!(
            "`{program}` did not answer within {} s",
            LIMIT.as_secs()
        ))),
        Ok(answer) if answer.truncated => {
            Ok(Said::Silent(format!("`{program}` says more than is read")))
        }
        Ok(answer) => Ok(Said::Answer {
            code: answer.exit_code.unwrap_or(-1),
            stdout: answer.stdout,
            stderr: answer.stderr,
        }),
        Err(process::Error::Stopped(stop)) => Err(stop),
        Err(process::Error::NotFound { .. }) => Ok(Said::Nothing),
        Err(error) => Ok(Said::Silent(error.to_string())),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    process::find(program).or_else(|| {
        BESIDES.iter().find_map(|folder| {
            process::find(&Path::new(folder).join(program).display().to_string())
        })
    })
}

/// Whether a program's words say that this user may not ask.
pub(super) fn forbidden(words: &str) -> bool {
    let words = words.to_lowercase();
    [
        "permission denied",
        "operation not permitted",
        "you need to be root",
        "must be root",
        "not authorized",
        "authorization failed",
    ]
    .iter()
    .any(|part| words.contains(part))
}

/// The first line that says something.
pub(super) fn first_line(words: &str) -> String {
    words
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned()
}
