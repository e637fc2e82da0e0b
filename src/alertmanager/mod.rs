//! Alertmanager: its alerts, its silences and itself, by its API (`/api/v2`, prometheus/alertmanager `api/v2/openapi.yaml`).
//! Reads only.

mod alerts;
mod ask;
mod error;
mod silences;
mod status;

pub use alerts::{Alert, Which, alerts};
pub use ask::Server;
pub use error::Error;
pub use silences::{Matcher, Silence, silences};
pub use status::{Status, status};
