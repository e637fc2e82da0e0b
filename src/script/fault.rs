//! An uncaught error of a script, as a message about a place: the innermost cause, the right file, the
//! calls that led there.

use rhai::{EvalAltResult, Map, Position};

use super::diagnostic::Diagnostic;
use super::program::Program;
use super::syntax::{Place, is_closure};
use crate::api::{Kind, LastRaise, NAMESPACES, closest, show};
use crate::gate::Run;

/// What an uncaught error says, and the kind of it when a primitive threw it.
pub fn diagnose(
    error: &EvalAltResult,
    program: &Program,
    run: &Run,
) -> (Diagnostic, Option<Thrown>) {
    let mut file = program.main.clone();
    let mut calls: Vec<String> = Vec::new();
    let mut inner = error;
    loop {
        match inner {
            EvalAltResult::ErrorInFunctionCall(name, source, next, at) => {
                if !is_native(name) {
                    calls.push(format!(
                        "in {} called at {}",
                        called(program, name),
                        shown(&file, *at)
                    ));
                }
                // The source is the file of the called function; natives have none.
                if !source.is_empty() && program.unit(source).is_some() {
                    file.clone_from(source);
                }
                inner = next;
            }
            EvalAltResult::ErrorInModule(path, next, at) => {
                calls.push(format!("while importing `{path}` at {}", shown(&file, *at)));
                if let Some(unit) = program.units().iter().find(|u| {
                    u.source.id == *path
                        || u.source.id == format!("{path}.rhai")
                        || u.source.id.ends_with(&format!("/{path}.rhai"))
                }) {
                    file.clone_from(&unit.source.id);
                }
                inner = next;
            }
            _ => break,
        }
    }
    calls.reverse();
    let place = Place::from(inner.position());
    let (message, hint, kind) = describe(inner, program, &file);
    let mut diagnostic =
        Diagnostic::error("uncaught", &file, place, message.clone()).maybe_hint(hint);
    if kind.is_some() {
        let raised = thrown_message(inner).unwrap_or(message);
        if let Some(site) = run
            .resources()
            .get::<LastRaise>()
            .and_then(|last| last.site_of(&raised))
        {
            diagnostic.file = site.file;
            diagnostic.line = site.line;
            diagnostic.column = site.column;
        }
    }
    diagnostic.trace = calls;
    (diagnostic, kind)
}

fn shown(file: &str, at: Position) -> String {
    let place = Place::from(at);
    format!("{file}:{}:{}", place.line, place.column)
}

fn is_native(name: &str) -> bool {
    NAMESPACES
        .iter()
        .any(|n| name.starts_with(&format!("{}::", n.name)))
}

/// A function's name as people wrote it; Rhai's own names of closures mean nothing to anyone.
fn called(program: &Program, name: &str) -> String {
    if !is_closure(name) {
        return format!("`{name}`");
    }
    for unit in program.units() {
        if let Some((_, place)) = unit.facts.closures.iter().find(|(n, _)| n == name) {
            return format!("the closure at {}:{}", unit.source.id, place.line);
        }
    }
    "a closure".into()
}

/// What a primitive's failure was, for whoever makes an exit code of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thrown {
    /// The sort of failure.
    pub kind: Kind,
    /// The peer's own code; [`api::SETTING`] when it is a setting that is wrong.
    pub status: Option<i64>,
}

fn thrown_message(error: &EvalAltResult) -> Option<String> {
    let EvalAltResult::ErrorRuntime(value, _) = error else {
        return None;
    };
    let map = value.read_lock::<Map>()?;
    map.get("message")?.clone().into_string().ok()
}

fn describe(
    error: &EvalAltResult,
    program: &Program,
    file: &str,
) -> (String, Option<String>, Option<Thrown>) {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => {
            if let Some(map) = value.read_lock::<Map>() {
                let text = |key: &str| map.get(key).and_then(|v| v.clone().into_string().ok());
                if let (Some(message), Some(kind)) = (text("message"), text("kind")) {
                    let op = text("op").filter(|op| !op.is_empty());
                    let said =
                        op.map_or_else(|| message.clone(), |op| format!("`{op}`: {message}"));
                    let thrown = Kind::from_word(&kind).map(|kind| Thrown {
                        kind,
                        status: map.get("status").and_then(|v| v.as_int().ok()),
                    });
                    return (said, text("hint"), thrown);
                }
            }
            (show(value).trim_matches('"').to_owned(), None, None)
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let name = signature.split(" (").next().unwrap_or(signature);
            let defined: Vec<String> = program
                .unit(file)
                .map(|u| u.facts.functions.iter().map(|f| f.name.clone()).collect())
                .unwrap_or_default();
            let known =
                super::standard::arities(name).is_some() || defined.iter().any(|d| d == name);
            let types = types(signature);
            let operator = !name.starts_with(|c: char| c.is_alphabetic() || c == '_');
            if known || operator {
                (format!("`{name}` does not take {types}"), None, None)
            } else {
                let hint = closest(
                    name,
                    defined
                        .iter()
                        .map(String::as_str)
                        .chain(super::standard::names()),
                )
                .map(|n| format!("did you mean `{n}`?"));
                let with = if types == "nothing" {
                    String::new()
                } else {
                    format!(" that takes {types}")
                };
                (format!("there is no function `{name}`{with}"), hint, None)
            }
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => (
            format!("the map has no key `{name}`"),
            Some(format!(
                "`map.get(\"{name}\")` gives `()` when it is missing; then `??` gives something else"
            )),
            None,
        ),
        EvalAltResult::ErrorStackOverflow(_) => (
            "the calls are nested too deeply".into(),
            Some("a script may nest 64 calls; is there a recursion without an end?".into()),
            None,
        ),
        other => {
            let mut text = other.clone_message();
            if let Some(first) = text.get(..1) {
                text = first.to_lowercase() + &text[1..];
            }
            (text, None, None)
        }
    }
}

/// `a string and an int`, from `name (&str | ImmutableString | String, i64)`.
fn types(signature: &str) -> String {
    let list = signature
        .split_once(" (")
        .map_or("", |(_, list)| list.trim_end_matches(')'));
    let words: Vec<_> = list
        .split(", ")
        .filter(|ty| !ty.is_empty())
        .map(|ty| match ty {
            "i64" => "an int",
            "f64" => "a float",
            "bool" => "a bool",
            "map" | "Map" => "a map",
            "array" | "Array" => "an array",
            "()" => "`()`",
            "Fn" => "a closure",
            text if text.contains("String") => "a string",
            own => own.rsplit("::").next().unwrap_or(own),
        })
        .collect();
    match words.as_slice() {
        [] => "nothing".into(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The message without the position, which is shown apart.
trait Message {
    fn clone_message(&self) -> String;
}

impl Message for EvalAltResult {
    fn clone_message(&self) -> String {
        let text = self.to_string();
        match text.rfind(" (line ") {
            Some(at) => text[..at].to_owned(),
            None => text,
        }
    }
}
