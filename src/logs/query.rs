//! What is wanted of a log: which records pass, which are errors that the gate counts, and which end a follow.

use regex::bytes::{Regex, RegexBuilder};

use super::Level;
use super::condition::Condition;
use super::record::{Look, Record, Stream};
use super::severity::Severity;

/// What is wanted. An empty one takes everything.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only what is at least this bad. What has no level does not pass.
    pub level: Option<Level>,
    /// Only what matches one of these.
    pub grep: Vec<Regex>,
    /// Nothing that matches one of these.
    pub without: Vec<Regex>,
    /// Only what fulfils it.
    pub condition: Option<Condition>,
    /// Only what has this word in it.
    pub trace: Option<Trace>,
    /// From this instant on, nanoseconds since 1970.
    pub since: Option<i64>,
    /// Up to this instant.
    pub until: Option<i64>,
    /// Of this stream alone.
    pub stream: Option<Stream>,
    /// Errors that match one of these are none.
    pub allow: Vec<Regex>,
    /// The record that is waited for.
    pub await_for: Vec<Regex>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Whether it is wanted.
    pub passes: bool,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// What the gate says to it.
    pub gate: Gate,
    /// Whether it is what was waited for.
    pub awaited: bool,
}

/// What the gate says to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It is no error, or not asked for.
    Fine,
    /// An error that is allowed.
    Allowed,
    /// An error.
    Error,
}

impl Judged {
    /// It is not wanted.
    const AWAY: Self = Self {
        passes: false,
        severity: None,
        gate: Gate::Fine,
        awaited: false,
    };

    /// How bad it is, where that is known.
    pub fn level(&self) -> Option<Level> {
        self.severity.map(|found| found.level)
    }
}

impl Query {
    /// Judges a record of the source with this name. The gate sees what passes all but `level`.
    pub fn judge(&self, record: Record<'_>, source: &str) -> Judged {
        self.judge_look(&Look::new(record), source)
    }

    /// The same; what was found on the way is kept in `look`.
    pub(super) fn judge_look(&self, look: &Look<'_>, source: &str) -> Judged {
        let record = look.record;
        let awaited = self
            .await_for
            .iter()
            .any(|regex| regex.is_match(record.text));
        let away = Judged {
            awaited,
            ..Judged::AWAY
        };
        let text = record.text;
        if self.stream.is_some_and(|stream| stream != record.stream)
            || !self.grep.is_empty() && !self.grep.iter().any(|regex| regex.is_match(text))
            || self.without.iter().any(|regex| regex.is_match(text))
            || self.trace.as_ref().is_some_and(|trace| !trace.is_in(text))
        {
            return away;
        }
        if !self.in_time(look)
            || self
                .condition
                .as_ref()
                .is_some_and(|c| !c.holds(look, source))
        {
            return away;
        }
        let severity = look.severity();
        let level = severity.map(|found| found.level);
        let gate = match level {
            Some(Level::Error | Level::Critical) => {
                if self.allow.iter().any(|regex| regex.is_match(text)) {
                    Gate::Allowed
                } else {
                    Gate::Error
                }
            }
            _ => Gate::Fine,
        };
        Judged {
            passes: self
                .level
                .is_none_or(|least| level.is_some_and(|level| level >= least)),
            severity,
            gate,
            awaited,
        }
    }

    fn in_time(&self, look: &Look<'_>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        // What does not say when it was written cannot be within.
        look.at().is_some_and(|at| {
            self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at <= until)
        })
    }

    /// What is at least this bad may matter, and nothing else; `None`: anything may.
    pub(super) fn least(&self) -> Option<Level> {
        // The gate sees errors, whatever is shown.
        self.level
            .filter(|level| *level >= Level::Warn && self.await_for.is_empty())
            .map(|level| level.min(Level::Error))
    }
}

/// An id that goes through many services: of a trace, a request, an order.
#[derive(Debug, Clone)]
pub struct Trace(String);

impl Trace {
    /// An id.
    pub fn new(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.0
    }

    /// Whether it stands there as a whole: `12` is not in `312`.
    pub fn is_in(&self, text: &[u8]) -> bool {
        let part = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        memchr::memmem::find_iter(text, self.0.as_bytes()).any(|at| {
            let before = at.checked_sub(1).and_then(|at| text.get(at));
            !part(before) && !part(text.get(at + self.0.len()))
        })
    }
}

/// Compiles what a person wrote as a regular expression: lines begin and end at `^` and `$`.
pub fn pattern(text: &str, ignore_case: bool) -> Result<Regex, String> {
    // The flags stand in the pattern, so that it can become a part of a larger one.
    let case = if ignore_case { "i" } else { "" };
    RegexBuilder::new(&format!("(?mR{case}){text}"))
        .size_limit(1 << 22)
        .build()
        .map_err(|error| reason(text, &error))
}

/// Why it is none, in one line.
pub(super) fn reason(text: &str, error: &regex::Error) -> String {
    let why = crate::pattern::why(error);
    format!("{text:?} is no regular expression: {why}")
}

/// Reads `--level`: `warn`, or `warn+` for the same.
pub fn level(text: &str) -> Result<Level, String> {
    let word = text.strip_suffix('+').unwrap_or(text);
    Level::named(word.to_ascii_lowercase().as_bytes()).ok_or_else(|| {
        let all: Vec<_> = Level::ALL.iter().map(|level| level.as_str()).collect();
        format!("{text:?} is no level; there are {}", all.join(", "))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn judge(query: &Query, text: &str) -> Judged {
        let record = Record {
            source: 0,
            at: None,
            stream: Stream::Out,
            text: text.as_bytes(),
            lines: 1,
            cut: false,
            late: None,
        };
        query.judge(record, "api")
    }

    #[test]
    fn the_gate_sees_what_passes_all_but_the_level() {
        let query = Query {
            level: Some(Level::Critical),
            grep: vec![pattern("order", true).unwrap()],
            without: vec![pattern("known", true).unwrap()],
            allow: vec![pattern("retry", true).unwrap()],
            ..Query::default()
        };
        for (text, passes, gate) in [
            ("ERROR: Order 5", false, Gate::Error),
            ("FATAL: order 5", true, Gate::Error),
            ("ERROR: order 5, retry", false, Gate::Allowed),
            ("ERROR: order 5, known", false, Gate::Fine),
            ("ERROR: else", false, Gate::Fine),
            ("INFO: order", false, Gate::Fine),
        ] {
            let judged = judge(&query, text);
            assert_eq!((judged.passes, judged.gate), (passes, gate), "{text}");
        }
    }

    #[test]
    fn what_says_no_time_is_not_within_a_range() {
        let query = Query {
            since: Some(1_795_876_386_000_000_000),
            ..Query::default()
        };
        assert!(judge(&query, "2026-11-28T14:33:07Z x").passes);
        assert!(!judge(&query, "2026-11-28T14:33:05Z x").passes);
        assert!(!judge(&query, "x").passes);
    }

    #[test]
    fn an_id_stands_as_a_whole() {
        let trace = Trace::new("ab-12");
        assert!(trace.is_in(b"id=ab-12 x"));
        assert!(trace.is_in(b"xab-12 \"ab-12\""));
        assert!(!trace.is_in(b"ab-123 xab-12"));
    }

    #[test]
    fn levels_and_patterns_are_read_or_refused_in_words() {
        assert_eq!(level("WARN+"), Ok(Level::Warn));
        assert_eq!(
            level("loud").unwrap_err(),
            "\"loud\" is no level; there are trace, debug, info, warn, error, critical"
        );
        assert_eq!(
            pattern("a(", true).unwrap_err(),
            "\"a(\" is no regular expression: unclosed group"
        );
    }
}
