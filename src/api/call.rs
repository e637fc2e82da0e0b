//! One call of a primitive, as its code sees it.

use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, FnPtr, NativeCallContext};

use super::{Args, Branch, Failure, Frame, Kind};
use crate::gate::{Run, Site};
use crate::run::Cx;

/// A call: the decoded arguments, the branch's context, the run.
#[derive(Debug)]
pub struct Call<'a> {
    pub(super) args: Args,
    pub(super) branch: Branch,
    pub(super) native: &'a NativeCallContext<'a>,
    pub(super) site: Site,
}

impl Call<'_> {
    /// The context of the branch: hand it to the domain.
    pub fn cx(&self) -> &Cx {
        &self.branch.cx
    }

    /// The same call in another context of the same branch.
    pub(super) fn within(&self, cx: &Cx) -> Self {
        Self {
            args: self.args.clone(),
            branch: self.branch.on(cx.clone()),
            native: self.native,
            site: self.site.clone(),
        }
    }

    /// The branch, to hand it to workers.
    pub(super) fn branch(&self) -> &Branch {
        &self.branch
    }

    /// The script that calls.
    pub fn frame(&self) -> &Arc<Frame> {
        &self.branch.frame
    }

    /// The run.
    pub fn run(&self) -> &Arc<Run> {
        &self.branch.run
    }

    /// The arguments.
    pub fn args(&self) -> &Args {
        &self.args
    }

    /// Where the script calls.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Rhai's own context, for primitives that run closures on other threads.
    pub fn native(&self) -> &NativeCallContext<'_> {
        self.native
    }

    /// Calls a closure of the script, on this thread. What it throws comes back as it was thrown.
    pub fn invoke(&self, closure: &FnPtr, args: Vec<Dynamic>) -> Result<Dynamic, Failure> {
        closure
            .call_within_context::<Dynamic>(self.native, args)
            .map_err(thrown)
    }
}

/// What a closure threw, as a failure: a primitive's own map keeps its kind; anything else is `failed`.
pub(crate) fn thrown(error: Box<EvalAltResult>) -> Failure {
    let mut failure = read(&error);
    failure.cause = Some(Arc::from(error));
    failure
}

fn read(error: &EvalAltResult) -> Failure {
    let mut inner = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, next, _)
    | EvalAltResult::ErrorInModule(_, next, _) = inner
    {
        inner = next;
    }
    let mut failure = Failure::new(Kind::Failed, inner.to_string());
    match inner {
        EvalAltResult::ErrorTerminated(..) => {
            failure.stop = super::with_branch(|b| b.cx.cancel().stopped())
                .flatten()
                .or(Some(crate::run::Stop::Cancelled));
        }
        EvalAltResult::ErrorRuntime(value, _) => {
            failure.original = Some(value.clone());
            if let Some(map) = value.read_lock::<rhai::Map>() {
                let text = |key: &str| map.get(key).and_then(|v| v.clone().into_string().ok());
                if let Some(message) = text("message") {
                    failure.message = message;
                }
                failure.hint = text("hint");
                if let Some(kind) = text("kind").and_then(|k| Kind::from_word(&k)) {
                    failure.kind = kind;
                }
                failure.retryable = map
                    .get("retryable")
                    .and_then(|v| v.as_bool().ok())
                    .unwrap_or(false);
            } else {
                failure.message = value.to_string();
            }
        }
        _ => {}
    }
    failure
}
