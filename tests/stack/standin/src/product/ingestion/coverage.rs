//! What is stored, asked of the real QuestDB, and written into the files of the exports.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::super::app::App;
use super::super::env;
use super::{Answer, failure, query, symbol, today};
use crate::http::{Request, Response};
use crate::text;

fn first_row(sql: &str, width: usize) -> Result<Vec<Value>, Response> {
    let mut row = query(sql)?.into_iter().next().unwrap_or_default();
    row.resize(width, Value::Null);
    Ok(row)
}

pub(super) fn options_coverage(request: &Request) -> Answer {
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

pub(super) fn equities_coverage(request: &Request) -> Answer {
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

pub(super) fn equities_full(request: &Request) -> Answer {
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

pub(super) fn dataset_coverage(table: &str) -> Answer {
    let row = first_row(
        &format!("SELECT count(), count_distinct(symbol), min(ts), max(ts) FROM {table}"),
        4,
    )?;
    let body = json!({"rows": row[0], "symbols": row[1], "first_day": day_of(&row[2]), "last_day": day_of(&row[3])});
    Ok(Response::json(200, &body))
}

/// Failures appear as zeros, as in the original.
pub(super) fn summary() -> Value {
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

pub(super) fn export(app: &App) -> Answer {
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

pub(super) fn remediate(request: &Request) -> Response {
    let body = json!({
        "status": "success", "generated_at": text::rfc3339(text::unix_micros()),
        "target_years": request.number("target_years", 20), "symbols_considered": 0, "plan_count": 0,
        "executed": request.query("dry_run") == Some("false"), "plan": [], "total_bars_ingested": 0, "exclusions": [],
    });
    Response::json(200, &body)
}
