//! The check before every run: everything that can be known to be wrong without running.
//!
//! Errors: unknown names and wrong arity of bare, namespaced and imported functions; imports that lead
//! nowhere or in a circle; aliases that would hijack a namespace; closures that lose what they write.
//! Warnings: unknown methods, dynamic imports, in-place methods used as values.

use std::collections::HashMap;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity};
use super::header::Header;
use super::program::{Program, Unit};
use super::standard::{self, arities};
use super::syntax::{CallFact, Facts, Place, Trap};
use crate::api::{NAMESPACES, Namespace, SiteTable, closest};

/// Checks a program. Also fills the table of call sites.
pub fn check(program: &Program, sites: &SiteTable) -> Vec<Diagnostic> {
    let mut checker = Checker {
        program,
        found: Vec::new(),
        closures: HashMap::new(),
    };
    for unit in program.units() {
        checker.unit(&unit, sites);
    }
    checker
        .found
        .sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    checker.found
}

/// Whether anything found keeps the script from running.
pub fn fails(found: &[Diagnostic]) -> bool {
    found.iter().any(|d| d.severity == Severity::Error)
}

struct Checker<'a> {
    program: &'a Program,
    found: Vec<Diagnostic>,
    /// A closure's internal name is a hash of its text: in two files, the wrong one may be run.
    closures: HashMap<String, (String, Place)>,
}

impl Checker<'_> {
    fn unit(&mut self, unit: &Unit, sites: &SiteTable) {
        let file = unit.source.id.as_str();
        for (line, why) in Header::read(&unit.source.text).faults {
            let place = Place { line, column: 1 };
            self.found
                .push(Diagnostic::error("header", file, place, why));
        }
        for call in &unit.facts.calls {
            if !call.namespace.is_empty() {
                let callee = format!("{}::{}", call.namespace, call.name);
                sites.add(file, call.place.line, call.place.column, callee);
            }
            self.call(unit, call);
            if call.closure {
                self.clashes(unit, call);
            }
        }
        self.imports(file, &unit.facts);
        for (name, place) in &unit.facts.closures {
            if let Some((other, at)) = self.closures.get(name)
                && other != file
            {
                let message = format!(
                    "this closure has the same text as one at {other}:{}:{}, and Rhai may run either",
                    at.line, at.column
                );
                self.found.push(
                    Diagnostic::error("same-closure", file, *place, message)
                        .hint("make the texts differ: rename the parameter of one"),
                );
            }
            self.closures
                .insert(name.clone(), (file.to_owned(), *place));
        }
        for (trap, place) in &unit.facts.traps {
            self.found.push(trap_diagnostic(file, *place, trap));
        }
    }

    fn imports(&mut self, file: &str, facts: &Facts) {
        for import in &facts.imports {
            if NAMESPACES.iter().any(|n| n.name == import.alias) {
                self.found.push(
                    Diagnostic::error(
                        "alias-hijacks-namespace",
                        file,
                        import.place,
                        format!(
                            "the alias `{}` is the name of a namespace, and would replace it",
                            import.alias
                        ),
                    )
                    .hint("choose another alias"),
                );
            }
            if import.path.is_none() {
                self.found.push(Diagnostic::warning(
                    "dynamic-import",
                    file,
                    import.place,
                    "the path is computed, so what it imports cannot be checked",
                ));
            }
        }
    }

    fn call(&mut self, unit: &Unit, call: &CallFact) {
        let file = unit.source.id.as_str();
        if call.method {
            self.method(unit, call);
        } else if call.namespace.is_empty() {
            self.bare(unit, call);
        } else if let Some((_, id)) = unit
            .imports
            .iter()
            .find(|(alias, _)| *alias == call.namespace)
        {
            self.imported(file, id, call);
        } else if let Some(namespace) = NAMESPACES.iter().find(|n| n.name == call.namespace) {
            self.primitive(file, namespace, call);
        } else if call.namespace != "global" && !unresolved_alias(&unit.facts, &call.namespace) {
            let names = NAMESPACES
                .iter()
                .map(|n| n.name)
                .chain(unit.imports.iter().map(|(alias, _)| alias.as_str()));
            let hint = closest(&call.namespace, names)
                .map(|name| format!("did you mean `{name}::{}`?", call.name));
            self.found.push(
                Diagnostic::error(
                    "unknown-namespace",
                    file,
                    call.place,
                    format!("there is no namespace or import `{}`", call.namespace),
                )
                .hint("`tradeops doc` lists the namespaces")
                .maybe_hint(hint),
            );
        }
    }

    /// A closure that a module calls sees the module's functions before those of its own file, and so does
    /// everything that it calls: a name that both define means the module's.
    fn clashes(&mut self, unit: &Unit, call: &CallFact) {
        let Some((_, id)) = unit
            .imports
            .iter()
            .find(|(alias, _)| *alias == call.namespace)
        else {
            return;
        };
        for module in self.reachable(id) {
            let theirs = |name: &str, arity| {
                let mut functions = module.facts.functions.iter();
                functions.any(|f| f.name == name && f.arity == arity)
            };
            let clash = unit.facts.functions.iter().find(|own| {
                let mut calls = unit.facts.calls.iter();
                theirs(&own.name, own.arity)
                    && calls.any(|c| {
                        c.namespace.is_empty() && c.name == own.name && c.arity == own.arity
                    })
            });
            let Some(own) = clash else { continue };
            let message = format!(
                "this gives a closure to `{}`, which has a function `{}` too: there the closure would call that one",
                module.source.id, own.name
            );
            let diagnostic =
                Diagnostic::error("function-clash", &unit.source.id, call.place, message)
                    .hint(format!("give this file's `{}` another name", own.name));
            self.found.push(diagnostic);
        }
    }

    /// A module and all that it imports.
    fn reachable(&self, id: &str) -> Vec<Arc<Unit>> {
        let mut found: Vec<Arc<Unit>> = Vec::new();
        let mut open = vec![id.to_owned()];
        while let Some(id) = open.pop() {
            if found.iter().any(|unit| unit.source.id == id) {
                continue;
            }
            if let Some(unit) = self.program.unit(&id) {
                open.extend(unit.imports.iter().map(|(_, id)| id.clone()));
                found.push(unit);
            }
        }
        found
    }

    fn bare(&mut self, unit: &Unit, call: &CallFact) {
        let file = unit.source.id.as_str();
        let own: Vec<usize> = unit
            .facts
            .functions
            .iter()
            .filter(|f| f.name == call.name)
            .map(|f| f.arity)
            .collect();
        let standard = arities(&call.name);
        if own.contains(&call.arity) || standard.is_some_and(|mask| standard::has(mask, call.arity))
        {
            return;
        }
        let found = if own.is_empty() && standard.is_none() {
            self.unknown_bare(unit, call)
        } else {
            let mut all = own;
            all.extend(standard.iter().flat_map(|mask| standard::list(*mask)));
            wrong_arity(file, call, &call.name, &mut all)
        };
        self.found.push(found);
    }

    fn unknown_bare(&self, unit: &Unit, call: &CallFact) -> Diagnostic {
        let file = unit.source.id.as_str();
        let message = format!("there is no function `{}`", call.name);
        let diagnostic = Diagnostic::error("unknown-function", file, call.place, message);
        let hint = match call.name.as_str() {
            "sleep" => Some("did you mean `time::sleep(\"1s\")`?".into()),
            "timestamp" => Some("did you mean `time::now()`?".into()),
            "eval" => Some("scripts are checked before they run, so there is no `eval`".into()),
            name => {
                // The commonest slip: the function is there, in a namespace.
                let namespaced = NAMESPACES.iter().find_map(|n| {
                    n.primitives
                        .iter()
                        .any(|p| p.name == name)
                        .then(|| format!("{}::{name}", n.name))
                });
                namespaced
                    .or_else(|| {
                        let own = unit.facts.functions.iter().map(|f| f.name.clone());
                        let all: Vec<String> =
                            own.chain(standard::names().map(str::to_owned)).collect();
                        closest(name, all.iter().map(String::as_str)).map(str::to_owned)
                    })
                    .map(|name| format!("did you mean `{name}`?"))
            }
        };
        diagnostic.maybe_hint(hint)
    }

    fn imported(&mut self, file: &str, id: &str, call: &CallFact) {
        // What does not parse was reported as that; its calls need no second message.
        let Some(module) = self.program.unit(id).filter(|unit| !unit.broken) else {
            return;
        };
        let functions: Vec<_> = module
            .facts
            .functions
            .iter()
            .filter(|f| !f.private)
            .collect();
        let mut arities: Vec<usize> = functions
            .iter()
            .filter(|f| f.name == call.name)
            .map(|f| f.arity)
            .collect();
        if arities.contains(&call.arity) {
            return;
        }
        let name = format!("{}::{}", call.namespace, call.name);
        let found = if arities.is_empty() {
            let hint = closest(&call.name, functions.iter().map(|f| f.name.as_str()))
                .map(|name| format!("did you mean `{}::{name}`?", call.namespace));
            let private = module
                .facts
                .functions
                .iter()
                .any(|f| f.private && f.name == call.name);
            let message = if private {
                format!("`{name}` is private to `{id}`")
            } else {
                format!("`{id}` has no function `{}`", call.name)
            };
            Diagnostic::error("unknown-function", file, call.place, message).maybe_hint(hint)
        } else {
            wrong_arity(file, call, &name, &mut arities)
        };
        self.found.push(found);
    }

    fn primitive(&mut self, file: &str, namespace: &Namespace, call: &CallFact) {
        let name = format!("{}::{}", namespace.name, call.name);
        let found = match namespace.primitives.iter().find(|p| p.name == call.name) {
            Some(primitive) => {
                let (least, most) = primitive.arity();
                if (least..=most).contains(&call.arity) {
                    return;
                }
                wrong_arity(file, call, &name, &mut (least..=most).collect())
                    .hint(format!("{name}{}", primitive.signature()))
            }
            None => {
                let hint = closest(&call.name, namespace.primitives.iter().map(|p| p.name))
                    .map(|name| format!("did you mean `{}::{name}`?", namespace.name));
                Diagnostic::error(
                    "unknown-function",
                    file,
                    call.place,
                    format!(
                        "the namespace `{}` has no function `{}`",
                        namespace.name, call.name
                    ),
                )
                .hint(format!(
                    "`tradeops doc {}` lists what it has",
                    namespace.name
                ))
                .maybe_hint(hint)
            }
        };
        self.found.push(found);
    }

    /// A method may be a property of a map that holds a closure, so an unknown one is a warning only.
    fn method(&mut self, unit: &Unit, call: &CallFact) {
        let file = unit.source.id.as_str();
        let own = unit.facts.functions.iter().any(|f| f.name == call.name);
        if own || arities(&call.name).is_some() {
            return;
        }
        let hint =
            closest(&call.name, standard::names()).map(|name| format!("did you mean `{name}`?"));
        self.found.push(
            Diagnostic::warning(
                "unknown-method",
                file,
                call.place,
                format!("there is no method `{}` that the check knows of", call.name),
            )
            .maybe_hint(hint),
        );
    }
}

/// An import that was not found was reported as such; its calls need no second message.
fn unresolved_alias(facts: &Facts, alias: &str) -> bool {
    facts.imports.iter().any(|import| import.alias == alias)
}

fn wrong_arity(file: &str, call: &CallFact, name: &str, arities: &mut Vec<usize>) -> Diagnostic {
    arities.sort_unstable();
    arities.dedup();
    let list: Vec<_> = arities.iter().map(ToString::to_string).collect();
    let wanted = match list.as_slice() {
        [one] => one.clone(),
        [first, .., last] if arities.len() == arities[arities.len() - 1] - arities[0] + 1 => {
            format!("{first} to {last}")
        }
        many => many.join(" or "),
    };
    let plural = if wanted == "1" { "" } else { "s" };
    Diagnostic::error(
        "wrong-arity",
        file,
        call.place,
        format!(
            "`{name}` takes {wanted} argument{plural}, and is given {}",
            call.arity
        ),
    )
}

fn trap_diagnostic(file: &str, place: Place, trap: &Trap) -> Diagnostic {
    match trap {
        Trap::WritesCapture { callee, variable } => Diagnostic::error(
            "writes-capture",
            file,
            place,
            format!("`{callee}` runs its closure on copies: what is written to `{variable}` here is lost"),
        )
        .hint("give the value back from the closure, and collect it from the results"),
        Trap::InPlaceAsValue { method } => Diagnostic::warning(
            "in-place-as-value",
            file,
            place,
            format!("`{method}` changes its receiver and gives `()`, which is used as a value here"),
        )
        .hint("the `text` namespace has functions that give the changed text"),
        Trap::CapturesReceiver { variable } => Diagnostic::error(
            "captures-receiver",
            file,
            place,
            format!("the method holds `{variable}` while this closure reads it: Rhai gives up with a data race"),
        )
        .hint(format!(
            "give the method, or the closure, a copy of its own: `let list = {variable}...;` before it"
        )),
        Trap::LoopCapture { variable } => Diagnostic::warning(
            "loop-capture",
            file,
            place,
            format!("every closure made in this loop shares one `{variable}`, and will see the last"),
        )
        .hint("make it in a function, whose parameters are its own: `fn of(item) { || item }`; or keep the items, and give them to one closure with a parameter"),
    }
}
