//! `health.rhai` through the real binary on the real small stack. The tests disturb the stack, so they run one
//! after the other and put everything back.

#![expect(
    clippy::print_stdout,
    reason = "the measured numbers, shown with --nocapture and on failure"
)]

mod backups;
mod bounds;
mod data;
mod data_faults;
mod fault;
mod fault_table;
mod flags;
mod machine;
mod many;
mod models;
mod monitoring;
mod monitoring_faults;
mod numbers;
mod page;
mod project;
mod providers;
mod security;
mod security_faults;
mod stack;
#[path = "../support/tls_server.rs"]
mod tls_server;
mod verdicts;
