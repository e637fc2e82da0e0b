//! What `coverage::` gives.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::api::{Shape, Ty, field};
use crate::coverage::{Class, Gap, Place, Survey, Symbol};

pub(super) static SYMBOL: Shape = Shape {
    name: "CoverageSymbol",
    doc: "What is stored of a symbol, and how much is missing. Sessions: days on which rows are due.",
    fields: &[
        field("symbol", Ty::Str, "its name"),
        field(
            "rows",
            Ty::Int,
            "rows from the survey's first day to its last",
        ),
        field(
            "first",
            Ty::Opt(&Ty::Time),
            "the time of the first row; `()` without rows",
        ),
        field("last", Ty::Opt(&Ty::Time), "the time of the last row"),
        field("due_days", Ty::Int, "days on which rows are due"),
        field("present_days", Ty::Int, "those of them that have rows"),
        field(
            "span_days",
            Ty::Int,
            "calendar days from the first row to the last",
        ),
        field("lag_days", Ty::Int, "sessions due behind the last row"),
        field(
            "density",
            Ty::Opt(&Ty::Float),
            "the share of sessions from the first row to the last that have rows: 0.97; `()` without rows",
        ),
        field(
            "listed",
            Ty::Opt(&Ty::Str),
            "its first day at the exchange, where that is known",
        ),
        field(
            "gaps",
            Ty::Int,
            "gaps, of all classes; `coverage::gaps` lists them",
        ),
        field(
            "open_gaps",
            Ty::Int,
            "gaps that asking for may fill: never asked, and failed",
        ),
        field(
            "not_listed",
            Ty::Int,
            "missing sessions from before it was listed",
        ),
        field(
            "empty",
            Ty::Int,
            "missing sessions that a provider has nothing for",
        ),
        field(
            "failed",
            Ty::Int,
            "missing sessions that were asked for in vain",
        ),
        field(
            "never_asked",
            Ty::Int,
            "missing sessions that nobody has asked for, as far as is known here",
        ),
        field("half_days", Ty::Int, "missing sessions that are half days"),
        field(
            "leading",
            Ty::Int,
            "sessions of open gaps before the first row",
        ),
        field("internal", Ty::Int, "sessions of open gaps between rows"),
        field(
            "trailing",
            Ty::Int,
            "sessions of open gaps behind the last row",
        ),
        field(
            "whole",
            Ty::Int,
            "sessions of open gaps of a symbol without rows",
        ),
    ],
};

pub(super) static COVERAGE: Shape = Shape {
    name: "Coverage",
    doc: "What a store has of an asset, symbol by symbol. The other functions of `coverage::` take it, within the run that made it.",
    fields: &[
        field("id", Ty::Int, "its number in this run"),
        field("asset", Ty::Str, "the asset"),
        field("from", Ty::Str, "the first day: `2006-11-28`"),
        field("to", Ty::Str, "the last day"),
        field("tables", Ty::List(&Ty::Str), "the tables that were read"),
        field(
            "absent",
            Ty::List(&Ty::Str),
            "the tables that are not there",
        ),
        field("due_days", Ty::Int, "days on which rows are due"),
        field("last_due", Ty::Opt(&Ty::Str), "the last of them"),
        field("symbols", Ty::List(&Ty::Record(&SYMBOL)), "by their names"),
    ],
};

pub(super) static GAP: Shape = Shape {
    name: "CoverageGap",
    doc: "Sessions in a row that are missing, for one reason. Days without a session neither are one nor end one.",
    fields: &[
        field("symbol", Ty::Str, "whose"),
        field("from", Ty::Str, "the first missing session"),
        field("to", Ty::Str, "the last one"),
        field(
            "days",
            Ty::Int,
            "calendar days from one to the other, both included",
        ),
        field("sessions", Ty::Int, "missing sessions"),
        field("half_days", Ty::Int, "those of them that are half days"),
        field(
            "place",
            Ty::OneOf(&["leading", "internal", "trailing", "whole"]),
            "before the first row, between rows, behind the last; `whole`: there is no row",
        ),
        field(
            "class",
            Ty::OneOf(&["not_listed", "empty", "failed", "never_asked"]),
            "why: not listed yet, a provider has nothing, asked in vain, never asked as far as is known here",
        ),
        field("open", Ty::Bool, "whether asking may fill it"),
    ],
};

pub(super) static CONTRACTS: Shape = Shape {
    name: "CoverageContracts",
    doc: "What is stored of an underlying's options.",
    fields: &[
        field("underlying", Ty::Str, "the underlying"),
        field("rows", Ty::Int, "all its rows"),
        field("contracts", Ty::Int, "different contracts"),
        field(
            "first",
            Ty::Opt(&Ty::Time),
            "the time of the first row; `()` without rows",
        ),
        field("last", Ty::Opt(&Ty::Time), "the time of the last row"),
        field(
            "recent_gap_days",
            Ty::Int,
            "calendar days of the last `days` without a row: weekends are among them",
        ),
        field(
            "recent_gap_sessions",
            Ty::Int,
            "sessions of them on which rows were due and are missing",
        ),
        field("missing", Ty::List(&Ty::Str), "those sessions"),
    ],
};

pub(super) static ASKED: Shape = Shape {
    name: "CoverageAsked",
    doc: "How far backfills have come with an asset.",
    fields: &[
        field("asset", Ty::Str, "the asset"),
        field("at", Ty::Time, "when a chunk of it was found stored last"),
    ],
};

/// A survey as scripts see it.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    pub(super) id: i64,
    asset: &'a str,
    from: NaiveDate,
    to: NaiveDate,
    tables: Vec<&'a str>,
    absent: &'a [String],
    due_days: i64,
    last_due: Option<NaiveDate>,
    symbols: Vec<TheSymbol<'a>>,
}

#[derive(Serialize)]
struct TheSymbol<'a> {
    symbol: &'a str,
    rows: i64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    due_days: i64,
    present_days: i64,
    span_days: i64,
    lag_days: i64,
    density: Option<f64>,
    listed: Option<NaiveDate>,
    gaps: usize,
    open_gaps: usize,
    not_listed: i64,
    empty: i64,
    failed: i64,
    never_asked: i64,
    half_days: i64,
    leading: i64,
    internal: i64,
    trailing: i64,
    whole: i64,
}

impl<'a> Told<'a> {
    pub(super) fn new(id: i64, survey: &'a Survey) -> Self {
        let asked = &survey.asked;
        Self {
            id,
            asset: &asked.asset,
            from: asked.from,
            to: asked.to,
            tables: survey.sources.iter().map(|s| s.table.as_str()).collect(),
            absent: &survey.absent,
            due_days: asked.due.days.len(),
            last_due: asked.due.days.last(),
            symbols: survey
                .symbols
                .iter()
                .map(|symbol| TheSymbol::new(symbol, asked.listed.get(&symbol.symbol).copied()))
                .collect(),
        }
    }
}

impl<'a> TheSymbol<'a> {
    fn new(symbol: &'a Symbol, listed: Option<NaiveDate>) -> Self {
        let sum = |which: &dyn Fn(&Gap) -> bool| {
            let meant = symbol.gaps.iter().filter(|gap| which(gap));
            meant.map(|gap| gap.sessions).sum()
        };
        let of = |class| sum(&|gap| gap.class == class);
        let at = |place| sum(&|gap| gap.open() && gap.place == place);
        Self {
            symbol: &symbol.symbol,
            rows: symbol.holding.rows,
            first: symbol.holding.oldest(),
            last: symbol.holding.newest(),
            due_days: symbol.due_days,
            present_days: symbol.present_days,
            span_days: symbol.span_days,
            lag_days: symbol.lag_days,
            density: symbol.density,
            listed,
            gaps: symbol.gaps.len(),
            open_gaps: symbol.gaps.iter().filter(|gap| gap.open()).count(),
            not_listed: of(Class::NotListed),
            empty: of(Class::Empty),
            failed: of(Class::Failed),
            never_asked: of(Class::NeverAsked),
            half_days: symbol.gaps.iter().map(|gap| gap.half_days).sum(),
            leading: at(Place::Leading),
            internal: at(Place::Internal),
            trailing: at(Place::Trailing),
            whole: at(Place::Whole),
        }
    }
}

/// A gap as scripts see it.
#[derive(Serialize)]
pub(super) struct TheGap<'a> {
    pub(super) symbol: &'a str,
    #[serde(flatten)]
    pub(super) gap: &'a Gap,
    pub(super) open: bool,
}
