//! The numbers in the report: right to the last digit that matters, held against what the operator wrote, in the
//! published form.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::bounds::Gone;
use crate::page::Page;
use crate::stack::{Stack, docker, env, eventually, fetch, run};

/// A page with the application metrics and a latency histogram of two paths with crooked numbers.
fn metrics() -> String {
    let name = "app_http_request_latency_seconds";
    let mut page = format!("# TYPE {name} histogram\n");
    let bounds = [
        "0.005", "0.01", "0.02", "0.05", "0.1", "0.25", "0.5", "1", "2", "5", "+Inf",
    ];
    let paths = [
        (
            "/a",
            [3, 17, 101, 733, 1201, 1409, 1451, 1459, 1463, 1466, 1466],
        ),
        ("/b", [0, 1, 7, 41, 97, 307, 509, 601, 661, 691, 701]),
    ];
    for (path, counts) in paths {
        for (bound, count) in bounds.iter().zip(counts) {
            let _ = writeln!(
                page,
                "{name}_bucket{{path=\"{path}\",le=\"{bound}\"}} {count}"
            );
        }
        let _ = writeln!(page, "{name}_count{{path=\"{path}\"}} {}", counts[10]);
        let _ = writeln!(page, "{name}_sum{{path=\"{path}\"}} 123.5");
    }
    page + "# TYPE app_http_requests_total counter\napp_http_requests_total{status=\"200\"} 2167\n\
            # TYPE app_requests_shed_total counter\napp_requests_shed_total 0\n\
            # TYPE app_http_inflight_requests gauge\napp_http_inflight_requests 1\n\
            # TYPE app_concurrency_limit gauge\napp_concurrency_limit 64\n\
            # TYPE app_request_queue_depth gauge\napp_request_queue_depth 0\n"
}

#[test]
fn quantiles_are_those_of_a_real_prometheus() {
    let stack = Stack::alone();
    let page = Page::serve(vec![
        ("/metrics", metrics()),
        ("/health", "{\"status\":\"healthy\"}".into()),
        ("/ready", "{\"status\":\"ready\"}".into()),
    ]);

    // A project of one service, whose container stands on the host's network: so the page is this test's.
    let project = format!("tt-page-{}", std::process::id());
    let _gone = Gone(project.clone());
    let label = |key: &str, value: &str| format!("com.docker.compose.{key}={value}");
    docker(&[
        "run",
        "-d",
        "--rm",
        "--network",
        "host",
        "--name",
        &project,
        "--label",
        "com.tradeops.test=health",
        "--label",
        &label("project", &project),
        "--label",
        &label("service", "api"),
        "--entrypoint",
        "sleep",
        &env("REDIS_IMAGE"),
        "300",
    ]);
    // The overlay in a copy: the service listens on this test's port.
    let eject = run(&mut stack.command(&["eject", "--std", "stack"]));
    assert!(
        eject.status.success(),
        "{}",
        String::from_utf8_lossy(&eject.stderr)
    );
    let overlay = stack.folder.path().join(".tradeops/std/stack.rhai");
    let text = std::fs::read_to_string(&overlay).expect("the overlay");
    let changed = text.replacen(
        "\"api\": #{ port: 8000",
        &format!("\"api\": #{{ port: {}", page.port),
        1,
    );
    assert_ne!(text, changed);
    std::fs::write(&overlay, changed).expect("the overlay");

    // A Prometheus of its own scrapes the same page.
    let name = format!("tt-prometheus-{}", std::process::id());
    let _gone = Gone(name.clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let config = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: page\n    static_configs:\n      - targets: ['127.0.0.1:{}']\n",
        page.port
    );
    let script = "printf '%s' \"$CONFIG\" > /tmp/prometheus.yml; exec prometheus --config.file=/tmp/prometheus.yml \
                  --storage.tsdb.path=/tmp/tsdb --web.listen-address=127.0.0.1:\"$PORT\"";
    docker(&[
        "run",
        "-d",
        "--rm",
        "--network",
        "host",
        "--name",
        &name,
        "--label",
        "com.tradeops.test=health",
        "-e",
        &format!("CONFIG={config}"),
        "-e",
        &format!("PORT={port}"),
        "--entrypoint",
        "sh",
        &env("PROMETHEUS_IMAGE"),
        "-c",
        script,
    ]);

    let asked = stack.ask("health", &["--project", &project, "--services", "api"]);
    let value = &asked.check("api.traffic")["value"];
    for (phi, field) in [
        ("0.5", "p50_seconds"),
        ("0.95", "p95_seconds"),
        ("0.99", "p99_seconds"),
    ] {
        let query = format!(
            "/api/v1/query?query=histogram_quantile({phi},sum%20by%20(le)(app_http_request_latency_seconds_bucket))"
        );
        let theirs: f64 = eventually("Prometheus has no answer", || {
            let body = fetch(port, &query).map_err(|e| e.to_string())?;
            let answer: Value = serde_json::from_str(&body).map_err(|e| format!("{e}: {body}"))?;
            let number = answer["data"]["result"][0]["value"][1].as_str();
            number.and_then(|n| n.parse().ok()).ok_or(body)
        });
        let ours = value[field].as_f64().unwrap_or(f64::NAN);
        println!("{phi}: ours {ours}, Prometheus' {theirs}");
        assert!((ours - theirs).abs() <= 1e-9, "{phi}: {ours} {theirs}");
    }
}

#[test]
fn an_edited_threshold_in_an_ejected_copy_changes_the_verdict() {
    let stack = Stack::healthy();
    let eject = run(&mut stack.command(&["eject", "--std", "limits"]));
    assert!(
        eject.status.success(),
        "{}",
        String::from_utf8_lossy(&eject.stderr)
    );
    assert_eq!(stack.health(&[]).code, 0);
    let path = stack.folder.path().join(".tradeops/std/limits.rhai");
    let text = std::fs::read_to_string(&path).expect("the copy");
    let changed = text.replacen(
        "p95_seconds: #{ warn: 1.0",
        "p95_seconds: #{ warn: 0.001",
        1,
    );
    assert_ne!(text, changed);
    std::fs::write(&path, changed).expect("the copy");
    let asked = stack.health(&[]);
    assert_eq!(
        (asked.code, asked.causes()),
        (1, vec!["api.traffic", "ml.traffic"])
    );
    assert_eq!(asked.check("api.traffic")["threshold"], 0.001);
}

#[test]
fn the_json_is_what_the_schema_says() {
    let stack = Stack::alone();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/report-1.json");
    let schema = std::fs::read_to_string(schema).expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    stack.tell("ml", "/notready");
    let asked = stack.health(&[]);
    stack.tell("ml", "/reset");
    assert!(!asked.causes().is_empty());
    check(&schema, &asked.report, "report");
    // Nothing beside what is published.
    for (published, found) in [
        (&schema["properties"], &asked.report),
        (
            &schema["properties"]["checks"]["items"]["properties"],
            &asked.report["checks"][0],
        ),
        (
            &schema["properties"]["root_causes"]["items"]["properties"],
            &asked.report["root_causes"][0],
        ),
    ] {
        for key in found.as_object().expect("an object").keys() {
            assert!(published.get(key).is_some(), "`{key}` is not in the schema");
        }
    }
    let mut ids: Vec<&str> = asked
        .checks()
        .iter()
        .filter_map(|c| c["id"].as_str())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "two checks have one id");
}

/// The part of JSON Schema that the published one uses.
fn check(schema: &Value, value: &Value, at: &str) {
    if let Some(wanted) = schema.get("const") {
        assert_eq!(value, wanted, "{at}");
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value}");
    }
    let right = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some(other) => panic!("{at}: the type `{other}` is not known here"),
    };
    assert!(right, "{at}: {value}");
    for key in schema["required"].as_array().into_iter().flatten() {
        let key = key.as_str().unwrap_or_default();
        assert!(value.get(key).is_some(), "{at}: no `{key}`");
    }
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        check(inner, &value[key], &format!("{at}.{key}"));
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(inner) = schema.get("items") {
            check(inner, item, &format!("{at}[{n}]"));
        }
    }
}
