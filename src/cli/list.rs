//! `tradeops list`: the workflows and check files, the layer that wins, and whether it differs from the shipped one.

use super::exit::Exit;
use super::place::Place;
use super::run::print;
use crate::script::header::Header;
use crate::script::library::{FindError, Layer, Source};
use crate::script::shipped;

pub(super) fn list(place: &Place) -> anyhow::Result<Exit> {
    let library = place.library();
    let mut rows = Vec::new();
    for name in library.names() {
        let found = library.script(&name);
        rows.push(row(name.clone(), found, shipped::script(&name)));
    }
    for name in library.check_names() {
        let found = library.check_file(&name);
        rows.push(row(
            format!("checks/{name}"),
            found,
            shipped::check_file(&name),
        ));
    }
    // The stdlib's modules are of interest once one of them was ejected.
    for (name, text) in shipped::STDLIB {
        let found = library.std(name);
        if found
            .as_ref()
            .is_ok_and(|source| source.layer == Layer::Shipped)
        {
            continue;
        }
        rows.push(row(format!("std/{name}"), found, Some(text)));
    }
    for name in library.calendars() {
        let found = library.calendar(&name);
        if found
            .as_ref()
            .is_ok_and(|source| source.layer == Layer::Shipped)
        {
            continue;
        }
        rows.push(row(
            format!("calendars/{name}"),
            found,
            shipped::calendar(&name),
        ));
    }
    if place.json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|[name, layer, state, file, summary]| {
                serde_json::json!({ "name": name, "layer": layer, "state": state, "file": file, "summary": summary })
            })
            .collect();
        print(&serde_json::to_string_pretty(&rows)?)?;
        return Ok(Exit::Ok);
    }
    let width = |i: usize| {
        rows.iter()
            .map(|row| row[i].chars().count())
            .max()
            .unwrap_or(0)
    };
    let (a, b, c) = (width(0), width(1), width(2));
    let lines: Vec<_> = rows
        .iter()
        .map(|[name, layer, state, _, summary]| {
            format!("{name:a$}  {layer:b$}  {state:c$}  {summary}")
                .trim_end()
                .to_owned()
        })
        .collect();
    print(&lines.join("\n"))?;
    Ok(Exit::Ok)
}

/// Name, layer, state, file, summary.
fn row(name: String, found: Result<Source, FindError>, shipped: Option<&str>) -> [String; 5] {
    match found {
        Ok(source) => {
            let state = match shipped {
                None => "own",
                Some(text) if text == source.text => "as shipped",
                Some(_) => "changed",
            };
            let summary = Header::read(&source.text).summary().to_owned();
            let file = source
                .path
                .map_or(source.id, |path| path.display().to_string());
            [
                name,
                source.layer.to_string(),
                state.to_owned(),
                file,
                summary,
            ]
        }
        Err(error) => [
            name,
            "-".into(),
            "not taken".into(),
            String::new(),
            error.to_string(),
        ],
    }
}
