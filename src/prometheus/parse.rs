//! Text exposition format 0.0.4 to [`Page`].
//!
//! The grammar is that of Prometheus' `expfmt` text parser, including UTF-8 names in quotes (`{"odd name",a="b"} 1`).
//! A page that ends with `# EOF` is OpenMetrics: `# UNIT` is understood and timestamps are seconds. Exemplars are
//! skipped on either. Two things are laxer than `expfmt`, as they are in the server: a missing line feed at the very end
//! (see [`Page::ends_cleanly`]) and a repeated, equal HELP or TYPE line.
//!
//! Strings are decoded only where a backslash stands in them, and positions of errors are counted only when there is an
//! error: the common line costs one pass over its bytes.

mod declaration;
mod sample;

use std::ops::Range;
use std::sync::Arc;

use super::error::{Fault, ParseError};
use super::page::{FamilyRecord, Kind, Page, Span, Store};
use super::scan::{Cursor, Found};

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
    /// 256 MiB a page, 1 MiB a line, 256 labels a sample: beyond what any exporter sends. An ordinary page takes about
    /// twice its size in memory; one made to hurt (a metric per line, with the shortest names) sixteen times.
    fn default() -> Self {
        Self {
            page_bytes: 1 << 28,
            line_bytes: 1 << 20,
            labels: 256,
        }
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
        return Err(ParseError {
            line: 1,
            column: 1,
            fault: Fault::PageTooLarge {
                bytes: bytes.len(),
                limit,
            },
        });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        place(
            error.as_bytes(),
            error.utf8_error().valid_up_to(),
            Fault::NotUtf8,
        )
    })?;
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
    text.strip_suffix("# EOF")
        .is_some_and(|before| before.is_empty() || before.ends_with('\n'))
}

fn place(text: &[u8], offset: usize, fault: Fault) -> ParseError {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before
        .iter()
        .skip(line_start)
        .filter(|byte| **byte & 0xC0 != 0x80)
        .count()
        + 1;
    ParseError {
        line,
        column,
        fault,
    }
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
            return Err((
                0,
                Fault::LineTooLong {
                    bytes: line.len(),
                    limit: self.limits.line_bytes,
                },
            ));
        }
        let mut cursor = Cursor { line, at: 0 };
        cursor.skip_blanks();
        match cursor.peek() {
            None => Ok(()),
            Some(b'#') => self.comment(start, cursor),
            Some(_) => self.sample(start, cursor),
        }
    }

    fn string(&mut self, start: usize, from: usize, to: usize, escaped: bool) -> Span {
        if escaped {
            self.decode(start + from, to - from, false)
        } else {
            span(start + from, to - from)
        }
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
        span(
            self.store.text.len() + begin,
            self.store.decoded.len() - begin,
        )
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
        let same = name.len == self.last_name.len
            && self.store.str(name) == self.store.str(self.last_name);
        let index = if same {
            self.last_family
        } else {
            self.store
                .family_of(self.store.str(name))
                .unwrap_or_else(|| self.family(name))
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
        Page {
            store: Arc::new(self.store),
        }
    }
}

/// Offsets fit: [`parse_with`] bounds the page, and decoding never lengthens.
fn span(start: usize, len: usize) -> Span {
    Span {
        start: start as u32,
        len: len as u32,
    }
}

#[cfg(test)]
mod tests;
