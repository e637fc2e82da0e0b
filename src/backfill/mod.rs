//! Backfill: what is missing in the store is planned, asked of the ingestion service at the pace that its providers bear, and done
//! only when the store has it.

mod chunk;
mod endpoint;
mod error;
mod pace;
mod plan;
mod queue;
mod run;
mod shared;
mod sort;
mod store;

pub use chunk::{Ended, Outcome};
pub use endpoint::{Endpoint, Filled, Said};
pub use error::Error;
pub use pace::{Pacing, Rate, Turn};
pub use plan::{
    AssetPlan, Chunk, Estimate, Left, Order, Pace, Plan, Policy, Range, Reason, SCHEMA, SymbolPlan,
    Warning, plan,
};
pub use queue::{InOrder, Queue, Taken};
pub use run::{Done, Means, Options, Watch, run};
pub use shared::{Shared, join};
pub use store::Asset;
