//! The products that the stand-in answers for.

mod app;
mod backends;
mod grafana;
mod ingestion;
mod loki;
mod platform;
mod polygon;
mod quote;
mod stores;
mod traefik;

use std::path::Path;
use std::sync::Arc;

use crate::control::{Control, Own, Told};
use crate::http::Handler;
use crate::metrics::Metrics;

pub(crate) const NAMES: [&str; 19] = [
    "api",
    "ml",
    "data-ingestion",
    "signal-generator",
    "execution",
    "risk-monitor",
    "strategy-engine",
    "backtesting",
    "weaviate",
    "minio",
    "traefik",
    "pulsar",
    "cadvisor",
    "grafana",
    "loki",
    "promtail",
    "ollama",
    "redis-exporter",
    "otel-collector",
];

pub(crate) struct Product {
    pub(crate) ports: Vec<u16>,
    pub(crate) handler: Handler,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) own: Own,
}

impl Product {
    fn new(ports: &[u16], metrics: Arc<Metrics>, handler: Handler) -> Self {
        Self {
            ports: ports.to_vec(),
            handler,
            metrics,
            own: Arc::new(|_| Told::Unknown),
        }
    }

    /// With what it alone can be told on its control port.
    fn told(self, own: Own) -> Self {
        Self { own, ..self }
    }
}

pub(crate) fn start(name: &'static str, control: &Arc<Control>) -> Product {
    leave_data(name);
    match name {
        "loki" => loki::start(control),
        "grafana" => grafana::start(control),
        "traefik" => traefik::start(control),
        "weaviate" | "minio" | "pulsar" => stores::start(name, control),
        "api" | "ml" | "data-ingestion" | "signal-generator" | "execution" | "risk-monitor"
        | "strategy-engine" | "backtesting" => app::start(name, control),
        _ => platform::start(name, control),
    }
}

/// Something in the data folder, so that a wipe has something to wipe.
fn leave_data(name: &str) {
    let Ok(folder) = std::env::var("STANDIN_DATA") else {
        return;
    };
    // Traefik's store before the first certificate, and something of size for the others.
    let (file, content) = match name {
        "traefik" => ("acme.json", b"{}".to_vec()),
        _ => ("standin.dat", vec![b'.'; 64 * 1024]),
    };
    let file = Path::new(&folder).join(file);
    if !file.exists() {
        let _ = std::fs::write(file, content);
    }
}

/// Whether this is a process of a test's own, without the stack around it: no Redis to ask, and no streams that write
/// rows of their own.
fn alone() -> bool {
    env("STANDIN_ALONE", "") == "true"
}

fn env(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}
