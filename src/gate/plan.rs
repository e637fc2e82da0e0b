//! The plan: what a run would change, as data; and the allowance that applying one gives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Access, Op, Site};

/// What a change would hit, as the world is now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Blast {
    /// One line for people: `running container, up 3 days`.
    pub summary: String,
    /// Rows, bytes, oldest, newest and whatever else is known.
    pub facts: Map<String, Value>,
    /// What must still be so when the plan is applied: id, state, counts. Hashed into the fingerprint.
    pub identity: String,
    /// What it changes beside its target, as targets: the containers of a project.
    pub touches: Vec<String>,
}

/// One planned change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `docker::stop`.
    pub op: String,
    /// What it does to the world.
    pub access: Access,
    /// `docker/trading-redis`, redacted.
    pub target: String,
    /// The arguments, redacted.
    pub args: Value,
    /// A digest of target and arguments as they were, salted with the plan's own salt.
    pub digest: String,
    /// Where the script calls it.
    pub site: Site,
    /// What it would hit.
    pub blast: Blast,
    /// The step, by its place in the plan, that would change what this one hits. It was not foreseen what this one hits
    /// then, so there is nothing that must still be so; that step has to be done before.
    pub after: Option<usize>,
}

/// A plan file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this form.
    pub schema: u32,
    /// The workflow's name.
    pub workflow: String,
    /// Where the script was.
    pub script: String,
    /// Digest of the script and all that it imports.
    pub script_hash: String,
    /// Other scripts that came in while it ran, by their ids: run in place, or imported by a computed path.
    pub scripts: BTreeMap<String, String>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Whether the whole run could be foreseen.
    pub complete: bool,
    /// Where and why not.
    pub incomplete: Option<String>,
    /// Salt of the digests.
    pub salt: String,
    /// The changes, in order.
    pub steps: Vec<Step>,
    /// Digest over all of it: a plan that was edited or cut off is none.
    pub fingerprint: String,
}

/// A plan that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No such file, or not readable.
    #[error("cannot read the plan `{}`: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Not a plan.
    #[error("`{}` is no plan file: {source}", path.display())]
    NotAPlan {
        path: PathBuf,
        source: serde_json::Error,
    },
    /// Another form.
    #[error("the plan has schema {found}, and this version reads {SCHEMA}")]
    Schema { found: u32 },
    /// Edited by hand or cut off.
    #[error("the plan's fingerprint does not fit its steps: it was changed after it was made")]
    Tampered,
    /// It says itself that it is not whole.
    #[error("the plan is incomplete: {0}")]
    Incomplete(String),
    /// Too long ago.
    #[error("the plan is {age} old, and at most {max} is accepted")]
    TooOld { age: String, max: String },
}

/// The schema that this version writes and reads.
pub(super) const SCHEMA: u32 = 2;

impl Plan {
    /// The digest that ties it together. The facts of what a step would hit are only shown, and floats
    /// among them need not survive a file unchanged, so they are left out.
    pub(super) fn seal(&self) -> String {
        let mut plain = self.clone();
        plain.fingerprint.clear();
        for step in &mut plain.steps {
            step.blast.facts.clear();
        }
        let text = serde_json::to_vec(&plain).unwrap_or_default();
        hex(&Sha256::digest(text))
    }

    /// Reads a plan and checks that it is one, is whole and was not changed.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path).map_err(|source| PlanError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let plan: Self = serde_json::from_str(&text).map_err(|source| PlanError::NotAPlan {
            path: path.to_owned(),
            source,
        })?;
        if plan.schema != SCHEMA {
            return Err(PlanError::Schema { found: plan.schema });
        }
        if plan.seal() != plan.fingerprint {
            return Err(PlanError::Tampered);
        }
        if !plan.complete {
            return Err(PlanError::Incomplete(plan.incomplete.unwrap_or_default()));
        }
        Ok(plan)
    }

    /// What to look for to run its script again: the file as given, or the shipped workflow's name.
    pub fn script_name(&self) -> String {
        if self.script.starts_with("shipped/") {
            self.workflow.clone()
        } else {
            self.script.clone()
        }
    }

    /// What applying this plan allows.
    pub fn allowance(self) -> Allowance {
        Allowance {
            scripts: self.scripts,
            salt: self.salt,
            open: Mutex::new(self.steps.into_iter().map(Some).collect()),
        }
    }
}

/// A digest of target and arguments that says whether they are the same and not what they are.
pub(super) fn digest(salt: &str, op: &Op) -> String {
    let mut hash = Sha256::new();
    for part in [salt, &op.target, &op.args.to_string()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize())[..16].to_owned()
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The steps of an applied plan that have not happened yet.
#[derive(Debug)]
pub struct Allowance {
    scripts: BTreeMap<String, String>,
    salt: String,
    /// By their places in the plan; those that happened are gone.
    open: Mutex<Vec<Option<Step>>>,
}

impl Allowance {
    /// Whether a script that comes in while the run goes on is another than the plan saw. One that it did not see (what
    /// looks at the world once it is changed) may do what the plan allows, as all do.
    pub(super) fn saw_another(&self, script: &str, digest: &str) -> bool {
        self.scripts.get(script).is_some_and(|seen| seen != digest)
    }

    /// Takes the step that allows `op`; `Err` says why there is none.
    pub(super) fn take(&self, op: &Op, blast: &Blast) -> Result<(), String> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = digest(&self.salt, op);
        let name = op.name();
        let same = |step: &Step| step.op == name && step.digest == digest;
        let Some((at, step)) = open
            .iter()
            .enumerate()
            .find_map(|(at, step)| Some(at).zip(step.as_ref().filter(|step| same(step))))
        else {
            return Err(format!(
                "`{name}` on `{}` with these arguments is not in the plan",
                op.target
            ));
        };
        match step.after.map(|before| open.get(before)) {
            // What it hits is what the step before made.
            Some(Some(None)) => {}
            Some(Some(Some(before))) => {
                return Err(format!(
                    "`{name}` on `{}` comes after `{}` on `{}` in the plan, and that has not happened",
                    op.target, before.op, before.target
                ));
            }
            Some(None) => return Err(format!("`{name}` comes after a step that the plan lacks")),
            None if step.blast.identity != blast.identity => {
                return Err(format!(
                    "`{}` is not as it was when the plan was made: then {}, now {}",
                    op.target, step.blast.summary, blast.summary
                ));
            }
            None => {}
        }
        open[at] = None;
        Ok(())
    }

    /// Steps that the run did not get to.
    pub fn left(&self) -> Vec<Step> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .flatten()
            .cloned()
            .collect()
    }
}
