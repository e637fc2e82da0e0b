//! How a record is shown: as text for people, or as one JSON object for other tools.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use anstyle::{AnsiColor, Style};
use regex::Regex;
use serde_json::{Map, Value};

use super::escape::{is_control, push_escaped, sgr};
use super::json;
use super::record::{Look, Stream, shown};
use super::sequence::Note;
use super::{Level, Source};
use crate::instant;

/// What takes secrets out of what is shown.
pub trait Clean: Send + Sync {
    /// Of a text.
    fn text<'a>(&self, text: &'a str) -> Cow<'a, str>;
    /// Of a value, by the names of its fields too.
    fn value(&self, value: &Value) -> Value;
}

/// How records are shown.
pub struct View {
    /// One JSON object a line, and nothing else.
    pub machine: bool,
    /// Colours.
    pub colour: bool,
    /// The time before each line.
    pub datetime: bool,
    /// The name of the source before each line.
    pub names: bool,
    /// Of JSON and logfmt only the message.
    pub message: bool,
    /// Of JSON and logfmt only these fields, by their paths.
    pub fields: Vec<String>,
    /// What is made to stand out.
    pub highlight: Vec<Regex>,
    /// What takes the secrets out.
    pub clean: Box<dyn Clean>,
}

const REVERSE: (&str, &str) = ("\x1b[7m", "\x1b[27m");

impl View {
    /// Appends the record, with its line feeds.
    pub fn record(&self, out: &mut String, source: &Source, look: &Look<'_>) {
        if self.machine {
            let value = self.clean.value(&object(source, look));
            let _ = writeln!(out, "{value}");
            return;
        }
        let body = self.body(look);
        let body = self.clean.text(&body);
        let level = look.severity().map(|found| found.level);
        for line in body.split('\n') {
            self.prefix(out, source, look);
            self.line(out, line.strip_suffix('\r').unwrap_or(line), level);
            out.push('\n');
        }
        if look.record.cut {
            out.pop();
            out.push_str(" [cut]\n");
        }
    }

    /// Appends a note between records.
    pub fn note(&self, out: &mut String, source: Option<&Source>, note: &Note) {
        if self.machine {
            let mut object = note.object();
            object.insert("source".into(), source.map(|s| s.name.clone()).into());
            let _ = writeln!(out, "{}", Value::Object(object));
            return;
        }
        let dim = if self.colour {
            Style::new().dimmed()
        } else {
            Style::new()
        };
        let at = note.at.filter(|_| self.datetime);
        let at = at
            .map(|at| format!("[{}] ", instant::text(at, false)))
            .unwrap_or_default();
        let text = self.clean.text(&note.text);
        let whose = source.map(|s| format!("{}: ", s.name)).unwrap_or_default();
        let _ = writeln!(out, "{dim}{at}── {whose}{text} ──{dim:#}");
    }

    fn prefix(&self, out: &mut String, source: &Source, look: &Look<'_>) {
        if self.datetime {
            match look.at() {
                Some(at) => _ = write!(out, "[{}] ", instant::text(at, false)),
                None => out.push_str("[no time] "),
            }
        }
        if let Some(late) = look.record.late {
            let _ = write!(out, "(late {} ms) ", late / 1_000_000);
        }
        if self.names && !source.name.is_empty() {
            let sign = if look.record.stream == Stream::Err {
                '!'
            } else {
                '|'
            };
            let style = if self.colour {
                source.style()
            } else {
                Style::new()
            };
            let _ = write!(out, "{style}{} {sign}{style:#} ", source.name);
        }
    }

    /// What of the record is shown.
    fn body<'a>(&self, look: &'a Look<'_>) -> Cow<'a, str> {
        // The most frequent wish by far, for which the line need not be taken apart.
        if let ([only], Some(head)) = (self.fields.as_slice(), look.head())
            && only == "message"
            && head.is_message
        {
            return look.message();
        }
        if !self.fields.is_empty() && look.fields().is_some() {
            let values = self
                .fields
                .iter()
                .map(|path| match (look.field(path), path.as_str()) {
                    (Some(value), _) => shown(value),
                    (None, "message") => look.message(),
                    (None, "level") => look
                        .severity()
                        .map_or(Cow::Borrowed("-"), |s| s.level.as_str().into()),
                    (None, "time") => look
                        .at()
                        .map_or(Cow::Borrowed("-"), |at| instant::text(at, true).into()),
                    (None, _) => Cow::Borrowed("-"),
                });
            return values.collect::<Vec<_>>().join(" ").into();
        }
        if self.message && (look.head().is_some() || look.fields().is_some()) {
            return look.message();
        }
        String::from_utf8_lossy(look.record.text)
    }

    /// One line: colours kept or taken out, control bytes made visible, matches marked.
    fn line(&self, out: &mut String, line: &str, level: Option<Level>) {
        // Nearly every line is nothing but text.
        let bare = line.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t'));
        if bare && !self.colour && self.highlight.is_empty() {
            out.push_str(line);
            return;
        }
        let (plain, own) = apart(line);
        let marks: Vec<Range<usize>> = self.marks(&plain);
        let painted = if self.colour && own.is_empty() {
            level.map(|level| (word_of(&plain, level), style(level)))
        } else {
            None
        };
        let (open, close) = if self.colour { REVERSE } else { ("**", "**") };
        let mut own = own.iter().peekable();
        let mut marks = marks.into_iter().peekable();
        let mut within: Option<usize> = None;
        for (at, letter) in plain.char_indices().chain([(plain.len(), '\0')]) {
            if within.is_some_and(|end| at >= end) {
                out.push_str(close);
                within = None;
            }
            if let Some((word, style)) = &painted {
                if at == word.end {
                    let _ = write!(out, "{style:#}");
                }
                if at == word.start && at < word.end {
                    let _ = write!(out, "{style}");
                }
            }
            while let Some((_, colour)) = own.next_if(|(place, _)| *place <= at) {
                if self.colour {
                    out.push_str(colour);
                    if within.is_some() {
                        out.push_str(open);
                    }
                }
            }
            if let Some(mark) = marks.next_if(|mark| mark.start <= at) {
                out.push_str(open);
                within = Some(mark.end);
            }
            if at == plain.len() {
                break;
            }
            if is_control(letter) {
                push_escaped(out, letter);
            } else {
                out.push(letter);
            }
        }
        if self.colour && line.contains('\x1b') {
            out.push_str("\x1b[0m");
        }
    }

    /// What is to stand out, without overlaps and empty ones.
    fn marks(&self, plain: &str) -> Vec<Range<usize>> {
        let mut all: Vec<_> = self
            .highlight
            .iter()
            .flat_map(|regex| regex.find_iter(plain).map(|found| found.range()))
            .filter(|range| !range.is_empty())
            .collect();
        all.sort_by_key(|range| range.start);
        let mut marks: Vec<Range<usize>> = Vec::with_capacity(all.len());
        for range in all {
            match marks.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => marks.push(range),
            }
        }
        marks
    }
}

/// The text without its colours, and where they stood.
fn apart(line: &str) -> (Cow<'_, str>, Vec<(usize, &str)>) {
    if !line.contains('\x1b') {
        return (Cow::Borrowed(line), Vec::new());
    }
    let mut plain = String::with_capacity(line.len());
    let mut colours = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find('\x1b') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match sgr(rest.as_bytes()) {
            Some(length) => {
                colours.push((plain.len(), &rest[..length]));
                length
            }
            None => {
                plain.push('\x1b');
                1
            }
        };
        rest = &rest[length..];
    }
    plain.push_str(rest);
    (plain.into(), colours)
}

/// Where the line says its level; the whole line when it does not say it in a word.
fn word_of(line: &str, level: Level) -> Range<usize> {
    let bytes = &line.as_bytes()[..line.len().min(300)];
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_alphabetic())
            .count();
        if Level::named(&bytes[at..at + length]) == Some(level) {
            return at..at + length;
        }
        at += length.max(1);
    }
    if level >= Level::Warn {
        0..line.len()
    } else {
        0..0
    }
}

fn style(level: Level) -> Style {
    match level {
        Level::Critical => AnsiColor::Red.on_default().bold(),
        Level::Error => AnsiColor::Red.on_default(),
        Level::Warn => AnsiColor::Yellow.on_default(),
        Level::Info => AnsiColor::Green.on_default(),
        Level::Debug | Level::Trace => AnsiColor::Cyan.on_default(),
    }
}

/// A record for other tools: time, source, container, stream, level, how it is known, message, and the fields that the
/// line has beside these.
fn object(source: &Source, look: &Look<'_>) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("time", look.at().map(|at| instant::text(at, true)).into());
    put("source", source.name.clone().into());
    if let Some(container) = &source.container {
        put("container", container.clone().into());
        put("stream", look.record.stream.as_str().into());
    }
    let severity = look.severity();
    put("level", severity.map(|s| s.level.as_str()).into());
    put("level_from", severity.map(|s| s.from.as_str()).into());
    put("message", look.message().into_owned().into());
    if let Some(late) = look.record.late {
        put("late_ms", (late / 1_000_000).into());
    }
    if look.record.cut {
        put("cut", true.into());
    }
    let fields = look.fields().and_then(Value::as_object);
    let own: Map<_, _> = fields
        .into_iter()
        .flatten()
        .filter(|(name, _)| !json::is_head_field(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !own.is_empty() {
        put("fields", Value::Object(own));
    }
    Value::Object(object)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::record::Record;
    use super::*;

    /// Takes nothing out.
    pub(crate) struct Open;

    impl Clean for Open {
        fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
            Cow::Borrowed(text)
        }
        fn value(&self, value: &Value) -> Value {
            value.clone()
        }
    }

    pub(crate) fn view() -> View {
        View {
            machine: false,
            colour: false,
            datetime: false,
            names: false,
            message: false,
            fields: vec![],
            highlight: vec![],
            clean: Box::new(Open),
        }
    }

    fn shows(view: &View, text: &str) -> String {
        let look = Look::new(Record {
            source: 0,
            at: None,
            stream: Stream::Err,
            text: text.as_bytes(),
            lines: 1,
            cut: false,
            late: None,
        });
        let mut out = String::new();
        view.record(&mut out, &Source::file("api"), &look);
        out
    }

    fn regexes(all: &[&str]) -> Vec<Regex> {
        all.iter()
            .filter_map(|text| Regex::new(text).ok())
            .collect()
    }

    #[test]
    fn a_highlight_breaks_neither_text_nor_colour() {
        let plain = View {
            highlight: regexes(&["a/b", "b.c"]),
            ..view()
        };
        assert_eq!(shows(&plain, "x a/b c y"), "x **a/b c** y\n");
        let coloured = View {
            colour: true,
            highlight: regexes(&["b c"]),
            ..view()
        };
        assert_eq!(
            shows(&coloured, "a \x1b[31mb\x1b[0m c"),
            "a \x1b[31m\x1b[7mb\x1b[0m\x1b[7m c\x1b[27m\x1b[0m\n"
        );
        assert_eq!(
            shows(&coloured, "ERROR b c"),
            "\x1b[31mERROR\x1b[0m \x1b[7mb c\x1b[27m\n"
        );
        let empty = View {
            highlight: regexes(&["x*"]),
            ..view()
        };
        assert_eq!(shows(&empty, "abc"), "abc\n");
    }

    #[test]
    fn control_bytes_are_made_visible_and_backslashes_left() {
        let view = view();
        assert_eq!(
            shows(&view, "C:\\new\\table\x07\x1b[2J\u{202e}\ttab"),
            "C:\\new\\table\\x07\\x1b[2J\\u{202e}\ttab\n"
        );
        assert_eq!(
            shows(&view, "a\x1b[31mb\x1b[0m"),
            "ab\n",
            "colours go where there is no colour"
        );
        assert_eq!(shows(&view, "-n"), "-n\n");
    }

    #[test]
    fn fields_and_messages() {
        let line = r#"{"message":"a \"b\"","status":500,"http":{"path":"/x"},"level":"error"}"#;
        let view = |message: bool, fields: &[&str]| View {
            message,
            fields: fields.iter().map(|f| (*f).to_owned()).collect(),
            ..view()
        };
        assert_eq!(shows(&view(true, &[]), line), "a \"b\"\n");
        assert_eq!(
            shows(&view(true, &["status", "http.path", "none"]), line),
            "500 /x -\n"
        );
        assert_eq!(shows(&view(true, &["status"]), "no json"), "no json\n");
        assert_eq!(shows(&view(true, &[]), "{\"x\":1}"), "{\"x\":1}\n");
    }

    #[test]
    fn one_object_for_machines() {
        let view = View {
            machine: true,
            ..view()
        };
        let line = r#"{"msg":"m","lvl":"WARN","ts":"2026-11-28T14:33:06Z","status":5}"#;
        assert_eq!(
            shows(&view, line),
            "{\"time\":\"2026-11-28T14:33:06.000000000Z\",\"source\":\"api\",\"level\":\"warn\",\"level_from\":\"field\",\"message\":\"m\",\"fields\":{\"status\":5}}\n"
        );
        assert_eq!(
            shows(&view, "a failed ERROR"),
            "{\"time\":null,\"source\":\"api\",\"level\":\"error\",\"level_from\":\"word\",\"message\":\"a failed ERROR\"}\n"
        );
    }

    #[test]
    fn a_trace_has_its_prefix_on_each_line() {
        let view = View {
            names: true,
            datetime: true,
            ..view()
        };
        assert_eq!(
            shows(&view, "ERROR x\n  at y"),
            "[no time] api ! ERROR x\n[no time] api !   at y\n"
        );
    }
}
