//! Coverage: what a store has of what it should have. On which days rows are due by the exchange's calendar, on which there are
//! some, and of each that is missing why: not listed, asked and empty, asked and failed, never asked.

mod contracts;
mod days;
mod due;
mod error;
mod gap;
mod ledger;
mod page;
mod read;
mod share;
mod survey;

pub use contracts::{Contracts, Recent, contracts};
pub use days::Days;
use days::{date, number};
pub use due::Due;
pub use error::Error;
pub use gap::{Class, Gap, Known, Place, gaps};
pub use ledger::{Entry, Ledger, State};
pub use page::page;
pub use read::{Holding, Source, read, source};
pub use share::{Level, STEPS, Share, months, shares, strip};
pub use survey::{Asked, Survey, Symbol, Wanted, read_all, sources, survey};
