//! A page in chunks, as a socket gives it: its samples go by, and only what is asked for stays.

use super::super::error::{Fault, ParseError};
use super::super::kind::Format;
use super::super::page::{Family, Page};
use super::super::render;
use super::super::sample::{Sample, Samples};
use super::{Limits, Parser, parse_as, place};

/// How much text is looked at together. Large enough that the work is in the lines.
const BLOCK: usize = 256 << 10;

/// Reads a page in chunks of any size and shows each sample once. Holds a block of the text and the names of the
/// metrics, however long the page is.
///
/// A whole page and its chunks, wherever they are cut, give the same samples or the same error.
///
/// ```
/// use tradeops::prometheus::{Format, Limits, Stream};
///
/// let mut total = 0.0;
/// let mut stream = Stream::new(Format::Text, Limits::default());
/// for chunk in ["jobs{state=\"do", "ne\"} 7\njobs{state=\"failed\"} 2\n"] {
///     stream.feed(chunk.as_bytes(), |sample| total += sample.value())?;
/// }
/// stream.finish(|sample| total += sample.value())?;
/// assert_eq!(total, 9.0);
/// # Ok::<(), tradeops::prometheus::ParseError>(())
/// ```
#[derive(Debug)]
pub struct Stream {
    parser: Parser,
    /// Text behind the last whole line that was read.
    pending: Vec<u8>,
    /// Lines that were read.
    lines: usize,
    /// How much text is looked at together.
    pub(super) block: usize,
}

impl Stream {
    /// A stream has no end to look at: its format must be known (see [`Format::of_content_type`]).
    #[must_use]
    pub fn new(format: Format, limits: Limits) -> Self {
        Self {
            parser: Parser::new(format, limits),
            pending: Vec::new(),
            lines: 0,
            block: BLOCK,
        }
    }

    /// Takes the next piece of the page.
    ///
    /// # Errors
    ///
    /// The first thing that is not the format; the stream is of no use afterwards.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        mut visit: impl FnMut(Sample<'_>),
    ) -> Result<(), ParseError> {
        for piece in chunk.chunks(self.block) {
            self.pending.extend_from_slice(piece);
            if self.pending.len() < self.block {
                continue;
            }
            match memchr::memrchr(b'\n', &self.pending) {
                Some(end) => {
                    let rest = self.pending.split_off(end + 1);
                    self.block(rest, &mut visit)?;
                }
                None => self.check_line()?,
            }
        }
        Ok(())
    }

    /// The end of the page.
    ///
    /// # Errors
    ///
    /// As [`Stream::feed`], and for OpenMetrics a missing `# EOF`.
    pub fn finish(mut self, mut visit: impl FnMut(Sample<'_>)) -> Result<(), ParseError> {
        self.end(&mut visit)
    }

    fn end(&mut self, visit: &mut impl FnMut(Sample<'_>)) -> Result<(), ParseError> {
        let last = self.pending.clone();
        self.block(Vec::new(), visit)?;
        let tail = memchr::memrchr(b'\n', &last).map_or(0, |at| at + 1);
        let tail = last.get(tail..).unwrap_or_default();
        self.parser.end(tail.len()).map_err(|(at, fault)| {
            let mut error = place(tail, at, fault);
            error.line += self.lines;
            error
        })
    }

    /// Reads what is pending, and keeps `rest` for later.
    fn block(
        &mut self,
        rest: Vec<u8>,
        visit: &mut impl FnMut(Sample<'_>),
    ) -> Result<(), ParseError> {
        let block = std::mem::replace(&mut self.pending, rest);
        let store = &mut self.parser.store;
        store.samples.clear();
        store.exemplars.clear();
        store.labels.clear();
        store.decoded.clear();
        let before = self.lines;
        let text = self.parser.lines(block).map_err(|mut error| {
            error.line += before;
            error
        })?;
        self.lines += memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let store = &self.parser.store;
        let samples = Samples {
            store,
            records: store.samples.iter(),
        };
        samples.for_each(visit);
        Ok(())
    }

    /// A line without end would be a page without end.
    fn check_line(&self) -> Result<(), ParseError> {
        let limit = self.parser.limits.line_bytes;
        if self.pending.len() <= limit {
            return Ok(());
        }
        Err(ParseError {
            line: self.lines + 1,
            column: 1,
            fault: Fault::LineTooLong { limit },
        })
    }
}

/// Reads a page in chunks and keeps some of its metrics. All of it is checked, so that a page that is no page is not
/// taken for one without these metrics.
#[derive(Debug)]
pub struct Selection {
    stream: Stream,
    kept: Kept,
}

#[derive(Debug)]
struct Kept {
    only: Vec<String>,
    format: Format,
    /// By their place on the page: the lines of the families that are wanted.
    families: Vec<Choice>,
}

#[derive(Debug, Clone, PartialEq)]
enum Choice {
    Open,
    Dropped,
    Kept(String),
}

impl Selection {
    /// Keeps the metrics of these names. A histogram may be named by its own name or by that of one of its samples.
    #[must_use]
    pub fn new(only: Vec<String>, format: Format, limits: Limits) -> Self {
        Self {
            stream: Stream::new(format, limits),
            kept: Kept {
                only,
                format,
                families: Vec::new(),
            },
        }
    }

    /// Takes the next piece of the page.
    ///
    /// # Errors
    ///
    /// As [`Stream::feed`].
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        let kept = &mut self.kept;
        self.stream.feed(chunk, |sample| kept.look(&sample))
    }

    /// A page of what was kept.
    ///
    /// # Errors
    ///
    /// As [`Stream::finish`].
    pub fn finish(mut self) -> Result<Page, ParseError> {
        let kept = &mut self.kept;
        self.stream.end(&mut |sample| kept.look(&sample))?;
        let Self { stream, mut kept } = self;
        let store = &stream.parser.store;
        let mut text = String::new();
        for (index, record) in store.families.iter().enumerate() {
            let family = Family::new(store, record);
            let format = kept.format;
            if let Some(lines) = kept.lines(index, &family) {
                let _ = render::declaration(&mut text, &family, format);
                text.push_str(lines);
            }
        }
        if kept.format == Format::OpenMetrics {
            text.push_str("# EOF\n");
        }
        parse_as(text, Some(kept.format), stream.parser.limits)
    }
}

impl Kept {
    fn look(&mut self, sample: &Sample<'_>) {
        let index = sample.record.family as usize;
        let Some(family) = sample.store.families.get(index) else {
            return;
        };
        let format = self.format;
        if let Some(lines) = self.lines(index, &Family::new(sample.store, family)) {
            // Writing to a text cannot fail.
            let _ = render::sample(lines, sample, format);
        }
    }

    /// The lines of a family that is to be kept; whether it is, is decided once.
    fn lines(&mut self, index: usize, family: &Family<'_>) -> Option<&mut String> {
        if self.families.len() <= index {
            self.families.resize(index + 1, Choice::Open);
        }
        let choice = self.families.get_mut(index)?;
        if *choice == Choice::Open {
            let suffixes = family.kind().suffixes(self.format);
            let wanted = self.only.iter().any(|name| {
                name.strip_prefix(family.name())
                    .is_some_and(|rest| rest.is_empty() || suffixes.contains(&rest))
            });
            *choice = if wanted {
                Choice::Kept(String::new())
            } else {
                Choice::Dropped
            };
        }
        match choice {
            Choice::Kept(lines) => Some(lines),
            _ => None,
        }
    }
}

/// Parses a page that is there as a whole and keeps only the metrics of these names, as [`Selection`] does.
///
/// # Errors
///
/// As [`parse`](super::parse).
pub fn parse_only(
    text: &str,
    only: Vec<String>,
    format: Option<Format>,
    limits: Limits,
) -> Result<Page, ParseError> {
    let format = format.unwrap_or_else(|| Format::of_content(text.as_bytes()));
    let mut selection = Selection::new(only, format, limits);
    selection.feed(text.as_bytes())?;
    selection.finish()
}
