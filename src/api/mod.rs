//! What scripts may call: one file per namespace, each a table of primitive records.
//!
//! The files are thin: convert in, call the domain, convert out. The one wrapper around every call is
//! in `dispatch`; the gate that it passes is the floor below.

mod alertmanager;
mod args;
mod backfill;
mod board;
mod branch;
mod calendar;
mod call;
mod codec;
mod compose;
mod connection;
mod coverage;
mod dispatch;
mod dns;
mod docker;
mod env;
mod every;
mod failure;
mod fs;
mod graph;
mod history;
mod http;
mod interrupt;
mod journal;
mod json;
mod lock;
mod logs;
mod loki;
mod order;
mod output;
mod plan;
mod postgres;
mod primitive;
mod proc;
mod progress;
mod prom;
mod provider;
mod questdb;
mod redis;
mod regex;
mod report;
mod retention;
mod rows;
mod shape;
mod sys;
mod task;
mod tcp;
mod text;
mod time;
mod tls;
pub(crate) mod ui;
pub mod units;
mod workflow;

pub use branch::{Branch, Frame, enter, with_branch};
pub use calendar::Calendars;
pub use call::Call;
pub(crate) use call::thrown;
pub use dispatch::{LastRaise, SiteTable, register};
pub(crate) use dispatch::{closest, read_as, to_json};
pub use failure::{Failure, Kind, SETTING};
pub use output::{AtEnd, Cleanup, Output, OutputLost, ScriptSettings, StateFolder};
pub use primitive::{
    Answer, Arg, Args, Namespace, Param, Preview, Primitive, Ty, Vet, option, param,
};
pub use shape::{Field, Handle, Record, Shape, Time, field, plain, show};

pub(crate) use interrupt::Interrupts;
pub(crate) use report::{CheckFile, CheckFiles, Watched, invalid_check, is_report, is_result};
pub(crate) use task::snapshot;

/// A result as people read it, for the records that have a form of their own.
pub(crate) fn human(value: &rhai::Dynamic, output: Output) -> Option<String> {
    report::human(value, output)
}

pub use workflow::WorkflowRunner;

/// Every namespace, in alphabetical order.
pub static NAMESPACES: &[&Namespace] = &[
    &alertmanager::NAMESPACE,
    &args::NAMESPACE,
    &backfill::NAMESPACE,
    &calendar::NAMESPACE,
    &compose::NAMESPACE,
    &coverage::NAMESPACE,
    &dns::NAMESPACE,
    &docker::NAMESPACE,
    &env::NAMESPACE,
    &fs::NAMESPACE,
    &history::NAMESPACE,
    &http::NAMESPACE,
    &journal::NAMESPACE,
    &json::NAMESPACE,
    &lock::NAMESPACE,
    &logs::NAMESPACE,
    &loki::NAMESPACE,
    &plan::NAMESPACE,
    &postgres::NAMESPACE,
    &proc::NAMESPACE,
    &prom::NAMESPACE,
    &provider::NAMESPACE,
    &questdb::NAMESPACE,
    &redis::NAMESPACE,
    &regex::NAMESPACE,
    &report::NAMESPACE,
    &retention::NAMESPACE,
    &sys::NAMESPACE,
    &task::NAMESPACE,
    &tcp::NAMESPACE,
    &text::NAMESPACE,
    &time::NAMESPACE,
    &tls::NAMESPACE,
    &ui::NAMESPACE,
    &workflow::NAMESPACE,
];
