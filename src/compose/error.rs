//! Why Compose gave no result.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Touched;
use crate::run::Stop;
use crate::{docker, process};

/// A variable that the file requires and nobody sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unset {
    /// Its name.
    pub name: String,
    /// What the file says about that.
    pub message: Option<String>,
    /// `file:line` of each use.
    pub places: Vec<String>,
}

/// Why Compose gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The branch was stopped while something was asked.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// Compose is not installed.
    #[error("Docker Compose is not here: neither the plugin of `docker` nor `docker-compose`")]
    NoCompose,
    /// There is no compose file.
    #[error("there is no compose file in `{}` or above", folder.display())]
    NoFile {
        /// Where Compose looked.
        folder: PathBuf,
    },
    /// The file requires variables that are not set.
    #[error("{}", told(.0))]
    Unset(Vec<Unset>),
    /// The file has no such service.
    #[error("there is no service `{name}` in {place}")]
    NoService {
        /// The name.
        name: String,
        /// The file.
        place: String,
        /// A service that looks like it.
        similar: Option<String>,
    },
    /// The project has nothing of which it could be done: its file is gone.
    #[error("cannot {what}: of project `{project}` there are only containers, and no file")]
    NoMoreFile {
        /// What was wanted.
        what: String,
        /// The project.
        project: String,
    },
    /// Another's network or volume has to be there.
    #[error("the external {kind} `{name}` is not there")]
    NoExternal {
        /// `network` or `volume`.
        kind: &'static str,
        /// Its name in the engine.
        name: String,
    },
    /// The file is wrong.
    #[error("the compose file is wrong: {0}")]
    Invalid(String),
    /// It cannot be done in the present state.
    #[error("{what}: {message}{}", so_far(done))]
    Conflict {
        /// What was wanted.
        what: String,
        /// In the words of Compose or the engine.
        message: String,
        /// What had been done by then.
        done: Vec<Touched>,
    },
    /// No engine.
    #[error("{what}: {message}")]
    Unreachable {
        /// What was wanted.
        what: String,
        /// In the words of Compose.
        message: String,
    },
    /// It failed.
    #[error("{what}: {message}{}", so_far(done))]
    Failed {
        /// What was wanted.
        what: String,
        /// In the words of Compose or the engine.
        message: String,
        /// What had been done by then.
        done: Vec<Touched>,
    },
    /// It was ended midway.
    #[error("{what}: ended midway ({reason}){}", so_far(done))]
    Unknown {
        /// What was wanted.
        what: String,
        /// Why.
        reason: String,
        /// What had been done by then.
        done: Vec<Touched>,
        /// The stop, when that was the reason.
        stop: Option<Stop>,
    },
    /// The engine's answer.
    #[error(transparent)]
    Docker(#[from] docker::Error),
    /// Compose could not be run.
    #[error(transparent)]
    Process(process::Error),
}

impl Error {
    pub(super) fn failed(what: &str, message: &str) -> Self {
        Self::Failed {
            what: what.to_owned(),
            message: message.to_owned(),
            done: Vec::new(),
        }
    }

    /// What `docker compose config` complained of.
    pub(super) fn of_config(said: &str) -> Self {
        let line = said
            .lines()
            .rfind(|l| !l.trim().is_empty())
            .unwrap_or("Compose says nothing")
            .trim();
        Self::Invalid(line.to_owned())
    }

    /// What a changing command complained of.
    pub(super) fn of_change(what: &str, said: &[String], done: Vec<Touched>) -> Self {
        let message = said
            .iter()
            .rfind(|l| l.to_lowercase().contains("error") || l.contains("failed"))
            .or_else(|| said.last())
            .map_or("Compose says nothing", |l| l.trim())
            .trim_start_matches("Error response from daemon: ")
            .to_owned();
        let what = what.to_owned();
        let lower = message.to_lowercase();
        if lower.contains("cannot connect to the docker daemon")
            || lower.contains("permission denied while trying to connect")
        {
            return Self::Unreachable { what, message };
        }
        let in_the_way = [
            "already allocated",
            "address already in use",
            "is already in use by",
            "is unhealthy",
            "has active endpoints",
        ];
        if in_the_way.iter().any(|w| lower.contains(w)) {
            Self::Conflict {
                what,
                message,
                done,
            }
        } else {
            Self::Failed {
                what,
                message,
                done,
            }
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCompose => Some(
                "install the package `docker-compose-plugin` (Docker's) or `docker-compose` 2 (the distribution's)".into(),
            ),
            Self::NoFile { .. } => Some("name it, or go where it is; COMPOSE_FILE counts, too".into()),
            Self::Unset(_) => Some("set them in the environment or in the project's `.env`".into()),
            Self::NoService { similar: Some(name), .. } => Some(format!("`{name}` is one")),
            Self::NoExternal { kind, name } => Some(format!("make it: docker {kind} create {name}")),
            Self::NoMoreFile { .. } => Some("bring the compose file back, or remove what is left by hand".into()),
            Self::Docker(error) => error.hint(),
            _ => None,
        }
    }
}

impl From<process::Error> for Error {
    fn from(error: process::Error) -> Self {
        match error {
            process::Error::Stopped(stop) => Self::Stopped(stop),
            process::Error::NotFound { .. } => Self::NoCompose,
            other => Self::Process(other),
        }
    }
}

fn told(unset: &[Unset]) -> String {
    let mut text = match unset {
        [_] => "the compose file requires a variable that is not set:".to_owned(),
        _ => format!(
            "the compose file requires {} variables that are not set:",
            unset.len()
        ),
    };
    for one in unset {
        let places = match one.places.as_slice() {
            [first] => first.clone(),
            [first, rest @ ..] => format!("{first} and {} more places", rest.len()),
            [] => String::new(),
        };
        let message = one
            .message
            .as_ref()
            .map(|m| format!(": {m}"))
            .unwrap_or_default();
        let _ = write!(text, "\n  {} ({places}){message}", one.name);
    }
    text
}

fn so_far(done: &[Touched]) -> String {
    if done.is_empty() {
        return String::new();
    }
    let list: Vec<_> = done.iter().map(ToString::to_string).collect();
    format!("; by then it had {}", list.join(", "))
}
