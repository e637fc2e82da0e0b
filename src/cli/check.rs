//! `tradeops check [SCRIPT...]`: the check without the run.

use super::exit::Exit;
use super::place::Place;
use super::{run, terminal};
use crate::gate::Redactor;
use crate::script::load::{self, NotRun};

pub(super) fn check(place: &Place, scripts: &[String]) -> anyhow::Result<Exit> {
    let library = place.library();
    let names = if scripts.is_empty() {
        let checks = library.check_names().into_iter();
        let checks = checks.map(|name| format!("checks/{name}"));
        library.names().into_iter().chain(checks).collect()
    } else {
        scripts.to_vec()
    };
    let mut all = Vec::new();
    let mut failed = false;
    for name in &names {
        let (program, found) = match load::load(&library, name) {
            Ok((_, checked)) => (checked.program, checked.warnings),
            Err(NotRun::Invalid(program, found)) => {
                failed = true;
                (program, found)
            }
            Err(other) => return run::not_started(other),
        };
        if !place.json() {
            let redactor = Redactor::new();
            found
                .iter()
                .for_each(|d| terminal::diagnostic(d, &program, &redactor));
        }
        all.extend(found);
    }
    if place.json() {
        run::print(&serde_json::to_string_pretty(&all)?)?;
    } else if !failed {
        run::print(&format!("{} checked, {} warnings", names.len(), all.len()))?;
    }
    Ok(if failed { Exit::Invalid } else { Exit::Ok })
}
