//! `tradeops eval 'EXPR'`: one expression, with every primitive, changing nothing unless told.

use std::sync::Arc;

use super::exit::Exit;
use super::place::Place;
use super::{run, terminal};
use crate::gate::Mode;
use crate::run::{NoProgress, SystemClock};
use crate::script::host::{self, Request};
use crate::script::library::Source;
use crate::script::load;

pub(super) fn eval(place: &Place, expression: &str, live: bool) -> anyhow::Result<Exit> {
    let library = place.library();
    let source = Source::expression(expression);
    let checked = match load::load_source(&library, source.clone()) {
        Ok(checked) => checked.unbounded(),
        Err(not_run) => return run::not_started(not_run),
    };
    let output = terminal::output(place.json());
    let ended = host::run(
        Request {
            library,
            arguments: Vec::new(),
            mode: if live && !place.flags.plan {
                Mode::Live
            } else {
                Mode::Plan
            },
            deadline: place.flags.deadline.or(place.settings.deadline),
            profile: place.profile()?,
            state: place.state.clone(),
            settings: place.settings.scripts.clone(),
            output,
            clock: Arc::new(SystemClock),
            progress: Arc::new(NoProgress),
            env: |name| std::env::var(name).ok(),
        },
        &source,
        checked,
    );
    let ended = match ended {
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
