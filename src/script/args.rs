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

use std::fmt::Write as _;

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

    /// Parses a command line. `env` looks a variable up.
    pub fn parse(
        &self,
        given: &[String],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Map, ArgsError> {
        let mut parsing = Parsing {
            spec: self,
            found: Map::new(),
            positionals: Vec::new(),
            path: Vec::new(),
        };
        let mut words = given.iter().map(String::as_str).peekable();
        let mut only_positionals = false;
        while let Some(word) = words.next() {
            if only_positionals || !is_flag(word) {
                if let Some((name, _, inner)) =
                    parsing.spec.subcommands.iter().find(|(name, ..)| {
                        !only_positionals && parsing.positionals.is_empty() && name == word
                    })
                {
                    parsing.path.push(name.clone());
                    parsing.finish_flags(env)?;
                    parsing.spec = inner;
                    continue;
                }
                parsing.positionals.push(word.to_owned());
            } else if word == "--" {
                only_positionals = true;
            } else if word == "--help" || word == "-h" {
                return Err(ArgsError::Help(parsing.path));
            } else {
                let mut next = || words.next().map(str::to_owned);
                parsing.flag(word, &mut next)?;
            }
        }
        parsing.finish(env)
    }

    /// The spec of a path of subcommands.
    pub fn at(&self, path: &[String]) -> &Self {
        path.iter().fold(self, |spec, name| {
            spec.subcommands
                .iter()
                .find(|(n, ..)| n == name)
                .map_or(spec, |(_, _, inner)| inner)
        })
    }

    /// The help page of `command` (`tradeops health`), which is for `about`.
    pub fn help(&self, command: &str, about: &str) -> String {
        let mut page = String::new();
        let mut usage = format!("Usage: {command}");
        if !self.flags.is_empty() {
            usage.push_str(" [FLAGS]");
        }
        if !self.subcommands.is_empty() {
            usage.push_str(" COMMAND");
        }
        for p in &self.positionals {
            let name = p.name.to_uppercase();
            let dots = if p.repeat { "..." } else { "" };
            let _ = if p.required {
                write!(usage, " {name}{dots}")
            } else {
                write!(usage, " [{name}{dots}]")
            };
        }
        let _ = writeln!(page, "{about}\n\n{usage}");
        if !self.subcommands.is_empty() {
            page.push_str("\nCommands:\n");
            let width = self
                .subcommands
                .iter()
                .map(|(n, ..)| n.len())
                .max()
                .unwrap_or(0);
            for (name, help, _) in &self.subcommands {
                let _ = writeln!(page, "  {name:width$}  {help}");
            }
        }
        if !self.positionals.is_empty() {
            page.push_str("\nArguments:\n");
            let lines = self
                .positionals
                .iter()
                .map(|p| (p.name.to_uppercase(), p.describe()))
                .collect();
            two_columns(&mut page, lines);
        }
        page.push_str("\nFlags:\n");
        let mut lines: Vec<_> = self
            .flags
            .iter()
            .map(|p| {
                let short = p.short.map_or_else(|| "    ".into(), |c| format!("-{c}, "));
                (
                    format!("{short}{}{}", p.flag(), p.value_name()),
                    p.describe(),
                )
            })
            .collect();
        lines.push(("-h, --help".into(), "show this help".into()));
        two_columns(&mut page, lines);
        page.push_str("\nOf the runtime, for every script: --plan, -o/--output, --deadline, --profile (see `tradeops run --help`)\n");
        if !self.examples.is_empty() {
            page.push_str("\nExamples:\n");
            for example in &self.examples {
                let _ = writeln!(page, "  {example}");
            }
        }
        page
    }
}

fn two_columns(page: &mut String, lines: Vec<(String, String)>) {
    let width = lines
        .iter()
        .map(|(left, _)| left.chars().count())
        .max()
        .unwrap_or(0);
    for (left, right) in lines {
        let _ = writeln!(page, "  {left:width$}  {right}");
    }
}

impl Parameter {
    fn value_name(&self) -> String {
        match &self.takes {
            Takes::Bool => String::new(),
            Takes::Text => " TEXT".into(),
            Takes::Int => " N".into(),
            Takes::Float => " NUMBER".into(),
            Takes::Duration => " DURATION".into(),
            Takes::Size => " SIZE".into(),
            Takes::OneOf(words) => format!(" {}", words.join("|")),
        }
    }

    fn describe(&self) -> String {
        let mut notes = Vec::new();
        if !self.initial.is_unit() && self.takes != Takes::Bool {
            notes.push(format!("default {}", self.initial));
        }
        if let Some(env) = &self.env {
            notes.push(format!("env {env}"));
        }
        if self.repeat {
            notes.push("may be repeated".into());
        }
        if self.required {
            notes.push("required".into());
        }
        if notes.is_empty() {
            self.help.clone()
        } else {
            format!("{} [{}]", self.help, notes.join(", "))
        }
    }

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

struct Parsing<'a> {
    spec: &'a Spec,
    found: Map,
    positionals: Vec<String>,
    path: Vec<String>,
}

impl Parsing<'_> {
    fn flag(
        &mut self,
        word: &str,
        next: &mut dyn FnMut() -> Option<String>,
    ) -> Result<(), ArgsError> {
        let (name, mut value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        let flags = &self.spec.flags;
        let find = |name: &str| flags.iter().find(|p| p.flag() == name);
        let parameter = if let Some(parameter) = find(name) {
            parameter
        } else if let Some(parameter) = name
            .strip_prefix("--no-")
            .and_then(|rest| find(&format!("--{rest}")))
            .filter(|p| p.takes == Takes::Bool && value.is_none())
        {
            value = Some("false".into());
            parameter
        } else if let Some((letter, rest)) = short(name)
            && let Some(parameter) = flags.iter().find(|p| p.short == Some(letter))
        {
            if !rest.is_empty() {
                value = Some(rest.to_owned());
            }
            parameter
        } else {
            let all: Vec<String> = flags.iter().map(Parameter::flag).collect();
            let hint = closest(name, all.iter().map(String::as_str))
                .map(|f| format!("did you mean `{f}`?"));
            return Err(ArgsError::Usage(
                format!("there is no flag `{name}`"),
                hint.or_else(|| Some("`--help` lists the flags".into())),
            ));
        };
        let value = match (value, &parameter.takes) {
            (Some(value), _) => value,
            (None, Takes::Bool) => "true".into(),
            (None, _) => next().ok_or_else(|| {
                ArgsError::Usage(format!("`{}` wants a value", parameter.flag()), None)
            })?,
        };
        let usage = |why| ArgsError::Usage(why, None);
        if parameter.repeat {
            let mut list = self
                .found
                .get(parameter.name.as_str())
                .and_then(|v| v.clone().try_cast::<Array>())
                .unwrap_or_default();
            for item in split_list(&value) {
                list.push(parameter.value(item).map_err(usage)?);
            }
            self.found
                .insert(parameter.name.as_str().into(), list.into());
        } else {
            let value = parameter.value(&value).map_err(usage)?;
            self.found.insert(parameter.name.as_str().into(), value);
        }
        Ok(())
    }

    fn finish_flags(&mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<(), ArgsError> {
        for parameter in &self.spec.flags {
            if self.found.contains_key(parameter.name.as_str()) {
                continue;
            }
            let from_env = parameter
                .env
                .as_deref()
                .and_then(|name| env(name).map(|value| (name, value)))
                .filter(|(_, value)| !value.is_empty());
            let value = match from_env {
                Some((name, value)) => environment_value(parameter, name, &value)?,
                None if parameter.required => {
                    return Err(ArgsError::Usage(
                        format!("`{}` is required", parameter.flag()),
                        None,
                    ));
                }
                None => parameter.absent(),
            };
            self.found.insert(parameter.name.as_str().into(), value);
        }
        Ok(())
    }

    fn finish(mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<Map, ArgsError> {
        self.finish_flags(env)?;
        let spec = self.spec;
        if !spec.subcommands.is_empty() {
            let names: Vec<_> = spec.subcommands.iter().map(|(n, ..)| n.as_str()).collect();
            let list = format!("the commands are {}", names.join(", "));
            return Err(match self.positionals.first() {
                None => ArgsError::Usage("a command is missing".into(), Some(list)),
                Some(word) => {
                    let hint = closest(word, names.iter().copied())
                        .map(|n| format!("did you mean `{n}`?"));
                    ArgsError::Usage(format!("there is no command `{word}`"), hint.or(Some(list)))
                }
            });
        }
        let mut words = std::mem::take(&mut self.positionals).into_iter();
        let usage = |why| ArgsError::Usage(why, None);
        for parameter in &spec.positionals {
            let value = if parameter.repeat {
                let list: Array = words
                    .by_ref()
                    .map(|word| parameter.value(&word))
                    .collect::<Result<_, _>>()
                    .map_err(usage)?;
                if list.is_empty() && parameter.required {
                    None
                } else {
                    Some(list.into())
                }
            } else {
                words
                    .next()
                    .map(|word| parameter.value(&word))
                    .transpose()
                    .map_err(usage)?
            };
            let value = match value {
                Some(value) => value,
                None if parameter.required => {
                    return Err(ArgsError::Usage(
                        format!("`{}` is missing", parameter.name.to_uppercase()),
                        Some("`--help` shows the usage".into()),
                    ));
                }
                None => parameter.absent(),
            };
            self.found.insert(parameter.name.as_str().into(), value);
        }
        if let Some(extra) = words.next() {
            return Err(ArgsError::Usage(
                format!("`{extra}` is one argument too many"),
                Some("`--help` shows the usage".into()),
            ));
        }
        if !self.path.is_empty() {
            self.found
                .insert("command".into(), self.path.join(" ").into());
        }
        Ok(self.found)
    }
}

fn environment_value(parameter: &Parameter, name: &str, value: &str) -> Result<Dynamic, ArgsError> {
    let wrong =
        |why: String| ArgsError::Environment(format!("{why} by the environment variable `{name}`"));
    if parameter.repeat {
        // Here words may also be set apart by spaces: `TRADEOPS_SERVICES="api ml"`.
        let list: Array = value
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|item| !item.is_empty())
            .map(|item| parameter.value(item))
            .collect::<Result<_, _>>()
            .map_err(wrong)?;
        return Ok(list.into());
    }
    parameter.value(value).map_err(wrong)
}

fn split_list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// `-7d` and `-0.5` are values, `-v` and `--x` are flags.
fn is_flag(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next() == Some('-') && !matches!(chars.next(), None | Some('0'..='9' | '.'))
}

fn short(name: &str) -> Option<(char, &str)> {
    let rest = name
        .strip_prefix('-')
        .filter(|rest| !rest.starts_with('-'))?;
    let letter = rest.chars().next()?;
    Some((letter, &rest[letter.len_utf8()..]))
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
        (Some(other), None) => {
            let types = ["bool", "string", "int", "float", "duration", "size"];
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
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        let value = rhai::Engine::new().eval::<Map>(text).unwrap();
        Spec::read(&value).unwrap()
    }

    fn parse(spec: &Spec, words: &[&str]) -> Result<Map, ArgsError> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        spec.parse(&words, &|name| match name {
            "BAD_BOOL" => Some("maybe".into()),
            "YES" => Some("ON".into()),
            "LIST" => Some("a, b,".into()),
            _ => None,
        })
    }

    fn show(map: &Map) -> String {
        map.iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn flags_of_all_kinds() {
        let spec = spec(
            r#"#{ flags: #{
                quick: #{ short: "q" }, no_cache: #{}, on: #{ initial: true },
                start: #{ type: "string" }, n: #{ type: "int", initial: 3, short: "n" },
                only: #{ type: "string", repeat: true }, mode: #{ values: ["a", "b"] } } }"#,
        );
        let map = parse(
            &spec,
            &[
                "--start", "-7d", "-q", "--only", "x,y", "--only=z", "-n5", "--no-on", "--mode",
                "b",
            ],
        )
        .unwrap();
        assert_eq!(
            show(&map),
            "mode=b n=5 no_cache=false on=false only=[\"x\", \"y\", \"z\"] quick=true start=-7d"
        );
        let map = parse(&spec, &["--no-cache", "--quick=off"]).unwrap();
        assert_eq!(
            show(&map),
            "mode= n=3 no_cache=true on=true only=[] quick=false start="
        );
    }

    #[test]
    fn errors_say_what_and_suggest() {
        let spec = spec(
            r#"#{ flags: #{ window: #{ type: "duration" }, n: #{ type: "int" }, must: #{ type: "string", env: "NONE" } } }"#,
        );
        let usage = |words: &[&str]| match parse(&spec, words) {
            Err(ArgsError::Usage(why, hint)) => format!("{why} / {}", hint.unwrap_or_default()),
            other => format!("{other:?}"),
        };
        assert_eq!(
            usage(&["--widow", "1s"]),
            "there is no flag `--widow` / did you mean `--window`?"
        );
        assert_eq!(
            usage(&["--window", "soon"]),
            "`--window` wants a duration such as `5m`, and is given `soon` / "
        );
        assert_eq!(usage(&["--n"]), "`--n` wants a value / ");
        assert_eq!(
            usage(&["x"]),
            "`x` is one argument too many / `--help` shows the usage"
        );
        assert!(matches!(parse(&spec, &["--help"]), Err(ArgsError::Help(path)) if path.is_empty()));
    }

    #[test]
    fn positionals_subcommands_and_the_double_dash() {
        let top = spec(
            r#"#{ positionals: [#{ name: "service", required: true }, #{ name: "rest", repeat: true }] }"#,
        );
        assert_eq!(
            show(&parse(&top, &["api", "--", "--x", "-y"]).unwrap()),
            "rest=[\"--x\", \"-y\"] service=api"
        );
        assert!(matches!(parse(&top, &[]), Err(ArgsError::Usage(..))));
        let sub = spec(
            r#"#{ flags: #{ pace: #{ type: "float", initial: 0.2 } }, subcommands: #{ news: #{ help: "N", flags: #{ days: #{ type: "int" } } } } }"#,
        );
        assert_eq!(
            show(&parse(&sub, &["--pace", "1", "news", "--days", "3"]).unwrap()),
            "command=news days=3 pace=1.0"
        );
        assert!(
            matches!(parse(&sub, &["nwes"]), Err(ArgsError::Usage(_, Some(hint))) if hint.contains("news"))
        );
        assert!(
            sub.at(&["news".into()])
                .help("tradeops x news", "N")
                .contains("--days N")
        );
    }

    #[test]
    fn the_environment_is_a_fall_back_and_is_checked() {
        let good = spec(
            r#"#{ flags: #{ a: #{ env: "YES" }, l: #{ type: "string", repeat: true, env: "LIST" } } }"#,
        );
        assert_eq!(show(&parse(&good, &[]).unwrap()), "a=true l=[\"a\", \"b\"]");
        let bad = spec(r#"#{ flags: #{ a: #{ env: "BAD_BOOL" } } }"#);
        assert!(
            matches!(parse(&bad, &[]), Err(ArgsError::Environment(why)) if why.contains("BAD_BOOL"))
        );
        assert!(
            parse(&bad, &["--a"]).is_ok(),
            "a flag wins over the environment"
        );
    }

    #[test]
    fn a_wrong_spec_says_so() {
        for text in [
            r#"#{ flag: #{} }"#,
            r#"#{ flags: #{ a: #{ typ: "int" } } }"#,
            r#"#{ flags: #{ a: #{ type: "integer" } } }"#,
            r#"#{ flags: #{ a: #{ type: "int", initial: "x" } } }"#,
        ] {
            let value = rhai::Engine::new().eval::<Map>(text).unwrap();
            assert!(Spec::read(&value).is_err(), "{text}");
        }
    }
}
