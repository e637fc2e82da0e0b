//! Reads files: blocks are judged on all processors, and what they give is put in order again.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aho_corasick::{AhoCorasick, Span, packed};
use regex::bytes::Regex;

use super::group::{end_of, head_of};
use super::input::{Blocks, Input};
use super::query::{Gate, Judged, Query};
use super::record::{Look, Record, Stream};
use super::sequence::{End, Sequence};
use super::severity::literals;
use super::view::View;
use super::{Error, Source, Sources};
use crate::instant;
use crate::run::{Cx, held};

/// So many blocks are on their way at once, for each processor.
const AHEAD: usize = 3;

/// How the records are judged and shown.
pub struct Scan<'a> {
    /// What is wanted.
    pub query: &'a Query,
    /// How it is shown; `None`: it is not rendered, for a sink that takes the records themselves.
    pub view: Option<&'a View>,
    /// Whether records that are not wanted are handed on too, for those beside them.
    pub context: bool,
}

/// A block that was judged.
struct Done {
    block: Vec<u8>,
    rendered: String,
    items: Vec<Item>,
    filtered: u64,
}

/// A record of a block that matters.
struct Item {
    text: Range<usize>,
    lines: u32,
    judged: Judged,
    rendered: Range<usize>,
}

impl Scan<'_> {
    /// Reads the inputs one after the other into `sequence`.
    pub fn run(
        &self,
        cx: &Cx,
        inputs: Vec<Input>,
        sources: &Sources,
        sequence: &mut Sequence<'_>,
    ) -> Result<End, Error> {
        for input in inputs {
            let (number, source) = sources.add(Source::file(&input.name));
            match self.one(cx, input, number, &source, sequence)? {
                End::Done => {}
                end => return Ok(end),
            }
        }
        Ok(End::Done)
    }

    fn one(
        &self,
        cx: &Cx,
        input: Input,
        number: usize,
        source: &Source,
        sequence: &mut Sequence<'_>,
    ) -> Result<End, Error> {
        let name = input.name.clone();
        let finder = self.finder();
        let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let ahead = workers * AHEAD;
        let (jobs, waiting) = mpsc::sync_channel::<(usize, Vec<u8>)>(ahead);
        let (done, results) = mpsc::sync_channel(ahead);
        let (back, spare) = mpsc::sync_channel(ahead * 2);
        let waiting = Arc::new(Mutex::new(waiting));
        thread::scope(|scope| {
            let reading = scope.spawn(move || read(input, &jobs, &spare));
            for _ in 0..workers {
                let (waiting, done, finder) = (waiting.clone(), done.clone(), &finder);
                scope.spawn(move || {
                    loop {
                        let job = held(&waiting).recv();
                        let Ok((at, block)) = job else { return };
                        if done
                            .send((at, self.judge(block, number, source, finder.as_ref())))
                            .is_err()
                        {
                            return;
                        }
                    }
                });
            }
            drop((waiting, done));
            let outcome = collect(cx, &results, &back, number, sequence);
            // Whoever still sends finds nobody, and ends.
            drop((results, back));
            let read = reading.join();
            let end = outcome?;
            match read {
                Ok(Err(error)) if end == End::Done => Err(Error::Input(name, error)),
                _ => Ok(end),
            }
        })
    }

    /// What may matter in a block; `None`: everything.
    fn finder(&self) -> Option<Finder> {
        if self.context {
            return None;
        }
        if let Some(level) = self.query.least() {
            return Finder::literals(&literals(level));
        }
        if !self.query.await_for.is_empty() {
            return None;
        }
        if let Some(trace) = &self.query.trace {
            return Finder::literals(&[trace.id().to_owned()]);
        }
        let all: Vec<_> = self
            .query
            .grep
            .iter()
            .map(|regex| format!("(?:{})", regex.as_str()))
            .collect();
        // The beginning and the end of a text are not those of a block.
        let anchored = all
            .iter()
            .any(|text| text.contains("\\A") || text.contains("\\z"));
        if all.is_empty() || anchored {
            return None;
        }
        let whole = Regex::new(&all.join("|")).ok()?;
        (!whole.is_match(b"")).then_some(Finder::Pattern(whole))
    }

    fn judge(
        &self,
        block: Vec<u8>,
        number: usize,
        source: &Source,
        finder: Option<&Finder>,
    ) -> Done {
        let mut done = Done {
            rendered: String::new(),
            items: Vec::new(),
            filtered: 0,
            block: Vec::new(),
        };
        let mut taken = 0;
        let mut take = |at: usize| {
            let (end, lines) = end_of(&block, at);
            let text = at..trimmed(&block, at, end);
            let look = Look::new(record(number, &block[text.clone()], lines));
            let judged = self.query.judge_look(&look, &source.name);
            if judged.passes || judged.gate != Gate::Fine || judged.awaited || self.context {
                taken += u64::from(lines);
                let from = done.rendered.len();
                if judged.passes
                    && let Some(view) = self.view
                {
                    view.record(&mut done.rendered, source, &look);
                }
                done.items.push(Item {
                    text,
                    lines,
                    judged,
                    rendered: from..done.rendered.len(),
                });
            }
            end
        };
        match finder {
            None => {
                let mut at = 0;
                while at < block.len() {
                    at = take(at);
                }
            }
            Some(finder) => {
                // The first line has no line feed before it that a literal could be found by.
                let mut at = if matches!(block.first(), Some(b'W' | b'E' | b'F')) {
                    take(0)
                } else {
                    0
                };
                while let Some(line) = finder.line_from(&block, at) {
                    at = take(head_of(&block[..], line).max(at));
                }
            }
        }
        done.filtered = lines_of(&block) - taken;
        done.block = block;
        done
    }
}

/// A record of a file.
fn record(source: usize, text: &[u8], lines: u32) -> Record<'_> {
    Record {
        source,
        at: None,
        stream: Stream::Out,
        text,
        lines,
        cut: false,
        late: None,
    }
}

/// Finds lines that may matter.
enum Finder {
    /// Those with one of a few texts, by vector instructions where the processor has them.
    Packed(packed::Searcher),
    /// The same, where it has none.
    Literals(AhoCorasick),
    /// Those that a pattern matches.
    Pattern(Regex),
}

impl Finder {
    fn literals(all: &[String]) -> Option<Self> {
        if let Some(packed) = packed::Searcher::new(all) {
            return Some(Self::Packed(packed));
        }
        AhoCorasick::new(all).ok().map(Self::Literals)
    }

    fn find(&self, block: &[u8], at: usize) -> Option<usize> {
        match self {
            Self::Packed(packed) => packed
                .find_in(block, Span::from(at..block.len()))
                .map(|m| m.start()),
            Self::Literals(literals) => literals
                .find(aho_corasick::Input::new(block).range(at..))
                .map(|m| m.start()),
            Self::Pattern(regex) => regex.find_at(block, at).map(|m| m.start()),
        }
    }

    /// The start of the next line from `at` on, the start of one, that may matter. A match may begin with the line feed
    /// before a line.
    fn line_from(&self, block: &[u8], at: usize) -> Option<usize> {
        let found = self.find(block, at.saturating_sub(1))?;
        if block.get(found) == Some(&b'\n') {
            return Some(found + 1).filter(|line| *line < block.len());
        }
        let before = memchr::memrchr(b'\n', block.get(at..found)?);
        Some(before.map_or(at, |feed| at + feed + 1))
    }
}

/// How many lines there are, one without its end included.
fn lines_of(block: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', block).count();
    let open = block.last().is_some_and(|b| *b != b'\n');
    u64::try_from(feeds + usize::from(open)).unwrap_or(u64::MAX)
}

/// The end of the text without its last line end.
fn trimmed(block: &[u8], at: usize, end: usize) -> usize {
    let text = &block[at..end];
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    at + text.strip_suffix(b"\r").unwrap_or(text).len()
}

/// Reads blocks until the end, or until nobody wants them.
fn read(
    input: Input,
    jobs: &SyncSender<(usize, Vec<u8>)>,
    spare: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut blocks = Blocks::new(input);
    for at in 0.. {
        let mut block = spare.try_recv().unwrap_or_default();
        let outcome = blocks.next(&mut block);
        // What was read before it broke off is worth having.
        let more = *outcome.as_ref().unwrap_or(&true);
        let wanted = more && jobs.send((at, block)).is_ok();
        outcome?;
        if !wanted {
            break;
        }
    }
    Ok(())
}

/// Puts the blocks in order and hands on what they gave.
fn collect(
    cx: &Cx,
    results: &Receiver<(usize, Done)>,
    back: &SyncSender<Vec<u8>>,
    number: usize,
    sequence: &mut Sequence<'_>,
) -> Result<End, Error> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    loop {
        match results.recv_timeout(Duration::from_millis(50)) {
            Ok((at, done)) => _ = early.insert(at, done),
            Err(RecvTimeoutError::Timeout) => sequence.idle(instant::nanos(cx.now()))?,
            Err(RecvTimeoutError::Disconnected) => return Ok(End::Done),
        }
        cx.check()?;
        while let Some(done) = early.remove(&next) {
            next += 1;
            for item in &done.items {
                let record = record(number, &done.block[item.text.clone()], item.lines);
                let rendered =
                    (!item.rendered.is_empty()).then(|| &done.rendered[item.rendered.clone()]);
                sequence.push(record, item.judged, rendered)?;
                if let Some(end) = sequence.ended() {
                    return Ok(end);
                }
            }
            sequence.filtered(number, done.filtered);
            let _ = back.try_send(done.block);
        }
    }
}
