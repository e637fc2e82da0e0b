//! From a script's name to a program that may run: found, parsed, checked, its command line read.

use std::sync::{Arc, LazyLock};

use rhai::{Engine, Map};

use super::args::{ArgsError, Spec};
use super::check::{check, fails};
use super::diagnostic::{Diagnostic, Severity};
use super::engine::engine_for;
use super::header::Header;
use super::library::{FindError, Library, Source};
use super::program::Program;
use super::syntax::literal_argument;
use crate::api::{Failure, Kind, SiteTable};

/// An engine that is not there before it is wanted.
pub type LazyEngine = LazyLock<Arc<Engine>, Box<dyn FnOnce() -> Arc<Engine> + Send>>;

/// A script that passed its check.
pub struct Checked {
    /// The program.
    pub program: Arc<Program>,
    /// Its engine, made when it is first wanted: `check` and `--help` do without.
    pub engine: LazyEngine,
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
        engine: {
            let program = program.clone();
            LazyLock::new(Box::new(move || Arc::new(engine_for(program))))
        },
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

impl NotRun {
    /// As a failure of `workflow::run`.
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::NotFound(error) => {
                let kind = match error {
                    FindError::Untrusted { .. } => Kind::Refused,
                    FindError::Unreadable { .. } => Kind::Failed,
                    _ => Kind::NotFound,
                };
                let failure = Failure::new(kind, error.to_string());
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
