//! A container's log: its last lines, bounded, or a count of the lines that match, in constant memory.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as Wire;
use bollard::query_parameters::LogsOptions;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use regex::bytes::{Regex, RegexBuilder};
use serde::Serialize;

use super::engine::checked_name;
use super::lines::{Assembler, Line};
use super::{Engine, Error};
use crate::run::Cx;

/// Reading a whole log may take long: the engine gives about 150,000 lines a second.
const READ: Duration = Duration::from_secs(600);

/// Which lines of a log.
#[derive(Debug, Clone)]
pub struct LogRange {
    /// Only this many, the newest.
    pub last: Option<usize>,
    /// From this instant on.
    pub since: Option<DateTime<Utc>>,
    /// Up to this instant.
    pub until: Option<DateTime<Utc>>,
    /// Those of standard output.
    pub stdout: bool,
    /// Those of standard error.
    pub stderr: bool,
}

impl Default for LogRange {
    fn default() -> Self {
        Self {
            last: None,
            since: None,
            until: None,
            stdout: true,
            stderr: true,
        }
    }
}

/// How much of a log is kept: the newest that fits.
#[derive(Debug, Clone, Copy)]
pub struct LogBounds {
    /// Lines.
    pub lines: usize,
    /// Bytes of text.
    pub bytes: usize,
}

/// Lines of a log, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Logs {
    /// The container.
    pub name: String,
    /// The lines.
    pub lines: Vec<LogLine>,
    /// Whether older lines of the range were left out, or a line was cut at 64 KiB.
    pub truncated: bool,
    /// How many older lines were left out.
    pub dropped: i64,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When the engine got it.
    pub time: Option<DateTime<Utc>>,
    /// `stdout` or `stderr`.
    pub stream: &'static str,
    /// The text, without its end; what is not UTF-8 is replaced.
    pub line: String,
}

/// How many lines matched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineCount {
    /// The container.
    pub name: String,
    /// Lines that match `pattern` and do not match `except`.
    pub matched: i64,
    /// All lines looked at.
    pub lines: i64,
    /// When the first matching line was written.
    pub first: Option<DateTime<Utc>>,
    /// When the last matching line was written.
    pub last: Option<DateTime<Utc>>,
    /// The last matching line, at most 512 bytes of it.
    pub sample: Option<String>,
}

impl Engine {
    /// The lines of `range`, the newest that fit into `bounds`.
    pub fn logs(
        &self,
        cx: &Cx,
        name: &str,
        range: &LogRange,
        bounds: LogBounds,
    ) -> Result<Logs, Error> {
        self.sure(cx, name)?;
        let what = format!("read the log of container `{name}`");
        let limit = LogBounds {
            lines: range.last.unwrap_or(usize::MAX).min(bounds.lines),
            ..bounds
        };
        // The engine counts `tail` over both streams and filters afterwards; so for one stream alone
        // more is asked for until there is enough.
        let both = range.stdout && range.stderr;
        let mut ask = range.last;
        loop {
            let (owned, within) = (name.to_owned(), range.clone());
            let (tail, seen) = self
                .read(cx, &what, READ, move |client| async move {
                    let mut tail = Tail::new(limit);
                    let seen = scan(&client, &owned, &within, ask, |line| tail.push(line)).await?;
                    Ok((tail, seen))
                })
                .map_err(|error| self.named(cx, name, error))?;
            let enough = match (range.last, ask) {
                (Some(last), Some(asked)) => both || tail.count >= last || seen < asked,
                _ => true,
            };
            if enough {
                // What was asked for and got whole is not truncated.
                let wanted = tail.count.min(range.last.unwrap_or(usize::MAX));
                let dropped = wanted.saturating_sub(tail.lines.len());
                return Ok(Logs {
                    name: name.to_owned(),
                    truncated: dropped > 0 || tail.cut,
                    dropped: i64::try_from(dropped).unwrap_or(i64::MAX),
                    lines: tail.lines.into(),
                });
            }
            ask = ask.map(|n| n.saturating_mul(8).max(256));
        }
    }

    /// Counts the lines of `range` that match `pattern` and not `except`.
    pub fn count_lines(
        &self,
        cx: &Cx,
        name: &str,
        range: &LogRange,
        pattern: &str,
        except: Option<&str>,
    ) -> Result<LineCount, Error> {
        let pattern = compiled("pattern", pattern)?;
        let except = except.map(|e| compiled("except", e)).transpose()?;
        self.sure(cx, name)?;
        let what = format!("read the log of container `{name}`");
        let (owned, range) = (name.to_owned(), range.clone());
        self.read(cx, &what, READ, move |client| async move {
            let mut count = LineCount {
                name: owned.clone(),
                matched: 0,
                lines: 0,
                first: None,
                last: None,
                sample: None,
            };
            let mut sample = Vec::new();
            scan(&client, &owned, &range, range.last, |line| {
                count.lines += 1;
                if pattern.is_match(line.text)
                    && !except.as_ref().is_some_and(|e| e.is_match(line.text))
                {
                    count.matched += 1;
                    count.first = count.first.or(line.time);
                    count.last = line.time;
                    sample.clear();
                    sample.extend_from_slice(&line.text[..line.text.len().min(512)]);
                }
            })
            .await?;
            count.sample =
                (count.matched > 0).then(|| String::from_utf8_lossy(&sample).into_owned());
            Ok(count)
        })
        .map_err(|error| self.named(cx, name, error))
    }

    /// A name that could be the beginning of an id is looked up first (see `detail::meant`).
    pub(super) fn sure(&self, cx: &Cx, name: &str) -> Result<(), Error> {
        checked_name(name)?;
        if name.len() < 12 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
            self.container(cx, name)?;
        }
        Ok(())
    }

    /// A missing container with the names that look like it.
    pub(super) fn named(&self, cx: &Cx, name: &str, error: Error) -> Error {
        match error {
            Error::NotFound { message, .. } if message.starts_with("no such container") => {
                self.missing(cx, name)
            }
            other => other,
        }
    }
}

/// Gives every line that `range` includes; returns how many messages the engine sent for that.
async fn scan(
    client: &Docker,
    name: &str,
    range: &LogRange,
    tail: Option<usize>,
    mut line: impl FnMut(Line<'_>),
) -> Result<usize, Wire> {
    let options = LogsOptions {
        stdout: true,
        stderr: true,
        timestamps: true,
        // Whole seconds only, so a little more than asked comes; the rest is cut below.
        since: range.since.map_or(0, |t| seconds(t.timestamp())),
        until: range
            .until
            .map_or(0, |t| seconds(t.timestamp().saturating_add(1))),
        tail: tail.map_or_else(|| "all".into(), |n| n.to_string()),
        ..LogsOptions::default()
    };
    let mut frames = std::pin::pin!(client.logs(name, Some(options)));
    let mut assembler = Assembler::default();
    let mut sift = |got: Line<'_>| {
        if range.includes(&got) {
            line(got);
        }
    };
    let mut messages = 0;
    while let Some(frame) = frames.next().await {
        messages += 1;
        assembler.take(&frame?, true, &mut sift);
    }
    assembler.flush(&mut sift);
    Ok(messages)
}

impl LogRange {
    fn includes(&self, line: &Line<'_>) -> bool {
        let side = match line.side {
            super::lines::Side::Out => self.stdout,
            super::lines::Side::Err => self.stderr,
        };
        let from = self
            .since
            .is_none_or(|since| line.time.is_none_or(|t| t >= since));
        let to = self
            .until
            .is_none_or(|until| line.time.is_none_or(|t| t <= until));
        side && from && to
    }
}

/// The newest lines that fit.
struct Tail {
    lines: VecDeque<LogLine>,
    bytes: usize,
    count: usize,
    cut: bool,
    bounds: LogBounds,
}

impl Tail {
    fn new(bounds: LogBounds) -> Self {
        Self {
            lines: VecDeque::new(),
            bytes: 0,
            count: 0,
            cut: false,
            bounds,
        }
    }

    fn push(&mut self, line: Line<'_>) {
        self.count += 1;
        self.cut |= line.cut;
        let text = String::from_utf8_lossy(line.text).into_owned();
        self.bytes += text.len();
        self.lines.push_back(LogLine {
            time: line.time,
            stream: line.side.as_str(),
            line: text,
        });
        while self.shrink().is_continue() {}
    }

    fn shrink(&mut self) -> ControlFlow<()> {
        if self.lines.len() <= self.bounds.lines && self.bytes <= self.bounds.bytes {
            return ControlFlow::Break(());
        }
        match self.lines.pop_front() {
            Some(old) => {
                self.bytes -= old.line.len();
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        }
    }
}

fn compiled(option: &str, text: &str) -> Result<Regex, Error> {
    RegexBuilder::new(text)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| {
            let why = crate::pattern::why(&error);
            Error::Invalid(format!(
                "`{option}` is {text:?}, which is no regular expression: {why}"
            ))
        })
}

fn seconds(unix: i64) -> i32 {
    i32::try_from(unix.max(0)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::lines::Side;
    use super::*;

    #[test]
    fn the_newest_that_fit_are_kept() {
        let mut tail = Tail::new(LogBounds {
            lines: 3,
            bytes: 10,
        });
        for text in ["one", "two", "three", "four", "five"] {
            tail.push(Line {
                time: None,
                side: Side::Out,
                text: text.as_bytes(),
                cut: false,
            });
        }
        let kept: Vec<_> = tail.lines.iter().map(|l| l.line.as_str()).collect();
        assert_eq!(kept, ["four", "five"]);
        assert_eq!((tail.count, tail.bytes), (5, 8));
    }

    #[test]
    fn a_wrong_pattern_says_which_and_why() {
        let error = compiled("except", "a(")
            .map(|_| ())
            .map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err("`except` is \"a(\", which is no regular expression: unclosed group".into())
        );
    }

    #[test]
    fn a_range_is_exact_although_the_engine_counts_seconds() {
        let at = |text: &str| {
            DateTime::parse_from_rfc3339(text)
                .ok()
                .map(|t| t.with_timezone(&Utc))
        };
        let range = LogRange {
            since: at("2026-01-01T00:00:00.5Z"),
            until: at("2026-01-01T00:00:01Z"),
            stderr: false,
            ..LogRange::default()
        };
        for (time, side, expected) in [
            ("2026-01-01T00:00:00.4Z", Side::Out, false),
            ("2026-01-01T00:00:00.5Z", Side::Out, true),
            ("2026-01-01T00:00:00.9Z", Side::Err, false),
            ("2026-01-01T00:00:01.1Z", Side::Out, false),
        ] {
            let line = Line {
                time: at(time),
                side,
                text: b"",
                cut: false,
            };
            assert_eq!(range.includes(&line), expected, "{time}");
        }
    }
}
