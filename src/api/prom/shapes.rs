//! The records of `prom::`.

use super::super::{Shape, Ty, field};

pub(super) static FAMILY: Shape = Shape {
    name: "PromFamily",
    doc: "A metric of a page.",
    fields: &[
        field("name", Ty::Str, "its name"),
        field(
            "type",
            Ty::Str,
            "`counter`, `gauge`, `histogram`, `summary`, `untyped`; in OpenMetrics `info`, `stateset`, `gaugehistogram`, too",
        ),
        field("help", Ty::Opt(&Ty::Str), "its HELP line"),
        field("unit", Ty::Opt(&Ty::Str), "its UNIT line, in OpenMetrics"),
        field("count", Ty::Int, "how many samples"),
    ],
};

pub(super) static SAMPLE: Shape = Shape {
    name: "PromSample",
    doc: "One sample of a page.",
    fields: &[
        field(
            "name",
            Ty::Str,
            "the sample's name: a histogram's end in `_bucket`, `_sum`, `_count`",
        ),
        field("labels", Ty::Map, "its labels"),
        field("value", Ty::Float, "its value"),
        field(
            "timestamp_ms",
            Ty::Opt(&Ty::Int),
            "its time, where the page gives one",
        ),
        field(
            "exemplar",
            Ty::Opt(&Ty::Record(&EXEMPLAR)),
            "one observation behind it, where an OpenMetrics page gives one",
        ),
    ],
};

pub(super) static EXEMPLAR: Shape = Shape {
    name: "PromExemplar",
    doc: "One observation behind a counter or a bucket.",
    fields: &[
        field("labels", Ty::Map, "where to find more: `trace_id`, mostly"),
        field(
            "value",
            Ty::Float,
            "what was observed: a request's seconds, say",
        ),
        field(
            "timestamp_ms",
            Ty::Opt(&Ty::Int),
            "when, where the page says so",
        ),
    ],
};

pub(super) static GROUP: Shape = Shape {
    name: "PromGroup",
    doc: "One group of a sum.",
    fields: &[
        field(
            "labels",
            Ty::Map,
            "the labels that were grouped by; one that a series lacks is left out",
        ),
        field("value", Ty::Float, "the sum"),
        field("series", Ty::Int, "how many series stand behind it"),
    ],
};

pub(super) static INCREASE: Shape = Shape {
    name: "PromIncrease",
    doc: "How much a counter grew between two pages.",
    fields: &[
        field(
            "total",
            Ty::Float,
            "over all its series; a lower bound when `resets` is not 0",
        ),
        field(
            "series",
            Ty::List(&Ty::Map),
            "each with `labels`, `increase`, `change` (`steady`, `reset`, `born`)",
        ),
        field(
            "resets",
            Ty::Int,
            "series that were reset in between, and count from 0",
        ),
        field(
            "born",
            Ty::Int,
            "series only on the second page, which count from 0",
        ),
        field(
            "gone",
            Ty::Int,
            "series only on the first page, which add nothing",
        ),
    ],
};

pub(super) static RATE: Shape = Shape {
    name: "PromRate",
    doc: "How fast a counter grew between two pages.",
    fields: &[
        field(
            "per_second",
            Ty::Float,
            "over all its series; a lower bound when `resets` is not 0",
        ),
        field("increase", Ty::Float, "the growth within the window"),
        field("window_seconds", Ty::Float, "the window"),
        field(
            "series",
            Ty::List(&Ty::Map),
            "each with `labels`, `per_second`, `change`",
        ),
        field(
            "resets",
            Ty::Int,
            "series that were reset in between, and count from 0",
        ),
        field(
            "born",
            Ty::Int,
            "series only on the second page, which count from 0",
        ),
        field(
            "gone",
            Ty::Int,
            "series only on the first page, which add nothing",
        ),
    ],
};

pub(super) static QUANTILE: Shape = Shape {
    name: "PromQuantile",
    doc: "A quantile of a histogram, and how far to trust it.",
    fields: &[
        field("labels", Ty::Map, "the labels that were grouped by"),
        field(
            "value",
            Ty::Float,
            "the estimate, in the metric's unit; NaN when there is none",
        ),
        field(
            "lower",
            Ty::Float,
            "the lower bound of the bucket that it lies in",
        ),
        field("upper", Ty::Float, "the upper bound of that bucket"),
        field("count", Ty::Float, "observations in all buckets"),
        field(
            "basis",
            Ty::Str,
            "`lifetime` (since the target's start) or `window` (between two pages)",
        ),
        field(
            "quality",
            Ty::Str,
            "what is to be said about it, as words: `exact`, `wide bucket`, `overflow` (read the value as \"at least\"), `first bucket`, `low count`, `forced monotone`, `precision`, `empty`, `malformed`, `reset`",
        ),
        field("flags", Ty::Map, "the same as booleans: `flags.low_count`"),
        field("series", Ty::Int, "how many series were summed"),
        field(
            "resets",
            Ty::Int,
            "how many of them were reset within the window",
        ),
    ],
};

pub(super) static POINT: Shape = Shape {
    name: "PromPoint",
    doc: "A value at a time.",
    fields: &[
        field("time", Ty::Time, "when"),
        field("value", Ty::Float, "what"),
    ],
};

pub(super) static SERIES: Shape = Shape {
    name: "PromSeries",
    doc: "A series of a server's answer.",
    fields: &[
        field(
            "labels",
            Ty::Map,
            "its labels, with `__name__` if the query kept it",
        ),
        field(
            "time",
            Ty::Opt(&Ty::Time),
            "when, for an instant query; `()` for a range",
        ),
        field(
            "value",
            Ty::Opt(&Ty::Float),
            "the value, for an instant query; `()` for a range",
        ),
        field(
            "points",
            Ty::List(&Ty::Record(&POINT)),
            "the values over time, for a range; else empty",
        ),
    ],
};

pub(super) static ANSWER: Shape = Shape {
    name: "PromAnswer",
    doc: "A Prometheus server's answer.",
    fields: &[
        field("type", Ty::Str, "`vector`, `matrix`, `scalar` or `string`"),
        field(
            "series",
            Ty::List(&Ty::Record(&SERIES)),
            "the series; none is an answer, too; a scalar is one without labels",
        ),
        field(
            "text",
            Ty::Opt(&Ty::Str),
            "the text, for a query that gives one",
        ),
        field(
            "warnings",
            Ty::List(&Ty::Str),
            "what the server could not do fully: the data may be incomplete",
        ),
        field(
            "infos",
            Ty::List(&Ty::Str),
            "what the server thinks of the query",
        ),
    ],
};
