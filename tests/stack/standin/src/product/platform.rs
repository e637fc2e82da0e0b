//! The smaller third-party services: a few endpoints each.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{Product, backends};
use crate::client;
use crate::control::Control;
use crate::http::{Handler, Request, Response};
use crate::metrics::Metrics;
use crate::text;

pub(super) fn start(name: &'static str, control: &Arc<Control>) -> Product {
    let metrics = Metrics::new(name);
    metrics.gauge(
        "process_start_time_seconds",
        "Start of the process",
        "",
        text::unix_seconds(),
    );
    let ports: &[u16] = match name {
        "promtail" => &[9080],
        "ollama" => &[11434],
        "redis-exporter" => &[9121],
        "otel-collector" => &[4318],
        _ => &[8080],
    };
    if name == "promtail" {
        let control = Arc::clone(control);
        std::thread::spawn(move || ship_lines(&control));
    }
    let (control, page) = (Arc::clone(control), Arc::clone(&metrics));
    let handler: Handler = Arc::new(move |request| {
        // A service that is told to be sick or not ready says so wherever it is asked how it is.
        let sick = control.not_ready().map_or(control.unhealthy(), |_| true);
        match (name, request.verb(), request.path.as_str()) {
            ("ollama", "GET", "/api/tags") => models(control.models()),
            _ => answer(name, sick, &page, request),
        }
    });
    Product::new(ports, metrics, handler)
}

fn ok(sick: bool, body: &str) -> Response {
    if sick {
        Response::text(503, "not ready\n")
    } else {
        Response::text(200, body)
    }
}

fn answer(name: &str, sick: bool, metrics: &Metrics, request: &Request) -> Response {
    let found = match (name, request.verb(), request.path.as_str()) {
        ("cadvisor", "GET", "/healthz") => Some(ok(sick, "ok")),
        ("promtail", "GET", "/ready") => Some(ok(sick, "Ready\n")),
        ("ollama", "GET", "/") => Some(ok(sick, "Ollama is running")),
        ("ollama", "GET", "/api/version") => {
            Some(Response::json(200, &json!({"version": "0.3.12"})))
        }
        ("redis-exporter", "GET", "/metrics") => {
            measure_redis(metrics);
            Some(Response::page(metrics.page()))
        }
        ("otel-collector", "POST", "/v1/traces" | "/v1/metrics" | "/v1/logs") => {
            Some(Response::json(200, &json!({})))
        }
        ("otel-collector", _, "/v1/traces" | "/v1/metrics" | "/v1/logs") => Some(
            Response::text(405, "405 method not allowed, supported: [POST]").with("Allow", "POST"),
        ),
        (_, "GET", "/metrics") => Some(Response::page(metrics.page())),
        _ => None,
    };
    found.unwrap_or_else(|| Response::text(404, "404 page not found\n"))
}

/// The models that Ollama has, as its `/api/tags` lists them.
fn models(told: Option<Vec<String>>) -> Response {
    let names = told.unwrap_or_else(|| vec!["llama3.1:8b".to_owned()]);
    let models = names.iter().map(|name| {
        json!({
            "name": name, "model": name, "modified_at": text::rfc3339(text::unix_micros() - 86_400_000_000),
            "size": 4_661_224_676_u64, "digest": "standin",
            "details": {"format": "gguf", "family": "llama", "parameter_size": "8.0B", "quantization_level": "Q4_0"},
        })
    });
    Response::json(
        200,
        &json!({ "models": models.collect::<serde_json::Value>() }),
    )
}

/// The real Redis, asked at the moment of the scrape, as the real exporter does.
fn measure_redis(metrics: &Metrics) {
    let info = backends::redis("INFO");
    metrics.gauge(
        "redis_up",
        "1 when Redis answers",
        "",
        f64::from(u8::from(info.is_ok())),
    );
    let info = info.unwrap_or_default();
    for (key, name, help) in [
        ("uptime_in_seconds", "redis_uptime_in_seconds", "Uptime"),
        ("connected_clients", "redis_connected_clients", "Clients"),
        ("used_memory", "redis_memory_used_bytes", "Memory in use"),
        ("maxmemory", "redis_memory_max_bytes", "Most memory"),
        ("evicted_keys", "redis_evicted_keys_total", "Evicted keys"),
        (
            "total_commands_processed",
            "redis_commands_processed_total",
            "Commands",
        ),
    ] {
        let value = info.lines().find_map(|line| {
            line.strip_prefix(key)?
                .strip_prefix(':')?
                .trim()
                .parse()
                .ok()
        });
        if let Some(value) = value {
            let kind = if name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            metrics.declare(name, kind, help);
            metrics.set(name, "", value);
        }
    }
}

/// A line to Loki every ten seconds, with the labels that the stack's Promtail sets.
fn ship_lines(control: &Control) {
    loop {
        std::thread::sleep(Duration::from_secs(10));
        let nanos = format!("{}000", text::unix_micros());
        let stream = json!({"stream": {"job": "docker", "filename": "standin-json.log"}, "values": [[nanos, "promtail is shipping"]]});
        let body = json!({ "streams": [stream] }).to_string();
        if let Err(cause) = client::post(
            "http://loki:3100/loki/api/v1/push",
            body.as_bytes(),
            Duration::from_secs(2),
        ) {
            control
                .log
                .warn("error sending batch, will retry", &[("cause", &cause)]);
        }
    }
}
