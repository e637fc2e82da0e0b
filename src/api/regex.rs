//! `regex::` - patterns. Always linear in the text: no look-around, no back-references.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use ::regex::{Captures, Match, Regex, RegexBuilder};
use rhai::{Array, Dynamic, Map};
use serde_json::json;

use super::{Call, Failure, Kind, Namespace, Param, Primitive, Shape, Ty, field, param};

static FOUND: Shape = Shape {
    name: "Match",
    doc: "A place where a pattern fits.",
    fields: &[
        field("text", Ty::Str, "what fits"),
        field("start", Ty::Int, "index of its first character"),
        field("end", Ty::Int, "index after its last character"),
    ],
};

const PATTERN: Param = param(
    "pattern",
    Ty::Str,
    "Rust's syntax, as in ripgrep; `(?i)` ignores case",
);
const TEXT: Param = param("text", Ty::Str, "where to look");
const INVALID: &[Kind] = &[Kind::Invalid];

/// The functions of `regex::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "regex",
    doc: "Patterns, in Rust's syntax (as in ripgrep): no look-around and no back-references, and so never slow. \
          Patterns are compiled once per process.",
    shapes: &[&FOUND],
    primitives: &[
        Primitive {
            name: "is_match",
            params: &[PATTERN, TEXT],
            returns: Ty::Bool,
            errors: INVALID,
            doc: "Whether the pattern fits anywhere in the text.",
            example: r#"regex::is_match("(?i)error|fatal", "Fatal: no disk")"#,
            call: |call| Ok(pattern(call)?.is_match(text(call)).into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "find",
            params: &[PATTERN, TEXT],
            returns: Ty::Opt(&Ty::Record(&FOUND)),
            errors: INVALID,
            doc: "The first place where the pattern fits, or `()`.",
            example: r#"regex::find("[0-9]+", "took 250 ms").text"#,
            call: |call| {
                let text = text(call);
                Ok(pattern(call)?
                    .find(text)
                    .map_or(Dynamic::UNIT, |found| Places::of(text).record(&found)))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "find_all",
            params: &[PATTERN, TEXT],
            returns: Ty::List(&Ty::Record(&FOUND)),
            errors: INVALID,
            doc: "Every place where the pattern fits, from left to right.",
            example: r#"regex::find_all("[0-9]+", "1 of 12").map(|m| m.text)"#,
            call: |call| {
                let text = text(call);
                let mut places = Places::of(text);
                Ok(pattern(call)?
                    .find_iter(text)
                    .map(|found| places.record(&found))
                    .collect::<Array>()
                    .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "captures",
            params: &[PATTERN, TEXT],
            returns: Ty::Opt(&Ty::Map),
            errors: INVALID,
            doc: "The groups of the first place where the pattern fits, or `()`.\n\
                  The map has them by number (`\"0\"` is the whole, `\"1\"` the first group) and by name; a group that took no \
                  part is `()`.",
            example: r#"regex::captures("(?<name>[a-z]+)=(?<value>.*)", "level=warn").value"#,
            call: |call| {
                let pattern = pattern(call)?;
                Ok(pattern
                    .captures(text(call))
                    .map_or(Dynamic::UNIT, |found| groups(&pattern, &found).into()))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "captures_all",
            params: &[PATTERN, TEXT],
            returns: Ty::List(&Ty::Map),
            errors: INVALID,
            doc: "The groups of every place where the pattern fits, as `regex::captures` gives them.",
            example: r#"regex::captures_all("([a-z])=([0-9])", "a=1 b=2").map(|c| c["2"])"#,
            call: |call| {
                let pattern = pattern(call)?;
                Ok(pattern
                    .captures_iter(text(call))
                    .map(|found| Dynamic::from_map(groups(&pattern, &found)))
                    .collect::<Array>()
                    .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "replace",
            params: &[
                PATTERN,
                TEXT,
                param(
                    "replacement",
                    Ty::Str,
                    "`$1`, `$name` and `${1}x` stand for groups, `$$` for a `$`",
                ),
            ],
            returns: Ty::Str,
            errors: INVALID,
            doc: "The text with every place where the pattern fits replaced; the text given is not changed.",
            example: r#"regex::replace("([a-z]+)@([a-z]+)", "me@host", "$2 of $1")"#,
            call: |call| {
                Ok(pattern(call)?
                    .replace_all(text(call), call.args().str("replacement"))
                    .into_owned()
                    .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "split",
            params: &[PATTERN, TEXT],
            returns: Ty::List(&Ty::Str),
            errors: INVALID,
            doc: "The parts of the text between the places where the pattern fits.",
            example: r#"regex::split("[,;] *", "a, b;c")"#,
            call: |call| {
                let parts = pattern(call)?;
                Ok(parts
                    .split(text(call))
                    .map(|part| Dynamic::from(part.to_owned()))
                    .collect::<Array>()
                    .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "escape",
            params: &[param("text", Ty::Str, "any text")],
            returns: Ty::Str,
            doc: "A pattern that fits exactly this text.",
            example: r#"regex::is_match(regex::escape("a.b"), "axb") == false"#,
            call: |call| Ok(::regex::escape(text(call)).into()),
            ..Primitive::PURE
        },
    ],
};

/// Compiled patterns. A script uses few; when there are more than this many they are made up from data, and
/// keeping them would only take memory.
const KEPT: usize = 256;

/// A compiled pattern's size limit.
const LARGEST: usize = 2 << 20;

fn text<'a>(call: &'a Call<'_>) -> &'a str {
    call.args().str("text")
}

fn pattern(call: &Call<'_>) -> Result<Regex, Failure> {
    compiled(call.args().str("pattern"))
}

fn compiled(pattern: &str) -> Result<Regex, Failure> {
    static CACHE: LazyLock<RwLock<HashMap<String, Regex>>> = LazyLock::new(RwLock::default);
    if let Some(found) = CACHE
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(pattern)
    {
        return Ok(found.clone());
    }
    let compiled = RegexBuilder::new(pattern)
        .size_limit(LARGEST)
        .build()
        .map_err(|error| {
            let why = crate::pattern::why(&error);
            Failure::invalid(format!("`{pattern}` is no pattern: {why}"))
        })?;
    let mut cache = CACHE.write().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= KEPT {
        cache.clear();
    }
    cache.insert(pattern.to_owned(), compiled.clone());
    Ok(compiled)
}

fn groups(pattern: &Regex, found: &Captures<'_>) -> Map {
    let value =
        |group: Option<Match<'_>>| group.map_or(Dynamic::UNIT, |g| g.as_str().to_owned().into());
    let mut map: Map = (0..found.len())
        .map(|n| (n.to_string().into(), value(found.get(n))))
        .collect();
    for name in pattern.capture_names().flatten() {
        map.insert(name.into(), value(found.name(name)));
    }
    map
}

/// Turns byte offsets, which only grow, into the character indices that scripts use, in one pass.
struct Places<'a> {
    text: &'a str,
    bytes: usize,
    characters: i64,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            bytes: 0,
            characters: 0,
        }
    }

    fn at(&mut self, bytes: usize) -> i64 {
        let passed = self.text[self.bytes..bytes].chars().count();
        self.characters += i64::try_from(passed).unwrap_or(i64::MAX);
        self.bytes = bytes;
        self.characters
    }

    fn record(&mut self, found: &Match<'_>) -> Dynamic {
        let (start, end) = (self.at(found.start()), self.at(found.end()));
        FOUND.record(&json!({ "text": found.as_str(), "start": start, "end": end }))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let text = "zürich 42 grüße 7";
        let mut places = Places::of(text);
        let found: Vec<_> = compiled("[0-9]+")
            .unwrap()
            .find_iter(text)
            .map(|m| (places.at(m.start()), places.at(m.end())))
            .collect();
        assert_eq!(found, [(7, 9), (16, 17)]);
    }

    #[test]
    fn groups_by_number_and_name() {
        let pattern = compiled("(?<a>x)|(y)").unwrap();
        let map = groups(&pattern, &pattern.captures("y").unwrap());
        assert!(map["a"].is_unit() && map["1"].is_unit());
        assert_eq!(map["2"].clone().into_string().unwrap(), "y");
    }

    #[test]
    fn what_is_no_pattern_and_what_is_too_large() {
        assert_eq!(
            compiled("a(").unwrap_err().message,
            "`a(` is no pattern: unclosed group"
        );
        assert!(compiled("(?:[a-z]{1000}){1000}").is_err());
        for n in 0..600 {
            assert!(compiled(&format!("x{n}")).is_ok());
        }
    }
}
