//! The one error that a primitive gives a script: a thrown map with fixed keys.

use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, Map, Position};

/// What sort of failure it was. Scripts branch on it, so the list is short and closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing answered: no route, refused connection, no such host, no such socket.
    Unreachable,
    /// Something is there and did not answer in time.
    Timeout,
    /// It answered that this caller may not: wrong password, missing permission.
    Refused,
    /// It answered that there is no such thing.
    NotFound,
    /// The question itself is wrong: a bad argument, bad syntax, an unknown option.
    Invalid,
    /// It cannot be done in the present state.
    Conflict,
    /// Somebody else holds the lock.
    Held,
    /// It was tried and failed.
    Failed,
    /// It was sent and no answer came: it may or may not have happened.
    Unknown,
}

impl Kind {
    /// Every kind, for docs and for reading one back.
    pub const ALL: [Self; 9] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Refused,
        Self::NotFound,
        Self::Invalid,
        Self::Conflict,
        Self::Held,
        Self::Failed,
        Self::Unknown,
    ];

    /// The kind that scripts call so.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word that scripts see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// The `status` of an `invalid` that is the fault of a setting or of the environment, and not of the call.
/// Uncaught, it is the exit code.
pub const SETTING: i64 = 78;

/// Why a primitive failed. Becomes `#{ kind, message, op, target, status, hint, retryable }`.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What sort of failure.
    pub kind: Kind,
    /// One lowercase sentence, names in backticks, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The peer's own code: an HTTP status, an exit code; [`SETTING`].
    pub status: Option<i64>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// What a closure threw, to be thrown on unchanged.
    pub original: Option<Dynamic>,
    /// The whole error of a closure, with the calls that led to it.
    pub cause: Option<Arc<EvalAltResult>>,
    /// Set when the branch was stopped inside the primitive: then no script may catch this.
    pub stop: Option<crate::run::Stop>,
}

impl Failure {
    /// A failure of `kind`; `unreachable` and `timeout` start as retryable.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            status: None,
            retryable: matches!(kind, Kind::Unreachable | Kind::Timeout | Kind::Held),
            original: None,
            cause: None,
            stop: None,
        }
    }

    /// The caller's question is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the peer's own code.
    #[must_use]
    pub fn status(mut self, status: i64) -> Self {
        self.status = Some(status);
        self
    }

    /// Says whether the same call may succeed later.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// The map that a script catches.
    pub fn to_map(&self, op: &str, target: &str) -> Map {
        let text = |s: &Option<String>| s.clone().map_or(Dynamic::UNIT, Dynamic::from);
        Map::from_iter([
            ("kind".into(), self.kind.as_str().into()),
            ("message".into(), self.message.clone().into()),
            ("op".into(), op.to_owned().into()),
            ("target".into(), target.to_owned().into()),
            (
                "status".into(),
                self.status.map_or(Dynamic::UNIT, Dynamic::from),
            ),
            ("hint".into(), text(&self.hint)),
            ("retryable".into(), self.retryable.into()),
        ])
    }

    /// The thrown error, at the call's place.
    pub(crate) fn throw(mut self, op: &str, target: &str, at: Position) -> Box<EvalAltResult> {
        // A closure's error goes on as it was, so that its place is not lost.
        if let Some(Ok(cause)) = self.cause.take().map(Arc::try_unwrap) {
            return EvalAltResult::ErrorInFunctionCall(
                op.to_owned(),
                String::new(),
                cause.into(),
                at,
            )
            .into();
        }
        let value = match &self.original {
            Some(value) => value.clone(),
            None => self.to_map(op, target).into(),
        };
        EvalAltResult::ErrorRuntime(value, at).into()
    }
}

impl From<crate::run::Stop> for Failure {
    fn from(stop: crate::run::Stop) -> Self {
        Self {
            stop: Some(stop),
            ..Self::new(Kind::Timeout, stop.to_string())
        }
    }
}
