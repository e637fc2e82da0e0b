//! One run of a script, as the gate sees it: who it is, what it may do, in which mode, and what it has
//! done so far.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::plan::SCHEMA;
use super::planned::Planned;
use super::{
    Access, Audit, Blast, Doom, DoomKind, Grants, Mode, Op, Outcome, Plan, Redactor, Resources,
    Site,
};
use crate::run::{Cx, Effect, EffectSink, Stop};

/// Who and what runs. Stands in every audit line and plan.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The workflow's name: `health`.
    pub workflow: String,
    /// The script's file as shown to people.
    pub script: String,
    /// Digest of the script and all that it imports.
    pub script_hash: String,
    /// Its own arguments.
    pub arguments: Vec<String>,
    /// The operator's login name.
    pub user: String,
    /// This machine.
    pub host: String,
}

/// What a run is made of.
#[derive(Debug)]
pub struct RunParts {
    /// Who and what.
    pub origin: Origin,
    /// How changes are treated.
    pub mode: Mode,
    /// Where changes are written down.
    pub audit: PathBuf,
    /// The root of its cancellation, and its clock.
    pub cx: Cx,
}

/// A run.
pub struct Run {
    origin: Origin,
    mode: Mode,
    cx: Cx,
    began: Instant,
    audit: Arc<Audit>,
    redactor: Arc<Redactor>,
    resources: Arc<Resources>,
    doom: OnceLock<Doom>,
    used: Mutex<BTreeSet<String>>,
    planned: Mutex<Planned>,
    scripts: Mutex<BTreeMap<String, String>>,
    flights: Mutex<Vec<Arc<Flight>>>,
    ops: AtomicU64,
    sequence: Arc<AtomicU64>,
    cleaning: AtomicBool,
}

/// A primitive that is being carried out now.
#[derive(Debug)]
pub struct Flight {
    /// `docker::wait`.
    pub op: String,
    /// On what; empty for what touches only the run itself.
    pub target: String,
    /// Where in the script.
    pub site: Site,
    /// Since when.
    pub began: Instant,
}

/// What became of an op at the gate.
#[derive(Debug)]
pub enum Pass<T> {
    /// It was carried out.
    Done(T),
    /// It was recorded in the plan and not carried out.
    Planned,
    /// The run is doomed; nothing more may happen.
    Doomed,
}

impl Run {
    /// A run from its parts.
    pub fn new(parts: RunParts) -> Self {
        Self {
            origin: parts.origin,
            mode: parts.mode,
            cx: parts.cx,
            began: Instant::now(),
            audit: Arc::new(Audit::at(parts.audit)),
            redactor: Arc::default(),
            resources: Arc::default(),
            doom: OnceLock::new(),
            used: Mutex::default(),
            planned: Mutex::default(),
            scripts: Mutex::default(),
            flights: Mutex::default(),
            ops: AtomicU64::new(0),
            sequence: Arc::default(),
            cleaning: AtomicBool::new(false),
        }
    }

    /// The next run of one session: it shares what is held, what is known to be secret and the audit, and
    /// has a cancellation, a mode, a plan and a doom of its own.
    #[must_use]
    pub fn next(&self, script_hash: String, mode: Mode, cx: Cx) -> Self {
        Self {
            audit: self.audit.clone(),
            redactor: self.redactor.clone(),
            resources: self.resources.clone(),
            sequence: self.sequence.clone(),
            ..Self::new(RunParts {
                origin: Origin {
                    script_hash,
                    ..self.origin.clone()
                },
                mode,
                audit: PathBuf::new(),
                cx,
            })
        }
    }

    /// Who and what.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How changes are treated.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// The root context.
    pub fn cx(&self) -> &Cx {
        &self.cx
    }

    /// How long it has been going.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The one redaction engine.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// What it holds for its primitives.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// How many gated ops passed.
    pub fn ops(&self) -> u64 {
        self.ops.load(Ordering::Relaxed)
    }

    /// Why it must end, if it must.
    pub fn doom(&self) -> Option<&Doom> {
        self.doom.get()
    }

    /// Ends the run: the first reason stays, and every branch is stopped.
    pub fn set_doom(&self, doom: Doom) {
        let stop = match doom.kind {
            DoomKind::Stopped(stop) => stop,
            _ => Stop::Cancelled,
        };
        let _ = self.doom.set(doom);
        self.cx.cancel().stop(stop);
    }

    /// The capabilities that the run has used so far: the smallest header that would have done.
    pub fn used(&self) -> Vec<String> {
        lock(&self.used).iter().cloned().collect()
    }

    /// What is being carried out now, the longest-running first.
    pub fn flights(&self) -> Vec<Arc<Flight>> {
        lock(&self.flights).clone()
    }

    /// Lets `op` of a script with these `grants` pass, or not. `preview` tells what a change would hit; `act` does it; `outcome` reads
    /// from its answer how it ended.
    #[expect(
        clippy::too_many_arguments,
        reason = "four of them are the four questions to one op"
    )]
    pub fn pass<T, E>(
        &self,
        cx: &Cx,
        grants: &Grants,
        op: &Op,
        vet: impl FnOnce() -> Result<(), String>,
        preview: impl FnOnce() -> Result<Blast, E>,
        act: impl FnOnce(&Cx) -> Result<T, E>,
        outcome: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<Pass<T>, E> {
        if self.stopped(cx) {
            return Ok(Pass::Doomed);
        }
        if let Err(denial) = grants.check(op) {
            self.set_doom(Doom::of(DoomKind::Denied, op, denial.message).hint(denial.hint));
            return Ok(Pass::Doomed);
        }
        if let Err(why) = vet() {
            self.set_doom(Doom::of(DoomKind::Denied, op, why));
            return Ok(Pass::Doomed);
        }
        lock(&self.used).insert(op.capability.clone());
        self.ops.fetch_add(1, Ordering::Relaxed);
        let _flight = self.fly(op);

        if !op.access.acts() {
            if let Some((_, site)) = self.spoiled_by(&op.target) {
                self.set_incomplete(
                    op,
                    format!(
                        "`{}` reads `{}`, which the change planned at {site} would have changed",
                        op.name(),
                        op.target
                    ),
                );
                return Ok(Pass::Doomed);
            }
            return act(cx).map(Pass::Done);
        }

        match &self.mode {
            Mode::Plan => {
                // A preview that reads what an earlier step spoils would tell of a world that will not be.
                let (after, blast) = match self.spoiled_by(&op.target) {
                    Some((step, site)) => {
                        let summary = format!("depends on the change planned at {site}");
                        let unforeseen = Blast {
                            summary,
                            ..Blast::default()
                        };
                        (Some(step), unforeseen)
                    }
                    None => (None, preview()?),
                };
                lock(&self.planned).push(op, blast, after, &self.redactor);
                return Ok(Pass::Planned);
            }
            // Clean-up sets right what a refused step left half done; what removes something still has to be planned.
            Mode::Apply(_)
                if op.access == Access::Change && self.cleaning.load(Ordering::Acquire) => {}
            Mode::Apply(allowance) => {
                let blast = preview()?;
                if let Err(why) = allowance.take(op, &blast) {
                    self.set_doom(
                        Doom::of(DoomKind::Denied, op, why)
                            .hint("make a new plan with `--plan-out FILE`"),
                    );
                    return Ok(Pass::Doomed);
                }
            }
            Mode::Live => {}
        }
        self.act(cx, op, act, outcome)
    }

    fn act<T, E>(
        &self,
        cx: &Cx,
        op: &Op,
        act: impl FnOnce(&Cx) -> Result<T, E>,
        outcome: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<Pass<T>, E> {
        let id = self.next_id();
        // What is written down is redacted; the op itself goes on as it is.
        let told = Op {
            target: self.redactor.text(&op.target).into_owned(),
            args: self.redactor.json(&op.args),
            ..op.clone()
        };
        if let Err(error) = self.audit.intent(&id, cx.now(), &self.origin, &told) {
            self.set_doom(
                Doom::of(DoomKind::Unrecorded, op, error.to_string())
                    .hint("nothing was changed: a change that cannot be written down is refused"),
            );
            return Ok(Pass::Doomed);
        }
        let began = Instant::now();
        let answer = act(&cx.with_effects(Arc::new(AuditedEffects {
            id: id.clone(),
            audit: self.audit.clone(),
            clock: cx.clone(),
            redactor: self.redactor.clone(),
        })));
        let ended = outcome(&answer);
        let ended = match ended {
            Outcome::Failed(text) => Outcome::Failed(self.redactor.text(&text).into_owned()),
            Outcome::Unknown(text) => Outcome::Unknown(self.redactor.text(&text).into_owned()),
            Outcome::Done => Outcome::Done,
        };
        if let Err(error) = self
            .audit
            .outcome(&id, cx.now(), &ended, began.elapsed().as_millis())
        {
            // It has happened; what can still be done is to do nothing more.
            self.set_doom(Doom::of(DoomKind::Unrecorded, op, error.to_string()));
        }
        answer.map(Pass::Done)
    }

    /// Whether the branch or the run was stopped.
    pub fn stopped(&self, cx: &Cx) -> bool {
        let doomed = self.doom.get().is_some() && !self.cleaning.load(Ordering::Acquire);
        doomed || cx.cancel().stopped().is_some()
    }

    /// From now on only clean-up runs, on a branch of its own: the doom that ended the script does not
    /// end it. What the run may do stays as it was.
    pub fn begin_cleanup(&self) {
        self.cleaning.store(true, Ordering::Release);
    }

    fn next_id(&self) -> String {
        let n = self.sequence.fetch_add(1, Ordering::Relaxed);
        format!(
            "{}-{}-{n}",
            self.cx.now().timestamp_millis(),
            std::process::id()
        )
    }

    fn spoiled_by(&self, target: &str) -> Option<(usize, Site)> {
        let planning = self.mode.is_plan();
        planning.then(|| lock(&self.planned).spoiled_by(target))?
    }

    /// Whether something planned would change `target`: a wait for it then returns at once.
    pub fn is_spoiled(&self, target: &str) -> bool {
        self.spoiled_by(target).is_some()
    }

    /// Notes that another script comes in: run in place, or imported by a path that only the run knows.
    /// Under an applied plan one that the plan saw must be the same; else the run is doomed.
    pub fn bring_in(&self, script: &str, digest: String) -> bool {
        if let Mode::Apply(allowance) = &self.mode
            && allowance.saw_another(script, &digest)
        {
            self.set_doom(Doom {
                kind: DoomKind::Denied,
                message: format!("`{script}` is not as it was when the plan was made"),
                hint: Some("make a new plan with `--plan-out FILE`".into()),
                op: None,
                site: None,
            });
            return false;
        }
        lock(&self.scripts).insert(script.to_owned(), digest);
        true
    }

    /// Ends a plan at an op whose answer depends on something planned.
    fn set_incomplete(&self, op: &Op, why: String) {
        lock(&self.planned)
            .incomplete
            .get_or_insert_with(|| format!("{}: {why}", op.site));
        self.set_doom(Doom::of(DoomKind::Incomplete, op, why));
    }

    /// Ends a plan at something else that cannot be foreseen.
    pub fn end_plan(&self, why: String, site: Option<Site>) {
        lock(&self.planned)
            .incomplete
            .get_or_insert_with(|| match &site {
                Some(site) => format!("{site}: {why}"),
                None => why.clone(),
            });
        self.set_doom(Doom {
            kind: DoomKind::Incomplete,
            message: why,
            hint: None,
            op: None,
            site,
        });
    }

    /// The plan so far.
    pub fn plan_so_far(&self) -> Plan {
        let planned = lock(&self.planned);
        let mut plan = Plan {
            schema: SCHEMA,
            workflow: self.origin.workflow.clone(),
            script: self.origin.script.clone(),
            script_hash: self.origin.script_hash.clone(),
            scripts: lock(&self.scripts).clone(),
            arguments: self.origin.arguments.clone(),
            created_at: self.cx.now(),
            complete: planned.incomplete.is_none(),
            incomplete: planned.incomplete.clone(),
            salt: self.redactor.salt().to_owned(),
            fingerprint: String::new(),
            steps: planned.steps.clone(),
        };
        plan.fingerprint = plan.seal();
        plan
    }

    /// Marks `op` as being carried out until the returned guard is dropped.
    fn fly(&self, op: &Op) -> impl Drop + use<'_> {
        self.fly_as(op.name(), op.target.clone(), op.site.clone())
    }

    /// Marks something that touches only the run itself (a sleep, a wait) as going on until the returned
    /// guard is dropped.
    pub fn fly_local(&self, name: &str, site: &Site) -> impl Drop + use<'_> {
        self.fly_as(name.to_owned(), String::new(), site.clone())
    }

    fn fly_as(&self, op: String, target: String, site: Site) -> Landing<'_> {
        let flight = Arc::new(Flight {
            op,
            target,
            site,
            began: Instant::now(),
        });
        lock(&self.flights).push(flight.clone());
        Landing { run: self, flight }
    }
}

/// Writes what a domain does inside an op under that op's id.
struct AuditedEffects {
    id: String,
    audit: Arc<Audit>,
    clock: Cx,
    redactor: Arc<Redactor>,
}

impl EffectSink for AuditedEffects {
    fn effect(&self, effect: Effect) {
        let told = |text: &str| self.redactor.text(text).into_owned();
        let effect = Effect {
            target: told(&effect.target),
            outcome: told(&effect.outcome),
            verb: effect.verb,
        };
        // The op's own outcome line is what the run insists on; a full disk shows there.
        let _ = self.audit.effect(&self.id, self.clock.now(), &effect);
    }
}

struct Landing<'a> {
    run: &'a Run,
    flight: Arc<Flight>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        lock(&self.run.flights).retain(|f| !Arc::ptr_eq(f, &self.flight));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
