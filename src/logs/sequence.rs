//! What happens to records one after the other, in the order in which they are shown: the gate counts, context is kept,
//! what is over the rate is left out, repeats are folded; then they go to a sink.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fold::Fold;
use super::query::{Gate, Judged};
use super::rate::{Kept, Rate};
use super::record::{Look, Record};
use super::severity::Provenance;
use super::template::Templates;
use super::{Level, Source, Sources};
use crate::instant;

/// Where records go.
pub trait Sink {
    /// Takes a record; `rendered` is how the view shows it, where that was made already.
    fn record(
        &mut self,
        source: &Source,
        look: &Look<'_>,
        rendered: Option<&str>,
    ) -> io::Result<()>;
    /// Takes a note between records; of no source when it is about the engine.
    fn note(&mut self, source: Option<&Source>, note: &Note) -> io::Result<()>;
    /// Nothing more comes for a while: lets go of what was kept back.
    fn flush(&mut self) -> io::Result<()>;
    /// Whether it wants no more.
    fn is_full(&self) -> bool {
        false
    }
}

/// Something that is told between records.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// When, where that is known.
    pub at: Option<i64>,
    /// `dropped`, `folded`, `started`, `ended`, `health`, `gap`, `removed`.
    pub kind: &'static str,
    /// In words.
    pub text: String,
    /// For machines.
    pub facts: Map<String, Value>,
}

impl Note {
    /// A note of this kind.
    pub fn new(kind: &'static str, at: Option<i64>, text: String) -> Self {
        Self {
            at,
            kind,
            text,
            facts: Map::new(),
        }
    }

    /// With a fact for machines.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn object(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("note".into(), self.kind.into());
        object.insert(
            "time".into(),
            self.at.map(|at| instant::text(at, true)).into(),
        );
        object.insert("text".into(), self.text.clone().into());
        object.extend(self.facts.clone());
        object
    }
}

/// What is done with records in their order.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Lines per source and second at most; errors are never left out.
    pub rate: Option<usize>,
    /// Whether repeats are folded.
    pub fold: bool,
    /// How many records before and after a wanted one are shown too.
    pub context: usize,
    /// Whether templates are counted.
    pub templates: bool,
    /// More errors than this end the reading.
    pub max_errors: Option<u64>,
}

/// The lines of one source, and what became of them: `lines = shown + filtered + dropped + folded`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Read.
    pub lines: u64,
    /// Shown, context included.
    pub shown: u64,
    /// Not wanted.
    pub filtered: u64,
    /// Left out over the rate or behind a slow reader.
    pub dropped: u64,
    /// Counted by a fold instead.
    pub folded: u64,
    /// Records that are errors, and not allowed.
    pub errors: u64,
    /// Errors that were guessed from a word.
    pub guessed: u64,
    /// Errors that are allowed.
    pub allowed: u64,
    /// Records that came after younger ones.
    pub late: u64,
}

/// An error that the gate saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Of which source.
    pub source: usize,
    /// When.
    pub at: Option<i64>,
    /// How bad.
    pub level: Level,
    /// Whether the level is a guess.
    pub guessed: bool,
    /// The first line of what it says.
    pub text: String,
}

/// How many errors are kept with their text: of the rest only the number.
const SEEN: usize = 100;
/// How much of each.
const SEEN_BYTES: usize = 2000;

/// What a reading came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// By source.
    pub counts: Vec<Counts>,
    /// The first errors.
    pub seen: Vec<Seen>,
    /// How many errors there were, allowed ones not counted.
    pub errors: u64,
    /// Whether what was waited for came.
    pub awaited: bool,
    /// Templates, where they are counted.
    pub templates: Templates,
}

/// Why a reading goes on no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything was read.
    Done,
    /// What was waited for came.
    Match,
    /// There were too many errors.
    Errors,
    /// Its time was over.
    Time,
    /// It was interrupted.
    Interrupted,
    /// Nobody reads the output any more.
    Closed,
}

impl End {
    /// A word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Match => "match",
            Self::Errors => "errors",
            Self::Time => "time",
            Self::Interrupted => "interrupted",
            Self::Closed => "closed",
        }
    }
}

/// Takes records in their order.
pub struct Sequence<'a> {
    shared: &'a Sources,
    sources: Vec<Arc<Source>>,
    order: Order,
    sink: &'a mut dyn Sink,
    tally: Tally,
    /// By source: what may become context, and how many records after a wanted one are still shown.
    before: Vec<VecDeque<Kept>>,
    after: Vec<usize>,
    rate: Option<Rate>,
    fold: Option<Fold>,
    end: Option<End>,
}

impl<'a> Sequence<'a> {
    /// A sequence of records of these sources into a sink.
    pub fn new(shared: &'a Sources, order: Order, sink: &'a mut dyn Sink) -> Self {
        Self {
            shared,
            sources: shared.all(),
            rate: order.rate.map(Rate::new),
            fold: order.fold.then(Fold::default),
            order,
            sink,
            tally: Tally::default(),
            before: Vec::new(),
            after: Vec::new(),
            end: None,
        }
    }

    /// Why it ends, once it does.
    pub fn ended(&self) -> Option<End> {
        self.end
    }

    fn make_room(&mut self, source: usize) {
        if source >= self.sources.len() {
            self.sources = self.shared.all();
        }
        if self.tally.counts.len() <= source {
            let many = source + 1;
            self.tally.counts.resize_with(many, Counts::default);
            self.before.resize_with(many, VecDeque::new);
            self.after.resize(many, 0);
        }
    }

    /// Counts lines that were read and are not wanted.
    pub fn filtered(&mut self, source: usize, lines: u64) {
        self.make_room(source);
        let counts = &mut self.tally.counts[source];
        counts.lines += lines;
        counts.filtered += lines;
    }

    /// Counts lines that could not be kept.
    pub fn dropped(&mut self, source: usize, level: Option<Level>, lines: u64) -> io::Result<()> {
        self.make_room(source);
        let counts = &mut self.tally.counts[source];
        counts.lines += lines;
        counts.dropped += lines;
        let note = dropped_note(None, level, lines)
            .with("because", "the reader of the output is too slow");
        self.note(Some(source), &note)
    }

    /// Takes a record.
    pub fn push(
        &mut self,
        record: Record<'_>,
        judged: Judged,
        rendered: Option<&str>,
    ) -> io::Result<()> {
        self.make_room(record.source);
        let counts = &mut self.tally.counts[record.source];
        counts.lines += u64::from(record.lines);
        counts.late += u64::from(record.late.is_some());
        let look = Look::with(record, judged.severity);
        self.gate(&look, judged);
        if judged.awaited {
            self.tally.awaited = true;
            self.end.get_or_insert(End::Match);
        }
        if !judged.passes {
            return self.beside(&look, judged, rendered);
        }
        if self.order.templates {
            let message = look.message();
            self.tally
                .templates
                .add(message.split('\n').next().unwrap_or_default());
        }
        let before = std::mem::take(&mut self.before[record.source]);
        for kept in before {
            self.show(&Look::new(kept.record()), None)?;
        }
        self.after[record.source] = self.order.context;
        self.show(&look, rendered)
    }

    /// A record that is not wanted, but may stand beside one that is.
    fn beside(
        &mut self,
        look: &Look<'_>,
        judged: Judged,
        rendered: Option<&str>,
    ) -> io::Result<()> {
        let source = look.record.source;
        if self.after[source] > 0 {
            self.after[source] -= 1;
            return self.show(look, rendered);
        }
        if self.order.context == 0 {
            self.tally.counts[source].filtered += u64::from(look.record.lines);
            return Ok(());
        }
        let before = &mut self.before[source];
        before.push_back(Kept::of(&look.record, judged.severity));
        if before.len() > self.order.context
            && let Some(old) = before.pop_front()
        {
            self.tally.counts[source].filtered += u64::from(old.lines);
        }
        Ok(())
    }

    fn gate(&mut self, look: &Look<'_>, judged: Judged) {
        let counts = &mut self.tally.counts[look.record.source];
        match judged.gate {
            Gate::Fine => return,
            Gate::Allowed => {
                counts.allowed += 1;
                return;
            }
            Gate::Error => {}
        }
        let guessed = judged.severity.is_some_and(|s| s.from == Provenance::Word);
        counts.errors += 1;
        counts.guessed += u64::from(guessed);
        self.tally.errors += 1;
        if self.tally.seen.len() < SEEN {
            let message = look.message();
            let first = message.split('\n').next().unwrap_or_default();
            self.tally.seen.push(Seen {
                source: look.record.source,
                at: look.at(),
                level: judged.level().unwrap_or(Level::Error),
                guessed,
                text: first.chars().take(SEEN_BYTES).collect(),
            });
        }
        if self
            .order
            .max_errors
            .is_some_and(|most| self.tally.errors > most)
        {
            self.end.get_or_insert(End::Errors);
        }
    }

    /// A record that is shown unless it is over the rate or repeats.
    fn show(&mut self, look: &Look<'_>, rendered: Option<&str>) -> io::Result<()> {
        let Some(rate) = &mut self.rate else {
            return self.fold(look, rendered);
        };
        let full = rate.push(look);
        if full {
            self.let_go()?;
        }
        // The one that began another second stands in the new one.
        Ok(())
    }

    /// Shows the second that is over, and says what was left out of it.
    fn let_go(&mut self) -> io::Result<()> {
        let Some(rate) = &mut self.rate else {
            return Ok(());
        };
        let (kept, dropped) = rate.take();
        for kept in &kept {
            self.fold(&Look::with(kept.record(), kept.severity), None)?;
        }
        for (source, level, at, lines) in dropped {
            self.tally.counts[source].dropped += lines;
            self.note(Some(source), &dropped_note(Some(at), level, lines))?;
        }
        Ok(())
    }

    fn fold(&mut self, look: &Look<'_>, rendered: Option<&str>) -> io::Result<()> {
        if let Some(fold) = &mut self.fold {
            let (repeats, over) = fold.push(look);
            for (source, note) in over {
                self.note(Some(source), &note)?;
            }
            if repeats {
                self.tally.counts[look.record.source].folded += u64::from(look.record.lines);
                return Ok(());
            }
        }
        self.tally.counts[look.record.source].shown += u64::from(look.record.lines);
        self.sink
            .record(&self.sources[look.record.source], look, rendered)?;
        if self.sink.is_full() {
            self.end.get_or_insert(End::Closed);
        }
        Ok(())
    }

    /// Tells something between the records.
    pub fn note(&mut self, source: Option<usize>, note: &Note) -> io::Result<()> {
        if let Some(source) = source {
            self.make_room(source);
        }
        self.sink
            .note(source.map(|source| &*self.sources[source]), note)
    }

    /// Nothing came for a while: what waits for the end of its second, or for repeats, is shown. `now`: the wall clock.
    pub fn idle(&mut self, now: i64) -> io::Result<()> {
        if self.rate.as_ref().is_some_and(|rate| rate.is_over(now)) {
            self.let_go()?;
        }
        let over = self
            .fold
            .as_mut()
            .map(|fold| fold.over(Some(now)))
            .unwrap_or_default();
        for (source, note) in over {
            self.note(Some(source), &note)?;
        }
        self.sink.flush()
    }

    /// The end: shows what was kept back, and gives what it came to; also where the output was lost on the way.
    pub fn finish(mut self) -> (Tally, Option<io::Error>) {
        let lost = self.last().err();
        (self.tally, lost)
    }

    fn last(&mut self) -> io::Result<()> {
        for (source, before) in self.before.iter().enumerate() {
            let lines: u64 = before.iter().map(|kept| u64::from(kept.lines)).sum();
            self.tally.counts[source].filtered += lines;
        }
        self.let_go()?;
        let over = self.fold.as_mut().map(Fold::all).unwrap_or_default();
        for (source, note) in over {
            self.note(Some(source), &note)?;
        }
        self.sink.flush()
    }

    /// The tally after the output was lost.
    pub fn abandon(self) -> Tally {
        self.tally
    }
}

fn dropped_note(at: Option<i64>, level: Option<Level>, lines: u64) -> Note {
    let word = level.map_or("unmarked", Level::as_str);
    let plural = if lines == 1 { "line" } else { "lines" };
    Note::new("dropped", at, format!("{lines} {word} {plural} dropped"))
        .with("level", level.map(Level::as_str))
        .with("lines", lines)
}
