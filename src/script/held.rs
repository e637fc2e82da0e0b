//! Closures that outlive the evaluation of their file: what they need of it, kept.
//!
//! Rhai drops imports and constants when an evaluation ends, so a closure that a script gives as its value cannot
//! be called. With both kept it can, by its own file's functions. Uses Rhai's internal state of an evaluation.

use std::sync::{Arc, RwLock};

use rhai::{
    AST, Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, NativeCallContext, Position,
    Scope,
};

use super::syntax::top_imports;

/// A file as its closures see it.
pub(super) struct Held {
    engine: Arc<Engine>,
    ast: AST,
    state: GlobalRuntimeState,
}

impl Held {
    /// Holds a file that was evaluated by `engine`, so that its modules are there already, and left its constants
    /// in `scope`.
    pub(super) fn new(
        engine: Arc<Engine>,
        ast: &AST,
        scope: &Scope<'_>,
    ) -> Result<Self, Box<EvalAltResult>> {
        let mut state = engine.new_global_runtime_state();
        state.source = ast.source().map(Into::into);
        state.lib.push(ast.shared_lib().clone());
        for (alias, path) in top_imports(ast) {
            let resolver = engine.module_resolver();
            let module = resolver.resolve(&engine, ast.source(), &path, Position::NONE)?;
            state.push_import(alias, module);
        }
        let constants = scope
            .iter()
            .filter(|(_, constant, _)| *constant)
            .map(|(name, _, value)| (name.into(), value.flatten_clone()))
            .collect();
        state.constants = Some(Arc::new(RwLock::new(constants)));
        Ok(Self {
            engine,
            ast: ast.clone(),
            state,
        })
    }

    /// How many arguments a closure of this file takes beyond what it captured; `None`: it is not of this file.
    pub(super) fn takes(&self, closure: &FnPtr) -> Option<usize> {
        let function = self
            .ast
            .iter_functions()
            .find(|f| f.name == closure.fn_name())?;
        function.params.len().checked_sub(closure.curry().len())
    }

    /// Calls one with copies of what it captured, so that any number of threads may.
    pub(super) fn call(
        &self,
        closure: &FnPtr,
        args: Vec<Dynamic>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let context = NativeCallContext::new_with_all_fields(
            &self.engine,
            closure.fn_name(),
            self.ast.source(),
            &self.state,
            Position::NONE,
        );
        crate::api::snapshot(closure).call_within_context(&context, args)
    }
}
