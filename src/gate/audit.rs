//! The audit: one JSON line before each change and one after, each on the disk before the run goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Op, Origin};
use crate::run::Effect;

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Done,
    /// It did not happen.
    Failed(String),
    /// It was sent, and no answer came.
    Unknown(String),
}

/// The audit cannot be written, so nothing may be changed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the audit `{}`: {source}", path.display())]
pub struct AuditError {
    path: PathBuf,
    source: io::Error,
}

/// An append-only file of JSON lines. Opened at the first change of a run.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl Audit {
    /// The audit at `path`; nothing is opened yet.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            file: Mutex::new(None),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes that `op` is about to happen.
    pub(super) fn intent(
        &self,
        id: &str,
        at: DateTime<Utc>,
        origin: &Origin,
        op: &Op,
    ) -> Result<(), AuditError> {
        self.write(&json!({
            "id": id,
            "event": "intent",
            "at": at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "who": origin.user,
            "host": origin.host,
            "pid": std::process::id(),
            "workflow": origin.workflow,
            "script": origin.script,
            "script_hash": origin.script_hash,
            "op": op.name(),
            "access": op.access,
            "target": op.target,
            "args": op.args,
            "site": op.site.to_string(),
        }))
    }

    /// Writes how it ended.
    pub(super) fn outcome(
        &self,
        id: &str,
        at: DateTime<Utc>,
        outcome: &Outcome,
        ms: u128,
    ) -> Result<(), AuditError> {
        let (word, detail) = match outcome {
            Outcome::Done => ("done", None),
            Outcome::Failed(why) => ("failed", Some(why)),
            Outcome::Unknown(why) => ("unknown", Some(why)),
        };
        self.write(&json!({
            "id": id,
            "event": "outcome",
            "at": at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "outcome": word,
            "detail": detail,
            "ms": u64::try_from(ms).unwrap_or(u64::MAX),
        }))
    }

    /// Writes what a domain did inside an op.
    pub(super) fn effect(
        &self,
        id: &str,
        at: DateTime<Utc>,
        effect: &Effect,
    ) -> Result<(), AuditError> {
        self.write(&json!({
            "id": id,
            "event": "effect",
            "at": at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "effect": effect,
        }))
    }

    fn write(&self, line: &Value) -> Result<(), AuditError> {
        self.append(line).map_err(|source| AuditError {
            path: self.path.clone(),
            source,
        })
    }

    fn append(&self, line: &Value) -> io::Result<()> {
        let mut slot = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *slot {
            Some(file) => file,
            none => {
                if let Some(folder) = self.path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                none.insert(
                    OpenOptions::new()
                        .create(true)
                        .append(true)
                        .mode(0o600)
                        .open(&self.path)?,
                )
            }
        };
        // One write, so that lines of runs side by side do not mix.
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    }
}
