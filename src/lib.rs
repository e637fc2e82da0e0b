//! `tradeops`: a scriptable operations runtime. Typed primitives in Rust, workflows in Rhai.
//!
//! Floors, each calling only downwards: [`cli`] - [`script`] - [`api`] - [`gate`] - the domains - [`run`].
//! `docs/architecture.md` says why.

mod address;
pub mod alertmanager;
pub mod api;
pub mod backfill;
pub mod calendar;
pub mod cli;
pub mod compose;
pub mod coverage;
pub mod docker;
pub mod environment;
pub mod files;
pub mod gate;
pub mod history;
pub mod http;
mod instant;
pub mod journal;
pub mod lock;
pub mod logs;
pub mod loki;
pub mod net;
mod pattern;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod provider;
pub mod questdb;
pub mod redis;
pub mod report;
pub mod retention;
pub mod rows;
pub mod run;
pub mod script;
pub mod secret;
mod sql;
pub mod system;
pub mod tls;
mod tokens;
