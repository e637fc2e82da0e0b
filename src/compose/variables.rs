//! The variables that a compose file requires and nobody sets, all of them, with their places.
//!
//! Compose itself names one per run. The file is not understood here, only searched for `${NAME:?...}` and
//! `${NAME?...}`, and only once Compose has said that one is missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::Unset;
use crate::environment;
use crate::run::Cx;

/// What is required by `files` and set neither in the environment nor in `env_files` (none: `.env` beside the
/// first file), in the order of the files.
pub(super) fn unset(files: &[PathBuf], env_files: &[PathBuf]) -> Vec<Unset> {
    let set = settings(files, env_files);
    let value = |name: &str| std::env::var(name).ok().or_else(|| set.get(name).cloned());
    let mut found: Vec<Unset> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        for (line, required) in required(&text) {
            let missing = match value(&required.name) {
                None => true,
                Some(text) => required.not_empty && text.is_empty(),
            };
            let place = format!("{}:{line}", file.display());
            match found.iter_mut().find(|u| u.name == required.name) {
                _ if !missing => {}
                Some(known) => known.places.push(place),
                None => found.push(Unset {
                    name: required.name,
                    message: required.message,
                    places: vec![place],
                }),
            }
        }
    }
    found
}

fn settings(files: &[PathBuf], env_files: &[PathBuf]) -> BTreeMap<String, String> {
    let beside = || {
        files
            .first()
            .and_then(|f| f.parent())
            .map(|folder| folder.join(".env"))
    };
    let list: Vec<PathBuf> = if env_files.is_empty() {
        beside().into_iter().collect()
    } else {
        env_files.to_vec()
    };
    let read = |file: &Path| {
        environment::file(&Cx::detached(), file)
            .map(|f| f.values)
            .unwrap_or_default()
    };
    list.iter().flat_map(|file| read(file)).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Required {
    name: String,
    /// `:?` wants it not to be empty, too.
    not_empty: bool,
    message: Option<String>,
}

/// The required variables of a file, with their lines. `$$` is a dollar sign, and comments do not count.
fn required(text: &str) -> Vec<(usize, Required)> {
    static VARIABLE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(:?)\?([^}]*)\}").ok());
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        for one in VARIABLE.iter().flat_map(|v| v.captures_iter(line)) {
            let Some(name) = one.get(1) else { continue };
            let message = one
                .get(3)
                .map(|m| m.as_str().trim())
                .filter(|m| !m.is_empty());
            found.push((
                number + 1,
                Required {
                    name: name.as_str().to_owned(),
                    not_empty: one.get(2).is_some_and(|c| !c.is_empty()),
                    message: message.map(str::to_owned),
                },
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_variables_and_their_lines() {
        let text = "services:\n  a:\n    image: ${IMAGE:?which image}\n    # ${NOT:?}\n    command: $${X:?} ${Y?} ${Z:-1} ${W}\n";
        let names: Vec<_> = required(text)
            .into_iter()
            .map(|(line, r)| (line, r.name, r.not_empty, r.message))
            .collect();
        assert_eq!(
            names,
            [
                (3, "IMAGE".to_owned(), true, Some("which image".to_owned())),
                (5, "Y".to_owned(), false, None),
            ]
        );
    }
}
