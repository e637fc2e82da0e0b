//! A parsed page and its families.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::kind::{Format, Kind};
use super::sample::Samples;
use super::store::{FamilyRecord, Store};

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

    /// In which of the two formats the page is written.
    #[must_use]
    pub fn format(&self) -> Format {
        self.store.format
    }

    /// Whether the page is OpenMetrics, where timestamps are seconds in the text.
    #[must_use]
    pub fn is_openmetrics(&self) -> bool {
        self.store.format == Format::OpenMetrics
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
    pub(super) fn new(store: &'p Store, record: &'p FamilyRecord) -> Self {
        Self { store, record }
    }

    #[must_use]
    pub fn name(&self) -> &'p str {
        &self.record.name
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
        self.record.help.as_deref()
    }

    /// OpenMetrics' `# UNIT`.
    #[must_use]
    pub fn unit(&self) -> Option<&'p str> {
        self.record.unit.as_deref()
    }

    #[must_use]
    pub fn samples(&self) -> Samples<'p> {
        let first = self.record.first_sample as usize;
        let records = self
            .store
            .samples
            .get(first..first + self.record.samples as usize)
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
