//! The plan of a backfill: which days are missing, in which chunks they would be asked for, and what is left alone and why. It is
//! the unit of work: whoever carries it out does these chunks and no others.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Error, sort};
use crate::coverage::{Class, Days, Place, Survey, Symbol};

/// The form of a plan's file.
pub const SCHEMA: &str = "tradeops.backfill-plan/1";

/// What is planned how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Holes between rows that are longer than so many calendar days are filled, where `internal` says so.
    pub min_gap_days: i64,
    /// Fill holes of assets that have rows on each session.
    pub internal: bool,
    /// Fill holes of the others, where their density is below `density_threshold`.
    pub internal_others: bool,
    /// The least share of due days with rows.
    pub density_threshold: f64,
    /// A chunk has at most so many calendar days.
    pub chunk_days: i64,
    /// A longer range is worth a warning.
    pub warn_days: i64,
    /// `newest`, `oldest` or `widest` first.
    pub order: Order,
    /// Symbols that come before all others, in this order.
    pub priority: Vec<String>,
    /// Also days for which a provider had nothing before.
    pub recheck: bool,
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The newest days.
    Newest,
    /// The oldest days.
    Oldest,
    /// The widest ranges.
    Widest,
}

/// How an asset is asked for, for the estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Whether there is a row on each due day that is complete: daily bars.
    pub dense: bool,
    /// The fewest rows of a due day.
    pub least_rows: i64,
    /// The most rows of a due day, where what is stored does not tell.
    pub most_rows: i64,
    /// Requests a second that the provider lets through.
    pub per_second: f64,
    /// Seconds that a request takes.
    pub seconds: f64,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: String,
    /// The workflow that carries it out.
    pub workflow: String,
    /// From what is to be done: the same plan has the same id.
    pub id: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The store, `host:port`.
    pub store: String,
    /// How it was made.
    pub policy: Policy,
    /// By asset.
    pub assets: Vec<AssetPlan>,
    /// In the order in which they are begun.
    pub chunks: Vec<Chunk>,
    /// What somebody should look at.
    pub warnings: Vec<Warning>,
    /// What it takes.
    pub estimate: Estimate,
}

/// The part of an asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetPlan {
    /// `equities`.
    pub asset: String,
    /// Tables that were read.
    pub tables: Vec<String>,
    /// Tables that are not there.
    pub absent: Vec<String>,
    /// The first day that should be there.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// Sessions from one to the other, or days where every day is due.
    pub due_days: i64,
    /// By symbol.
    pub symbols: Vec<SymbolPlan>,
}

/// The part of a symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SymbolPlan {
    /// Its name.
    pub symbol: String,
    /// Rows that are stored.
    pub rows: i64,
    /// The time of the first.
    pub oldest: Option<DateTime<Utc>>,
    /// The time of the last.
    pub newest: Option<DateTime<Utc>>,
    /// Calendar days from the first row to the last.
    pub span_days: i64,
    /// Due days behind the last row.
    pub lag_days: i64,
    /// The share of due days from the first row to the last that have rows.
    pub density: Option<f64>,
    /// Ranges that are asked for.
    pub missing: Vec<Range>,
    /// Ranges that are left alone.
    pub left: Vec<Left>,
}

/// Days in a row that are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first missing due day.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// Calendar days from one to the other.
    pub days: i64,
    /// Missing sessions.
    pub sessions: i64,
    /// Where it lies.
    pub place: Place,
    /// Why it is missing: `never_asked`, or `failed` where any of it was asked for in vain.
    pub class: Class,
    /// Whether it is longer than `warn_days`.
    pub gap_exceeds_threshold: bool,
}

/// A gap that is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The first missing due day.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// Missing sessions.
    pub sessions: i64,
    /// `not_listed`, `empty`; `short`: not longer than `min_gap_days`; `internal`: holes are not asked for; `dense`: above the
    /// threshold.
    pub reason: Reason,
}

/// Why a gap is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The symbol was not listed yet.
    NotListed,
    /// A provider was asked and had nothing.
    Empty,
    /// A hole between rows, and these are not asked for.
    Internal,
    /// A hole between rows that is not longer than `min_gap_days`.
    Short,
    /// A hole between rows of an asset that has rows often enough.
    Dense,
}

/// What is asked for at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// `equities/AAPL/2024-01-02..2024-12-31`.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// The symbol.
    pub symbol: String,
    /// The first due day.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// Calendar days.
    pub days: i64,
    /// Missing sessions.
    pub sessions: i64,
    /// The fewest rows that are expected.
    pub least_rows: i64,
    /// The most.
    pub most_rows: i64,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// `gap_exceeds_threshold`, `table_absent`, `no_rows`.
    pub kind: String,
    /// The asset.
    pub asset: String,
    /// The symbol, where it is about one.
    pub symbol: Option<String>,
    /// For a person.
    pub message: String,
}

/// What a plan takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Symbols with something to ask for.
    pub symbols: i64,
    /// Missing sessions that are asked for.
    pub sessions: i64,
    /// Requests: one for each chunk, when none has to be repeated.
    pub requests: i64,
    /// Fewest rows.
    pub least_rows: i64,
    /// Most rows.
    pub most_rows: i64,
    /// Seconds, with the concurrency that was asked for.
    pub seconds: f64,
}

/// Plans to fill what the surveys found missing.
pub fn plan(
    store: &str,
    now: DateTime<Utc>,
    policy: &Policy,
    concurrency: usize,
    surveys: &[(&Survey, Pace)],
) -> Result<Plan, Error> {
    if policy.chunk_days < 1 {
        return Err(Error::Invalid("a chunk has at least one day".into()));
    }
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        workflow: "backfill".to_owned(),
        id: String::new(),
        created_at: now,
        store: store.to_owned(),
        policy: policy.clone(),
        assets: Vec::new(),
        chunks: Vec::new(),
        warnings: Vec::new(),
        estimate: Estimate::default(),
    };
    for (survey, pace) in surveys {
        let asked = &survey.asked;
        for table in &survey.absent {
            plan.warn(
                "table_absent",
                &asked.asset,
                None,
                format!("there is no table `{table}`"),
            );
        }
        let mut chunks = Vec::new();
        let mut symbols = Vec::new();
        for symbol in &survey.symbols {
            let planned = sort::sort(policy, *pace, symbol);
            for range in &planned.missing {
                if range.gap_exceeds_threshold {
                    let text = format!(
                        "{} days from {} to {} are more than {}",
                        range.days, range.from, range.to, policy.warn_days
                    );
                    plan.warn(
                        "gap_exceeds_threshold",
                        &asked.asset,
                        Some(&symbol.symbol),
                        text,
                    );
                }
                let due = asked.due.days.within(range.from, range.to);
                cut(policy, *pace, &asked.asset, symbol, &due, &mut chunks);
            }
            symbols.push(planned);
        }
        let per_request = 1.0 / pace.per_second.max(1e-6);
        let beside = (pace.seconds / concurrency.max(1) as f64).max(per_request);
        plan.estimate.seconds += chunks.len() as f64 * beside;
        plan.chunks.append(&mut chunks);
        plan.assets.push(AssetPlan {
            asset: asked.asset.clone(),
            tables: survey.sources.iter().map(|s| s.table.clone()).collect(),
            absent: survey.absent.clone(),
            from: asked.from,
            to: asked.to,
            due_days: asked.due.days.len(),
            symbols,
        });
    }
    order(policy, &mut plan.chunks);
    let of: BTreeSet<_> = plan.chunks.iter().map(|c| (&c.asset, &c.symbol)).collect();
    plan.estimate.symbols = i64::try_from(of.len()).unwrap_or(i64::MAX);
    plan.estimate.requests = i64::try_from(plan.chunks.len()).unwrap_or(i64::MAX);
    let sum = |of: fn(&Chunk) -> i64| plan.chunks.iter().map(of).sum::<i64>();
    plan.estimate.sessions = sum(|c| c.sessions);
    plan.estimate.least_rows = sum(|c| c.least_rows);
    plan.estimate.most_rows = sum(|c| c.most_rows);
    plan.id = identity(&plan);
    Ok(plan)
}

impl Plan {
    /// Reads a plan's file.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let plan: Self = serde_json::from_str(text)
            .map_err(|error| Error::Invalid(format!("this is no plan of a backfill: {error}")))?;
        if plan.schema != SCHEMA {
            let told = format!(
                "the plan has the form `{}`, and this reads `{SCHEMA}`",
                plan.schema
            );
            return Err(Error::Invalid(told));
        }
        if plan.id != identity(&plan) {
            let told = format!("the plan `{}` was changed by hand: make a new one", plan.id);
            return Err(Error::Invalid(told));
        }
        Ok(plan)
    }

    fn warn(&mut self, kind: &str, asset: &str, symbol: Option<&str>, message: String) {
        self.warnings.push(Warning {
            kind: kind.to_owned(),
            asset: asset.to_owned(),
            symbol: symbol.map(str::to_owned),
            message,
        });
    }
}

/// What a plan would do, as a short name.
fn identity(plan: &Plan) -> String {
    let mut digest = Sha256::new();
    digest.update(plan.store.as_bytes());
    digest.update(plan.created_at.date_naive().to_string().as_bytes());
    for chunk in &plan.chunks {
        digest.update(b"\n");
        digest.update(chunk.id.as_bytes());
    }
    digest
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Cuts the missing days of a range into chunks, from the end that is asked for first.
fn cut(
    policy: &Policy,
    pace: Pace,
    asset: &str,
    symbol: &Symbol,
    due: &Days,
    chunks: &mut Vec<Chunk>,
) {
    let (Some(mut first), Some(mut last)) = (due.first(), due.last()) else {
        return;
    };
    let step = TimeDelta::days(policy.chunk_days - 1);
    let average = symbol.holding.rows / symbol.present_days.max(1);
    while first <= last {
        let (from, to) = if policy.order == Order::Oldest {
            (first, (first + step).min(last))
        } else {
            ((last - step).max(first), last)
        };
        if policy.order == Order::Oldest {
            first = to + TimeDelta::days(1);
        } else {
            last = from - TimeDelta::days(1);
        }
        let days = due.within(from, to);
        let (Some(from), Some(to)) = (days.first(), days.last()) else {
            continue;
        };
        let sessions = days.len();
        chunks.push(Chunk {
            id: format!("{asset}/{}/{from}..{to}", symbol.symbol),
            asset: asset.to_owned(),
            symbol: symbol.symbol.clone(),
            from,
            to,
            days: (to - from).num_days() + 1,
            sessions,
            least_rows: sessions * pace.least_rows,
            most_rows: sessions
                * if average > 0 {
                    average.max(pace.least_rows)
                } else {
                    pace.most_rows
                },
        });
    }
}

fn order(policy: &Policy, chunks: &mut [Chunk]) {
    let rank = |chunk: &Chunk| {
        let place = policy
            .priority
            .iter()
            .position(|name| *name == chunk.symbol);
        place.unwrap_or(usize::MAX)
    };
    // The sort is stable: within a rank and a key it is by asset and symbol, as they came.
    match policy.order {
        Order::Newest => chunks.sort_by_key(|c| (rank(c), Reverse(c.to))),
        Order::Oldest => chunks.sort_by_key(|c| (rank(c), c.from)),
        Order::Widest => chunks.sort_by_key(|c| (rank(c), Reverse(c.sessions))),
    }
}
