//! At most so many lines of a source in a second: over that the least bad are left out first, and errors never.

use std::collections::BTreeMap;

use super::Level;
use super::record::{Look, Record, Stream};
use super::severity::Severity;
use crate::instant;

const SECOND: i64 = 1_000_000_000;
/// Errors are never left out; so many records of one second at once are shown before it is over.
const MOST: usize = 20_000;

/// A record that is kept for a while.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) source: usize,
    pub(super) at: Option<i64>,
    pub(super) stream: Stream,
    pub(super) text: Vec<u8>,
    pub(super) lines: u32,
    pub(super) cut: bool,
    pub(super) late: Option<i64>,
    pub(super) severity: Option<Severity>,
}

impl Kept {
    pub(super) fn of(record: &Record<'_>, severity: Option<Severity>) -> Self {
        Self {
            source: record.source,
            at: record.at,
            stream: record.stream,
            text: record.text.to_vec(),
            lines: record.lines,
            cut: record.cut,
            late: record.late,
            severity,
        }
    }

    pub(super) fn record(&self) -> Record<'_> {
        Record {
            source: self.source,
            at: self.at,
            stream: self.stream,
            text: &self.text,
            lines: self.lines,
            cut: self.cut,
            late: self.late,
        }
    }

    fn level(&self) -> Option<Level> {
        self.severity.map(|found| found.level)
    }
}

/// How hard it is to part with a record of this level. One that does not say its level is worth what an ordinary one is.
pub(super) fn rank(level: Option<Level>) -> Level {
    level.unwrap_or(Level::Info)
}

/// Lines that were left out: of which source and level, in which second, how many.
pub(super) type Dropped = Vec<(usize, Option<Level>, i64, u64)>;

/// The records of the second that goes on.
#[derive(Debug)]
pub(super) struct Rate {
    most: usize,
    second: Option<i64>,
    kept: Vec<Option<Kept>>,
    /// By source: how many are kept, of each rank.
    counts: BTreeMap<usize, BTreeMap<Level, usize>>,
    dropped: BTreeMap<(usize, Option<Level>), u64>,
    /// The record that began the next second, and the second that it ended.
    next: Option<(Kept, i64)>,
}

impl Rate {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            second: None,
            kept: Vec::new(),
            counts: BTreeMap::new(),
            dropped: BTreeMap::new(),
            next: None,
        }
    }

    /// Takes a record; `true`: the second before it is over, and is to be taken now.
    pub(super) fn push(&mut self, look: &Look<'_>) -> bool {
        let at = look
            .at()
            .unwrap_or_else(|| instant::nanos(chrono::Utc::now()));
        let second = at.div_euclid(SECOND);
        let kept = Kept::of(&look.record, look.severity());
        // One that is late counts in the second that goes on.
        if let Some(current) = self.second
            && second > current
        {
            self.next = Some((kept, current));
            self.second = Some(second);
            return true;
        }
        self.second.get_or_insert(second);
        self.add(kept);
        self.kept.len() >= MOST
    }

    fn add(&mut self, kept: Kept) {
        let source = kept.source;
        let own = self.counts.entry(source).or_default();
        let mine = rank(kept.level());
        let full = own.values().sum::<usize>() >= self.most;
        let least = own.iter().find(|(_, n)| **n > 0).map(|(level, _)| *level);
        if full && mine < Level::Error && least.is_none_or(|least| mine <= least) {
            *self.dropped.entry((source, kept.level())).or_default() += u64::from(kept.lines);
            return;
        }
        *own.entry(mine).or_default() += 1;
        self.kept.push(Some(kept));
        if full {
            self.part_with_one(source);
        }
    }

    /// Leaves out the newest of the least bad of this source; of errors none.
    fn part_with_one(&mut self, source: usize) {
        let Some(own) = self.counts.get_mut(&source) else {
            return;
        };
        let Some((least, count)) = own
            .iter_mut()
            .find(|(level, n)| **n > 0 && **level < Level::Error)
        else {
            return;
        };
        let found = self.kept.iter_mut().rfind(|slot| {
            slot.as_ref()
                .is_some_and(|kept| kept.source == source && rank(kept.level()) == *least)
        });
        if let Some(kept) = found.and_then(Option::take) {
            *count -= 1;
            *self.dropped.entry((source, kept.level())).or_default() += u64::from(kept.lines);
        }
    }

    /// Whether the second is over by the wall clock.
    pub(super) fn is_over(&self, now: i64) -> bool {
        self.second
            .is_some_and(|second| now.div_euclid(SECOND) > second)
    }

    /// The records of the second, in their order, and what was left out.
    pub(super) fn take(&mut self) -> (Vec<Kept>, Dropped) {
        let kept = self.kept.drain(..).flatten().collect();
        let next = self.next.take();
        let over = next
            .as_ref()
            .map(|(_, over)| *over)
            .or(self.second)
            .unwrap_or(0);
        let dropped = std::mem::take(&mut self.dropped)
            .into_iter()
            .map(|((source, level), lines)| (source, level, over * SECOND, lines))
            .collect();
        // Without a next one it was taken before it is over: what comes yet counts to it.
        if let Some((next, _)) = next {
            self.counts.clear();
            self.add(next);
        }
        (kept, dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(rate: &mut Rate, source: usize, millis: i64, text: &str) -> bool {
        rate.push(&Look::new(Record {
            source,
            at: Some(millis * 1_000_000),
            stream: Stream::Out,
            text: text.as_bytes(),
            lines: 1,
            cut: false,
            late: None,
        }))
    }

    fn texts(kept: &[Kept]) -> Vec<String> {
        kept.iter()
            .map(|kept| String::from_utf8_lossy(&kept.text).into_owned())
            .collect()
    }

    #[test]
    fn the_least_bad_go_first_and_errors_never() {
        let mut rate = Rate::new(2);
        for (millis, text) in [
            (0, "DEBUG 1"),
            (1, "INFO 2"),
            (2, "plain 3"),
            (3, "WARN 4"),
            (4, "ERROR 5"),
            (5, "ERROR 6"),
            (6, "ERROR 7"),
        ] {
            assert!(!push(&mut rate, 0, millis, text));
        }
        assert!(!push(&mut rate, 1, 7, "DEBUG other"));
        assert!(push(&mut rate, 0, 1000, "DEBUG next"));
        let (kept, dropped) = rate.take();
        assert_eq!(
            texts(&kept),
            ["ERROR 5", "ERROR 6", "ERROR 7", "DEBUG other"]
        );
        let lines: u64 = dropped.iter().map(|(.., lines)| lines).sum();
        assert_eq!(lines, 4);
        assert_eq!(texts(&rate.take().0), ["DEBUG next"]);
    }

    #[test]
    fn of_equals_the_first_stay() {
        let mut rate = Rate::new(2);
        for n in 0..5 {
            push(&mut rate, 0, n, &format!("INFO {n}"));
        }
        let (kept, dropped) = rate.take();
        assert_eq!(texts(&kept), ["INFO 0", "INFO 1"]);
        assert_eq!(dropped, [(0, Some(Level::Info), 0, 3)]);
    }
}
