//! `ui::spinner` and `ui::progress`: something that moves while work goes on, where somebody looks.
//!
//! Drawn on standard error and only on a terminal; elsewhere a line at the beginning says what is done.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rhai::Dynamic;

use super::{Call, Failure, Kind, Output, Primitive, Ty, option, param};
use crate::gate::Access;

pub(super) const SPINNER: Primitive = Primitive {
    name: "spinner",
    params: &[
        param("title", Ty::Str, "what is being done"),
        param(
            "work",
            Ty::Closure,
            "called without arguments, on this thread",
        ),
    ],
    access: Access::Local,
    returns: Ty::Any,
    doc: "Shows that something goes on while a function runs, and gives its value.",
    example: "ui::spinner(\"counting\", || 6 * 7)",
    call: |call| {
        let bar = bar(call, None);
        let Some(work) = call.args().closure("work") else {
            return Err(Failure::new(Kind::Invalid, "`work` wants a closure"));
        };
        let answer = call.invoke(work, vec![]);
        bar.0.finish_and_clear();
        answer
    },
    ..Primitive::PURE
};

pub(super) const PROGRESS: Primitive = Primitive {
    name: "progress",
    params: &[
        param(
            "items",
            Ty::List(&Ty::Any),
            "what to work on, one after the other",
        ),
        param("work", Ty::Closure, "called with one item, on this thread"),
    ],
    options: &[option("title", Ty::Str, "\"\"", "what is being done")],
    access: Access::Local,
    returns: Ty::List(&Ty::Any),
    doc: "Calls a function for each item, shows how far it has come, and gives the values in order. The first error is thrown.",
    example: "ui::progress([1, 2, 3], |n| n * 2, #{ title: \"doubling\" })",
    call: |call| {
        let items = call.args().list("items").to_vec();
        let bar = bar(call, Some(items.len() as u64));
        let Some(work) = call.args().closure("work") else {
            return Err(Failure::new(Kind::Invalid, "`work` wants a closure"));
        };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            call.cx().check()?;
            values.push(call.invoke(work, vec![item])?);
            bar.0.inc(1);
        }
        Ok(Dynamic::from_array(values))
    },
    ..Primitive::PURE
};

/// Takes its line away however the work ends, so that the terminal is as it was.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bar(call: &Call<'_>, total: Option<u64>) -> Bar {
    let output = *call.run().resources().get_or(|| Output::PLAIN);
    let title = call
        .run()
        .redactor()
        .text(call.args().str("title"))
        .into_owned();
    if !output.live {
        if !title.is_empty() {
            super::ui::tell(&title);
        }
        return Bar(ProgressBar::hidden());
    }
    let bar =
        ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_message(title);
    let form = if total.is_some() {
        "{msg} {wide_bar} {pos}/{len} {eta}"
    } else {
        "{spinner} {msg} {elapsed}"
    };
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    Bar(bar)
}

/// What a program says while it works: its last line where somebody looks, every line elsewhere.
pub(super) struct Working<'a> {
    call: &'a Call<'a>,
    bar: Option<Bar>,
}

impl<'a> Working<'a> {
    pub(super) fn begin(call: &'a Call<'a>) -> Self {
        Self::shown(call, None, "{spinner} {wide_msg} {elapsed}")
    }

    /// Work of which it is known how much there is.
    pub(super) fn counted(call: &'a Call<'a>, total: u64) -> Self {
        Self::shown(call, Some(total), "{bar:24} {wide_msg} {elapsed}")
    }

    fn shown(call: &'a Call<'a>, total: Option<u64>, form: &str) -> Self {
        let output = *call.run().resources().get_or(|| Output::PLAIN);
        let bar = output.live.then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template(form) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            Bar(bar)
        });
        Self { call, bar }
    }

    /// Says a line, and that one more of what was counted is done.
    pub(super) fn one(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.0.inc(1);
        }
        self.say(line);
    }

    pub(super) fn say(&self, line: &str) {
        let line = self.call.run().redactor().text(line).into_owned();
        match &self.bar {
            Some(bar) => bar.0.set_message(line),
            None => super::ui::tell(&line),
        }
    }

    /// The same with the step of it, which is for whoever looks: elsewhere a line tells its beginning alone.
    pub(super) fn step(&self, line: &str, step: &str) {
        match (&self.bar, step) {
            (_, "") => self.say(line),
            (Some(_), step) => self.say(&format!("{line}: {step}")),
            (None, _) => {}
        }
    }
}
