//! Repeats: of lines of one template within a few seconds the first is shown, and the others are counted.

use std::collections::HashMap;
use std::collections::VecDeque;

use super::record::Look;
use super::sequence::Note;
use super::template::template;

/// How long repeats are counted before they are told.
const WINDOW: i64 = 10 * 1_000_000_000;
/// How many templates are watched at once.
const OPEN: usize = 1000;

type Key = (usize, String);

#[derive(Debug)]
struct Run {
    first: Option<i64>,
    last: Option<i64>,
    lines: u64,
}

/// The templates that were seen lately.
#[derive(Debug, Default)]
pub(super) struct Fold {
    open: HashMap<Key, Run>,
    order: VecDeque<Key>,
}

impl Fold {
    /// Takes a record: whether it repeats one that was shown, and the runs that are over by now. One that does not repeat
    /// begins a run.
    pub(super) fn push(&mut self, look: &Look<'_>) -> (bool, Vec<(usize, Note)>) {
        let message = look.message();
        let key = (
            look.record.source,
            template(message.split('\n').next().unwrap_or_default()),
        );
        let at = look.at();
        if let Some(run) = self.open.get_mut(&key)
            && !is_over(run, at)
        {
            run.lines += u64::from(look.record.lines);
            run.last = at.or(run.last);
            return (true, self.over(at));
        }
        let over = self.over(at);
        let run = Run {
            first: at,
            last: at,
            lines: 0,
        };
        self.order.push_back(key.clone());
        self.open.insert(key, run);
        (false, over)
    }

    /// The runs that are over at this time, told.
    pub(super) fn over(&mut self, at: Option<i64>) -> Vec<(usize, Note)> {
        let mut told = Vec::new();
        while let Some(key) = self.order.front() {
            let over =
                self.open.len() > OPEN || self.open.get(key).is_none_or(|run| is_over(run, at));
            if !over {
                break;
            }
            if let Some(key) = self.order.pop_front() {
                told.extend(self.close(key));
            }
        }
        told
    }

    /// All that is open, told.
    pub(super) fn all(&mut self) -> Vec<(usize, Note)> {
        let mut told = Vec::new();
        while let Some(key) = self.order.pop_front() {
            told.extend(self.close(key));
        }
        told
    }

    fn close(&mut self, key: Key) -> Option<(usize, Note)> {
        let run = self.open.remove(&key)?;
        if run.lines == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few seconds, for people")]
        let seconds = run
            .last
            .zip(run.first)
            .map(|(last, first)| last.saturating_sub(first) as f64 / 1e9);
        let within = seconds.map(|s| format!(" in {s:.1} s")).unwrap_or_default();
        let note = Note::new(
            "folded",
            run.last,
            format!("×{} more{within}: {}", run.lines, key.1),
        )
        .with("lines", run.lines)
        .with("template", key.1);
        Some((key.0, note))
    }
}

fn is_over(run: &Run, at: Option<i64>) -> bool {
    run.first
        .zip(at)
        .is_some_and(|(first, at)| at.saturating_sub(first) > WINDOW)
}
