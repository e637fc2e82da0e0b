//! The real servers behind the services: Redis and QuestDB, asked when a service's truth depends on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::{alone, env};
use crate::client;
use crate::control::Control;
use crate::text;

/// Whether Redis answers, asked every second in the background.
#[derive(Clone, Debug)]
pub(super) struct Redis(Arc<AtomicBool>);

impl Redis {
    pub(super) fn watch(control: &Arc<Control>) -> Self {
        if alone() {
            return Self(Arc::new(AtomicBool::new(true)));
        }
        let alive = Arc::new(AtomicBool::new(ping().is_ok()));
        let (watched, log) = (Arc::clone(&alive), Arc::clone(&control.log));
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let answer = ping();
                let before = watched.swap(answer.is_ok(), Ordering::Relaxed);
                match (before, answer) {
                    (true, Err(cause)) => log.error("redis is unreachable", &[("cause", &cause)]),
                    (false, Ok(_)) => log.info("redis is back", &[]),
                    _ => {}
                }
            }
        });
        Self(alive)
    }

    pub(super) fn alive(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn ping() -> Result<String, String> {
    redis("PING")
}

pub(super) fn redis(command: &str) -> Result<String, String> {
    let address = format!(
        "{}:{}",
        env("REDIS_HOST", "redis"),
        env("REDIS_PORT", "6379")
    );
    client::redis(
        &address,
        &env("REDIS_PASSWORD", ""),
        command,
        Duration::from_secs(1),
    )
}

/// The rows of a QuestDB query.
pub(super) fn questdb(sql: &str) -> Result<Vec<Vec<Value>>, String> {
    let url = format!(
        "{}/exec?query={}",
        env("QUESTDB_HTTP_URL", "http://questdb:9000"),
        text::percent_encode(sql)
    );
    let answer = client::get(&url, &[], Duration::from_secs(10))?;
    let body: Value =
        serde_json::from_slice(&answer.body).map_err(|error| format!("not JSON: {error}"))?;
    if let Some(error) = body["error"].as_str() {
        return Err(error.to_owned());
    }
    let rows = body["dataset"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    Ok(rows
        .iter()
        .map(|row| row.as_array().cloned().unwrap_or_default())
        .collect())
}
