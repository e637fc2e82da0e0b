//! Coverage: what a store has of what it should have. On which days rows are due by the exchange's calendar, on which there are
//! some, and of each that is missing why: not listed, asked and empty, asked and failed, never asked.

mod days;
mod due;
mod error;
mod gap;
mod ledger;
mod read;
mod survey;

pub use days::Days;
use days::number;
pub use due::Due;
pub use error::Error;
pub use gap::{Class, Gap, Known, Place, gaps};
pub use ledger::{Entry, Ledger, State};
pub use read::{Holding, Source, read, source};
pub use survey::{Asked, Survey, Symbol, Wanted, survey};
