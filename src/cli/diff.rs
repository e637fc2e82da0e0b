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
            let calendars = shipped::CALENDARS
                .iter()
                .map(|(name, _)| format!("calendars/{name}"));
            scripts.chain(modules).chain(calendars).collect()
        }
    };
    let mut text = String::new();
    for name in names {
        let calendar = name.strip_prefix("calendars/");
        let calendar = calendar.map(|name| name.strip_suffix(".toml").unwrap_or(name));
        let (ours, source) = match (name.strip_prefix("std/"), calendar) {
            (Some(module), _) => (shipped::module(module), library.std(module)),
            (_, Some(calendar)) => (shipped::calendar(calendar), library.calendar(calendar)),
            _ => (shipped::script(&name), library.script(&name)),
        };
        let Some(ours) = ours else {
            return Err(told(
                Exit::Usage,
                format!("nothing called `{name}` is shipped"),
                Some(
                    "`tradeops list` shows what there is; a module of the stdlib is `std/NAME`"
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
                .header(
                    &format!(
                        "shipped/{name}{}",
                        if calendar.is_some() { "" } else { ".rhai" }
                    ),
                    &file,
                )
                .to_string(),
        );
    }
    if !text.is_empty() {
        print(text.trim_end())?;
    }
    Ok(Exit::Ok)
}
