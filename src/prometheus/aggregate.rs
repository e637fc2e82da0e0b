//! One number, or one per group, from the samples of one page.
//!
//! As in PromQL, a sum over a NaN is NaN, while `max` and `min` pass NaN over unless there is nothing else. Unlike in
//! PromQL, nothing found is an error here, never an empty result that a threshold would let pass.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::page::{Page, Sample};
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
            groups.entry(key(sample, by)).or_default().push(sample.value());
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
        Ok(self.find(selector)?.iter().map(Sample::value).fold(f64::NAN, f64::max))
    }

    /// The smallest value.
    ///
    /// # Errors
    ///
    /// As [`Page::find`].
    pub fn min(&self, selector: &Selector) -> Result<f64, Error> {
        Ok(self.find(selector)?.iter().map(Sample::value).fold(f64::NAN, f64::min))
    }
}

/// The values that a sample has for these labels; a missing one is empty.
pub(super) fn key<'p>(sample: &Sample<'p>, by: &[&str]) -> Vec<&'p str> {
    by.iter().map(|label| sample.label(label).unwrap_or_default()).collect()
}

pub(super) fn labels(by: &[&str], key: &[&str]) -> Labels {
    let pairs = by.iter().zip(key).filter(|(_, value)| !value.is_empty());
    pairs.map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
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
