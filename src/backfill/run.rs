//! Carrying a plan out: workers that take chunks, at the pace that the providers bear, until all are ended or the time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::chunk::{Ended, InWork, Outcome};
use super::pace::Pacing;
use super::queue::Queue;
use super::store::{Asset, Seen, Store};
use super::{Chunk, Error, Plan};
use crate::coverage::{self, Days, Entry, Holding, Ledger, State};
use crate::http::{Allow, Retry};
use crate::questdb::{self, Server};
use crate::run::{Cx, Effect, held};

/// Chunks in a row that fail because the service or the store is not there, after which no other is begun.
const NOBODY: usize = 3;

/// How a plan is carried out.
pub struct Options {
    /// The ingestion service: `http://127.0.0.1:8002`.
    pub base: String,
    /// How each asset is asked for and found.
    pub assets: BTreeMap<String, Asset>,
    /// So many chunks at once.
    pub concurrency: usize,
    /// How often a chunk is asked for again.
    pub attempts: usize,
    /// How long is waited before that.
    pub retry: Retry,
    /// How long a service that did not answer may pause between two writes.
    pub quiet: Duration,
    /// A day without rows that is not older than this many days is not taken for one that the provider has nothing for.
    pub fresh_days: i64,
    /// After so long no other chunk is begun.
    pub budget: Option<Duration>,
    /// Where requests may go.
    pub allow: Allow,
    /// A metrics file that tells while it runs when something was stored last.
    pub progress: Option<PathBuf>,
}

/// What came of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The plan.
    pub plan: String,
    /// Its chunks.
    pub chunks: i64,
    /// Those that the store has now.
    pub verified: i64,
    /// Those that it had before they were asked for.
    pub already: i64,
    /// Those that the provider has nothing of.
    pub empty: i64,
    /// Those that were asked for in vain.
    pub failed: i64,
    /// Those that the service says are switched off.
    pub disabled: i64,
    /// Those that other workers have ended.
    pub elsewhere: i64,
    /// Those that were not begun.
    pub left: i64,
    /// Rows that came into the store.
    pub rows: i64,
    /// Requests that were made.
    pub requests: i64,
    /// Those that were refused for being too fast.
    pub limited: i64,
    /// Seconds from the beginning to the end.
    pub seconds: f64,
    /// Why not all was begun: `time`, `unreachable`.
    pub stopped: Option<String>,
    /// What ended otherwise than verified, and what is to be known of the others.
    pub outcomes: Vec<Outcome>,
}

impl Done {
    /// Chunks that ended here, however.
    fn ended(&self) -> i64 {
        self.verified + self.already + self.empty + self.failed + self.disabled
    }
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) requests: i64,
    pub(super) limited: i64,
}

/// A plan in work.
pub(super) struct Work<'a> {
    pub(super) options: &'a Options,
    pub(super) store: Store<'a>,
    pub(super) pacing: &'a Pacing,
    pub(super) watch: Watch<'a>,
    cx: &'a Cx,
    plan: &'a Plan,
    ledger: &'a Ledger,
    counts: Mutex<Counts>,
    nobody: AtomicUsize,
    disabled: Mutex<BTreeSet<String>>,
}

/// What a plan is carried out with.
pub struct Means<'a> {
    /// The store.
    pub server: &'a Server,
    /// How fast providers are asked.
    pub pacing: &'a Pacing,
    /// What was asked.
    pub ledger: &'a Ledger,
    /// Where chunks are taken from.
    pub queue: &'a dyn Queue,
}

/// Shows a line that is worth it; `true`: a chunk has ended with it.
pub type Watch<'a> = &'a (dyn Fn(&str, bool) + Sync);

/// Carries `plan` out.
pub fn run(
    cx: &Cx,
    plan: &Plan,
    options: &Options,
    means: &Means<'_>,
    watch: Watch<'_>,
) -> Result<Done, Error> {
    let Means {
        server,
        pacing,
        ledger,
        queue,
    } = *means;
    let began = Instant::now();
    let work = Work {
        options,
        store: Store::open(cx, server, &options.assets)?,
        pacing,
        watch,
        cx,
        plan,
        ledger,
        counts: Mutex::default(),
        nobody: AtomicUsize::new(0),
        disabled: Mutex::default(),
    };
    let known = work.known()?;
    work.planned()?;
    let tally = Mutex::new(Tally::new(plan, began));
    let timed_out = AtomicBool::new(false);
    let workers = options.concurrency.clamp(1, plan.chunks.len().max(1));
    let ended: Vec<Result<(), Error>> = thread::scope(|scope| {
        let running: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        cx.check()?;
                        if options.budget.is_some_and(|most| began.elapsed() >= most) {
                            timed_out.store(true, Ordering::Relaxed);
                            return Ok(());
                        }
                        if work.nobody.load(Ordering::Relaxed) >= NOBODY {
                            return Ok(());
                        }
                        let Some(taken) = queue.next(cx)? else {
                            return Ok(());
                        };
                        let Some(chunk) = plan.chunks.get(taken.index) else {
                            continue;
                        };
                        let outcome = match taken.deadly {
                            true => InWork::new(&work, cx, chunk).deadly()?,
                            false => work.chunk(chunk, taken.again, &known)?,
                        };
                        queue.done(cx, &taken, &outcome)?;
                        let line = held(&tally).take(outcome);
                        watch(&line, true);
                        if let Some(path) = &options.progress {
                            work.tell(path);
                        }
                    }
                })
            })
            .collect();
        running
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(Error::Invalid("a worker died".to_owned())))
            })
            .collect()
    });
    // One of them has a reason; the others were stopped by it or by the same.
    ended.into_iter().collect::<Result<Vec<()>, Error>>()?;
    let mut done = held(&tally).done.clone();
    let counts = held(&work.counts);
    (done.requests, done.limited) = (counts.requests, counts.limited);
    done.seconds = began.elapsed().as_secs_f64();
    done.elsewhere = queue.elsewhere(cx)?;
    done.left = (done.chunks - done.ended() - done.elsewhere).max(0);
    done.stopped = match work.nobody.load(Ordering::Relaxed) >= NOBODY {
        true => Some("unreachable".to_owned()),
        false => (timed_out.into_inner() && done.left > 0).then(|| "time".to_owned()),
    };
    Ok(done)
}

impl Work<'_> {
    /// What the store has of the plan's symbols now: what was stored since the plan was made is not asked for.
    fn known(&self) -> Result<BTreeMap<String, BTreeMap<String, Holding>>, Error> {
        let mut known = BTreeMap::new();
        for asset in self.options.assets.keys() {
            let chunks: Vec<_> = self
                .plan
                .chunks
                .iter()
                .filter(|c| c.asset == *asset)
                .collect();
            let span = chunks
                .iter()
                .map(|c| c.from)
                .min()
                .zip(chunks.iter().map(|c| c.to).max());
            let Some(span) = span else { continue };
            let symbols: BTreeSet<_> = chunks.iter().map(|c| c.symbol.clone()).collect();
            let symbols: Vec<_> = symbols.into_iter().collect();
            known.insert(
                asset.clone(),
                self.store.all(self.cx, asset, span, &symbols)?,
            );
        }
        Ok(known)
    }

    /// Writes down what is to be done, but not what was begun before.
    fn planned(&self) -> Result<(), Error> {
        let fresh = |chunk: &&Chunk| self.ledger.last(&self.plan.id, &chunk.id).is_none();
        let chunks = self.plan.chunks.iter().filter(fresh);
        let entries: Vec<_> = chunks.map(|c| self.entry(c, State::Planned)).collect();
        if entries.is_empty() {
            return Ok(());
        }
        Ok(self.ledger.write(entries)?)
    }

    fn chunk(
        &self,
        chunk: &Chunk,
        again: bool,
        known: &BTreeMap<String, BTreeMap<String, Holding>>,
    ) -> Result<Outcome, Error> {
        let work = InWork::new(self, self.cx, chunk);
        if held(&self.disabled).contains(&chunk.asset) {
            return Ok(work.disabled());
        }
        let holding = known.get(&chunk.asset).and_then(|of| of.get(&chunk.symbol));
        let none = holding.is_none_or(|h| h.days.within(chunk.from, chunk.to).is_empty());
        // Where nothing was there at the beginning and nobody has asked, there is nothing to look for.
        let in_flight = self.in_flight(chunk);
        let nothing = none && !again && !in_flight;
        let seen = match nothing {
            true => Some(Seen {
                holding: Holding::default(),
                dedup: self.store.dedup(self.cx, &chunk.asset)?,
            }),
            false => None,
        };
        let outcome = match work.end(seen, again || in_flight) {
            Err(Error::Coverage(coverage::Error::Server(error))) => {
                // A table that is suspended stays so, whoever asks.
                let most = if matches!(error, questdb::Error::Suspended { .. }) {
                    NOBODY
                } else {
                    1
                };
                self.nobody.fetch_add(most, Ordering::Relaxed);
                InWork::new(self, self.cx, chunk).lost(&error.to_string())?
            }
            outcome => outcome?,
        };
        match outcome.result {
            Ended::Disabled => {
                held(&self.disabled).insert(chunk.asset.clone());
            }
            Ended::Failed => {}
            _ => self.nobody.store(0, Ordering::Relaxed),
        }
        self.cx.effects().effect(Effect {
            verb: "fill".to_owned(),
            target: chunk.id.clone(),
            outcome: format!("{:?}: {} rows", outcome.result, outcome.rows).to_lowercase(),
        });
        Ok(outcome)
    }

    /// Whether days of a chunk were asked for, by whichever run, so that they may still be being stored.
    fn in_flight(&self, chunk: &Chunk) -> bool {
        let sent = self
            .ledger
            .sent(&chunk.asset, &chunk.symbol, (chunk.from, chunk.to));
        sent.is_some_and(|at| (self.cx.now() - at).num_days() < 1)
    }

    /// Days of a chunk's symbol for which the provider had nothing, unless they are asked for again.
    pub(super) fn known_empty(&self, chunk: &Chunk) -> Days {
        if self.plan.policy.recheck {
            return Days::default();
        }
        self.ledger.known(&chunk.asset, &chunk.symbol).empty
    }

    /// How long rows of an accepted job may take.
    pub(super) fn accepted(&self, asset: &str) -> Duration {
        let seconds = self
            .options
            .assets
            .get(asset)
            .map(|a| a.endpoint.accepted_seconds);
        Duration::try_from_secs_f64(seconds.unwrap_or_default()).unwrap_or_default()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut held(&self.counts));
    }

    /// One more that found nobody.
    pub(super) fn nobody(&self) {
        self.nobody.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note(
        &self,
        chunk: &Chunk,
        state: State,
        rows: Option<i64>,
        empty: Vec<String>,
        error: Option<String>,
    ) -> Result<(), Error> {
        let entry = Entry {
            rows,
            empty,
            error,
            ..self.entry(chunk, state)
        };
        Ok(self.ledger.write(vec![entry])?)
    }

    fn entry(&self, chunk: &Chunk, state: State) -> Entry {
        Entry {
            at: self.cx.now(),
            plan: self.plan.id.clone(),
            chunk: chunk.id.clone(),
            asset: chunk.asset.clone(),
            symbol: chunk.symbol.clone(),
            from: chunk.from,
            to: chunk.to,
            state,
            rows: None,
            empty: Vec::new(),
            error: None,
        }
    }

    /// Writes when something was stored last, for alerts on a backfill that stands still.
    fn tell(&self, path: &std::path::Path) {
        let newest = self.ledger.progress().into_values().max();
        let Some(newest) = newest else { return };
        let name = "historical_backfill_progress_timestamp_seconds";
        let text = format!(
            "# HELP {name} When a backfill found something stored last.\n# TYPE {name} gauge\n{name} {}\n",
            newest.timestamp()
        );
        // The end of the run writes it again, and says so when that fails. The ledger is what has to be on the disk.
        let _ = crate::files::write_passing(self.cx, path, &text);
    }
}

/// What has come of it so far.
struct Tally {
    done: Done,
    began: Instant,
}

impl Tally {
    fn new(plan: &Plan, began: Instant) -> Self {
        Self {
            done: Done {
                plan: plan.id.clone(),
                chunks: i64::try_from(plan.chunks.len()).unwrap_or(i64::MAX),
                ..Done::default()
            },
            began,
        }
    }

    /// Counts one, and gives the line that says so.
    fn take(&mut self, outcome: Outcome) -> String {
        let done = &mut self.done;
        *match outcome.result {
            Ended::Verified => &mut done.verified,
            Ended::Already => &mut done.already,
            Ended::Empty => &mut done.empty,
            Ended::Failed => &mut done.failed,
            Ended::Disabled => &mut done.disabled,
        } += 1;
        done.rows += outcome.rows;
        let ended = done.ended();
        let left = (done.chunks - ended).max(0) as f64;
        let seconds = self.began.elapsed().as_secs_f64() / ended.max(1) as f64 * left;
        let word = match outcome.result {
            Ended::Verified => format!("{} rows", outcome.rows),
            Ended::Already => "there already".to_owned(),
            Ended::Empty => "the provider has nothing".to_owned(),
            Ended::Failed | Ended::Disabled => outcome.note.clone().unwrap_or_default(),
        };
        let line = format!(
            "{ended}/{} {}: {word}, {} left",
            done.chunks,
            outcome.chunk,
            humantime::format_duration(Duration::from_secs(seconds as u64))
        );
        let plain =
            outcome.result == Ended::Verified && outcome.note.is_none() && outcome.empty.is_empty();
        if !plain && outcome.result != Ended::Already {
            done.outcomes.push(outcome);
        }
        line
    }
}
