//! `tradeops`: a scriptable operations runtime. Typed primitives in Rust, workflows in Rhai.
//!
//! Floors, each calling only downwards: [`cli`] - [`script`] - [`api`] - [`gate`] - the domains - [`run`].
//! `docs/architecture.md` says why.

pub mod api;
pub mod cli;
pub mod gate;
pub mod http;
pub mod net;
pub mod prometheus;
pub mod run;
pub mod script;
