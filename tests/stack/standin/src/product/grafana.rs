//! Grafana: health, the login page, and an API behind basic authentication.

use std::sync::Arc;

use serde_json::json;

use super::{Product, env};
use crate::control::Control;
use crate::http::{Handler, Request, Response};
use crate::metrics::Metrics;
use crate::text;

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
    let handler: Handler = Arc::new(move |request| answer(&control, &page, &expected, request));
    Product::new(&[3000], metrics, handler)
}

fn answer(control: &Control, metrics: &Metrics, expected: &str, request: &Request) -> Response {
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
        ("GET", "/api/datasources") => Response::json(
            200,
            &json!([
                {"id": 1, "uid": "prometheus", "name": "Prometheus", "type": "prometheus", "url": "http://prometheus:9090", "isDefault": true},
                {"id": 2, "uid": "loki", "name": "Loki", "type": "loki", "url": "http://loki:3100", "isDefault": false},
            ]),
        ),
        ("GET", "/api/search") => Response::json(
            200,
            &json!([{"uid": "overview", "title": "Trading Overview", "type": "dash-db"}]),
        ),
        ("GET", "/api/org") => Response::json(200, &json!({"id": 1, "name": "Main Org."})),
        _ => Response::json(404, &json!({"message": "Not found"})),
    }
}
