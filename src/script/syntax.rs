//! What the runtime needs to know of a script's syntax tree, as plain data.
//!
//! The only module that touches Rhai's internal syntax tree: an upgrade of Rhai changes this file or
//! nothing.

use rhai::{AST, ASTNode, Dynamic, Expr, FnAccess, FnCallExpr, FnPtr, Position, Stmt};

/// A line and a column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// 0 when unknown.
    pub line: usize,
    /// 0 when unknown.
    pub column: usize,
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        Self {
            line: position.line().unwrap_or(0),
            column: position.position().unwrap_or(0),
        }
    }
}

/// A call of a function, not of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFact {
    /// `docker` of `docker::stop(x)`; `a::b` of a nested one; empty for a bare call.
    pub namespace: String,
    /// The function's name.
    pub name: String,
    /// How many arguments stand in the call.
    pub arity: usize,
    /// Where.
    pub place: Place,
    /// `x.name(...)`: the receiver is not counted in `arity`.
    pub method: bool,
    /// Whether a closure is written out among the arguments.
    pub closure: bool,
}

/// An `import`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportFact {
    /// The path, where it is a literal.
    pub path: Option<String>,
    /// What it is called here; empty when it is not named.
    pub alias: String,
    /// Where.
    pub place: Place,
}

/// A function that the script defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionFact {
    /// Its name.
    pub name: String,
    /// How many parameters.
    pub arity: usize,
    /// Whether importers cannot call it.
    pub private: bool,
}

/// Something that Rhai accepts and that does not do what it seems to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trap {
    /// A closure that runs on copies of its captures writes to one.
    WritesCapture {
        /// The primitive that runs the closure.
        callee: String,
        /// The captured variable.
        variable: String,
    },
    /// `let y = x.trim()`: the method changes `x` and gives `()`.
    InPlaceAsValue {
        /// The method.
        method: String,
    },
    /// `x.list.map(|y| x.other)`: the method holds `x` while the closure wants it.
    CapturesReceiver {
        /// The variable.
        variable: String,
    },
    /// A closure in a loop captures the loop's variable, and is kept beyond the pass.
    LoopCapture {
        /// The loop's variable.
        variable: String,
    },
}

/// What is known of one file.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Calls, in the order of the text.
    pub calls: Vec<CallFact>,
    /// Imports.
    pub imports: Vec<ImportFact>,
    /// Functions, closures not among them.
    pub functions: Vec<FunctionFact>,
    /// The internal names of its closures, which are hashes of their text.
    pub closures: Vec<(String, Place)>,
    /// Traps, with their places.
    pub traps: Vec<(Trap, Place)>,
}

/// Primitives whose closure runs on other threads, on copies of what it captured.
const SNAPSHOTTING: &[(&str, &str)] = &[("task", "map"), ("task", "race"), ("report", "run")];

/// Methods of the standard library that change a text in place and give `()`.
const IN_PLACE: &[&str] = &[
    "trim",
    "replace",
    "crop",
    "truncate",
    "clear",
    "make_upper",
    "make_lower",
    "pad",
];

/// Methods of the standard library that change their receiver.
const MUTATING: &[&str] = &[
    "push",
    "append",
    "insert",
    "pop",
    "shift",
    "remove",
    "clear",
    "truncate",
    "drain",
    "retain",
    "splice",
    "sort",
    "reverse",
    "set",
    "mixin",
    "fill_with",
    "dedup",
    "chop",
    "pad",
];

impl Facts {
    /// Reads them from a syntax tree.
    pub fn of(ast: &AST) -> Self {
        let mut facts = Self {
            functions: ast
                .iter_functions()
                .filter(|f| !is_closure(f.name))
                .map(|f| FunctionFact {
                    name: f.name.to_owned(),
                    arity: f.params.len(),
                    private: f.access == FnAccess::Private,
                })
                .collect(),
            ..Self::default()
        };
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            facts.node(ast, path);
            true
        });
        facts
    }

    fn node(&mut self, ast: &AST, path: &[ASTNode<'_>]) {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                self.call(ast, call, *at, false);
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, at))) => {
                self.call(ast, call, *at, true);
                self.captures_receiver(path, call);
            }
            Some(ASTNode::Expr(Expr::Dot(chain, ..))) => {
                if let Expr::MethodCall(call, at) = &chain.rhs
                    && IN_PLACE.contains(&call.name.as_str())
                    && used_as_value(path)
                {
                    let method = call.name.to_string();
                    self.traps
                        .push((Trap::InPlaceAsValue { method }, (*at).into()));
                }
            }
            Some(ASTNode::Expr(Expr::DynamicConstant(value, at))) => {
                if let Some(pointer) = value.read_lock::<FnPtr>()
                    && is_closure(pointer.fn_name())
                {
                    self.closures
                        .push((pointer.fn_name().to_owned(), (*at).into()));
                }
            }
            Some(ASTNode::Expr(closure @ Expr::Stmt(_))) => {
                if let Some(closure) = Closure::of(closure) {
                    self.keeps_loop_variable(path, &closure);
                }
            }
            Some(ASTNode::Stmt(Stmt::Import(import, at))) => self.imports.push(ImportFact {
                path: match &import.0 {
                    Expr::StringConstant(path, _) => Some(path.to_string()),
                    _ => None,
                },
                alias: import.1.name.to_string(),
                place: (*at).into(),
            }),
            _ => {}
        }
    }

    fn call(&mut self, ast: &AST, call: &FnCallExpr, at: Position, method: bool) {
        if call.op_token.is_some() {
            return;
        }
        // What a closure with captures is compiled to; nobody wrote it.
        if call.name == "curry" && call.args.first().is_some_and(|a| closure_name(a).is_some()) {
            return;
        }
        let namespace = call
            .namespace
            .path
            .iter()
            .map(|part| part.name.as_str())
            .collect::<Vec<_>>()
            .join("::");
        if SNAPSHOTTING.contains(&(namespace.as_str(), call.name.as_str())) {
            for closure in call.args.iter().filter_map(Closure::of) {
                self.writes_to_captures(ast, &closure, &format!("{namespace}::{}", call.name));
            }
        }
        self.calls.push(CallFact {
            namespace,
            name: call.name.to_string(),
            arity: call.args.len(),
            place: at.into(),
            method,
            closure: call
                .args
                .iter()
                .any(|arg| closure_name(arg).is_some() || Closure::of(arg).is_some()),
        });
    }

    fn writes_to_captures(&mut self, ast: &AST, closure: &Closure<'_>, callee: &str) {
        // The tree of that one function: a walk over the whole file does not tell whose body it is in.
        let body = ast.clone_functions_only_filtered(|_, _, _, name, _| name == closure.name);
        let captured = |expr: &Expr| {
            let name = root_variable(expr)?;
            closure.captures.contains(&name).then(|| name.to_owned())
        };
        body.walk(&mut |path: &[ASTNode<'_>]| {
            let written = match path.last() {
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    captured(&assignment.1.lhs).map(|name| (name, assignment.1.lhs.position()))
                }
                Some(ASTNode::Expr(Expr::Dot(chain, ..))) => match &chain.rhs {
                    Expr::MethodCall(call, at) if MUTATING.contains(&call.name.as_str()) => {
                        captured(&chain.lhs).map(|name| (name, *at))
                    }
                    _ => None,
                },
                _ => None,
            };
            if let Some((variable, at)) = written {
                let trap = Trap::WritesCapture {
                    callee: callee.to_owned(),
                    variable,
                };
                self.traps.push((trap, at.into()));
            }
            true
        });
    }

    /// `closures.push(|| item)`, `closures += [|| item]` within `for item in ...`: all of them see the last item.
    fn keeps_loop_variable(&mut self, path: &[ASTNode<'_>], closure: &Closure<'_>) {
        // A closure that is handed to any other call is called there, and gone with the pass.
        let keeps = path.iter().rev().skip(1).find_map(|node| match node {
            ASTNode::Expr(Expr::MethodCall(call, _)) => {
                Some(matches!(call.name.as_str(), "push" | "insert" | "append"))
            }
            ASTNode::Expr(Expr::FnCall(call, _)) if call.op_token.is_none() => Some(false),
            ASTNode::Stmt(Stmt::Assignment(_)) => Some(true),
            ASTNode::Stmt(Stmt::For(..)) => Some(false),
            _ => None,
        });
        if keeps != Some(true) {
            return;
        }
        let variables = path.iter().filter_map(|node| match node {
            ASTNode::Stmt(Stmt::For(pass, _)) => Some(pass.0.name.as_str()),
            _ => None,
        });
        for variable in variables.filter(|v| closure.captures.contains(v)) {
            let trap = Trap::LoopCapture {
                variable: variable.to_owned(),
            };
            self.traps.push((trap, closure.place));
        }
    }

    /// What a method is called on is locked until the method ends; a closure that captured it fails there.
    fn captures_receiver(&mut self, path: &[ASTNode<'_>], call: &FnCallExpr) {
        let chains = path.iter().rev().skip(1).map_while(|node| match node {
            ASTNode::Expr(Expr::Dot(chain, ..) | Expr::Index(chain, ..)) => Some(chain),
            _ => None,
        });
        let Some(root) = chains.last().and_then(|chain| root_variable(&chain.lhs)) else {
            return;
        };
        for closure in call.args.iter().filter_map(Closure::of) {
            if closure.captures.contains(&root) {
                let trap = Trap::CapturesReceiver {
                    variable: root.to_owned(),
                };
                self.traps.push((trap, closure.place));
            }
        }
    }
}

/// A closure with captures, as it stands in an argument.
struct Closure<'a> {
    name: String,
    captures: Vec<&'a str>,
    place: Place,
}

impl<'a> Closure<'a> {
    fn of(arg: &'a Expr) -> Option<Self> {
        let Expr::Stmt(block) = arg else { return None };
        block.statements().iter().find_map(|statement| {
            let call = match statement {
                Stmt::FnCall(call, _) => call,
                Stmt::Expr(expr) => match expr.as_ref() {
                    Expr::FnCall(call, _) => call,
                    _ => return None,
                },
                _ => return None,
            };
            let name = call.args.first().and_then(closure_name)?;
            Some(Self {
                name,
                captures: call.args.iter().skip(1).filter_map(root_variable).collect(),
                place: call
                    .args
                    .first()
                    .map_or(Position::NONE, Expr::position)
                    .into(),
            })
        })
    }
}

/// Whether a name is one that Rhai makes up for a closure.
pub fn is_closure(name: &str) -> bool {
    name.starts_with("anon$")
}

fn closure_name(expr: &Expr) -> Option<String> {
    let Expr::DynamicConstant(value, _) = expr else {
        return None;
    };
    let pointer = value.read_lock::<FnPtr>()?;
    is_closure(pointer.fn_name()).then(|| pointer.fn_name().to_owned())
}

/// `x` of `x`, `x.a`, `x[0].b`.
fn root_variable(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Variable(variable, ..) => Some(variable.1.as_str()),
        Expr::Dot(chain, ..) | Expr::Index(chain, ..) => root_variable(&chain.lhs),
        _ => None,
    }
}

/// Whether the value of the last node goes anywhere: it does not when it is a statement of its own.
fn used_as_value(path: &[ASTNode<'_>]) -> bool {
    match path.len().checked_sub(2).and_then(|i| path.get(i)) {
        Some(ASTNode::Stmt(Stmt::Expr(_))) | None => false,
        Some(ASTNode::Stmt(Stmt::Var(..) | Stmt::Assignment(_) | Stmt::Return(..))) => true,
        Some(ASTNode::Stmt(_)) => false,
        Some(ASTNode::Expr(Expr::Stmt(_))) => false,
        Some(_) => true,
    }
}

/// The named imports that stand at the top of a file, not within a block: alias and path.
pub fn top_imports(ast: &AST) -> Vec<(String, String)> {
    ast.statements()
        .iter()
        .filter_map(|statement| match statement {
            Stmt::Import(import, _) if !import.1.name.is_empty() => match &import.0 {
                Expr::StringConstant(path, _) => {
                    Some((import.1.name.to_string(), path.to_string()))
                }
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// The literal argument of the first call of `namespace::name`, and where the call is. The literal is
/// `None` when it is computed.
pub fn literal_argument(
    ast: &AST,
    namespace: &str,
    name: &str,
) -> Option<(Option<Dynamic>, Place)> {
    let mut found = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) =
            path.last()
            && call.name == name
            && call.namespace.path.len() == 1
            && call.namespace.path[0].name == namespace
        {
            let literal = call
                .args
                .first()
                .and_then(|arg| arg.get_literal_value(None));
            found = Some((literal, (*at).into()));
            return false;
        }
        true
    });
    found
}

/// Where a file's last statement begins, which gives its value.
pub fn last_place(ast: &AST) -> Place {
    let last = ast.statements().last();
    last.map_or(Position::NONE, Stmt::position).into()
}

/// The value of a constant that the file defines by a literal.
pub fn literal_constant(ast: &AST, name: &str) -> Option<Dynamic> {
    ast.iter_literal_variables(true, false)
        .find(|(n, ..)| *n == name)
        .map(|(_, _, value)| value)
}
