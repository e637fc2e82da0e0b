//! A session: inputs evaluated one after the other, with what the earlier ones left - variables,
//! functions, imports. It knows no terminal.
//!
//! Every input is a run of its own: it has its own doom, plan and cancellation, so that what ends one
//! input does not end the session. What is held (locks, connections) and what is known to be secret
//! stays for the whole session.
//!
//! To Rhai and to every message the session is one file that grows: an input is compiled below as many
//! empty lines as came before it, so that places within functions of earlier inputs stay right.

mod complete;
mod input;
mod shown;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rhai::{AST, Dynamic, Engine, ParseError, Scope};

use super::args::Spec;
use super::check::{check, fails};
use super::diagnostic::{Diagnostic, Severity};
use super::engine::{engine, parser};
use super::header::Header;
use super::host::{self, Ended, Outcome};
use super::library::{Library, Source};
use super::load::{self, NotRun};
use super::nested;
use super::program::{Program, Unit};
use super::syntax::{Facts, top_imports};
use super::thread::{self, Event, Waited};
use crate::api::{self, Branch, Frame, Output, SiteTable};
use crate::gate::{Grants, HttpPolicy, Mode, Origin, Profile, Redactor, Run, RunParts, Step};
use crate::run::{Cancel, Clock, Cx, NoEffects, NoProgress};

pub use complete::Candidate;
pub use input::is_incomplete;
pub use shown::shown;

/// What a session starts from.
pub struct Setup {
    /// Where scripts and modules are found.
    pub library: Library,
    /// What bounds the operator.
    pub profile: Option<Profile>,
    /// Where audit and history are kept.
    pub state: PathBuf,
    /// What the operator set for scripts, by section.
    pub settings: toml::Table,
    /// How output is shown.
    pub output: Output,
    /// How long one input may take.
    pub deadline: Option<Duration>,
    /// Whether changes happen.
    pub live: bool,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Looks an environment variable up.
    pub env: fn(&str) -> Option<String>,
}

/// A session.
pub struct Session {
    setup: Setup,
    http: Arc<HttpPolicy>,
    /// Holds what all runs of the session share.
    ground: Run,
    signals: Signals,
    scope: Scope<'static>,
    functions: AST,
    imports: Vec<Imported>,
    text: String,
    steps: Vec<Step>,
    used: BTreeSet<String>,
    last: Dynamic,
}

/// A function of the session or of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its parameters' names.
    pub params: Vec<String>,
    /// Its doc comment, without the slashes.
    pub doc: String,
}

/// A module that later inputs find under its alias.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What it is called.
    pub alias: String,
    /// From where.
    pub path: String,
    /// What it has.
    pub functions: Vec<Function>,
}

/// How an input ended.
pub struct Answer {
    /// Value, fault, doom or stop.
    pub ended: Ended,
    /// What the check warns of.
    pub warnings: Vec<Diagnostic>,
    /// The changes that it planned.
    pub planned: Vec<Step>,
}

/// Hands signals to the input that is being evaluated.
#[derive(Clone, Default)]
pub struct Signals(Arc<Mutex<Option<Sender<Event>>>>);

impl Signals {
    /// Ends the input that is being evaluated; `false` when there is none.
    pub fn signal(&self, signal: i32) -> bool {
        self.slot()
            .as_ref()
            .is_some_and(|send| send.send(Event::Signal(signal)).is_ok())
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Sender<Event>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An input that passed its check.
struct Checked {
    program: Arc<Program>,
    engine: Arc<Engine>,
    unit: Arc<Unit>,
    text: String,
    spec: Spec,
    warnings: Vec<Diagnostic>,
}

impl Session {
    /// A session in which nothing has happened. `Err` says which part of the environment is wrong.
    pub fn open(setup: Setup) -> Result<Self, String> {
        let source = Source::session(setup.library.folder(), String::new());
        let header = Header {
            unbounded: true,
            ..Header::default()
        };
        let http = host::http_policy(&setup.library, None, &source, &header)?;
        let cx = Cx::new(
            Cancel::root(),
            setup.clock.clone(),
            Arc::new(NoProgress),
            Arc::new(NoEffects),
        );
        let ground = Run::new(RunParts {
            origin: Origin {
                workflow: source.name,
                script: source.id,
                script_hash: String::new(),
                arguments: Vec::new(),
                user: host::user(),
                host: crate::system::host_name(),
            },
            mode: Mode::Plan,
            audit: setup.state.join("audit.jsonl"),
            cx,
        });
        let resources = ground.resources();
        resources.get_or(|| nested::calendars(setup.library.clone()));
        resources.get_or(|| nested::runner(setup.library.clone(), setup.env));
        resources.get_or(|| setup.output);
        resources.get_or(|| api::StateFolder(setup.state.clone()));
        resources.get_or(|| api::ScriptSettings(setup.settings.clone()));
        Ok(Self {
            setup,
            http: Arc::new(http),
            ground,
            signals: Signals::default(),
            scope: Scope::new(),
            functions: AST::empty(),
            imports: Vec::new(),
            text: String::new(),
            steps: Vec::new(),
            used: BTreeSet::new(),
            last: Dynamic::UNIT,
        })
    }

    /// Checks an input and evaluates it. `arguments` is what `args::parse` gets.
    pub fn eval(&mut self, input: &str, arguments: &[String]) -> Result<Answer, NotRun> {
        let checked = self.check(input)?;
        let parsed = checked.spec.parse(arguments, &self.setup.env)?;
        let until = self
            .setup
            .deadline
            .and_then(|limit| Instant::now().checked_add(limit));
        let cancel = Cancel::root_until(until);
        let cx = self.ground.cx().with_cancel(cancel.clone());
        let mode = if self.setup.live {
            Mode::Live
        } else {
            Mode::Plan
        };
        let run = Arc::new(self.ground.next(checked.program.digest(), mode, cx.clone()));
        let frame = Arc::new(Frame {
            workflow: "repl".into(),
            grants: Grants {
                unbounded: true,
                profile: self.setup.profile.clone(),
                ..Grants::default()
            },
            http: self.http.clone(),
            arguments: parsed,
            ..Frame::default()
        });
        // A call that is abandoned takes its variables along; the session goes on with these.
        let before = self.scope.clone();
        let scope = std::mem::take(&mut self.scope);
        let (send, events) = mpsc::channel();
        *self.signals.slot() = Some(send.clone());
        thread::start(
            checked.program.clone(),
            checked.engine.clone(),
            Branch {
                run: run.clone(),
                cx,
                frame,
            },
            scope,
            send,
        );
        let Waited {
            answer,
            flights,
            twice,
        } = thread::wait(&run, &cancel, until, &events);
        let (answer, scope) =
            answer.map_or((None, before), |(answer, scope)| (Some(answer), scope));
        self.scope = scope;
        let left = if twice {
            Vec::new()
        } else {
            thread::clean_up(&run, &checked.engine, &events)
        };
        *self.signals.slot() = None;
        let outcome = host::outcome(answer, &run, &cancel, &checked.program);
        self.keep(&checked, &outcome);
        let planned = run.plan_so_far().steps;
        self.steps.extend(planned.iter().cloned());
        self.used.extend(run.used());
        Ok(Answer {
            ended: Ended {
                outcome,
                elapsed: run.elapsed(),
                run,
                program: checked.program,
                flights,
                left,
                lost: None,
                watched: false,
            },
            warnings: checked.warnings,
            planned,
        })
    }

    /// Keeps what later inputs may use.
    fn keep(&mut self, checked: &Checked, outcome: &Outcome) {
        self.functions = checked.unit.ast.clone_functions_only();
        self.text.clone_from(&checked.text);
        let Outcome::Value(value) = outcome else {
            return;
        };
        if !value.is_unit() {
            self.last = value.clone();
        }
        // Only what could be imported is imported again.
        for (alias, path) in top_imports(&checked.unit.ast) {
            self.imports.retain(|known| known.alias != alias);
            let module = checked.unit.imports.iter().rfind(|(a, _)| *a == alias);
            let functions = module
                .and_then(|(_, id)| checked.program.unit(id))
                .map(|unit| functions(&unit.ast))
                .unwrap_or_default();
            self.imports.push(Imported {
                alias,
                path,
                functions,
            });
        }
    }

    fn check(&self, input: &str) -> Result<Checked, NotRun> {
        let mut text = format!("{}{input}", self.text);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let source = Source::session(self.setup.library.folder(), text.clone());
        let bare = parser();
        let parsed = self.parse(&bare, input).map(|mut ast| {
            let mut facts = Facts::of(&ast);
            ast = self.functions.merge(&ast);
            ast.set_source(source.id.as_str());
            facts.functions = Facts::of(&ast.clone_functions_only()).functions;
            (facts, ast)
        });
        let library = self.setup.library.clone();
        let (program, mut found) = Program::of(&bare, library, source, parsed);
        let program = Arc::new(program);
        let sites = self.ground.resources().get_or(SiteTable::default);
        found.extend(check(&program, &sites));
        let spec = load::command_line(&program, &mut found);
        let unit = program.unit(&program.main);
        let (false, Some(unit)) = (fails(&found), unit) else {
            return Err(NotRun::Invalid(program, found));
        };
        found.retain(|d| d.severity == Severity::Warning);
        Ok(Checked {
            engine: Arc::new(engine(Some(program.clone()))),
            program,
            unit,
            text,
            spec,
            warnings: found,
        })
    }

    /// Parses an input below what came before: the imports on the first line, then empty lines.
    fn parse(&self, bare: &Engine, input: &str) -> Result<AST, ParseError> {
        let above = "\n".repeat(self.text.matches('\n').count());
        let with = |imports: &[&Imported]| {
            let again: String = imports
                .iter()
                .map(|i| format!("import {:?} as {};", i.path, i.alias))
                .collect();
            bare.compile_with_scope(&self.scope, format!("{again}{above}{input}"))
        };
        let all: Vec<&Imported> = self.imports.iter().collect();
        let ast = with(&all)?;
        // An alias that the input itself gives anew must not also be imported from where it was.
        let named = top_imports(&ast);
        let again = named.get(all.len()..).unwrap_or_default();
        let kept: Vec<&Imported> = all
            .iter()
            .filter(|i| !again.iter().any(|(alias, _)| *alias == i.alias))
            .copied()
            .collect();
        if kept.len() == all.len() {
            Ok(ast)
        } else {
            with(&kept)
        }
    }

    /// Where signals go.
    pub fn signals(&self) -> Signals {
        self.signals.clone()
    }

    /// Whether changes happen.
    pub fn live(&self) -> bool {
        self.setup.live
    }

    /// Lets changes happen from now on, or not.
    pub fn set_live(&mut self, live: bool) {
        self.setup.live = live;
    }

    /// How output is shown.
    pub fn output(&self) -> Output {
        self.setup.output
    }

    /// Where scripts are found.
    pub fn library(&self) -> &Library {
        &self.setup.library
    }

    /// Every change planned so far.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Every capability used so far.
    pub fn used(&self) -> &BTreeSet<String> {
        &self.used
    }

    /// The last value that was not `()`.
    pub fn last(&self) -> &Dynamic {
        &self.last
    }

    /// The variables, the last of each name, and whether it is a constant.
    pub fn variables(&self) -> Vec<(String, bool, Dynamic)> {
        let mut variables: Vec<(String, bool, Dynamic)> = Vec::new();
        for (name, constant, value) in self.scope.iter() {
            variables.retain(|(n, ..)| n != name);
            variables.push((name.to_owned(), constant, value));
        }
        variables
    }

    /// The functions that inputs defined.
    pub fn functions(&self) -> Vec<Function> {
        functions(&self.functions)
    }

    /// The modules that inputs imported.
    pub fn imports(&self) -> &[Imported] {
        &self.imports
    }

    /// The session's redaction engine.
    pub fn redactor(&self) -> &Redactor {
        self.ground.redactor()
    }

    /// Text without what is known to be secret.
    pub fn redact(&self, text: &str) -> String {
        self.ground.redactor().text(text).into_owned()
    }

    /// A value as JSON, without what is known to be secret.
    pub fn json(&self, value: &Dynamic) -> serde_json::Value {
        self.ground.redactor().json(&api::to_json(value))
    }

    /// Forgets variables, functions, imports, plan and last value. What is held stays held.
    pub fn clear(&mut self) {
        self.scope.clear();
        self.functions = AST::empty();
        self.imports.clear();
        self.steps.clear();
        self.last = Dynamic::UNIT;
    }

    /// Releases what is held.
    pub fn close(&self) {
        self.ground.resources().release();
    }
}

/// The functions of a file that others may call, closures not among them.
fn functions(ast: &AST) -> Vec<Function> {
    let mut functions: Vec<_> = ast
        .iter_functions()
        .filter(|f| !super::syntax::is_closure(f.name) && f.access == rhai::FnAccess::Public)
        .map(|f| Function {
            name: f.name.to_owned(),
            params: f.params.iter().map(|p| (*p).to_owned()).collect(),
            doc: doc(&f.comments),
        })
        .collect();
    functions.sort_by(|a, b| (&a.name, a.params.len()).cmp(&(&b.name, b.params.len())));
    functions
}

/// Doc comments as text.
fn doc(comments: &[&str]) -> String {
    let lines = comments.iter().flat_map(|c| c.lines());
    let plain = lines.map(|line| {
        let line = line.trim_start_matches("///").trim_start_matches("/**");
        line.trim_end_matches("*/")
            .strip_prefix(' ')
            .unwrap_or(line)
    });
    plain.collect::<Vec<_>>().join("\n").trim().to_owned()
}

impl Function {
    /// `ready(url, limit)`.
    pub fn signature(&self) -> String {
        format!("{}({})", self.name, self.params.join(", "))
    }
}
