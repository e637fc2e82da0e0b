//! Docker Compose: what a project is, read as Compose itself resolves it, and what changes it.
//!
//! There is no second Compose here: files are read by `docker compose config`, and whatever creates, builds
//! or removes goes through Compose, so that a container of ours cannot be told from one of its own. Where the
//! file is gone and containers are left, their labels and settings say what is known (see [`labels`]).

mod change;
mod config;
mod error;
mod labels;
mod program;
mod progress;
mod project;
mod variables;

pub use change::Foreseen;
pub use change::{Build, Changed, Down, Pull, Stop, Touched, Up};
pub use error::{Error, Unset};
pub use progress::Step;
pub use project::{Dependency, Named, Project, PublishedPort, Service, ServiceMount, Which};
