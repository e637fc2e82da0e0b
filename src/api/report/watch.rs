//! `report::watch`: the same look again and again, live on a terminal, as a log of changes elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::Instant;

use rhai::Dynamic;

use super::{REPORT, is_report, lock, of};
use crate::api::{Call, Failure, Output, Primitive, Ty, option, param, ui};
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
    doc: "Looks again and again and gives the last report. On a terminal it draws services against layers, and the causes; elsewhere it writes the first report and then what changed; with `-o json` every report, one a line. Ctrl-C ends the run with the exit code of the last report.",
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
        if times.is_some_and(|times| looks >= times) {
            return Ok(value);
        }
        shown.next(call, report);
        call.cx().sleep(every.saturating_sub(began.elapsed()))?;
    }
}

/// What the watcher has seen so far.
struct Shown {
    output: Output,
    before: Option<Report>,
}

impl Shown {
    fn next(&mut self, call: &Call<'_>, report: Report) {
        let style = Style {
            colour: self.output.colour,
            width: self.output.width,
        };
        if self.output.json {
            let line = serde_json::to_string(&report).unwrap_or_default();
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        } else if std::io::stdout().is_terminal() {
            let now = crate::api::Time(call.cx().now());
            let page = report::grid(&report, style);
            // Home, the page with the rest of each line cleared, then the rest of the screen.
            let page = page.replace('\n', "\x1b[K\n");
            let mut out = std::io::stdout().lock();
            let _ = write!(
                out,
                "\x1b[H{page}\x1b[K\n{now}, Ctrl-C ends with this verdict\x1b[K\n\x1b[J"
            );
            let _ = out.flush();
        } else {
            match &self.before {
                None if report.checks.is_empty() => {}
                None => ui::write_out(self.output, &report::human(&report, style)),
                Some(before) => {
                    for line in report::changes(before, &report) {
                        ui::write_out(
                            self.output,
                            &format!("{} {line}", crate::api::Time(call.cx().now())),
                        );
                    }
                }
            }
        }
        self.before = Some(report);
    }
}
