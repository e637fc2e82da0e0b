//! Logs of many sources as one: records with their traces and levels, what is wanted of them, and how they are shown.
//!
//! A *record* is a line with the lines of its trace. It is *judged* by a query on whichever thread read it, which costs no
//! allocation where it is not wanted, and then goes through one [`Sequence`] in the order in which it is shown.

mod condition;
mod error;
mod escape;
mod feed;
mod fold;
mod group;
mod history;
mod input;
mod intake;
mod json;
mod level;
mod live;
mod logfmt;
mod markers;
mod output;
mod pump;
mod query;
mod rate;
mod record;
mod scan;
mod sequence;
mod severity;
mod source;
mod tail;
mod template;
#[cfg(test)]
mod tests;
mod view;

pub use crate::instant::{instant, nanos, parse as time_of};
pub use condition::Condition;
pub use error::Error;
pub use input::Input;
pub use level::Level;
pub use output::Output;
pub use query::{Gate, Judged, Query, Trace, level as level_of, pattern};
pub use record::{Look, Record, Stream};
pub use scan::Scan;
pub use sequence::{Counts, End, Note, Order, Seen, Sequence, Sink, Tally};
pub use severity::{Provenance, Severity};
pub use source::{Source, Sources};
pub use tail::{Pick, Tail, Target};
pub use view::{Clean, View};
