//! Grafana: health, the login page, and an API behind basic authentication.
//!
//! The health of a data source is found out by asking it, as Grafana does. The control port knows besides
//! `/datasource?uid=loki&message=TEXT`: the health of that data source fails with that message.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Product, env};
use crate::client;
use crate::control::{Control, Own};
use crate::http::{Handler, Request, Response};
use crate::metrics::Metrics;
use crate::text;

/// The data sources: uid, name, type, address, and what their health asks.
const SOURCES: [(&str, &str, &str, &str, &str); 2] = [
    (
        "prometheus",
        "Prometheus",
        "prometheus",
        "http://prometheus:9090",
        "/api/v1/query?query=1%2B1",
    ),
    (
        "loki",
        "Loki",
        "loki",
        "http://loki:3100",
        "/loki/api/v1/labels",
    ),
];

/// The data sources that are told to fail, and with what message.
#[derive(Debug, Default)]
struct Failing(Mutex<BTreeMap<String, String>>);

impl Failing {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self, request: &Request) -> bool {
        match request.path.as_str() {
            "/datasource" => {
                let text = |name, default| request.query(name).unwrap_or(default).to_owned();
                let message = text("message", "Unable to connect with the data source");
                self.all().insert(text("uid", "prometheus"), message);
            }
            "/reset" => self.all().clear(),
            _ => return false,
        }
        true
    }

    /// What `/api/datasources/uid/UID/health` answers.
    fn health(&self, uid: &str) -> Response {
        let Some((_, name, _, url, path)) = SOURCES.iter().find(|source| source.0 == uid) else {
            return Response::json(
                404,
                &json!({"message": "Data source not found", "traceID": ""}),
            );
        };
        let told = self.all().get(uid).cloned();
        let asked = told.map_or_else(
            || {
                let limit = Duration::from_secs(2);
                match client::get(&format!("{url}{path}"), &[], limit) {
                    Ok(answer) if answer.status < 300 => Ok(()),
                    Ok(answer) => Err(format!("{} - {}", answer.status, answer.text())),
                    Err(cause) => Err(format!("Get \"{url}{path}\": {cause}")),
                }
            },
            Err,
        );
        match asked {
            Ok(()) => Response::json(
                200,
                &json!({"status": "OK", "message": format!("Successfully queried the {name} API.")}),
            ),
            Err(message) => Response::json(400, &json!({"status": "ERROR", "message": message})),
        }
    }
}

/// The data sources as the API lists them.
fn listed() -> Value {
    let sources = SOURCES.iter().enumerate();
    let items = sources.map(|(at, (uid, name, kind, url, _))| {
        json!({
            "id": at + 1, "uid": uid, "orgId": 1, "name": name, "type": kind, "typeName": name, "access": "proxy",
            "url": url, "user": "", "database": "", "basicAuth": false, "isDefault": at == 0, "jsonData": {}, "readOnly": true,
        })
    });
    items.collect()
}

pub(super) fn start(control: &Arc<Control>) -> Product {
    let metrics = Metrics::new("grafana");
    metrics.gauge("grafana_build_info", "Version", "version=\"11.2.0\"", 1.0);
    let login = format!(
        "{}:{}",
        env("GF_SECURITY_ADMIN_USER", "admin"),
        env("GF_SECURITY_ADMIN_PASSWORD", "")
    );
    let expected = format!("Basic {}", text::base64(login.as_bytes()));
    let (control, page) = (Arc::clone(control), Arc::clone(&metrics));
    let failing = Arc::new(Failing::default());
    let told = Arc::clone(&failing);
    let own: Own = Arc::new(move |request| told.told(request).into());
    let handler: Handler =
        Arc::new(move |request| answer(&control, &page, &expected, &failing, request));
    Product::new(&[3000], metrics, handler).told(own)
}

fn answer(
    control: &Control,
    metrics: &Metrics,
    expected: &str,
    failing: &Failing,
    request: &Request,
) -> Response {
    let known = request.header("authorization") == Some(expected);
    match (request.verb(), request.path.as_str()) {
        ("GET", "/api/health") => match control.unhealthy() || control.not_ready().is_some() {
            true => Response::json(
                503,
                &json!({"database": "failing", "version": "11.2.0", "commit": "standin"}),
            ),
            false => Response::json(
                200,
                &json!({"database": "ok", "version": "11.2.0", "commit": "standin"}),
            ),
        },
        ("GET", "/login") => Response::html(
            200,
            "<!doctype html><title>Grafana</title><div id=\"reactRoot\"></div>",
        )
        .with("X-Frame-Options", "deny"),
        ("GET", "/metrics") => Response::page(metrics.page()),
        ("GET", "/") if !known => Response::html(302, "").with("Location", "/login"),
        ("GET", path) if path.starts_with("/api/") && !known => Response::json(
            401,
            &json!({"message": "Unauthorized", "messageId": "auth.unauthorized", "statusCode": 401}),
        ),
        ("GET", "/api/datasources") => Response::json(200, &listed()),
        ("GET", "/api/search") => Response::json(
            200,
            &json!([{"uid": "overview", "title": "Trading Overview", "type": "dash-db"}]),
        ),
        ("GET", "/api/org") => Response::json(200, &json!({"id": 1, "name": "Main Org."})),
        ("GET", path) => match path
            .strip_prefix("/api/datasources/uid/")
            .and_then(|rest| rest.strip_suffix("/health"))
        {
            Some(uid) => failing.health(uid),
            None => Response::json(404, &json!({"message": "Not found"})),
        },
        _ => Response::json(404, &json!({"message": "Not found"})),
    }
}
