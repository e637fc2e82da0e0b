//! Text exposition format 0.0.4 to [`Page`].
//!
//! The grammar is that of Prometheus' `expfmt` text parser, including UTF-8 names in quotes (`{"odd name",a="b"} 1`).
//! A page that ends with `# EOF` is OpenMetrics: `# UNIT` is understood and timestamps are seconds. Exemplars are
//! skipped on either. Two things are laxer than `expfmt`, as they are in the server: a missing line feed at the very end
//! (see [`Page::ends_cleanly`]) and a repeated, equal HELP or TYPE line.
//!
//! Strings are decoded only where a backslash stands in them, and positions of errors are counted only when there is an
//! error: the common line costs one pass over its bytes.

use std::ops::Range;
use std::sync::Arc;

use super::error::{Fault, ParseError};
use super::page::{FamilyRecord, Kind, LabelRecord, NO_TIMESTAMP, Page, SampleRecord, Span, Store};
use super::scan::{Cursor, Found, float, quote, timestamp};

/// What a page may cost. Beyond it, [`parse_with`] gives an error instead of taking memory or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole page; never more than 2 GiB, whatever stands here.
    pub page_bytes: usize,
    /// Bytes of one line, without its line feed.
    pub line_bytes: usize,
    /// Labels of one sample.
    pub labels: usize,
}

impl Default for Limits {
    /// 1 GiB a page, 1 MiB a line, 256 labels a sample: far beyond what any exporter sends.
    fn default() -> Self {
        Self { page_bytes: 1 << 30, line_bytes: 1 << 20, labels: 256 }
    }
}

/// Parses a metrics page within the default [`Limits`]. A `Vec<u8>` or `String` is taken over without a copy.
///
/// # Errors
///
/// The first thing on the page that is not the format, with line and column. A page is never half taken.
pub fn parse(text: impl Into<Vec<u8>>) -> Result<Page, ParseError> {
    parse_with(text, Limits::default())
}

/// Parses a metrics page within these limits.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_with(text: impl Into<Vec<u8>>, limits: Limits) -> Result<Page, ParseError> {
    let bytes = text.into();
    // Offsets are 32 bits wide, and decoded strings, together never longer than the text, count on behind it.
    let limit = limits.page_bytes.min(i32::MAX as usize);
    if bytes.len() > limit {
        return Err(ParseError { line: 1, column: 1, fault: Fault::PageTooLarge { bytes: bytes.len(), limit } });
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| place(error.as_bytes(), error.utf8_error().valid_up_to(), Fault::NotUtf8))?;
    let text = Arc::new(text);
    let mut parser = Parser {
        store: Store {
            // A guess on the high side: what is not used is never touched.
            samples: Vec::with_capacity(text.len() / 96),
            labels: Vec::with_capacity(text.len() / 32),
            openmetrics: is_openmetrics(&text),
            text: Arc::clone(&text),
            ..Store::default()
        },
        limits,
        last_name: Span::default(),
        last_family: 0,
        last_labels: 0..0,
        out_of_order: false,
    };
    let bytes = text.as_bytes();
    let mut start = 0;
    while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..len).unwrap_or_default();
        if let Err((at, fault)) = parser.line(start, line) {
            return Err(place(bytes, start + at, fault));
        }
        start += len + 1;
    }
    Ok(parser.finish())
}

fn is_openmetrics(text: &str) -> bool {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix("# EOF").is_some_and(|before| before.is_empty() || before.ends_with('\n'))
}

fn place(text: &[u8], offset: usize, fault: Fault) -> ParseError {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before.iter().skip(line_start).filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
    ParseError { line, column, fault }
}

struct Parser {
    store: Store,
    limits: Limits,
    last_name: Span,
    last_family: u32,
    /// The labels of the last sample, if none of their names is in quotes: most samples have the same names again.
    last_labels: Range<usize>,
    /// Whether samples do not stand in the order of their families.
    out_of_order: bool,
}

impl Parser {
    fn line(&mut self, start: usize, line: &[u8]) -> Found<()> {
        if line.len() > self.limits.line_bytes {
            return Err((0, Fault::LineTooLong { bytes: line.len(), limit: self.limits.line_bytes }));
        }
        let mut cursor = Cursor { line, at: 0 };
        cursor.skip_blanks();
        match cursor.peek() {
            None => Ok(()),
            Some(b'#') => self.comment(start, cursor),
            Some(_) => self.sample(start, cursor),
        }
    }

    /// A line that begins with `#`: a declaration if its first word says so, else for people only.
    fn comment(&mut self, start: usize, mut cursor: Cursor<'_>) -> Found<()> {
        cursor.at += 1;
        cursor.skip_blanks();
        let keyword = match cursor.word() {
            b"HELP" => "HELP",
            b"TYPE" => "TYPE",
            b"UNIT" if self.store.openmetrics => "UNIT",
            _ => return Ok(()),
        };
        cursor.skip_blanks();
        if cursor.is_at_end() {
            return Ok(());
        }
        let at = cursor.at;
        let name = if cursor.take(b'"') {
            let (from, to, escaped) = cursor.quoted()?;
            self.string(start, from, to, escaped)
        } else {
            let (from, to) = cursor.metric_name();
            if from == to {
                return Err((from, Fault::ExpectedName { found: cursor.found() }));
            }
            span(start + from, to - from)
        };
        if name.len == 0 {
            return Err((at, Fault::EmptyName));
        }
        if !matches!(cursor.peek(), None | Some(b' ' | b'\t')) {
            return Err((cursor.at, Fault::AfterName { expected: "a blank", found: cursor.found() }));
        }
        cursor.skip_blanks();
        let rest = cursor.line.get(cursor.at..).unwrap_or_default();
        if keyword == "TYPE" {
            if rest.is_empty() {
                return Ok(());
            }
            let word_at = cursor.at;
            let word = cursor.word();
            let kind = std::str::from_utf8(word).ok().and_then(Kind::from_word);
            let kind = kind.ok_or_else(|| (word_at, Fault::UnknownKind { kind: quote(word) }))?;
            cursor.skip_blanks();
            if !cursor.is_at_end() {
                return Err((cursor.at, Fault::Trailing { found: cursor.found() }));
            }
            return self.declare_kind(name, kind).map_err(|fault| (at, fault));
        }
        let text = if memchr::memchr(b'\\', rest).is_some() {
            self.decode(start + cursor.at, rest.len(), true)
        } else {
            span(start + cursor.at, rest.len())
        };
        self.declare_text(name, keyword, text).map_err(|fault| (at, fault))
    }

    fn declare_kind(&mut self, name: Span, kind: Kind) -> Result<(), Fault> {
        let index = self.family(name);
        let name = self.store.str(name).to_owned();
        let Some(family) = self.store.families.get_mut(index as usize) else { return Ok(()) };
        if family.declared && family.kind != kind {
            return Err(Fault::Contradiction { keyword: "TYPE", name });
        }
        if !family.declared && family.samples > 0 {
            return Err(Fault::LateType { name });
        }
        family.kind = kind;
        family.declared = true;
        Ok(())
    }

    fn declare_text(&mut self, name: Span, keyword: &'static str, text: Span) -> Result<(), Fault> {
        let index = self.family(name) as usize;
        let unit = keyword == "UNIT";
        let known = self.store.families.get(index).and_then(|family| if unit { family.unit } else { family.help });
        if known.is_some_and(|known| self.store.str(known) != self.store.str(text)) {
            return Err(Fault::Contradiction { keyword, name: self.store.str(name).to_owned() });
        }
        if let Some(family) = self.store.families.get_mut(index) {
            *(if unit { &mut family.unit } else { &mut family.help }) = Some(text);
        }
        Ok(())
    }

    fn sample(&mut self, start: usize, mut cursor: Cursor<'_>) -> Found<()> {
        let begin = cursor.at;
        let first_label = self.store.labels.len();
        let (from, to) = cursor.metric_name();
        let mut name = (to > from).then(|| span(start + from, to - from));
        cursor.skip_blanks();
        if cursor.take(b'{') {
            self.labels(start, &mut cursor, first_label, &mut name)?;
        } else if name.is_none() {
            return Err((begin, Fault::ExpectedName { found: cursor.found() }));
        } else if cursor.at == to && !cursor.is_at_end() {
            return Err((to, Fault::AfterName { expected: "a blank or `{`", found: cursor.found() }));
        }
        let Some(name) = name else { return Err((begin, Fault::NoName)) };

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
            return Err((cursor.at, Fault::Trailing { found: cursor.found() }));
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
    fn labels(&mut self, start: usize, cursor: &mut Cursor<'_>, first: usize, name: &mut Option<Span>) -> Found<()> {
        let brace = cursor.at.saturating_sub(1);
        let mut plain = true;
        let mut expected = self.last_labels.clone();
        loop {
            cursor.skip_blanks();
            if cursor.take(b'}') {
                self.last_labels = if plain { first..self.store.labels.len() } else { 0..0 };
                return Ok(());
            }
            if let Some(label) = expected.next().and_then(|index| self.same_label(start, cursor, index)) {
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
                let found = Cursor { line: cursor.line, at }.found();
                let fault = if at >= cursor.line.len() { Fault::UnterminatedBrace } else { Fault::ExpectedLabel { found } };
                return Err((if fault == Fault::UnterminatedBrace { brace } else { at }, fault));
            }
            self.check_label(label, first).map_err(|fault| (at, fault))?;
            cursor.skip_blanks();
            if !cursor.take(b'=') {
                let label = self.store.str(label).to_owned();
                return Err((cursor.at, Fault::ExpectedEquals { label, found: cursor.found() }));
            }
            self.label_value(start, cursor, label)?;
            comma(cursor, brace)?;
        }
    }

    /// The label at the cursor, if it has the name of that one of the last sample; steps over the name and `=`. As long
    /// as all names are those of the last sample in its order, they need no check of their own.
    fn same_label(&self, start: usize, cursor: &mut Cursor<'_>, index: usize) -> Option<Span> {
        let name = self.store.str(self.store.labels.get(index)?.name).as_bytes();
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
            return Err((cursor.at, Fault::ExpectedQuote { label, found: cursor.found() }));
        }
        let (from, to, escaped) = cursor.quoted()?;
        let value = self.string(start, from, to, escaped);
        self.store.labels.push(LabelRecord { name: label, value });
        Ok(())
    }

    fn check_label(&self, label: Span, first: usize) -> Result<(), Fault> {
        let before = self.store.labels.get(first..).unwrap_or_default();
        if before.len() >= self.limits.labels {
            return Err(Fault::TooManyLabels { limit: self.limits.labels });
        }
        let twice = |other: &LabelRecord| {
            other.name.len == label.len && self.store.str(other.name) == self.store.str(label)
        };
        if before.iter().any(twice) {
            return Err(Fault::DuplicateLabel { label: self.store.str(label).to_owned() });
        }
        // The name's own label in PromQL; a page that sets it would give a series two names.
        if label.len == 8 && self.store.str(label) == "__name__" {
            return Err(Fault::ReservedLabel);
        }
        Ok(())
    }

    fn string(&mut self, start: usize, from: usize, to: usize, escaped: bool) -> Span {
        if escaped { self.decode(start + from, to - from, false) } else { span(start + from, to - from) }
    }

    /// Decodes escapes into the second buffer. In HELP, 0.0.4 knows no `\"`, and an unknown escape is left as it is:
    /// prose with a Windows path in it should not cost the page.
    fn decode(&mut self, start: usize, len: usize, help: bool) -> Span {
        let quotes = !help || self.store.openmetrics;
        let begin = self.store.decoded.len();
        let mut rest = self.store.text.get(start..start + len).unwrap_or_default();
        while let Some((plain, escape)) = rest.split_once('\\') {
            self.store.decoded.push_str(plain);
            let (character, used) = match escape.as_bytes().first() {
                Some(b'\\') => ('\\', 1),
                Some(b'n') => ('\n', 1),
                Some(b'"') if quotes => ('"', 1),
                _ => ('\\', 0),
            };
            self.store.decoded.push(character);
            rest = escape.get(used..).unwrap_or_default();
        }
        self.store.decoded.push_str(rest);
        span(self.store.text.len() + begin, self.store.decoded.len() - begin)
    }

    /// The family of exactly this name, which is made if need be.
    fn family(&mut self, name: Span) -> u32 {
        let text = self.store.str(name);
        if let Some(index) = self.store.by_name.get(text) {
            return *index;
        }
        let text: Box<str> = text.into();
        let index = self.store.families.len() as u32;
        self.store.by_name.insert(text, index);
        self.store.families.push(FamilyRecord {
            name,
            kind: Kind::Untyped,
            declared: false,
            help: None,
            unit: None,
            first_sample: 0,
            samples: 0,
        });
        // The next sample of the last name may belong to this one.
        self.last_name = Span::default();
        index
    }

    fn family_of_sample(&mut self, name: Span) -> u32 {
        let same = name.len == self.last_name.len && self.store.str(name) == self.store.str(self.last_name);
        let index = if same {
            self.last_family
        } else {
            self.store.family_of(self.store.str(name)).unwrap_or_else(|| self.family(name))
        };
        if let Some(family) = self.store.families.get_mut(index as usize) {
            self.out_of_order |= index < self.last_family;
            family.samples += 1;
        }
        self.last_name = name;
        self.last_family = index;
        index
    }

    fn finish(mut self) -> Page {
        if self.out_of_order {
            self.store.samples.sort_by_key(|sample| sample.family);
        }
        let mut last = None;
        for (index, sample) in self.store.samples.iter().enumerate() {
            if last != Some(sample.family) {
                last = Some(sample.family);
                if let Some(family) = self.store.families.get_mut(sample.family as usize) {
                    family.first_sample = index as u32;
                }
            }
        }
        Page { store: Arc::new(self.store) }
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
    Err((cursor.at, Fault::ExpectedComma { found: cursor.found() }))
}

/// Offsets fit: [`parse_with`] bounds the page, and decoding never lengthens.
fn span(start: usize, len: usize) -> Span {
    Span { start: start as u32, len: len as u32 }
}

#[cfg(test)]
mod tests;
