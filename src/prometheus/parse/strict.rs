//! What OpenMetrics asks beyond the grammar of a line: which samples a metric may have, in which order, with which
//! values. It looks at one line after the other and remembers one histogram, so that a stream can afford it.

use super::super::error::Fault;
use super::super::kind::{Format, Kind};
use super::super::sample::Sample;
use super::super::scan::Found;
use super::super::store::{SampleRecord, Span, Store};
use super::Parser;
use super::families::Known;

/// Which part of its metric a sample is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Part {
    /// The metric's own name.
    #[default]
    Bare,
    Total,
    Bucket,
    Sum,
    /// `_count` and `_gcount`.
    Count,
    Created,
    Info,
}

impl Part {
    fn of_suffix(suffix: &str) -> Self {
        match suffix {
            "_total" => Self::Total,
            "_bucket" => Self::Bucket,
            "_sum" | "_gsum" => Self::Sum,
            "_count" | "_gcount" => Self::Count,
            "_created" => Self::Created,
            "_info" => Self::Info,
            _ => Self::Bare,
        }
    }

    pub(super) fn has_exemplars(self) -> bool {
        matches!(self, Self::Total | Self::Bucket)
    }
}

/// Where an OpenMetrics page has come to.
#[derive(Debug, Default)]
pub(super) struct Strict {
    /// `# EOF` was read.
    pub(super) ended: bool,
    /// The family that is being read; all before it are done.
    pub(super) current: Option<u32>,
    buckets: Buckets,
}

/// The histogram whose buckets are being read.
#[derive(Debug, Default)]
struct Buckets {
    open: bool,
    /// Its labels but `le`.
    labels: String,
    le: f64,
    count: f64,
    spare: String,
}

impl Parser {
    /// The family of a sample that was not met lately.
    pub(super) fn known_strictly(&mut self, name: Span) -> Result<Known, Fault> {
        let text = self.store.str(name);
        let family = match self.store.family_of(text) {
            Some(family) => family,
            None => {
                let name = text.into();
                self.family(name)?
            }
        };
        let text = self.store.str(name);
        let Some(record) = self.store.families.get(family as usize) else {
            return Ok(Known::default());
        };
        let suffix = text.strip_prefix(&*record.name).unwrap_or_default();
        if suffix.is_empty() && !record.kind.has_bare_samples() {
            let suffixes = record.kind.suffixes(Format::OpenMetrics);
            return Err(Fault::WrongSuffix {
                family: record.name.to_string(),
                kind: record.kind,
                expected: suffixes.join(", "),
            });
        }
        Ok(Known {
            family,
            part: Part::of_suffix(suffix),
        })
    }

    /// Goes on to a family, or stays with it: OpenMetrics does not come back to one.
    pub(super) fn enter(&mut self, family: u32) -> Result<(), Fault> {
        match &mut self.strict {
            Some(strict) => strict.enter(&self.store, family),
            None => Ok(()),
        }
    }
}

impl Strict {
    fn enter(&mut self, store: &Store, family: u32) -> Result<(), Fault> {
        if self.current == Some(family) {
            return Ok(());
        }
        self.buckets.close()?;
        if self.current.is_some_and(|current| family < current) {
            let record = store.families.get(family as usize);
            return Err(Fault::Interleaved {
                name: record.map_or_else(String::new, |family| family.name.to_string()),
            });
        }
        self.current = Some(family);
        Ok(())
    }

    /// `# EOF`.
    pub(super) fn eof(&mut self) -> Result<(), Fault> {
        self.buckets.close()?;
        self.ended = true;
        Ok(())
    }

    /// Looks at a sample that was just read.
    pub(super) fn check(
        &mut self,
        store: &Store,
        record: &SampleRecord,
        part: Part,
        value_at: usize,
    ) -> Found<()> {
        self.enter(store, record.family)
            .map_err(|fault| (0, fault))?;
        let Some(family) = store.families.get(record.family as usize) else {
            return Ok(());
        };
        let (kind, value) = (family.kind, record.value);
        let wrong = |what, must| {
            let found = format!("{value}");
            Err((
                value_at,
                Fault::WrongValue {
                    what,
                    kind,
                    must,
                    found,
                },
            ))
        };
        let missing = |label: &str| {
            let label = label.to_owned();
            Err((0, Fault::MissingLabel { kind, label }))
        };
        let sample = Sample { store, record };
        let counts = !value.is_nan() && value >= 0.0;
        match (kind, part) {
            (Kind::Counter, Part::Total) if !counts => {
                return wrong("the total", "be 0 or more");
            }
            (Kind::Info, _) if value != 1.0 => return wrong("the value", "be 1"),
            (Kind::StateSet, _) => {
                if sample.label(&family.name).is_none() {
                    return missing(&family.name);
                }
                if value != 0.0 && value != 1.0 {
                    return wrong("a state", "be 0 or 1");
                }
            }
            (Kind::Summary, Part::Bare) => {
                let Some(quantile) = sample.label("quantile") else {
                    return missing("quantile");
                };
                let number = super::super::number::float(quantile.as_bytes());
                if !number.is_ok_and(|number| (0.0..=1.0).contains(&number)) {
                    let found = super::super::scan::quote(quantile.as_bytes());
                    let (what, must) = ("the label `quantile`", "be from 0 to 1");
                    return Err((
                        0,
                        Fault::WrongValue {
                            what,
                            kind,
                            must,
                            found,
                        },
                    ));
                }
                if value < 0.0 {
                    return wrong("a quantile", "be 0 or more");
                }
            }
            (Kind::Summary | Kind::Histogram, Part::Count | Part::Sum) if !counts => {
                // A histogram with buckets below 0 has no sum that only grows, and so must have none.
                return wrong("count and sum", "be 0 or more");
            }
            (Kind::Histogram | Kind::GaugeHistogram, Part::Bucket) => {
                if !counts {
                    return wrong("a bucket", "be 0 or more");
                }
                let Some(le) = sample.label("le") else {
                    return missing("le");
                };
                let bound = super::super::number::float(le.as_bytes());
                let Some(bound) = bound.ok().filter(|bound| !bound.is_nan()) else {
                    let found = super::super::scan::quote(le.as_bytes());
                    return Err((
                        0,
                        Fault::WrongValue {
                            what: "the label `le`",
                            kind,
                            must: "be a number",
                            found,
                        },
                    ));
                };
                return self
                    .buckets
                    .add(&sample, le, bound)
                    .map_err(|fault| (value_at, fault));
            }
            (Kind::Histogram | Kind::GaugeHistogram, Part::Count) => {
                return self.buckets.counted(&sample).map_err(|f| (value_at, f));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Buckets {
    fn add(&mut self, sample: &Sample<'_>, le: &str, bound: f64) -> Result<(), Fault> {
        let (le, count) = (|| le.to_owned(), sample.value());
        if self.is_of(sample) {
            if bound <= self.le {
                return Err(Fault::BucketOrder { le: le() });
            }
            if count < self.count {
                return Err(Fault::BucketFell { le: le() });
            }
        } else {
            self.close()?;
            std::mem::swap(&mut self.labels, &mut self.spare);
            self.open = true;
        }
        self.le = bound;
        self.count = count;
        Ok(())
    }

    fn counted(&mut self, sample: &Sample<'_>) -> Result<(), Fault> {
        // It may stand before its buckets, or after others'.
        let differs =
            self.is_of(sample) && self.le == f64::INFINITY && self.count != sample.value();
        if differs {
            Err(Fault::CountDiffers)
        } else {
            Ok(())
        }
    }

    /// Whether a sample is of this histogram; leaves its labels in `spare`.
    fn is_of(&mut self, sample: &Sample<'_>) -> bool {
        self.spare.clear();
        for (name, value) in sample.labels().filter(|(name, _)| *name != "le") {
            self.spare.push_str(name);
            self.spare.push('\u{0}');
            self.spare.push_str(value);
            self.spare.push('\u{1}');
        }
        self.open && self.spare == self.labels
    }

    fn close(&mut self) -> Result<(), Fault> {
        let cut = self.open && self.le != f64::INFINITY;
        self.open = false;
        if cut { Err(Fault::NoInfBucket) } else { Ok(()) }
    }
}
