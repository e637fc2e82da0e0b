//! The exit codes, and which error means which.

use std::process::{ExitCode, Termination};

/// How the process ends. The numbers are documented and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Healthy, or done.
    Ok,
    /// A workflow's own verdict: degraded (1), unhealthy (2), unknown (3).
    Verdict(u8),
    /// Bad flag or argument.
    Usage,
    /// The script does not pass its check.
    Invalid,
    /// Something needed is unreachable.
    Unreachable,
    /// Uncaught error in a script.
    Uncaught,
    /// An output could not be created.
    CannotCreate,
    /// An output could not be written.
    Io,
    /// Try again: a lock is held.
    Held,
    /// Not permitted: a capability is missing, or a destruction was not confirmed.
    Denied,
    /// Bad configuration.
    Config,
    /// The deadline passed.
    Deadline,
    /// Interrupted.
    Interrupted,
    /// Terminated.
    Terminated,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Verdict(code) => code,
            Self::Usage => 64,
            Self::Invalid => 65,
            Self::Unreachable => 69,
            Self::Uncaught => 70,
            Self::CannotCreate => 73,
            Self::Io => 74,
            Self::Held => 75,
            Self::Denied => 77,
            Self::Config => 78,
            Self::Deadline => 124,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// An error with its exit code and hint, for `cli` code to return.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Told {
    pub exit: Exit,
    pub message: String,
    pub hint: Option<String>,
}

/// An error that ends the command.
pub(super) fn told(exit: Exit, message: impl Into<String>, hint: Option<String>) -> anyhow::Error {
    Told {
        exit,
        message: message.into(),
        hint,
    }
    .into()
}

/// The exit code of an error.
pub(super) fn of(error: &anyhow::Error) -> Exit {
    if let Some(told) = error.downcast_ref::<Told>() {
        return told.exit;
    }
    if error.downcast_ref::<std::io::Error>().is_some() {
        return Exit::Io;
    }
    Exit::Uncaught
}
