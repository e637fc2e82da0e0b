//! Where the records of a follow meet: put in order within a short window, bounded, and never a reason for the engine to
//! wait. When the reader of the output is too slow the least bad are left out first; errors never are.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Level;
use super::feed::Entry;
use super::rate::rank;
use super::sequence::Note;

/// How long a record waits for older ones of other containers.
const WINDOW: Duration = Duration::from_millis(100);
/// How much text may wait.
const BYTES: usize = 32 << 20;
/// How many records may wait.
const RECORDS: usize = 100_000;
/// How many are handed on in one go.
const GO: usize = 4096;

/// Something to show.
#[derive(Debug)]
pub(super) enum Item {
    Record(Entry),
    Note(Option<usize>, Note),
}

#[derive(Debug)]
struct Waiting {
    item: Item,
    arrived: Instant,
}

/// What is handed on: in order, with what was left out.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    pub(super) dropped: Vec<(usize, Option<Level>, u64)>,
    pub(super) filtered: Vec<(usize, u64)>,
}

#[derive(Debug, Default)]
struct State {
    /// By how bad they are, then by time and arrival.
    waiting: [BTreeMap<(i64, u64), Waiting>; 6],
    arrivals: u64,
    bytes: usize,
    records: usize,
    /// The time of what was handed on last.
    shown: Option<i64>,
    dropped: BTreeMap<(usize, Option<Level>), u64>,
    filtered: BTreeMap<usize, u64>,
}

/// The meeting place.
#[derive(Debug, Default)]
pub(super) struct Intake {
    state: Mutex<State>,
    came: Condvar,
    room: Notify,
    bounds: Bounds,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    bytes: usize,
    records: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bytes: BYTES,
            records: RECORDS,
        }
    }
}

fn size(item: &Item) -> usize {
    match item {
        Item::Record(entry) => entry.kept.text.len() + 128,
        Item::Note(..) => 256,
    }
}

impl Intake {
    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes records, and counts lines that were not wanted. `true`: there is no more room, and nothing that may be left
    /// out; wait for [`Intake::room`].
    pub(super) fn push(&self, entries: Vec<Entry>, source: usize, filtered: u64) -> bool {
        let mut state = self.held();
        if filtered > 0 {
            *state.filtered.entry(source).or_default() += filtered;
        }
        let any = !entries.is_empty();
        for entry in entries {
            state.put(
                entry.time(),
                rank(entry.judged.level()),
                Item::Record(entry),
            );
        }
        let full = state.shrink(self.bounds);
        drop(state);
        if any {
            self.came.notify_one();
        }
        full
    }

    /// Takes a note, which is never left out.
    pub(super) fn note(&self, source: Option<usize>, note: Note) {
        let at = note
            .at
            .unwrap_or_else(|| crate::instant::nanos(chrono::Utc::now()));
        self.held()
            .put(at, Level::Critical, Item::Note(source, note));
        self.came.notify_one();
    }

    /// How many records and notes wait.
    pub(super) fn waiting(&self) -> usize {
        self.held().records
    }

    /// Resolves when something was taken out.
    pub(super) async fn room(&self) {
        // Woken or not, it is looked at again.
        let _ = tokio::time::timeout(Duration::from_millis(50), self.room.notified()).await;
    }

    /// What is ready to be shown; waits at most `wait` for it. `all`: also what waits for older ones.
    pub(super) fn take(&self, wait: Duration, all: bool) -> Batch {
        let mut state = self.held();
        if !all && state.records == 0 {
            let waited = self.came.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let batch = state.take(Instant::now(), all);
        let soon = batch.items.is_empty() && state.records > 0;
        drop(state);
        self.room.notify_waiters();
        if soon && !all {
            std::thread::sleep(Duration::from_millis(5));
        }
        batch
    }
}

impl State {
    fn put(&mut self, at: i64, level: Level, item: Item) {
        let mut waiting = Waiting {
            item,
            arrived: Instant::now(),
        };
        // What is older than what was shown comes too late to be put in order.
        if let (Some(shown), Item::Record(entry)) = (self.shown, &mut waiting.item)
            && entry.kept.at.is_some_and(|at| at < shown)
        {
            entry.kept.late = Some(shown.saturating_sub(at));
        }
        self.bytes += size(&waiting.item);
        self.records += 1;
        self.arrivals += 1;
        self.waiting[level as usize].insert((at, self.arrivals), waiting);
    }

    /// Leaves out the oldest of the least bad until there is room; `true`: there is none, and all that wait are errors.
    fn shrink(&mut self, bounds: Bounds) -> bool {
        while self.bytes > bounds.bytes || self.records > bounds.records {
            let least = self.waiting[..Level::Error as usize]
                .iter_mut()
                .find_map(BTreeMap::pop_first);
            let Some((_, waiting)) = least else {
                return true;
            };
            self.bytes -= size(&waiting.item);
            self.records -= 1;
            if let Item::Record(entry) = waiting.item {
                let key = (entry.kept.source, entry.judged.level());
                *self.dropped.entry(key).or_default() += u64::from(entry.kept.lines);
            }
        }
        false
    }

    fn take(&mut self, now: Instant, all: bool) -> Batch {
        let mut batch = Batch {
            dropped: std::mem::take(&mut self.dropped)
                .into_iter()
                .map(|((source, level), lines)| (source, level, lines))
                .collect(),
            filtered: std::mem::take(&mut self.filtered).into_iter().collect(),
            ..Batch::default()
        };
        while batch.items.len() < GO {
            let first = self
                .waiting
                .iter()
                .enumerate()
                .filter_map(|(level, map)| {
                    map.first_key_value()
                        .map(|(key, waiting)| (*key, level, waiting))
                })
                .min_by_key(|(key, ..)| *key);
            let Some((key, level, waiting)) = first else {
                break;
            };
            let late = matches!(&waiting.item, Item::Record(entry) if entry.kept.late.is_some());
            if !all && !late && now.duration_since(waiting.arrived) < WINDOW {
                break;
            }
            if let Some(waiting) = self.waiting[level].remove(&key) {
                self.bytes -= size(&waiting.item);
                self.records -= 1;
                self.shown = self.shown.max(Some(key.0));
                batch.items.push(waiting.item);
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::{Gate, Judged};
    use super::super::rate::Kept;
    use super::super::record::Stream;
    use super::super::severity::{Provenance, Severity};
    use super::*;

    fn entry(source: usize, at: i64, level: Level, text: &str) -> Entry {
        let severity = Some(Severity {
            level,
            from: Provenance::Field,
        });
        Entry {
            kept: Kept {
                source,
                at: Some(at),
                stream: Stream::Out,
                text: text.into(),
                lines: 1,
                cut: false,
                late: None,
                severity,
            },
            judged: Judged {
                passes: true,
                severity,
                gate: Gate::Fine,
                awaited: false,
            },
        }
    }

    fn texts(batch: &Batch) -> Vec<(String, Option<i64>)> {
        let record = |item: &Item| match item {
            Item::Record(e) => Some((
                String::from_utf8_lossy(&e.kept.text).into_owned(),
                e.kept.late,
            )),
            Item::Note(..) => None,
        };
        batch.items.iter().filter_map(record).collect()
    }

    #[test]
    fn records_of_many_come_in_order_and_late_ones_are_marked() {
        let intake = Intake::default();
        intake.push(
            vec![
                entry(0, 10, Level::Info, "b"),
                entry(0, 30, Level::Info, "d"),
            ],
            0,
            0,
        );
        intake.push(
            vec![
                entry(1, 5, Level::Debug, "a"),
                entry(1, 20, Level::Error, "c"),
            ],
            1,
            3,
        );
        assert!(
            intake.take(Duration::ZERO, false).items.is_empty(),
            "older ones may come"
        );
        std::thread::sleep(WINDOW);
        let batch = intake.take(Duration::ZERO, false);
        let in_order = ["a", "b", "c", "d"].map(|text| (text.to_owned(), None));
        assert_eq!(texts(&batch), in_order);
        intake.push(vec![entry(1, 12, Level::Info, "late")], 1, 0);
        let batch = intake.take(Duration::ZERO, false);
        assert_eq!(texts(&batch), [("late".to_owned(), Some(18))], "at once");
    }

    #[test]
    fn the_least_bad_make_room_and_errors_never() {
        let intake = Intake {
            bounds: Bounds {
                bytes: usize::MAX,
                records: 3,
            },
            ..Intake::default()
        };
        let all = [
            (1, Level::Debug),
            (2, Level::Info),
            (3, Level::Error),
            (4, Level::Warn),
            (5, Level::Error),
        ];
        for (at, level) in all {
            assert!(!intake.push(vec![entry(0, at, level, level.as_str())], 0, 0));
        }
        let batch = intake.take(Duration::ZERO, true);
        assert_eq!(
            batch.dropped,
            [(0, Some(Level::Debug), 1), (0, Some(Level::Info), 1)]
        );
        assert_eq!(batch.items.len(), 3);
        let mut full = false;
        for at in 0..4 {
            full = intake.push(vec![entry(0, at, Level::Error, "e")], 0, 0);
        }
        assert!(full, "errors alone: whoever reads them waits");
        assert_eq!(intake.take(Duration::ZERO, true).items.len(), 4);
    }
}
