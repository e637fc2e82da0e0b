//! `tradeops list`: the workflows, the layer that wins, and whether it differs from the shipped one.

use super::exit::Exit;
use super::place::Place;
use super::run::print;
use crate::script::header::Header;
use crate::script::shipped;

pub(super) fn list(place: &Place) -> anyhow::Result<Exit> {
    let library = place.library();
    let mut rows = Vec::new();
    for name in library.names() {
        let (layer, file, state, summary) = match library.script(&name) {
            Ok(source) => {
                let state = match shipped::script(&name) {
                    None => "own",
                    Some(text) if text == source.text => "as shipped",
                    Some(_) => "changed",
                };
                let summary = Header::read(&source.text).summary().to_owned();
                (source.layer.to_string(), source.id, state, summary)
            }
            Err(error) => ("-".into(), String::new(), "not taken", error.to_string()),
        };
        rows.push([name, layer, state.to_owned(), file, summary]);
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
