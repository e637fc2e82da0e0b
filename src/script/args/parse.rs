//! Parsing a command line by its spec: flags, positionals, subcommands, the environment.

use rhai::{Array, Dynamic, Map};

use super::{ArgsError, Parameter, Spec, Takes};
use crate::api::closest;

impl Spec {
    /// Parses a command line. `env` looks a variable up.
    pub fn parse(
        &self,
        given: &[String],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Map, ArgsError> {
        let mut parsing = Parsing {
            spec: self,
            outer: Vec::new(),
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
                    parsing.outer.push(parsing.spec);
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
}

struct Parsing<'a> {
    spec: &'a Spec,
    /// Of the commands that this one is a part of, outermost first: their flags may stand before it and after.
    outer: Vec<&'a Spec>,
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
        let flags = || {
            let specs = std::iter::once(&self.spec).chain(self.outer.iter().rev());
            specs.flat_map(|spec| &spec.flags)
        };
        let find = |name: &str| flags().find(|p| p.flag() == name);
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
            && let Some(parameter) = flags().find(|p| p.short == Some(letter))
        {
            if !rest.is_empty() {
                value = Some(rest.to_owned());
            }
            parameter
        } else {
            let all: Vec<String> = flags().map(Parameter::flag).collect();
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
            let items = match parameter.takes {
                Takes::Pattern => vec![value.as_str()],
                _ => split_list(&value).collect(),
            };
            for item in items {
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
        let specs = self.outer.iter().chain(std::iter::once(&self.spec));
        for parameter in specs.flat_map(|spec| &spec.flags) {
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
