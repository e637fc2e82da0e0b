//! The faults of what watches the stack that `monitoring.rs` plants, as data.

use crate::fault::Fault;

/// A fault of this layer that a stack lives with.
const fn fault(
    name: &'static str,
    check: &'static str,
    status: &'static str,
    says: &'static str,
) -> Fault {
    crate::fault::fault(name, check, "monitoring", "major", status, says)
}

pub(crate) const LOKI_STOPPED: Fault = Fault {
    layer: "presence",
    ..fault("loki is stopped", "loki.container", "bad", "loki is exited")
};

pub(crate) const FAULTS: &[&Fault] = &[
    &LOKI[0],
    &LOKI[1],
    &LOKI[2],
    &LOKI[3],
    &LOKI[4],
    &LOKI[5],
    &GRAFANA[0],
    &GRAFANA[1],
    &GRAFANA[2],
    &GRAFANA[3],
    &GRAFANA[4],
    &TRAEFIK[0],
    &TRAEFIK[1],
    &TRAEFIK[2],
    &TRAEFIK[3],
    &TRACING[0],
    &TRACING[1],
    &ALERTMANAGER[0],
    &ALERTMANAGER[1],
    &ALERTMANAGER[2],
    &ALERTMANAGER[3],
    &ALERTMANAGER[4],
    &PROMETHEUS[0],
    &PROMETHEUS[1],
    &PROMETHEUS[2],
    &PROMETHEUS[3],
    &PROMETHEUS[4],
    &PROMETHEUS[5],
    &PROMETHEUS[6],
    &PROMETHEUS[7],
    &LOKI_STOPPED,
];

pub(crate) const LOKI: [Fault; 6] = [
    fault(
        "loki is not ready",
        "loki.answers",
        "bad",
        "/ready answered 503: Ingester not ready",
    ),
    fault(
        "loki rejects lines that are too old",
        "loki.roundtrip",
        "bad",
        "loki rejected a line with 400: entry with timestamp",
    ),
    fault(
        "loki rejects lines over its rate limit",
        "loki.roundtrip",
        "bad",
        "loki rejected a line with 429: Ingestion rate limit exceeded",
    ),
    fault(
        "loki accepts lines and loses them",
        "loki.roundtrip",
        "bad",
        "a line was accepted and did not come back within 2s",
    ),
    fault(
        "lines come back from loki late",
        "loki.roundtrip",
        "degraded",
        "a line came back after 1",
    ),
    fault(
        "loki accepts lines and cannot be queried",
        "loki.roundtrip",
        "bad",
        "could not be queried: 500",
    ),
];

pub(crate) const GRAFANA: [Fault; 5] = [
    fault(
        "grafana's database fails",
        "grafana.answers",
        "bad",
        "grafana's database: failing",
    ),
    fault(
        "a data source of grafana fails",
        "grafana.datasources",
        "degraded",
        "1 of 2 data sources fail: Loki (dial tcp: timeout)",
    ),
    fault(
        "grafana refuses the stack's login",
        "grafana.datasources",
        "unknown",
        "grafana refuses the login of operator with 401",
    ),
    fault(
        "grafana's API fails",
        "grafana.datasources",
        "bad",
        "/api/datasources answered 500",
    ),
    fault(
        "the stack's settings have no login for grafana",
        "grafana.datasources",
        "unknown",
        "no GRAFANA_PASSWORD",
    ),
];

pub(crate) const TRAEFIK: [Fault; 4] = [
    fault(
        "a router of traefik is in error",
        "traefik.routers",
        "bad",
        "api@docker is disabled (the service \"x\" does not exist)",
    ),
    fault(
        "a router of traefik has a warning",
        "traefik.routers",
        "degraded",
        "api@docker is warning",
    ),
    fault(
        "a service of traefik is in error",
        "traefik.services",
        "bad",
        "grafana@docker is disabled",
    ),
    fault(
        "a server behind traefik is down",
        "traefik.services",
        "bad",
        "minio@docker (1 of 1 servers: http://minio:9001)",
    ),
];

pub(crate) const TRACING: [Fault; 2] = [
    Fault {
        severity: "minor",
        ..fault(
            "something else is where the tracing collector should be",
            "tracing.answers",
            "bad",
            "/v1/traces answered 404",
        )
    },
    Fault {
        severity: "minor",
        ..fault(
            "the tracing collector does not answer",
            "tracing.answers",
            "bad",
            "/v1/traces",
        )
    },
];

pub(crate) const ALERTMANAGER: [Fault; 5] = [
    fault(
        "a critical alert fires",
        "alertmanager.alerts",
        "bad",
        "1 alert fires: OrdersStuck (critical, since ",
    ),
    fault(
        "a warning fires",
        "alertmanager.alerts",
        "degraded",
        "1 alert fires: OrdersSlow (warning, since ",
    ),
    fault(
        "a silence that holds an alert back ends soon",
        "alertmanager.silences",
        "degraded",
        "alertname=\"OrdersSlow\" by a test (maintenance) ends in 1",
    ),
    fault(
        "alertmanager's new configuration is broken",
        "alertmanager.config",
        "degraded",
        "the last reload of the configuration failed",
    ),
    fault(
        "alertmanager's cluster does not settle",
        "alertmanager.cluster",
        "degraded",
        "its cluster is still settling",
    ),
];

pub(crate) const PROMETHEUS: [Fault; 8] = [
    fault(
        "a target is down although its service runs",
        "prometheus.targets",
        "degraded",
        "1 of 2 targets cannot be scraped: loki (server returned HTTP status 404 Not Found)",
    ),
    fault(
        "prometheus scrapes nothing",
        "prometheus.targets",
        "bad",
        "prometheus scrapes nothing",
    ),
    fault(
        "a rule cannot be evaluated",
        "prometheus.rules",
        "degraded",
        "1 of 2 rules fail: test/broken: ",
    ),
    fault(
        "prometheus' new configuration is broken",
        "prometheus.config",
        "degraded",
        "the last reload of the configuration failed; prometheus runs on the one of 20",
    ),
    fault(
        "prometheus sends its alerts nowhere",
        "prometheus.alerting",
        "degraded",
        "it knows no Alertmanager, and has 1 alerting rules",
    ),
    fault(
        "prometheus' write-ahead log is damaged",
        "prometheus.store",
        "degraded",
        "prometheus_tsdb_wal_corruptions_total is 1 since its start",
    ),
    fault(
        "prometheus holds too many series",
        "prometheus.series",
        "bad",
        " series in memory",
    ),
    fault(
        "prometheus lags behind in scraping",
        "prometheus.scrapes",
        "degraded",
        "was last scraped ",
    ),
];
