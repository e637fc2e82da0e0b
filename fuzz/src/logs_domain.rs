//! What of the domain `logs` needs nothing but itself.

#[path = "../../src/logs/condition.rs"]
pub mod condition;
#[path = "../../src/logs/escape.rs"]
pub mod escape;
#[path = "../../src/logs/fold.rs"]
mod fold;
#[path = "../../src/logs/group.rs"]
pub mod group;
#[path = "../../src/logs/json.rs"]
mod json;
#[path = "../../src/logs/level.rs"]
mod level;
#[path = "../../src/logs/logfmt.rs"]
mod logfmt;
#[path = "../../src/logs/output.rs"]
mod output;
#[path = "../../src/logs/query.rs"]
pub mod query;
#[path = "../../src/logs/rate.rs"]
mod rate;
#[path = "../../src/logs/record.rs"]
pub mod record;
#[path = "../../src/logs/sequence.rs"]
pub mod sequence;
#[path = "../../src/logs/severity.rs"]
pub mod severity;
#[path = "../../src/logs/source.rs"]
pub mod source;
#[path = "../../src/logs/template.rs"]
mod template;
#[path = "../../src/logs/view.rs"]
pub mod view;

pub use condition::Condition;
pub use level::Level;
pub use output::Output;
pub use record::{Record, Stream};
pub use sequence::{Order, Sequence};
pub use source::{Source, Sources};
pub use view::{Clean, View};

/// Texts of which one stands in whatever is at least this bad.
pub fn literals(level: Level) -> Vec<String> {
    severity::literals(level)
}

/// Goes through a text as it is read from a file.
pub fn records(text: &[u8], mut each: impl FnMut(&[u8], u32)) {
    let mut at = 0;
    while at < text.len() {
        let (end, lines) = group::end_of(text, at);
        assert_eq!(group::head_of(text, at), at);
        let record = &text[at..end];
        each(record.strip_suffix(b"\n").unwrap_or(record), lines);
        at = end;
    }
}

/// The severity of a record.
pub fn severity_of(text: &[u8]) -> Option<severity::Severity> {
    severity::of(text)
}
