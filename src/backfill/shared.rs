//! One plan, several processes: chunks are taken from a list in Redis, and the pace of providers is kept there.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::chunk::Outcome;
use super::queue::{Queue, Taken};
use super::{Error, Plan};
use crate::redis::{self, Next, Server, Work};
use crate::run::Cx;

/// How often whoever waits for the last chunks of others looks.
const LOOK: Duration = Duration::from_millis(500);

/// How often a chunk is given to somebody; after that it is what kills them.
const GIVEN: i64 = 5;

/// The chunks of a plan, shared.
#[derive(Debug)]
pub struct Shared {
    work: Work,
    own: AtomicI64,
}

fn key(store: &str) -> String {
    format!("tradeops:backfill:{store}")
}

/// Where the pace of a provider is kept.
pub(super) fn pace(store: &str, provider: &str) -> String {
    format!("{}:pace:{provider}", key(store))
}

/// The plan that the workers of a store are at, or this one, if they are at none.
pub fn join(cx: &Cx, server: &Server, plan: &Plan) -> Result<Plan, Error> {
    let text = serde_json::to_string(plan).map_err(|e| Error::Invalid(e.to_string()))?;
    let name = (plan.id.as_str(), plan.chunks.len());
    Plan::parse(&redis::agree(cx, server, &key(&plan.store), name, &text)?)
}

impl Shared {
    /// Opens the list of a plan. `worker` is no other's name; a chunk whose worker says nothing for `lease` is given to another.
    pub fn open(
        cx: &Cx,
        server: &Server,
        plan: &Plan,
        worker: &str,
        lease: Duration,
    ) -> Result<Self, Error> {
        let key = key(&plan.store);
        let name = (key.as_str(), plan.id.as_str());
        Ok(Self {
            work: Work::open(cx, server, name, plan.chunks.len(), worker, lease)?,
            own: AtomicI64::new(0),
        })
    }
}

impl Queue for Shared {
    fn next(&self, cx: &Cx) -> Result<Option<Taken>, Error> {
        loop {
            match self.work.next(cx)? {
                Next::Item { id, index, given } => {
                    return Ok(Some(Taken {
                        index,
                        again: given > 1,
                        deadly: given > GIVEN,
                        token: id,
                    }));
                }
                Next::Wait => cx.sleep(LOOK)?,
                Next::End => return Ok(None),
            }
        }
    }

    fn done(&self, cx: &Cx, taken: &Taken, outcome: &Outcome) -> Result<(), Error> {
        let value = serde_json::to_string(outcome).map_err(|e| Error::Invalid(e.to_string()))?;
        self.work.done(cx, &taken.token, &outcome.chunk, &value)?;
        self.own.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn elsewhere(&self, cx: &Cx) -> Result<i64, Error> {
        let own = self.own.load(Ordering::Relaxed);
        Ok((self.work.ended(cx)? - own).max(0))
    }
}
