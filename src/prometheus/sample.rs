//! Views of a page's lines with a value: samples, their labels and exemplars.

use std::fmt;

use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

use super::scan::find;
use super::store::{ExemplarRecord, LabelRecord, LabelSet, NO_TIMESTAMP, SampleRecord, Store};

/// Samples in page order.
#[derive(Debug, Clone)]
pub struct Samples<'p> {
    pub(super) store: &'p Store,
    pub(super) records: std::slice::Iter<'p, SampleRecord>,
}

impl<'p> Iterator for Samples<'p> {
    type Item = Sample<'p>;

    fn next(&mut self) -> Option<Sample<'p>> {
        self.records.next().map(|record| Sample {
            store: self.store,
            record,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl ExactSizeIterator for Samples<'_> {}

/// One line of the page that has a value.
///
/// Displays as the series is written, `name{label="value"}`. Serialises as `name, labels, value, timestamp_ms,
/// exemplar`.
#[derive(Clone, Copy)]
pub struct Sample<'p> {
    pub(super) store: &'p Store,
    pub(super) record: &'p SampleRecord,
}

impl<'p> Sample<'p> {
    #[must_use]
    pub fn name(&self) -> &'p str {
        self.store.str(self.record.name)
    }

    /// The name of the family that it is a part of: `latency_seconds` for `latency_seconds_bucket`.
    #[must_use]
    pub fn family_name(&self) -> &'p str {
        let family = self.store.families.get(self.record.family as usize);
        family.map_or("", |family| &family.name)
    }

    #[must_use]
    pub fn value(&self) -> f64 {
        self.record.value
    }

    /// Milliseconds since the Unix epoch, if the line says so; most do not.
    #[must_use]
    pub fn timestamp_ms(&self) -> Option<i64> {
        time(self.record.timestamp)
    }

    /// Labels in the order of the line, values decoded.
    #[must_use]
    pub fn labels(&self) -> LabelIter<'p> {
        LabelIter::new(self.store, self.record.labels)
    }

    /// A label's value. A missing label is `None`; matchers and grouping take it for the empty string, as PromQL does.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'p str> {
        self.labels()
            .find_map(|(label, value)| (label == name).then_some(value))
    }

    /// One observation that the sample counts, with a way to find more about it: a trace, mostly.
    #[must_use]
    pub fn exemplar(&self) -> Option<Exemplar<'p>> {
        let index = (self.record.exemplar as usize).checked_sub(1)?;
        let record = self.store.exemplars.get(index)?;
        Some(Exemplar {
            store: self.store,
            record,
        })
    }
}

fn time(stored: i64) -> Option<i64> {
    (stored != NO_TIMESTAMP).then_some(stored)
}

impl fmt::Display for Sample<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::render::series(f, self.name(), self.labels())
    }
}

impl fmt::Debug for Sample<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}", self.value())
    }
}

impl Serialize for Sample<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Sample", 5)?;
        out.serialize_field("name", self.name())?;
        out.serialize_field("labels", &self.labels())?;
        out.serialize_field("value", &self.value())?;
        out.serialize_field("timestamp_ms", &self.timestamp_ms())?;
        out.serialize_field("exemplar", &self.exemplar())?;
        out.end()
    }
}

/// One observation behind a counter or a bucket, as OpenMetrics attaches it to the sample.
///
/// Serialises as `labels, value, timestamp_ms`.
#[derive(Clone, Copy)]
pub struct Exemplar<'p> {
    store: &'p Store,
    record: &'p ExemplarRecord,
}

impl<'p> Exemplar<'p> {
    #[must_use]
    pub fn labels(&self) -> LabelIter<'p> {
        LabelIter::new(self.store, self.record.labels)
    }

    /// What was observed: a request's seconds, say.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.record.value
    }

    /// When, in milliseconds since the Unix epoch, if the page says so.
    #[must_use]
    pub fn timestamp_ms(&self) -> Option<i64> {
        time(self.record.timestamp)
    }
}

impl fmt::Debug for Exemplar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::render::label_set(f, self.labels())?;
        write!(f, " {}", self.value())
    }
}

impl Serialize for Exemplar<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Exemplar", 3)?;
        out.serialize_field("labels", &self.labels())?;
        out.serialize_field("value", &self.value())?;
        out.serialize_field("timestamp_ms", &self.timestamp_ms())?;
        out.end()
    }
}

/// Name and value of each label of a sample. Serialises as a map.
#[derive(Debug, Clone)]
pub struct LabelIter<'p> {
    store: &'p Store,
    /// What is left of a plain set: `a="b",c="d"`, which the parser has checked.
    text: &'p str,
    records: std::slice::Iter<'p, LabelRecord>,
}

impl<'p> LabelIter<'p> {
    fn new(store: &'p Store, set: LabelSet) -> Self {
        let (text, records) = store.label_set(set);
        Self {
            store,
            text,
            records: records.iter(),
        }
    }
}

impl<'p> Iterator for LabelIter<'p> {
    type Item = (&'p str, &'p str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.text.is_empty() {
            let label = self.records.next()?;
            return Some((self.store.str(label.name), self.store.str(label.value)));
        }
        let bytes = self.text.as_bytes();
        let equals = find(b'=', bytes)?;
        let value = equals + 2;
        let end = value + find(b'"', bytes.get(value..)?)?;
        let label = (self.text.get(..equals)?, self.text.get(value..end)?);
        self.text = self.text.get(end + 2..).unwrap_or_default();
        Some(label)
    }
}

impl Serialize for LabelIter<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.clone().count()))?;
        for (name, value) in self.clone() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
