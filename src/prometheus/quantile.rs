//! `histogram_quantile` for classic buckets, by Prometheus' own rules (`promql/quantile.go`, `BucketQuantile`), and what
//! a bare number would hide: the bucket's bounds, how many observations stand behind it, and every doubt about it.
//!
//! The rules, in this order:
//!
//! 1. φ NaN gives NaN, φ < 0 gives −Inf, φ > 1 gives +Inf.
//! 2. Buckets are sorted by upper bound; if the last bound is not +Inf, NaN.
//! 3. Buckets of equal bound become one, counts summed.
//! 4. Counts are made to grow: a difference of less than 10⁻¹² relative is rounding, a fall is a broken histogram.
//! 5. Fewer than two buckets, or no observation: NaN.
//! 6. The bucket is the first, not counting the last one, whose count reaches rank = φ × total; else the last.
//! 7. In the last bucket: the highest finite bound. In the first one, with a bound ≤ 0: that bound. Else linear between
//!    the bounds, the first bucket starting at 0.
//!
//! One departure: when the total count is NaN the result is NaN, where Prometheus would give the highest finite bound.

use std::fmt;

use serde::Serialize;

/// A cumulative bucket: how many observations were at most `le`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bucket {
    /// The upper bound, inclusive, in the metric's unit.
    pub le: f64,
    /// Observations up to that bound, smaller buckets included. A difference or a rate will do as well as a count.
    pub count: f64,
}

/// What span of time the observations come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Everything since the target's start. It says little about now.
    Lifetime,
    /// Between two pages.
    Window,
}

/// A quantile and how far to trust it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantile {
    /// The estimate, in the metric's unit. NaN when there is none, see `quality`.
    pub value: f64,
    /// The lower bound of the bucket that the quantile lies in; −Inf for a first bucket with a bound ≤ 0. NaN if none.
    pub lower: f64,
    /// The upper bound of that bucket; +Inf when `quality.overflow`. NaN if none.
    pub upper: f64,
    /// Observations in all buckets.
    pub count: f64,
    pub basis: Basis,
    pub quality: Quality,
    /// How the buckets contradicted themselves, when `quality.forced_monotone`.
    pub forced: Option<ForcedMonotone>,
}

/// What is to be said about a quantile; several may hold at once.
///
/// Displays as the words that hold, `low count, wide bucket`, or as nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Quality {
    /// The rank falls on a bucket's bound: the value is counted, not interpolated.
    pub exact: bool,
    /// The bucket's upper bound is more than 2.5 times its lower one (the widest step of the usual 1-2.5-5 ladder), so
    /// that the estimate may be off by more than that factor.
    pub wide_bucket: bool,
    /// The quantile lies above the highest finite bound: read the value as "at least".
    pub overflow: bool,
    /// The quantile lies in the first bucket, whose lower end is not known (0 is assumed).
    pub first_bucket: bool,
    /// Fewer than five observations lie beyond the quantile: count × min(φ, 1−φ) < 5. P99 needs 500 of them.
    pub low_count: bool,
    /// Some bucket counted fewer than a smaller one. Replicas with different buckets, or a page cut in half.
    pub forced_monotone: bool,
    /// Differences that can only be rounding were ignored.
    pub precision: bool,
    /// No observations: the value is NaN.
    pub empty: bool,
    /// Not a histogram: no +Inf bucket, fewer than two buckets, or counts that are NaN. The value is NaN.
    pub malformed: bool,
    /// The target was restarted within the window; what it counted before is missing.
    pub reset: bool,
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.exact, "exact"),
            (self.wide_bucket, "wide bucket"),
            (self.overflow, "overflow"),
            (self.first_bucket, "first bucket"),
            (self.low_count, "low count"),
            (self.forced_monotone, "forced monotone"),
            (self.precision, "precision"),
            (self.empty, "empty"),
            (self.malformed, "malformed"),
            (self.reset, "reset"),
        ];
        let mut separator = "";
        for (_, word) in words.into_iter().filter(|(holds, _)| *holds) {
            write!(f, "{separator}{word}")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// Where counts fell from one bucket to the next, and were raised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ForcedMonotone {
    /// The lowest bound whose count was raised.
    pub from: f64,
    /// The highest one.
    pub to: f64,
    /// By how much at most.
    pub largest_drop: f64,
}

/// The widest step between two bounds that goes without saying.
const WIDE: f64 = 2.5;
/// How many observations must lie beyond a quantile.
const FEW: f64 = 5.0;
/// Relative difference of counts below which it is rounding.
const ROUNDING: f64 = 1e-12;

/// The φ-quantile of a histogram's buckets, in any order; see the module for the rules.
///
/// Counts should be of one window, and summed over replicas by bound beforehand. Never fails: what cannot be said is NaN,
/// with the reason in `quality`.
///
/// ```
/// use tradeops::prometheus::{Basis, Bucket, quantile};
///
/// let buckets = [(0.1, 5.0), (0.5, 10.0), (f64::INFINITY, 40.0)].map(|(le, count)| Bucket { le, count });
/// assert_eq!(quantile(0.25, &buckets, Basis::Lifetime).value, 0.5);
/// assert!(quantile(0.95, &buckets, Basis::Lifetime).quality.overflow);
/// ```
#[must_use]
pub fn quantile(phi: f64, buckets: &[Bucket], basis: Basis) -> Quantile {
    let mut out = Quantile {
        value: f64::NAN,
        lower: f64::NAN,
        upper: f64::NAN,
        count: 0.0,
        basis,
        quality: Quality::default(),
        forced: None,
    };
    let mut sorted: Vec<Bucket> = buckets
        .iter()
        .copied()
        .filter(|bucket| !bucket.le.is_nan())
        .collect();
    sorted.sort_by(|a, b| a.le.total_cmp(&b.le));
    let complete = sorted
        .last()
        .is_some_and(|bucket| bucket.le == f64::INFINITY);
    coalesce(&mut sorted);
    raise(&mut sorted, &mut out);
    out.count = sorted.last().map_or(0.0, |bucket| bucket.count);
    out.quality.malformed = !complete || sorted.len() < 2 || out.count.is_nan();
    out.quality.empty = out.count == 0.0;

    if phi.is_nan() {
        return out;
    }
    if !(0.0..=1.0).contains(&phi) {
        out.value = if phi < 0.0 {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
        return out;
    }
    if out.quality.malformed || out.quality.empty {
        return out;
    }
    out.quality.low_count = out.count * phi.min(1.0 - phi) < FEW;

    let Some(finite) = sorted
        .len()
        .checked_sub(1)
        .and_then(|last| sorted.get(..last))
    else {
        return out;
    };
    let rank = phi * out.count;
    let found = finite.iter().position(|bucket| bucket.count >= rank);
    let before = |index: usize| index.checked_sub(1).and_then(|index| finite.get(index));
    let Some((index, bucket)) = found.and_then(|index| Some((index, finite.get(index)?))) else {
        let highest = finite.last().map_or(f64::NAN, |bucket| bucket.le);
        (out.value, out.lower, out.upper) = (highest, highest, f64::INFINITY);
        out.quality.overflow = true;
        return out;
    };
    out.upper = bucket.le;
    out.quality.exact = rank == bucket.count && rank > 0.0;
    out.quality.first_bucket = index == 0;
    if index == 0 && bucket.le <= 0.0 {
        (out.value, out.lower) = (bucket.le, f64::NEG_INFINITY);
        return out;
    }
    let (start, below) = before(index).map_or((0.0, 0.0), |bucket| (bucket.le, bucket.count));
    out.lower = start;
    out.value = start + (bucket.le - start) * ((rank - below) / (bucket.count - below));
    // An exact value owes nothing to the width; a first bucket is flagged as such.
    out.quality.wide_bucket = !out.quality.exact
        && index > 0
        && (start <= 0.0 || bucket.le > WIDE * start * (1.0 + ROUNDING));
    out
}

/// Makes one bucket of those with an equal bound.
fn coalesce(sorted: &mut Vec<Bucket>) {
    sorted.dedup_by(|next, kept| {
        let same = next.le == kept.le;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Raises every count that is below the one before it.
fn raise(sorted: &mut [Bucket], out: &mut Quantile) {
    let Some((first, rest)) = sorted.split_first_mut() else {
        return;
    };
    let mut highest = first.count;
    for bucket in rest {
        if bucket.count == highest {
            continue;
        }
        if almost_equal(bucket.count, highest) {
            out.quality.precision = true;
        } else if bucket.count < highest {
            out.quality.forced_monotone = true;
            let drop = highest - bucket.count;
            let forced = out.forced.get_or_insert(ForcedMonotone {
                from: bucket.le,
                to: bucket.le,
                largest_drop: drop,
            });
            forced.to = bucket.le;
            forced.largest_drop = forced.largest_drop.max(drop);
        } else {
            highest = bucket.count;
            continue;
        }
        bucket.count = highest;
    }
}

/// Prometheus' `almost.Equal` with a tolerance of 10⁻¹².
fn almost_equal(a: f64, b: f64) -> bool {
    if a == b {
        return true;
    }
    let (size, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || size < f64::MIN_POSITIVE {
        return difference < ROUNDING * f64::MIN_POSITIVE;
    }
    difference / size.min(f64::MAX) < ROUNDING
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `le:count le:count`.
    fn buckets(text: &str) -> Vec<Bucket> {
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let pairs = text
            .split_whitespace()
            .filter_map(|pair| pair.split_once(':'));
        pairs
            .map(|(le, count)| Bucket {
                le: number(le),
                count: number(count),
            })
            .collect()
    }

    const FALLING: &str = ".1:20 1:10 10:50 100:40 1000:90 Inf:80";
    const LATENCY: &str = ".005:0 .01:0 .025:10 .05:60 .1:95 .25:99 .5:100 1:100 Inf:100";
    const SHORT: &str = ".1:5 .5:10 Inf:40";
    const NEGATIVE: &str = "-1:2 0:4 1:8 Inf:8";

    /// The first three stand in Prometheus' own test data; the others come from an independent implementation of its rules.
    #[test]
    fn golden_vectors() {
        let nan = f64::NAN;
        let table: &[(&str, f64, f64, &str)] = &[
            (
                FALLING,
                0.01,
                0.0045,
                "first bucket, low count, forced monotone",
            ),
            (FALLING, 0.5, 8.5, "wide bucket, forced monotone"),
            (
                FALLING,
                0.99,
                979.75,
                "wide bucket, low count, forced monotone",
            ),
            (LATENCY, 0.5, 0.045, ""),
            (LATENCY, 0.95, 0.1, "exact"),
            (LATENCY, 0.99, 0.25, "exact, low count"),
            (LATENCY, 1.0, 0.5, "exact, low count"),
            (LATENCY, 0.0, nan, "first bucket, low count"),
            (SHORT, 0.1, 0.08, "first bucket, low count"),
            (SHORT, 0.25, 0.5, "exact"),
            (SHORT, 0.5, 0.5, "overflow"),
            (SHORT, 0.95, 0.5, "overflow, low count"),
            (NEGATIVE, 0.1, -1.0, "first bucket, low count"),
            (NEGATIVE, 0.25, -1.0, "exact, first bucket, low count"),
            (NEGATIVE, 0.5, 0.0, "exact, low count"),
            (NEGATIVE, 0.75, 0.5, "wide bucket, low count"),
            (".1:0 Inf:0", 0.95, nan, "empty"),
            ("Inf:9", 0.95, nan, "malformed"),
            (".1:5 1:9", 0.95, nan, "malformed"),
            ("", 0.95, nan, "empty, malformed"),
            (".1:NaN Inf:NaN", 0.5, nan, "malformed"),
            (
                ".1:100 1:100.00000000001 Inf:200",
                0.5,
                0.1,
                "exact, first bucket, precision",
            ),
            ("1:10 1.0:20 2:50 Inf:50", 0.5, 25.0 / 30.0, "first bucket"),
            ("Inf:100 .1:10 1:100", 0.55, 0.55, "wide bucket"),
        ];
        for (text, phi, value, quality) in table {
            let got = quantile(*phi, &buckets(text), Basis::Lifetime);
            let close =
                (got.value - value).abs() <= 1e-12 || (got.value.is_nan() && value.is_nan());
            assert!(close, "{text} at {phi}: {} instead of {value}", got.value);
            assert_eq!(got.quality.to_string(), *quality, "{text} at {phi}");
        }
    }

    #[test]
    fn phi_wins_over_every_other_rule() {
        for text in [LATENCY, "", "Inf:9", ".1:5 1:9"] {
            let value = |phi| quantile(phi, &buckets(text), Basis::Window).value;
            assert!(value(f64::NAN).is_nan());
            assert_eq!(value(-0.1), f64::NEG_INFINITY);
            assert_eq!(value(1.1), f64::INFINITY);
        }
    }

    #[test]
    fn bounds_and_counts() {
        let table = [
            (LATENCY, 0.5, (0.025, 0.05, 100.0)),
            (SHORT, 0.1, (0.0, 0.1, 40.0)),
            (SHORT, 0.9, (0.5, f64::INFINITY, 40.0)),
            (NEGATIVE, 0.1, (f64::NEG_INFINITY, -1.0, 8.0)),
        ];
        for (text, phi, expected) in table {
            let got = quantile(phi, &buckets(text), Basis::Window);
            assert_eq!(
                (got.lower, got.upper, got.count),
                expected,
                "{text} at {phi}"
            );
            assert_eq!(got.basis, Basis::Window);
        }
        let forced = quantile(0.5, &buckets(FALLING), Basis::Lifetime).forced;
        assert_eq!(
            forced,
            Some(ForcedMonotone {
                from: 1.0,
                to: f64::INFINITY,
                largest_drop: 10.0
            })
        );
    }

    proptest::proptest! {
        /// On any sane histogram the estimate lies in its bucket and grows with φ.
        #[test]
        fn estimates_are_in_their_bucket(steps in proptest::collection::vec((1..100_u32, 0..50_u32), 1..12), rest in 0..9_u32) {
            let (mut le, mut count) = (0.0, 0.0);
            let mut all: Vec<Bucket> = steps.iter().map(|(width, more)| {
                le += f64::from(*width);
                count += f64::from(*more);
                Bucket { le, count }
            }).collect();
            all.push(Bucket { le: f64::INFINITY, count: count + f64::from(rest) });
            let mut last = f64::NEG_INFINITY;
            for phi in [0.01, 0.1, 0.5, 0.9, 0.99, 1.0] {
                let got = quantile(phi, &all, Basis::Lifetime);
                if !got.quality.empty {
                    proptest::prop_assert!(got.lower <= got.value && got.value <= got.upper && got.value >= last - 1e-9);
                    last = got.value;
                }
            }
        }

        #[test]
        fn anything_gives_an_answer(phi in proptest::num::f64::ANY, raw in proptest::collection::vec((proptest::num::f64::ANY, proptest::num::f64::ANY), 0..8)) {
            let all: Vec<_> = raw.into_iter().map(|(le, count)| Bucket { le, count }).collect();
            let _ = quantile(phi, &all, Basis::Window);
        }
    }
}
