//! Why a program gave no result.

use std::io;
use std::path::PathBuf;

use super::Options;
use crate::run::Stop;

/// Why a program gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The branch was stopped; the program was ended and reaped.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// Nothing to run.
    #[error("the argument list names no program")]
    NoProgram,
    /// Something that no program can be given.
    #[error("cannot run `{program}`: {why}")]
    BadArgument {
        /// The program.
        program: String,
        /// What.
        why: &'static str,
    },
    /// No such program.
    #[error("there is no program `{program}`")]
    NotFound {
        /// The program.
        program: String,
        /// Whether it was named by a path; otherwise `PATH` was searched.
        by_path: bool,
    },
    /// The program is there and its interpreter is not.
    #[error("`{program}` is there, and the interpreter or loader that it names is not")]
    NoInterpreter {
        /// The program.
        program: String,
    },
    /// No such folder.
    #[error("cannot run `{program}` in `{}`: there is no such folder", cwd.display())]
    NoFolder {
        /// The program.
        program: String,
        /// The folder.
        cwd: PathBuf,
    },
    /// This user may not run it.
    #[error("not allowed to run `{program}`: {reason}")]
    NotAllowed {
        /// The program.
        program: String,
        /// In the system's words.
        reason: String,
    },
    /// It could not be started for another reason.
    #[error("cannot start `{program}`: {reason}")]
    NotStarted {
        /// The program.
        program: String,
        /// In the system's words.
        reason: String,
    },
    /// It ended badly, and the caller wanted to know that as an error.
    #[error(
        "`{program}` {}: {meaning}{}",
        code.map_or_else(|| "ended".to_owned(), |c| format!("ended with {c}")),
        last_line.as_ref().map(|l| format!("; it said: {l}")).unwrap_or_default()
    )]
    Ended {
        /// The program.
        program: String,
        /// Its code, unless a signal ended it.
        code: Option<i64>,
        /// What the code usually means.
        meaning: String,
        /// The last thing that it said.
        last_line: Option<String>,
    },
    /// Its time was over, and the caller wanted to know that as an error.
    #[error("`{program}` was ended after {ms}ms: its time was over")]
    TimedOut {
        /// The program.
        program: String,
        /// How long it ran.
        ms: i64,
    },
    /// The task that watched it died: it may still run.
    #[error("lost sight of `{program}`: it may still be running")]
    Lost {
        /// The program.
        program: String,
    },
}

impl Error {
    /// Why a program could not be started. The system's "no such file" may mean three things.
    pub(super) fn start(program: String, options: &Options, error: &io::Error) -> Self {
        let reason = error.to_string();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                if let Some(cwd) = options.cwd.clone().filter(|cwd| !cwd.is_dir()) {
                    return Self::NoFolder { program, cwd };
                }
                let by_path = program.contains('/');
                let path = options.cwd.clone().unwrap_or_default().join(&program);
                if by_path && path.is_file() {
                    return Self::NoInterpreter { program };
                }
                Self::NotFound { program, by_path }
            }
            io::ErrorKind::PermissionDenied => Self::NotAllowed { program, reason },
            _ => Self::NotStarted { program, reason },
        }
    }
}
