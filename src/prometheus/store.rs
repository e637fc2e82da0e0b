//! The compact store behind a page.
//!
//! It keeps the text once and describes it by offsets: a sample is 40 bytes, however many labels it has, and nothing is
//! allocated per sample. Labels without escapes and odd spacing are not even taken apart: they are checked, and the text
//! between the braces is read again when somebody asks. The others are decoded into a second buffer; an offset beyond
//! the text points into that one, so that every string of a page is a plain `&str`.

use std::collections::HashMap;
use std::sync::Arc;

use super::kind::{Format, Kind};

/// A string of the page, by place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// Offsets fit: a page is at most 2 GiB, and decoding never lengthens.
pub(super) fn span(start: usize, len: usize) -> Span {
    Span {
        start: start as u32,
        len: len as u32,
    }
}

/// A label that could not stay as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct LabelRecord {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// The labels of a sample: the text between its braces, or a range of [`LabelRecord`]s.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LabelSet {
    start: u32,
    /// The highest bit tells the two apart: a page is too small to need it.
    len: u32,
}

const RECORDS: u32 = 1 << 31;

impl LabelSet {
    pub(super) fn plain(text: Span) -> Self {
        Self {
            start: text.start,
            len: text.len & !RECORDS,
        }
    }

    pub(super) fn records(first: usize, count: usize) -> Self {
        Self {
            start: first as u32,
            len: count as u32 | RECORDS,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct SampleRecord {
    pub(super) name: Span,
    pub(super) labels: LabelSet,
    pub(super) value: f64,
    /// [`NO_TIMESTAMP`] when the line has none; an `Option` would cost 8 bytes a sample.
    pub(super) timestamp: i64,
    pub(super) family: u32,
    /// Counted from 1; 0 is none.
    pub(super) exemplar: u32,
}

/// Never a real timestamp: the parser refuses it.
pub(super) const NO_TIMESTAMP: i64 = i64::MIN;

#[derive(Debug, Clone, Copy)]
pub(super) struct ExemplarRecord {
    pub(super) labels: LabelSet,
    pub(super) value: f64,
    pub(super) timestamp: i64,
}

/// Its strings are its own: families are few, and a stream keeps them when the text is gone.
#[derive(Debug, Clone)]
pub(super) struct FamilyRecord {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    /// Whether a TYPE line was seen: an undeclared metric is `untyped`, too.
    pub(super) declared: bool,
    pub(super) help: Option<Box<str>>,
    pub(super) unit: Option<Box<str>>,
    /// A family's samples stand side by side in the store.
    pub(super) first_sample: u32,
    pub(super) samples: u32,
}

#[derive(Debug)]
pub(super) struct Store {
    /// Shared with the parser, which reads it while the rest of the store grows.
    pub(super) text: Arc<String>,
    pub(super) decoded: String,
    pub(super) labels: Vec<LabelRecord>,
    pub(super) samples: Vec<SampleRecord>,
    pub(super) exemplars: Vec<ExemplarRecord>,
    pub(super) families: Vec<FamilyRecord>,
    pub(super) by_name: HashMap<Arc<str>, u32>,
    pub(super) format: Format,
}

impl Store {
    pub(super) fn new(format: Format) -> Self {
        Self {
            text: Arc::default(),
            decoded: String::new(),
            labels: Vec::new(),
            samples: Vec::new(),
            exemplars: Vec::new(),
            families: Vec::new(),
            by_name: HashMap::new(),
            format,
        }
    }

    /// Never panics; an impossible span reads as empty.
    pub(super) fn str(&self, span: Span) -> &str {
        let (start, len) = (span.start as usize, span.len as usize);
        let text = match start.checked_sub(self.text.len()) {
            None => self.text.get(start..start + len),
            Some(start) => self.decoded.get(start..start + len),
        };
        text.unwrap_or_default()
    }

    /// The text of a plain set, and the records of any other; one of the two is empty.
    pub(super) fn label_set(&self, set: LabelSet) -> (&str, &[LabelRecord]) {
        let (start, len) = (set.start as usize, (set.len & !RECORDS) as usize);
        if set.len & RECORDS == 0 {
            (self.text.get(start..start + len).unwrap_or_default(), &[])
        } else {
            ("", self.labels.get(start..start + len).unwrap_or_default())
        }
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
            .suffixes(self.format)
            .contains(&suffix)
            .then_some(index)
    }
}
