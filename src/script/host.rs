//! Runs a script: check, command line, gate, thread, signals, deadline, clean-up, outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rhai::{Dynamic, Engine, EvalAltResult, Map, Scope};

use super::args::{ArgsError, Spec};
use super::check::{check, fails};
use super::diagnostic::{Diagnostic, Severity};
use super::engine::engine;
use super::fault;
use super::header::Header;
use super::library::{FindError, Layer, Library, Source};
use super::program::Program;
use super::syntax::{literal_argument, literal_constant};
use crate::api::{
    self, Branch, Cleanup, Failure, Frame, Kind, Output, OutputLost, SiteTable, WorkflowRunner,
};
use crate::gate::{
    DoomKind, Flight, Grants, HttpPolicy, Mode, Origin, Profile, Redactor, Run, RunParts,
};
use crate::run::{Cancel, Clock, Cx, NoEffects, Progress, Stop};

/// What is to be run, and how.
pub struct Request {
    /// Where scripts are found.
    pub library: Library,
    /// The script's name or path.
    pub script: String,
    /// Its own arguments.
    pub arguments: Vec<String>,
    /// How changes are treated.
    pub mode: Mode,
    /// How long it may take.
    pub deadline: Option<Duration>,
    /// What bounds its header.
    pub profile: Option<Profile>,
    /// Where audit and history are kept.
    pub state: std::path::PathBuf,
    /// How its output is shown.
    pub output: Output,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Who hears of progress.
    pub progress: Arc<dyn Progress>,
    /// Looks an environment variable up.
    pub env: fn(&str) -> Option<String>,
}

/// A script that passed its check.
pub struct Checked {
    /// The program.
    pub program: Arc<Program>,
    /// Its engine.
    pub engine: Arc<Engine>,
    /// The header of the script that is started.
    pub header: Header,
    /// Its command line.
    pub spec: Spec,
    /// Its call sites.
    pub sites: SiteTable,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

impl Checked {
    /// The operator's own words need no header: what bounds them is the profile, and plan mode.
    #[must_use]
    pub fn unbounded(mut self) -> Self {
        self.header.unbounded = true;
        self
    }
}

/// Why nothing ran.
#[derive(Debug)]
pub enum NotRun {
    /// No such script, or one that is not taken.
    NotFound(FindError),
    /// The check found errors. The program is there for its texts.
    Invalid(Arc<Program>, Vec<Diagnostic>),
    /// `--help`.
    Help(String),
    /// A wrong flag or value: message and hint.
    Usage(String, Option<String>),
    /// A wrong value in the environment.
    Environment(String),
}

/// How a run ended.
pub struct Ended {
    /// The run: its plan, its doom, what it used.
    pub run: Arc<Run>,
    /// The program: its texts for messages.
    pub program: Arc<Program>,
    /// What became of the script.
    pub outcome: Outcome,
    /// What was being carried out when it was stopped.
    pub flights: Vec<Arc<Flight>>,
    /// Why something that it printed was lost.
    pub lost: Option<String>,
    /// What clean-up could not do.
    pub left: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What became of a script.
pub enum Outcome {
    /// Its last value.
    Value(Dynamic),
    /// It called `exit(code)`.
    Exited(i64),
    /// The gate ended it.
    Doomed,
    /// A deadline or a signal ended it.
    Stopped(Stop),
    /// It threw something that nobody caught.
    Fault(Diagnostic, Option<Kind>),
}

/// Finds, parses and checks a script.
pub fn load(library: &Library, name: &str) -> Result<(Source, Checked), NotRun> {
    let source = library.script(name).map_err(NotRun::NotFound)?;
    Ok((source.clone(), load_source(library, source)?))
}

/// Parses and checks a script that was found.
pub fn load_source(library: &Library, source: Source) -> Result<Checked, NotRun> {
    let header = Header::read(&source.text);
    let bare = super::engine::parser();
    let (program, mut found) = Program::load(&bare, library.clone(), source);
    let program = Arc::new(program);
    let sites = SiteTable::default();
    found.extend(check(&program, &sites));
    let spec = command_line(&program, &mut found);
    if fails(&found) {
        return Err(NotRun::Invalid(program, found));
    }
    let warnings = found
        .into_iter()
        .filter(|d| d.severity == Severity::Warning)
        .collect();
    Ok(Checked {
        engine: Arc::new(engine(Some(program.clone()))),
        program,
        header,
        spec,
        sites,
        warnings,
    })
}

/// The command line that the program's script declares.
pub(super) fn command_line(program: &Program, found: &mut Vec<Diagnostic>) -> Spec {
    let Some(unit) = program.unit(&program.main) else {
        return Spec::default();
    };
    let Some((literal, place)) = literal_argument(&unit.ast, "args", "parse") else {
        return Spec::default();
    };
    let read = match literal.and_then(|value| value.try_cast::<Map>()) {
        Some(map) => Spec::read(&map),
        None => Err("`args::parse` wants a map that is written out, so that `--help` need not run the script".into()),
    };
    read.unwrap_or_else(|why| {
        found.push(Diagnostic::error("args", &program.main, place, why));
        Spec::default()
    })
}

/// Runs a script that passed its check.
pub fn run(request: Request, source: &Source, checked: Checked) -> Result<Ended, NotRun> {
    let Checked {
        program,
        engine,
        header,
        spec,
        sites,
        ..
    } = checked;
    let command = match source.layer {
        Layer::Given => format!("tradeops run {}", source.id),
        _ => format!("tradeops {}", source.name),
    };
    let arguments = spec
        .parse(&request.arguments, &request.env)
        .map_err(|error| match error {
            ArgsError::Help(path) => {
                let words: Vec<_> = std::iter::once(command.as_str())
                    .chain(path.iter().map(String::as_str))
                    .collect();
                NotRun::Help(spec.at(&path).help(&words.join(" "), &header.doc))
            }
            other => other.into(),
        })?;
    let http = http_policy(&request.library, source, &header).map_err(NotRun::Environment)?;
    let until = request
        .deadline
        .and_then(|limit| Instant::now().checked_add(limit));
    let cancel = Cancel::root_until(until);
    let cx = Cx::new(
        cancel.clone(),
        request.clock,
        request.progress,
        Arc::new(NoEffects),
    );
    let run = Arc::new(Run::new(RunParts {
        origin: Origin {
            workflow: source.name.clone(),
            script: source.id.clone(),
            script_hash: program.digest(),
            arguments: request.arguments,
            user: user(),
            host: machine(),
        },
        mode: request.mode,
        audit: request.state.join("audit.jsonl"),
        cx: cx.clone(),
    }));
    learn_secrets(run.redactor(), &arguments);
    let resources = run.resources();
    resources.get_or(|| sites);
    resources.get_or(|| runner(request.library, request.env));
    resources.get_or(|| request.output);
    resources.get_or(|| api::StateFolder(request.state.clone()));

    let frame = Arc::new(Frame {
        workflow: source.name.clone(),
        grants: Grants {
            needs: header.needs,
            unbounded: header.unbounded,
            profile: request.profile,
            outer: None,
        },
        http: Arc::new(http),
        arguments,
        caller: None,
    });
    let (send, events) = mpsc::channel();
    watch_signals(send.clone());
    start(
        program.clone(),
        engine.clone(),
        Branch {
            run: run.clone(),
            cx,
            frame: frame.clone(),
        },
        Scope::new(),
        send,
    );
    let Waited {
        answer,
        flights,
        twice,
    } = wait(&run, &cancel, until, &events);
    let left = if twice {
        vec!["left out: it was interrupted twice".to_owned()]
    } else {
        clean_up(&run, &engine, &events)
    };
    let outcome = outcome(answer.map(|(answer, _)| answer), &run, &cancel, &program);
    let mut left = left;
    if let Outcome::Value(value) = &outcome
        && api::is_report(value)
        && !run.mode().is_plan()
        && let Err(error) = crate::history::keep(
            &request.state,
            &source.name,
            &run.redactor().json(&api::to_json(value)),
        )
    {
        left.push(format!("the result was not kept: {error}"));
    }
    let lost = run
        .resources()
        .get::<OutputLost>()
        .and_then(|lost| lost.0.get().cloned());
    run.resources().release();
    Ok(Ended {
        lost,
        outcome,
        elapsed: run.elapsed(),
        run,
        program,
        flights,
        left,
    })
}

/// What is given as `--password`, or comes from its variable, is shown nowhere.
fn learn_secrets(redactor: &Redactor, arguments: &Map) {
    for (name, value) in arguments {
        if let Some(inner) = value.read_lock::<Map>() {
            learn_secrets(redactor, &inner);
        } else if Redactor::is_secret_name(name)
            && let Ok(secret) = value.clone().into_string()
        {
            redactor.learn(&secret);
        }
    }
}

/// The operator's login name.
pub(super) fn user() -> String {
    std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_default()
}

/// This machine's name.
pub(super) fn machine() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Where a script's reads over HTTP may go: the hosts that its header names, and nowhere that the stack's
/// overlay lists as starting a job.
pub(super) fn http_policy(
    library: &Library,
    source: &Source,
    header: &Header,
) -> Result<HttpPolicy, String> {
    let reads: Vec<_> = header
        .needs
        .iter()
        .filter(|c| c.namespace() == "http")
        .collect();
    if reads.is_empty() && !header.unbounded {
        return Ok(HttpPolicy::default());
    }
    let hosts = reads
        .iter()
        .filter_map(|c| c.scope())
        .map(|scope| scope.split('/').next().unwrap_or(scope));
    let overlay = library
        .module(source, source, "std/stack")
        .map_err(|error| error.to_string())?;
    let ast = super::program::parse(&super::engine::parser(), &overlay)
        .map_err(|error| format!("`{}`: {error}", overlay.id))?;
    let list = |name: &str| -> Vec<String> {
        literal_constant(&ast, name)
            .and_then(|value| value.try_cast::<rhai::Array>())
            .map(|list| list.iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    };
    let (routes, ports) = (list("JOB_ROUTES"), list("OWNED_PORTS"));
    HttpPolicy::new(
        hosts,
        routes.iter().map(String::as_str),
        ports.iter().map(String::as_str),
    )
    .map_err(|error| format!("`{}`: {error}", overlay.id))
}

/// How deeply workflows may run workflows.
const NESTING: usize = 8;

/// What `workflow::run` does: loads and checks another script, and evaluates it on the caller's thread,
/// within the caller's bounds and the same run.
pub(super) fn runner(library: Library, env: fn(&str) -> Option<String>) -> WorkflowRunner {
    WorkflowRunner(Box::new(
        move |branch: &Branch, name: &str, given: &[String]| {
            let (source, checked) = load(&library, name).map_err(|not_run| not_run.failure())?;
            let chain = branch.frame.chain();
            if chain.contains(&source.name) || chain.len() >= NESTING {
                return Err(Failure::invalid(format!(
                    "the workflows run each other in a circle: {} -> {}",
                    chain.join(" -> "),
                    source.name
                )));
            }
            let parsed = checked
                .spec
                .parse(given, &env)
                .map_err(|error| NotRun::from(error).failure())?;
            learn_secrets(branch.run.redactor(), &parsed);
            branch
                .run
                .resources()
                .get_or(SiteTable::default)
                .extend(&checked.sites);
            let http = http_policy(&library, &source, &checked.header)
                .map_err(|error| NotRun::Environment(error).failure())?;
            let frame = Frame {
                workflow: source.name.clone(),
                http: Arc::new(http),
                grants: Grants {
                    needs: checked.header.needs,
                    outer: Some(Arc::new(branch.frame.grants.clone())),
                    ..Grants::default()
                },
                arguments: parsed,
                caller: Some(branch.frame.clone()),
            };
            let inner = Branch {
                frame: Arc::new(frame),
                ..branch.clone()
            };
            let Some(unit) = checked.program.unit(&source.id) else {
                return Ok(Dynamic::UNIT);
            };
            api::enter(inner, || {
                checked
                    .engine
                    .eval_ast_with_scope::<Dynamic>(&mut Scope::new(), &unit.ast)
            })
            .map_err(api::thrown)
        },
    ))
}

impl NotRun {
    /// As a failure of `workflow::run`.
    fn failure(self) -> Failure {
        match self {
            Self::NotFound(error) => {
                let failure = Failure::new(Kind::NotFound, error.to_string());
                match error.hint() {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            }
            Self::Invalid(program, found) => {
                let first = found.iter().find(|d| d.severity == Severity::Error);
                let why = first.map_or_else(String::new, |d| {
                    format!(": {} at {}:{}:{}", d.message, d.file, d.line, d.column)
                });
                Failure::invalid(format!("`{}` does not pass its check{why}", program.main))
            }
            Self::Help(_) => Failure::invalid("`--help` is for the command line"),
            Self::Usage(why, _) | Self::Environment(why) => Failure::invalid(why),
        }
    }
}

impl From<ArgsError> for NotRun {
    fn from(error: ArgsError) -> Self {
        match error {
            ArgsError::Help(_) => Self::Help(String::new()),
            ArgsError::Usage(why, hint) => Self::Usage(why, hint),
            ArgsError::Environment(why) => Self::Environment(why),
        }
    }
}

/// What a script gave or threw, and its variables at the end.
pub(super) type Answer = (Result<Dynamic, Box<EvalAltResult>>, Scope<'static>);

/// What the host's thread waits for.
pub(super) enum Event {
    /// The script ended.
    Finished(Box<Answer>),
    /// A signal came.
    Signal(i32),
}

/// The stack of the script's thread: 2 MiB overflows a debug build at a call depth of 64.
pub const SCRIPT_STACK: usize = 16 << 20;

/// Starts the program's script on a thread of its own, with the variables of `scope`.
pub(super) fn start(
    program: Arc<Program>,
    engine: Arc<Engine>,
    branch: Branch,
    mut scope: Scope<'static>,
    send: Sender<Event>,
) {
    let failed = send.clone();
    let spawned = std::thread::Builder::new()
        .name("script".into())
        .stack_size(SCRIPT_STACK)
        .spawn(move || {
            // A panic must end the run, not leave the host waiting for an answer.
            let answer = catch_unwind(AssertUnwindSafe(|| match program.unit(&program.main) {
                Some(unit) => api::enter(branch, || {
                    engine.eval_ast_with_scope::<Dynamic>(&mut scope, &unit.ast)
                }),
                None => Ok(Dynamic::UNIT),
            }))
            .unwrap_or_else(|_| Err("a defect in tradeops: the script's thread panicked".into()));
            let _ = send.send(Event::Finished(Box::new((answer, scope))));
        });
    if let Err(error) = spawned {
        let answer = Err(format!("cannot start a thread: {error}").into());
        let _ = failed.send(Event::Finished(Box::new((answer, Scope::new()))));
    }
}

/// Sends every SIGINT, SIGTERM and SIGHUP on.
fn watch_signals(send: Sender<Event>) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    let _ = std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if send.send(Event::Signal(signal)).is_err() {
                    return;
                }
            }
        });
}

/// How long a stopped script may take to notice. A call that takes longer is abandoned.
const GRACE: Duration = Duration::from_millis(120);

/// What the host has when the script's thread is done, or given up.
pub(super) struct Waited {
    pub answer: Option<Answer>,
    /// What was being carried out when it was stopped.
    pub flights: Vec<Arc<Flight>>,
    /// A second signal came: nothing more is waited for.
    pub twice: bool,
}

/// Waits for the script to end, and stops it at its deadline or at a signal.
pub(super) fn wait(
    run: &Run,
    cancel: &Cancel,
    until: Option<Instant>,
    events: &Receiver<Event>,
) -> Waited {
    let mut flights = Vec::new();
    let waited = |answer, flights, twice| Waited {
        answer,
        flights,
        twice,
    };
    let mut abandon: Option<Instant> = None;
    loop {
        let wake = match (abandon, until) {
            (Some(at), _) => Some(at),
            (None, Some(at)) => Some(at),
            (None, None) => None,
        };
        let event = match wake {
            Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
            // Waking now and then costs nothing and finds a doom that another thread set.
            None => events.recv_timeout(Duration::from_secs(3600)),
        };
        let stop = match event {
            Ok(Event::Finished(answer)) => return waited(Some(*answer), flights, false),
            Ok(Event::Signal(signal)) => {
                if abandon.is_some() {
                    return waited(None, flights, true);
                }
                if signal == signal_hook::consts::SIGINT {
                    Stop::Interrupted
                } else {
                    Stop::Terminated
                }
            }
            Err(RecvTimeoutError::Timeout) if abandon.is_some() => {
                return waited(None, flights, false);
            }
            Err(RecvTimeoutError::Timeout) if until.is_some() => Stop::Deadline,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return waited(None, flights, false),
        };
        flights = run.flights();
        cancel.stop(stop);
        abandon = Some(Instant::now() + GRACE);
    }
}

/// How long all `task::cleanup` closures of a run may take together.
const CLEANUP_BUDGET: Duration = Duration::from_secs(5);

/// Runs what the script registered, the last first, on a branch of its own: the run's is stopped.
pub(super) fn clean_up(
    run: &Arc<Run>,
    engine: &Arc<Engine>,
    events: &Receiver<Event>,
) -> Vec<String> {
    let Some(cleanup) = run.resources().get::<Cleanup>() else {
        return Vec::new();
    };
    let closures = cleanup.take();
    if closures.is_empty() {
        return Vec::new();
    }
    run.begin_cleanup();
    let cx = run
        .cx()
        .with_cancel(Cancel::root().child_within(CLEANUP_BUDGET));
    let (send, done) = mpsc::channel();
    let (engine, run, names) = (engine.clone(), run.clone(), closures.len());
    let _ = std::thread::Builder::new()
        .stack_size(SCRIPT_STACK)
        .spawn(move || {
            for entry in closures.into_iter().rev() {
                let answer = entry.run(&engine, &run, &cx);
                let _ = send.send(answer.map_err(|failure| failure.message));
            }
        });
    let end = Instant::now() + CLEANUP_BUDGET + GRACE;
    let mut left = Vec::new();
    let mut ended = 0;
    while ended < names {
        // A signal that comes now means: at once.
        if let Ok(Event::Signal(_)) = events.try_recv() {
            left.push(format!(
                "interrupted, {} not run to the end",
                count(names - ended)
            ));
            break;
        }
        match done.recv_timeout(NOTICE) {
            Ok(answer) => {
                ended += 1;
                left.extend(answer.err());
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
            Err(RecvTimeoutError::Timeout) => {
                left.push(format!("{} did not end in time", count(names - ended)));
                break;
            }
            Err(RecvTimeoutError::Disconnected) => {
                left.push(format!("{} could not be run", count(names - ended)));
                break;
            }
        }
    }
    left
}

/// How soon a signal during clean-up is noticed. A closure that ends is noticed at once.
const NOTICE: Duration = Duration::from_millis(10);

fn count(closures: usize) -> String {
    let plural = if closures == 1 { "" } else { "s" };
    format!("{closures} clean-up closure{plural}")
}

/// What became of a script that gave `answer`; `None` when it was abandoned.
pub(super) fn outcome(
    answer: Option<Result<Dynamic, Box<EvalAltResult>>>,
    run: &Run,
    cancel: &Cancel,
    program: &Program,
) -> Outcome {
    if let Some(doom) = run.doom() {
        return match doom.kind {
            DoomKind::Exited(code) => Outcome::Exited(code),
            DoomKind::Stopped(stop) => Outcome::Stopped(stop),
            _ => Outcome::Doomed,
        };
    }
    match (answer, cancel.stopped()) {
        // It ended by itself before it noticed: that it was told to stop still stands.
        (_, Some(stop)) => Outcome::Stopped(stop),
        (None, None) => Outcome::Stopped(Stop::Cancelled),
        (Some(Ok(value)), None) => Outcome::Value(value),
        (Some(Err(error)), None) => {
            let (diagnostic, kind) = fault::diagnose(&error, program, run);
            Outcome::Fault(diagnostic, kind)
        }
    }
}
