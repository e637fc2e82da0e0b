//! Weaviate 1.33, MinIO and Pulsar 3.2: how their nodes, drives, brokers and subscriptions are doing.
//!
//! Their control ports know besides:
//!
//! | product | path | effect |
//! |---|---|---|
//! | weaviate | `/node?name=node1&status=UNHEALTHY` | that node has that status |
//! | minio | `/drives?offline=1` | so many of its four drives are offline; from three on it may not write |
//! | minio | `/capacity?used=95` | that many percent are used |
//! | minio | `/private` | its metrics ask for a token |
//! | pulsar | `/backlog?messages=5&topic=market-data&subscription=signal-generator` | so many messages wait there |
//! | pulsar | `/nobroker` | the cluster has no broker |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::Product;
use crate::control::{Control, Own};
use crate::http::{Handler, Request, Response};
use crate::metrics::Metrics;
use crate::text;

const DRIVES: i64 = 4;

const CAPACITY: f64 = 4e12;

/// Who reads which topic.
const SUBSCRIPTIONS: [(&str, &str); 5] = [
    ("market-data", "signal-generator"),
    ("trading-signals", "strategy-engine"),
    ("order-requests", "execution"),
    ("risk-alerts", "risk-monitor"),
    ("news-data", "ml"),
];

/// What was told, by path.
#[derive(Debug, Default)]
struct Told(Mutex<BTreeMap<String, BTreeMap<String, String>>>);

impl Told {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, paths: &[(&str, &[&str])], request: &Request) -> bool {
        if request.path == "/reset" {
            self.all().clear();
            return true;
        }
        let Some((path, names)) = paths.iter().find(|(path, _)| *path == request.path) else {
            return false;
        };
        let values = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), request.query(name)?.to_owned())));
        self.all().insert((*path).to_owned(), values.collect());
        true
    }

    fn is(&self, path: &str) -> bool {
        self.all().contains_key(path)
    }

    fn text(&self, path: &str, name: &str) -> Option<String> {
        self.all().get(path)?.get(name).cloned()
    }

    fn number(&self, path: &str, name: &str, default: i64) -> i64 {
        let text = self.text(path, name);
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}

pub(super) fn start(name: &'static str, control: &Arc<Control>) -> Product {
    let metrics = Metrics::new(name);
    metrics.gauge(
        "process_start_time_seconds",
        "Start of the process",
        "",
        text::unix_seconds(),
    );
    type Paths = &'static [(&'static str, &'static [&'static str])];
    let (ports, paths): (&[u16], Paths) = match name {
        "weaviate" => (&[8080, 2112], &[("/node", &["name", "status"])]),
        "minio" => (
            &[9000, 9001],
            &[
                ("/drives", &["offline"]),
                ("/capacity", &["used"]),
                ("/private", &[]),
            ],
        ),
        _ => (
            &[6650, 8080],
            &[
                ("/backlog", &["messages", "topic", "subscription"]),
                ("/nobroker", &[]),
            ],
        ),
    };
    let told = Arc::new(Told::default());
    let heard = Arc::clone(&told);
    let own: Own = Arc::new(move |request| heard.hear(paths, request).into());
    let (control, page) = (Arc::clone(control), Arc::clone(&metrics));
    let handler: Handler = Arc::new(move |request| {
        let sick = control.unhealthy() || control.not_ready().is_some();
        let answer = match (name, request.verb()) {
            ("weaviate", "GET") => weaviate(sick, &told, &page, request),
            ("minio", "GET") => minio(sick, &told, &page, request),
            ("pulsar", "GET") => pulsar(sick, &told, &page, request),
            _ => None,
        };
        answer.unwrap_or_else(|| Response::text(404, "404 page not found\n"))
    });
    Product::new(ports, metrics, handler).told(own)
}

fn ok(sick: bool, body: &str) -> Response {
    if sick {
        Response::text(503, "not ready\n")
    } else {
        Response::text(200, body)
    }
}

fn weaviate(sick: bool, told: &Told, metrics: &Metrics, request: &Request) -> Option<Response> {
    Some(match request.path.as_str() {
        "/v1/.well-known/ready" | "/v1/.well-known/live" => ok(sick, ""),
        "/v1/meta" => Response::json(
            200,
            &json!({"hostname": "http://[::]:8080", "version": "1.33.0", "modules": {}}),
        ),
        "/v1/nodes" => {
            let nodes = ["node1", "node2"].map(|name| {
                let status = told
                    .text("/node", "status")
                    .filter(|_| told.text("/node", "name").is_none_or(|told| told == name));
                let well = if sick { "UNHEALTHY" } else { "HEALTHY" };
                json!({
                    "name": name, "version": "1.33.0", "gitHash": "standin", "status": status.as_deref().unwrap_or(well),
                    "batchStats": {"queueLength": 0, "ratePerSecond": 0}, "shards": null,
                })
            });
            Response::json(200, &json!({ "nodes": nodes }))
        }
        "/v1/schema" => {
            let classes = [
                "NewsArticle",
                "SocialSentiment",
                "OptionContract",
                "EquityBar",
            ];
            let classes: Value = classes
                .iter()
                .map(|class| json!({"class": class}))
                .collect();
            Response::json(200, &json!({ "classes": classes }))
        }
        "/metrics" => Response::page(metrics.page()),
        _ => return None,
    })
}

fn minio(sick: bool, told: &Told, metrics: &Metrics, request: &Request) -> Option<Response> {
    let offline = told.number("/drives", "offline", 0).clamp(0, DRIVES);
    Some(match request.path.as_str() {
        "/" => Response::html(200, "<!doctype html><title>MinIO Console</title>"),
        "/minio/health/live" | "/minio/health/ready" => ok(sick, ""),
        "/minio/health/cluster" => {
            let may_write = DRIVES - offline >= 2;
            ok(sick || !may_write, "").with("X-Minio-Write-Quorum", "2")
        }
        "/minio/v2/metrics/cluster" if told.is("/private") => Response::new(
            403,
            "application/xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>",
        ),
        "/minio/v2/metrics/cluster" => {
            let own = r#"server="127.0.0.1:9000""#;
            let used = told.number("/capacity", "used", 12).clamp(0, 100) as f64;
            for (name, help, value) in [
                (
                    "minio_cluster_drive_online_total",
                    "Drives online",
                    (DRIVES - offline) as f64,
                ),
                (
                    "minio_cluster_drive_offline_total",
                    "Drives offline",
                    offline as f64,
                ),
                ("minio_cluster_drive_total", "Drives", DRIVES as f64),
                (
                    "minio_cluster_health_status",
                    "1 when it may write",
                    f64::from(u8::from(DRIVES - offline >= 2)),
                ),
                (
                    "minio_cluster_capacity_usable_total_bytes",
                    "Capacity",
                    CAPACITY,
                ),
                (
                    "minio_cluster_capacity_usable_free_bytes",
                    "Free capacity",
                    CAPACITY * (100.0 - used) / 100.0,
                ),
            ] {
                metrics.gauge(name, help, own, value);
            }
            Response::page(metrics.page())
        }
        "/metrics" => Response::page(metrics.page()),
        _ => return None,
    })
}

fn pulsar(sick: bool, told: &Told, metrics: &Metrics, request: &Request) -> Option<Response> {
    Some(match request.path.as_str() {
        "/admin/v2/brokers/health" => ok(sick, "ok"),
        "/admin/v2/brokers/ready" if sick => Response::text(500, ""),
        "/admin/v2/brokers/ready" => Response::text(200, "ok"),
        "/admin/v2/clusters" => Response::json(200, &json!(["standalone"])),
        "/admin/v2/brokers/standalone" if told.is("/nobroker") => Response::json(200, &json!([])),
        "/admin/v2/brokers/standalone" => Response::json(200, &json!(["localhost:8080"])),
        "/admin/v2/tenants" => Response::json(200, &json!(["public", "pulsar", "trading"])),
        "/metrics" | "/metrics/" => {
            for (topic, subscription) in SUBSCRIPTIONS {
                let labels = format!(
                    r#"cluster="standalone",namespace="trading/production",topic="persistent://trading/production/{topic}",subscription="{subscription}""#
                );
                let meant = |name: &str, own: &str| {
                    told.text("/backlog", name).is_none_or(|told| told == own)
                };
                let here = meant("topic", topic) && meant("subscription", subscription);
                let waiting = if here {
                    told.number("/backlog", "messages", 0)
                } else {
                    0
                };
                metrics.gauge(
                    "pulsar_subscription_back_log",
                    "Messages that wait",
                    &labels,
                    waiting as f64,
                );
            }
            Response::page(metrics.page())
        }
        _ => return None,
    })
}
