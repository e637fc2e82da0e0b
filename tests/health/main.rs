//! `health.rhai` through the real binary on the real small stack. The tests disturb the stack, so they run one
//! after the other and put everything back.

#![expect(
    clippy::print_stdout,
    reason = "the measured numbers, shown with --nocapture and on failure"
)]

mod backups;
mod bounds;
mod fault;
mod models;
mod numbers;
mod page;
mod providers;
mod monitoring;
mod project;
mod stack;
mod verdicts;
