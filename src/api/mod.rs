//! What scripts may call: one file per namespace, each a table of primitive records.
//!
//! The files are thin: convert in, call the domain, convert out. The one wrapper around every call is
//! in `dispatch`; the gate that it passes is the floor below.

mod args;
mod branch;
mod call;
mod dispatch;
pub mod docker;
mod failure;
mod history;
mod output;
mod plan;
pub mod dns;
mod failure;
pub mod http;
mod primitive;
mod report;
pub mod env;
mod failure;
pub mod fs;
pub mod json;
pub mod lock;
mod output;
mod plan;
mod primitive;
pub mod proc;
pub mod regex;
mod postgres;
mod primitive;
mod questdb;
mod redis;
mod rows;
mod shape;
pub mod sys;
mod task;
pub mod text;
pub mod time;
pub(crate) mod ui;
mod workflow;
pub use workflow::WorkflowRunner;
pub mod tcp;
pub mod units;

pub use branch::{Branch, Frame, enter, with_branch};
pub use call::Call;
pub(crate) use call::thrown;
pub use dispatch::{LastRaise, SiteTable, register};
pub(crate) use dispatch::{closest, to_json};
pub use failure::{Failure, Kind};
pub use output::{Cleanup, Output, StateFolder};
pub use primitive::{
    Answer, Arg, Args, Namespace, Param, Preview, Primitive, Ty, Vet, option, param,
};
pub use shape::{Field, Handle, Record, Shape, Time, field, plain, show};

pub(crate) use report::is_report;

/// A result as people read it, for the records that have a form of their own.
pub(crate) fn human(value: &rhai::Dynamic, output: Output) -> Option<String> {
    report::human(value, output)
}

/// Every namespace, in alphabetical order.
pub static NAMESPACES: &[&Namespace] = &[
    &args::NAMESPACE,
    &history::NAMESPACE,
    &docker::NAMESPACE,
    &plan::NAMESPACE,
    &report::NAMESPACE,
    &env::NAMESPACE,
    &fs::NAMESPACE,
    &json::NAMESPACE,
    &lock::NAMESPACE,
    &plan::NAMESPACE,
    &proc::NAMESPACE,
    &regex::NAMESPACE,
    &sys::NAMESPACE,
    &task::NAMESPACE,
    &text::NAMESPACE,
    &time::NAMESPACE,
    &ui::NAMESPACE,
    &workflow::NAMESPACE,
];
pub static NAMESPACES: &[&Namespace] = &[&dns::NAMESPACE, &http::NAMESPACE, &tcp::NAMESPACE];
pub static NAMESPACES: &[&Namespace] =
    &[&postgres::NAMESPACE, &questdb::NAMESPACE, &redis::NAMESPACE];
