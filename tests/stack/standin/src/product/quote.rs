//! The ingestion service's quote of one symbol.

use serde_json::json;

use super::app::App;
use super::ingestion::{Answer, failure, symbol};
use crate::http::Response;
use crate::text;

/// A good quote, or what the control port wants. The original's own method is a stub: it finds nothing, means to
/// say 404, and says 500 (`answer=stub`).
pub(super) fn answer(app: &App, name: &str) -> Answer {
    let name = symbol(name)?;
    let told = app.control.quote();
    let wanted = told.as_ref().map_or("", |quote| quote.answer.as_str());
    let now = text::unix_micros();
    let (at, price, issues) = match wanted {
        "stub" => {
            return Err(failure(
                500,
                &format!("404: No quote data available for {name}"),
            ));
        }
        "none" => {
            return Err(failure(404, &format!("No quote data available for {name}")));
        }
        "stale" => {
            let age = told.as_ref().map_or(0, |quote| quote.age_seconds);
            (now - age * 1_000_000, 100.5, json!([]))
        }
        "zero" => (now, 0.0, json!([])),
        "invalid" => (now, 100.5, json!(["price_outlier"])),
        _ => (now, 100.5, json!([])),
    };
    let data = json!({
        "symbol": if wanted == "other" { "OTHER" } else { &name }, "timestamp": text::rfc3339(at),
        "open": price, "high": price, "low": price, "close": price, "volume": 1000, "source": "standin",
    });
    let valid = issues.as_array().is_some_and(Vec::is_empty);
    Ok(Response::json(
        200,
        &json!({"data": data, "validation": {"valid": valid, "issues": issues, "details": {}}}),
    ))
}
