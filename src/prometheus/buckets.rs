//! From pages to histograms: which series belong together, what they counted, and over which time.
//!
//! Buckets of several series are summed by bound before any quantile is taken: quantiles of replicas cannot be averaged.
//! Between two pages, a series' buckets are subtracted one by one. If any of them fell, or the target says that it was
//! restarted, then the whole series was reset and counts from 0 (one bucket alone may have overtaken its old value, and
//! mixing the two would bend the histogram).

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::aggregate::{Labels, key, labels};
use super::error::Error;
use super::kind::Kind;
use super::page::Page;
use super::quantile::{Basis, Bucket, Quantile, quantile};
use super::rate::is_restarted;
use super::selector::Selector;

/// Buckets of one group of series, summed by bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// The labels grouped by.
    pub labels: Labels,
    /// By ascending bound.
    pub buckets: Vec<Bucket>,
    pub basis: Basis,
    /// How many series were summed.
    pub series: usize,
    /// How many of them were reset within the window.
    pub resets: usize,
    /// How many samples had no `le`, or none that is a number; they count for nothing.
    pub ignored: usize,
}

impl Histogram {
    /// The φ-quantile, marked with this histogram's basis and resets. See [`quantile`].
    #[must_use]
    pub fn quantile(&self, phi: f64) -> Quantile {
        let mut out = quantile(phi, &self.buckets, self.basis);
        out.quality.reset = self.resets > 0;
        out
    }

    /// Observations in all buckets.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |bucket| bucket.count)
    }
}

/// Histograms of everything since the target's start, one per combination of the labels `by`, sorted by them.
///
/// The selector's name may be the histogram's (`latency_seconds`) or that of its buckets (`latency_seconds_bucket`).
///
/// # Errors
///
/// [`Error::NotHistogram`] for a metric of another type; [`Error::NoMetric`] or [`Error::NoSeries`] when nothing is
/// meant; [`Error::Duplicate`] when the page has a bucket twice.
pub fn lifetime(page: &Page, selector: &Selector, by: &[&str]) -> Result<Vec<Histogram>, Error> {
    let selector = bucket_selector(page, selector)?;
    let all = Series::of_page(page, &selector, by)?;
    if all.is_empty() {
        return Err(page.absence(&selector));
    }
    let mut groups = Groups {
        by,
        basis: Basis::Lifetime,
        groups: BTreeMap::new(),
    };
    for series in all.into_values() {
        groups.add(series, false);
    }
    Ok(groups.finish())
}

/// Histograms of what happened between two pages of the same target; otherwise as [`lifetime`].
///
/// A series that is only on the second page counts from 0, one that is only on the first counts for nothing.
///
/// # Errors
///
/// As [`lifetime`], and [`Error::NotCounter`] for a gauge histogram.
pub fn window(
    before: &Page,
    after: &Page,
    selector: &Selector,
    by: &[&str],
) -> Result<Vec<Histogram>, Error> {
    let selector = bucket_selector(after, selector)?;
    if let Some(kind @ Kind::GaugeHistogram) =
        after.family(selector.name()).map(|family| family.kind())
    {
        return Err(Error::NotCounter {
            name: selector.name().to_owned(),
            kind,
        });
    }
    let restarted = is_restarted(before, after);
    let old = Series::of_page(before, &selector, by)?;
    let new = Series::of_page(after, &selector, by)?;
    if new.is_empty() {
        return Err(after.absence(&selector));
    }
    let mut groups = Groups {
        by,
        basis: Basis::Window,
        groups: BTreeMap::new(),
    };
    for (labels, mut series) in new {
        let Some(old) = old.get(&labels) else {
            groups.add(series, false);
            continue;
        };
        let fell =
            |(bound, count): (&Bound, &f64)| old.buckets.get(bound).is_some_and(|old| count < old);
        let reset = restarted || series.buckets.iter().any(fell);
        if !reset {
            for (bound, count) in &mut series.buckets {
                *count -= old.buckets.get(bound).copied().unwrap_or_default();
            }
        }
        groups.add(series, reset);
    }
    Ok(groups.finish())
}

/// The selector of the buckets, whichever of its two names the histogram was given.
fn bucket_selector(page: &Page, selector: &Selector) -> Result<Selector, Error> {
    let stem = selector
        .name()
        .strip_suffix("_bucket")
        .unwrap_or(selector.name());
    let buckets = format!("{stem}_bucket");
    let is_histogram = |kind| matches!(kind, Kind::Histogram | Kind::GaugeHistogram);
    match page.family(stem).map(|family| family.kind()) {
        // Without a TYPE line the buckets are a metric of their own.
        Some(kind) if !is_histogram(kind) && page.family(&buckets).is_none() => {
            Err(Error::NotHistogram {
                name: stem.to_owned(),
                kind,
            })
        }
        None if page.family(&buckets).is_none() => {
            Err(page.absence(&selector.renamed(stem.to_owned())))
        }
        _ => Ok(selector.renamed(buckets)),
    }
}

/// A bucket's bound as a key: ordered, and one for `1`, `1.0` and `1e0`.
#[derive(Debug, Clone, Copy)]
struct Bound(f64);

impl Bound {
    fn parse(le: &str) -> Option<Self> {
        let bound = super::number::float(le.as_bytes())
            .ok()
            .filter(|bound| !bound.is_nan())?;
        // Adding 0 makes 0 of -0, which the order below would keep apart.
        Some(Self(bound + 0.0))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Bound {}

/// All labels but `le`, sorted: what makes a histogram series the same on two pages.
type SeriesKey<'p> = Vec<(&'p str, &'p str)>;

/// One histogram series of one page.
#[derive(Debug, Default)]
struct Series<'p> {
    /// The values of the labels grouped by.
    group: Vec<&'p str>,
    buckets: BTreeMap<Bound, f64>,
    /// The bounds as written, to tell a bucket that stands twice from one bound in two spellings.
    spellings: HashMap<&'p str, ()>,
    ignored: usize,
}

impl<'p> Series<'p> {
    fn of_page(
        page: &'p Page,
        selector: &'p Selector,
        by: &[&str],
    ) -> Result<BTreeMap<SeriesKey<'p>, Self>, Error> {
        let mut all: BTreeMap<SeriesKey<'p>, Self> = BTreeMap::new();
        for sample in page.filter(selector) {
            let mut labels: SeriesKey<'p> =
                sample.labels().filter(|(name, _)| *name != "le").collect();
            labels.sort_unstable();
            let series = all.entry(labels).or_insert_with(|| Series {
                group: key(&sample, by),
                ..Series::default()
            });
            let le = sample.label("le").unwrap_or_default();
            let Some(bound) = Bound::parse(le) else {
                series.ignored += 1;
                continue;
            };
            if series.spellings.insert(le, ()).is_some() {
                return Err(Error::Duplicate {
                    series: sample.to_string(),
                });
            }
            *series.buckets.entry(bound).or_default() += sample.value();
        }
        Ok(all)
    }
}

/// Series on their way to histograms.
struct Groups<'a, 'p> {
    by: &'a [&'a str],
    basis: Basis,
    groups: BTreeMap<Vec<&'p str>, Sum>,
}

#[derive(Default)]
struct Sum {
    buckets: BTreeMap<Bound, f64>,
    series: usize,
    resets: usize,
    ignored: usize,
}

impl<'p> Groups<'_, 'p> {
    fn add(&mut self, series: Series<'p>, reset: bool) {
        let sum = self.groups.entry(series.group).or_default();
        for (bound, count) in series.buckets {
            *sum.buckets.entry(bound).or_default() += count;
        }
        sum.series += 1;
        sum.resets += usize::from(reset);
        sum.ignored += series.ignored;
    }

    fn finish(self) -> Vec<Histogram> {
        let Self { by, basis, groups } = self;
        let histogram = |(group, sum): (Vec<&str>, Sum)| Histogram {
            labels: labels(by, &group),
            buckets: sum
                .buckets
                .into_iter()
                .map(|(bound, count)| Bucket { le: bound.0, count })
                .collect(),
            basis,
            series: sum.series,
            resets: sum.resets,
            ignored: sum.ignored,
        };
        groups.into_iter().map(histogram).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test's failure is a panic")]
mod tests {
    use super::*;
    use crate::prometheus::parse;

    /// A histogram series with the counts of bounds 0.1, 1 and +Inf.
    fn series(labels: &str, counts: [u32; 3]) -> String {
        let [low, high, all] = counts;
        format!(
            "h_bucket{{{labels}le=\"0.1\"}} {low}\nh_bucket{{{labels}le=\"1.0\"}} {high}\nh_bucket{{{labels}le=\"+Inf\"}} {all}\nh_count 1\n"
        )
    }

    fn page(series: &[String]) -> Page {
        parse(format!("# TYPE h histogram\n{}", series.concat())).unwrap()
    }

    fn counts(histogram: &Histogram) -> Vec<(f64, f64)> {
        histogram
            .buckets
            .iter()
            .map(|bucket| (bucket.le, bucket.count))
            .collect()
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn replicas_are_summed_by_bound() {
        let page = page(&[
            series("i=\"a\",", [1, 2, 3]),
            series("i=\"b\",", [10, 20, 30]).replace("1.0", "1"),
        ]);
        for name in ["h", "h_bucket"] {
            let all = lifetime(&page, &Selector::new(name), &[]).unwrap();
            assert_eq!(all.len(), 1);
            assert_eq!(counts(&all[0]), [(0.1, 11.0), (1.0, 22.0), (INF, 33.0)]);
            assert_eq!(
                (all[0].basis, all[0].series, all[0].count()),
                (Basis::Lifetime, 2, 33.0)
            );
        }
        let each = lifetime(&page, &Selector::new("h"), &["i"]).unwrap();
        assert_eq!(each[1].labels.get("i").unwrap(), "b");
        assert_eq!(counts(&each[1])[0], (0.1, 10.0));
        let one = lifetime(&page, &"h{i=\"a\"}".parse().unwrap(), &[]).unwrap();
        assert_eq!(one[0].count(), 3.0);
    }

    #[test]
    fn a_window_is_subtracted_per_series() {
        let before = page(&[
            series("i=\"a\",", [1, 2, 3]),
            series("i=\"b\",", [10, 20, 30]),
        ]);
        // `a` grew; `b` was reset, though its lowest bucket overtook; `c` is new.
        let after = page(&[
            series("i=\"a\",", [2, 5, 9]),
            series("i=\"b\",", [11, 12, 13]),
            series("i=\"c\",", [1, 1, 1]),
        ]);
        let each = window(&before, &after, &Selector::new("h"), &["i"]).unwrap();
        assert_eq!(counts(&each[0]), [(0.1, 1.0), (1.0, 3.0), (INF, 6.0)]);
        assert_eq!(
            (counts(&each[1]), each[1].resets),
            (vec![(0.1, 11.0), (1.0, 12.0), (INF, 13.0)], 1)
        );
        assert_eq!(counts(&each[2]), [(0.1, 1.0), (1.0, 1.0), (INF, 1.0)]);
        let all = window(&before, &after, &Selector::new("h"), &[]).unwrap();
        assert_eq!(all[0].count(), 20.0);
        let p50 = all[0].quantile(0.5);
        assert!(p50.quality.reset && p50.basis == Basis::Window);
        let still = window(&after, &after, &Selector::new("h"), &[]).unwrap();
        assert!(still[0].quantile(0.5).quality.empty);
    }

    #[test]
    fn what_is_no_bucket() {
        let odd = parse(
            "h_bucket{le=\"x\"} 1\nh_bucket 2\nh_bucket{le=\"NaN\"} 2\nh_bucket{le=\"+Inf\"} 3\n",
        )
        .unwrap();
        let all = lifetime(&odd, &Selector::new("h"), &[]).unwrap();
        assert_eq!((all[0].ignored, all[0].buckets.len()), (3, 1));
        assert!(all[0].quantile(0.5).quality.malformed);

        let others = parse("# TYPE s summary\ns{quantile=\"0.5\"} 1\n# TYPE e histogram\ng 1\nd_bucket{le=\"1\"} 1\nd_bucket{le=\"1\"} 1\n").unwrap();
        let fails = |name: &str| {
            lifetime(&others, &Selector::new(name), &[])
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            fails("s"),
            "`s` (summary) is not a histogram: it has no buckets"
        );
        assert_eq!(
            fails("g"),
            "`g` (untyped) is not a histogram: it has no buckets"
        );
        assert_eq!(fails("e"), "no series matches `e_bucket`");
        assert_eq!(fails("nothing"), "no metric `nothing` on the page");
        assert_eq!(
            fails("d"),
            "series d_bucket{le=\"1\"} stands twice on one page"
        );
    }
}
