//! How much counters grew between two pages of the same target.
//!
//! Per series, increase = after − before. A counter only grows, so one that fell was reset by a restart in between, and
//! what it shows afterwards counts from 0; growth between the first page and the restart is lost, so the increase is
//! then a lower bound, and is marked. A restart also shows in `process_start_time_seconds`, which finds the case where a
//! counter has overtaken its old value.
//!
//! There is no extrapolation to the window's edges as in PromQL's `rate`: two pages have no edges beyond themselves.

use std::collections::HashMap;

use serde::Serialize;

use super::aggregate::{Labels, sum};
use super::error::Error;
use super::kind::Kind;
use super::page::Page;
use super::sample::Sample;
use super::selector::Selector;

/// How one series came to its increase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// On both pages, and no reset was seen.
    Steady,
    /// Reset in between: counted from 0, and a lower bound.
    Reset,
    /// Only on the second page: counted from 0, as clients create a labelled counter when it first counts.
    Born,
}

/// The increase of one series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeriesIncrease {
    pub labels: Labels,
    pub increase: f64,
    pub change: Change,
}

/// The increase of a counter, over all its series that were meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Increase {
    /// The sum of the series' increases.
    pub total: f64,
    /// In the order of the second page.
    pub series: Vec<SeriesIncrease>,
    /// How many series were reset. If not 0, `total` is a lower bound.
    pub resets: usize,
    /// How many series are only on the second page.
    pub born: usize,
    /// How many series are only on the first page. They add nothing.
    pub gone: usize,
}

/// The rate of one series, per second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeriesRate {
    pub labels: Labels,
    pub per_second: f64,
    pub change: Change,
}

/// The rate of a counter, over all its series that were meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rate {
    /// The sum over the series, per second.
    pub per_second: f64,
    /// The growth within the window.
    pub increase: f64,
    pub window_seconds: f64,
    /// In the order of the second page.
    pub series: Vec<SeriesRate>,
    /// As in [`Increase`].
    pub resets: usize,
    /// As in [`Increase`].
    pub born: usize,
    /// As in [`Increase`].
    pub gone: usize,
}

/// How much the counters that are meant grew from `before` to `after`.
///
/// # Errors
///
/// [`Error::NotCounter`] for what `after` declares as something else; [`Error::NoMetric`] or [`Error::NoSeries`] when
/// `after` has nothing that is meant; [`Error::Duplicate`] when a page has a series twice.
pub fn increase(before: &Page, after: &Page, selector: &Selector) -> Result<Increase, Error> {
    check_counter(after, selector.name())?;
    let restarted = is_restarted(before, after);
    let mut old = HashMap::new();
    for sample in before.filter(selector) {
        unique(
            old.insert(series_key(&sample), sample.value()).is_some(),
            &sample,
        )?;
    }
    let mut seen = HashMap::new();
    let mut series = Vec::new();
    for sample in after.find(selector)? {
        let key = series_key(&sample);
        let now = sample.value();
        let (increase, change) = match old.remove(&key) {
            None => (now, Change::Born),
            Some(then) if restarted || now < then => (now, Change::Reset),
            Some(then) => (now - then, Change::Steady),
        };
        unique(seen.insert(key, ()).is_some(), &sample)?;
        series.push(SeriesIncrease {
            labels: owned(&sample),
            increase,
            change,
        });
    }
    let count = |wanted| series.iter().filter(|one| one.change == wanted).count();
    Ok(Increase {
        total: sum(series.iter().map(|one| one.increase)),
        resets: count(Change::Reset),
        born: count(Change::Born),
        gone: old.len(),
        series,
    })
}

/// The rate per second of the counters that are meant: [`increase`] divided by the time between the pages.
///
/// # Errors
///
/// [`Error::BadWindow`] for a window that is not finite or not greater than 0; otherwise as [`increase`].
pub fn rate(
    before: &Page,
    after: &Page,
    selector: &Selector,
    window_seconds: f64,
) -> Result<Rate, Error> {
    if !(window_seconds.is_finite() && window_seconds > 0.0) {
        return Err(Error::BadWindow {
            seconds: window_seconds,
        });
    }
    let increase = increase(before, after, selector)?;
    let one = |one: SeriesIncrease| SeriesRate {
        labels: one.labels,
        per_second: one.increase / window_seconds,
        change: one.change,
    };
    Ok(Rate {
        per_second: increase.total / window_seconds,
        increase: increase.total,
        window_seconds,
        series: increase.series.into_iter().map(one).collect(),
        resets: increase.resets,
        born: increase.born,
        gone: increase.gone,
    })
}

/// Gauges have no rate; nor has a summary's own series, only its count and sum. An undeclared metric is believed.
fn check_counter(page: &Page, name: &str) -> Result<(), Error> {
    let Some(family) = page.family(name) else {
        return Ok(());
    };
    let counts = match family.kind() {
        Kind::Counter | Kind::Untyped => true,
        Kind::Histogram | Kind::Summary => family.name() != name,
        Kind::Gauge | Kind::Info | Kind::StateSet | Kind::GaugeHistogram => false,
    };
    // The declared, still empty histogram is better told by `find`.
    if counts || (family.kind() == Kind::Histogram && family.samples().len() == 0) {
        return Ok(());
    }
    Err(Error::NotCounter {
        name: name.to_owned(),
        kind: family.kind(),
    })
}

/// Whether the target says that it was started anew. Its start time is computed from the boot time, which may wander
/// by a second, hence the tolerance; a quicker restart shows in falling counters.
pub(super) fn is_restarted(before: &Page, after: &Page) -> bool {
    let selector = Selector::new("process_start_time_seconds");
    match (before.value(&selector), after.value(&selector)) {
        (Ok(then), Ok(now)) => now - then > 2.0,
        _ => false,
    }
}

/// A series by its labels in an order that does not depend on the page.
fn series_key<'p>(sample: &Sample<'p>) -> Vec<(&'p str, &'p str)> {
    let mut key: Vec<_> = sample.labels().collect();
    key.sort_unstable();
    key
}

fn unique(twice: bool, sample: &Sample<'_>) -> Result<(), Error> {
    if twice {
        Err(Error::Duplicate {
            series: sample.to_string(),
        })
    } else {
        Ok(())
    }
}

fn owned(sample: &Sample<'_>) -> Labels {
    sample
        .labels()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test's failure is a panic")]
mod tests {
    use super::*;
    use crate::prometheus::parse;

    const BEFORE: &str = "# TYPE c counter\nc{x=\"1\",y=\"a\"} 10\nc{x=\"2\"} 100\nc{x=\"gone\"} 1\n# TYPE g gauge\ng 1\n";
    const AFTER: &str = "# TYPE c counter\nc{y=\"a\",x=\"1\"} 15\nc{x=\"2\"} 7\nc{x=\"new\"} 3\n# TYPE g gauge\ng 2\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_count 4\n";

    #[test]
    fn each_series_on_its_own() {
        let (before, after) = (parse(BEFORE).unwrap(), parse(AFTER).unwrap());
        let growth = increase(&before, &after, &Selector::new("c")).unwrap();
        let flat: Vec<_> = growth
            .series
            .iter()
            .map(|one| (one.increase, one.change))
            .collect();
        assert_eq!(
            flat,
            [
                (5.0, Change::Steady),
                (7.0, Change::Reset),
                (3.0, Change::Born)
            ]
        );
        assert_eq!(
            (growth.total, growth.resets, growth.born, growth.gone),
            (15.0, 1, 1, 1)
        );

        let rate = rate(&before, &after, &"c{x=\"1\"}".parse().unwrap(), 10.0).unwrap();
        assert_eq!((rate.per_second, rate.increase, rate.resets), (0.5, 5.0, 0));
        assert_eq!(rate.series[0].per_second, 0.5);
    }

    #[test]
    fn a_restart_shows_in_the_start_time() {
        let page = |start: f64, count: u32| {
            parse(format!("process_start_time_seconds {start}\nc {count}\n")).unwrap()
        };
        let table = [
            (100.0, 100.0, 15.0, 0),
            (100.0, 101.0, 15.0, 0),
            (100.0, 160.0, 25.0, 1),
        ];
        for (then, now, total, resets) in table {
            let growth = increase(&page(then, 10), &page(now, 25), &Selector::new("c")).unwrap();
            assert_eq!((growth.total, growth.resets), (total, resets));
        }
    }

    #[test]
    fn errors() {
        let (before, after) = (parse(BEFORE).unwrap(), parse(AFTER).unwrap());
        let fails = |text: &str, window: f64| {
            rate(&before, &after, &text.parse().unwrap(), window)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            fails("g", 1.0),
            "`g` (gauge) is not a counter: it has no rate"
        );
        assert_eq!(
            fails("s", 1.0),
            "`s` (summary) is not a counter: it has no rate"
        );
        assert_eq!(
            fails("c{x=\"gone\"}", 1.0),
            "no series matches `c{x=\"gone\"}`"
        );
        assert_eq!(fails("nothing", 1.0), "no metric `nothing` on the page");
        for window in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(fails("c", window).starts_with("a window of "));
        }
        assert_eq!(
            rate(&before, &after, &Selector::new("s_count"), 2.0)
                .unwrap()
                .per_second,
            2.0
        );
        let twice = parse("c 1\nc 2\n").unwrap();
        assert_eq!(
            increase(&twice, &twice, &Selector::new("c"))
                .unwrap_err()
                .to_string(),
            "series c stands twice on one page"
        );
    }
}
