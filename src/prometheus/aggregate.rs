//! One number, or one per group, from the samples of one page.
//!
//! As in PromQL, a sum over a NaN is NaN, while `max` and `min` pass NaN over unless there is nothing else. Unlike in
//! PromQL, nothing found is an error here, never an empty result that a threshold would let pass.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::page::Page;
use super::sample::Sample;
use super::selector::Selector;

/// Label names and values, sorted by name.
pub type Labels = BTreeMap<String, String>;

/// One group of a grouped aggregation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The labels asked for. One that a series lacks is left out, as PromQL does.
    pub labels: Labels,
    pub value: f64,
    /// How many series stand behind the value.
    pub series: usize,
}

impl Page {
    /// The value of the one series that is meant.
    ///
    /// # Errors
    ///
    /// [`Error::Several`] when more than one is meant; none is an error as in [`Page::find`].
    pub fn value(&self, selector: &Selector) -> Result<f64, Error> {
        match self.find(selector)?.as_slice() {
            [one] => Ok(one.value()),
            [first, second, rest @ ..] => Err(Error::Several {
                selector: selector.to_string(),
                count: rest.len() + 2,
                first: first.to_string(),
                second: second.to_string(),
            }),
            [] => Err(self.absence(selector)),
        }
    }

    /// The sum over all series that are meant.
    ///
    /// # Errors
    ///
    /// As [`Page::find`].
    pub fn sum(&self, selector: &Selector) -> Result<f64, Error> {
        Ok(sum(self.find(selector)?.iter().map(Sample::value)))
    }

    /// Sums by the values of these labels, sorted by label values.
    ///
    /// # Errors
    ///
    /// As [`Page::find`].
    pub fn sum_by(&self, selector: &Selector, by: &[&str]) -> Result<Vec<Group>, Error> {
        let mut groups: BTreeMap<Vec<&str>, Vec<f64>> = BTreeMap::new();
        let samples = self.find(selector)?;
        for sample in &samples {
            groups
                .entry(key(sample, by))
                .or_default()
                .push(sample.value());
        }
        let group = |(key, values): (Vec<&str>, Vec<f64>)| Group {
            labels: labels(by, &key),
            series: values.len(),
            value: sum(values),
        };
        Ok(groups.into_iter().map(group).collect())
    }

    /// The largest value.
    ///
    /// # Errors
    ///
    /// As [`Page::find`].
    pub fn max(&self, selector: &Selector) -> Result<f64, Error> {
        Ok(self
            .find(selector)?
            .iter()
            .map(Sample::value)
            .fold(f64::NAN, f64::max))
    }

    /// The smallest value.
    ///
    /// # Errors
    ///
    /// As [`Page::find`].
    pub fn min(&self, selector: &Selector) -> Result<f64, Error> {
        Ok(self
            .find(selector)?
            .iter()
            .map(Sample::value)
            .fold(f64::NAN, f64::min))
    }
}

/// The values that a sample has for these labels; a missing one is empty.
pub(super) fn key<'p>(sample: &Sample<'p>, by: &[&str]) -> Vec<&'p str> {
    by.iter()
        .map(|label| sample.label(label).unwrap_or_default())
        .collect()
}

pub(super) fn labels(by: &[&str], key: &[&str]) -> Labels {
    let pairs = by.iter().zip(key).filter(|(_, value)| !value.is_empty());
    pairs
        .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
        .collect()
}

/// Compensated (Neumaier) summation, as Prometheus sums: the order of the series does not show in the result.
pub(super) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        if next.is_infinite() {
            lost = 0.0;
        } else if sum.abs() >= value.abs() {
            lost += (sum - next) + value;
        } else {
            lost += (value - next) + sum;
        }
        sum = next;
    }
    sum + lost
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test's failure is a panic")]
mod tests {
    use super::*;
    use crate::prometheus::parse;

    #[test]
    fn one_number() {
        let page =
            parse("a{x=\"1\"} 3\na{x=\"2\"} -5\nb NaN\nc 1\nc 2\nn{x=\"1\"} NaN\nn{x=\"2\"} 4\n")
                .unwrap();
        let selector = |text: &str| text.parse::<Selector>().unwrap();
        assert_eq!(page.sum(&selector("a")), Ok(-2.0));
        assert_eq!(page.max(&selector("a")), Ok(3.0));
        assert_eq!(page.min(&selector("a")), Ok(-5.0));
        assert_eq!(page.max(&selector("n")), Ok(4.0));
        assert!(page.sum(&selector("n")).unwrap().is_nan());
        assert!(page.max(&selector("b")).unwrap().is_nan());
        assert_eq!(page.value(&selector("a{x=\"2\"}")), Ok(-5.0));
        let several = page.value(&selector("a")).unwrap_err().to_string();
        assert_eq!(
            several,
            "2 series match `a` where one was asked for: a{x=\"1\"}, a{x=\"2\"}"
        );
        assert!(matches!(
            page.value(&selector("a{x=\"9\"}")),
            Err(Error::NoSeries { series: 2, .. })
        ));
        assert!(matches!(
            page.value(&selector("zz")),
            Err(Error::NoMetric { .. })
        ));
    }

    #[test]
    fn groups() {
        let page = parse(
            "a{x=\"2\",y=\"p\"} 1\na{x=\"1\",y=\"q\"} 2\na{x=\"2\",y=\"q\"} 4\na{y=\"q\"} 8\n",
        )
        .unwrap();
        let groups = page.sum_by(&Selector::new("a"), &["x"]).unwrap();
        let flat: Vec<_> = groups
            .iter()
            .map(|g| (g.labels.get("x").map(String::as_str), g.value, g.series))
            .collect();
        assert_eq!(
            flat,
            [(None, 8.0, 1), (Some("1"), 2.0, 1), (Some("2"), 5.0, 2)]
        );
        let all = page.sum_by(&Selector::new("a"), &[]).unwrap();
        assert_eq!((all.len(), all[0].value), (1, 15.0));
    }

    #[test]
    fn sums_lose_nothing() {
        assert_eq!(sum([1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum([f64::INFINITY, 1.0, 2.0]), f64::INFINITY);
        assert!(sum([f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }
}
