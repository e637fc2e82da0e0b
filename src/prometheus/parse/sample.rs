//! Lines with a value: name, labels, value, timestamp.

use super::super::error::Fault;
use super::super::page::{LabelRecord, NO_TIMESTAMP, SampleRecord, Span};
use super::super::scan::{Cursor, Found, float, timestamp};
use super::{Parser, span};

impl Parser {
    pub(super) fn sample(&mut self, start: usize, mut cursor: Cursor<'_>) -> Found<()> {
        let begin = cursor.at;
        let first_label = self.store.labels.len();
        let (from, to) = cursor.metric_name();
        let mut name = (to > from).then(|| span(start + from, to - from));
        cursor.skip_blanks();
        if cursor.take(b'{') {
            self.labels(start, &mut cursor, first_label, &mut name)?;
        } else if name.is_none() {
            return Err((
                begin,
                Fault::ExpectedName {
                    found: cursor.found(),
                },
            ));
        } else if cursor.at == to && !cursor.is_at_end() {
            return Err((
                to,
                Fault::AfterName {
                    expected: "a blank or `{`",
                    found: cursor.found(),
                },
            ));
        }
        let Some(name) = name else {
            return Err((begin, Fault::NoName));
        };

        cursor.skip_blanks();
        let at = cursor.at;
        let value = match cursor.word() {
            b"" => return Err((at, Fault::NoValue)),
            word => float(word).map_err(|fault| (at, fault))?,
        };
        cursor.skip_blanks();
        let mut time = NO_TIMESTAMP;
        if !matches!(cursor.peek(), None | Some(b'#')) {
            let at = cursor.at;
            time = timestamp(cursor.word(), self.store.openmetrics).map_err(|fault| (at, fault))?;
            cursor.skip_blanks();
        }
        // Behind `#` stands an exemplar, which ends with the line.
        if !matches!(cursor.peek(), None | Some(b'#')) {
            return Err((
                cursor.at,
                Fault::Trailing {
                    found: cursor.found(),
                },
            ));
        }

        let family = self.family_of_sample(name);
        self.store.samples.push(SampleRecord {
            name,
            first_label: first_label as u32,
            labels: (self.store.labels.len() - first_label) as u32,
            family,
            value,
            timestamp: time,
        });
        Ok(())
    }

    /// The labels behind `{`, up to and with `}`; a string without `=` among them is the sample's name.
    fn labels(
        &mut self,
        start: usize,
        cursor: &mut Cursor<'_>,
        first: usize,
        name: &mut Option<Span>,
    ) -> Found<()> {
        let brace = cursor.at.saturating_sub(1);
        let mut plain = true;
        let mut expected = self.last_labels.clone();
        loop {
            cursor.skip_blanks();
            if cursor.take(b'}') {
                self.last_labels = if plain {
                    first..self.store.labels.len()
                } else {
                    0..0
                };
                return Ok(());
            }
            if let Some(label) = expected
                .next()
                .and_then(|index| self.same_label(start, cursor, index))
            {
                self.label_value(start, cursor, label)?;
                comma(cursor, brace)?;
                continue;
            }
            expected = 0..0;
            let at = cursor.at;
            let label = if cursor.take(b'"') {
                plain = false;
                let (from, to, escaped) = cursor.quoted()?;
                let text = self.string(start, from, to, escaped);
                cursor.skip_blanks();
                if cursor.peek() != Some(b'=') {
                    if name.is_some() {
                        return Err((at, Fault::SecondName));
                    }
                    if text.len == 0 {
                        return Err((at, Fault::EmptyName));
                    }
                    *name = Some(text);
                    comma(cursor, brace)?;
                    continue;
                }
                text
            } else {
                let (from, to) = cursor.label_name();
                span(start + from, to - from)
            };
            if label.len == 0 {
                let found = Cursor {
                    line: cursor.line,
                    at,
                }
                .found();
                let fault = if at >= cursor.line.len() {
                    Fault::UnterminatedBrace
                } else {
                    Fault::ExpectedLabel { found }
                };
                return Err((
                    if fault == Fault::UnterminatedBrace {
                        brace
                    } else {
                        at
                    },
                    fault,
                ));
            }
            self.check_label(label, first)
                .map_err(|fault| (at, fault))?;
            cursor.skip_blanks();
            if !cursor.take(b'=') {
                let label = self.store.str(label).to_owned();
                return Err((
                    cursor.at,
                    Fault::ExpectedEquals {
                        label,
                        found: cursor.found(),
                    },
                ));
            }
            self.label_value(start, cursor, label)?;
            comma(cursor, brace)?;
        }
    }

    /// The label at the cursor, if it has the name of that one of the last sample; steps over the name and `=`. As long
    /// as all names are those of the last sample in its order, they need no check of their own.
    fn same_label(&self, start: usize, cursor: &mut Cursor<'_>, index: usize) -> Option<Span> {
        let name = self
            .store
            .str(self.store.labels.get(index)?.name)
            .as_bytes();
        let tail = cursor.line.get(cursor.at..)?.strip_prefix(name)?;
        if tail.first() != Some(&b'=') {
            return None;
        }
        let label = span(start + cursor.at, name.len());
        cursor.at += name.len() + 1;
        Some(label)
    }

    /// The quoted value behind `=`.
    fn label_value(&mut self, start: usize, cursor: &mut Cursor<'_>, label: Span) -> Found<()> {
        cursor.skip_blanks();
        if !cursor.take(b'"') {
            let label = self.store.str(label).to_owned();
            return Err((
                cursor.at,
                Fault::ExpectedQuote {
                    label,
                    found: cursor.found(),
                },
            ));
        }
        let (from, to, escaped) = cursor.quoted()?;
        let value = self.string(start, from, to, escaped);
        self.store.labels.push(LabelRecord { name: label, value });
        Ok(())
    }

    fn check_label(&self, label: Span, first: usize) -> Result<(), Fault> {
        let before = self.store.labels.get(first..).unwrap_or_default();
        if before.len() >= self.limits.labels {
            return Err(Fault::TooManyLabels {
                limit: self.limits.labels,
            });
        }
        let twice = |other: &LabelRecord| {
            other.name.len == label.len && self.store.str(other.name) == self.store.str(label)
        };
        if before.iter().any(twice) {
            return Err(Fault::DuplicateLabel {
                label: self.store.str(label).to_owned(),
            });
        }
        // The name's own label in PromQL; a page that sets it would give a series two names.
        if label.len == 8 && self.store.str(label) == "__name__" {
            return Err(Fault::ReservedLabel);
        }
        Ok(())
    }
}

/// What may follow a label: a comma, which is left behind, or the closing brace, which is not.
fn comma(cursor: &mut Cursor<'_>, brace: usize) -> Found<()> {
    cursor.skip_blanks();
    if cursor.take(b',') || cursor.peek() == Some(b'}') {
        return Ok(());
    }
    if cursor.is_at_end() {
        return Err((brace, Fault::UnterminatedBrace));
    }
    Err((
        cursor.at,
        Fault::ExpectedComma {
            found: cursor.found(),
        },
    ))
}
