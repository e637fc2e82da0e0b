//! `prom::`: metrics pages, and a Prometheus server's query API and state.

mod convert;
mod reading;
mod server;
mod shapes;

use rhai::Dynamic;

use super::{Args, Failure, Kind, Namespace, Param, Primitive, Ty, option, param};
use crate::prometheus::{self, Page, Selector};
use convert::{answer, ask, names, page, page_of, quantiles, selector, server_target};
use shapes::{ANSWER, EXEMPLAR, FAMILY, GROUP, INCREASE, POINT, QUANTILE, RATE, SAMPLE, SERIES};

const PAGE: Param = param("page", Ty::Handle("Page"), "what `prom::parse` returned");
const BEFORE: Param = param("before", Ty::Handle("Page"), "the earlier page");
const AFTER: Param = param(
    "after",
    Ty::Handle("Page"),
    "the later page of the same target",
);
const NAME: Param = param(
    "name",
    Ty::Str,
    "a metric, `up`, or a selector, `up{job=\"api\"}`",
);
const PHI: Param = param("phi", Ty::Float, "which quantile: 0.95 is P95");
const BY: Param = param("by", Ty::List(&Ty::Str), "names of labels");
const LABELS: Param = option(
    "labels",
    Ty::Map,
    "#{}",
    "conditions on labels: `#{ job: \"api\" }`; a value may begin with `!=`, `=~` or `!~`",
);
const URL: Param = param("url", Ty::Str, "the server: `http://prometheus:9090`");
const EXPR: Param = param("expr", Ty::Str, "PromQL");
const TIMEOUT: Param = option(
    "timeout",
    Ty::Duration,
    "\"10s\"",
    "how long the whole call may take",
);

const PAGE_ERRORS: &[Kind] = &[Kind::NotFound, Kind::Invalid];

const SERVER_ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::Invalid,
    Kind::Conflict,
    Kind::Failed,
];

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "prom",
    doc: "Prometheus metrics. A page is what a service answers on `/metrics`; the arithmetic of PromQL is done on one page, or on two of the same target. Where PromQL would give an empty result, these give `not_found`, so that no threshold lets it pass. `prom::query` and `prom::query_range` ask a server; `prom::targets`, `prom::rules` and `prom::status` ask how it is itself.",
    primitives: &[
        Primitive {
            name: "parse",
            params: &[param("text", Ty::Str, "a page: the body of `/metrics`")],
            options: reading::PARSE,
            returns: Ty::Handle("Page"),
            errors: &[Kind::Invalid],
            doc: "Reads a metrics page: the classic text format 0.0.4, or OpenMetrics 1.0 if its last line is `# EOF`. What is not the format is `invalid`, with line and column; a page is never half taken.",
            example: r##"let page = prom::parse("# TYPE jobs_total counter\njobs_total{state=\"done\"} 7\n");
prom::value(page, "jobs_total") == 7.0"##,
            call: reading::parse,
            ..Primitive::PURE
        },
        Primitive {
            name: "scrape",
            params: &[param(
                "url",
                Ty::Str,
                "the page, absolute: `http://api:8000/metrics`",
            )],
            options: super::http::SCRAPE,
            capability: Some("http.read"),
            returns: Ty::Str,
            errors: &[
                Kind::Unreachable,
                Kind::Timeout,
                Kind::Refused,
                Kind::Invalid,
                Kind::Failed,
            ],
            doc: "Fetches a metrics page, checks it while it comes, and gives it as text for `prom::parse`. With `only`, it holds nothing but these metrics, however long the page is; all of the page is checked all the same.\n\nIt is an HTTP read with that one's options, rules and capability. The `Content-Type` tells the format, as it does for Prometheus. A status other than 2xx is `failed`, a page that is none `invalid`.",
            example: r##"let page = prom::parse(prom::scrape("http://127.0.0.1:9090/metrics", #{ only: ["prometheus_build_info"] }));
prom::value(page, "prometheus_build_info") == 1.0"##,
            target: super::http::target,
            vet: Some(super::http::vet_read),
            call: reading::scrape,
            ..Primitive::READ
        },
        Primitive {
            name: "families",
            params: &[PAGE],
            returns: Ty::List(&Ty::Record(&FAMILY)),
            doc: "The metrics of a page, in its order.",
            example: r##"let page = prom::parse("# TYPE up gauge\nup 1\n");
prom::families(page)[0].name == "up""##,
            call: |call| Ok(FAMILY.records(&convert::families(&page(call.args())))),
            ..Primitive::PURE
        },
        Primitive {
            name: "samples",
            params: &[PAGE, NAME, LABELS],
            returns: Ty::List(&Ty::Record(&SAMPLE)),
            errors: &[Kind::Invalid],
            doc: "The samples that are meant, in the page's order. None is an empty list.",
            example: r##"let page = prom::parse("up{job=\"a\"} 1\nup{job=\"b\"} 0\n");
prom::samples(page, "up", #{ job: "=~a|b" }).len() == 2"##,
            call: |call| {
                let a = call.args();
                let (page, selector) = (page(a), selector(a)?);
                let samples: Vec<_> = page.filter(&selector).collect();
                Ok(SAMPLE.records(&samples))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "has",
            params: &[PAGE, NAME, LABELS],
            returns: Ty::Bool,
            errors: &[Kind::Invalid],
            doc: "Whether the page has a sample that is meant.",
            example: r##"prom::has(prom::parse("up 1\n"), "down") == false"##,
            call: |call| {
                let a = call.args();
                let (page, selector) = (page(a), selector(a)?);
                let found = page.filter(&selector).next().is_some();
                Ok(found.into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "value",
            params: &[PAGE, NAME, LABELS],
            returns: Ty::Float,
            errors: PAGE_ERRORS,
            doc: "The value of the one series that is meant. Several are `invalid`, none is `not_found`.",
            example: r##"prom::value(prom::parse("up{job=\"a\"} 1\nup{job=\"b\"} 0\n"), "up", #{ job: "b" }) == 0.0"##,
            call: |call| number(call.args(), Page::value),
            ..Primitive::PURE
        },
        Primitive {
            name: "sum",
            params: &[PAGE, NAME, LABELS],
            returns: Ty::Float,
            errors: PAGE_ERRORS,
            doc: "The sum over all series that are meant.",
            example: r##"prom::sum(prom::parse("x{a=\"1\"} 1\nx{a=\"2\"} 2\n"), "x") == 3.0"##,
            call: |call| number(call.args(), Page::sum),
            ..Primitive::PURE
        },
        Primitive {
            name: "max",
            params: &[PAGE, NAME, LABELS],
            returns: Ty::Float,
            errors: PAGE_ERRORS,
            doc: "The largest value.",
            example: r##"prom::max(prom::parse("x{a=\"1\"} 1\nx{a=\"2\"} 2\n"), "x") == 2.0"##,
            call: |call| number(call.args(), Page::max),
            ..Primitive::PURE
        },
        Primitive {
            name: "min",
            params: &[PAGE, NAME, LABELS],
            returns: Ty::Float,
            errors: PAGE_ERRORS,
            doc: "The smallest value.",
            example: r##"prom::min(prom::parse("x{a=\"1\"} 1\nx{a=\"2\"} 2\n"), "x") == 1.0"##,
            call: |call| number(call.args(), Page::min),
            ..Primitive::PURE
        },
        Primitive {
            name: "sum_by",
            params: &[PAGE, NAME, BY, LABELS],
            returns: Ty::List(&Ty::Record(&GROUP)),
            errors: PAGE_ERRORS,
            doc: "Sums by the values of labels, sorted by these.",
            example: r##"let page = prom::parse("x{code=\"200\",m=\"a\"} 1\nx{code=\"200\",m=\"b\"} 2\nx{code=\"500\",m=\"a\"} 4\n");
prom::sum_by(page, "x", ["code"])[0].value == 3.0"##,
            call: |call| {
                let a = call.args();
                let by = a.strs("by");
                Ok(GROUP.records(&page(a).sum_by(&selector(a)?, &names(&by))?))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "increase",
            params: &[BEFORE, AFTER, NAME, LABELS],
            returns: Ty::Record(&INCREASE),
            errors: PAGE_ERRORS,
            doc: "How much a counter grew between two pages of one target. A series that fell was reset and counts from 0.",
            example: r##"let before = prom::parse("# TYPE x counter\nx 5\n");
let after = prom::parse("# TYPE x counter\nx 7\n");
prom::increase(before, after, "x").total == 2.0"##,
            call: |call| {
                let a = call.args();
                let (before, after) = (page_of(a, "before"), page_of(a, "after"));
                Ok(INCREASE.record(&prometheus::increase(&before, &after, &selector(a)?)?))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "rate",
            params: &[
                BEFORE,
                AFTER,
                NAME,
                param("window", Ty::Duration, "the time between the pages"),
                LABELS,
            ],
            returns: Ty::Record(&RATE),
            errors: PAGE_ERRORS,
            doc: "How fast a counter grew, per second: its increase over the time between two pages.",
            example: r##"let before = prom::parse("# TYPE x counter\nx 5\n");
let after = prom::parse("# TYPE x counter\nx 25\n");
prom::rate(before, after, "x", "10s").per_second == 2.0"##,
            call: |call| {
                let a = call.args();
                let (before, after) = (page_of(a, "before"), page_of(a, "after"));
                let window = a.duration("window").as_secs_f64();
                Ok(RATE.record(&prometheus::rate(&before, &after, &selector(a)?, window)?))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "quantile",
            params: &[PAGE, NAME, PHI, LABELS],
            returns: Ty::Record(&QUANTILE),
            errors: PAGE_ERRORS,
            doc: "A quantile of everything since the target's start, by Prometheus' own rules, over all series of a histogram together. It says little about now: `prom::quantile_between` does.",
            example: HISTOGRAM,
            call: |call| {
                let a = call.args();
                let all = prometheus::lifetime(&page(a), &selector(a)?, &[])?;
                convert::single(quantiles(&all, a.float("phi")))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "quantile_by",
            params: &[PAGE, NAME, PHI, BY, LABELS],
            returns: Ty::List(&Ty::Record(&QUANTILE)),
            errors: PAGE_ERRORS,
            doc: "`prom::quantile` for each combination of some labels' values, sorted by these.",
            example: r##"let page = prom::parse("# TYPE t histogram\nt_bucket{m=\"a\",le=\"1\"} 2\nt_bucket{m=\"a\",le=\"+Inf\"} 4\n");
prom::quantile_by(page, "t", 0.5, ["m"])[0].labels.m == "a""##,
            call: |call| {
                let a = call.args();
                let by = a.strs("by");
                let all = prometheus::lifetime(&page(a), &selector(a)?, &names(&by))?;
                Ok(QUANTILE.records(&quantiles(&all, a.float("phi"))))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "quantile_between",
            params: &[BEFORE, AFTER, NAME, PHI, LABELS],
            returns: Ty::Record(&QUANTILE),
            errors: PAGE_ERRORS,
            doc: "A quantile of what happened between two pages of one target.",
            example: r##"let text = |n| "# TYPE t histogram\nt_bucket{le=\"1\"} " + n + "\nt_bucket{le=\"+Inf\"} " + n + "\n";
prom::quantile_between(prom::parse(text.call(1)), prom::parse(text.call(11)), "t", 0.5).count == 10.0"##,
            call: |call| {
                let a = call.args();
                let (before, after) = (page_of(a, "before"), page_of(a, "after"));
                let all = prometheus::window(&before, &after, &selector(a)?, &[])?;
                convert::single(quantiles(&all, a.float("phi")))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "quantile_between_by",
            params: &[BEFORE, AFTER, NAME, PHI, BY, LABELS],
            returns: Ty::List(&Ty::Record(&QUANTILE)),
            errors: PAGE_ERRORS,
            doc: "`prom::quantile_between` for each combination of some labels' values, sorted by these.",
            example: r##"let text = |n| "# TYPE t histogram\nt_bucket{m=\"a\",le=\"1\"} " + n + "\nt_bucket{m=\"a\",le=\"+Inf\"} " + n + "\n";
prom::quantile_between_by(prom::parse(text.call(1)), prom::parse(text.call(11)), "t", 0.5, ["m"]).len() == 1"##,
            call: |call| {
                let a = call.args();
                let by = a.strs("by");
                let (before, after) = (page_of(a, "before"), page_of(a, "after"));
                let all = prometheus::window(&before, &after, &selector(a)?, &names(&by))?;
                Ok(QUANTILE.records(&quantiles(&all, a.float("phi"))))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "query",
            params: &[URL, EXPR],
            options: &[
                option(
                    "time",
                    Ty::Opt(&Ty::Time),
                    "()",
                    "as of when; now when left out",
                ),
                TIMEOUT,
            ],
            returns: Ty::Record(&ANSWER),
            errors: SERVER_ERRORS,
            doc: "Asks a Prometheus server for the values of an expression at one time. No series is an answer; look at `warnings`, too: the data may be incomplete.",
            example: r##"let answer = prom::query("http://127.0.0.1:9090", "up");
for series in answer.series { print(series.labels.job + " " + series.value); }"##,
            target: server_target,
            call: |call| {
                let a = call.args();
                let time = a.opt_time("time").map(convert::seconds);
                let url = prometheus::api::instant_url(a.str("url"), a.str("expr"), time)?;
                Ok(answer(&ask(call, url)?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "query_value",
            params: &[URL, EXPR],
            options: &[
                option(
                    "time",
                    Ty::Opt(&Ty::Time),
                    "()",
                    "as of when; now when left out",
                ),
                TIMEOUT,
            ],
            returns: Ty::Float,
            errors: &[
                Kind::Unreachable,
                Kind::Timeout,
                Kind::Refused,
                Kind::NotFound,
                Kind::Invalid,
                Kind::Conflict,
                Kind::Failed,
            ],
            doc: "Asks a Prometheus server for the one value of an expression. No series is `not_found`, several are `invalid`.",
            example: r##"prom::query_value("http://127.0.0.1:9090", "count(up)") >= 1.0"##,
            target: server_target,
            call: |call| {
                let a = call.args();
                let time = a.opt_time("time").map(convert::seconds);
                let url = prometheus::api::instant_url(a.str("url"), a.str("expr"), time)?;
                Ok(convert::one_value(&ask(call, url)?)?.into())
            },
            ..Primitive::READ
        },
        Primitive {
            name: "query_range",
            params: &[
                URL,
                EXPR,
                param("start", Ty::Time, "from when"),
                param("end", Ty::Time, "until when, inclusive"),
                param(
                    "step",
                    Ty::Duration,
                    "the time between two points; at most 11,000 points",
                ),
            ],
            options: &[TIMEOUT],
            returns: Ty::Record(&ANSWER),
            errors: SERVER_ERRORS,
            doc: "Asks a Prometheus server for the values of an expression over time. Steps without data are left out.",
            example: r##"let answer = prom::query_range("http://127.0.0.1:9090", "up", "2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z", "1m");
for series in answer.series { print(series.points.len()); }"##,
            target: server_target,
            call: |call| {
                let a = call.args();
                let at = |name| a.opt_time(name).map_or(f64::NAN, convert::seconds);
                let (start, end, step) = (at("start"), at("end"), a.duration("step"));
                let url = prometheus::api::range_url(
                    a.str("url"),
                    a.str("expr"),
                    start,
                    end,
                    step.as_secs_f64(),
                )?;
                Ok(answer(&ask(call, url)?))
            },
            ..Primitive::READ
        },
        server::TARGETS,
        server::RULES,
        server::STATUS_OF,
    ],
    shapes: &[
        &FAMILY,
        &SAMPLE,
        &EXEMPLAR,
        &GROUP,
        &INCREASE,
        &RATE,
        &QUANTILE,
        &POINT,
        &SERIES,
        &ANSWER,
        &server::TARGET,
        &server::RULE,
        &server::STATUS,
    ],
};

const HISTOGRAM: &str = r##"let page = prom::parse("# TYPE t histogram\nt_bucket{le=\"1\"} 2\nt_bucket{le=\"2\"} 4\nt_bucket{le=\"+Inf\"} 4\n");
let p75 = prom::quantile(page, "t", 0.75);
p75.value == 1.5 && p75.upper == 2.0"##;

fn number(
    a: &Args,
    of: fn(&Page, &Selector) -> Result<f64, prometheus::Error>,
) -> Result<Dynamic, Failure> {
    Ok(of(&page(a), &selector(a)?)?.into())
}
