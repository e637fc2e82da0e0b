//! A parsed page: the compact store, and the views that read it.
//!
//! The store keeps the text once and describes it by offsets: a sample is 40 bytes and a label 16, whatever their
//! strings' lengths, and nothing is allocated per sample. Strings with escapes are decoded into a second buffer;
//! an offset beyond the text points into that one, so that every string of a page is a plain `&str`.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

/// The type that a page's `# TYPE` line gives to a metric. The last three exist in OpenMetrics only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    /// Declared `untyped` or `unknown`, or not declared at all.
    Untyped,
    Info,
    StateSet,
    GaugeHistogram,
}

impl Kind {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "summary" => Self::Summary,
            "untyped" | "unknown" => Self::Untyped,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            "gaugehistogram" => Self::GaugeHistogram,
            _ => return None,
        })
    }

    /// The word as a `# TYPE` line has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::GaugeHistogram => "gaugehistogram",
        }
    }

    /// The endings that a sample's name may have beyond its family's. Those of OpenMetrics count only on such a page:
    /// on a 0.0.4 page `jobs_total` after `# TYPE jobs counter` is another, untyped metric.
    pub(super) fn suffixes(self, openmetrics: bool) -> &'static [&'static str] {
        match (self, openmetrics) {
            (Self::Histogram, false) => &["_bucket", "_sum", "_count"],
            (Self::Summary, false) => &["_sum", "_count"],
            (Self::Histogram, true) => &["_bucket", "_sum", "_count", "_created"],
            (Self::Summary, true) => &["_sum", "_count", "_created"],
            (Self::Counter, true) => &["_total", "_created"],
            (Self::Info, true) => &["_info"],
            (Self::GaugeHistogram, true) => &["_bucket", "_gsum", "_gcount"],
            _ => &[],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A string of the page, by place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct LabelRecord {
    pub(super) name: Span,
    pub(super) value: Span,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct SampleRecord {
    pub(super) name: Span,
    pub(super) first_label: u32,
    pub(super) labels: u32,
    pub(super) family: u32,
    pub(super) value: f64,
    /// [`NO_TIMESTAMP`] when the line has none; an `Option` would cost 8 bytes a sample.
    pub(super) timestamp: i64,
}

/// Never a real timestamp: the parser refuses it.
pub(super) const NO_TIMESTAMP: i64 = i64::MIN;

#[derive(Debug, Clone)]
pub(super) struct FamilyRecord {
    pub(super) name: Span,
    pub(super) kind: Kind,
    /// Whether a TYPE line was seen: an undeclared metric is `untyped`, too.
    pub(super) declared: bool,
    pub(super) help: Option<Span>,
    pub(super) unit: Option<Span>,
    /// A family's samples stand side by side in the store.
    pub(super) first_sample: u32,
    pub(super) samples: u32,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    /// Shared with the parser, which reads it while the rest of the store grows.
    pub(super) text: Arc<String>,
    pub(super) decoded: String,
    pub(super) labels: Vec<LabelRecord>,
    pub(super) samples: Vec<SampleRecord>,
    pub(super) families: Vec<FamilyRecord>,
    pub(super) by_name: HashMap<Box<str>, u32>,
    pub(super) openmetrics: bool,
}

impl Store {
    /// Never panics; an impossible span reads as empty.
    pub(super) fn str(&self, span: Span) -> &str {
        let (start, len) = (span.start as usize, span.len as usize);
        let text = match start.checked_sub(self.text.len()) {
            None => self.text.get(start..start + len),
            Some(start) => self.decoded.get(start..start + len),
        };
        text.unwrap_or_default()
    }

    /// The family that a sample of this name belongs to: its namesake first, as Prometheus' own parser does, else the
    /// histogram or summary that it is a part of.
    pub(super) fn family_of(&self, name: &str) -> Option<u32> {
        if let Some(index) = self.by_name.get(name) {
            return Some(*index);
        }
        let (stem, suffix) = name.split_at_checked(name.rfind('_')?)?;
        let index = *self.by_name.get(stem)?;
        let family = self.families.get(index as usize)?;
        family
            .kind
            .suffixes(self.openmetrics)
            .contains(&suffix)
            .then_some(index)
    }

    fn label_records(&self, sample: &SampleRecord) -> &[LabelRecord] {
        let first = sample.first_label as usize;
        self.labels
            .get(first..first + sample.labels as usize)
            .unwrap_or_default()
    }

    fn range(&self, family: &FamilyRecord) -> Range<usize> {
        let first = family.first_sample as usize;
        first..first + family.samples as usize
    }
}

/// A parsed metrics page. Cloning is cheap: clones share one store.
///
/// Samples are grouped by family, in the order in which the page names the families first; within a family they keep
/// the page's order. Serialises as the list of its families.
#[derive(Debug, Clone)]
pub struct Page {
    pub(super) store: Arc<Store>,
}

impl Page {
    /// How many samples the page has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.samples.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.samples.is_empty()
    }

    /// Whether the text ends with a line feed (or is empty), as the format asks. A page that does not was perhaps cut in the
    /// middle of its last value, which then reads as another number.
    #[must_use]
    pub fn ends_cleanly(&self) -> bool {
        self.store.text.is_empty() || self.store.text.ends_with('\n')
    }

    /// Whether the page ends with `# EOF` and so is OpenMetrics, where timestamps are seconds in the text.
    #[must_use]
    pub fn is_openmetrics(&self) -> bool {
        self.store.openmetrics
    }

    pub fn families(&self) -> impl ExactSizeIterator<Item = Family<'_>> {
        self.store.families.iter().map(|record| Family {
            store: &self.store,
            record,
        })
    }

    /// The family of this name, or the one that a sample of this name (`..._bucket`) belongs to.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<Family<'_>> {
        let record = self
            .store
            .families
            .get(self.store.family_of(name)? as usize)?;
        Some(Family {
            store: &self.store,
            record,
        })
    }

    #[must_use]
    pub fn samples(&self) -> Samples<'_> {
        Samples {
            store: &self.store,
            records: self.store.samples.iter(),
        }
    }
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.families())
    }
}

/// One metric with its declaration; a histogram includes its `_bucket`, `_sum` and `_count` samples.
///
/// Serialises as `name, type, help, unit, samples`.
#[derive(Clone, Copy)]
pub struct Family<'p> {
    store: &'p Store,
    record: &'p FamilyRecord,
}

impl<'p> Family<'p> {
    #[must_use]
    pub fn name(&self) -> &'p str {
        self.store.str(self.record.name)
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.record.kind
    }

    /// Whether the page has a `# TYPE` line for it.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.record.declared
    }

    #[must_use]
    pub fn help(&self) -> Option<&'p str> {
        self.record.help.map(|span| self.store.str(span))
    }

    /// OpenMetrics' `# UNIT`.
    #[must_use]
    pub fn unit(&self) -> Option<&'p str> {
        self.record.unit.map(|span| self.store.str(span))
    }

    #[must_use]
    pub fn samples(&self) -> Samples<'p> {
        let records = self
            .store
            .samples
            .get(self.store.range(self.record))
            .unwrap_or_default();
        Samples {
            store: self.store,
            records: records.iter(),
        }
    }
}

impl fmt::Debug for Family<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} with {} samples",
            self.kind(),
            self.name(),
            self.record.samples
        )
    }
}

impl Serialize for Family<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct All<'p>(Samples<'p>);
        impl Serialize for All<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.clone())
            }
        }
        let mut out = serializer.serialize_struct("Family", 5)?;
        out.serialize_field("name", self.name())?;
        out.serialize_field("type", &self.kind())?;
        out.serialize_field("help", &self.help())?;
        out.serialize_field("unit", &self.unit())?;
        out.serialize_field("samples", &All(self.samples()))?;
        out.end()
    }
}

/// Samples in page order.
#[derive(Debug, Clone)]
pub struct Samples<'p> {
    store: &'p Store,
    records: std::slice::Iter<'p, SampleRecord>,
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
/// Displays as the series is written, `name{label="value"}`. Serialises as `name, labels, value, timestamp_ms`.
#[derive(Clone, Copy)]
pub struct Sample<'p> {
    store: &'p Store,
    record: &'p SampleRecord,
}

impl<'p> Sample<'p> {
    #[must_use]
    pub fn name(&self) -> &'p str {
        self.store.str(self.record.name)
    }

    #[must_use]
    pub fn value(&self) -> f64 {
        self.record.value
    }

    /// Milliseconds since the Unix epoch, if the line says so; most do not.
    #[must_use]
    pub fn timestamp_ms(&self) -> Option<i64> {
        (self.record.timestamp != NO_TIMESTAMP).then_some(self.record.timestamp)
    }

    /// Labels in the order of the line, values decoded.
    #[must_use]
    pub fn labels(&self) -> LabelIter<'p> {
        LabelIter {
            store: self.store,
            records: self.store.label_records(self.record).iter(),
        }
    }

    /// A label's value. A missing label is `None`; matchers and grouping take it for the empty string, as PromQL does.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'p str> {
        self.labels()
            .find_map(|(label, value)| (label == name).then_some(value))
    }
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
        let mut out = serializer.serialize_struct("Sample", 4)?;
        out.serialize_field("name", self.name())?;
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
    records: std::slice::Iter<'p, LabelRecord>,
}

impl<'p> Iterator for LabelIter<'p> {
    type Item = (&'p str, &'p str);

    fn next(&mut self) -> Option<Self::Item> {
        self.records
            .next()
            .map(|label| (self.store.str(label.name), self.store.str(label.value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl ExactSizeIterator for LabelIter<'_> {}

impl Serialize for LabelIter<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.clone() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
