//! The order in which checks are made: each when all that it needs have ended, or not at all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};

use super::{Planned, lock};
use crate::api::Failure;
use crate::report::{Check, Status};

/// The order of the checks: which are ready, which wait for what, what was found.
pub(super) struct Graph {
    state: Mutex<State>,
    changed: Condvar,
    dependents: Vec<Vec<usize>>,
    needs: Vec<Vec<usize>>,
    planned: Vec<Check>,
}

struct State {
    ready: VecDeque<usize>,
    open: Vec<usize>,
    found: Vec<Option<Check>>,
    left: usize,
}

impl Graph {
    pub(super) fn of(planned: &[Planned]) -> Result<Self, Failure> {
        let mut index = HashMap::new();
        for (n, p) in planned.iter().enumerate() {
            if index.insert(p.check.id.as_str(), n).is_some() {
                return Err(Failure::invalid(format!(
                    "two checks have the id `{}`",
                    p.check.id
                )));
            }
        }
        let mut dependents = vec![Vec::new(); planned.len()];
        let mut needs = vec![Vec::new(); planned.len()];
        for (n, p) in planned.iter().enumerate() {
            for need in &p.check.needs {
                // What is not checked in this run (left out by a flag) holds nothing up.
                if let Some(&on) = index.get(need.as_str()) {
                    dependents[on].push(n);
                    needs[n].push(on);
                }
            }
        }
        let open: Vec<usize> = needs.iter().map(Vec::len).collect();
        if let Some(n) = circle(&open, &dependents) {
            return Err(Failure::invalid(format!(
                "the check `{}` needs itself, by way of others",
                planned[n].check.id
            )));
        }
        let ready = open
            .iter()
            .enumerate()
            .filter(|(_, count)| **count == 0)
            .map(|(n, _)| n)
            .collect();
        Ok(Self {
            state: Mutex::new(State {
                ready,
                open,
                found: vec![None; planned.len()],
                left: planned.len(),
            }),
            changed: Condvar::new(),
            dependents,
            needs,
            planned: planned.iter().map(|p| p.check.clone()).collect(),
        })
    }

    /// The next check to make; waits while others may free one.
    pub(super) fn next(&self) -> Option<usize> {
        let mut state = lock(&self.state);
        loop {
            if let Some(n) = state.ready.pop_front() {
                return Some(n);
            }
            if state.left == 0 {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes what was found, and frees or skips what waited for it.
    pub(super) fn done(&self, n: usize, check: Check) {
        let mut state = lock(&self.state);
        let mut ended = vec![(n, check)];
        while let Some((n, check)) = ended.pop() {
            state.found[n] = Some(check);
            state.left -= 1;
            for &next in &self.dependents[n] {
                state.open[next] -= 1;
                if state.open[next] > 0 {
                    continue;
                }
                match self.blocked(&state, next) {
                    Some(skipped) => ended.push((next, skipped)),
                    None => state.ready.push_back(next),
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The check as skipped, if something that it needs does not carry it.
    fn blocked(&self, state: &State, n: usize) -> Option<Check> {
        let down = self.needs[n]
            .iter()
            .filter_map(|need| state.found[*need].as_ref())
            .find(|found| !found.status.carries())?;
        let evidence = match (down.status, down.service.as_str()) {
            // Already says because of what.
            (Status::Skipped, _) => down.evidence.clone(),
            (Status::Bad, "") => format!("because {} is bad", down.id),
            (Status::Bad, service) => format!("because {service} is down"),
            (_, _) => format!("because {} is unknown", down.id),
        };
        Some(Check {
            status: Status::Skipped,
            evidence,
            ..self.planned[n].clone()
        })
    }

    pub(super) fn into_checks(self, planned: &[Planned]) -> Vec<Check> {
        let state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        state
            .found
            .into_iter()
            .zip(planned)
            .map(|(found, planned)| found.unwrap_or_else(|| planned.check.clone()))
            .collect()
    }
}

/// A check that can never begin, because it needs itself by way of others.
fn circle(open: &[usize], dependents: &[Vec<usize>]) -> Option<usize> {
    let mut open = open.to_vec();
    let mut ready: Vec<usize> = (0..open.len()).filter(|n| open[*n] == 0).collect();
    let mut reached = 0;
    while let Some(n) = ready.pop() {
        reached += 1;
        for &next in &dependents[n] {
            open[next] -= 1;
            if open[next] == 0 {
                ready.push(next);
            }
        }
    }
    if reached == open.len() {
        None
    } else {
        open.iter().position(|count| *count > 0)
    }
}
