//! The language side: finding scripts, their headers, the engine, the check, arguments, diagnostics and
//! the host that runs them.

pub mod args;
pub mod check;
mod check_files;
pub mod diagnostic;
pub mod engine;
pub mod fault;
pub mod header;
mod held;
pub mod host;
pub mod library;
pub mod load;
mod nested;
pub mod program;
pub mod reference;
pub mod session;
pub mod shipped;
pub mod standard;
mod standard_table;
pub mod syntax;
mod thread;
