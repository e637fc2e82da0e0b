//! What scripts may call: one file per namespace, each a table of primitive records.
//!
//! The files are thin: convert in, call the domain, convert out. The one wrapper around every call is
//! in `dispatch`; the gate that it passes is the floor below.

mod branch;
mod call;
mod dispatch;
mod failure;
mod postgres;
mod primitive;
mod questdb;
mod redis;
mod rows;
mod shape;
pub mod units;

pub use branch::{Branch, enter, with_branch};
pub use call::Call;
pub use dispatch::{SiteTable, register};
pub use failure::{Failure, Kind};
pub use primitive::{
    Answer, Arg, Args, Namespace, Param, Preview, Primitive, Ty, Vet, option, param,
};
pub use shape::{Field, Handle, Record, Shape, Time, field, plain, show};

/// Every namespace, in alphabetical order.
pub static NAMESPACES: &[&Namespace] =
    &[&postgres::NAMESPACE, &questdb::NAMESPACE, &redis::NAMESPACE];
