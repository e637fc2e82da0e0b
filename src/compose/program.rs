//! Where Compose is: a plugin of the docker command, or a program of its own.

use std::path::{Path, PathBuf};

use super::Error;
use crate::process;

const PLUGIN: &str = "docker-compose";
/// Where the docker command looks for plugins beside the user's own folder.
const FOLDERS: &[&str] = &[
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// The start of every command line: `docker compose`, else `docker-compose`.
pub(super) fn find() -> Result<Vec<String>, Error> {
    if process::find("docker").is_some() && plugin().is_some() {
        return Ok(vec!["docker".into(), "compose".into()]);
    }
    match process::find(PLUGIN) {
        Some(_) => Ok(vec![PLUGIN.into()]),
        None => Err(Error::NoCompose),
    }
}

fn plugin() -> Option<PathBuf> {
    let own = match std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(PathBuf::from(folder)),
        None => std::env::home_dir().map(|home| home.join(".docker")),
    };
    own.map(|folder| folder.join("cli-plugins"))
        .into_iter()
        .chain(FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(PLUGIN))
        .find(|file| runs(file))
}

fn runs(file: &Path) -> bool {
    file.to_str()
        .is_some_and(|file| process::find(file).is_some())
}
