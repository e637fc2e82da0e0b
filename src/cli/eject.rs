//! `tradeops eject NAME`: a shipped script or calendar as a file, to be changed.

use std::io::Write as _;

use super::exit::{Exit, told};
use super::place::Place;
use super::terminal;
use crate::script::shipped;

pub(super) fn eject(place: &Place, name: &str, std: bool, user: bool) -> anyhow::Result<Exit> {
    let calendar = name.strip_prefix("calendars/");
    let name = name.strip_suffix(".rhai").unwrap_or(name);
    let (found, table, folder) = if let Some(name) = calendar {
        let name = name.strip_suffix(".toml").unwrap_or(name);
        (
            (name, shipped::calendar(name)),
            shipped::CALENDARS,
            "calendars",
        )
    } else if let Some(name) = name.strip_prefix("checks/") {
        ((name, shipped::check_file(name)), shipped::CHECKS, "checks")
    } else if std || name.starts_with("std/") {
        let name = name.strip_prefix("std/").unwrap_or(name);
        ((name, shipped::module(name)), shipped::STDLIB, "std")
    } else {
        ((name, shipped::script(name)), shipped::SCRIPTS, "scripts")
    };
    let (name, found) = found;
    let shown = match folder {
        "scripts" => name.to_owned(),
        _ => format!("{folder}/{name}"),
    };
    let ending = if folder == "calendars" {
        "toml"
    } else {
        "rhai"
    };
    let Some(text) = found else {
        let names: Vec<_> = table.iter().map(|(n, _)| *n).collect();
        let hint = crate::api::closest(name, names.iter().copied()).map_or_else(
            || format!("there are {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let what = match folder {
            "checks" => "check file",
            "calendars" => "calendar",
            "std" => "stdlib module",
            _ => "workflow",
        };
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
    let file = folder.join(format!("{name}.{ending}"));
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
