//! `coverage::` - what a store has of what it should have, and why the rest is missing.

mod shapes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rhai::{Array, Dynamic};

pub(super) use super::output::state;
use super::questdb::{DB, server, target};
use super::{
    Args, Call, Failure, Kind, Namespace, Param, Primitive, Record, Ty, option, param, read_as,
};
use crate::calendar;
use crate::coverage::{self, Asked, Due, Error, Gap, Ledger, Recent, Survey, Symbol, Wanted};
use crate::gate::Access;
use crate::questdb::Limits;
use crate::run::held;
use shapes::{ASKED, CONTRACTS, COVERAGE, GAP, SYMBOL, TheGap, Told};

/// What was surveyed in this run: a record of a survey has its number here.
#[derive(Default)]
struct Surveys(Mutex<Vec<Arc<Survey>>>);

const SURVEY: Param = param(
    "survey",
    Ty::Record(&COVERAGE),
    "what `coverage::survey` returned, in this run",
);

const CALENDAR: Param = option(
    "calendar",
    Ty::Opt(&Ty::Str),
    "()",
    "the calendar whose sessions are due: `XNYS`; every day without one",
);

const GRACE: Param = option(
    "grace",
    Ty::Duration,
    "\"0s\"",
    "how long after the close, or after the day, its rows are due",
);

const TIMEOUT: Param = option(
    "timeout",
    Ty::Duration,
    "\"5m\"",
    "how long one statement may take",
);

const SYMBOLS: Param = option(
    "symbols",
    Ty::Opt(&Ty::List(&Ty::Str)),
    "()",
    "only these, in this order; all of the survey by default",
);

const ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::NotFound,
    Kind::Invalid,
    Kind::Failed,
];

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "coverage",
    doc: "Coverage: what QuestDB has of each symbol against the days on which rows are due by the exchange's calendar, what is missing, and why: not listed yet, asked for and empty, asked for in vain, never asked. One statement for all symbols of a table; a server that cannot open so much at once is asked in slices of time.",
    primitives: &[
        Primitive {
            name: "survey",
            params: &[
                DB,
                param(
                    "asset",
                    Ty::Str,
                    "what the ledger of backfills calls it: `equities`",
                ),
                param(
                    "tables",
                    Ty::List(&Ty::Map),
                    "where its rows may be: each `#{ table, symbol, lists }`, the column with the symbol, and whether one row may be of several, `AAPL,MSFT`; those that are not there are told",
                ),
                param("from", Ty::Str, "the first day: `2006-11-28`"),
                param("to", Ty::Str, "the last day, included"),
            ],
            options: &[
                CALENDAR,
                option(
                    "symbols",
                    Ty::Opt(&Ty::List(&Ty::Str)),
                    "()",
                    "whose rows; by default all that have some",
                ),
                option(
                    "listed",
                    Ty::Map,
                    "#{}",
                    "first days at the exchange, by symbol: `#{ \"ABNB\": \"2020-12-10\" }`",
                ),
                GRACE,
                TIMEOUT,
            ],
            returns: Ty::Record(&COVERAGE),
            errors: ERRORS,
            doc: "What a store has of an asset, symbol by symbol: rows, first and last, and the sessions that are missing by their reason.\n\nA day counts when it has a row (UTC). A session is due from `grace` after its close on. What providers were asked for, and what came of it, is from the ledger of backfills in the state folder.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let tables = [#{ table: "market_data", symbol: "symbol" }];
let found = coverage::survey(db, "equities", tables, "2026-10-01", "2026-11-27", #{ calendar: "XNYS" });
for s in found.symbols { print(`${s.symbol}: ${s.present_days} of ${s.due_days}`); }"#,
            target,
            call: |call| {
                let survey = Arc::new(survey(call)?);
                let surveys = call.run().resources().get_or(Surveys::default);
                let mut all = held(&surveys.0);
                all.push(Arc::clone(&survey));
                let id = i64::try_from(all.len()).unwrap_or(i64::MAX);
                drop(all);
                Ok(COVERAGE.record(&Told::new(id, &survey)))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "gaps",
            params: &[SURVEY],
            options: &[
                SYMBOLS,
                option(
                    "most",
                    Ty::Opt(&Ty::Int),
                    "()",
                    "at most so many of a symbol, the longest; all by default",
                ),
            ],
            access: Access::Local,
            returns: Ty::List(&Ty::Record(&GAP)),
            errors: &[Kind::Invalid],
            doc: "What is missing, symbol by symbol, oldest first.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let tables = [#{ table: "market_data", symbol: "symbol" }];
let found = coverage::survey(db, "equities", tables, "2026-10-01", "2026-11-27", #{ calendar: "XNYS" });
for g in coverage::gaps(found) { print(`${g.symbol} ${g.from} to ${g.to}: ${g.sessions} sessions, ${g.class}`); }"#,
            call: |call| {
                let (survey, most) = (known(call)?, call.args().opt_int("most"));
                let most = most.map(|most| usize::try_from(most).unwrap_or(0));
                let mut all = Vec::new();
                for symbol in meant(call.args(), &survey) {
                    all.extend(longest(symbol, most));
                }
                Ok(GAP.records(&all))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "strip",
            params: &[SURVEY],
            options: &[
                option("width", Ty::Int, "60", "characters of a line"),
                option(
                    "ascii",
                    Ty::Bool,
                    "false",
                    "`.:+*#` instead of blocks, for terminals and files that have no others",
                ),
                SYMBOLS,
            ],
            access: Access::Local,
            returns: Ty::List(&Ty::Str),
            errors: &[Kind::Invalid],
            doc: "A line for each symbol, from the survey's first day to its last: `·` nothing of what is due is there, `▂▄▆` a part, `█` all, `-` all that is missing is missing for a good reason (not listed, or the provider has nothing), a space: nothing is due.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let tables = [#{ table: "market_data", symbol: "symbol" }];
let found = coverage::survey(db, "equities", tables, "2026-10-01", "2026-11-27", #{ calendar: "XNYS", symbols: ["AAPL"] });
coverage::strip(found, #{ width: 20 })[0].len() == 20"#,
            call: |call| {
                let (survey, a) = (known(call)?, call.args());
                let line = |symbol| {
                    let line = coverage::strip(&survey, symbol, a.int("width"), a.bool("ascii"));
                    Dynamic::from(line)
                };
                Ok(meant(a, &survey).map(line).collect::<Array>().into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "page",
            params: &[param(
                "surveys",
                Ty::List(&Ty::Record(&COVERAGE)),
                "what `coverage::survey` returned, in this run",
            )],
            options: &[
                option("title", Ty::Str, "\"Coverage\"", "the page's title"),
                option(
                    "most",
                    Ty::Int,
                    "200",
                    "list at most so many gaps of a symbol, the longest",
                ),
            ],
            access: Access::Local,
            returns: Ty::Str,
            errors: &[Kind::Invalid],
            doc: "A page for browsers, HTML: a heat map, symbol by month, and what is missing, with its reason. It fetches nothing and runs nothing, and is light or dark as the reader's browser is.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let tables = [#{ table: "market_data", symbol: "symbol" }];
let found = coverage::survey(db, "equities", tables, "2026-10-01", "2026-11-27", #{ calendar: "XNYS" });
coverage::page([found], #{ title: "Equities" }).starts_with("<!DOCTYPE html>")"#,
            call: |call| {
                let a = call.args();
                let mut surveys = Vec::new();
                for value in a.list("surveys") {
                    if let Some(record) = value.read_lock::<Record>() {
                        surveys.push(by_record(call, &record)?);
                    }
                }
                let all: Vec<&Survey> = surveys.iter().map(Arc::as_ref).collect();
                let most = usize::try_from(a.int("most")).unwrap_or(0);
                Ok(coverage::page(a.str("title"), &all, call.cx().now(), most).into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "contracts",
            params: &[DB, param("table", Ty::Str, "a table of options")],
            options: &[
                option(
                    "underlyings",
                    Ty::Opt(&Ty::List(&Ty::Str)),
                    "()",
                    "whose options; by default all that have some",
                ),
                option(
                    "underlying",
                    Ty::Str,
                    "\"underlying\"",
                    "the column with the underlying",
                ),
                option(
                    "contract",
                    Ty::Str,
                    "\"option_symbol\"",
                    "the column with the contract",
                ),
                option("days", Ty::Int, "30", "the last days that are looked at"),
                CALENDAR,
                GRACE,
                TIMEOUT,
            ],
            returns: Ty::List(&Ty::Record(&CONTRACTS)),
            errors: ERRORS,
            doc: "Rows, different contracts, first and last of each underlying over all that is stored, and the sessions of the last days that are missing. Two statements for each slice of time, whatever the number of underlyings.",
            example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let found = coverage::contracts(db, "options_data", #{ underlyings: ["AAPL"], calendar: "XNYS" });
found[0].underlying == "AAPL""#,
            target: |a| format!("{}/{}", target(a), a.str("table")),
            call: |call| {
                let a = call.args();
                let wanted = Wanted {
                    table: a.str("table").to_owned(),
                    symbol: a.str("underlying").to_owned(),
                    lists: false,
                };
                let to = call.cx().now().date_naive();
                let days = a.int("days").clamp(1, 36_500);
                let from = to - TimeDelta::days(days - 1);
                let recent = Recent {
                    from,
                    to,
                    due: due(call, from, to)?,
                };
                let names = a.opt_strs("underlyings");
                let found = coverage::contracts(
                    call.cx(),
                    &server(a),
                    &wanted,
                    a.str("contract"),
                    names.as_deref(),
                    &recent,
                    limits(a),
                )?;
                Ok(CONTRACTS.records(&found))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "asked",
            params: &[DB],
            access: Access::Local,
            returns: Ty::List(&Ty::Record(&ASKED)),
            errors: &[Kind::Failed],
            doc: "When backfills of this store came forward last, asset by asset, by their ledger here; none for an asset that never did.",
            example: r#"coverage::asked(questdb::connect("http://127.0.0.1:9000")).len() == 0"#,
            call: |call| {
                let ledger = Ledger::look(&state(call)?, &server(call.args()).name())?;
                let told = |(asset, at): (String, DateTime<Utc>)| serde_json::json!({ "asset": asset, "at": at });
                let all: Vec<_> = ledger.progress().into_iter().map(told).collect();
                Ok(ASKED.records(&all))
            },
            ..Primitive::PURE
        },
    ],
    shapes: &[&SYMBOL, &COVERAGE, &GAP, &CONTRACTS, &ASKED],
};

/// The survey that a call's record `survey` is of.
pub(super) fn known(call: &Call<'_>) -> Result<Arc<Survey>, Failure> {
    by_record(call, call.args().record("survey"))
}

/// The survey that a record is of.
pub(super) fn by_record(call: &Call<'_>, record: &Record) -> Result<Arc<Survey>, Failure> {
    let id = record.get("id").and_then(|id| id.as_int().ok());
    let at = id.and_then(|id| usize::try_from(id - 1).ok());
    let surveys = call.run().resources().get_or(Surveys::default);
    let found = at.and_then(|at| held(&surveys.0).get(at).cloned());
    found.ok_or_else(|| {
        Failure::invalid("the survey is not of this run")
            .hint("`coverage::survey` makes one; it cannot be kept")
    })
}

/// The symbols of a survey that a call means.
fn meant<'s>(a: &Args, survey: &'s Survey) -> impl Iterator<Item = &'s Symbol> {
    let find = |name: String| {
        let at = survey
            .symbols
            .binary_search_by(|symbol| symbol.symbol.cmp(&name));
        at.ok()
    };
    let meant: Vec<usize> = match a.opt_strs("symbols") {
        Some(names) => names.into_iter().filter_map(find).collect(),
        None => (0..survey.symbols.len()).collect(),
    };
    meant.into_iter().filter_map(|at| survey.symbols.get(at))
}

/// The gaps of a symbol, or the longest of them, oldest first.
fn longest(symbol: &Symbol, most: Option<usize>) -> Vec<TheGap<'_>> {
    let mut gaps: Vec<&Gap> = symbol.gaps.iter().collect();
    if let Some(most) = most.filter(|most| *most < gaps.len()) {
        gaps.sort_by_key(|gap| std::cmp::Reverse(gap.sessions));
        gaps.truncate(most);
        gaps.sort_by_key(|gap| gap.from);
    }
    let told = |gap| TheGap {
        symbol: &symbol.symbol,
        gap,
        open: gap.open(),
    };
    gaps.into_iter().map(told).collect()
}

fn survey(call: &Call<'_>) -> Result<Survey, Failure> {
    let a = call.args();
    let (from, to) = (calendar::date(a.str("from"))?, calendar::date(a.str("to"))?);
    if from > to {
        return Err(Failure::invalid(format!(
            "the first day, {from}, is after the last, {to}"
        )));
    }
    let mut listed = BTreeMap::new();
    for (symbol, date) in a.str_map("listed") {
        listed.insert(symbol, calendar::date(&date)?);
    }
    let server = server(a);
    let asked = Asked {
        asset: a.str("asset").to_owned(),
        tables: read_as("the tables", &a.any("tables"))?,
        from,
        to,
        due: due(call, from, to)?,
        symbols: a.opt_strs("symbols"),
        listed,
    };
    let ledger = Ledger::look(&state(call)?, &server.name())?;
    Ok(coverage::survey(
        call.cx(),
        &server,
        asked,
        &ledger,
        limits(a),
    )?)
}

/// The days on which rows are due, as the options of a call say.
fn due(call: &Call<'_>, from: NaiveDate, to: NaiveDate) -> Result<Due, Failure> {
    let a = call.args();
    due_of(call, a.opt_str("calendar"), a.duration("grace"), from, to)
}

/// The days on which rows are due.
pub(super) fn due_of(
    call: &Call<'_>,
    calendar: Option<&str>,
    grace: Duration,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Due, Failure> {
    let now = call.cx().now();
    let grace = TimeDelta::from_std(grace).unwrap_or_default();
    match calendar {
        Some(name) => {
            let calendar = super::calendar::named(call, name)?;
            Ok(Due::sessions(&calendar, from, to, now, grace)?)
        }
        None => Ok(Due::daily(from, to, now, grace)),
    }
}

/// Rows are counted by the server: what comes is bounded by symbols and years, and by contracts.
fn limits(a: &Args) -> Limits {
    Limits {
        rows: 1_000_000,
        bytes: 256 << 20,
        time: a.duration("timeout").max(Duration::from_secs(1)),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Server(error) => error.into(),
            Error::Calendar(error) => error.into(),
            Error::Stopped(stop) => stop.into(),
            Error::Invalid(_) => Self::invalid(text),
            Error::Row { .. } | Error::Ledger { .. } => Self::new(Kind::Failed, text),
        }
    }
}
