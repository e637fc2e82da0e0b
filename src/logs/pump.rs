//! From the meeting place of a follow to what shows it, until it is enough.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::intake::{Intake, Item};
use super::live::OPEN;
use super::sequence::{End, Sequence};
use super::{Error, Level};
use crate::instant;
use crate::run::Cx;

/// How often it is told what was left out.
const TOLD: Duration = Duration::from_secs(1);

/// Hands on what came, until it is enough.
pub(super) fn pump(
    cx: &Cx,
    intake: &Intake,
    sequence: &mut Sequence<'_>,
    enough: &dyn Fn() -> Option<End>,
) -> Result<End, Error> {
    let mut dropped = Dropped::default();
    // What had come when it was enough is shown, and not what comes since.
    let mut left: Option<(End, usize)> = None;
    loop {
        if left.is_none() {
            left = enough().map(|end| (end, intake.waiting()));
        }
        let batch = intake.take(OPEN, left.is_some());
        let quiet = batch.items.is_empty();
        for (source, lines) in batch.filtered {
            sequence.filtered(source, lines);
        }
        dropped.add(batch.dropped);
        // Told once a second: who reads slowly has enough to read.
        if quiet || dropped.told.elapsed() >= TOLD {
            dropped.tell(sequence)?;
        }
        for item in batch.items {
            match item {
                Item::Record(entry) => sequence.push(entry.kept.record(), entry.judged, None)?,
                Item::Note(source, note) => sequence.note(source, &note)?,
            }
            if let Some((_, left)) = &mut left {
                *left = left.saturating_sub(1);
            }
            if let Some(end) = sequence.ended() {
                dropped.tell(sequence)?;
                return Ok(end);
            }
        }
        cx.check()?;
        match left {
            Some((end, left)) if quiet || left == 0 => {
                dropped.tell(sequence)?;
                return Ok(end);
            }
            None if quiet => sequence.idle(instant::nanos(cx.now()))?,
            _ => {}
        }
    }
}

/// Lines that were left out and are yet to be told.
struct Dropped {
    lines: BTreeMap<(usize, Option<Level>), u64>,
    told: Instant,
}

impl Default for Dropped {
    fn default() -> Self {
        Self {
            lines: BTreeMap::new(),
            told: Instant::now(),
        }
    }
}

impl Dropped {
    fn add(&mut self, lines: Vec<(usize, Option<Level>, u64)>) {
        for (source, level, lines) in lines {
            *self.lines.entry((source, level)).or_default() += lines;
        }
    }

    fn tell(&mut self, sequence: &mut Sequence<'_>) -> std::io::Result<()> {
        self.told = Instant::now();
        for ((source, level), lines) in std::mem::take(&mut self.lines) {
            sequence.dropped(source, level, lines)?;
        }
        Ok(())
    }
}
