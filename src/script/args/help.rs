//! The help page of a command line.

use std::fmt::Write as _;

use super::{Parameter, Spec, Takes};

impl Spec {
    /// The help page of the subcommand at `path`, or of the command itself.
    pub fn help_at(&self, path: &[String], command: &str, about: &str) -> String {
        let mut spec = self;
        let (mut words, mut about) = (command.to_owned(), about);
        let mut outer = Vec::new();
        for name in path {
            let Some((_, help, inner)) = spec.subcommands.iter().find(|(n, ..)| n == name) else {
                break;
            };
            let _ = write!(words, " {name}");
            outer.extend(spec.flags.iter().cloned());
            (spec, about) = (inner, help);
        }
        // Flags of the commands around it go here as well.
        let whole = Self {
            flags: spec.flags.iter().cloned().chain(outer).collect(),
            ..spec.clone()
        };
        whole.help(&words, about)
    }

    /// The help page of `command` (`tradeops health`), which is for `about`.
    fn help(&self, command: &str, about: &str) -> String {
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
                    format!("{short}{}{}", p.shown(), p.value_name()),
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
    /// The flag; of a switch that is on by itself also how it is turned off.
    fn shown(&self) -> String {
        let on = self.takes == Takes::Bool && self.initial.as_bool() == Ok(true);
        if on {
            self.flag().replacen("--", "--[no-]", 1)
        } else {
            self.flag()
        }
    }

    fn value_name(&self) -> String {
        match &self.takes {
            Takes::Bool => String::new(),
            Takes::Text => " TEXT".into(),
            Takes::Int => " N".into(),
            Takes::Float => " NUMBER".into(),
            Takes::Duration => " DURATION".into(),
            Takes::Size => " SIZE".into(),
            Takes::Pattern => " REGEX".into(),
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
}
