//! The order in which checks are made: each when all that it needs have ended, or not at all.

use super::Planned;
use crate::api::Failure;
use crate::api::order::{NoOrder, Order, Waits};
use crate::report::{Check, Status};

/// The order of the checks, and what was found.
pub(super) struct Graph {
    order: Order<Check>,
    planned: Vec<Check>,
}

impl Graph {
    pub(super) fn of(planned: &[Planned]) -> Result<Self, Failure> {
        let planned: Vec<Check> = planned.iter().map(|p| p.check.clone()).collect();
        let waits: Vec<Waits<'_>> = planned
            .iter()
            // What is not checked in this run (left out by a flag) holds nothing up.
            .map(|check| Waits {
                name: &check.id,
                needs: check.needs.iter().map(String::as_str).collect(),
                after: Vec::new(),
            })
            .collect();
        let order = Order::of(&waits).map_err(|why| {
            Failure::invalid(match why {
                NoOrder::Twice(id) => format!("two checks have the id `{id}`"),
                NoOrder::Circle(ids) => {
                    format!("the check `{}` needs itself, by way of others", ids[0])
                }
            })
        })?;
        Ok(Self { order, planned })
    }

    /// The next check to make; waits while others may free one.
    pub(super) fn next(&self) -> Option<usize> {
        self.order.next()
    }

    /// Notes what was found, and frees or skips what waited for it.
    pub(super) fn done(&self, n: usize, check: Check) {
        self.order.done(n, check, |next, needed| {
            let down = needed.iter().find(|found| !found.status.carries())?;
            Some(self.skipped(next, down))
        });
    }

    /// The check as skipped, because something that it needs does not carry it.
    fn skipped(&self, n: usize, down: &Check) -> Check {
        let evidence = match (down.status, down.service.as_str()) {
            // Already says because of what.
            (Status::Skipped, _) => down.evidence.clone(),
            (Status::Bad, "") => format!("because {} is bad", down.id),
            (Status::Bad, service) => format!("because {service} is down"),
            (_, _) => format!("because {} is unknown", down.id),
        };
        Check {
            status: Status::Skipped,
            evidence,
            ..self.planned[n].clone()
        }
    }

    pub(super) fn into_checks(self) -> Vec<Check> {
        let ended = self.order.into_ended();
        ended
            .into_iter()
            .zip(self.planned)
            .map(|(found, planned)| found.unwrap_or(planned))
            .collect()
    }
}
