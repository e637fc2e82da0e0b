//! The `docker` command's contexts, as it keeps them: `config.json` names the current one, and each has a
//! folder below `contexts/` that the digest of its name is the name of.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Error;

/// The context that is no context: the environment, else the default socket.
pub(super) const DEFAULT: &str = "default";

/// How a context's engine is reached.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Reach {
    #[serde(default)]
    pub(super) host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    pub(super) skip_tls_verify: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Deserialize, Default)]
struct Endpoints {
    docker: Option<Reach>,
}

/// The context that `config.json` makes the current one. No file: none.
pub(super) fn current(folder: &Path) -> Result<Option<String>, Error> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(default, rename = "currentContext")]
        current: String,
    }
    let config: Option<Config> = read(&folder.join("config.json"))?;
    Ok(config.map(|c| c.current).filter(|name| !name.is_empty()))
}

/// How the engine of a context is reached; an unknown one is told with those that there are.
pub(super) fn find(folder: &Path, name: &str, origin: &str) -> Result<Reach, Error> {
    let file = folder
        .join("contexts/meta")
        .join(digest(name))
        .join("meta.json");
    let Some(meta) = read::<Meta>(&file)? else {
        let names: Vec<_> = names(folder).iter().map(|n| format!("`{n}`")).collect();
        return Err(Error::Setting(format!(
            "{origin}: there is no such context; there is {}",
            names.join(", ")
        )));
    };
    meta.endpoints
        .docker
        .ok_or_else(|| Error::Setting(format!("{origin}: it has no docker endpoint")))
}

/// Where a context's certificates and key are.
pub(super) fn tls_folder(folder: &Path, name: &str) -> PathBuf {
    folder
        .join("contexts/tls")
        .join(digest(name))
        .join("docker")
}

/// All contexts.
fn names(folder: &Path) -> Vec<String> {
    let mut names = vec![DEFAULT.to_owned()];
    let entries = std::fs::read_dir(folder.join("contexts/meta"));
    names.extend(
        entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| read::<Meta>(&entry.path().join("meta.json")).ok()?)
            .map(|meta| meta.name),
    );
    names.sort_unstable();
    names
}

fn digest(name: &str) -> String {
    use std::fmt::Write as _;
    let mut digits = String::new();
    for byte in Sha256::digest(name.as_bytes()) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// A file of the command's, or `None` when there is none. One that cannot be read is an error, and not,
/// as with the command, a warning: the engine that is then asked may be another than the one meant.
fn read<T: for<'a> Deserialize<'a>>(file: &Path) -> Result<Option<T>, Error> {
    let wrong = |why: String| Error::Setting(format!("`{}`: {why}", file.display()));
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => {
            return Err(wrong(format!(
                "cannot be read: {}",
                crate::net::tcp::reason(&error)
            )));
        }
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| wrong(format!("is not what the `docker` command writes: {error}")))
}
