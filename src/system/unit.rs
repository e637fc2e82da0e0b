//! The state of a systemd unit, by `systemctl show`, which prints for programs and never fails for an
//! unknown unit.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::Error;
use crate::process::{self, Options};
use crate::run::Cx;

const LIMIT: Duration = Duration::from_secs(5);

/// A systemd unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// As asked.
    pub name: String,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading` or `not_found`.
    pub state: String,
    /// systemd's finer word: `running`, `dead`, `exited`.
    pub sub_state: String,
    /// Whether it is started at boot: `enabled`, `disabled`, `static`, ...; empty for an unknown unit.
    pub enabled: String,
    /// The main process, if it has one.
    pub pid: Option<i64>,
}

/// The state of a unit. No systemd, and not being allowed to ask, are errors: never a guess.
pub fn unit(cx: &Cx, name: &str) -> Result<Unit, Error> {
    if name.is_empty()
        || name.starts_with('-')
        || name.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err(Error::BadUnit(name.into()));
    }
    // The documented test of "systemd is the init here" (sd_booted).
    if !Path::new("/run/systemd/system").is_dir() {
        return Err(Error::NoSystemd(
            "`/run/systemd/system` is not there".into(),
        ));
    }
    let argv = ["systemctl", "show", "--no-pager", PROPERTIES, "--", name].map(String::from);
    let options = Options {
        timeout: Some(LIMIT),
        ..Options::default()
    };
    let answer = match process::run(cx, &argv, &options) {
        Ok(answer) => answer,
        Err(process::Error::Stopped(stop)) => return Err(stop.into()),
        Err(process::Error::NotFound { .. }) => {
            return Err(Error::NoSystemd("there is no `systemctl`".into()));
        }
        Err(error) => {
            return Err(Error::UnitFailed {
                unit: name.into(),
                reason: error.to_string(),
            });
        }
    };
    if answer.timed_out {
        return Err(Error::UnitTimeout(name.into(), LIMIT.as_secs()));
    }
    if answer.exit_code != Some(0) {
        return Err(refusal(name, answer.stderr.trim()));
    }
    read(name, &answer.stdout).ok_or_else(|| Error::UnitFailed {
        unit: name.into(),
        reason: "its answer is not in the known form".into(),
    })
}

const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,UnitFileState,MainPID";

fn refusal(name: &str, said: &str) -> Error {
    let said_lower = said.to_lowercase();
    if [
        "access denied",
        "permission denied",
        "not permitted",
        "authentication",
    ]
    .iter()
    .any(|words| said_lower.contains(words))
    {
        return Error::NotAllowed {
            what: format!("unit {name}"),
            reason: said.into(),
        };
    }
    if said_lower.contains("connect to bus") || said_lower.contains("not been booted with systemd")
    {
        return Error::NoSystemd(said.lines().next().unwrap_or_default().into());
    }
    Error::UnitFailed {
        unit: name.into(),
        reason: said.into(),
    }
}

fn read(name: &str, answer: &str) -> Option<Unit> {
    let value = |key: &str| {
        answer
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(str::to_owned)
    };
    let state = match value("LoadState")?.as_str() {
        "not-found" => "not_found".into(),
        _ => value("ActiveState")?,
    };
    Some(Unit {
        name: name.into(),
        state,
        sub_state: value("SubState").unwrap_or_default(),
        enabled: value("UnitFileState").unwrap_or_default(),
        pid: value("MainPID")
            .and_then(|p| p.parse().ok())
            .filter(|p| *p > 0),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let running = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=42\n";
        let unit = read("ssh", running).unwrap();
        assert_eq!((unit.state.as_str(), unit.pid), ("active", Some(42)));
        let gone =
            "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nMainPID=0\n";
        let unit = read("nope", gone).unwrap();
        assert_eq!((unit.state.as_str(), unit.pid), ("not_found", None));
        assert_eq!(read("x", "nonsense"), None);
    }

    #[test]
    fn refusals_are_told_apart() {
        let unbooted = "System has not been booted with systemd as init system (PID 1). Can't operate.\n\
                        Failed to connect to bus";
        for (said, expected) in [
            (
                "Failed to get properties: Access denied",
                "not allowed to look at `unit x`: Failed to get properties: Access denied",
            ),
            (
                unbooted,
                "systemd does not run here: System has not been booted with systemd as init system \
                 (PID 1). Can't operate.",
            ),
            ("Oops", "`systemctl show` failed for `x`: Oops"),
        ] {
            assert_eq!(refusal("x", said).to_string(), expected);
        }
    }

    #[test]
    fn names_that_are_options_or_blank_are_refused() {
        let cx = Cx::detached();
        for name in ["", "--all", "a b"] {
            assert!(matches!(unit(&cx, name), Err(Error::BadUnit(_))), "{name}");
        }
    }
}
