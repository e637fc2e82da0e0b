//! A script's own command line: the literal map of its `args::parse(...)`, read from the syntax tree
//! before the run, so that `--help` and a wrong flag cost nothing.
//!
//! ```text
//! let args = args::parse(#{
//!     flags: #{
//!         window: #{ type: "duration", help: "measure over this long", initial: "0s", env: "HEALTH_WINDOW" },
//!         quick:  #{ help: "leave out slow checks" },
//!     },
//!     positionals: [#{ name: "services", repeat: true, help: "only these" }],
//!     examples: ["tradeops health --window 10s"],
//! });
//! ```

mod help;
mod parse;

use rhai::{Array, Dynamic, Map};

use crate::api::{closest, units};

/// What a flag or positional takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takes {
    /// A switch: `--quick`, `--quick=false`, `--no-quick`.
    Bool,
    /// Any text.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// `5m`.
    Duration,
    /// `64MiB`.
    Size,
    /// A regular expression: its commas separate nothing.
    Pattern,
    /// One of these.
    OneOf(Vec<String>),
}

/// One flag or positional.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The key in the parsed map: `no_cache`.
    pub name: String,
    /// What it takes.
    pub takes: Takes,
    /// One sentence.
    pub help: String,
    /// The value when it is not given.
    pub initial: Dynamic,
    /// The environment variable to fall back on.
    pub env: Option<String>,
    /// A one-letter form.
    pub short: Option<char>,
    /// Given more than once, or separated by commas: the value is a list.
    pub repeat: bool,
    /// An error when it is not given.
    pub required: bool,
}

impl Parameter {
    /// `--no-cache`.
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }
}

/// A command line.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    /// Flags, in the order of their names.
    pub flags: Vec<Parameter>,
    /// Positionals, in order.
    pub positionals: Vec<Parameter>,
    /// Subcommands: name, help, command line.
    pub subcommands: Vec<(String, String, Spec)>,
    /// Whole command lines.
    pub examples: Vec<String>,
}

/// Why a command line was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgsError {
    /// `--help` was asked for.
    Help(Vec<String>),
    /// Wrong flag or value: exit 64.
    Usage(String, Option<String>),
    /// A wrong value in an environment variable: exit 78.
    Environment(String),
}

impl Spec {
    /// Reads a spec from the literal map; `Err` says what is wrong with it.
    pub fn read(map: &Map) -> Result<Self, String> {
        known_keys(
            "args::parse",
            map,
            &["flags", "positionals", "subcommands", "examples"],
        )?;
        let mut spec = Self::default();
        if let Some(flags) = map.get("flags") {
            let flags = flags.read_lock::<Map>().ok_or("`flags` must be a map")?;
            for (name, value) in flags.iter() {
                let fields = value
                    .read_lock::<Map>()
                    .ok_or_else(|| format!("flag `{name}` must be a map"))?;
                spec.flags.push(parameter(name, &fields, Takes::Bool)?);
            }
        }
        if let Some(list) = map.get("positionals") {
            let list = list
                .read_lock::<Array>()
                .ok_or("`positionals` must be a list")?;
            for value in list.iter() {
                let fields = value
                    .read_lock::<Map>()
                    .ok_or("a positional must be a map")?;
                let name = text(&fields, "name").ok_or("a positional needs a `name`")?;
                spec.positionals
                    .push(parameter(&name, &fields, Takes::Text)?);
            }
        }
        if let Some(commands) = map.get("subcommands") {
            let commands = commands
                .read_lock::<Map>()
                .ok_or("`subcommands` must be a map")?;
            for (name, value) in commands.iter() {
                let mut fields = value
                    .read_lock::<Map>()
                    .ok_or_else(|| format!("subcommand `{name}` must be a map"))?
                    .clone();
                let help = text(&fields, "help").unwrap_or_default();
                fields.remove("help");
                spec.subcommands
                    .push((name.to_string(), help, Self::read(&fields)?));
            }
        }
        if let Some(list) = map.get("examples") {
            let list = list
                .read_lock::<Array>()
                .ok_or("`examples` must be a list")?;
            spec.examples = list.iter().map(ToString::to_string).collect();
        }
        Ok(spec)
    }
}

impl Parameter {
    fn value(&self, text: &str) -> Result<Dynamic, String> {
        let name = self.flag();
        let wrong = |wanted: &str| format!("`{name}` wants {wanted}, and is given `{text}`");
        Ok(match &self.takes {
            Takes::Bool => boolean(text).ok_or_else(|| wrong("true or false"))?.into(),
            Takes::Text => text.to_owned().into(),
            Takes::Int => text
                .parse::<i64>()
                .map_err(|_| wrong("a whole number"))?
                .into(),
            Takes::Float => {
                let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
                number.ok_or_else(|| wrong("a number"))?.into()
            }
            Takes::Duration => {
                units::duration(text).map_err(|_| wrong("a duration such as `5m`"))?;
                text.to_owned().into()
            }
            Takes::Size => {
                units::size(text).map_err(|_| wrong("a size such as `64MiB`"))?;
                text.to_owned().into()
            }
            Takes::Pattern => {
                // What begins with `!` is one that must not match.
                let pattern = regex::Regex::new(text.strip_prefix('!').unwrap_or(text));
                pattern.map_err(|error| {
                    let why = crate::pattern::why(&error);
                    format!("{}: {why}", wrong("a regular expression"))
                })?;
                text.to_owned().into()
            }
            Takes::OneOf(words) => {
                if !words.iter().any(|w| w == text) {
                    return Err(wrong(&format!("one of {}", words.join(", "))));
                }
                text.to_owned().into()
            }
        })
    }

    /// What stands in the map when nothing was given.
    fn absent(&self) -> Dynamic {
        if self.repeat && self.initial.is_unit() {
            return Array::new().into();
        }
        if self.takes == Takes::Bool && self.initial.is_unit() {
            return false.into();
        }
        self.initial.clone()
    }
}

/// 1/0, true/false, yes/no, on/off, in any case.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn parameter(name: &str, fields: &Map, usual: Takes) -> Result<Parameter, String> {
    let what = format!("`{name}`");
    known_keys(
        &what,
        fields,
        &[
            "type", "help", "initial", "env", "short", "repeat", "required", "values", "name",
        ],
    )?;
    let values = fields.get("values").and_then(|v| {
        v.read_lock::<Array>()
            .map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>())
    });
    let takes = match (text(fields, "type").as_deref(), values) {
        (None | Some("string"), Some(values)) => Takes::OneOf(values),
        (_, Some(_)) => return Err(format!("{what} has `values`, so it has no other `type`")),
        (None, None) => usual,
        (Some("bool"), None) => Takes::Bool,
        (Some("string"), None) => Takes::Text,
        (Some("int"), None) => Takes::Int,
        (Some("float"), None) => Takes::Float,
        (Some("duration"), None) => Takes::Duration,
        (Some("size"), None) => Takes::Size,
        (Some("regex"), None) => Takes::Pattern,
        (Some(other), None) => {
            let types = [
                "bool", "string", "int", "float", "duration", "size", "regex",
            ];
            let hint = closest(other, types.into_iter()).map_or_else(
                || format!("the types are {}", types.join(", ")),
                |t| format!("did you mean `{t}`?"),
            );
            return Err(format!("{what} has the unknown type `{other}`: {hint}"));
        }
    };
    let flag = |key: &str| {
        fields
            .get(key)
            .and_then(|v| v.as_bool().ok())
            .unwrap_or(false)
    };
    let parameter = Parameter {
        name: name.to_owned(),
        takes,
        help: text(fields, "help").unwrap_or_default(),
        initial: fields.get("initial").cloned().unwrap_or(Dynamic::UNIT),
        env: text(fields, "env"),
        short: text(fields, "short").and_then(|s| s.chars().next()),
        repeat: flag("repeat"),
        required: flag("required"),
    };
    if !parameter.initial.is_unit() && !parameter.repeat {
        let text = parameter.initial.to_string();
        let value = parameter
            .value(&text)
            .map_err(|why| format!("{what} has a wrong `initial`: {why}"))?;
        return Ok(Parameter {
            initial: value,
            ..parameter
        });
    }
    Ok(parameter)
}

fn text(map: &Map, key: &str) -> Option<String> {
    map.get(key).and_then(|v| v.clone().into_string().ok())
}

fn known_keys(what: &str, map: &Map, keys: &[&str]) -> Result<(), String> {
    match map.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(match closest(key, keys.iter().copied()) {
            Some(near) => format!("{what} has the unknown key `{key}`: did you mean `{near}`?"),
            None => format!(
                "{what} has the unknown key `{key}`: the keys are {}",
                keys.join(", ")
            ),
        }),
    }
}

#[cfg(test)]
mod tests;
