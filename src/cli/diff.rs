//! `tradeops diff [NAME]`: a layer's script against the shipped one, as a unified diff.

use similar::TextDiff;

use super::exit::{Exit, told};
use super::place::Place;
use super::run::print;
use crate::script::library::Layer;
use crate::script::shipped;

pub(super) fn diff(place: &Place, name: Option<&str>) -> anyhow::Result<Exit> {
    let library = place.library();
    let names: Vec<String> = match name {
        Some(name) => vec![name.strip_suffix(".rhai").unwrap_or(name).to_owned()],
        None => {
            let scripts = shipped::SCRIPTS.iter().map(|(name, _)| (*name).to_owned());
            let modules = shipped::STDLIB
                .iter()
                .map(|(name, _)| format!("std/{name}"));
            let checks = shipped::CHECKS
                .iter()
                .map(|(name, _)| format!("checks/{name}"));
            let calendars = shipped::CALENDARS
                .iter()
                .map(|(name, _)| format!("calendars/{name}"));
            scripts
                .chain(checks)
                .chain(modules)
                .chain(calendars)
                .collect()
        }
    };
    let mut text = String::new();
    for name in names {
        let (ours, source) = match name.split_once('/') {
            Some(("std", module)) => (shipped::module(module), library.std(module)),
            Some(("checks", file)) => (shipped::check_file(file), library.check_file(file)),
            Some(("calendars", calendar)) => {
                let calendar = calendar.strip_suffix(".toml").unwrap_or(calendar);
                (shipped::calendar(calendar), library.calendar(calendar))
            }
            _ => (shipped::script(&name), library.script(&name)),
        };
        let Some(ours) = ours else {
            return Err(told(
                Exit::Usage,
                format!("nothing called `{name}` is shipped"),
                Some(
                    "`tradeops list` shows what there is; a module of the stdlib is `std/NAME`, a check file `checks/NAME`"
                        .into(),
                ),
            ));
        };
        let source = source.map_err(|error| told(Exit::Usage, error.to_string(), error.hint()))?;
        if source.layer == Layer::Shipped || source.text == ours {
            continue;
        }
        let file = source
            .path
            .as_ref()
            .map_or_else(|| source.id.clone(), |p| library.shown(p));
        let diff = TextDiff::from_lines(ours, &source.text);
        text.push_str(
            &diff
                .unified_diff()
                .header(&format!("shipped/{name}{}", ending(&name)), &file)
                .to_string(),
        );
    }
    if !text.is_empty() {
        print(text.trim_end())?;
    }
    Ok(Exit::Ok)
}

/// The ending of a shipped file.
fn ending(name: &str) -> &'static str {
    match name.split_once('/') {
        Some(("calendars", name)) if !name.ends_with(".toml") => ".toml",
        Some(("calendars", _)) => "",
        _ => ".rhai",
    }
}
