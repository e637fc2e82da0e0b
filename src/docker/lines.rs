//! From log frames to lines: a frame carries one message of the log driver, which is a line only when
//! the line was short. Long ones come in pieces, each with a timestamp of its own.

use bollard::container::LogOutput;
use chrono::{DateTime, Utc};

use crate::instant;

/// A longer line is cut here.
pub(super) const LINE_LIMIT: usize = 64 * 1024;

/// Which of the two streams. A container with a terminal has only the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Out,
    Err,
}

impl Side {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }
}

/// One whole line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) time: Option<DateTime<Utc>>,
    pub(super) side: Side,
    pub(super) text: &'a [u8],
    /// Whether it was longer than [`LINE_LIMIT`].
    pub(super) cut: bool,
}

/// Puts lines together, each stream by itself, in constant memory.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    out: Open,
    err: Open,
}

/// A line whose end has not come yet.
#[derive(Debug, Default)]
struct Open {
    time: Option<DateTime<Utc>>,
    text: Vec<u8>,
    started: bool,
    cut: bool,
}

impl Assembler {
    /// Takes a frame of a log, and whether it was asked for with timestamps; gives each line that it ends.
    pub(super) fn take(
        &mut self,
        frame: &LogOutput,
        stamped: bool,
        mut line: impl FnMut(Line<'_>),
    ) {
        let (side, message) = match frame {
            LogOutput::StdErr { message } => (Side::Err, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => (Side::Out, message),
            LogOutput::StdIn { .. } => return,
        };
        let (time, text) = if stamped {
            stamp(message)
        } else {
            (None, &message[..])
        };
        self.message(side, time, text, &mut line);
    }

    /// Takes a message of the log driver, with its line feed if it has one; gives the line that it ends.
    pub(super) fn message(
        &mut self,
        side: Side,
        time: Option<DateTime<Utc>>,
        text: &[u8],
        line: &mut impl FnMut(Line<'_>),
    ) {
        let open = match side {
            Side::Out => &mut self.out,
            Side::Err => &mut self.err,
        };
        match text.strip_suffix(b"\n") {
            // The common case: one message is one line, and nothing is copied.
            Some(text) if !open.started && text.len() <= LINE_LIMIT => {
                line(Line {
                    time,
                    side,
                    text: trim(text),
                    cut: false,
                });
            }
            Some(text) => {
                open.add(time, text);
                open.give(side, line);
            }
            None => open.add(time, text),
        }
    }

    /// Gives what never saw its end.
    pub(super) fn flush(&mut self, mut line: impl FnMut(Line<'_>)) {
        for (open, side) in [(&mut self.out, Side::Out), (&mut self.err, Side::Err)] {
            if open.started {
                open.give(side, &mut line);
            }
        }
    }
}

impl Open {
    fn add(&mut self, time: Option<DateTime<Utc>>, text: &[u8]) {
        if !self.started {
            self.started = true;
            self.time = time;
        }
        let room = LINE_LIMIT - self.text.len();
        self.cut |= text.len() > room;
        self.text.extend_from_slice(&text[..text.len().min(room)]);
    }

    fn give(&mut self, side: Side, line: &mut impl FnMut(Line<'_>)) {
        line(Line {
            time: self.time,
            side,
            text: trim(&self.text),
            cut: self.cut,
        });
        self.text.clear();
        self.started = false;
        self.cut = false;
    }
}

/// Terminals end lines with `\r\n`.
fn trim(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Takes the timestamp off. What has none is given whole: better a line without a time than no line.
fn stamp(message: &[u8]) -> (Option<DateTime<Utc>>, &[u8]) {
    let Some(space) = memchr::memchr(b' ', &message[..message.len().min(40)]) else {
        return (None, message);
    };
    // The engine always writes all digits, and this is read for each line: chrono's own parser takes ten times as long.
    match instant::parse_prefix(&message[..space]) {
        Some((at, length)) if length == space => (
            Some(DateTime::from_timestamp_nanos(at)),
            &message[space + 1..],
        ),
        _ => (None, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(frames: &[(Side, &str)]) -> Vec<(Side, String, bool, bool)> {
        let mut seen = Vec::new();
        let mut assembler = Assembler::default();
        let mut keep = |line: Line<'_>| {
            let text = String::from_utf8_lossy(line.text).into_owned();
            seen.push((line.side, text, line.time.is_some(), line.cut));
        };
        for (side, text) in frames {
            let message = text.to_string().into();
            let frame = match side {
                Side::Out => LogOutput::StdOut { message },
                Side::Err => LogOutput::StdErr { message },
            };
            assembler.take(&frame, true, &mut keep);
        }
        assembler.flush(&mut keep);
        seen
    }

    const T: &str = "2026-11-24T17:00:00.123456789Z";

    #[test]
    fn frames_become_lines() {
        use Side::{Err, Out};
        type Case<'a> = (&'a [(Side, &'a str)], &'a [(Side, &'a str, bool)]);
        let cases: &[Case<'_>] = &[
            (
                &[(Out, "T one\n"), (Err, "T two\n")],
                &[(Out, "one", true), (Err, "two", true)],
            ),
            // A long line in pieces, with the other stream in between.
            (
                &[(Out, "T start "), (Err, "T oops\n"), (Out, "T end\n")],
                &[(Err, "oops", true), (Out, "start end", true)],
            ),
            (&[(Out, "T \n")], &[(Out, "", true)]),
            (&[(Out, "T no end")], &[(Out, "no end", true)]),
            (&[(Out, "no time\n")], &[(Out, "no time", false)]),
            (&[(Out, "T a\r\n")], &[(Out, "a", true)]),
            (&[(Out, "")], &[(Out, "", false)]),
        ];
        for (frames, expected) in cases {
            let stamped: Vec<_> = frames
                .iter()
                .map(|(side, text)| {
                    (
                        *side,
                        text.strip_prefix('T')
                            .map_or((*text).into(), |t| format!("{T}{t}")),
                    )
                })
                .collect();
            let borrowed: Vec<_> = stamped
                .iter()
                .map(|(side, text)| (*side, text.as_str()))
                .collect();
            let seen: Vec<_> = lines(&borrowed)
                .into_iter()
                .map(|(s, t, timed, _)| (s, t, timed))
                .collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(s, t, timed)| (*s, (*t).to_owned(), *timed))
                .collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_one_is_whole() {
        let piece = "x".repeat(16 * 1024);
        let mut frames = vec![(Side::Out, piece.as_str()); 10];
        frames.push((Side::Out, "\n"));
        frames.push((Side::Out, "next\n"));
        let seen = lines(&frames);
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].1.len(), seen[0].3), (LINE_LIMIT, true));
        assert_eq!((seen[1].1.as_str(), seen[1].3), ("next", false));
    }
}
