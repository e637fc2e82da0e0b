//! What of a symbol's gaps is asked for, and what is left alone and why.

use super::plan::{Left, Pace, Policy, Range, Reason, SymbolPlan};
use crate::coverage::{Class, Days, Gap, Place, Symbol};

/// Sorts a symbol's gaps into what is asked for and what is left alone.
pub(super) fn sort(policy: &Policy, pace: Pace, symbol: &Symbol) -> SymbolPlan {
    let holding = &symbol.holding;
    let mut planned = SymbolPlan {
        symbol: symbol.symbol.clone(),
        rows: holding.rows,
        oldest: holding.oldest(),
        newest: holding.newest(),
        span_days: symbol.span_days,
        lag_days: symbol.lag_days,
        density: symbol.density,
        missing: Vec::new(),
        left: Vec::new(),
    };
    for gap in joined(policy, &symbol.gaps, &holding.days) {
        match reason(policy, pace, symbol, &gap) {
            Some(reason) => planned.left.push(Left {
                from: gap.from,
                to: gap.to,
                sessions: gap.sessions,
                reason,
            }),
            None => planned.missing.push(Range {
                from: gap.from,
                to: gap.to,
                days: gap.days,
                sessions: gap.sessions,
                place: gap.place,
                class: gap.class,
                gap_exceeds_threshold: gap.days > policy.warn_days,
            }),
        }
    }
    planned
}

/// Gaps that follow each other without a row between them, and are all to be asked for, are one.
fn joined(policy: &Policy, gaps: &[Gap], stored: &Days) -> Vec<Gap> {
    let wanted = |gap: &Gap| gap.open() || (policy.recheck && gap.class == Class::Empty);
    let mut all: Vec<Gap> = Vec::new();
    for gap in gaps {
        let before = all.last_mut().filter(|last| {
            let between = stored.within(last.to, gap.from);
            wanted(last) && wanted(gap) && last.place == gap.place && between.is_empty()
        });
        match before {
            Some(last) => {
                last.to = gap.to;
                last.days = (gap.to - last.from).num_days() + 1;
                last.sessions += gap.sessions;
                last.half_days += gap.half_days;
                last.class = last.class.min(gap.class);
            }
            None => all.push(gap.clone()),
        }
    }
    all
}

/// Why a gap is not asked for; `None`: it is.
fn reason(policy: &Policy, pace: Pace, symbol: &Symbol, gap: &Gap) -> Option<Reason> {
    match gap.class {
        Class::NotListed => return Some(Reason::NotListed),
        Class::Empty if !policy.recheck => return Some(Reason::Empty),
        _ => {}
    }
    if gap.place != Place::Internal {
        return None;
    }
    let wanted = if pace.dense {
        policy.internal
    } else {
        policy.internal_others
    };
    if !wanted {
        Some(Reason::Internal)
    } else if !pace.dense
        && symbol
            .density
            .is_some_and(|d| d >= policy.density_threshold)
    {
        Some(Reason::Dense)
    } else {
        (gap.days <= policy.min_gap_days).then_some(Reason::Short)
    }
}
