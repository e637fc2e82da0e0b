//! `tradeops repl`: a session at a terminal, or fed by a pipe.

mod command;
mod editor;

use std::cell::RefCell;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use rhai::Dynamic;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::command::Command;
use self::editor::{Lines, Typed};
use super::exit::{Exit, told};
use super::place::Place;
use super::run::{not_started, print, report, steps_text};
use super::terminal;
use crate::api;
use crate::gate::Redactor;
use crate::run::{Stop, SystemClock};
use crate::script::host::Outcome;
use crate::script::load::NotRun;
use crate::script::reference;
use crate::script::session::{Answer, Session, Setup, Signals, is_incomplete, shown};

pub(super) fn repl(place: &Place, live: bool) -> anyhow::Result<Exit> {
    let session = Session::open(Setup {
        library: place.library(),
        profile: place.profile()?,
        state: place.state.clone(),
        settings: place.settings.scripts.clone(),
        output: terminal::output(place.json()),
        deadline: place.flags.deadline.or(place.settings.deadline),
        live: live && !place.flags.plan,
        clock: Arc::new(SystemClock),
        env: |name| std::env::var(name).ok(),
    })
    .map_err(|why| told(Exit::Config, why, None))?;
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    watch_signals(session.signals(), terminal);
    let mut repl = Repl {
        session: Rc::new(RefCell::new(session)),
        plan_only: place.flags.plan,
        terminal,
    };
    let left = if terminal {
        repl.at_terminal(&place.state)
    } else {
        repl.fed_by_pipe()
    };
    repl.session.borrow().close();
    left
}

struct Repl {
    session: Rc<RefCell<Session>>,
    /// `--plan` was given: nothing that is typed makes it live.
    plan_only: bool,
    /// Somebody sits there: Ctrl-C ends a line. With a pipe it ends all.
    terminal: bool,
}

impl Repl {
    fn at_terminal(&mut self, state: &Path) -> anyhow::Result<Exit> {
        let mut lines = Lines::open(self.session.clone(), state)?;
        let how = if self.session.borrow().live() {
            "changes happen"
        } else {
            "changes are planned and not done"
        };
        print(&format!(
            "tradeops {}; {how}. `:help` lists the commands, Ctrl-D leaves.",
            env!("CARGO_PKG_VERSION")
        ))?;
        loop {
            match lines.read()? {
                Typed::Input(text) => {
                    if let Some(exit) = self.input(&text)? {
                        return Ok(exit);
                    }
                }
                Typed::Cleared => {}
                Typed::Left => return Ok(Exit::Ok),
            }
        }
    }

    /// Lines without an editor and a prompt. What fails is told, and the next line is read.
    fn fed_by_pipe(&mut self) -> anyhow::Result<Exit> {
        let mut text = String::new();
        let mut stdin = std::io::stdin().lock();
        loop {
            let ended = stdin.read_line(&mut text)? == 0;
            let command = text.trim_start().starts_with(':');
            if !ended && !command && is_incomplete(&text) {
                continue;
            }
            if let Some(exit) = self.input(&text)? {
                return Ok(exit);
            }
            text.clear();
            if ended {
                return Ok(Exit::Ok);
            }
        }
    }

    /// Does what an input says; the exit when it leaves the session.
    fn input(&mut self, text: &str) -> anyhow::Result<Option<Exit>> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        if !text.trim_start().starts_with(':') {
            let variable = |name: &str| {
                let variables = self.session.borrow().variables();
                variables.iter().any(|(n, ..)| n == name)
            };
            if matches!(text.trim(), "exit" | "quit" | "help") && !variable(text.trim()) {
                terminal::note(&format!(
                    "commands begin with a colon: `:{}`",
                    match text.trim() {
                        "help" => "help",
                        _ => "quit",
                    }
                ));
                return Ok(None);
            }
            return self.evaluate(text, &[], false);
        }
        match command::read(text) {
            Ok(Command::Quit) => return Ok(Some(Exit::Ok)),
            Ok(Command::Time(expression)) => return self.evaluate(expression, &[], true),
            Ok(Command::Load(words)) => return self.load(&words),
            Ok(Command::Clear) => self.session.borrow_mut().clear(),
            Ok(Command::Live) => self.go_live(),
            Ok(Command::PlanMode) => {
                self.session.borrow_mut().set_live(false);
                terminal::note("changes are planned and not done from now on");
            }
            Ok(command) => print(&self.about(&command))?,
            Err((why, hint)) => terminal::error(&told(Exit::Usage, why, Some(hint))),
        }
        Ok(None)
    }

    fn go_live(&self) {
        if self.plan_only {
            let hint = "leave, and start `tradeops repl` without `--plan`".to_owned();
            terminal::error(&told(
                Exit::Usage,
                "the session was started with `--plan`",
                Some(hint),
            ));
            return;
        }
        self.session.borrow_mut().set_live(true);
        terminal::note("changes happen from now on; `:plan-mode` goes back");
    }

    fn load(&mut self, words: &[&str]) -> anyhow::Result<Option<Exit>> {
        let Some((name, arguments)) = words.split_first() else {
            return Ok(None);
        };
        let found = self.session.borrow().library().script(name);
        match found {
            Ok(source) => {
                let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
                self.evaluate(&source.code(), &arguments, false)
            }
            Err(error) => {
                terminal::error(&told(Exit::Usage, error.to_string(), error.hint()));
                Ok(None)
            }
        }
    }

    fn evaluate(
        &mut self,
        text: &str,
        arguments: &[String],
        timed: bool,
    ) -> anyhow::Result<Option<Exit>> {
        let evaluated = self.session.borrow_mut().eval(text, arguments);
        let answer = match evaluated {
            Ok(answer) => answer,
            Err(not_run) => {
                not_evaluated(not_run, self.session.borrow().redactor());
                return Ok(None);
            }
        };
        for warning in &answer.warnings {
            terminal::diagnostic(warning, &answer.ended.program, answer.ended.run.redactor());
        }
        self.say(&answer)?;
        if let [first, more @ ..] = answer.planned.as_slice() {
            let more = match more.len() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            terminal::note(&format!(
                "planned and not done: {} `{}`{more}; `:plan` shows all",
                first.op, first.target
            ));
        }
        if timed {
            let elapsed = api::units::show_duration(answer.ended.elapsed);
            terminal::note(&format!("took {elapsed}"));
        }
        Ok(match answer.ended.outcome {
            Outcome::Stopped(Stop::Terminated) => Some(Exit::Terminated),
            Outcome::Stopped(Stop::Interrupted) if !self.terminal => Some(Exit::Interrupted),
            _ => None,
        })
    }

    fn say(&self, answer: &Answer) -> anyhow::Result<()> {
        let session = self.session.borrow();
        let output = session.output();
        match &answer.ended.outcome {
            Outcome::Value(value) => {
                for left in &answer.ended.left {
                    terminal::note(&format!("clean-up: {}", session.redact(left)));
                }
                if value.is_unit() {
                    return Ok(());
                }
                if output.json {
                    return print(&session.json(value).to_string());
                }
                let (text, was_cut) = api::human(value, output)
                    .map_or_else(|| shown(value, output.width), |t| (t, false));
                print(&session.redact(&text))?;
                if was_cut {
                    terminal::note("cut; `:last` shows all of it");
                }
                Ok(())
            }
            _ => report(&answer.ended, output, true).map(|_| ()),
        }
    }

    /// What the commands that only tell something tell.
    fn about(&self, command: &Command<'_>) -> String {
        let session = self.session.borrow();
        match command {
            Command::Help => command::help(),
            Command::Doc(name) => doc(&session, name),
            Command::Scope => scope(&session),
            Command::Plan => steps_text(session.steps()),
            Command::Needs => {
                let used: Vec<_> = session.used().iter().map(String::as_str).collect();
                if used.is_empty() {
                    "nothing was used so far".into()
                } else {
                    format!("//! needs: {}", used.join(", "))
                }
            }
            Command::Last => session.redact(&whole(session.last())),
            _ => String::new(),
        }
    }
}

fn whole(value: &Dynamic) -> String {
    crate::script::engine::printed(value)
}

/// As for a script that does not start, but the session goes on.
fn not_evaluated(not_run: NotRun, redactor: &Redactor) {
    match not_run {
        NotRun::Invalid(program, found) => {
            for diagnostic in &found {
                terminal::diagnostic(diagnostic, &program, redactor);
            }
        }
        other => {
            if let Err(error) = not_started(other) {
                terminal::error(&error);
            }
        }
    }
}

fn doc(session: &Session, name: &str) -> String {
    if name.is_empty() {
        return reference::overview();
    }
    let found = match name.split_once("::") {
        None => session.functions().into_iter().find(|f| f.name == name),
        Some((alias, name)) => {
            let import = session.imports().iter().find(|i| i.alias == alias);
            import.and_then(|i| i.functions.iter().find(|f| f.name == name).cloned())
        }
    };
    if let Some(function) = found {
        return format!("{}\n\n{}", function.signature(), function.doc)
            .trim_end()
            .to_owned();
    }
    if let Some(import) = session.imports().iter().find(|i| i.alias == name) {
        let mut text = format!("`{}`", import.path);
        for function in &import.functions {
            let first = function.doc.lines().next().unwrap_or_default();
            text.push_str(&format!("\n  {}  {first}", function.signature()));
        }
        return text;
    }
    match reference::lookup(name) {
        Ok(page) => page.trim_end().to_owned(),
        Err(near) => {
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!("nothing is called `{name}`{hint}")
        }
    }
}

fn scope(session: &Session) -> String {
    let mut lines = Vec::new();
    let room = session.output().width.saturating_sub(4);
    for (name, constant, value) in session.variables() {
        let word = if constant { "const" } else { "let" };
        let (text, _) = shown(&value, usize::MAX);
        let line = format!("{word} {name} = {}", text.replace('\n', " "));
        let short: String = line.chars().take(room).collect();
        lines.push(if short.len() < line.len() {
            format!("{short} ...")
        } else {
            line
        });
    }
    for function in session.functions() {
        lines.push(format!("fn {}", function.signature()));
    }
    for import in session.imports() {
        lines.push(format!("import {:?} as {}", import.path, import.alias));
    }
    if lines.is_empty() {
        lines.push("nothing is defined".into());
    }
    session.redact(&lines.join("\n"))
}

/// Signals end the line that runs. Between lines Ctrl-C is nothing at a prompt; everything else leaves,
/// with the terminal as it was found.
fn watch_signals(signals: Signals, terminal: bool) {
    let before = rustix::termios::tcgetattr(std::io::stdin()).ok();
    let Ok(mut coming) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    let _ = std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in coming.forever() {
                let ran = signals.signal(signal);
                if ran || (terminal && signal == SIGINT) {
                    continue;
                }
                if let (true, Some(before)) = (terminal, &before) {
                    let _ = rustix::termios::tcsetattr(
                        std::io::stdin(),
                        rustix::termios::OptionalActions::Now,
                        before,
                    );
                    // The editor had asked for pasted text to be marked.
                    let _ = std::io::stdout().write_all(b"\x1b[?2004l\r\n");
                }
                let exit = if signal == SIGINT {
                    Exit::Interrupted
                } else {
                    Exit::Terminated
                };
                std::process::exit(i32::from(exit.code()));
            }
        });
}
