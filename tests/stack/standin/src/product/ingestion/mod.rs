//! The ingestion service's own API: streams, coverage, backfills. Coverage is asked of the real QuestDB, and
//! what a backfill says it stored, it stored there: made-up data (`provider.rs`), unless it is told to misbehave
//! (`conduct.rs`).

mod asked;
mod backfill;
mod conduct;
mod coverage;
mod provider;
mod sessions;
mod store;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::app::App;
use super::{backends, env, quote};
use crate::control::Control;
use crate::http::{Request, Response};
use crate::text;
pub(super) use conduct::Conduct;

/// Loops and their intervals in seconds.
pub(super) const LOOPS: [(&str, u64); 7] = [
    ("quote_stream", 5),
    ("news_stream", 300),
    ("social_stream", 300),
    ("daily_options", 21_600),
    ("daily_delta", 5_400),
    ("options_coverage", 86_400),
    ("equities_coverage", 86_400),
];

pub(super) type Answer = Result<Response, Response>;
/// What its streams write, as the tables of the stack have it.
const FED: [&str; 4] = [
    "INSERT INTO market_data (symbol, timestamp, open, high, low, close, volume, source) VALUES ('SPY', now(), 100, 102, 99, 101, 1000, 'stream')",
    "INSERT INTO options_data (underlying, option_symbol, timestamp, bid, ask, last, volume, source) VALUES ('AAPL', 'O:AAPLC100', now(), 1, 1.1, 1.05, 10, 'stream')",
    "INSERT INTO news_items (symbol, ts, title, source, url, sentiment, relevance, provider) VALUES ('AAPL', now(), 'a title', 'stream', 'http://localhost/', 0.1, 0.5, 'stream')",
    "INSERT INTO social_signals (symbol, source, ts, sentiment, engagement, influence, author, url, content) VALUES ('AAPL', 'stream', now(), 0.1, 0.5, 0.5, 'ann', 'http://localhost/', 'a post')",
];

/// A row into each table every half minute, for as long as the process lives.
pub(super) fn feed(control: &Arc<Control>) {
    let control = Arc::clone(control);
    std::thread::spawn(move || {
        loop {
            for statement in FED {
                if let Err(cause) = backends::questdb(statement) {
                    control
                        .log
                        .warn("a row was not stored", &[("cause", &cause)]);
                }
            }
            std::thread::sleep(Duration::from_secs(30));
        }
    });
}

pub(super) fn answer(app: &App, request: &Request) -> Response {
    let path = request.path.trim_start_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    let answer = match (request.verb(), parts.as_slice()) {
        ("GET", ["streams", "status"]) => Ok(Response::json(200, &streams(app))),
        ("GET", ["health", "extended"]) => Ok(Response::json(200, &extended(app))),
        ("GET", ["coverage", "options"]) => coverage::options_coverage(request),
        ("GET", ["coverage", "equities"]) => coverage::equities_coverage(request),
        ("GET", ["coverage", "equities_full"]) => coverage::equities_full(request),
        ("GET", ["coverage", "news"]) => coverage::dataset_coverage("news_items"),
        ("GET", ["coverage", "social"]) => coverage::dataset_coverage("social_signals"),
        ("GET", ["coverage", "summary"]) => Ok(Response::json(200, &coverage::summary())),
        ("POST", ["coverage", "equities", "export"]) => coverage::export(app),
        // The real one fails here, always.
        ("POST", ["coverage", "options", "export"]) => {
            Err(failure(500, "name 'underlying_list' is not defined"))
        }
        ("POST", ["coverage", "equities", "remediate"]) => Ok(coverage::remediate(request)),
        ("POST", ["market-data", "quote", symbol]) => quote::answer(app, symbol),
        (verb, parts) => return backfill::answer(app, request, verb, parts),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

pub(super) fn failure(status: u16, detail: &str) -> Response {
    Response::json(status, &json!({ "detail": detail }))
}

fn query(sql: &str) -> Result<Vec<Vec<Value>>, Response> {
    backends::questdb(sql).map_err(|error| failure(502, &format!("QuestDB: {error}")))
}

/// The original pastes it into SQL as it is; this one does not.
pub(super) fn symbol(text: &str) -> Result<String, Response> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'^' | b':');
    if !text.is_empty() && text.len() <= 32 && text.bytes().all(fine) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err(failure(400, "invalid symbol"))
    }
}

fn day(text: &str) -> Result<i64, Response> {
    text::parse_date(text).ok_or_else(|| failure(400, &format!("invalid date: {text}")))
}

fn today() -> i64 {
    text::unix_micros().div_euclid(86_400_000_000)
}

fn enabled(name: &str) -> bool {
    matches!(env(name, "false").as_str(), "1" | "true" | "yes")
}

fn streams(app: &App) -> Value {
    let now = text::unix_micros();
    let error = app.control.not_ready().map(|reasons| reasons.join(", "));
    let mut body = Map::new();
    for (name, interval) in LOOPS {
        let loop_state = json!({
            "enabled": true,
            "last_run": text::rfc3339(now - 5_000_000),
            "last_error": error,
            "interval_seconds": interval,
        });
        body.insert(name.to_owned(), loop_state);
    }
    let overrides = json!({"gating_override": null, "symbols_override": null, "env_enabled": true, "env_hours_only": false});
    body.insert("quote_stream_overrides".to_owned(), overrides);
    Value::Object(body)
}

fn extended(app: &App) -> Value {
    let status = if app.redis.alive() && app.control.not_ready().is_none() {
        "healthy"
    } else {
        "degraded"
    };
    json!({
        "status": status,
        "ingestion_pipelines": streams(app),
        "ingestion_errors_aggregated": {},
        "provider_metrics": {"polygon": {"requests": 120, "errors": 0}, "eodhd": {"requests": 40, "errors": 0}},
    })
}
