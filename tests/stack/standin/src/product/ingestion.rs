//! The ingestion service's own API: streams, coverage, backfills. Coverage is asked of the real QuestDB, and
//! what a backfill says it stored, it stored there (made-up data).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::app::App;
use super::{backends, env, quote};
use crate::control::Control;
use crate::http::{Request, Response};
use crate::text;

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
        ("GET", ["coverage", "options"]) => options_coverage(request),
        ("GET", ["coverage", "equities"]) => equities_coverage(request),
        ("GET", ["coverage", "equities_full"]) => equities_full(request),
        ("GET", ["coverage", "news"]) => dataset_coverage("news_items"),
        ("GET", ["coverage", "social"]) => dataset_coverage("social_signals"),
        ("GET", ["coverage", "summary"]) => Ok(Response::json(200, &summary())),
        ("POST", ["coverage", "equities", "export"]) => export(app),
        // The real one fails here, always.
        ("POST", ["coverage", "options", "export"]) => {
            Err(failure(500, "name 'underlying_list' is not defined"))
        }
        ("POST", ["coverage", "equities", "remediate"]) => Ok(remediate(request)),
        ("POST", ["market-data", "options-chain", symbol]) => options_chain(app, request, symbol),
        ("POST", ["market-data", "historical", symbol]) => historical(app, request, symbol),
        ("POST", ["market-data", "quote", symbol]) => quote::answer(app, symbol),
        ("POST", ["news", "backfill"]) => news_backfill(app, request),
        ("POST", ["backfill", "options"]) => Ok(backfill_options(app, request)),
        ("POST", ["social", "backfill"] | ["backfill", "news" | "social"]) => {
            never_run(app, request)
        }
        // Changes state by GET: no `read` may reach these.
        ("GET", ["backfill", "news" | "social", "run"]) => never_run(app, request),
        ("POST", ["backfill", "run"] | ["backfill", "equities" | "options", "run"]) => {
            Ok(accepted(app, path, Map::new()))
        }
        _ => Err(Response::not_found()),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

pub(super) fn failure(status: u16, detail: &str) -> Response {
    Response::json(status, &json!({ "detail": detail }))
}

fn query(sql: &str) -> Result<Vec<Vec<Value>>, Response> {
    backends::questdb(sql).map_err(|error| failure(502, &format!("QuestDB: {error}")))
}

fn first_row(sql: &str, width: usize) -> Result<Vec<Value>, Response> {
    let mut row = query(sql)?.into_iter().next().unwrap_or_default();
    row.resize(width, Value::Null);
    Ok(row)
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

fn options_coverage(request: &Request) -> Answer {
    if let Some(wanted) = request.query("underlying") {
        let wanted = symbol(wanted)?;
        let row = first_row(
            &format!(
                "SELECT count(), count_distinct(option_symbol), min(timestamp), max(timestamp) FROM options_data WHERE underlying = '{wanted}'"
            ),
            4,
        )?;
        return Ok(Response::json(
            200,
            &json!({"underlying": wanted, "rows": row[0], "contracts": row[1], "first_day": day_of(&row[2]), "last_day": day_of(&row[3])}),
        ));
    }
    let row = first_row(
        "SELECT count(), count_distinct(option_symbol), count_distinct(underlying), min(timestamp), max(timestamp) FROM options_data",
        5,
    )?;
    let body = json!({"rows": row[0], "contracts": row[1], "underlyings": row[2], "first_day": day_of(&row[3]), "last_day": day_of(&row[4])});
    Ok(Response::json(200, &body))
}

fn day_of(timestamp: &Value) -> Value {
    timestamp
        .as_str()
        .and_then(|text| text.get(..10))
        .map_or(Value::Null, Value::from)
}

struct Span {
    symbol: String,
    first: String,
    last: String,
    years: f64,
}

fn spans() -> Result<Vec<Span>, Response> {
    let rows = query(
        "SELECT symbol, min(timestamp), max(timestamp) FROM market_data GROUP BY symbol ORDER BY symbol",
    )?;
    let span = |row: &Vec<Value>| {
        let [name, first, last] = row.as_slice() else {
            return None;
        };
        let (first, last) = (first.as_str()?.get(..10)?, last.as_str()?.get(..10)?);
        let days = text::parse_date(last)? - text::parse_date(first)?;
        Some(Span {
            symbol: name.as_str()?.to_owned(),
            first: first.to_owned(),
            last: last.to_owned(),
            years: days as f64 / 365.25,
        })
    };
    Ok(rows.iter().filter_map(span).collect())
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

fn equities_coverage(request: &Request) -> Answer {
    let min_years: f64 = request
        .query("min_years")
        .and_then(|value| value.parse().ok())
        .unwrap_or(19.5);
    // On a database error the real one still answers 200, with a note.
    let Ok(spans) = spans() else {
        return Ok(Response::json(
            200,
            &json!({"overall": {"rows": 0}, "note": "coverage query failed"}),
        ));
    };
    let meet = spans.iter().filter(|span| span.years >= min_years).count();
    let mut body = json!({
        "symbols_evaluated": spans.len(), "symbols_meet_threshold": meet,
        "ratio": ratio(meet, spans.len()), "min_years": min_years,
    });
    if request.query("sample").is_some() {
        let items = spans.iter().take(200).map(|span| {
            json!({"symbol": span.symbol, "first_day": span.first, "last_day": span.last, "span_years": span.years})
        });
        body["items"] = items.collect();
    }
    Ok(Response::json(200, &body))
}

fn equities_full(request: &Request) -> Answer {
    let limit = usize::try_from(request.number("limit", 500)).unwrap_or(500);
    let spans = spans()?;
    let meet = spans.iter().filter(|span| span.years >= 19.5).count();
    let data = spans.iter().take(limit).map(|span| {
        json!({
            "symbol": span.symbol, "first_date": span.first, "last_date": span.last, "years_span": span.years,
            "meets_20y": span.years >= 19.5, "listing_age_years": span.years, "ipo_adjusted_meets": true,
        })
    });
    let body = json!({
        "status": "success", "symbols_evaluated": spans.len(), "coverage_20y_ratio": ratio(meet, spans.len()),
        "coverage_ipo_adjusted_ratio": 1.0, "table": env("EQUITY_DAILY_TABLE", "market_data"),
        "sampled": request.query("sample") != Some("false"), "data": data.collect::<Value>(),
    });
    Ok(Response::json(200, &body))
}

fn dataset_coverage(table: &str) -> Answer {
    let row = first_row(
        &format!("SELECT count(), count_distinct(symbol), min(ts), max(ts) FROM {table}"),
        4,
    )?;
    let body = json!({"rows": row[0], "symbols": row[1], "first_day": day_of(&row[2]), "last_day": day_of(&row[3])});
    Ok(Response::json(200, &body))
}

/// Failures appear as zeros, as in the original.
fn summary() -> Value {
    let part = |table: &str, time: &str| match first_row(
        &format!("SELECT count(), min({time}), max({time}) FROM {table}"),
        3,
    ) {
        Ok(row) => json!({"rows": row[0], "first": row[1], "last": row[2]}),
        Err(_) => json!({"rows": 0, "first": null, "last": null}),
    };
    json!({
        "status": "success",
        "equities": part("market_data", "timestamp"), "options": part("options_data", "timestamp"),
        "news": part("news_items", "ts"), "social": part("social_signals", "ts"),
    })
}

fn export(app: &App) -> Answer {
    let spans = spans()?;
    let folder = env("OPTIONS_COVERAGE_OUTPUT_DIR", "/app/export/grafana-csv");
    let path = format!("{folder}/equities_coverage.json");
    let stamp = text::date(today()).replace('-', "");
    let items: Value = spans
        .iter()
        .map(|span| json!({"symbol": span.symbol, "first": span.first, "last": span.last}))
        .collect();
    let report =
        json!({"generated_at": text::rfc3339(text::unix_micros()), "items": items}).to_string();
    for file in [
        path.clone(),
        format!("{folder}/equities_coverage_{stamp}.json"),
    ] {
        std::fs::write(&file, &report)
            .map_err(|error| failure(500, &format!("{file}: {error}")))?;
    }
    app.control.jobs.fetch_add(1, Ordering::Relaxed);
    Ok(Response::json(
        200,
        &json!({"status": "success", "path": path, "symbols": spans.len()}),
    ))
}

fn remediate(request: &Request) -> Response {
    let body = json!({
        "status": "success", "generated_at": text::rfc3339(text::unix_micros()),
        "target_years": request.number("target_years", 20), "symbols_considered": 0, "plan_count": 0,
        "executed": request.query("dry_run") == Some("false"), "plan": [], "total_bars_ingested": 0, "exclusions": [],
    });
    Response::json(200, &body)
}

/// One contract a strike step, one bar a day: as many as it says, in the database.
fn options_chain(app: &App, request: &Request, name: &str) -> Answer {
    let name = symbol(name)?;
    if !enabled("ENABLE_OPTIONS_INGEST") {
        return Err(failure(403, "options ingest is disabled"));
    }
    let start = day(request
        .query("start")
        .ok_or_else(|| failure(400, "start is required"))?)?;
    // A bad `end` is a server error in the original.
    let end = request.query("end").map_or(Ok(today()), |end| {
        day(end).map_err(|_| failure(500, "invalid end"))
    })?;
    let days = (end - start + 1).clamp(0, 3700);
    let contracts = request
        .number("max_contracts", 1000)
        .clamp(1, 10_000)
        .min(20);
    let bars = days * contracts;
    if bars > 0 {
        query(&format!(
            "INSERT INTO options_data (underlying, option_symbol, timestamp, bid, ask, last, volume, open_interest, expiry, strike, option_type, source, open, high, low, close) \
             SELECT '{name}', concat('O:{name}C', x % {contracts}), timestamp_sequence('{}T00:00:00.000000Z', {}L), \
             1.0, 1.1, 1.05, 10, 100, cast(to_timestamp('{}', 'yyyy-MM-dd') AS DATE), 100.0 + x % {contracts}, 'call', 'standin', 1.0, 1.2, 0.9, 1.05 FROM long_sequence({bars})",
            text::date(start),
            86_400_000_000 / contracts,
            text::date(end + 30),
        ))?;
    }
    app.control.jobs.fetch_add(1, Ordering::Relaxed);
    let expiry = |key: &str, offset: i64| {
        request
            .query(key)
            .map_or_else(|| text::date(today() + offset), str::to_owned)
    };
    let body = json!({
        "status": "success", "underlying": name, "contracts": contracts, "bars": bars, "enabled": true,
        "start": text::date(start), "end": text::date(end),
        "start_expiry": expiry("start_expiry", -7), "end_expiry": expiry("end_expiry", 45),
    });
    Ok(Response::json(200, &body))
}

fn historical(app: &App, request: &Request, name: &str) -> Answer {
    let name = symbol(name)?;
    let end = request.query("end").map_or(Ok(today()), day)?;
    let start = request
        .query("start")
        .map_or(Ok(end - 365), day)?
        .max(end - 25 * 365);
    let days = (end - start + 1).max(0);
    // Weekends have no bars: day 0 was a Thursday.
    let bars: Vec<String> = (start..=end)
        .filter(|day| !matches!((day + 3).rem_euclid(7), 5 | 6))
        .map(text::date)
        .collect();
    if enabled("ENABLE_QUESTDB_HIST_PERSIST") && days > 0 {
        query(&format!(
            "INSERT INTO market_data (symbol, timestamp, open, high, low, close, volume, source) \
             SELECT '{name}', ts, 100.0, 101.0, 99.0, 100.5, 1000, 'standin' FROM \
             (SELECT dateadd('d', cast(x - 1 AS INT), cast('{}T00:00:00.000000Z' AS TIMESTAMP)) ts FROM long_sequence({days})) WHERE day_of_week(ts) < 6",
            text::date(start)
        ))?;
    }
    app.control.jobs.fetch_add(1, Ordering::Relaxed);
    let data = bars.iter().map(|date| json!({"date": date, "open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 1000}));
    let body = json!({
        "symbol": name, "timeframe": request.query("timeframe").unwrap_or("1d"), "mode": "range", "count": bars.len(),
        "start": text::date(start), "end": text::date(end), "data_source_primary": "standin", "data": data.collect::<Value>(),
    });
    Ok(Response::json(200, &body))
}

fn news_backfill(app: &App, request: &Request) -> Answer {
    let order: Value =
        serde_json::from_slice(&request.body).map_err(|error| failure(422, &error.to_string()))?;
    let symbols: Vec<String> = order["symbols"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(symbol)
        .collect::<Result<_, _>>()?;
    let (start, end) = (
        day(order["start"].as_str().unwrap_or(""))?,
        day(order["end"].as_str().unwrap_or(""))?,
    );
    if start > end {
        return Err(failure(400, "start is after end"));
    }
    let batch_days = order["batch_days"].as_i64().unwrap_or(14).clamp(1, 365);
    let per_batch = order["max_articles_per_batch"]
        .as_i64()
        .unwrap_or(80)
        .clamp(1, 1000);
    let windows = (end - start) / batch_days + 1;
    let each = windows * per_batch;
    for name in &symbols {
        query(&format!(
            "INSERT INTO news_items (symbol, ts, title, source, url, sentiment, relevance, provider) \
             SELECT '{name}', timestamp_sequence('{}T00:00:00.000000Z', {}L), 'backfilled', 'standin', '', 0.0, 0.5, 'standin' FROM long_sequence({each})",
            text::date(start),
            (end - start + 1) * 86_400_000_000 / each,
        ))?;
    }
    app.control.jobs.fetch_add(1, Ordering::Relaxed);
    let articles = each * symbols.len() as i64;
    let body = json!({
        "status": "completed", "symbols": symbols, "start": text::date(start), "end": text::date(end),
        "batch_days": batch_days, "max_articles_per_batch": per_batch, "articles_collected": articles,
        "persisted_count": articles, "batches": windows, "timestamp": text::rfc3339(text::unix_micros()),
    });
    Ok(Response::json(200, &body))
}

fn backfill_options(app: &App, request: &Request) -> Response {
    if !enabled("ENABLE_OPTIONS_INGEST") {
        return failure(403, "options ingest is disabled");
    }
    let underlyings: Vec<&str> = request
        .query("underlyings")
        .unwrap_or("")
        .split(',')
        .filter(|name| !name.is_empty())
        .collect();
    let mut more = Map::new();
    more.insert("underlyings".to_owned(), json!(underlyings));
    more.insert(
        "dry_run".to_owned(),
        json!(request.query("dry_run") == Some("true")),
    );
    accepted(app, "backfill/options", more)
}

/// Accepted, and never executed: the original hands the job to a thread that cannot run it.
fn never_run(app: &App, request: &Request) -> Answer {
    let order: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let batch_hours = order["batch_hours"].as_i64().unwrap_or(6);
    if !(1..=24).contains(&batch_hours) {
        return Err(failure(400, "batch_hours must be between 1 and 24"));
    }
    let dates = order["start"]
        .as_str()
        .and_then(text::parse_date)
        .zip(order["end"].as_str().and_then(text::parse_date));
    let mut more = Map::new();
    more.insert(
        "symbols_scheduled".to_owned(),
        json!(order["symbols"].as_array().map_or(0, Vec::len)),
    );
    more.insert(
        "hours_total".to_owned(),
        json!(dates.map_or(24, |(start, end)| (end - start + 1).max(1) * 24)),
    );
    more.insert("batch_hours".to_owned(), json!(batch_hours));
    let response = accepted(app, &request.path, more);
    app.control.log.error(
        "background job failed: no running event loop",
        &[("path", &request.path)],
    );
    Ok(response)
}

fn accepted(app: &App, what: &str, more: Map<String, Value>) -> Response {
    app.control.jobs.fetch_add(1, Ordering::Relaxed);
    let job = format!(
        "{}-{}",
        what.trim_matches('/').replace('/', "-"),
        text::unix_micros() / 1_000_000
    );
    app.control.log.info("job accepted", &[("job_id", &job)]);
    let mut body = Map::new();
    body.insert("status".to_owned(), "accepted".into());
    body.insert("job_id".to_owned(), job.into());
    body.extend(more);
    Response::json(200, &Value::Object(body))
}
