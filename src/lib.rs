//! `tradeops`: a scriptable operations runtime. Typed primitives in Rust, workflows in Rhai.
//!
//! Floors, each calling only downwards: [`cli`] - [`script`] - [`api`] - [`gate`] - the domains - [`run`].
//! `docs/architecture.md` says why.

mod address;
pub mod api;
pub mod cli;
pub mod docker;
pub mod gate;
pub mod history;
pub mod prometheus;
pub mod report;
pub mod environment;
pub mod files;
pub mod gate;
pub mod lock;
pub mod process;
pub mod http;
pub mod net;
pub mod run;
pub mod script;
pub mod system;
pub mod postgres;
pub mod questdb;
pub mod redis;
pub mod rows;
pub mod run;
mod sql;
