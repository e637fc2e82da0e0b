//! Metrics pages to [`Page`]: the classic text format 0.0.4, and OpenMetrics 1.0.
//!
//! A page whose last line is `# EOF` is OpenMetrics; a caller who knows better (from a `Content-Type`) says so.
//!
//! - The classic grammar is that of Prometheus' `expfmt` text parser, with UTF-8 names in quotes
//!   (`{"odd name",a="b"} 1`). Two things are laxer, as they are in the server: a missing line feed at the very end (see
//!   [`Page::ends_cleanly`]) and a repeated, equal HELP or TYPE line.
//! - OpenMetrics is held to its specification: single blanks, no comments, metrics in one piece, samples that fit their
//!   type, buckets that only grow, exemplars where they belong, and `# EOF`. Not looked for is what would need the whole
//!   page in memory: a series that stands twice, or goes on after another of its metric.
//!
//! What makes it fast: a line mostly repeats the one before, so that only what differs is read, and the names and family
//! stay known; labels are checked but not taken apart; strings are decoded only where a backslash stands in them; the
//! place of an error is counted only when there is one.

mod declaration;
mod families;
mod labels;
mod sample;
mod stream;
mod strict;

use std::sync::Arc;

use super::error::{Fault, ParseError};
use super::kind::Format;
use super::page::Page;
use super::scan::Found;
use super::store::{Span, Store, span};
use families::{Known, Recent};
use labels::Marks;
use strict::Strict;

pub use stream::{Selection, Stream, parse_only};

/// What a page may cost. Beyond it, parsing gives an error instead of taking memory or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole page that is held; never more than 2 GiB, whatever stands here. A stream holds none.
    pub page_bytes: usize,
    /// Bytes of one line, without its line feed.
    pub line_bytes: usize,
    /// Labels of one sample.
    pub labels: usize,
    /// Metrics of a page.
    pub families: usize,
}

impl Default for Limits {
    /// 256 MiB a page, 1 MiB a line, 256 labels a sample, a million metrics: beyond what any exporter sends. An ordinary
    /// page takes about one and a half times its size in memory; one made to hurt (the shortest samples) ten times.
    fn default() -> Self {
        Self {
            page_bytes: 1 << 28,
            line_bytes: 1 << 20,
            labels: 256,
            families: 1 << 20,
        }
    }
}

/// Parses a metrics page within the default [`Limits`]; its last line tells the format. A `Vec<u8>` or `String` is taken
/// over without a copy.
///
/// # Errors
///
/// The first thing on the page that is not the format, with line and column. A page is never half taken.
pub fn parse(text: impl Into<Vec<u8>>) -> Result<Page, ParseError> {
    parse_as(text, None, Limits::default())
}

/// Parses a metrics page of this format (`None`: its last line tells), within these limits.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_as(
    text: impl Into<Vec<u8>>,
    format: Option<Format>,
    limits: Limits,
) -> Result<Page, ParseError> {
    let bytes = text.into();
    let format = format.unwrap_or_else(|| Format::of_content(&bytes));
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
    let mut parser = Parser::new(format, limits);
    // A guess on the high side: what is not used is never touched.
    parser.store.samples.reserve(bytes.len() / 96);
    let text = parser.lines(bytes)?;
    if let Err((at, fault)) = parser.end(text.len()) {
        return Err(place(text.as_bytes(), at, fault));
    }
    Ok(parser.finish())
}

/// The place of an offset. Counts from the text's beginning: the common line should not pay for it.
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

#[derive(Debug)]
struct Parser {
    store: Store,
    limits: Limits,
    /// The labels of the last sample line; the next one has the same, mostly.
    marks: Marks,
    last: Last,
    recent: Recent,
    /// Whether samples do not stand in the order of their families.
    out_of_order: bool,
    /// OpenMetrics' own rules.
    strict: Option<Strict>,
}

/// The last sample line, if the next one may be compared with it: a plain name, braces, and no blanks in between.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    start: usize,
    /// 0: there is none.
    len: usize,
    name: usize,
    known: Known,
}

impl Parser {
    fn new(format: Format, limits: Limits) -> Self {
        Self {
            store: Store::new(format),
            limits,
            marks: Marks::default(),
            last: Last::default(),
            recent: Recent::default(),
            out_of_order: false,
            strict: (format == Format::OpenMetrics).then(Strict::default),
        }
    }

    /// Parses whole lines (but for the last of a page, which may lack its line feed), and keeps them as the store's text.
    fn lines(&mut self, bytes: Vec<u8>) -> Result<Arc<String>, ParseError> {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return Err(self.not_utf8(&error)),
        };
        let text = Arc::new(text);
        self.store.text = Arc::clone(&text);
        self.last = Last::default();
        self.recent = Recent::default();
        let bytes = text.as_bytes();
        let mut start = 0;
        while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
            let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..len).unwrap_or_default();
            if let Err((at, fault)) = self.line(bytes, start, line) {
                return Err(place(bytes, start + at, fault));
            }
            start += len + 1;
        }
        Ok(text)
    }

    /// The error of text that is not UTF-8, unless a line before that one has one.
    fn not_utf8(&mut self, error: &std::string::FromUtf8Error) -> ParseError {
        let bytes = error.as_bytes();
        let valid = error.utf8_error().valid_up_to();
        let before = bytes.get(..valid).unwrap_or_default();
        let lines = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let head = before.get(..lines).unwrap_or_default().to_vec();
        let line = bytes.get(lines..).unwrap_or_default();
        let length = memchr::memchr(b'\n', line).unwrap_or(line.len());
        let limit = self.limits.line_bytes;
        match self.lines(head) {
            Err(earlier) => earlier,
            // A stream does not wait for the end of such a line.
            Ok(_) if length > limit => place(bytes, lines, Fault::LineTooLong { limit }),
            Ok(_) => place(bytes, valid, Fault::NotUtf8),
        }
    }

    fn line(&mut self, text: &[u8], start: usize, line: &[u8]) -> Found<()> {
        if line.len() > self.limits.line_bytes {
            return Err((
                0,
                Fault::LineTooLong {
                    limit: self.limits.line_bytes,
                },
            ));
        }
        if let Some(strict) = &self.strict {
            if strict.ended {
                return Err((0, Fault::AfterEof));
            }
            return match line.first() {
                None => Err((0, Fault::EmptyLine)),
                Some(b'#') => self.comment(line, 0),
                Some(_) => self.sample(text, start, line, 0),
            };
        }
        match line.iter().position(|byte| !matches!(byte, b' ' | b'\t')) {
            None => Ok(()),
            Some(at) if line.get(at) == Some(&b'#') => self.comment(line, at),
            Some(at) => self.sample(text, start, line, at),
        }
    }

    /// The end of the page, which is at this offset.
    fn end(&mut self, at: usize) -> Found<()> {
        match &self.strict {
            Some(strict) if !strict.ended => Err((at, Fault::NoEof)),
            _ => Ok(()),
        }
    }

    fn string(&mut self, start: usize, from: usize, to: usize, escaped: bool) -> Span {
        if escaped {
            self.decode(start + from, to - from)
        } else {
            span(start + from, to - from)
        }
    }

    /// Decodes escapes into the second buffer.
    fn decode(&mut self, start: usize, len: usize) -> Span {
        let begin = self.store.decoded.len();
        let raw = self.store.text.get(start..start + len).unwrap_or_default();
        unescape(raw, true, &mut self.store.decoded);
        span(
            self.store.text.len() + begin,
            self.store.decoded.len() - begin,
        )
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

/// Text without its escapes. One that is unknown stays as it is: prose with a Windows path in it should not cost the page.
fn unescape(mut rest: &str, quotes: bool, out: &mut String) {
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (character, used) = match escape.as_bytes().first() {
            Some(b'\\') => ('\\', 1),
            Some(b'n') => ('\n', 1),
            Some(b'"') if quotes => ('"', 1),
            _ => ('\\', 0),
        };
        out.push(character);
        rest = escape.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests;
