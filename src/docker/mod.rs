//! Docker: containers, their use, logs and events, and what changes them, over one [`Engine`].
//!
//! Containers are named exactly, by name or by an id of at least twelve digits; never by a part of a
//! name. Waiting for an answer never holds the caller beyond a stop of its branch: requests run on the
//! shared runtime (see `run::wait`), never by `block_on`.

mod address;
mod change;
mod containers;
mod context;
mod data;
mod detail;
mod disk;
mod endpoint;
mod engine;
mod error;
mod events;
mod exec;
mod holdings;
mod info;
mod lines;
mod log_file;
mod log_stream;
mod logs;
mod memory;
mod own_check;
mod ready;
mod ssh;
mod ssh_trouble;
mod stats;
mod transport;
mod wait;

pub use change::Change;
pub use containers::{Container, Filter, Mount, Port};
pub use data::{Gone, Saved};
pub use detail::{ContainerDetail, Environment, Health, HealthProbe};
pub use disk::{DiskUsage, VolumeUsage};
pub use endpoint::{Endpoint, Settings};
pub use engine::Engine;
pub use error::Error;
pub use events::{Event, EventRange, Events};
pub use exec::{ExecOptions, ExecResult};
pub use holdings::{Image, Network, Volume};
pub use info::EngineInfo;
pub use log_file::LogFiles;
pub use log_stream::{LogAsk, LogReader, LogStream, LogText, Mark, Step};
pub use logs::{LineCount, LogBounds, LogLine, LogRange, Logs};
pub use ready::{Readiness, Ready, Until};
pub use stats::{Sample, Stats};
pub use wait::{Goal, Waited};
