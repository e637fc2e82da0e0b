//! How much of what is due is there, piece of time by piece: what a strip and a heat map show.

use chrono::NaiveDate;

use super::{Days, Survey, Symbol, date, number};

/// Shades of a piece of which something is due: from nothing of it, 0, to all of it.
pub const STEPS: i64 = 4;

/// A piece of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Days on which rows were due.
    pub due: i64,
    /// Those of them that have rows.
    pub present: i64,
    /// Those that have none for a good reason: not listed, or a provider has nothing.
    pub excused: i64,
}

/// What is shown of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Nothing was due.
    Closed,
    /// All that is missing is missing for a good reason, and nothing is there.
    Excused,
    /// So much of `STEPS`.
    Step(usize),
}

impl Share {
    /// All of it only when all is there, and nothing only when nothing is.
    pub fn level(&self) -> Level {
        let wanted = self.due - self.excused;
        if self.due == 0 {
            return Level::Closed;
        }
        if wanted == 0 {
            return Level::Excused;
        }
        let step = match self.present {
            0 => 0,
            some if some >= wanted => STEPS,
            some => (some * STEPS / wanted).clamp(1, STEPS - 1),
        };
        Level::Step(usize::try_from(step).unwrap_or(0))
    }
}

/// The shares of a symbol in pieces of time, each from one day to another.
pub fn shares(survey: &Survey, symbol: &Symbol, pieces: &[(NaiveDate, NaiveDate)]) -> Vec<Share> {
    let due = &survey.asked.due.days;
    let present = due.and(&symbol.holding.days);
    let mut excused = Days::default();
    for gap in symbol.gaps.iter().filter(|gap| !gap.open()) {
        excused.add(&Days::span(gap.from, gap.to));
    }
    let excused = excused.and(due).without(&present);
    let share = |&(from, to): &(NaiveDate, NaiveDate)| Share {
        due: due.count(from, to),
        present: present.count(from, to),
        excused: excused.count(from, to),
    };
    pieces.iter().map(share).collect()
}

/// The months from one day to another.
pub fn months(from: NaiveDate, to: NaiveDate) -> Vec<(NaiveDate, NaiveDate)> {
    let mut all = Vec::new();
    let mut first = from;
    while first <= to {
        let next = chrono::Datelike::with_day(&first, 1)
            .and_then(|first| first.checked_add_months(chrono::Months::new(1)));
        let Some(next) = next else { break };
        all.push((first, next.pred_opt().unwrap_or(first).min(to)));
        first = next;
    }
    all
}

/// A line of at most `width` characters from the first day to the last: how much there is of a symbol, in time.
pub fn strip(survey: &Survey, symbol: &Symbol, width: i64, ascii: bool) -> String {
    let (from, to) = (number(survey.asked.from), number(survey.asked.to));
    let days = to - from + 1;
    let width = width.clamp(1, days.max(1));
    let day = |n: i64| date(from + n).unwrap_or(survey.asked.to);
    let pieces: Vec<_> = (0..width)
        .map(|i| (day(i * days / width), day((i + 1) * days / width - 1)))
        .collect();
    let steps = match ascii {
        true => ['.', ':', '+', '*', '#'],
        false => ['·', '▂', '▄', '▆', '█'],
    };
    let shares = shares(survey, symbol, &pieces);
    let shown = shares.iter().map(|share| match share.level() {
        Level::Closed => ' ',
        Level::Excused => '-',
        Level::Step(step) => steps.get(step).copied().unwrap_or('?'),
    });
    shown.collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::super::{Holding, Known, gaps};
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn surveyed(from: &str, to: &str, stored: &[(&str, &str)], known: &Known) -> Survey {
        let mut days = Days::default();
        for (from, to) in stored {
            days.add(&Days::span(day(from), day(to)));
        }
        Survey::of(day(from), day(to), |due| {
            vec![Symbol {
                symbol: "A".into(),
                gaps: gaps(due, &days, known),
                holding: Holding {
                    rows: days.len(),
                    days: days.clone(),
                    ..Holding::default()
                },
                ..Symbol::default()
            }]
        })
    }

    #[test]
    fn a_strip_shows_where_something_is_missing() {
        let known = Known {
            listed: Some(day("2024-01-11")),
            ..Known::default()
        };
        let stored = [("2024-01-21", "2024-01-24"), ("2024-01-31", "2024-02-09")];
        let survey = surveyed("2024-01-01", "2024-02-19", &stored, &known);
        let symbol = &survey.symbols[0];
        assert_eq!(strip(&survey, symbol, 5, true), "-.:#.");
        assert_eq!(strip(&survey, symbol, 5, false), "-·▂█·");
        assert_eq!(strip(&survey, symbol, 1, true), ":");
        // Never more characters than days.
        assert_eq!(strip(&survey, symbol, 500, true).chars().count(), 50);
    }

    #[test]
    fn nothing_and_all_are_never_rounded() {
        let level = |due, present, excused| {
            Share {
                due,
                present,
                excused,
            }
            .level()
        };
        assert_eq!(level(0, 0, 0), Level::Closed);
        assert_eq!(level(3, 0, 3), Level::Excused);
        assert_eq!(level(1000, 1, 0), Level::Step(1));
        assert_eq!(level(1000, 999, 0), Level::Step(3));
        assert_eq!(level(1000, 999, 1), Level::Step(4));
        assert_eq!(level(4, 2, 0), Level::Step(2));
    }

    #[test]
    fn months_are_cut_at_both_ends() {
        let told: Vec<_> = months(day("2023-12-15"), day("2024-02-03"))
            .into_iter()
            .map(|(from, to)| format!("{from} {to}"))
            .collect();
        assert_eq!(
            told,
            [
                "2023-12-15 2023-12-31",
                "2024-01-01 2024-01-31",
                "2024-02-01 2024-02-03"
            ]
        );
        assert!(months(day("2024-02-03"), day("2024-02-01")).is_empty());
    }
}
