//! What scripts may call: one file per namespace, each a table of primitive records.
//!
//! The files are thin: convert in, call the domain, convert out. The one wrapper around every call is
//! in `dispatch`; the gate that it passes is the floor below.

mod args;
mod branch;
mod call;
mod dispatch;
pub mod dns;
mod failure;
pub mod http;
mod output;
mod plan;
mod primitive;
mod shape;
mod task;
pub mod tcp;
pub(crate) mod ui;
pub mod units;

pub use branch::{Branch, enter, with_branch};
pub use call::Call;
pub use dispatch::{LastRaise, SiteTable, register};
pub(crate) use dispatch::{closest, to_json};
pub use failure::{Failure, Kind};
pub use output::{Cleanup, Output, ScriptArgs, StateFolder};
pub use primitive::{
    Answer, Arg, Args, Namespace, Param, Preview, Primitive, Ty, Vet, option, param,
};
pub use shape::{Field, Handle, Record, Shape, Time, field, plain, show};

/// A result as people read it, for the records that have a form of their own.
pub(crate) fn human(_: &rhai::Dynamic, _: Output) -> Option<String> {
    None
}

/// Every namespace, in alphabetical order.
pub static NAMESPACES: &[&Namespace] = &[
    &args::NAMESPACE,
    &dns::NAMESPACE,
    &http::NAMESPACE,
    &plan::NAMESPACE,
    &task::NAMESPACE,
    &tcp::NAMESPACE,
    &ui::NAMESPACE,
];
