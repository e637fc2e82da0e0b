//! What would be removed from a table, and why perhaps nothing may be.

use serde::Serialize;

use super::Error;
use crate::questdb::{self, Abilities, Applied, Judged, Known, Limits, Rule, Server, quote_name};
use crate::rows::{Cell, Rows};
use crate::run::Cx;

/// A table under its rules.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The table.
    pub table: String,
    /// Its folder on the server: a table that was made anew under this name has another.
    pub folder: Option<String>,
    /// Its designated timestamp.
    pub timestamp: Option<String>,
    /// `HOUR`, `DAY`, `WEEK`, `MONTH`, `YEAR`; `NONE`.
    pub partition_by: Option<String>,
    /// Whether it has a write-ahead log.
    pub wal: Option<bool>,
    /// Whether it removes duplicates.
    pub dedup: bool,
    /// What its server can do.
    #[serde(skip)]
    pub can: Abilities,
    /// How far its log was when its rows were counted; `None`: it has none, or was written meanwhile.
    #[serde(skip)]
    pub sequencer: Option<i64>,
    /// All its rows.
    pub total: i64,
    /// Rows that the rules mean.
    pub delete_rows: i64,
    /// The rules that have all their columns, in order.
    pub rules: Vec<String>,
    /// Rules of which a column is missing: they mean nothing here.
    pub absent: Vec<String>,
    /// Views that end for good when a partition is dropped.
    pub views: Vec<String>,
    /// Why nothing can be removed at all.
    pub refused: Option<String>,
    /// Why nothing can be written anew; whole partitions can be dropped.
    pub no_rewrite: Option<String>,
    /// Why no row could be brought back from an export.
    pub no_export: Option<String>,
    /// The partitions that were looked at, oldest first.
    pub partitions: Vec<Judged>,
}

/// Types of which a value can be written down and brought back exactly.
pub(super) const EXACT: &[&str] = &[
    "BOOLEAN",
    "BYTE",
    "SHORT",
    "CHAR",
    "INT",
    "LONG",
    "FLOAT",
    "DOUBLE",
    "DATE",
    "TIMESTAMP",
    "SYMBOL",
    "STRING",
    "VARCHAR",
    "UUID",
    "LONG256",
    "IPv4",
];

/// Judges `table` by `rules`. Reads, and changes nothing.
pub fn plan(
    cx: &Cx,
    server: &Server,
    table: &str,
    rules: &[Rule],
    limits: Limits,
) -> Result<Plan, Error> {
    let can = questdb::abilities(cx, server, limits)?;
    let found = questdb::table(cx, server, table, limits)?;
    let columns = questdb::columns(cx, server, &found.name, limits)?;
    let (present, absent) = questdb::present(rules, &columns);
    let mut plan = Plan {
        table: found.name.clone(),
        folder: found.folder.clone(),
        timestamp: found.timestamp.clone().filter(|column| !column.is_empty()),
        partition_by: found.partition_by.clone(),
        wal: found.wal,
        dedup: found.dedup == Some(true),
        can,
        sequencer: None,
        total: 0,
        delete_rows: 0,
        rules: present.iter().map(|rule| rule.name.clone()).collect(),
        absent,
        views: questdb::views(cx, server, can.views, &found.name, limits)?,
        refused: None,
        no_rewrite: None,
        no_export: None,
        partitions: Vec::new(),
    };
    // What is accepted and not applied would be counted as missing.
    let still = match questdb::settle(cx, server, can, &found.name, limits) {
        Ok(Applied::Upto(txn)) => Some(txn),
        Ok(Applied::NoLog) => None,
        Err(error @ (questdb::Error::Suspended { .. } | questdb::Error::Lagging { .. })) => {
            plan.refused = Some(error.to_string());
            return Ok(plan);
        }
        Err(error) => return Err(error.into()),
    };
    let counting = format!("SELECT count() AS n FROM {}", quote_name(&found.name)?);
    plan.total = questdb::value(cx, server, &counting, limits)?
        .int()
        .unwrap_or(0);
    if plan.timestamp.is_none() {
        plan.refused = Some("it has no designated timestamp".into());
        return Ok(plan);
    }
    if found.partition_by.as_deref().is_none_or(|by| by == "NONE") {
        plan.refused = Some("it is not partitioned, and only partitions can be dropped".into());
        return Ok(plan);
    }
    let inexact = columns.iter().find(|(_, ty)| !EXACT.contains(&ty.as_str()));
    plan.no_export = inexact.map(|(name, ty)| {
        format!("`{name}` is a {ty}, of which no exact copy can be written down")
    });
    plan.no_rewrite = match found.wal {
        Some(false) => Some(format!(
            "it has no write-ahead log, so that what is written meanwhile could not be noticed: `ALTER TABLE {} SET TYPE WAL`, and restart the server",
            found.name
        )),
        _ => plan.no_export.clone(),
    };
    let known = Known {
        table: &found,
        columns: &columns,
        opens_few: can.wait,
    };
    let judged = questdb::judge(cx, server, &known, &present, limits)?;
    if judged.missing_rows > 0 {
        plan.refused = Some(format!(
            "{} of its rows have no files on the disk any more: a drop would stop its log",
            judged.missing_rows
        ));
        return Ok(plan);
    }
    if still.is_some() && questdb::sequencer(cx, server, &found.name, limits)? == still {
        plan.sequencer = still;
    }
    plan.delete_rows = judged.delete_rows;
    plan.partitions = judged.partitions;
    Ok(plan)
}

/// Rows of a partition that a plan removes under `rules`, of which some may have left it to the next run.
pub fn planned_rows(plan: &Plan, partition: &Judged, rules: &[Rule]) -> i64 {
    let of = |name: &String| rules.iter().find(|rule| rule.name == *name);
    let counts = plan.rules.iter().zip(&partition.by_rule);
    let meant = counts.filter(|(name, _)| of(name).is_some_and(|r| r.applies(partition.from)));
    meant.map(|(_, count)| count).sum()
}

/// Adds up an answer of rows `q` (the number of a rule, 0 for none) and `n` (how many): by rule, and all of them.
pub(super) fn tally(counted: &Rows, by_rule: &mut [i64]) -> i64 {
    let mut all = 0;
    by_rule.fill(0);
    for row in &counted.cells {
        let number = |name| counted.pick(row, &[name]).and_then(Cell::int);
        let (Some(rule), Some(count)) = (number("q"), number("n")) else {
            continue;
        };
        all += count;
        let at = usize::try_from(rule - 1).ok();
        if let Some(of_rule) = at.and_then(|at| by_rule.get_mut(at)) {
            *of_rule += count;
        }
    }
    all
}
