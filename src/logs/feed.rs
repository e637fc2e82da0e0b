//! From a container's lines to records that were judged: each stream's lines are grouped by themselves, and what comes out
//! is in the order of time.

use std::sync::Arc;

use super::Source;
use super::group::{RECORD_LIMIT, follows};
use super::query::{Gate, Judged, Query};
use super::rate::Kept;
use super::record::{Record, Stream};
use crate::docker::LogText;

/// So long after its last line a trace goes on no more, when the other stream does.
const PAUSE: i64 = 50_000_000;

/// A record that matters.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kept: Kept,
    pub(super) judged: Judged,
}

impl Entry {
    /// When, for the order; what has no time comes first.
    pub(super) fn time(&self) -> i64 {
        self.kept.at.unwrap_or(i64::MIN)
    }
}

/// Takes the lines of one container.
pub(super) struct Feeder {
    number: usize,
    source: Arc<Source>,
    query: Arc<Query>,
    context: bool,
    open: [Open; 2],
    ready: Vec<Entry>,
    filtered: u64,
}

/// A record that may go on.
#[derive(Default)]
struct Open {
    text: Vec<u8>,
    /// Where its last line begins.
    line: usize,
    lines: u32,
    at: Option<i64>,
    last: Option<i64>,
    cut: bool,
}

impl Feeder {
    pub(super) fn new(
        number: usize,
        source: Arc<Source>,
        query: Arc<Query>,
        context: bool,
    ) -> Self {
        Self {
            number,
            source,
            query,
            context,
            open: Default::default(),
            ready: Vec::new(),
            filtered: 0,
        }
    }

    pub(super) fn line(&mut self, line: LogText<'_>) {
        let own = usize::from(line.stderr);
        let open = &mut self.open[own];
        let goes_on = open.lines > 0
            && open.text.len() + line.text.len() < RECORD_LIMIT
            && follows(&open.text[open.line..], line.text);
        if goes_on {
            open.text.push(b'\n');
            open.line = open.text.len();
            open.text.extend_from_slice(line.text);
            open.lines += 1;
            open.last = line.at;
            open.cut |= line.cut;
        } else {
            self.finish(own);
            let open = &mut self.open[own];
            open.text.extend_from_slice(line.text);
            open.lines = 1;
            (open.at, open.last) = (line.at, line.at);
            open.cut = line.cut;
        }
        let other = &self.open[1 - own];
        if other.lines > 0
            && other
                .last
                .zip(line.at)
                .is_none_or(|(last, now)| now.saturating_sub(last) > PAUSE)
        {
            self.finish(1 - own);
        }
    }

    fn finish(&mut self, which: usize) {
        let open = &mut self.open[which];
        if open.lines == 0 {
            return;
        }
        let record = Record {
            source: self.number,
            at: open.at,
            stream: if which == 0 { Stream::Out } else { Stream::Err },
            text: &open.text,
            lines: open.lines,
            cut: open.cut,
            late: None,
        };
        let judged = self.query.judge(record, &self.source.name);
        if judged.passes || judged.gate != Gate::Fine || judged.awaited || self.context {
            let kept = Kept::of(&record, judged.severity);
            self.ready.push(Entry { kept, judged });
        } else {
            self.filtered += u64::from(open.lines);
        }
        open.text.clear();
        (open.line, open.lines, open.cut) = (0, 0, false);
    }

    /// Whether a record may go on.
    pub(super) fn has_open(&self) -> bool {
        self.open.iter().any(|open| open.lines > 0)
    }

    /// No line will go on with what is open.
    pub(super) fn close(&mut self) {
        self.finish(0);
        self.finish(1);
    }

    /// How many records wait to be taken.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The records that nothing older can come before any more, and how many lines were not wanted.
    pub(super) fn take(&mut self) -> (Vec<Entry>, u64) {
        self.ready.sort_by_key(Entry::time);
        let first_open = self
            .open
            .iter()
            .filter(|open| open.lines > 0)
            .filter_map(|open| open.at)
            .min();
        let count = first_open.map_or(self.ready.len(), |at| {
            self.ready.partition_point(|e| e.time() <= at)
        });
        let rest = self.ready.split_off(count);
        (
            std::mem::replace(&mut self.ready, rest),
            std::mem::take(&mut self.filtered),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(lines: &[(bool, i64, &str)]) -> Vec<String> {
        let source = Arc::new(Source::file("x"));
        let mut feeder = Feeder::new(0, source, Arc::new(Query::default()), false);
        let mut out = Vec::new();
        for (stderr, at, text) in lines {
            feeder.line(LogText {
                at: Some(at * 1_000_000),
                stderr: *stderr,
                text: text.as_bytes(),
                cut: false,
            });
            out.extend(feeder.take().0);
        }
        feeder.close();
        out.extend(feeder.take().0);
        out.iter()
            .map(|e| String::from_utf8_lossy(&e.kept.text).into_owned())
            .collect()
    }

    #[test]
    fn streams_are_grouped_apart_and_come_in_order() {
        let lines = [
            (true, 1, "ERROR x"),
            (false, 2, "out 1"),
            (true, 3, "  at y"),
            (false, 4, "out 2"),
            (true, 5, "WARN z"),
            (false, 200, "out 3"),
        ];
        assert_eq!(
            feed(&lines),
            ["ERROR x\n  at y", "out 1", "out 2", "WARN z", "out 3"]
        );
    }
}
