//! A container's log as it comes: lines one after the other, to its end or as long as the container runs, and from where
//! an earlier reading of it had come to.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as Wire;
use bollard::query_parameters::LogsOptions;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt as _, Stream, StreamExt as _};

use super::engine::ANSWER;
use super::error::{Sort, explain};
use super::events::{Event, EventRange, subscribe};
use super::lines::{Assembler, Line, Side};
use super::{Engine, Error};
use crate::instant::nanos;
use crate::run::Cx;

/// So many messages are taken in one go.
const GO: usize = 512;

/// Up to where a log was read: of each stream the time of its last line, and how many of its lines have that time. The
/// times of one stream do not go back (but with the clock), those of both together may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    out: At,
    err: At,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct At {
    time: i64,
    count: u64,
}

/// One line of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogText<'a> {
    /// When the engine got it, nanoseconds since 1970.
    pub at: Option<i64>,
    /// Whether it was written to standard error.
    pub stderr: bool,
    /// The text, without its end.
    pub text: &'a [u8],
    /// Whether it was cut at 64 KiB.
    pub cut: bool,
}

impl Mark {
    /// The earliest time that is still to be read; `None`: from the start.
    fn from(&self) -> Option<i64> {
        match (self.out.time, self.err.time) {
            (0, 0) => None,
            // A stream that has no line yet may have one that is older than the other's last.
            (0, time) | (time, 0) => Some(time.saturating_sub(SKEW)),
            (out, err) => Some(out.min(err)),
        }
    }
}

/// How much later than a younger line of the other stream a line may stand in the log.
const SKEW: i64 = 5_000_000_000;
/// So many times of each stream are remembered, to know again what the engine gives twice.
const REMEMBERED: usize = 1 << 16;

/// A log while it is read: tells what is new.
#[derive(Debug, Default)]
pub(super) struct Reading {
    out: OneStream,
    err: OneStream,
    /// Whether something was left out because it was read before.
    met: bool,
    /// Whether the engine may give again what it gave: it does at a rotation.
    follows: bool,
}

/// One stream of it.
#[derive(Debug, Default)]
struct OneStream {
    last: At,
    /// Lines of the last time that are yet to be left out.
    left: u64,
    /// Whether nothing new came since the reading began.
    resumes: bool,
    /// The times of what was given lately; ascending.
    recent: VecDeque<i64>,
    /// The last line, in a follow.
    text: Vec<u8>,
    /// Whether different lines had one time: then the engine's clock is coarse, and a time says nothing.
    coarse: bool,
}

impl Reading {
    /// A reading that goes on where another ended.
    pub(super) fn from(mark: Mark, follows: bool) -> Self {
        let side = |last: At| OneStream {
            last,
            left: last.count,
            resumes: last != At::default(),
            ..OneStream::default()
        };
        Self {
            out: side(mark.out),
            err: side(mark.err),
            met: false,
            follows,
        }
    }

    /// Whether the line is new. Then it counts as read.
    fn is_new(&mut self, stderr: bool, at: Option<i64>, text: &[u8]) -> bool {
        let Some(time) = at else { return true };
        let own = if stderr { &mut self.err } else { &mut self.out };
        let new = own.take(time, self.follows.then_some(text));
        self.met |= !new;
        new
    }

    /// The line, if it is new and not older than `since`. Then or not, it counts as read.
    pub(super) fn take<'a>(&mut self, got: &Line<'a>, since: Option<i64>) -> Option<LogText<'a>> {
        let (at, stderr) = (got.time.map(nanos), got.side == Side::Err);
        let within = since.is_none_or(|since| at.is_none_or(|at| at >= since));
        (self.is_new(stderr, at, got.text) && within).then_some(LogText {
            at,
            stderr,
            text: got.text,
            cut: got.cut,
        })
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            out: self.out.last,
            err: self.err.last,
        }
    }
}

impl OneStream {
    fn take(&mut self, time: i64, text: Option<&[u8]>) -> bool {
        if time == self.last.time {
            if self.left > 0 {
                self.left -= 1;
                return false;
            }
            let same = text.is_some_and(|text| text == self.text && !self.recent.is_empty());
            if same && !self.coarse {
                return false;
            }
            self.coarse = true;
            self.last.count += 1;
            self.keep(text);
            return true;
        }
        if time < self.last.time {
            if self.resumes {
                return false;
            }
            // At a rotation some engines give lines again [measured: 20.10 gave up to 36]. A time that was never given is
            // that of a clock that was set back.
            if self.recent.binary_search(&time).is_ok() {
                self.left = self.last.count;
                return false;
            }
            self.recent.clear();
        }
        self.last = At { time, count: 1 };
        (self.left, self.resumes) = (0, false);
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(time);
        self.keep(text);
        true
    }

    fn keep(&mut self, text: Option<&[u8]>) {
        if let Some(text) = text {
            self.text.clear();
            self.text.extend_from_slice(text);
        }
    }
}

/// What one step of a stream came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is more.
    More,
    /// Nothing came.
    Idle,
    /// The log ended, or the container did.
    End,
}

/// Reads logs and events of one engine, on the shared runtime.
#[derive(Clone)]
pub struct LogReader {
    client: Docker,
    place: String,
}

/// What of a log is read, and how.
#[derive(Debug, Clone, Copy)]
pub struct LogAsk {
    /// Up to where it was read before.
    pub mark: Mark,
    /// From this instant on.
    pub since: Option<i64>,
    /// As long as the container runs.
    pub follow: bool,
    /// A line that has no end yet is given too, because nobody will read on from here.
    pub last: bool,
    /// With the engine's times. Without them it takes the engine a tenth less.
    pub times: bool,
}

/// A log that is being read.
pub struct LogStream {
    frames: Pin<Box<dyn Stream<Item = Result<LogOutput, Wire>> + Send>>,
    assembler: Assembler,
    reading: Reading,
    ask: LogAsk,
    /// Whether what the mark stands for must still be there.
    seeks: bool,
    what: String,
    place: String,
}

impl Engine {
    /// A reader of this engine's logs, connected.
    pub fn log_reader(&self, cx: &Cx) -> Result<LogReader, Error> {
        Ok(LogReader {
            client: self.client(cx)?,
            place: self.endpoint()?.place(),
        })
    }
}

impl LogReader {
    /// Opens the log of a container, by its id.
    pub fn open(&self, id: &str, ask: LogAsk) -> LogStream {
        let LogAsk { mark, since, .. } = ask;
        let from = mark.from().max(since);
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            timestamps: ask.times,
            follow: ask.follow,
            // Whole seconds: a little more than asked comes, and is left out here.
            since: from.map_or(0, |at| {
                i32::try_from(at.div_euclid(1_000_000_000)).unwrap_or(i32::MAX)
            }),
            tail: "all".into(),
            ..LogsOptions::default()
        };
        LogStream {
            frames: Box::pin(self.client.logs(id, Some(options))),
            assembler: Assembler::default(),
            reading: Reading::from(mark, ask.follow),
            ask,
            seeks: mark
                .from()
                .is_some_and(|at| since.is_none_or(|since| at >= since)),
            what: format!("read the log of container `{id}`"),
            place: self.place.clone(),
        }
    }

    /// What the engine does from now on, or from an instant that is not long ago.
    pub fn events(
        &self,
        since: Option<DateTime<Utc>>,
    ) -> impl Stream<Item = Result<Event, Error>> + Send + use<> {
        let range = EventRange {
            since,
            ..EventRange::default()
        };
        let place = self.place.clone();
        subscribe(&self.client, &range).map(move |event| {
            event
                .map(Event::from)
                .map_err(|error| explain(error, Sort::Read, &place, "read events", ANSWER))
        })
    }
}

impl LogStream {
    /// Takes what is there, and waits at most `wait` for the first of it.
    pub async fn step(
        &mut self,
        wait: Duration,
        mut line: impl FnMut(LogText<'_>),
    ) -> Result<Step, Error> {
        let (reading, since) = (&mut self.reading, self.ask.since);
        let mut give = |got: Line<'_>| {
            if let Some(text) = reading.take(&got, since) {
                line(text);
            }
        };
        for taken in 0..GO {
            let frame = match self.frames.next().now_or_never() {
                Some(frame) => frame,
                None if taken > 0 => return Ok(Step::More),
                None => match tokio::time::timeout(wait, self.frames.next()).await {
                    Ok(frame) => frame,
                    Err(_) => return Ok(Step::Idle),
                },
            };
            let Some(frame) = frame else {
                if self.ask.last {
                    self.assembler.flush(&mut give);
                }
                return Ok(Step::End);
            };
            let frame = frame
                .map_err(|error| explain(error, Sort::Read, &self.place, &self.what, ANSWER))?;
            self.assembler.take(&frame, self.ask.times, &mut give);
        }
        Ok(Step::More)
    }

    /// Up to where it was read.
    pub fn mark(&self) -> Mark {
        self.reading.mark()
    }

    /// Whether something new came, and the line where the last reading ended was there no more: what stood between is lost.
    pub fn has_gap(&self) -> bool {
        let [out, err] = [&self.reading.out, &self.reading.err];
        let new = out.recent.len() + err.recent.len() > 0;
        self.seeks && new && !self.reading.met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_left_out_and_nothing_else() {
        let lines = [
            (false, 1, "a"),
            (false, 1, "b"),
            (true, 1, "a"),
            (false, 2, "c"),
            (true, 2, "b"),
            (true, 2, "c"),
            (false, 3, "c"),
        ];
        let new = |reading: &mut Reading, (stderr, at, text): &(bool, i64, &str)| {
            reading.is_new(*stderr, Some(*at), text.as_bytes())
        };
        for follows in [false, true] {
            for read in 0..=lines.len() {
                let mut before = Reading::from(Mark::default(), follows);
                assert!(lines[..read].iter().all(|line| new(&mut before, line)));
                let mut after = Reading::from(before.mark(), follows);
                let rest: Vec<_> = lines.iter().filter(|line| new(&mut after, line)).collect();
                assert_eq!(rest, lines[read..].iter().collect::<Vec<_>>(), "{read}");
            }
        }
    }

    #[test]
    fn what_the_engine_gives_twice_is_given_once_and_a_clock_may_go_back() {
        let mut reading = Reading::from(Mark::default(), true);
        let mut given = Vec::new();
        let lines = [
            (1, "a"),
            (2, "a"),
            // The last one alone, again.
            (2, "a"),
            (3, "a"),
            // Two at one time: the clock is coarse.
            (3, "b"),
            (2, "a"),
            (3, "a"),
            (3, "b"),
            (3, "b"),
            (4, "a"),
            (1, "a"),
            (4, "a"),
            (5, "a"),
            (0, "a"),
            (1, "a"),
        ];
        for (at, text) in lines {
            if reading.is_new(false, Some(at), text.as_bytes()) {
                given.push(at);
            }
        }
        assert_eq!(given, [1, 2, 3, 3, 3, 4, 5, 0, 1]);
    }
}
