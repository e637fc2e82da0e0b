//! A script and all that it imports, parsed once: for the check, the run and the file table of errors.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rhai::{AST, Engine, Module, ParseError, ParseErrorType, Shared};
use sha2::{Digest as _, Sha256};

use super::diagnostic::Diagnostic;
use super::library::{FindError, Library, Source};
use super::syntax::{Facts, Place};
use crate::api::{NAMESPACES, closest};

/// One parsed file.
#[derive(Debug)]
pub struct Unit {
    /// The file.
    pub source: Source,
    /// Its syntax tree, with the file's id as its source.
    pub ast: AST,
    /// What is known of it.
    pub facts: Facts,
    /// It does not parse, so nothing is known of it.
    pub broken: bool,
    /// Alias to file id, for the imports that were found.
    pub imports: Vec<(String, String)>,
    /// Evaluated at the first import of a run; every further import gets the same.
    pub(super) module: OnceLock<Shared<Module>>,
}

/// A script and what it imports.
#[derive(Debug)]
pub struct Program {
    /// Where further modules are found, for imports that are only known while running.
    pub library: Library,
    /// The id of the script that was started.
    pub main: String,
    units: Mutex<HashMap<String, Arc<Unit>>>,
    order: Vec<String>,
}

impl Program {
    /// Parses `main` and everything that it imports by literal path. What cannot be parsed or found is
    /// in the diagnostics.
    pub fn load(engine: &Engine, library: Library, main: Source) -> (Self, Vec<Diagnostic>) {
        let parsed = parse(engine, &main).map(|ast| (Facts::of(&ast), ast));
        Self::of(engine, library, main, parsed)
    }

    /// The program of a script that is parsed already: loads what it imports.
    pub(super) fn of(
        engine: &Engine,
        library: Library,
        main: Source,
        parsed: Result<(Facts, AST), ParseError>,
    ) -> (Self, Vec<Diagnostic>) {
        let mut loader = Loader {
            engine,
            library: &library,
            main: main.clone(),
            units: HashMap::new(),
            order: Vec::new(),
            chain: Vec::new(),
            diagnostics: Vec::new(),
        };
        let id = main.id.clone();
        loader.take(main, parsed);
        let (units, order, diagnostics) = (loader.units, loader.order, loader.diagnostics);
        let program = Self {
            library,
            main: id,
            units: Mutex::new(units),
            order,
        };
        (program, diagnostics)
    }

    /// The file of that id.
    pub fn unit(&self, id: &str) -> Option<Arc<Unit>> {
        self.units
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// Every parsed file, imports before their importers.
    pub fn units(&self) -> Vec<Arc<Unit>> {
        self.order.iter().filter_map(|id| self.unit(id)).collect()
    }

    /// Adds the files of a program that runs within this one, so that messages can show their lines.
    pub(super) fn adopt(&self, inner: &Self) {
        let more: Vec<_> = inner.units();
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        for unit in more {
            units.entry(unit.source.id.clone()).or_insert(unit);
        }
    }

    /// Adds a file that was found while running, unless another thread has.
    pub(super) fn add(&self, unit: Unit) -> Arc<Unit> {
        self.units
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(unit.source.id.clone())
            .or_insert_with(|| Arc::new(unit))
            .clone()
    }

    /// The namespaces that its calls name; `None` when an import is only known while running, and what it
    /// calls with it.
    pub(super) fn namespaces(&self) -> Option<HashSet<String>> {
        let mut used = HashSet::new();
        for unit in self.units() {
            if unit
                .facts
                .imports
                .iter()
                .any(|import| import.path.is_none())
            {
                return None;
            }
            used.extend(unit.facts.calls.iter().map(|call| call.namespace.clone()));
        }
        Some(used)
    }

    /// Whether it is one file without functions and closures that calls primitives, and of the standard library
    /// only what writes or ends.
    pub(super) fn plain(&self) -> bool {
        self.units().iter().all(|unit| {
            let facts = &unit.facts;
            facts.imports.is_empty()
                && facts.functions.is_empty()
                && facts.closures.is_empty()
                && facts.calls.iter().all(|call| {
                    !call.namespace.is_empty()
                        || matches!(call.name.as_str(), "print" | "debug" | "exit")
                })
        })
    }

    /// Digest over the script and all that it imports.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for unit in self.units() {
            hash.update(unit.source.id.as_bytes());
            hash.update([0]);
            hash.update(unit.source.digest());
        }
        crate::gate::hex(&hash.finalize())
    }
}

struct Loader<'a> {
    engine: &'a Engine,
    library: &'a Library,
    main: Source,
    units: HashMap<String, Arc<Unit>>,
    order: Vec<String>,
    chain: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

impl Loader<'_> {
    fn load(&mut self, source: Source) {
        let parsed = parse(self.engine, &source).map(|ast| (Facts::of(&ast), ast));
        self.take(source, parsed);
    }

    fn take(&mut self, source: Source, parsed: Result<(Facts, AST), ParseError>) {
        let id = source.id.clone();
        let (facts, ast) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                self.diagnostics.push(syntax_error(&source, &error));
                // Kept without a tree, so that the message can show the line.
                self.keep(source, None, Facts::default(), Vec::new());
                return;
            }
        };
        self.chain.push(id.clone());
        let mut imports = Vec::new();
        for import in &facts.imports {
            let Some(path) = &import.path else { continue };
            match self.library.module(&self.main, &source, path) {
                Ok(module) => {
                    imports.push((import.alias.clone(), module.id.clone()));
                    if let Some(at) = self.chain.iter().position(|c| *c == module.id) {
                        let mut cycle = self.chain[at..].to_vec();
                        cycle.push(module.id);
                        self.diagnostics.push(
                            Diagnostic::error(
                                "circular-import",
                                &id,
                                import.place,
                                format!("the imports go in a circle: {}", cycle.join(" -> ")),
                            )
                            .hint("move what both need into a third module"),
                        );
                    } else if !self.units.contains_key(&module.id) {
                        self.load(module);
                    }
                }
                Err(error) => self.diagnostics.push(unresolved(&id, import.place, &error)),
            }
        }
        self.chain.pop();
        self.keep(source, Some(ast), facts, imports);
    }

    fn keep(
        &mut self,
        source: Source,
        ast: Option<AST>,
        facts: Facts,
        imports: Vec<(String, String)>,
    ) {
        let id = source.id.clone();
        self.order.push(id.clone());
        let module = OnceLock::new();
        self.units.insert(
            id,
            Arc::new(Unit {
                source,
                broken: ast.is_none(),
                ast: ast.unwrap_or_else(AST::empty),
                facts,
                imports,
                module,
            }),
        );
    }
}

/// Parses a file; its id becomes the tree's source.
pub(super) fn parse(engine: &Engine, source: &Source) -> Result<AST, ParseError> {
    let mut ast = engine.compile(source.code())?;
    ast.set_source(source.id.as_str());
    Ok(ast)
}

fn syntax_error(source: &Source, error: &ParseError) -> Diagnostic {
    let place = Place::from(error.position());
    let (message, hint) = match error.err_type() {
        ParseErrorType::VariableUndefined(name) => (
            format!("there is no variable `{name}`"),
            Some(variable_hint(&source.text, name)),
        ),
        ParseErrorType::ModuleUndefined(name) => {
            let near = closest(name, NAMESPACES.iter().map(|n| n.name));
            (
                format!("there is no namespace or import `{name}`"),
                Some(near.map_or_else(
                    || "`tradeops doc` lists the namespaces".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                )),
            )
        }
        ParseErrorType::Reserved(word) => (
            format!("`{word}` is a reserved word"),
            Some("Rhai reserves it; choose another name, or quote it as a map key".to_owned()),
        ),
        other => (lower_first(&other.to_string()), None),
    };
    Diagnostic::error("syntax", &source.id, place, message).maybe_hint(hint)
}

/// A variable that is there and not seen, or one with nearly that name.
fn variable_hint(text: &str, name: &str) -> String {
    let words = || {
        text.split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
    };
    let defined = words()
        .zip(words().skip(1))
        .any(|(before, word)| matches!(before, "let" | "const") && word == name);
    if defined {
        return format!("functions see only their parameters and, as `global::{name}`, constants");
    }
    closest(name, words().filter(|word| *word != name)).map_or_else(
        || "a variable is defined by `let` before it is used".to_owned(),
        |near| format!("did you mean `{near}`?"),
    )
}

fn unresolved(file: &str, place: Place, error: &FindError) -> Diagnostic {
    Diagnostic::error("unresolved-import", file, place, error.to_string()).maybe_hint(error.hint())
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().collect::<String>() + chars.as_str()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> bool {
        let library = Library::new(std::env::temp_dir(), None);
        let (program, found) = Program::load(
            &super::super::engine::parser(),
            library,
            Source::expression(text),
        );
        assert!(found.is_empty(), "{found:?}");
        program.plain()
    }

    #[test]
    fn plain_is_what_needs_no_standard_library() {
        assert!(plain("print(\"hello\"); if plan::on() { exit(1); }"));
        for more in [
            "let a = [1].len();",
            "let a = abs(-1);",
            "fn f() { 1 } f();",
            "task::map([1], |x| x);",
            "import \"std/stack\" as s;",
        ] {
            assert!(!plain(more), "{more}");
        }
    }
}
