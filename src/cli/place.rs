//! Where a command runs: the current folder, the user's folders, the settings.

use std::path::PathBuf;
use std::sync::Arc;

use super::settings::Settings;
use super::{Form, Runtime, terminal};
use crate::gate::{Mode, Profile};
use crate::run::{NoProgress, SystemClock};
use crate::script::host::Request;
use crate::script::library::Library;

/// What every command starts from.
#[derive(Debug)]
pub(super) struct Place {
    pub cwd: PathBuf,
    pub user: Option<PathBuf>,
    pub state: PathBuf,
    pub settings: Settings,
    pub flags: Runtime,
}

impl Place {
    pub(super) fn here(flags: Runtime) -> anyhow::Result<Self> {
        use super::exit::{Exit, told};
        let cwd = std::env::current_dir().map_err(|error| {
            told(
                Exit::Io,
                format!("the current folder is gone: {error}"),
                None,
            )
        })?;
        let home = std::env::home_dir();
        let user = absolute("XDG_CONFIG_HOME")
            .or_else(|| home.as_ref().map(|h| h.join(".config")))
            .map(|folder| folder.join("tradeops"));
        let state = absolute("TRADEOPS_STATE")
            .or_else(|| absolute("XDG_STATE_HOME").map(|folder| folder.join("tradeops")))
            .or_else(|| home.map(|h| h.join(".local/state/tradeops")))
            .unwrap_or_else(|| cwd.join(".tradeops/state"));
        let settings = Settings::load(&cwd, user.as_deref())?;
        Ok(Self {
            cwd,
            user,
            state,
            settings,
            flags,
        })
    }

    pub(super) fn library(&self) -> Library {
        Library::new(self.cwd.clone(), self.user.clone())
    }

    /// A run as flags and settings have it. The flags may be others than the place's: those after a script's name.
    pub(super) fn request(
        &self,
        flags: &Runtime,
        arguments: Vec<String>,
        mode: Mode,
    ) -> anyhow::Result<Request> {
        let json = flags.output.or(self.settings.output) == Some(Form::Json);
        Ok(Request {
            library: self.library(),
            arguments,
            mode,
            deadline: flags.deadline.or(self.settings.deadline),
            profile: self.settings.profile(flags.profile.as_deref())?,
            state: self.state.clone(),
            settings: self.settings.scripts.clone(),
            output: terminal::output(json),
            clock: Arc::new(SystemClock),
            progress: Arc::new(NoProgress),
            env: |name| std::env::var(name).ok(),
        })
    }

    pub(super) fn json(&self) -> bool {
        self.flags.output.or(self.settings.output) == Some(Form::Json)
    }

    pub(super) fn profile(&self) -> anyhow::Result<Option<Profile>> {
        self.settings.profile(self.flags.profile.as_deref())
    }
}

fn absolute(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}
