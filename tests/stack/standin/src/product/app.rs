//! The eight application services: health, readiness, metrics, and what each has besides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::backends::{self, Redis};
use super::{Product, alone, env, ingestion, polygon};
use crate::client;
use crate::control::Control;
use crate::http::{Handler, Request, Response};
use crate::metrics::Metrics;
use crate::text::{self, Chance};

const CSP: &str = "default-src 'self'; script-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'self'";

pub(super) struct App {
    pub(super) name: &'static str,
    pub(super) started: Instant,
    pub(super) started_at: String,
    pub(super) control: Arc<Control>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) redis: Redis,
    pub(super) ingestion: Arc<ingestion::Conduct>,
}

pub(super) fn start(name: &'static str, control: &Arc<Control>) -> Product {
    let (port, paths): (u16, &[(&str, &str, f64)]) = match name {
        "api" => (
            8000,
            &[
                ("GET", "/api/portfolio", 0.030),
                ("GET", "/api/signals", 0.012),
                ("POST", "/api/orders", 0.060),
                ("GET", "/api/market/quotes", 0.008),
            ],
        ),
        "ml" => (
            8001,
            &[
                ("POST", "/predict", 0.090),
                ("POST", "/embed", 0.040),
                ("GET", "/models", 0.006),
            ],
        ),
        "data-ingestion" => (
            8002,
            &[
                ("POST", "/market-data/bars", 0.045),
                ("GET", "/streams/status", 0.009),
            ],
        ),
        "signal-generator" => (
            8003,
            &[
                ("GET", "/signals/latest", 0.010),
                ("POST", "/signals/generate", 0.120),
            ],
        ),
        "execution" => (
            8004,
            &[("POST", "/orders", 0.025), ("GET", "/orders/open", 0.007)],
        ),
        "risk-monitor" => (
            8005,
            &[
                ("POST", "/risk/check", 0.015),
                ("GET", "/risk/exposure", 0.011),
            ],
        ),
        "strategy-engine" => (
            8006,
            &[
                ("POST", "/strategies/evaluate", 0.070),
                ("GET", "/strategies", 0.008),
            ],
        ),
        _ => (
            8007,
            &[
                ("POST", "/backtests", 0.300),
                ("GET", "/backtests/status", 0.009),
            ],
        ),
    };
    let metrics = Metrics::canonical(name);
    let app = Arc::new(App {
        name,
        started: Instant::now(),
        started_at: text::rfc3339(text::unix_micros()),
        control: Arc::clone(control),
        metrics: Arc::clone(&metrics),
        redis: Redis::watch(control),
        ingestion: Arc::default(),
    });
    app.declare();
    let busy = Arc::clone(&app);
    std::thread::spawn(move || busy.be_busy(paths));
    if name == "data-ingestion" && !alone() {
        ingestion::feed(control);
    }
    let conduct = Arc::clone(&app.ingestion);
    let handler: Handler = Arc::new(move |request| app.answer(request));
    if name == "data-ingestion" {
        return Product::new(&[port, polygon::PORT], metrics, handler)
            .told(Arc::new(move |request| conduct.told(request)));
    }
    Product::new(&[port], metrics, handler)
}

impl App {
    fn answer(&self, request: &Request) -> Response {
        match (request.verb(), request.path.as_str()) {
            ("GET", "/") => Response::json(
                200,
                &json!({"service": self.name, "version": env!("CARGO_PKG_VERSION")}),
            ),
            ("GET", "/healthz") => Response::json(200, &json!({"status": "alive"})),
            ("GET", "/health") => Response::json(200, &self.health()),
            ("GET", "/ready") => self.ready(),
            ("GET", "/metrics") => {
                self.refresh();
                Response::page(self.metrics.page())
            }
            _ => match self.name {
                "api" => self.api(request),
                "ml" if request.verb() == "GET" && request.path == "/startup/status" => {
                    self.startup_status()
                }
                "data-ingestion" if request.verb() == "GET" && request.path == polygon::STATUS => {
                    polygon::status(request)
                }
                "data-ingestion" => ingestion::answer(self, request),
                _ => Response::not_found(),
            },
        }
    }

    /// Why the service is not ready: told so, or Redis is really away.
    fn reasons(&self) -> Vec<String> {
        let mut reasons = self.control.not_ready().unwrap_or_default();
        if !self.redis.alive() {
            reasons.push("redis_unavailable".to_owned());
        }
        reasons
    }

    /// Always sent with status 200, whatever it says: that is how the real ones do it.
    fn health(&self) -> Value {
        let redis = self.redis.alive();
        let uptime = self.started.elapsed().as_secs();
        let sick = self.control.unhealthy();
        let status = if sick { "unhealthy" } else { "healthy" };
        match self.name {
            "api" => {
                let open = self.reasons();
                let status = if sick {
                    "unhealthy"
                } else if open.is_empty() {
                    "healthy"
                } else {
                    "degraded"
                };
                json!({
                    "status": status, "version": env!("CARGO_PKG_VERSION"), "uptime": uptime,
                    "circuit_breakers": breakers(&open), "unhealthy_breakers": open,
                    "security_store": if redis { "redis" } else { "memory" },
                })
            }
            "ml" => {
                json!({"status": status, "connections": {"cache": redis, "redis": redis, "llm": true}})
            }
            "data-ingestion" => {
                json!({"status": if sick { "unhealthy" } else { "ok" }, "service": self.name, "started": self.started_at})
            }
            "execution" => json!({
                "status": status, "service": self.name,
                "smart_order_routing": true, "algorithms": ["twap", "vwap", "iceberg"],
            }),
            "strategy-engine" => {
                json!({"status": status, "connections": {"cache": redis, "redis": redis}, "active_strategies": 4})
            }
            "backtesting" => {
                json!({"status": status, "connections": {"cache": redis, "redis": redis}})
            }
            _ => json!({"status": status, "service": self.name}),
        }
    }

    fn ready(&self) -> Response {
        let reasons = self.reasons();
        let redis = self.redis.alive();
        let ready = reasons.is_empty();
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
        put(
            "status",
            if ready {
                "ready".into()
            } else {
                "degraded".into()
            },
        );
        let components = json!({"cache": redis, "redis": redis});
        match self.name {
            "api" => {
                put("started", true.into());
                put("open_breakers", json!(reasons));
                put("uptime_seconds", self.started.elapsed().as_secs().into());
            }
            "ml" => {
                put("degraded_reasons", json!(reasons));
            }
            "signal-generator" | "execution" => {
                put("components", components);
                put("degraded_reasons", json!(reasons));
                put(
                    "last_init_error",
                    reasons.first().map_or(Value::Null, |reason| json!(reason)),
                );
                put("init_attempts", 1.into());
                if self.name == "execution" {
                    put("oms_init_attempts", 1.into());
                }
            }
            "risk-monitor" => {
                put("breaker", "closed".into());
                put("adaptive_bucket", json!({"capacity": 100, "tokens": 100}));
                put("degraded_reasons", json!(reasons));
            }
            "strategy-engine" => {
                put(
                    "components",
                    json!({"cache": redis, "redis": redis, "strategies_initialized": ready}),
                );
                put("degraded_reasons", json!(reasons));
            }
            _ => {
                put("components", components);
                put("degraded_reasons", json!(reasons));
            }
        }
        Response::json(if ready { 200 } else { 503 }, &Value::Object(body))
    }

    fn startup_status(&self) -> Response {
        let reasons = self.reasons();
        let state = if reasons.is_empty() {
            "ready"
        } else {
            "failed"
        };
        let components = json!({
            "redis": {"state": if self.redis.alive() { "ready" } else { "failed" }},
            "finbert": {"state": "ready"}, "forecaster": {"state": state, "reasons": reasons}, "llm": {"state": "ready"},
        });
        let count = |wanted: &str| {
            components.as_object().map_or(0, |all| {
                all.values()
                    .filter(|component| component["state"] == wanted)
                    .count()
            })
        };
        let summary = json!({"pending": 0, "initializing": 0, "ready": count("ready"), "failed": count("failed")});
        Response::json(200, &json!({"summary": summary, "components": components}))
    }

    fn api(&self, request: &Request) -> Response {
        let now = text::rfc3339(text::unix_micros());
        match (request.verb(), request.path.as_str()) {
            ("GET", "/admin" | "/business") => {
                Response::json(401, &json!({"detail": "Not authenticated"}))
                    .with("WWW-Authenticate", "Bearer")
                    .with("Content-Security-Policy", CSP)
                    .with("X-Frame-Options", "DENY")
                    .with("X-Content-Type-Options", "nosniff")
            }
            (
                "GET",
                "/admin/system-summary"
                | "/admin/api/system-summary"
                | "/admin/api/verification/coverage",
            ) => Response::json(401, &json!({"detail": "Not authenticated"}))
                .with("WWW-Authenticate", "Bearer"),
            ("GET", "/login") => Response::html(
                200,
                "<!doctype html><title>Sign in</title><form method=post></form>",
            )
            .with("Content-Security-Policy", CSP),
            ("GET", "/admin/availability") => Response::json(200, &json!({"ok": true, "ts": now})),
            ("GET", "/admin/system-summary-lite") => Response::json(
                200,
                &json!({"status": self.health()["status"], "uptime": self.started.elapsed().as_secs(), "ts": now}),
            ),
            ("GET", "/api/health") => Response::json(200, &self.health()),
            ("GET", "/health/full") => self.health_full(),
            ("GET", "/diagnostics/host") => Response::json(200, &host()),
            // Alertmanager pages here: the page becomes a log line.
            ("POST", "/internal/alerts") => {
                let page: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                for alert in page["alerts"]
                    .as_array()
                    .map(Vec::as_slice)
                    .unwrap_or_default()
                {
                    let name = alert["labels"]["alertname"].as_str().unwrap_or("?");
                    let fields = [
                        ("alert", name),
                        ("state", alert["status"].as_str().unwrap_or("?")),
                    ];
                    self.control.log.warn("alert received", &fields);
                }
                Response::json(200, &json!({"ok": true}))
            }
            _ => Response::not_found(),
        }
    }

    /// One probe after another, as the real one does it.
    fn health_full(&self) -> Response {
        let start = Instant::now();
        let services = env("TRADEOPS_SERVICES", "");
        let present = |service: &str| {
            services.is_empty() || services.split(' ').any(|present| present == service)
        };
        let state = |service: &str, ask: &dyn Fn() -> Result<(), String>| {
            if !present(service) {
                return json!({"status": "absent"});
            }
            let start = Instant::now();
            let answer = ask();
            let status = if answer.is_ok() {
                "healthy"
            } else {
                "unhealthy"
            };
            json!({"status": status, "latency_ms": start.elapsed().as_millis() as u64, "error": answer.err()})
        };
        let limit = Duration::from_millis(1500);
        let probe = |service: &str, path: &str| {
            state(
                service,
                &|| match client::get(&format!("http://{service}:{path}"), &[], limit)?.status {
                    status @ 500.. => Err(format!("status {status}")),
                    _ => Ok(()),
                },
            )
        };
        let redis = || {
            if self.redis.alive() {
                Ok(())
            } else {
                Err("no answer to PING".to_owned())
            }
        };
        let postgres =
            || client::connect(&format!("{}:5432", env("DB_HOST", "postgres")), limit).map(|_| ());
        let components = json!({
            "auth": {"status": "healthy"},
            "redis": state("redis", &redis),
            "databases": {
                "postgres": state("postgres", &postgres),
                "questdb": state("questdb", &|| backends::questdb("SELECT 1").map(|_| ())),
            },
            "weaviate": probe("weaviate", "8080/v1/.well-known/ready"),
            "streaming": {"broker": probe("pulsar", "8080/admin/v2/brokers/health")},
            "infrastructure": {
                "traefik": probe("traefik", "8080/api/rawdata"),
                "prometheus": probe("prometheus", "9090/-/healthy"),
                "grafana": probe("grafana", "3000/login"),
                "loki": probe("loki", "3100/ready"),
                "minio": probe("minio", "9001/"),
                "cadvisor": probe("cadvisor", "8080/healthz"),
                "redis_exporter": probe("redis-exporter", "9121/metrics"),
            },
            "ml": probe("ml", "8001/healthz"),
            "ingestion": probe("data-ingestion", "8002/health"),
            "circuit_breakers": breakers(&self.reasons()),
        });
        let healthy =
            !components.to_string().contains(r#""unhealthy""#) && self.reasons().is_empty();
        let body = json!({
            "status": if healthy { "healthy" } else { "degraded" },
            "timestamp": text::rfc3339(text::unix_micros()),
            "duration_ms": start.elapsed().as_millis() as u64,
            "components": components,
        });
        Response::json(if healthy { 200 } else { 503 }, &body)
    }

    fn declare(&self) {
        let metrics = &self.metrics;
        let own = metrics.own_labels();
        metrics.gauge(
            "service_readiness_state",
            "1 is ready, 2 is degraded",
            &own,
            1.0,
        );
        metrics.gauge(
            "process_start_time_seconds",
            "Start of the process",
            "",
            text::unix_seconds(),
        );
        metrics.gauge("process_resident_memory_bytes", "Resident memory", "", 0.0);
        match self.name {
            "api" => {
                for name in ["equities", "options", "news", "social"] {
                    let labels = format!("dataset=\"{name}\"");
                    metrics.gauge(
                        "historical_dataset_coverage_ratio",
                        "Share of the wanted days",
                        &labels,
                        0.998,
                    );
                    metrics.gauge("historical_dataset_row_count", "Rows", &labels, 5000.0);
                    metrics.gauge(
                        "historical_dataset_last_timestamp_seconds",
                        "Newest row",
                        &labels,
                        text::unix_seconds(),
                    );
                    metrics.gauge(
                        "historical_dataset_span_days",
                        "Days from first to last",
                        &labels,
                        30.0,
                    );
                }
                metrics.gauge(
                    "model_drift_overall_severity_level",
                    "0 none, 1 low, 2 medium, 3 high",
                    "",
                    0.0,
                );
                metrics.gauge(
                    "app_jwt_key_remaining_ratio",
                    "Share of the signing key's life that is left",
                    "",
                    0.9,
                );
                metrics.gauge("coverage_backfill_complete", "1 when complete", "", 1.0);
                metrics.gauge("admin_tasks_running", "Admin tasks at work", "", 0.0);
                metrics.counter("forecast_requests_total", "Forecasts asked for", "", 0.0);
                metrics.counter("auth_password_resets_total", "Password resets", "", 0.0);
            }
            "ml" => {
                metrics.declare_histogram(
                    "app_inference_latency_seconds",
                    "Inference latency",
                    &[(10.0, "10.0")],
                );
                metrics.declare(
                    "app_inference_requests_total",
                    "counter",
                    "Inferences by model and status",
                );
                metrics.gauge("ml_governance_metrics_ready", "1 when ready", "", 1.0);
                metrics.counter(
                    "app_ml_state_transitions_total",
                    "Model state changes",
                    &own,
                    3.0,
                );
                metrics.counter("app_ml_promotions_total", "Promotions", &own, 1.0);
                metrics.counter("app_ml_rollbacks_total", "Rollbacks", &own, 0.0);
            }
            "data-ingestion" => {
                metrics.declare(
                    "loop_last_run_unix_seconds",
                    "gauge",
                    "Last pass of each loop",
                );
                metrics.declare(
                    "provider_requests_total",
                    "counter",
                    "Requests to data providers",
                );
                metrics.counter("retention_runs_total", "Retention runs", "", 0.0);
                metrics.gauge(
                    "historical_backfill_progress_percent",
                    "Progress",
                    "",
                    100.0,
                );
                metrics.gauge(
                    "equities_coverage_ratio_20y",
                    "Share of symbols with 20 years",
                    "",
                    0.996,
                );
                metrics.gauge("equities_coverage_symbols_total", "Symbols", "", 12.0);
            }
            "execution" => metrics.counter(
                "oms_init_attempts_total",
                "Attempts to start the order system",
                &own,
                1.0,
            ),
            _ => {}
        }
    }

    /// What is only true at the moment of the scrape.
    fn refresh(&self) {
        let now = text::unix_seconds();
        let state = if self.reasons().is_empty() { 1.0 } else { 2.0 };
        self.metrics
            .set("service_readiness_state", &self.metrics.own_labels(), state);
        self.metrics
            .set("process_resident_memory_bytes", "", resident_bytes());
        if self.name == "api" {
            for name in [
                "equities_last_bar_timestamp_seconds",
                "options_last_bar_timestamp_seconds",
                "news_last_item_timestamp_seconds",
                "social_last_item_timestamp_seconds",
            ] {
                self.metrics.gauge(name, "Newest item", "", now - 20.0);
            }
        }
        if self.name == "data-ingestion" {
            for (name, _) in ingestion::LOOPS {
                self.metrics.set(
                    "loop_last_run_unix_seconds",
                    &format!("loop=\"{name}\""),
                    now - 5.0,
                );
            }
        }
    }

    /// Simulated traffic, so that histograms move, and a log line now and then.
    fn be_busy(&self, paths: &[(&str, &str, f64)]) {
        let mut chance = Chance::new(self.name);
        for tick in 0_u64.. {
            std::thread::sleep(Duration::from_millis(500));
            for _ in 0..4 + chance.below(6) {
                let (method, path, typical) = paths[chance.below(paths.len())];
                let status = match self.control.forced_status(path) {
                    Some(status) => status,
                    None if chance.next() < 0.002 => 500,
                    None if chance.next() < 0.01 => 404,
                    None => 200,
                };
                let seconds = chance.latency(typical) + self.control.extra_latency();
                self.metrics.observe(method, path, status, seconds);
            }
            if self.name == "ml" {
                for model in ["finbert", "forecaster"] {
                    let labels = format!(r#"{},model="{model}""#, self.metrics.own_labels());
                    let seconds = chance.latency(0.08) + self.control.extra_latency();
                    self.metrics
                        .record("app_inference_latency_seconds", &labels, seconds);
                    self.metrics.add(
                        "app_inference_requests_total",
                        &format!(r#"{labels},status="success""#),
                        1.0,
                    );
                }
            }
            if tick % 20 == 10 {
                let ms = format!("{:.1}", chance.latency(12.0));
                self.control.log.info(
                    "request completed",
                    &[("path", paths[0].1), ("duration_ms", &ms)],
                );
            }
            if tick % 240 == 120 {
                self.control
                    .log
                    .warn("slow upstream, served from cache", &[("path", paths[0].1)]);
            }
        }
    }
}

fn breakers(open: &[String]) -> Value {
    let state = |name: &str| {
        if open.iter().any(|reason| reason.contains(name)) {
            "open"
        } else {
            "closed"
        }
    };
    json!({"redis": state("redis"), "questdb": state("questdb"), "weaviate": state("weaviate")})
}

fn host() -> Value {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<f64> = load
        .split_whitespace()
        .take(3)
        .filter_map(|word| word.parse().ok())
        .collect();
    json!({"hostname": env("HOSTNAME", "unknown"), "load": load})
}

fn resident_bytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok())
        .unwrap_or(0.0)
        * 4096.0
}
