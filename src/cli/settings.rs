//! `tradeops.toml`: system, user, project; then the environment, then flags. The later wins.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum as _;
use serde::Deserialize;

use super::Form;
use super::exit::{Exit, told};
use crate::gate::{Capability, Profile, Redactor};

/// The settings of all layers.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub output: Option<Form>,
    pub deadline: Option<Duration>,
    pub profile: Option<String>,
    /// What scripts find with `env::settings`, by section.
    pub scripts: toml::Table,
    profiles: BTreeMap<String, Profile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    output: Option<String>,
    deadline: Option<String>,
    profile: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, ProfileTable>,
    /// The runtime reads none of these: they are the scripts' own.
    #[serde(default)]
    settings: BTreeMap<String, toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileTable {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
}

impl Settings {
    pub(super) fn load(cwd: &Path, user: Option<&Path>) -> anyhow::Result<Self> {
        let mut settings = Self::default();
        let project = cwd
            .ancestors()
            .map(|above| above.join("tradeops.toml"))
            .find(|file| file.is_file());
        // Whoever can write it can take away the bounds that a profile sets.
        if let Some(file) = &project {
            crate::script::library::trusted(file)
                .map_err(|error| told(Exit::Denied, error.to_string(), error.hint()))?;
        }
        let files = [
            Some(Path::new("/etc/tradeops/tradeops.toml").to_owned()),
            user.map(|u| u.join("tradeops.toml")),
            project,
        ];
        for file in files.into_iter().flatten() {
            match std::fs::read_to_string(&file) {
                Ok(text) => settings.file(&file.display().to_string(), &text)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(told(
                        Exit::Config,
                        format!("cannot read `{}`: {error}", file.display()),
                        None,
                    ));
                }
            }
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(text) = variable("TRADEOPS_OUTPUT") {
            settings.output = Some(form("TRADEOPS_OUTPUT", &text)?);
        }
        if let Some(text) = variable("TRADEOPS_DEADLINE") {
            settings.deadline = Some(limit("TRADEOPS_DEADLINE", &text)?);
        }
        if let Some(name) = variable("TRADEOPS_PROFILE") {
            settings.profile = Some(name);
        }
        Ok(settings)
    }

    fn file(&mut self, name: &str, text: &str) -> anyhow::Result<()> {
        let file: File = toml::from_str(text).map_err(|error| {
            told(
                Exit::Config,
                // It quotes the line that is wrong.
                Redactor::new()
                    .text(&format!("`{name}`: {}", error.to_string().trim_end()))
                    .into_owned(),
                None,
            )
        })?;
        if let Some(text) = file.output {
            self.output = Some(form(name, &text)?);
        }
        if let Some(text) = file.deadline {
            self.deadline = Some(limit(name, &text)?);
        }
        self.profile = file.profile.or(self.profile.take());
        for (section, table) in file.settings {
            overlay(&mut self.scripts, section, toml::Value::Table(table));
        }
        for (profile, table) in file.profiles {
            let read = |list: Vec<String>| -> anyhow::Result<Vec<Capability>> {
                list.iter()
                    .map(|c| {
                        c.parse().map_err(|error| {
                            told(
                                Exit::Config,
                                format!("`{name}`, profile `{profile}`: {error}"),
                                None,
                            )
                        })
                    })
                    .collect()
            };
            let (allow, deny) = (read(table.allow)?, read(table.deny)?);
            self.profiles.insert(
                profile.clone(),
                Profile {
                    name: profile,
                    allow,
                    deny,
                },
            );
        }
        Ok(())
    }

    /// The profile of that name, or the one that the settings choose.
    pub(super) fn profile(&self, flag: Option<&str>) -> anyhow::Result<Option<Profile>> {
        let Some(name) = flag.or(self.profile.as_deref()) else {
            return Ok(None);
        };
        if let Some(profile) = self.profiles.get(name) {
            return Ok(Some(profile.clone()));
        }
        let names = self.profiles.keys().map(String::as_str);
        let hint = crate::api::closest(name, names)
            .map(|near| format!("did you mean `{near}`?"))
            .or_else(|| Some("profiles stand in `tradeops.toml` as `[profiles.NAME]`".into()));
        Err(told(
            Exit::Config,
            format!("there is no profile `{name}`"),
            hint,
        ))
    }
}

/// Puts `value` over what an earlier layer said: tables key by key, everything else as a whole.
fn overlay(below: &mut toml::Table, key: String, value: toml::Value) {
    match (below.get_mut(&key), value) {
        (Some(toml::Value::Table(below)), toml::Value::Table(above)) => {
            for (key, value) in above {
                overlay(below, key, value);
            }
        }
        (_, value) => {
            below.insert(key, value);
        }
    }
}

fn form(place: &str, text: &str) -> anyhow::Result<Form> {
    Form::from_str(text, true).map_err(|_| {
        told(
            Exit::Config,
            format!("`{place}`: `{text}` is no output form: `human` or `json`"),
            None,
        )
    })
}

fn limit(place: &str, text: &str) -> anyhow::Result<Duration> {
    crate::api::units::duration(text)
        .map_err(|why| told(Exit::Config, format!("`{place}`: the deadline {why}"), None))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_tables_are_merged_key_by_key() {
        let mut settings = Settings::default();
        let (system, project) = (
            "[settings.backups.db]\npath = \"/a\"\nmax_age = \"26h\"\nkinds = [1, 2]\n[settings.other]\nx = 1\n",
            "[settings.backups.db]\nmax_age = \"2h\"\nkinds = [3]\n[settings.backups.logs]\npath = \"/b\"\n",
        );
        settings.file("system", system).unwrap();
        settings.file("project", project).unwrap();
        let expected: toml::Table = toml::from_str(
            "[backups.db]\npath = \"/a\"\nmax_age = \"2h\"\nkinds = [3]\n[backups.logs]\npath = \"/b\"\n[other]\nx = 1\n",
        )
        .unwrap();
        assert_eq!(settings.scripts, expected);
    }

    #[test]
    fn a_section_is_a_table() {
        let error = Settings::default()
            .file("project", "[settings]\nbackups = 5\n")
            .unwrap_err();
        assert!(error.to_string().contains("expected a map"), "{error}");
    }
}
