//! Finding scripts and what they import: the layers, the roots, the rules of ownership.
//!
//! Workflows: the path as given; the project's `.tradeops/scripts` and `scripts`, searched upward; the
//! user's configuration folder; the copies inside the binary. `std/...` is the shipped stdlib, unless a
//! module of it was ejected into the project or the user's folder. Every other import is relative to the
//! importing file and may not leave the folder of the script that was started.

mod calendars;

use std::borrow::Cow;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::shipped;

/// Where a script came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A path on the command line.
    Given,
    /// The project's folders.
    Project,
    /// The user's configuration folder.
    User,
    /// Inside the binary.
    Shipped,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "given",
            Self::Project => "project",
            Self::User => "user",
            Self::Shipped => "shipped",
        })
    }
}

/// One script file.
#[derive(Debug, Clone)]
pub struct Source {
    /// What errors, plans and audits call it; unique within a run.
    pub id: String,
    /// Its name without the ending: `health`.
    pub name: String,
    /// Where it came from.
    pub layer: Layer,
    /// Where it is; `None` inside the binary.
    pub path: Option<PathBuf>,
    /// The text as it stands.
    pub text: String,
}

impl Source {
    fn new(id: String, name: &str, layer: Layer, path: Option<PathBuf>, text: String) -> Self {
        Self {
            id,
            name: name.to_owned(),
            layer,
            path,
            text,
        }
    }

    /// An expression from the command line.
    pub fn expression(text: &str) -> Self {
        Self::new(
            "expression".into(),
            "expression",
            Layer::Given,
            None,
            text.to_owned(),
        )
    }

    /// What was typed in a session that goes on in `folder`: its imports are found from there.
    pub fn session(folder: &Path, text: String) -> Self {
        let path = Some(folder.join("session"));
        Self::new("session".into(), "repl", Layer::Given, path, text)
    }

    /// The text as it is compiled: a `#!` line is blanked, so that places hold.
    pub fn code(&self) -> Cow<'_, str> {
        if !self.text.starts_with("#!") {
            return Cow::Borrowed(&self.text);
        }
        let end = self.text.find('\n').unwrap_or(self.text.len());
        Cow::Owned(format!("{}{}", " ".repeat(end), &self.text[end..]))
    }

    /// Digest of the text.
    pub fn digest(&self) -> String {
        crate::gate::hex(&Sha256::digest(self.text.as_bytes()))
    }
}

/// Why a script was not found or not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// Nothing of that name.
    #[error("there is no script `{name}`")]
    NoSuchScript {
        name: String,
        /// The nearest name.
        suggestion: Option<String>,
    },
    /// An import that leads nowhere.
    #[error("cannot find the module `{path}`")]
    NoSuchModule {
        path: String,
        looked: String,
        suggestion: Option<String>,
    },
    /// No calendar of that name.
    #[error("there is no calendar `{name}`")]
    NoSuchCalendar {
        name: String,
        /// The nearest name.
        suggestion: Option<String>,
    },
    /// An import that leaves its root.
    #[error("the import `{path}` leads outside `{root}`")]
    Outside { path: String, root: String },
    /// It is there and cannot be read.
    #[error("cannot read `{path}`: {why}")]
    Unreadable { path: String, why: String },
    /// Others could have written it.
    #[error("`{path}` is not taken: {why}")]
    Untrusted { path: String, why: String },
}

impl FindError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchScript {
                suggestion: Some(name),
                ..
            }
            | Self::NoSuchCalendar {
                suggestion: Some(name),
                ..
            }
            | Self::NoSuchModule {
                suggestion: Some(name),
                ..
            } => Some(format!("did you mean `{name}`?")),
            Self::NoSuchCalendar { .. } => Some(
                "`calendar::list()` shows what there is; `.tradeops/calendars/NAME.toml` adds one"
                    .into(),
            ),
            Self::NoSuchScript { .. } => Some("`tradeops list` shows what there is".into()),
            Self::NoSuchModule { looked, .. } => Some(format!("looked for {looked}")),
            Self::Outside { .. } => {
                Some("imports stay below the folder of the script that was started".into())
            }
            Self::Untrusted { path, .. } => Some(format!(
                "whoever can write it can do what you can do: make it yours and writable for you alone (`chmod go-w {path}`)"
            )),
            Self::Unreadable { .. } => None,
        }
    }
}

/// Where scripts are looked for.
#[derive(Debug, Clone)]
pub struct Library {
    cwd: PathBuf,
    user: Option<PathBuf>,
}

impl Library {
    /// The library as seen from `cwd`, with `user` as the user's configuration folder.
    pub fn new(cwd: PathBuf, user: Option<PathBuf>) -> Self {
        Self { cwd, user }
    }

    /// The folder from which it is seen.
    pub fn folder(&self) -> &Path {
        &self.cwd
    }

    /// The folders that may hold workflows, the first to win first.
    pub fn script_folders(&self) -> Vec<(Layer, PathBuf)> {
        let mut folders = Vec::new();
        for above in self.cwd.ancestors() {
            folders.push((Layer::Project, above.join(".tradeops/scripts")));
            folders.push((Layer::Project, above.join("scripts")));
        }
        if let Some(user) = &self.user {
            folders.push((Layer::User, user.join("scripts")));
        }
        folders.retain(|(_, folder)| folder.is_dir());
        folders
    }

    /// The folders that may hold ejected stdlib modules.
    fn std_folders(&self) -> Vec<(Layer, PathBuf)> {
        self.own_folders("std")
    }

    /// A folder of that name in `.tradeops`, searched upward, and in the user's folder.
    fn own_folders(&self, name: &str) -> Vec<(Layer, PathBuf)> {
        let mut folders: Vec<_> = self
            .cwd
            .ancestors()
            .map(|above| (Layer::Project, above.join(".tradeops").join(name)))
            .collect();
        if let Some(user) = &self.user {
            folders.push((Layer::User, user.join(name)));
        }
        folders
    }

    /// The folders that may hold check files.
    fn check_folders(&self) -> Vec<(Layer, PathBuf)> {
        self.own_folders("checks")
    }

    /// The script that `name` means.
    pub fn script(&self, name: &str) -> Result<Source, FindError> {
        let given = self.cwd.join(name);
        if (name.contains('/') || has_ending(name)) && given.is_file() {
            return self.read(&given, Layer::Given);
        }
        let stem = name.strip_suffix(".rhai").unwrap_or(name);
        if let Some(file) = stem.strip_prefix("checks/") {
            return self.check_file(file);
        }
        if !stem.contains('/') {
            for (layer, folder) in self.script_folders() {
                let path = folder.join(format!("{stem}.rhai"));
                if path.is_file() {
                    trusted(&path)?;
                    return self.read(&path, layer);
                }
            }
            if let Some(text) = shipped::script(stem) {
                let id = format!("shipped/{stem}.rhai");
                return Ok(Source::new(id, stem, Layer::Shipped, None, text.to_owned()));
            }
        }
        let names = self.names();
        Err(FindError::NoSuchScript {
            name: name.to_owned(),
            suggestion: crate::api::closest(stem, names.iter().map(String::as_str))
                .map(str::to_owned),
        })
    }

    /// Every workflow's name, sorted.
    pub fn names(&self) -> Vec<String> {
        names(shipped::SCRIPTS, &self.script_folders())
    }

    /// Every check file's name: the shipped ones in their order, then the operator's own, sorted.
    pub fn check_names(&self) -> Vec<String> {
        let shipped = shipped::CHECKS.iter().map(|(name, _)| (*name).to_owned());
        let mut all: Vec<String> = shipped.collect();
        for name in names(&[], &self.check_folders()) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    }

    /// The check file that wins: the operator's, or the shipped one.
    pub fn check_file(&self, name: &str) -> Result<Source, FindError> {
        for (layer, folder) in self.check_folders() {
            let path = folder.join(format!("{name}.rhai"));
            // A name is no path that leads elsewhere.
            if !name.contains('/') && path.is_file() {
                trusted(&path)?;
                return self.read(&path, layer);
            }
        }
        if let Some(text) = shipped::check_file(name) {
            let id = format!("checks/{name}.rhai");
            return Ok(Source::new(id, name, Layer::Shipped, None, text.to_owned()));
        }
        let names = self.check_names();
        Err(FindError::NoSuchScript {
            name: format!("checks/{name}"),
            suggestion: crate::api::closest(name, names.iter().map(String::as_str))
                .map(|near| format!("checks/{near}")),
        })
    }

    /// The module that `path` means in `importer`, whose run was started from `main`.
    pub fn module(
        &self,
        main: &Source,
        importer: &Source,
        path: &str,
    ) -> Result<Source, FindError> {
        if let Some(name) = path.strip_prefix("std/") {
            return self.std_module(path, name);
        }
        let (Some(file), Some(started)) = (
            &importer.path,
            main.path.as_ref().or(importer.path.as_ref()),
        ) else {
            return Err(FindError::NoSuchModule {
                path: path.to_owned(),
                looked: "a stdlib module: a shipped script imports only `std/...`".into(),
                suggestion: None,
            });
        };
        let folder = |file: &Path| file.parent().map(Path::to_path_buf).unwrap_or_default();
        // Appended, not replaced: `a.b` means `a.b.rhai`.
        let mut wanted = folder(file).join(path).into_os_string();
        if !has_ending(path) {
            wanted.push(".rhai");
        }
        let wanted = PathBuf::from(wanted);
        let Ok(real) = wanted.canonicalize() else {
            return Err(FindError::NoSuchModule {
                path: path.to_owned(),
                looked: format!("`{}`", self.shown(&wanted)),
                suggestion: None,
            });
        };
        // An ejected stdlib module may import beside itself too, but nothing may climb.
        let root = if importer.id.starts_with("std/") {
            folder(file)
        } else {
            folder(started)
        };
        let root = root.canonicalize().unwrap_or(root);
        if !real.starts_with(&root) {
            return Err(FindError::Outside {
                path: path.to_owned(),
                root: self.shown(&root),
            });
        }
        if importer.layer != Layer::Given {
            trusted(&real)?;
        }
        self.read(&real, importer.layer)
    }

    /// The module of the stdlib that wins: an ejected one, or the shipped one.
    pub fn std(&self, name: &str) -> Result<Source, FindError> {
        self.std_module(&format!("std/{name}"), name)
    }

    fn std_module(&self, path: &str, name: &str) -> Result<Source, FindError> {
        let id = format!("std/{name}.rhai");
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain {
            for (layer, folder) in self.std_folders() {
                let file = folder.join(format!("{name}.rhai"));
                if file.is_file() {
                    trusted(&file)?;
                    let text = read_text(&file)?;
                    return Ok(Source::new(id, name, layer, Some(file), text));
                }
            }
            if let Some(text) = shipped::module(name) {
                return Ok(Source::new(id, name, Layer::Shipped, None, text.to_owned()));
            }
        }
        let names = shipped::STDLIB.iter().map(|(name, _)| *name);
        Err(FindError::NoSuchModule {
            path: path.to_owned(),
            looked: "a shipped stdlib module".into(),
            suggestion: crate::api::closest(name, names).map(|name| format!("std/{name}")),
        })
    }

    fn read(&self, path: &Path, layer: Layer) -> Result<Source, FindError> {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let text = read_text(&real)?;
        let name = path
            .file_stem()
            .and_then(|n| n.to_str())
            .unwrap_or("script")
            .to_owned();
        Ok(Source::new(
            self.shown(&real),
            &name,
            layer,
            Some(real),
            text,
        ))
    }

    /// A path as people see it: relative where it lies below the current folder.
    pub fn shown(&self, path: &Path) -> String {
        let cwd = self.cwd.canonicalize().unwrap_or_else(|_| self.cwd.clone());
        let shown = path.strip_prefix(&cwd).unwrap_or(path);
        if shown.as_os_str().is_empty() {
            return ".".into();
        }
        shown.display().to_string()
    }
}

/// The names of scripts in a table of the shipped ones and in folders, sorted.
fn names(shipped: &[(&str, &str)], folders: &[(Layer, PathBuf)]) -> Vec<String> {
    let mut names: Vec<String> = shipped.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (_, folder) in folders {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if let Ok(file) = entry.file_name().into_string()
                && let Some(stem) = file.strip_suffix(".rhai")
                && !stem.ends_with("_test")
            {
                names.push(stem.to_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn has_ending(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == "rhai")
}

fn read_text(path: &Path) -> Result<String, FindError> {
    std::fs::read_to_string(path).map_err(|error| FindError::Unreadable {
        path: path.display().to_string(),
        why: error.to_string(),
    })
}

/// Owned by this user or root, and writable by nobody else; its folder too, or the file could be swapped,
/// and the folder that a link leads to.
pub(crate) fn trusted(path: &Path) -> Result<(), FindError> {
    let me = rustix::process::geteuid().as_raw();
    let real = path.canonicalize().ok();
    for (what, place) in [
        ("the file", Some(path)),
        ("its folder", path.parent()),
        ("its folder", real.as_deref().and_then(Path::parent)),
    ] {
        let Some(place) = place else { continue };
        let meta = std::fs::metadata(place).map_err(|error| FindError::Unreadable {
            path: place.display().to_string(),
            why: error.to_string(),
        })?;
        let why = if meta.uid() != me && meta.uid() != 0 {
            format!("{what} belongs to another user (uid {})", meta.uid())
        } else if meta.mode() & 0o022 != 0 {
            format!("others may write {what} (mode {:03o})", meta.mode() & 0o777)
        } else {
            continue;
        };
        return Err(FindError::Untrusted {
            path: place.display().to_string(),
            why,
        });
    }
    Ok(())
}
