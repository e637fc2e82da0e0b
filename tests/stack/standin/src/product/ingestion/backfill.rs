//! The endpoints that fetch and store: how each is asked, what it stores, what it says of that.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::app::App;
use super::asked::Order;
use super::conduct::{Conduct, Fault};
use super::provider::{self, Row};
use super::{Answer, day, enabled, failure, store, symbol, today};
use crate::http::{Request, Response};
use crate::text;

/// A job of `/social/backfill` that does run begins so long after it was accepted.
const LATER: Duration = Duration::from_millis(300);

pub(super) fn answer(app: &App, request: &Request, verb: &str, parts: &[&str]) -> Response {
    let path = request.path.as_str();
    match (verb, parts) {
        ("POST", ["market-data", "options-chain", name]) => {
            served(app, from_query(request, &[*name]), |fetch| {
                options_chain(app, request, name, fetch)
            })
        }
        ("POST", ["market-data", "historical", name]) => {
            served(app, from_query(request, &[*name]), |fetch| {
                historical(app, request, name, fetch)
            })
        }
        ("POST", ["news", "backfill"]) => {
            served(app, from_body(request), |fetch| news(app, request, fetch))
        }
        ("POST", ["social", "backfill"]) => {
            served(app, from_body(request), |fetch| social(app, request, fetch))
        }
        ("POST", ["backfill", "options"]) => {
            let names: Vec<&str> = listed(request, "underlyings");
            served(app, from_query(request, &names), |_| {
                options_job(app, request, &names)
            })
        }
        ("POST", ["backfill", "news" | "social"]) => {
            served(app, from_body(request), |_| never_run(app, request))
        }
        // Changes state by GET: no `read` may reach these.
        ("GET", ["backfill", "news" | "social", "run"]) => {
            let names = listed(request, "symbols");
            served(app, from_query(request, &names), |_| {
                never_run(app, request)
            })
        }
        ("POST", ["backfill", "run"] | ["backfill", "equities" | "options", "run"]) => {
            let names = listed(request, "symbols");
            served(app, from_query(request, &names), |_| {
                Ok(accepted(app, path, Map::new()))
            })
        }
        _ => Response::not_found(),
    }
}

fn listed<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    let names = request.query(name).unwrap_or("").split(',');
    names.filter(|name| !name.is_empty()).collect()
}

fn from_query(request: &Request, symbols: &[&str]) -> Order {
    let given = |name: &str| request.query(name).unwrap_or("").to_owned();
    Order {
        path: request.path.clone(),
        symbols: symbols
            .iter()
            .map(|name| name.to_ascii_uppercase())
            .collect(),
        start: given("start"),
        end: given("end"),
    }
}

fn from_body(request: &Request) -> Order {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let given = |name: &str| body[name].as_str().unwrap_or("").to_owned();
    let symbols = body["symbols"].as_array().into_iter().flatten();
    Order {
        path: request.path.clone(),
        symbols: symbols
            .filter_map(Value::as_str)
            .map(str::to_ascii_uppercase)
            .collect(),
        start: given("start"),
        end: given("end"),
    }
}

/// What one request gets from the provider and does with it.
struct Fetch<'a> {
    conduct: &'a Arc<Conduct>,
    number: usize,
    /// Of the rows; all when there is none.
    share: Option<f64>,
}

impl Fetch<'_> {
    /// What the provider sends of these.
    fn rows(&self, rows: Vec<Row>) -> Vec<Row> {
        let mut rows = self.conduct.sent(rows);
        if let Some(share) = self.share {
            rows.truncate((rows.len() as f64 * share) as usize);
        }
        rows
    }

    fn store(&self, head: &str, rows: &[Row]) -> Result<(), Response> {
        if !self.conduct.stores() {
            return Ok(());
        }
        let outcome = store::insert(head, rows);
        let stored = outcome
            .as_ref()
            .map_or_else(|(_, before)| *before, |all| *all);
        self.conduct.asked.stored(self.number, stored);
        outcome
            .map(|_| ())
            .map_err(|(error, _)| failure(502, &format!("QuestDB: {error}")))
    }
}

/// A request from its arrival to its answer: written down, and disturbed as the control port wants.
fn served(app: &App, order: Order, work: impl FnOnce(&Fetch<'_>) -> Answer) -> Response {
    let conduct = &app.ingestion;
    let number = conduct.asked.arrived(order.clone());
    let response = disturbed(conduct, number, &order, work);
    let status = if response.dropped { 0 } else { response.status };
    conduct.asked.ended(number, status);
    response
}

fn disturbed(
    conduct: &Arc<Conduct>,
    number: usize,
    order: &Order,
    work: impl FnOnce(&Fetch<'_>) -> Answer,
) -> Response {
    if conduct.disabled() {
        let what = if order.path.contains("options") {
            "options ingest"
        } else {
            "historical backfill"
        };
        return failure(403, &format!("{what} is disabled"));
    }
    let fault = conduct.fault(order);
    if let Some(fault) = fault {
        conduct.asked.faulty(number, fault.name());
    }
    let share = match fault {
        Some(Fault::Limited) => return conduct.limited(),
        Some(Fault::Failing) => return failure(500, "Internal Server Error"),
        Some(Fault::Hanging) => {
            conduct.hang();
            return Response::closed();
        }
        Some(Fault::Half(share) | Fault::Partial(share)) => Some(share),
        Some(Fault::HangingStored) | None => None,
    };
    let fetch = Fetch {
        conduct,
        number,
        share,
    };
    let response = work(&fetch).unwrap_or_else(|refusal| refusal);
    match fault {
        Some(Fault::HangingStored) => {
            conduct.hang();
            Response::closed()
        }
        Some(Fault::Half(_)) => Response::closed(),
        _ => response,
    }
}

fn options_chain(app: &App, request: &Request, name: &str, fetch: &Fetch<'_>) -> Answer {
    let name = symbol(name)?;
    if !enabled("ENABLE_OPTIONS_INGEST") {
        return Err(failure(403, "options ingest is disabled"));
    }
    let start = day(request
        .query("start")
        .ok_or_else(|| failure(400, "start is required"))?)?;
    // A bad date is a server error in the original, but for `start`.
    let date = |name: &str, usual: i64| {
        request.query(name).map_or(Ok(usual), |text| {
            day(text).map_err(|_| failure(500, &format!("invalid {name}")))
        })
    };
    let end = date("end", today())?;
    // Of today, whatever is asked for: a window of the past has to name its expiries.
    let (from, to) = (
        date("start_expiry", today() - 7)?,
        date("end_expiry", today() + 45)?,
    );
    let most = request.number("max_contracts", 1000).clamp(1, 10_000);
    let mut contracts = provider::contracts(&name, from, to);
    contracts.truncate(usize::try_from(most).unwrap_or(1000));
    let rows = fetch.rows(provider::options(&name, &contracts, start, end));
    fetch.store(store::OPTIONS, &rows)?;
    app.control.jobs.fetch_add(1, Ordering::Relaxed);
    let body = json!({
        "status": "success", "underlying": name, "contracts": contracts.len(), "bars": rows.len(), "enabled": true,
        "start": text::date(start), "end": text::date(end),
        "start_expiry": text::date(from), "end_expiry": text::date(to),
    });
    Ok(Response::json(200, &body))
}

fn historical(app: &App, request: &Request, name: &str, fetch: &Fetch<'_>) -> Answer {
    let name = symbol(name)?;
    let end = request.query("end").map_or(Ok(today()), day)?;
    let start = request.query("start").map_or(Ok(end - 365), day)?;
    let start = start.max(end - 25 * 365);
    let rows = fetch.rows(provider::bars(&name, start, end));
    // Off by default in the original, too: fetched, counted, and not stored.
    if enabled("ENABLE_QUESTDB_HIST_PERSIST") {
        fetch.store(store::BARS, &rows)?;
    }
    app.control.jobs.fetch_add(1, Ordering::Relaxed);
    let body = json!({
        "symbol": name, "timeframe": request.query("timeframe").unwrap_or("1d"), "mode": "range", "count": rows.len(),
        "start": text::date(start), "end": text::date(end), "data_source_primary": "standin",
        "data": rows.into_iter().map(|row| row.shown).collect::<Value>(),
    });
    Ok(Response::json(200, &body))
}

/// The body of a request for several symbols.
struct Wanted {
    body: Value,
    symbols: Vec<String>,
    start: i64,
    end: i64,
}

fn wanted(request: &Request) -> Result<Wanted, Response> {
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|error| failure(422, &error.to_string()))?;
    let names = body["symbols"].as_array().into_iter().flatten();
    let symbols = names
        .filter_map(Value::as_str)
        .map(symbol)
        .collect::<Result<_, _>>()?;
    let date = |name: &str| day(body[name].as_str().unwrap_or(""));
    let (start, end) = (date("start")?, date("end")?);
    if start > end {
        return Err(failure(400, "start is after end"));
    }
    Ok(Wanted {
        symbols,
        start,
        end,
        body,
    })
}

fn news(app: &App, request: &Request, fetch: &Fetch<'_>) -> Answer {
    let wanted = wanted(request)?;
    let batch_days = wanted.body["batch_days"]
        .as_i64()
        .unwrap_or(14)
        .clamp(1, 365);
    let per_batch = wanted.body["max_articles_per_batch"].as_i64();
    let per_batch = per_batch.unwrap_or(80).clamp(1, 1000);
    let mut rows = Vec::new();
    let mut batches = 0;
    let mut from = wanted.start;
    while from <= wanted.end {
        let to = (from + batch_days - 1).min(wanted.end);
        for name in &wanted.symbols {
            let mut batch = provider::news(name, from, to);
            batch.truncate(usize::try_from(per_batch).unwrap_or(80));
            rows.append(&mut batch);
        }
        batches += 1;
        from = to + 1;
    }
    let rows = fetch.rows(provider::sorted(rows));
    fetch.store(store::NEWS, &rows)?;
    app.control.jobs.fetch_add(1, Ordering::Relaxed);
    let body = json!({
        "status": "completed", "symbols": wanted.symbols, "start": text::date(wanted.start), "end": text::date(wanted.end),
        "batch_days": batch_days, "max_articles_per_batch": per_batch, "articles_collected": rows.len(),
        "persisted_count": rows.len(), "batches": batches, "timestamp": text::rfc3339(text::unix_micros()),
    });
    Ok(Response::json(200, &body))
}

/// Accepted. As in the original nothing comes of it, unless the control port wants the job to run.
fn social(app: &App, request: &Request, fetch: &Fetch<'_>) -> Answer {
    if !fetch.conduct.social_runs() {
        return never_run(app, request);
    }
    let wanted = wanted(request)?;
    let posts = wanted.symbols.iter();
    let posts = posts.flat_map(|name| provider::social(name, wanted.start, wanted.end));
    let rows = fetch.rows(provider::sorted(posts.collect()));
    let response = scheduled(app, request)?;
    let (conduct, number) = (Arc::clone(fetch.conduct), fetch.number);
    let log = Arc::clone(&app.control.log);
    std::thread::spawn(move || {
        std::thread::sleep(LATER);
        let job = Fetch {
            conduct: &conduct,
            number,
            share: None,
        };
        if job.store(store::SOCIAL, &rows).is_err() {
            log.error("background job failed: nothing was stored", &[]);
        }
    });
    Ok(response)
}

fn options_job(app: &App, request: &Request, underlyings: &[&str]) -> Answer {
    if !enabled("ENABLE_OPTIONS_INGEST") {
        return Err(failure(403, "options ingest is disabled"));
    }
    let mut more = Map::new();
    more.insert("underlyings".to_owned(), json!(underlyings));
    let dry_run = request.query("dry_run") == Some("true");
    more.insert("dry_run".to_owned(), json!(dry_run));
    Ok(accepted(app, "backfill/options", more))
}

/// Accepted, and never executed: the original hands the job to a thread that cannot run it.
fn never_run(app: &App, request: &Request) -> Answer {
    let response = scheduled(app, request)?;
    app.control.log.error(
        "background job failed: no running event loop",
        &[("path", &request.path)],
    );
    Ok(response)
}

fn scheduled(app: &App, request: &Request) -> Answer {
    let order: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let batch_hours = order["batch_hours"].as_i64().unwrap_or(6);
    if !(1..=24).contains(&batch_hours) {
        return Err(failure(400, "batch_hours must be between 1 and 24"));
    }
    let date = |name: &str| order[name].as_str().and_then(text::parse_date);
    let hours = date("start")
        .zip(date("end"))
        .map_or(24, |(start, end)| (end - start + 1).max(1) * 24);
    let symbols = order["symbols"].as_array().map_or(0, Vec::len);
    let mut more = Map::new();
    more.insert("symbols_scheduled".to_owned(), json!(symbols));
    more.insert("hours_total".to_owned(), json!(hours));
    more.insert("batch_hours".to_owned(), json!(batch_hours));
    Ok(accepted(app, &request.path, more))
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
