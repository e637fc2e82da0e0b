//! Lines with a value: name, labels, value, timestamp, exemplar.

use super::super::error::Fault;
use super::super::kind::Format;
use super::super::number::{float, timestamp};
use super::super::scan::{Cursor, Found, shared};
use super::super::store::{
    ExemplarRecord, LabelRecord, LabelSet, NO_TIMESTAMP, SampleRecord, Span, span,
};
use super::families::Known;
use super::labels::{Braces, Marks, Rules};
use super::{Last, Parser};

/// More would hardly point at one observation.
const EXEMPLAR_CHARACTERS: usize = 128;

impl Parser {
    /// The sample whose name begins at `begin` of the line, which begins at `start` of the text.
    pub(super) fn sample(
        &mut self,
        text: &[u8],
        start: usize,
        line: &[u8],
        begin: usize,
    ) -> Found<()> {
        let mut cursor = Cursor { line, at: begin };
        let last = self.last;
        let last_line = text
            .get(last.start..last.start + last.len)
            .unwrap_or_default();
        let rules = Rules {
            strict: self.strict.is_some(),
            limit: self.limits.labels,
            last: last_line,
            shared: shared(last_line, line),
        };
        if rules.shared > last.name {
            // The same name with its brace, and so the same family.
            cursor.at = last.name + 1;
            let braces = self.marks.read(&mut cursor, rules, true)?;
            let labels = self.label_set(start, (last.name + 1, cursor.at), &braces)?;
            self.last.start = start;
            self.last.len = if braces.tidy { line.len() } else { 0 };
            return self.rest(start, cursor, span(start, last.name), last.known, labels);
        }

        let (from, to) = cursor.metric_name();
        let mut name = (to > from).then(|| span(start + from, to - from));
        if !rules.strict {
            cursor.skip_blanks();
        }
        let brace = cursor.at;
        let mut labels = LabelSet::default();
        let mut comparable = false;
        if cursor.take(b'{') {
            let rules = Rules { shared: 0, ..rules };
            let braces = self.marks.read(&mut cursor, rules, name.is_some())?;
            if let Some((from, to, escaped)) = braces.name {
                name = Some(self.string(start, from, to, escaped));
            }
            labels = self.label_set(start, (brace + 1, cursor.at), &braces)?;
            comparable = braces.tidy && from == 0 && brace == to;
        } else if name.is_none() {
            return Err((
                begin,
                Fault::ExpectedName {
                    found: cursor.found(),
                },
            ));
        } else if !matches!(line.get(to), None | Some(b' ' | b'\t')) {
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
        let known = self.known(name).map_err(|fault| (begin, fault))?;
        self.last = Last {
            start,
            len: if comparable { line.len() } else { 0 },
            name: to,
            known,
        };
        self.rest(start, cursor, name, known, labels)
    }

    /// What follows the labels.
    fn rest(
        &mut self,
        start: usize,
        mut cursor: Cursor<'_>,
        name: Span,
        known: Known,
        labels: LabelSet,
    ) -> Found<()> {
        let format = self.store.format;
        blank(&mut cursor, format, "before the value")?;
        let value_at = cursor.at;
        let value = match cursor.word() {
            b"" => return Err((value_at, Fault::NoValue)),
            word => float(word).map_err(|fault| (value_at, fault))?,
        };
        let mut record = SampleRecord {
            name,
            labels,
            value,
            timestamp: NO_TIMESTAMP,
            family: known.family,
            exemplar: 0,
        };
        if !cursor.is_at_end() {
            blank(&mut cursor, format, "behind the value")?;
            if !matches!(cursor.peek(), None | Some(b'#')) {
                record.timestamp = time(&mut cursor, format)?;
            }
            self.exemplar(start, &mut cursor, known, &mut record)?;
        }
        if let Some(family) = self.store.families.get_mut(known.family as usize) {
            family.samples = family.samples.saturating_add(1);
            let newest = self.store.samples.last().map_or(0, |sample| sample.family);
            self.out_of_order |= known.family < newest;
        }
        self.store.samples.push(record);
        if let Some(strict) = &mut self.strict {
            strict.check(&self.store, &record, known.part, value_at)?;
        }
        Ok(())
    }

    /// What may stand behind value and timestamp: nothing, or an exemplar.
    fn exemplar(
        &mut self,
        start: usize,
        cursor: &mut Cursor<'_>,
        known: Known,
        record: &mut SampleRecord,
    ) -> Found<()> {
        let at = cursor.at;
        match (cursor.peek(), self.store.format) {
            (None, _) => return Ok(()),
            (Some(b'#'), Format::Text) => return Err((at, Fault::ExemplarInText)),
            (Some(b'#'), Format::OpenMetrics) => {}
            (Some(_), _) => {
                return Err((
                    at,
                    Fault::Trailing {
                        found: cursor.found(),
                    },
                ));
            }
        }
        if !known.part.has_exemplars() {
            let name = self.store.str(record.name).to_owned();
            return Err((at, Fault::ExemplarHere { name }));
        }
        if !cursor
            .line
            .get(at..)
            .unwrap_or_default()
            .starts_with(b"# {")
        {
            return Err((
                at,
                Fault::ExpectedExemplar {
                    found: cursor.found(),
                },
            ));
        }
        cursor.at += 3;
        let from = cursor.at;
        let rules = Rules {
            strict: true,
            limit: self.limits.labels,
            last: &[],
            shared: 0,
        };
        // Its labels are not those of the next sample.
        let mut marks = Marks::default();
        let braces = marks.read(cursor, rules, true)?;
        let marks = std::mem::replace(&mut self.marks, marks);
        let labels = self.label_set(start, (from, cursor.at), &braces);
        let own = std::mem::replace(&mut self.marks, marks);
        let labels = labels?;
        let characters: usize = own
            .get()
            .iter()
            .flat_map(|mark| [mark.name(), mark.value()])
            .map(|(from, to)| {
                let bytes = cursor.line.get(from..to).unwrap_or_default();
                bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
            })
            .sum();
        if characters > EXEMPLAR_CHARACTERS {
            return Err((at, Fault::ExemplarTooLong { characters }));
        }
        blank(cursor, Format::OpenMetrics, "before the exemplar's value")?;
        let value_at = cursor.at;
        let value = match cursor.word() {
            b"" => return Err((value_at, Fault::NoValue)),
            word => float(word).map_err(|fault| (value_at, fault))?,
        };
        let mut timestamp = NO_TIMESTAMP;
        if !cursor.is_at_end() {
            blank(cursor, Format::OpenMetrics, "behind the exemplar's value")?;
            timestamp = time(cursor, Format::OpenMetrics)?;
            if !cursor.is_at_end() {
                return Err((
                    cursor.at,
                    Fault::Trailing {
                        found: cursor.found(),
                    },
                ));
            }
        }
        self.store.exemplars.push(ExemplarRecord {
            labels,
            value,
            timestamp,
        });
        record.exemplar = self.store.exemplars.len() as u32;
        Ok(())
    }

    /// The labels that were just read into `marks`, from behind the opening to behind the closing brace.
    fn label_set(
        &mut self,
        start: usize,
        (from, to): (usize, usize),
        braces: &Braces,
    ) -> Found<LabelSet> {
        if braces.tidy && !braces.escaped {
            return Ok(LabelSet::plain(span(start + from, to - 1 - from)));
        }
        let first = self.store.labels.len();
        let marks = std::mem::take(&mut self.marks);
        for mark in marks.get() {
            let (name, value) = (mark.name(), mark.value());
            let record = LabelRecord {
                name: self.string(start, name.0, name.1, mark.odd_name),
                value: self.string(start, value.0, value.1, mark.odd_value),
            };
            // Two spellings may be one name, and the marks compare spellings.
            let label = self.store.str(record.name);
            let before = self.store.labels.get(first..).unwrap_or_default();
            if mark.odd_name && before.iter().any(|b| self.store.str(b.name) == label) {
                let label = label.to_owned();
                return Err((name.0, Fault::DuplicateLabel { label }));
            }
            self.store.labels.push(record);
        }
        let count = marks.get().len();
        self.marks = marks;
        Ok(LabelSet::records(first, count))
    }
}

/// What stands between two parts of a line: in OpenMetrics one blank, else any number of them, or none.
fn blank(cursor: &mut Cursor<'_>, format: Format, place: &'static str) -> Found<()> {
    if format == Format::Text {
        cursor.skip_blanks();
        return Ok(());
    }
    let at = cursor.at;
    if cursor.take(b' ') && !matches!(cursor.peek(), None | Some(b' ' | b'\t')) {
        return Ok(());
    }
    let found = cursor.found();
    Err((at, Fault::ExpectedBlank { place, found }))
}

fn time(cursor: &mut Cursor<'_>, format: Format) -> Found<i64> {
    let at = cursor.at;
    let time = timestamp(cursor.word(), format).map_err(|fault| (at, fault))?;
    if format == Format::Text {
        cursor.skip_blanks();
    } else if !cursor.is_at_end() {
        blank(cursor, format, "behind the timestamp")?;
    }
    Ok(time)
}
