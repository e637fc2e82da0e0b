//! `report::watch`: the same look again and again, live on a terminal, as a log of changes elsewhere.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Instant;

use rhai::Dynamic;

use super::{REPORT, is_report, lock, of};
use crate::api::{Call, Failure, Output, Primitive, Ty, option, param, to_json, ui};
use crate::gate::Access;
use crate::report::{self, Report, Style};

/// The exit code of the last report of a watch: Ctrl-C ends the run with it.
#[derive(Debug, Default)]
pub(crate) struct Watched(Mutex<Option<i64>>);

impl Watched {
    pub(crate) fn exit_code(&self) -> Option<i64> {
        *lock(&self.0)
    }
}

pub(super) const WATCH: Primitive = Primitive {
    name: "watch",
    params: &[param(
        "look",
        Ty::Closure,
        "gives a report; called again and again, on this thread",
    )],
    options: &[
        option(
            "every",
            Ty::Duration,
            "\"30s\"",
            "from the start of one look to the start of the next",
        ),
        option(
            "times",
            Ty::Opt(&Ty::Int),
            "()",
            "how often; until it is interrupted by default",
        ),
    ],
    access: Access::Local,
    returns: Ty::Record(&REPORT),
    doc: "Looks again and again and gives the last report. On a terminal it draws services against layers, and the causes; elsewhere it writes the first report and then what changed; with `-o json` every report, one a line. Ctrl-C ends the run with the exit code of the last report; so does a reader of its output that goes away.",
    example: "report::watch(|| report::run([#{ id: \"a\", layer: \"demo\" }], |c| #{ status: \"ok\" }), #{ every: \"10ms\", times: 2 }).verdict",
    call: watch,
    ..Primitive::PURE
};

fn watch(call: &Call<'_>) -> Result<Dynamic, Failure> {
    let Some(look) = call.args().closure("look") else {
        return Err(Failure::invalid("`look` wants a closure"));
    };
    let every = call.args().duration("every");
    let times = call.args().opt_int("times");
    let mut shown = Shown {
        output: *call.run().resources().get_or(|| Output::PLAIN),
        before: None,
    };
    let watched = call.run().resources().get_or(Watched::default);
    let mut looks = 0;
    loop {
        let began = Instant::now();
        let value = call.invoke(look, vec![])?;
        let Some(report) = of(&value).filter(|_| is_report(&value)) else {
            return Err(Failure::invalid("`look` gave no report"));
        };
        *lock(&watched.0) = Some(report.exit_code.into());
        looks += 1;
        let done = times.is_some_and(|times| looks >= times);
        // Nobody reads it any more: the last report ends it.
        if done || !shown.next(call, &value, report) {
            // What comes after is no watch.
            *lock(&watched.0) = None;
            return Ok(value);
        }
        call.cx().sleep(every.saturating_sub(began.elapsed()))?;
    }
}

/// What the watcher has seen so far.
struct Shown {
    output: Output,
    before: Option<Report>,
}

impl Shown {
    /// Shows a report, or what changed; `false` when nobody reads it any more.
    fn next(&mut self, call: &Call<'_>, value: &Dynamic, report: Report) -> bool {
        let redactor = call.run().redactor();
        let now = crate::api::Time(call.cx().now());
        let mut style = Style {
            colour: self.output.colour,
            width: self.output.width,
        };
        let text = if self.output.json {
            format!("{}\n", redactor.json(&to_json(value)))
        } else if std::io::stdout().is_terminal() {
            // It may have another size than at the last look.
            let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
            let size = size.filter(|size| size.ws_row > 0 && size.ws_col > 0);
            let rows = size.map_or(24, |size| usize::from(size.ws_row));
            style.width = size.map_or(style.width, |size| size.ws_col.into());
            // One row for the line below, one for the cursor.
            let page = report::fitted(&report::grid(&report, style), rows.saturating_sub(2), style);
            // Home, the page with the rest of each line cleared, then the rest of the screen.
            let page = redactor.text(&page).replace('\n', "\x1b[K\n");
            format!("\x1b[H{page}\x1b[K\n{now}, Ctrl-C ends with this verdict\x1b[K\n\x1b[J")
        } else {
            let lines = match &self.before {
                None if report.checks.is_empty() => vec![],
                None => vec![report::human(&report, style)],
                Some(before) => {
                    let changes = report::changes(before, &report).into_iter();
                    changes.map(|line| format!("{now} {line}")).collect()
                }
            };
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            redactor.text(&text).into_owned()
        };
        self.before = Some(report);
        text.is_empty() || ui::write_data(&text)
    }
}
