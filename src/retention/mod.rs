//! Rows that have had their time are removed from stores that have no `DELETE` worth the name, with nothing else lost.
//!
//! QuestDB can only drop whole partitions. A partition of which rows stay is written anew in place: these rows are copied
//! aside, the copy is proven equal, all rows are exported, the partition is dropped and the copy put back. Each step is in a
//! journal before it is taken, so that a run that was killed anywhere is brought to its end by the next one (`resume`).
//!
//! A row that is written while its partition is dropped would be lost without a trace: the drop is sent only when
//! the table's sequencer stood still since the partition was proven, and has moved by that one transaction after it.

mod error;
mod export;
mod partition;
mod plan;
mod proof;
mod remove;
mod resume;
mod rows;
mod site;
mod ttl;
mod undo;

pub use error::Error;
pub use export::{Expired, expire};
pub use partition::Ended;
pub use plan::{Plan, plan, planned_rows};
pub use remove::{Carried, Options, Removed, remove, unfinished};
pub use rows::{RowsOptions, RowsPlan, RowsRemoved, plan_rows, remove_rows, undo_rows};
pub use site::{Busy, Watch};
pub use undo::{Undone, tables, undo};
