//! A record: a line as it was read, with the lines of its trace, and what is found in it when it is asked for.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

use super::json::{self, Head};
use super::logfmt;
use super::severity::{self, Severity, first_line};
use crate::instant;

/// Which of a program's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output, or a file.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// `stdout` or `stderr`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }
}

/// A line, and the lines of its trace.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Which of the sources it is from.
    pub source: usize,
    /// When the engine got it, nanoseconds since 1970; `None` in a file.
    pub at: Option<i64>,
    /// Of which stream.
    pub stream: Stream,
    /// The lines, without the last line feed.
    pub text: &'a [u8],
    /// How many there are.
    pub lines: u32,
    /// Whether something of it was cut off.
    pub cut: bool,
    /// By how much it came after something that is younger, in nanoseconds.
    pub late: Option<i64>,
}

/// A record that is looked into. What was found once is kept.
#[derive(Debug)]
pub struct Look<'a> {
    /// The record.
    pub record: Record<'a>,
    head: OnceCell<Option<Head<'a>>>,
    severity: OnceCell<Option<Severity>>,
    whole: OnceCell<Option<Value>>,
}

impl<'a> Look<'a> {
    /// Looks at nothing yet.
    pub fn new(record: Record<'a>) -> Self {
        Self {
            record,
            head: OnceCell::new(),
            severity: OnceCell::new(),
            whole: OnceCell::new(),
        }
    }

    /// The same, where the severity is known.
    pub(super) fn with(record: Record<'a>, severity: Option<Severity>) -> Self {
        let look = Self::new(record);
        let _ = look.severity.set(severity);
        look
    }

    /// What a JSON line says of itself.
    pub fn head(&self) -> Option<&Head<'a>> {
        self.head
            .get_or_init(|| json::head(self.record.text))
            .as_ref()
    }

    /// How bad it is.
    pub fn severity(&self) -> Option<Severity> {
        *self
            .severity
            .get_or_init(|| severity::with_head(self.head(), self.record.text))
    }

    /// When: the engine's time, else what the line says.
    pub fn at(&self) -> Option<i64> {
        self.record.at.or_else(|| match self.head() {
            Some(head) => head.time,
            None => instant::of_text(first_line(self.record.text)),
        })
    }

    /// The fields of JSON, else those of logfmt.
    pub fn fields(&self) -> Option<&Value> {
        self.whole
            .get_or_init(|| {
                json::whole(self.record.text)
                    .or_else(|| logfmt::fields(first_line(self.record.text)).map(Value::Object))
            })
            .as_ref()
    }

    /// What it says: the message of JSON or logfmt, else the text.
    pub fn message(&self) -> Cow<'_, str> {
        if let Some(head) = self.head() {
            if let Some(message) = &head.message {
                return Cow::Borrowed(message);
            }
        } else if memchr::memchr(b'=', self.record.text).is_some()
            && let Some(message) = self
                .fields()
                .and_then(|f| f.get("msg").or_else(|| f.get("message")))
            && let Some(text) = message.as_str()
        {
            return Cow::Borrowed(text);
        }
        String::from_utf8_lossy(self.record.text)
    }

    /// A field by its path.
    pub fn field(&self, path: &str) -> Option<&Value> {
        json::field(self.fields()?, path)
    }
}

/// A value as text: what a person would write.
pub(super) fn shown(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}
