//! JSON lines: the few fields that tell about the line itself, taken out without building the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Level;
use crate::instant;

/// The fields that loggers write the level, the message and the time in; the first that is there counts.
const LEVELS: [&str; 9] = [
    "level",
    "severity",
    "lvl",
    "log_level",
    "loglevel",
    "levelname",
    "level_name",
    "log.level",
    "@level",
];
const MESSAGES: [&str; 6] = ["message", "msg", "@message", "event", "text", "log"];
const TIMES: [&str; 8] = [
    "time",
    "timestamp",
    "ts",
    "@timestamp",
    "datetime",
    "asctime",
    "date",
    "t",
];

/// What a JSON line says of itself.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Head<'a> {
    /// How bad it is.
    pub level: Option<Level>,
    /// What it says.
    pub message: Option<Cow<'a, str>>,
    /// When it was written, nanoseconds since 1970.
    pub time: Option<i64>,
    /// Whether the message is that of a field called `message`.
    pub(super) is_message: bool,
}

/// The head of a line that is a JSON object; `None` when it is none.
pub(super) fn head(text: &[u8]) -> Option<Head<'_>> {
    if !is_object(text) {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let found = reader.deserialize_map(Seek { text }).ok()?;
    reader.end().ok()?;
    Some(found.head)
}

/// Whether it may be a JSON object.
fn is_object(text: &[u8]) -> bool {
    text.first() == Some(&b'{') || text.trim_ascii_start().first() == Some(&b'{')
}

/// The whole line as a value; `None` when it is no object.
pub(super) fn whole(text: &[u8]) -> Option<Value> {
    if !is_object(text) {
        return None;
    }
    serde_json::from_slice(text).ok().filter(Value::is_object)
}

/// A field by its path: the key as it stands, else step by step, `a.b` and `a[0]`.
pub(super) fn field<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    let path = path.replace('[', ".").replace(']', "");
    walk(value, &path)
}

/// The longest key first: `log.level` may be one.
fn walk<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = get(value, path) {
        return Some(found);
    }
    let mut end = path.len();
    while let Some(dot) = path[..end].rfind('.') {
        let inner = get(value, &path[..dot]).and_then(|inner| walk(inner, &path[dot + 1..]));
        if inner.is_some() {
            return inner;
        }
        end = dot;
    }
    None
}

fn get<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    }
}

/// Whether a top-level field of this name is part of the head: what is left are the line's own fields.
pub(super) fn is_head_field(name: &str) -> bool {
    LEVELS.contains(&name) || TIMES[..6].contains(&name) || MESSAGES[..3].contains(&name)
}

struct Seek<'a> {
    text: &'a [u8],
}

/// What was found, with the rank of its field's name.
#[derive(Default)]
struct Found<'a> {
    head: Head<'a>,
    level: usize,
    message: usize,
    time: usize,
}

impl<'a> Visitor<'a> for Seek<'a> {
    type Value = Found<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Found<'a>, M::Error> {
        let mut found = Found {
            level: usize::MAX,
            message: usize::MAX,
            time: usize::MAX,
            ..Found::default()
        };
        while let Some(key) = map.next_key_seed(Text)? {
            let rank = |names: &[&str]| names.iter().position(|name| *name == key);
            let (level, message, time) = (rank(&LEVELS), rank(&MESSAGES), rank(&TIMES));
            if level.is_none() && message.is_none() && time.is_none() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw: &'a RawValue = map.next_value()?;
            if let Some(rank) = level.filter(|rank| *rank < found.level)
                && let Some(level) = self.level(raw)
            {
                (found.level, found.head.level) = (rank, Some(level));
            }
            if let Some(rank) = message.filter(|rank| *rank < found.message)
                && let Some(text) = string(raw)
            {
                (found.message, found.head.message) = (rank, Some(text));
                found.head.is_message = rank == 0;
            }
            if let Some(rank) = time.filter(|rank| *rank < found.time)
                && let Some(at) = written(raw)
            {
                (found.time, found.head.time) = (rank, Some(at));
            }
            // ECS may nest it: `"log": { "level": "error" }`.
            if key == "log" && found.level == usize::MAX && raw.get().starts_with('{') {
                let inner = head(raw.get().as_bytes()).and_then(|head| head.level);
                if let Some(level) = inner {
                    (found.level, found.head.level) = (LEVELS.len(), Some(level));
                }
            }
        }
        Ok(found)
    }
}

impl Seek<'_> {
    fn level(&self, raw: &RawValue) -> Option<Level> {
        let text = raw.get();
        if text.starts_with('"') {
            return Level::named(string(raw)?.as_bytes());
        }
        // The prefilter finds numbers only where they are written as every logger writes them.
        let at = (text.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let (before, rest) = (self.text.get(..at)?, self.text.get(at + text.len()..)?);
        let usual = (before.ends_with(b"\":") || before.ends_with(b"\": "))
            && matches!(rest.first(), Some(b',' | b'}'));
        Level::numbered(text.parse().ok()?).filter(|_| usual)
    }
}

fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    if !text.starts_with('"') {
        return None;
    }
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Some(Cow::Borrowed(&text[1..text.len() - 1]));
    }
    serde_json::from_str(text).ok().map(Cow::Owned)
}

fn written(raw: &RawValue) -> Option<i64> {
    match string(raw) {
        Some(text) => instant::parse(text.as_bytes()),
        None => instant::of_number(raw.get()),
    }
}

/// A key, borrowed where it has no escapes.
struct Text;

impl<'a> DeserializeSeed<'a> for Text {
    type Value = Cow<'a, str>;

    fn deserialize<D: de::Deserializer<'a>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Text {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_line() {
        let text = br#" {"msg":"second","time":"2026-11-28T14:33:06.5Z","x":{"level":"info"},"message":"first \"quoted\"","level":"warn"} "#;
        let found = head(text).unwrap();
        assert_eq!(found.message.as_deref(), Some("first \"quoted\""));
        assert_eq!(found.level, Some(Level::Warn));
        assert_eq!(found.time, Some(1_795_876_386_500_000_000));
        for text in ["", "{", "[1]", "{} x", "text", "{\"a\":}"] {
            assert_eq!(head(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn paths() {
        let value = serde_json::json!({ "a": { "b": [ { "c": 5 } ] }, "a.b": 1, "log.level": "x", "d": { "e.f": 2 } });
        for (path, expected) in [
            ("a.b", Some(1)),
            ("a.b[0].c", Some(5)),
            ("a.b.0.c", Some(5)),
            ("d.e.f", Some(2)),
            ("a.x", None),
            ("", None),
        ] {
            let found = field(&value, path).and_then(Value::as_i64);
            assert_eq!(found, expected, "{path}");
        }
    }
}
