//! What a Prometheus server says of itself: targets, rules, state.

use serde::Serialize;

use super::super::{Call, Failure, Primitive, Shape, Ty, field};
use super::convert::{fetch, server_target};
use super::{SERVER_ERRORS, TIMEOUT, URL};
use crate::prometheus::Error;
use crate::prometheus::server::{self, Alerting, Build, Runtime, Tsdb};

pub(super) static TARGET: Shape = Shape {
    name: "PromTarget",
    doc: "What a Prometheus server scrapes.",
    fields: &[
        field("job", Ty::Str, "its label `job`"),
        field("instance", Ty::Str, "its label `instance`"),
        field("url", Ty::Str, "what is scraped"),
        field(
            "health",
            Ty::Str,
            "`up`, `down`, or `unknown` before the first scrape",
        ),
        field(
            "error",
            Ty::Opt(&Ty::Str),
            "why the last scrape failed; `()` when it did not",
        ),
        field(
            "last_scrape",
            Ty::Opt(&Ty::Time),
            "when; `()` before the first",
        ),
        field("scrape_ms", Ty::Float, "how long the last scrape took"),
        field(
            "interval_seconds",
            Ty::Opt(&Ty::Float),
            "between two scrapes; `()` when the server does not say",
        ),
        field(
            "pool",
            Ty::Str,
            "the part of the configuration that it comes from",
        ),
        field("labels", Ty::Map, "its labels"),
    ],
};

pub(super) static RULE: Shape = Shape {
    name: "PromRule",
    doc: "A rule of a Prometheus server.",
    fields: &[
        field("group", Ty::Str, "its group"),
        field("file", Ty::Str, "the file of its group"),
        field("name", Ty::Str, "the alert, or the series that it records"),
        field("type", Ty::Str, "`alerting` or `recording`"),
        field("query", Ty::Str, "its PromQL"),
        field(
            "health",
            Ty::Str,
            "`ok`, `err`, or `unknown` before the first evaluation",
        ),
        field(
            "error",
            Ty::Opt(&Ty::Str),
            "why the last evaluation failed; `()` when it did not",
        ),
        field(
            "state",
            Ty::Opt(&Ty::Str),
            "`inactive`, `pending` or `firing`; `()` of a recording rule",
        ),
        field("alerts", Ty::Int, "how many of it are pending or firing"),
        field(
            "last_evaluation",
            Ty::Opt(&Ty::Time),
            "when; `()` before the first",
        ),
        field(
            "evaluation_ms",
            Ty::Float,
            "how long the last evaluation took",
        ),
        field(
            "interval_seconds",
            Ty::Float,
            "between two evaluations of its group",
        ),
        field("labels", Ty::Map, "what it adds to its alerts or series"),
    ],
};

pub(super) static STATUS: Shape = Shape {
    name: "PromStatus",
    doc: "A Prometheus server.",
    fields: &[
        field("version", Ty::Str, "its version"),
        field("started_at", Ty::Opt(&Ty::Time), "when it started"),
        field(
            "config_loaded",
            Ty::Bool,
            "whether the last reading of its configuration succeeded; else it runs on the one before",
        ),
        field(
            "config_loaded_at",
            Ty::Opt(&Ty::Time),
            "when its configuration was last read successfully",
        ),
        field("retention", Ty::Str, "how long it keeps samples: `15d`"),
        field(
            "head_series",
            Ty::Opt(&Ty::Int),
            "series in memory; `()` when the server does not say",
        ),
        field("head_chunks", Ty::Opt(&Ty::Int), "chunks in memory"),
        field(
            "newest_sample",
            Ty::Opt(&Ty::Time),
            "its newest sample; `()` when it has none in memory",
        ),
        field(
            "wal_corruptions",
            Ty::Int,
            "corruptions of its write-ahead log since its start",
        ),
        field(
            "alertmanagers",
            Ty::List(&Ty::Str),
            "where it sends alerts; with none, nobody is told",
        ),
    ],
};

pub(super) const TARGETS: Primitive = Primitive {
    name: "targets",
    params: &[URL],
    options: &[TIMEOUT],
    returns: Ty::List(&Ty::Record(&TARGET)),
    errors: SERVER_ERRORS,
    doc: "What a Prometheus server scrapes, how the last scrape went, and why it failed.",
    example: r#"let down = [];
try { down = prom::targets("http://127.0.0.1:9090", #{ timeout: "2s" }).filter(|t| t.health == "down"); } catch (e) { }
for t in down { print(`${t.job}: ${t.error}`); }"#,
    target: server_target,
    call: |call| {
        let targets = asked(call, "targets?state=active", server::targets)?;
        Ok(TARGET.records(&targets))
    },
    ..Primitive::READ
};

pub(super) const RULES: Primitive = Primitive {
    name: "rules",
    params: &[URL],
    options: &[TIMEOUT],
    returns: Ty::List(&Ty::Record(&RULE)),
    errors: SERVER_ERRORS,
    doc: "The rules of a Prometheus server, how the last evaluation went, and why it failed.",
    example: r#"let broken = [];
try { broken = prom::rules("http://127.0.0.1:9090", #{ timeout: "2s" }).filter(|r| r.health == "err"); } catch (e) { }
for r in broken { print(`${r.group}/${r.name}: ${r.error}`); }"#,
    target: server_target,
    call: |call| Ok(RULE.records(&asked(call, "rules", server::rules)?)),
    ..Primitive::READ
};

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    build: Build,
    #[serde(flatten)]
    runtime: Runtime,
    #[serde(flatten)]
    tsdb: Tsdb,
    #[serde(flatten)]
    alerting: Alerting,
}

pub(super) const STATUS_OF: Primitive = Primitive {
    name: "status",
    params: &[URL],
    options: &[TIMEOUT],
    returns: Ty::Record(&STATUS),
    errors: SERVER_ERRORS,
    doc: "How a Prometheus server itself is: its configuration, its store, and where it sends its alerts.\n\nIt takes four requests, each within `timeout`.",
    example: r#"let series = ();
try { series = prom::status("http://127.0.0.1:9090", #{ timeout: "2s" }).head_series; } catch (e) { }
series"#,
    target: server_target,
    call: |call| {
        Ok(STATUS.record(&Whole {
            build: asked(call, "status/buildinfo", server::build)?,
            runtime: asked(call, "status/runtimeinfo", server::runtime)?,
            tsdb: asked(call, "status/tsdb", server::tsdb)?,
            alerting: asked(call, "alertmanagers", server::alerting)?,
        }))
    },
    ..Primitive::READ
};

/// Asks an endpoint and reads the answer.
fn asked<T>(
    call: &Call<'_>,
    endpoint: &str,
    read: fn(&str) -> Result<T, Error>,
) -> Result<T, Failure> {
    fetch(call, server::url(call.args().str("url"), endpoint)?, read)
}
