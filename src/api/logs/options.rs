//! The options of `logs::`, and what they become.

use regex::RegexBuilder;

use super::Secrets;
use crate::api::docker::{BEFORE, SINCE, STREAM, instant};
use crate::api::{Call, Failure, Output, Param, Ty, option};
use crate::logs::{self, Condition, Order, Pick, Query, Stream, Target, Trace, View};

/// Both lists as one.
const fn both<const A: usize, const B: usize, const N: usize>(
    a: [Param; A],
    b: [Param; B],
) -> [Param; N] {
    let mut out = [option("", Ty::Unit, "()", ""); N];
    let mut at = 0;
    while at < N {
        out[at] = if at < A { a[at] } else { b[at - A] };
        at += 1;
    }
    out
}

const WORDS: Ty = Ty::List(&Ty::Str);

/// What is wanted.
const QUERY: [Param; 17] = [
    SINCE,
    BEFORE,
    option(
        "level",
        Ty::Opt(&Ty::Str),
        "()",
        "only what is at least this bad: `\"warn\"`, or `\"warn+\"` for the same; what says no level does not pass",
    ),
    option(
        "grep",
        WORDS,
        "[]",
        "only what matches one of these regular expressions, in any case; one that begins with `!` leaves out what matches it",
    ),
    option(
        "squelch",
        WORDS,
        "[]",
        "leaves out what matches one of these, in any case",
    ),
    option(
        "condition",
        Ty::Opt(&Ty::Str),
        "()",
        "only what fulfils it: `status>=500 and path~\"/quote\"`, with `and`, `or`, `not`, `( )`, `= != < <= > >= ~ !~`, paths such as `http.status`, and `level`, `message`, `stream`, `source`",
    ),
    option(
        "trace",
        Ty::Opt(&Ty::Str),
        "()",
        "only what has this id in it, of a trace, a request, an order",
    ),
    option(
        "context",
        Ty::Int,
        "0",
        "so many records before and after each wanted one too",
    ),
    STREAM,
    option(
        "rate",
        Ty::Opt(&Ty::Int),
        "()",
        "at most so many lines of each source in a second; over that the least bad are left out first, errors never, and what was left out is told",
    ),
    option(
        "fold",
        Ty::Bool,
        "false",
        "shows the first of lines that are alike but for numbers and ids, and counts those that follow within ten seconds",
    ),
    option(
        "templates",
        Ty::Bool,
        "false",
        "counts lines that are alike but for numbers and ids",
    ),
    option(
        "allow",
        WORDS,
        "[]",
        "errors that match one of these count as none",
    ),
    option(
        "max_errors",
        Ty::Opt(&Ty::Int),
        "()",
        "ends as soon as there are more errors",
    ),
    option(
        "until_match",
        WORDS,
        "[]",
        "ends when something matches one of these, shown or not",
    ),
    // For both, so that a script can pass one map.
    option(
        "case_sensitive",
        Ty::Bool,
        "false",
        "whether `grep`, `squelch`, `allow` and `until_match` tell capitals from small letters",
    ),
    option(
        "direct",
        Ty::Bool,
        "true",
        "reads the engine's own log files where that is possible, which gives the same lines faster; of files it means nothing",
    ),
];

/// How it is shown.
const VIEW: [Param; 6] = [
    option(
        "message",
        Ty::Bool,
        "false",
        "of JSON shows the message alone",
    ),
    option(
        "fields",
        WORDS,
        "[]",
        "of JSON and logfmt shows these fields alone, by their paths: `http.status`, `items[0].id`",
    ),
    option(
        "highlight",
        WORDS,
        "[]",
        "makes what matches stand out: in colour, or between `**`",
    ),
    option("datetime", Ty::Bool, "false", "the time before each line"),
    option(
        "names",
        Ty::Bool,
        "true",
        "the name of the source before each line",
    ),
    option(
        "colour",
        Ty::Bool,
        "true",
        "colours, where the output is a terminal that wants them",
    ),
];

/// Of containers.
const FOLLOW: [Param; 4] = [
    option(
        "follow",
        Ty::Bool,
        "false",
        "goes on with what is written, until Ctrl-C",
    ),
    option("within", Ty::Opt(&Ty::Duration), "()", "ends after so long"),
    option(
        "markers",
        Ty::Bool,
        "true",
        "tells starts, ends and changes of health where they happened",
    ),
    option(
        "times",
        Ty::Bool,
        "true",
        "the engine's times; where nothing needs them, one container's history comes a tenth faster without them",
    ),
];

const QUERY_AND_VIEW: [Param; 23] = both(QUERY, VIEW);
static QUERY_VIEW: [Param; 23] = QUERY_AND_VIEW;
static QUERY_FOLLOW: [Param; 21] = both(QUERY, FOLLOW);
static EVERYTHING: [Param; 27] = both(QUERY_AND_VIEW, FOLLOW);
static ONLY: [Param; 17] = QUERY;

pub(super) const OPTIONS: &[Param] = &ONLY;
pub(super) const SHOWN: &[Param] = &QUERY_VIEW;
pub(super) const TAIL_OPTIONS: &[Param] = &QUERY_FOLLOW;
pub(super) const TAIL_SHOWN: &[Param] = &EVERYTHING;

fn wrong(name: &str, why: String) -> Failure {
    Failure::invalid(format!("option `{name}`: {why}"))
}

/// What is wanted.
pub(super) fn query(call: &Call<'_>, containers: bool) -> Result<Query, Failure> {
    let a = call.args();
    let ignore_case = !a.bool("case_sensitive");
    let patterns = |name: &str, texts: Vec<String>| {
        let each = texts.iter().map(|text| logs::pattern(text, ignore_case));
        each.collect::<Result<Vec<_>, _>>()
            .map_err(|why| wrong(name, why))
    };
    let (without, grep): (Vec<_>, Vec<_>) = a
        .strs("grep")
        .into_iter()
        .partition(|text| text.starts_with('!'));
    let mut without: Vec<_> = without
        .into_iter()
        .map(|text| text[1..].to_owned())
        .collect();
    without.extend(a.strs("squelch"));
    let level = a
        .opt_str("level")
        .map(logs::level_of)
        .transpose()
        .map_err(|why| wrong("level", why))?;
    let condition = a.opt_str("condition").map(Condition::parse).transpose();
    let since = instant(call, "since")?.map(logs::nanos);
    Ok(Query {
        level,
        grep: patterns("grep", grep)?,
        without: patterns("squelch", without)?,
        condition: condition.map_err(|why| wrong("condition", why))?,
        trace: a.opt_str("trace").map(Trace::new),
        // The engine's times are exact; `Tail` leaves out what is older.
        since: since.filter(|_| containers || a.given("since")),
        until: instant(call, "before")?.map(logs::nanos),
        stream: match a.str("stream") {
            "stdout" => Some(Stream::Out),
            "stderr" => Some(Stream::Err),
            _ => None,
        },
        allow: patterns("allow", a.strs("allow"))?,
        await_for: patterns("until_match", a.strs("until_match"))?,
    })
}

/// What is done with it in its order.
pub(super) fn order(call: &Call<'_>) -> Result<Order, Failure> {
    let a = call.args();
    let count = |name: &str, least: i64, number: i64| {
        usize::try_from(number)
            .ok()
            .filter(|_| number >= least)
            .ok_or_else(|| wrong(name, format!("{number} is less than {least}")))
    };
    Ok(Order {
        rate: a.opt_int("rate").map(|n| count("rate", 1, n)).transpose()?,
        fold: a.bool("fold"),
        context: count("context", 0, a.int("context"))?,
        templates: a.bool("templates"),
        max_errors: a
            .opt_int("max_errors")
            .map(|n| count("max_errors", 0, n))
            .transpose()?
            .map(|n| n as u64),
    })
}

/// How it is shown.
pub(super) fn view(call: &Call<'_>) -> Result<View, Failure> {
    let a = call.args();
    let output = *call.run().resources().get_or(|| Output::PLAIN);
    let highlight = a.strs("highlight").into_iter().map(|text| {
        let built = RegexBuilder::new(&text).size_limit(1 << 22).build();
        built.map_err(|_| match logs::pattern(&text, false) {
            Err(why) => wrong("highlight", why),
            Ok(_) => wrong("highlight", format!("{text:?} is too large")),
        })
    });
    Ok(View {
        machine: output.json,
        colour: output.colour && a.bool("colour"),
        datetime: a.bool("datetime"),
        names: a.bool("names"),
        message: a.bool("message"),
        fields: a.strs("fields"),
        highlight: highlight.collect::<Result<_, _>>()?,
        clean: Box::new(Secrets(call.run().clone())),
    })
}

/// Whose logs.
pub(super) fn targets(call: &Call<'_>) -> Result<Vec<Target>, Failure> {
    let mut all = Vec::new();
    for value in call.args().list("targets") {
        let map = crate::api::plain(value)
            .try_cast::<rhai::Map>()
            .unwrap_or_default();
        let text = |key: &str| {
            map.get(key)
                .and_then(|v| v.clone().into_string().ok())
                .filter(|t| !t.is_empty())
        };
        let Some(name) = text("name") else {
            return Err(Failure::invalid("a target of `targets` has no `name`"));
        };
        let pick = match (text("project"), text("service")) {
            (Some(project), Some(service)) => Pick::Service { project, service },
            (None, None) => Pick::Name(name.clone()),
            _ => {
                return Err(Failure::invalid(format!(
                    "target `{name}` has only one of `project` and `service`"
                )));
            }
        };
        all.push(Target { shown: name, pick });
    }
    Ok(all)
}
