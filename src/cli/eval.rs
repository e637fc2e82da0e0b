//! `tradeops eval 'EXPR'`: one expression, with every primitive, changing nothing unless told.

use super::exit::Exit;
use super::place::Place;
use super::{run, terminal};
use crate::gate::Mode;
use crate::script::host;
use crate::script::library::Source;
use crate::script::load;

pub(super) fn eval(place: &Place, expression: &str, live: bool) -> anyhow::Result<Exit> {
    let library = place.library();
    let source = Source::expression(expression);
    let checked = match load::load_source(&library, source.clone()) {
        Ok(checked) => checked.unbounded(),
        Err(not_run) => return run::not_started(not_run),
    };
    let mode = if live && !place.flags.plan {
        Mode::Live
    } else {
        Mode::Plan
    };
    let request = place.request(&place.flags, Vec::new(), mode)?;
    let output = request.output;
    let ended = match host::run(request, &source, checked) {
        Ok(ended) => ended,
        Err(not_run) => return run::not_started(not_run),
    };
    let steps = ended.run.plan_so_far().steps;
    let exit = run::report(&ended, output, false)?;
    if !steps.is_empty() {
        terminal::note(&format!(
            "{} was planned and not done; `--live` does it",
            steps[0].op
        ));
    }
    Ok(exit)
}
