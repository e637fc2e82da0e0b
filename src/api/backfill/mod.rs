//! `backfill::` - what is missing in the store is planned, asked for, and done only when it is there.

mod shapes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rhai::Dynamic;
use serde::Deserialize;
use serde_json::json;

use super::coverage::{by_record, due_of, state};
use super::progress::Working;
use super::questdb::{DB, server, target};
use super::{
    Answer, Call, Failure, Kind, Namespace, Param, Primitive, Record, Ty, option, param, read_as,
    to_json,
};
use crate::backfill::{
    self, Asset, Endpoint, Error, InOrder, Means, Options, Pace, Pacing, Plan, Policy, Queue, Rate,
    Shared,
};
use crate::coverage::{Ledger, Survey, Wanted};
use crate::gate::{Access, Blast};
use crate::http::Retry;
use crate::redis;
use shapes::{CHUNK, DONE, ESTIMATE, OUTCOME, PLAN, WARNING};

const THE_PLAN: Param = param(
    "plan",
    Ty::Any,
    "what `backfill::plan` returned, or the map that was read from its file",
);

const ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::Invalid,
    Kind::Failed,
];

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "backfill",
    doc: "Backfill: gaps become a plan of chunks, and each chunk is asked of the ingestion service at the pace that its provider bears. It is done only when the store has its sessions; what a provider has nothing for is remembered, and not asked for again. Each step of a chunk is written down and on the disk before the next, so that a run that was killed anywhere goes on without asking twice for what is there.",
    primitives: &[
        Primitive {
            name: "plan",
            params: &[
                DB,
                param(
                    "surveys",
                    Ty::List(&Ty::Any),
                    "what `coverage::survey` returned, in this run",
                ),
                param(
                    "policy",
                    Ty::Map,
                    "`min_gap_days`, `internal`, `internal_others`, `density_threshold`, `chunk_days`, `warn_days`, `order` (`newest`, `oldest`, `widest`), `priority` (symbols that come first), `recheck` (also days that a provider had nothing for)",
                ),
                param(
                    "paces",
                    Ty::Map,
                    "by asset: `dense` (each due day has a row that is complete), `least_rows` and `most_rows` of a day, `per_second` and `seconds` of requests",
                ),
            ],
            options: &[option("concurrency", Ty::Int, "1", "for the estimate")],
            access: Access::Local,
            returns: Ty::Record(&PLAN),
            errors: &[Kind::Invalid],
            doc: "What is missing, in chunks.\n\nGaps before the first row and behind the last are always asked for. Gaps between rows are, where `internal` (for dense assets) or `internal_others` says so, when they are longer than `min_gap_days`, and of assets that are not dense only when their density is below `density_threshold`. What a symbol had before it was listed, and what a provider has nothing for, is left alone. A range is cut into chunks of at most `chunk_days`.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let found = coverage::survey(db, "equities", [#{ table: "market_data", symbol: "symbol" }], "2026-10-01", "2026-11-27", #{ calendar: "XNYS", symbols: ["AAPL"] });
let policy = #{ min_gap_days: 5, internal: true, internal_others: false, density_threshold: 0.6, chunk_days: 365, warn_days: 365, order: "newest", priority: [], recheck: false };
let paces = #{ equities: #{ dense: true, least_rows: 1, most_rows: 1, per_second: 5.0, seconds: 1.0 } };
print(backfill::plan(db, [found], policy, paces).chunks.len());"#,
            call: plan,
            ..Primitive::PURE
        },
        Primitive {
            name: "join",
            params: &[
                THE_PLAN,
                param(
                    "redis",
                    Ty::Handle("Redis"),
                    "what `redis::connect` returned",
                ),
            ],
            access: Access::Change,
            returns: Ty::Record(&PLAN),
            errors: ERRORS,
            doc: "The plan that the workers of a store are at, or this one, if they are at none: all who join do one plan together.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let found = coverage::survey(db, "equities", [#{ table: "market_data", symbol: "symbol" }], "2026-10-01", "2026-11-27", #{ calendar: "XNYS", symbols: ["AAPL"] });
let policy = #{ min_gap_days: 5, internal: true, internal_others: false, density_threshold: 0.6, chunk_days: 365, warn_days: 365, order: "newest", priority: [], recheck: false };
let paces = #{ equities: #{ dense: true, least_rows: 1, most_rows: 1, per_second: 5.0, seconds: 1.0 } };
let plan = backfill::plan(db, [found], policy, paces);
print(backfill::join(plan, redis::connect("redis://127.0.0.1:6379")).id);"#,
            target: |a| format!("backfill/{}", a.handle::<redis::Server>("redis").name()),
            call: |call| {
                let plan = read(&call.args().any("plan"))?;
                let redis = call.args().handle::<redis::Server>("redis");
                Ok(PLAN.record(&backfill::join(call.cx(), &redis, &plan)?))
            },
            ..Primitive::CHANGE
        },
        Primitive {
            name: "run",
            params: &[
                DB,
                THE_PLAN,
                param(
                    "base",
                    Ty::Str,
                    "the ingestion service: `http://127.0.0.1:8002`",
                ),
                param(
                    "assets",
                    Ty::Map,
                    "by asset: `tables`, `calendar` and `grace` as for `coverage::survey`, `dense`, and `endpoint`: `provider`, `method`, `path`, `query`, `json` (in their texts `{symbol}`, `{from}`, `{to}`, `{to+60d}`), `count` (fields of the reply that say how many rows), `timeout_seconds`, `seconds_per_day`, `accepted_seconds`",
                ),
            ],
            options: &[
                option(
                    "concurrency",
                    Ty::Int,
                    "1",
                    "so many chunks at once, over all symbols",
                ),
                option(
                    "rates",
                    Ty::Map,
                    "#{}",
                    "by provider: `per_second` and `burst` of requests, over all workers",
                ),
                option(
                    "attempts",
                    Ty::Int,
                    "5",
                    "how often a chunk is asked for again when that failed",
                ),
                option(
                    "backoff",
                    Ty::Duration,
                    "\"1s\"",
                    "the first wait before that; doubled each time, with some randomness",
                ),
                option(
                    "backoff_max",
                    Ty::Duration,
                    "\"60s\"",
                    "the longest such wait",
                ),
                option(
                    "quiet",
                    Ty::Duration,
                    "\"10s\"",
                    "how long a service that did not answer may pause between two writes; then what it stored is all",
                ),
                option(
                    "fresh_days",
                    Ty::Int,
                    "7",
                    "a day that is not older may still get rows: that it has none is not remembered",
                ),
                option(
                    "budget",
                    Ty::Opt(&Ty::Duration),
                    "()",
                    "after so long no other chunk is begun",
                ),
                option(
                    "progress",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "a metrics file that is written while it runs",
                ),
                option(
                    "workers",
                    Ty::Opt(&Ty::Handle("Redis")),
                    "()",
                    "share the plan's chunks with all who run it with this Redis",
                ),
                option(
                    "lease",
                    Ty::Duration,
                    "\"60s\"",
                    "a chunk whose worker says nothing for so long is given to another",
                ),
            ],
            access: Access::Change,
            returns: Ty::Record(&DONE),
            errors: ERRORS,
            doc: "Carries a plan out: its chunks and no others, and of these only the days that are not there.\n\nEach chunk is asked for, and then looked for in the store; what is missing of it is asked for again. A service that does not answer is first waited for until nothing more comes. 429 pauses all workers for as long as `Retry-After` says and halves how many ask at once, which then creeps up. 403 ends the asset. A provider that has nothing is believed when it says so twice, for assets that are not dense at once.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let tables = [#{ table: "market_data", symbol: "symbol" }];
let found = coverage::survey(db, "equities", tables, "2026-10-01", "2026-11-27", #{ calendar: "XNYS", symbols: [] });
let policy = #{ min_gap_days: 5, internal: true, internal_others: false, density_threshold: 0.6, chunk_days: 365, warn_days: 365, order: "newest", priority: [], recheck: false };
let paces = #{ equities: #{ dense: true, least_rows: 1, most_rows: 1, per_second: 5.0, seconds: 1.0 } };
let endpoint = #{ provider: "daily", method: "POST", path: "/market-data/historical/{symbol}", query: #{ start: "{from}", end: "{to}" }, count: ["count"], timeout_seconds: 60.0, accepted_seconds: 60.0 };
let assets = #{ equities: #{ tables: tables, calendar: "XNYS", grace: "4h", dense: true, endpoint: endpoint } };
let plan = backfill::plan(db, [found], policy, paces);
print(backfill::run(db, plan, "http://127.0.0.1:8002", assets).verified);"#,
            target,
            preview: Some(preview),
            call: run,
            ..Primitive::CHANGE
        },
    ],
    shapes: &[&CHUNK, &WARNING, &ESTIMATE, &PLAN, &OUTCOME, &DONE],
};

fn plan(call: &Call<'_>) -> Answer {
    let a = call.args();
    let policy: Policy = read_as("the policy", &a.any("policy"))?;
    let paces: BTreeMap<String, Pace> = read_as("the paces", &a.any("paces"))?;
    let mut surveys: Vec<(Arc<Survey>, Pace)> = Vec::new();
    for value in a.list("surveys") {
        let record = value.read_lock::<Record>();
        let record = record
            .ok_or_else(|| Failure::invalid("`surveys` wants records of `coverage::survey`"))?;
        let survey = by_record(call, &record)?;
        let asset = &survey.asked.asset;
        let pace = *paces
            .get(asset)
            .ok_or_else(|| Failure::invalid(format!("there is no pace for `{asset}`")))?;
        surveys.push((survey, pace));
    }
    let all: Vec<(&Survey, Pace)> = surveys.iter().map(|(s, p)| (s.as_ref(), *p)).collect();
    let concurrency = usize::try_from(a.int("concurrency")).unwrap_or(1);
    let plan = backfill::plan(
        &server(a).name(),
        call.cx().now(),
        &policy,
        concurrency,
        &all,
    )?;
    Ok(PLAN.record(&plan))
}

/// The plan that a script holds.
fn read(value: &Dynamic) -> Result<Plan, Failure> {
    Ok(Plan::parse(&to_json(value).to_string())?)
}

/// The plan of a call, for the server of the call.
fn meant(call: &Call<'_>) -> Result<Plan, Failure> {
    let a = call.args();
    let (plan, store) = (read(&a.any("plan"))?, server(a).name());
    if plan.store == store {
        return Ok(plan);
    }
    let told = format!(
        "the plan `{}` is for the store `{}`, and this is `{store}`",
        plan.id, plan.store
    );
    Err(Failure::invalid(told).hint("make a plan for this one"))
}

fn preview(call: &Call<'_>) -> Result<Blast, Failure> {
    let plan = meant(call)?;
    let estimate = plan.estimate;
    let facts = json!({
        "chunks": plan.chunks.len(), "rows": estimate.most_rows, "requests": estimate.requests,
        "symbols": estimate.symbols,
    });
    Ok(Blast {
        summary: format!(
            "{} requests for {} sessions of {} symbols",
            estimate.requests, estimate.sessions, estimate.symbols
        ),
        facts: facts.as_object().cloned().unwrap_or_default(),
        identity: plan.id,
        touches: Vec::new(),
    })
}

/// An asset as a script says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    tables: Vec<Wanted>,
    #[serde(default)]
    calendar: Option<String>,
    #[serde(default)]
    grace: Option<String>,
    dense: bool,
    endpoint: Endpoint,
}

fn assets(call: &Call<'_>, plan: &Plan) -> Result<BTreeMap<String, Asset>, Failure> {
    let said: BTreeMap<String, Said> = read_as("the assets", &call.args().any("assets"))?;
    let mut assets = BTreeMap::new();
    for (name, said) in said {
        let chunks = || plan.chunks.iter().filter(|chunk| chunk.asset == name);
        let span = chunks()
            .map(|c| c.from)
            .min()
            .zip(chunks().map(|c| c.to).max());
        let Some((from, to)) = span else { continue };
        let grace = match &said.grace {
            Some(text) => crate::api::units::duration(text).map_err(Failure::invalid)?,
            None => Duration::ZERO,
        };
        let asset = Asset {
            tables: said.tables,
            due: due_of(call, said.calendar.as_deref(), grace, from, to)?,
            dense: said.dense,
            endpoint: said.endpoint,
        };
        assets.insert(name, asset);
    }
    match plan
        .chunks
        .iter()
        .find(|chunk| !assets.contains_key(&chunk.asset))
    {
        Some(chunk) => Err(Failure::invalid(format!(
            "the plan has `{}`, and nothing says how `{}` is asked for",
            chunk.id, chunk.asset
        ))),
        None => Ok(assets),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidRate {
    per_second: f64,
    burst: f64,
}

fn pacing(call: &Call<'_>, concurrency: usize) -> Result<Pacing, Failure> {
    let said: BTreeMap<String, SaidRate> = read_as("the rates", &call.args().any("rates"))?;
    if let Some((name, _)) = said.iter().find(|(_, rate)| rate.per_second <= 0.0) {
        return Err(Failure::invalid(format!(
            "the rate of `{name}` is not above 0"
        )));
    }
    let rate = |(name, SaidRate { per_second, burst })| (name, Rate { per_second, burst });
    Ok(Pacing::new(
        said.into_iter().map(rate).collect(),
        concurrency,
    ))
}

fn run(call: &Call<'_>) -> Answer {
    let a = call.args();
    let (cx, plan, db) = (call.cx(), meant(call)?, server(a));
    let base = crate::http::parse(a.str("base"))?;
    let concurrency = usize::try_from(a.int("concurrency"))
        .unwrap_or(1)
        .clamp(1, 64);
    let options = Options {
        base: a.str("base").trim_end_matches('/').to_owned(),
        assets: assets(call, &plan)?,
        concurrency,
        attempts: usize::try_from(a.int("attempts")).unwrap_or(0),
        retry: Retry {
            backoff: a.duration("backoff"),
            backoff_max: a.duration("backoff_max"),
            ..Retry::default()
        },
        quiet: a.duration("quiet"),
        fresh_days: a.int("fresh_days").max(0),
        budget: a.opt_duration("budget"),
        // Redirects are not followed: the service is the one that was named.
        allow: Arc::new(move |hop| match hop.number {
            0 if crate::http::origin(hop.url) == crate::http::origin(&base) => Ok(()),
            _ => Err("it is not the service that was named".to_owned()),
        }),
        progress: a.opt_str("progress").map(Into::into),
    };
    let mut pacing = pacing(call, concurrency)?;
    let queue: Box<dyn Queue> = if a.given("workers") {
        let redis = a.handle::<redis::Server>("workers");
        pacing = pacing.shared((*redis).clone(), &plan.store);
        let host = crate::system::host_name();
        let worker = format!(
            "{host}-{}-{}",
            std::process::id(),
            cx.now().timestamp_millis()
        );
        Box::new(Shared::open(
            cx,
            &redis,
            &plan,
            &worker,
            a.duration("lease"),
        )?)
    } else {
        Box::new(InOrder::new(plan.chunks.len()))
    };
    let ledger = Ledger::open(&state(call)?, &db.name())?;
    let working = Working::counted(call, plan.chunks.len() as u64);
    let told = std::sync::mpsc::channel();
    let lines = std::sync::Mutex::new(told.0);
    let watch = |line: &str, ended: bool| {
        let _ = crate::run::held(&lines).send((line.to_owned(), ended));
    };
    let show = |(line, ended): (String, bool)| match ended {
        true => working.one(&line),
        false => working.say(&line),
    };
    let means = Means {
        server: &db,
        pacing: &pacing,
        ledger: &ledger,
        queue: &*queue,
    };
    // The workers tell, and this thread shows: what shows belongs to the call.
    let done = std::thread::scope(|scope| {
        let worker = scope.spawn(|| backfill::run(cx, &plan, &options, &means, &watch));
        while !worker.is_finished() {
            if let Ok(line) = told.1.recv_timeout(Duration::from_millis(50)) {
                show(line);
            }
        }
        told.1.try_iter().for_each(show);
        worker
            .join()
            .unwrap_or_else(|_| Err(Error::Invalid("the run died".to_owned())))
    })?;
    Ok(DONE.record(&done))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Coverage(error) => error.into(),
            Error::Redis(error) => error.into(),
            Error::Stopped(stop) => stop.into(),
            Error::Invalid(_) => Self::invalid(text),
        }
    }
}
