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
        None => shipped::SCRIPTS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
    };
    let mut text = String::new();
    for name in names {
        let Some(ours) = shipped::script(&name) else {
            return Err(told(
                Exit::Usage,
                format!("there is no shipped workflow `{name}`"),
                Some("`tradeops list` shows what there is".into()),
            ));
        };
        let source = library
            .script(&name)
            .map_err(|error| told(Exit::Usage, error.to_string(), error.hint()))?;
        if source.layer == Layer::Shipped || source.text == ours {
            continue;
        }
        let diff = TextDiff::from_lines(ours, &source.text);
        text.push_str(
            &diff
                .unified_diff()
                .header(&format!("shipped/{name}.rhai"), &source.id)
                .to_string(),
        );
    }
    if !text.is_empty() {
        print(text.trim_end())?;
    }
    Ok(Exit::Ok)
}
