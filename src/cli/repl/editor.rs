//! The line editor: completion, hints, input over several lines, history.

use std::borrow::Cow;
use std::cell::RefCell;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustyline::completion::{Completer, Pair};
use rustyline::config::Configurer as _;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, Helper};

use super::command::COMMANDS;
use crate::api::NAMESPACES;
use crate::script::session::{Session, is_incomplete};

/// What was typed at the prompt.
pub(super) enum Typed {
    /// An input, whole.
    Input(String),
    /// Ctrl-C: what was typed is gone.
    Cleared,
    /// Ctrl-D.
    Left,
}

/// The editor and where its history is kept.
pub(super) struct Lines {
    editor: Editor<Sight, DefaultHistory>,
    history: Option<PathBuf>,
}

impl Lines {
    pub(super) fn open(session: Rc<RefCell<Session>>, state: &Path) -> anyhow::Result<Self> {
        let colour = session.borrow().output().colour;
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .history_ignore_space(true)
            .history_ignore_dups(true)?
            .max_history_size(5000)?
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_color_mode(if colour {
            ColorMode::Enabled
        } else {
            ColorMode::Disabled
        });
        editor.set_helper(Some(Sight(session)));
        let history = history_file(state).inspect_err(|error| {
            super::terminal::note(&format!("the history is not kept: {error}"));
        });
        let history = history.ok();
        if let Some(file) = &history {
            // A history that cannot be read is no reason not to work.
            let _ = editor.load_history(file);
        }
        Ok(Self { editor, history })
    }

    pub(super) fn read(&mut self) -> anyhow::Result<Typed> {
        let live = self.editor.helper().is_some_and(|h| h.0.borrow().live());
        let prompt = if live {
            ("live> ", "\x1b[1;31mlive>\x1b[0m ")
        } else {
            ("plan> ", "\x1b[32mplan>\x1b[0m ")
        };
        match self.editor.readline(&prompt) {
            Ok(text) => {
                self.keep(&text);
                Ok(Typed::Input(text))
            }
            Err(ReadlineError::Interrupted) => Ok(Typed::Cleared),
            Err(ReadlineError::Eof) => Ok(Typed::Left),
            Err(error) => Err(error.into()),
        }
    }

    fn keep(&mut self, text: &str) {
        // Going live is typed, not found with an arrow key.
        if text.trim().is_empty() || text.trim() == ":live" {
            return;
        }
        let added = self.editor.add_history_entry(text).unwrap_or(false);
        if let (true, Some(file)) = (added, &self.history)
            && self.editor.append_history(file).is_err()
        {
            super::terminal::note("the history could not be written and is no longer kept");
            self.history = None;
        }
    }
}

/// What is typed may hold secrets: the file is its owner's alone, from the start.
fn history_file(state: &Path) -> std::io::Result<PathBuf> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state)?;
    let path = state.join("repl-history");
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)?;
    rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o600))?;
    Ok(path)
}

/// What the editor sees of the session.
struct Sight(Rc<RefCell<Session>>);

impl Helper for Sight {}

impl Completer for Sight {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let head = &line[..pos];
        let session = self.0.borrow();
        let Some((name, argument)) = command(head) else {
            return Ok(expression(&session, head, 0));
        };
        let Some(argument) = argument else {
            // Not `:live`: that must be meant.
            let names = COMMANDS.iter().map(|(name, ..)| *name);
            let names = names.filter(|n| *n != ":live" && n.starts_with(name));
            return Ok((pos - name.len(), names.map(pair).collect()));
        };
        let start = pos - argument.len();
        Ok(match name {
            ":time" => expression(&session, argument, start),
            ":doc" => (start, fitting(argument, documented(&session))),
            ":load" => (start, fitting(argument, session.library().names())),
            _ => (pos, Vec::new()),
        })
    }
}

/// The command of a line and what follows it, when it is one.
fn command(head: &str) -> Option<(&str, Option<&str>)> {
    let line = head.trim_start();
    if !line.starts_with(':') {
        return None;
    }
    Some(match line.split_once(' ') {
        Some((name, argument)) => (name, Some(argument.trim_start())),
        None => (line, None),
    })
}

fn expression(session: &Session, head: &str, offset: usize) -> (usize, Vec<Pair>) {
    let (start, found) = session.complete(head);
    let pairs = found.into_iter().map(|candidate| Pair {
        display: candidate.shown,
        replacement: candidate.text,
    });
    (offset + start, pairs.collect())
}

fn pair(text: &str) -> Pair {
    Pair {
        display: text.to_owned(),
        replacement: text.to_owned(),
    }
}

fn fitting(word: &str, names: Vec<String>) -> Vec<Pair> {
    let names = names.iter().filter(|name| name.starts_with(word));
    names.map(|name| pair(name)).collect()
}

fn documented(session: &Session) -> Vec<String> {
    let mut names: Vec<String> = session.functions().into_iter().map(|f| f.name).collect();
    for import in session.imports() {
        let functions = import.functions.iter();
        names.extend(functions.map(|f| format!("{}::{}", import.alias, f.name)));
    }
    for namespace in NAMESPACES {
        names.push(namespace.name.to_owned());
        names.extend(namespace.shapes.iter().map(|s| s.name.to_owned()));
        let primitives = namespace.primitives.iter();
        names.extend(primitives.map(|p| format!("{}::{}", namespace.name, p.name)));
    }
    names.sort();
    names.dedup();
    names
}

impl Hinter for Sight {
    type Hint = Signature;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Signature> {
        if pos < line.len() || line.is_empty() {
            return None;
        }
        let head = match command(line) {
            Some((":time", Some(argument))) => argument,
            Some(_) => return None,
            None => line,
        };
        self.0.borrow().hint(head).map(Signature)
    }
}

/// A hint that is there to be read, not to be taken over.
struct Signature(String);

impl rustyline::hint::Hint for Signature {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Highlighter for Sight {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }
}

impl Validator for Sight {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let goes_on = !text.trim_start().starts_with(':') && is_incomplete(text);
        Ok(if goes_on {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}
