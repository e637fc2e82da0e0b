//! Traefik 2.11: its ping and the API of its dashboard, with routers and services as it finds them by the labels of
//! the stack's containers.
//!
//! Its control port knows besides:
//!
//! | path | effect |
//! |---|---|
//! | `/router?name=api@docker&status=disabled&error=TEXT` | that router has that status (`disabled`, `warning`) and error |
//! | `/service?name=api@docker&status=disabled&error=TEXT` | the same for a service |
//! | `/server?name=api@docker&status=DOWN` | the health check of that service's server says so |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use super::Product;
use crate::control::{Control, Own};
use crate::http::{Handler, Request, Response};
use crate::metrics::Metrics;
use crate::text;

/// Who is routed to: name, address, rule.
const ROUTED: [(&str, &str, &str); 3] = [
    (
        "api",
        "http://api:8000",
        "Host(`localhost`) && PathPrefix(`/api`)",
    ),
    (
        "grafana",
        "http://grafana:3000",
        "Host(`grafana.localhost`)",
    ),
    ("minio", "http://minio:9001", "Host(`minio.localhost`)"),
];

/// A status that is not `enabled`, and why.
#[derive(Clone, Debug)]
struct Trouble {
    status: String,
    error: String,
}

/// What is wrong, by kind (`routers`, `services`, `servers`) and name.
#[derive(Debug, Default)]
struct Troubles(Mutex<BTreeMap<(&'static str, String), Trouble>>);

impl Troubles {
    fn all(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, kind: &'static str, name: &str) -> Option<Trouble> {
        self.all().get(&(kind, name.to_owned())).cloned()
    }

    fn told(&self, request: &Request) -> bool {
        let kind = match request.path.as_str() {
            "/router" => "routers",
            "/service" => "services",
            "/server" => "servers",
            "/reset" => {
                self.all().clear();
                return true;
            }
            _ => return false,
        };
        let text = |name: &str, default: &str| request.query(name).unwrap_or(default).to_owned();
        let trouble = Trouble {
            status: text(
                "status",
                if kind == "servers" {
                    "DOWN"
                } else {
                    "disabled"
                },
            ),
            error: text("error", "told by the control port"),
        };
        self.all()
            .insert((kind, text("name", "api@docker")), trouble);
        true
    }
}

pub(super) fn start(control: &Arc<Control>) -> Product {
    let metrics = Metrics::new("traefik");
    metrics.gauge(
        "process_start_time_seconds",
        "Start of the process",
        "",
        text::unix_seconds(),
    );
    let troubles = Arc::new(Troubles::default());
    let told = Arc::clone(&troubles);
    let own: Own = Arc::new(move |request| told.told(request).into());
    let (control, page) = (Arc::clone(control), Arc::clone(&metrics));
    let handler: Handler = Arc::new(move |request| answer(&control, &page, &troubles, request));
    Product::new(&[80, 443, 8080], metrics, handler).told(own)
}

fn answer(
    control: &Control,
    metrics: &Metrics,
    troubles: &Troubles,
    request: &Request,
) -> Response {
    let sick = control.unhealthy() || control.not_ready().is_some();
    match (request.verb(), request.path.as_str()) {
        ("GET", "/ping") if sick => Response::text(503, "Service Unavailable"),
        ("GET", "/ping") => Response::text(200, "OK"),
        ("GET", "/api/version") => Response::json(
            200,
            &json!({"Version": "2.11.0", "Codename": "mimolette", "startDate": "2024-02-12T15:22:00Z"}),
        ),
        ("GET", "/api/overview") => Response::json(200, &overview(troubles)),
        ("GET", "/api/http/routers") => listed(list("routers", troubles)),
        ("GET", "/api/http/services") => listed(list("services", troubles)),
        ("GET", "/api/rawdata") => Response::json(
            200,
            &json!({"routers": raw("routers", troubles), "middlewares": {}, "services": raw("services", troubles)}),
        ),
        ("GET", "/metrics") => Response::page(metrics.page()),
        _ => Response::text(404, "404 page not found\n"),
    }
}

/// A list of the API; all of it fits on its first page.
fn listed(items: Vec<Value>) -> Response {
    Response::json(200, &Value::Array(items)).with("X-Next-Page", "1")
}

/// Routers or services as the API lists them.
fn list(kind: &'static str, troubles: &Troubles) -> Vec<Value> {
    let items = ROUTED.iter().map(|(name, url, rule)| {
        let name = format!("{name}@docker");
        let trouble = troubles.of(kind, &name);
        let mut item = if kind == "routers" {
            json!({"entryPoints": ["web"], "service": name.trim_end_matches("@docker"), "rule": rule})
        } else {
            json!({"loadBalancer": {"servers": [{"url": url}], "passHostHeader": true}})
        };
        if let Some(trouble) = &trouble {
            item["error"] = json!([trouble.error]);
        }
        item["status"] = json!(trouble.map_or("enabled".to_owned(), |trouble| trouble.status));
        if kind == "routers" {
            item["using"] = json!(["web"]);
        } else {
            let server = troubles.of("servers", &name);
            let status = server.map_or("UP".to_owned(), |server| server.status);
            item["usedBy"] = json!([name]);
            item["serverStatus"] = json!({ *url: status });
            item["type"] = json!("loadbalancer");
        }
        item["name"] = json!(name);
        item["provider"] = json!("docker");
        item
    });
    items.collect()
}

/// The same by name, as the raw data have it.
fn raw(kind: &'static str, troubles: &Troubles) -> Map<String, Value> {
    let named = list(kind, troubles).into_iter().map(|mut item| {
        let name = item["name"].as_str().unwrap_or_default().to_owned();
        if let Some(fields) = item.as_object_mut() {
            fields.retain(|key, _| !["name", "provider", "type"].contains(&key.as_str()));
        }
        (name, item)
    });
    named.collect()
}

fn overview(troubles: &Troubles) -> Value {
    let count = |kind| {
        let items = list(kind, troubles);
        let with = |status: &str| items.iter().filter(|item| item["status"] == status).count();
        json!({"total": items.len(), "warnings": with("warning"), "errors": with("disabled")})
    };
    let none = json!({"total": 0, "warnings": 0, "errors": 0});
    json!({
        "http": {"routers": count("routers"), "services": count("services"), "middlewares": none},
        "tcp": {"routers": none, "services": none, "middlewares": none},
        "udp": {"routers": none, "services": none},
        "features": {"tracing": "", "metrics": "Prometheus", "accessLog": false},
        "providers": ["Docker"],
    })
}
