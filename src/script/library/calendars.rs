//! Finding calendars: data files with the layers and the rules of ownership of scripts.

use std::path::PathBuf;

use super::{FindError, Layer, Library, Source, read_text, trusted};
use crate::script::shipped;

impl Library {
    /// The data file of the calendar `name`: one of the project's or the user's, or the shipped one.
    pub fn calendar(&self, name: &str) -> Result<Source, FindError> {
        let id = format!("calendars/{name}.toml");
        if is_name(name) {
            for (layer, folder) in self.calendar_folders() {
                let file = folder.join(format!("{name}.toml"));
                if file.is_file() {
                    trusted(&file)?;
                    let text = read_text(&file)?;
                    return Ok(Source::new(id, name, layer, Some(file), text));
                }
            }
            if let Some(text) = shipped::calendar(name) {
                return Ok(Source::new(id, name, Layer::Shipped, None, text.to_owned()));
            }
        }
        let names = self.calendars();
        Err(FindError::NoSuchCalendar {
            name: name.to_owned(),
            suggestion: crate::api::closest(name, names.iter().map(String::as_str))
                .map(str::to_owned),
        })
    }

    /// Every calendar's name, sorted.
    pub fn calendars(&self) -> Vec<String> {
        let mut names: Vec<String> = shipped::CALENDARS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        for (_, folder) in self.calendar_folders() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if let Ok(file) = entry.file_name().into_string()
                    && let Some(stem) = file.strip_suffix(".toml")
                    && is_name(stem)
                {
                    names.push(stem.to_owned());
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// The folders that may hold calendars, the first to win first.
    fn calendar_folders(&self) -> Vec<(Layer, PathBuf)> {
        let mut folders: Vec<_> = self
            .cwd
            .ancestors()
            .map(|above| (Layer::Project, above.join(".tradeops/calendars")))
            .collect();
        if let Some(user) = &self.user {
            folders.push((Layer::User, user.join("calendars")));
        }
        folders
    }
}

/// Plain enough to be a file's name: `XNYS`, `24x7`.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(plain)
}
