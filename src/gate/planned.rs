//! What a run in plan mode has planned so far, and what that would change.

use super::op::overlap;
use super::plan::digest;
use super::{Blast, Op, Redactor, Site, Step};

/// The plan as it grows.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub steps: Vec<Step>,
    /// Where and why the plan ends before the run does.
    pub incomplete: Option<String>,
    /// What the steps change, as targets, and which step does.
    dirty: Vec<(String, usize)>,
}

impl Planned {
    /// The last step that would change `target`, by its place in the plan, and where the script calls it.
    pub(super) fn spoiled_by(&self, target: &str) -> Option<(usize, Site)> {
        if target.is_empty() {
            return None;
        }
        let mut latest = self.dirty.iter().rev();
        let (_, step) = latest.find(|(dirty, _)| overlap(dirty, target))?;
        Some((*step, self.steps.get(*step)?.site.clone()))
    }

    /// Adds a step. `after` is the one that would change what this one hits.
    pub(super) fn push(
        &mut self,
        op: &Op,
        blast: Blast,
        after: Option<usize>,
        redactor: &Redactor,
    ) {
        let target = redactor.text(&op.target).into_owned();
        // What was not foreseen touches what the step before it on the same target does.
        let before = after.and_then(|step| self.steps.get(step));
        let touches = match before.filter(|before| before.target == target) {
            Some(before) => before.blast.touches.clone(),
            None => blast.touches,
        };
        let step = self.steps.len();
        let targets = std::iter::once(&op.target).chain(&touches);
        self.dirty.extend(targets.map(|t| (t.clone(), step)));
        self.steps.push(Step {
            op: op.name(),
            access: op.access,
            target,
            args: redactor.json(&op.args),
            digest: digest(redactor.salt(), op),
            site: op.site.clone(),
            blast: Blast {
                summary: redactor.text(&blast.summary).into_owned(),
                facts: match redactor.json(&blast.facts.into()) {
                    serde_json::Value::Object(facts) => facts,
                    _ => serde_json::Map::new(),
                },
                identity: blast.identity,
                touches,
            },
            after,
        });
    }
}
