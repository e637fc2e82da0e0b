//! Runs a script that passed its check: gate, thread, deadline, clean-up, outcome.

use std::sync::mpsc;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rhai::{Dynamic, EvalAltResult, Map, Scope};

use super::args::ArgsError;
use super::check_files::check_files;
use super::diagnostic::Diagnostic;
use super::fault::{self, Thrown};
use super::header::Header;
use super::library::{Layer, Library, Source};
use super::load::{Checked, NotRun};
use super::nested::{Outermost, calendars, runner};
use super::program::Program;
use super::syntax::literal_constant;
pub use super::thread::SCRIPT_STACK;
use super::thread::{Waited, clean_up, start, wait, watch_signals};
use crate::api::{self, Branch, Frame, Output, OutputLost};
use crate::gate::{
    DoomKind, Flight, Grants, HttpPolicy, Mode, Origin, Profile, Redactor, Run, RunParts,
};
use crate::run::{Cancel, Clock, Cx, NoEffects, Progress, Stop};

/// What is to be run, and how.
pub struct Request {
    /// Where scripts are found.
    pub library: Library,
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
    /// What the operator set for scripts, by section.
    pub settings: toml::Table,
    /// How its output is shown.
    pub output: Output,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Who hears of progress.
    pub progress: Arc<dyn Progress>,
    /// Looks an environment variable up.
    pub env: fn(&str) -> Option<String>,
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
    /// Whether it gave reports one after the other.
    pub watched: bool,
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
    Fault(Diagnostic, Option<Thrown>),
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
            ArgsError::Help(path) => NotRun::Help(spec.help_at(&path, &command, &header.doc)),
            other => other.into(),
        })?;
    let engine = LazyLock::force(&engine).clone();
    let http = http_policy(&request.library, Some(&program), source, &header)
        .map_err(NotRun::Environment)?;
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
            host: crate::system::host_name(),
        },
        mode: request.mode,
        audit: request.state.join("audit.jsonl"),
        cx: cx.clone(),
    }));
    learn_secrets(run.redactor(), &arguments);
    let resources = run.resources();
    resources.get_or(|| sites);
    resources.get_or(|| Outermost(program.clone()));
    resources.get_or(|| check_files(request.library.clone()));
    resources.get_or(|| calendars(request.library.clone()));
    resources.get_or(|| runner(request.library, request.env));
    resources.get_or(|| request.output);
    resources.get_or(|| api::StateFolder(request.state.clone()));
    resources.get_or(|| api::ScriptSettings(request.settings));

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
        ..Frame::default()
    });
    let (send, events) = mpsc::channel();
    watch_signals(send.clone());
    start(
        program.clone(),
        engine.clone(),
        Branch {
            run: run.clone(),
            cx,
            frame,
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
        && api::is_result(value)
        && !run.mode().is_plan()
        && let Err(error) = crate::history::keep(
            &request.state,
            &source.name,
            &run.redactor().json(&api::to_json(value)),
        )
    {
        left.push(format!("the result was not kept: {error}"));
    }
    let watched = run.resources().get::<api::Watched>().is_some();
    let lost = run
        .resources()
        .get::<OutputLost>()
        .and_then(|lost| lost.0.get().cloned());
    run.resources().release();
    Ok(Ended {
        lost,
        watched,
        outcome,
        elapsed: run.elapsed(),
        run,
        program,
        flights,
        left,
    })
}

/// What is given as `--password`, or comes from its variable, is shown nowhere.
pub(super) fn learn_secrets(redactor: &Redactor, arguments: &Map) {
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

/// The operator: the kernel's word, and the login name where the environment has one.
pub(super) fn user() -> String {
    let uid = rustix::process::getuid().as_raw();
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    name.map_or_else(
        |_| format!("uid {uid}"),
        |name| format!("{name} (uid {uid})"),
    )
}

/// Where a script's reads over HTTP may go: the hosts that its header names, and nowhere that the stack's
/// overlay lists as starting a job.
pub(super) fn http_policy(
    library: &Library,
    loaded: Option<&Program>,
    source: &Source,
    header: &Header,
) -> Result<HttpPolicy, String> {
    let reads: Vec<_> = header
        .needs
        .iter()
        .filter(|c| matches!(c.namespace(), "http" | "provider"))
        .collect();
    if reads.is_empty() && !header.unbounded {
        return Ok(HttpPolicy::default());
    }
    let hosts = reads
        .iter()
        .filter_map(|c| c.scope())
        .map(|scope| scope.split('/').next().unwrap_or(scope));
    // Most scripts that ask the stack import its overlay: then it is parsed already.
    let id = "std/stack.rhai";
    let loaded = loaded.and_then(|program| program.unit(id));
    let parsed;
    let ast = if let Some(unit) = &loaded {
        &unit.ast
    } else {
        let overlay = library
            .module(source, source, "std/stack")
            .map_err(|error| error.to_string())?;
        parsed = super::program::parse(&super::engine::parser(), &overlay)
            .map_err(|error| format!("`{id}`: {error}"))?;
        &parsed
    };
    let list = |name: &str| -> Vec<String> {
        literal_constant(ast, name)
            .and_then(|value| value.try_cast::<rhai::Array>())
            .map(|list| list.iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    };
    // The hosts of the overlay's table of providers.
    let table = literal_constant(ast, "PROVIDERS").and_then(|table| table.try_cast::<Map>());
    let providers: Vec<String> = table
        .iter()
        .flat_map(Map::values)
        .filter_map(|entry| {
            entry
                .read_lock::<Map>()?
                .get("url")?
                .clone()
                .into_string()
                .ok()
        })
        .filter_map(|url| crate::http::parse(&url).ok())
        .map(|url| crate::http::origin(&url))
        .collect();
    let (routes, ports) = (list("JOB_ROUTES"), list("OWNED_PORTS"));
    HttpPolicy::new(
        hosts,
        routes.iter().map(String::as_str),
        ports.iter().map(String::as_str),
    )
    .and_then(|policy| policy.with_providers(providers.iter().map(String::as_str)))
    .map_err(|error| format!("`{id}`: {error}"))
}

/// What became of a script that gave `answer`; `None` when it was abandoned.
pub(super) fn outcome(
    answer: Option<Result<Dynamic, Box<EvalAltResult>>>,
    run: &Run,
    cancel: &Cancel,
    program: &Program,
) -> Outcome {
    // Somebody who watches ends it so, and has seen what it says.
    let watched = run.resources().get::<api::Watched>();
    let watched = watched.and_then(|watched| watched.exit_code());
    if let (Some(Stop::Interrupted), Some(code)) = (cancel.stopped(), watched) {
        return Outcome::Exited(code);
    }
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
            let (diagnostic, thrown) = fault::diagnose(&error, program, run);
            Outcome::Fault(diagnostic, thrown)
        }
    }
}
