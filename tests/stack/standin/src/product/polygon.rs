//! A market data provider of the outside world, as far as a health check sees one: a key, a limit, and the state
//! of the market. It listens beside the ingestion service, which is the one that uses it.

use serde_json::json;

use super::env;
use crate::http::{Request, Response};
use crate::text;

pub(super) const PORT: u16 = 8095;

/// Where the market's state is.
pub(super) const STATUS: &str = "/v1/marketstatus/now";

pub(super) fn status(request: &Request) -> Response {
    let wanted = format!("Bearer {}", env("POLYGON_API_KEY", ""));
    if request.header("Authorization") != Some(&wanted) {
        return Response::json(
            401,
            &json!({"status": "ERROR", "request_id": "standin", "error": "Unknown API Key"}),
        );
    }
    let body = json!({
        "market": "open", "serverTime": text::rfc3339(text::unix_micros()),
        "exchanges": {"nasdaq": "open", "nyse": "open", "otc": "open"}, "afterHours": false, "earlyHours": false,
    });
    Response::json(200, &body)
        .with("X-RateLimit-Limit", "300")
        .with("X-RateLimit-Remaining", "287")
        .with("X-RateLimit-Reset", "42")
}
