//! What stands above the months of a heat map: years, or months where there are few.

use std::fmt::Write as _;

use chrono::{Datelike as _, NaiveDate};

/// The least width of a map in pixels, as the style sheet has it: so much, and so much a month.
const LEAST: usize = 320;
const A_MONTH: usize = 3;

/// Pixels that a year takes, and a month.
const YEAR: usize = 40;
const MONTH: usize = 64;

/// Every how many months a label may stand.
const STEPS: [usize; 9] = [1, 2, 3, 6, 12, 24, 60, 120, 240];

/// The labels, fewer where they would not have room.
pub(super) fn labels(months: &[(NaiveDate, NaiveDate)]) -> String {
    let all = months.len().max(1);
    let width = LEAST.max(all * A_MONTH);
    let needs = |step: usize| if step < 12 { MONTH } else { YEAR };
    let fits = |step: &usize| step * width >= needs(*step) * all;
    let step = STEPS.into_iter().find(fits).unwrap_or(240);
    let mut out = String::new();
    for (i, (first, _)) in months.iter().enumerate() {
        let number = i64::from(first.year()) * 12 + i64::from(first.month0());
        let room = (all - i) * width >= needs(step) * all;
        if !room || number.rem_euclid(i64::try_from(step).unwrap_or(1)) != 0 {
            continue;
        }
        let left = i as f64 * 100.0 / all as f64;
        let form = if step < 12 { "%Y-%m" } else { "%Y" };
        let _ = write!(
            out,
            "<span style=\"left:{left:.2}%\">{}</span>",
            first.format(form)
        );
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::coverage::months;

    /// The labels, each with where it begins in hundredths of a percent.
    fn places(from: &str, to: &str) -> Vec<(i64, String)> {
        let labels = labels(&months(from.parse().unwrap(), to.parse().unwrap()));
        let one = |rest: &str| {
            let (left, rest) = rest.split_once("%\">").unwrap();
            let text = rest.split('<').next().unwrap();
            (left.replace('.', "").parse().unwrap(), text.to_owned())
        };
        labels.split("left:").skip(1).map(one).collect()
    }

    fn told(from: &str, to: &str) -> Vec<String> {
        let places = places(from, to);
        places.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn every_span_has_labels_and_no_two_overlap() {
        assert_eq!(told("2026-11-03", "2026-11-05"), ["2026-11"]);
        assert_eq!(
            told("2026-09-10", "2026-11-17"),
            ["2026-09", "2026-10", "2026-11"]
        );
        // Half a year within one year: no January is needed.
        assert_eq!(
            told("2026-03-10", "2026-11-17"),
            ["2026-03", "2026-05", "2026-07", "2026-09"]
        );
        assert_eq!(
            told("2021-06-01", "2026-11-17"),
            ["2022", "2023", "2024", "2025", "2026"]
        );
        let twenty = told("2006-11-28", "2026-11-27");
        assert_eq!((twenty[0].as_str(), twenty.len()), ("2008", 9));
        assert!(told("2026-11-05", "2026-11-03").is_empty());
        for years in 1..100_i64 {
            let some = places("1970-06-01", &format!("{}-12-31", 1970 + years));
            assert!(!some.is_empty(), "{years}");
            // Also in the narrowest map there is, each has its room, the last one too.
            let width = LEAST.max((years as usize * 12 + 7) * A_MONTH) as i64;
            let ends = some.iter().skip(1).map(|(left, _)| *left).chain([10_000]);
            for ((left, text), end) in some.iter().zip(ends) {
                assert!((end - left) * width / 10_000 >= 39, "{years}: {text}");
            }
        }
    }
}
