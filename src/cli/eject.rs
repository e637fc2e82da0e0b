//! `tradeops eject NAME`: a shipped script or calendar as a file, to be changed.

use std::io::Write as _;

use super::exit::{Exit, told};
use super::place::Place;
use super::terminal;
use crate::script::shipped;

/// What is ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A workflow.
    Workflow,
    /// A module of the stdlib.
    Module,
    /// A calendar's data file.
    Calendar,
}

impl Kind {
    /// What it is called, the folder below `.tradeops`, the ending, the shipped files.
    fn files(self) -> (&'static str, &'static str, &'static str, shipped::Files) {
        match self {
            Self::Workflow => ("workflow", "scripts", ".rhai", shipped::SCRIPTS),
            Self::Module => ("stdlib module", "std", ".rhai", shipped::STDLIB),
            Self::Calendar => ("calendar", "calendars", ".toml", shipped::CALENDARS),
        }
    }
}

pub(super) fn eject(place: &Place, name: &str, kind: Kind, user: bool) -> anyhow::Result<Exit> {
    let (what, folder, ending, table) = kind.files();
    let name = match kind {
        Kind::Workflow => name,
        _ => name
            .strip_prefix(folder)
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(name),
    };
    let name = name.strip_suffix(ending).unwrap_or(name);
    let found = table
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, text)| *text);
    let shown = match kind {
        Kind::Workflow => name.to_owned(),
        _ => format!("{folder}/{name}"),
    };
    let Some(text) = found else {
        let names: Vec<_> = table.iter().map(|(n, _)| *n).collect();
        let hint = crate::api::closest(name, names.iter().copied()).map_or_else(
            || format!("there are {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(told(
            Exit::Usage,
            format!("there is no shipped {what} `{name}`"),
            Some(hint),
        ));
    };
    let root = match (user, &place.user) {
        (true, Some(folder)) => folder.clone(),
        (true, None) => return Err(told(Exit::Config, "there is no home folder", None)),
        (false, _) => place.cwd.join(".tradeops"),
    };
    let folder = root.join(folder);
    let file = folder.join(format!("{name}{ending}"));
    let cannot = |error: std::io::Error| {
        told(
            Exit::CannotCreate,
            format!("cannot write `{}`: {error}", file.display()),
            None,
        )
    };
    std::fs::create_dir_all(&folder).map_err(cannot)?;
    // Beside and renamed without replacing: a file that is there may hold someone's changes.
    let mut beside = tempfile::NamedTempFile::new_in(&folder).map_err(cannot)?;
    beside.write_all(text.as_bytes()).map_err(cannot)?;
    beside.as_file().sync_all().map_err(cannot)?;
    std::fs::set_permissions(
        beside.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .map_err(cannot)?;
    match beside.persist_noclobber(&file) {
        Ok(_) => {}
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(told(
                Exit::CannotCreate,
                format!("`{}` is there already", file.display()),
                Some(format!("`tradeops diff {shown}` shows how it differs")),
            ));
        }
        Err(error) => return Err(cannot(error.error)),
    }
    terminal::note(&format!(
        "`{}` now wins over the shipped one; `tradeops diff {shown}` shows changes",
        file.display()
    ));
    Ok(Exit::Ok)
}
