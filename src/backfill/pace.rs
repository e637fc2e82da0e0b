//! How fast a provider is asked: one bucket of tokens for all workers, a pause that the provider asked for, and so many requests
//! at once as it bears. On a refusal for being too fast these are halved; with each good answer they creep up again.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Error, shared};
use crate::redis::{self, Server};
use crate::run::{Cx, held};

/// How soon a waiting worker notices that it was stopped.
const NOTICE: Duration = Duration::from_millis(20);

/// How fast one may be asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests a second.
    pub per_second: f64,
    /// Requests that may come at once after a rest.
    pub burst: f64,
}

/// The pace of all providers.
#[derive(Debug)]
pub struct Pacing {
    /// Where it is kept for workers in other processes: a Redis, and the store that they fill.
    common: Option<(Server, String)>,
    rates: BTreeMap<String, Rate>,
    most: usize,
    state: Mutex<BTreeMap<String, Bucket>>,
    freed: Condvar,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
    paused_until: Option<Instant>,
    /// Requests that are under way.
    busy: usize,
    /// So many at once, between 1 and `most`.
    limit: f64,
}

/// A request that may be made now; dropped, it counts as ended without a word on the pace.
#[derive(Debug)]
pub struct Turn<'a> {
    pacing: &'a Pacing,
    provider: String,
}

impl Pacing {
    /// With at most `most` requests at once to each. A provider without a rate is asked as fast as that allows.
    pub fn new(rates: BTreeMap<String, Rate>, most: usize) -> Self {
        Self {
            common: None,
            rates,
            most: most.max(1),
            state: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// The same for workers in other processes who fill the store `store`: they share tokens and pauses.
    #[must_use]
    pub fn shared(self, server: Server, store: &str) -> Self {
        Self {
            common: Some((server, store.to_owned())),
            ..self
        }
    }

    /// Waits until one more request may be made.
    pub fn turn(&self, cx: &Cx, provider: &str) -> Result<Turn<'_>, Error> {
        let turn = self.own_turn(cx, provider)?;
        let Some((server, store)) = &self.common else {
            return Ok(turn);
        };
        let key = shared::pace(store, provider);
        let rate = self.rates.get(provider);
        let (per_second, burst) = rate.map_or((f64::INFINITY, 1.0), |r| (r.per_second, r.burst));
        loop {
            let wait = redis::token(cx, server, &key, per_second, burst)?;
            if wait.is_zero() {
                return Ok(turn);
            }
            cx.sleep(wait)?;
        }
    }

    fn own_turn(&self, cx: &Cx, provider: &str) -> Result<Turn<'_>, Error> {
        let mut state = held(&self.state);
        loop {
            cx.check()?;
            let now = Instant::now();
            let rate = self.rates.get(provider);
            let bucket = state.entry(provider.to_owned()).or_insert_with(|| Bucket {
                tokens: rate.map_or(0.0, |rate| rate.burst.max(1.0)),
                filled: now,
                paused_until: None,
                busy: 0,
                limit: self.most as f64,
            });
            let wait = bucket.wait(rate, now);
            if wait.is_zero() {
                bucket.busy += 1;
                return Ok(Turn {
                    pacing: self,
                    provider: provider.to_owned(),
                });
            }
            let waited = self.freed.wait_timeout(state, wait.min(NOTICE));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn with(&self, provider: &str, change: impl FnOnce(&mut Bucket)) {
        if let Some(bucket) = held(&self.state).get_mut(provider) {
            change(bucket);
        }
        self.freed.notify_all();
    }
}

impl Bucket {
    /// How long until a request may be made; nothing: now, and its token is taken.
    fn wait(&mut self, rate: Option<&Rate>, now: Instant) -> Duration {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return until - now;
        }
        if self.busy as f64 >= self.limit.floor().max(1.0) {
            return NOTICE;
        }
        let Some(rate) = rate else {
            return Duration::ZERO;
        };
        let since = now.duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + since * rate.per_second).min(rate.burst.max(1.0));
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Duration::ZERO;
        }
        let seconds = (1.0 - self.tokens) / rate.per_second.max(1e-6);
        Duration::try_from_secs_f64(seconds).unwrap_or(NOTICE)
    }
}

impl Turn<'_> {
    /// It was answered well.
    pub fn fine(self) {
        let most = self.pacing.most as f64;
        self.pacing.with(&self.provider, |bucket| {
            bucket.limit = (bucket.limit + 1.0 / bucket.limit.max(1.0)).min(most);
        });
    }

    /// It was refused for being too fast; nobody asks again before `pause` is over.
    pub fn refused(self, cx: &Cx, pause: Duration) -> Result<(), Error> {
        self.pacing.with(&self.provider, |bucket| {
            let until = Instant::now() + pause;
            // Those that were under way with it say the same thing again: one refusal, one halving.
            if bucket
                .paused_until
                .is_none_or(|known| known <= Instant::now())
            {
                bucket.limit = (bucket.limit / 2.0).max(1.0);
            }
            bucket.paused_until = Some(bucket.paused_until.map_or(until, |known| known.max(until)));
        });
        if let Some((server, store)) = &self.pacing.common {
            redis::pause(cx, server, &shared::pace(store, &self.provider), pause)?;
        }
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.pacing.with(&self.provider, |bucket| {
            bucket.busy = bucket.busy.saturating_sub(1);
        });
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn limit(pacing: &Pacing) -> f64 {
        held(&pacing.state).get("p").unwrap().limit
    }

    #[test]
    fn a_refusal_halves_and_good_answers_creep_up() {
        let cx = Cx::detached();
        let pacing = Pacing::new(BTreeMap::new(), 8);
        pacing.turn(&cx, "p").unwrap().fine();
        assert!((limit(&pacing) - 8.0).abs() < 1e-9);
        let (one, two) = (
            pacing.turn(&cx, "p").unwrap(),
            pacing.turn(&cx, "p").unwrap(),
        );
        one.refused(&cx, Duration::from_millis(30)).unwrap();
        assert!((limit(&pacing) - 4.0).abs() < 1e-9);
        // The same burst says it twice: that halves once.
        two.refused(&cx, Duration::from_millis(30)).unwrap();
        assert!((limit(&pacing) - 4.0).abs() < 1e-9);
        let began = Instant::now();
        pacing.turn(&cx, "p").unwrap().fine();
        assert!(began.elapsed() >= Duration::from_millis(25));
        assert!((limit(&pacing) - 4.25).abs() < 1e-9);
        for _ in 0..100 {
            pacing.turn(&cx, "p").unwrap().fine();
        }
        assert!((limit(&pacing) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn tokens_come_back_with_time_and_no_more_than_the_burst() {
        let rate = Rate {
            per_second: 10.0,
            burst: 2.0,
        };
        let began = Instant::now();
        let mut bucket = Bucket {
            tokens: 2.0,
            filled: began,
            paused_until: None,
            busy: 0,
            limit: 4.0,
        };
        let at = |ms| began + Duration::from_millis(ms);
        assert_eq!(bucket.wait(Some(&rate), at(0)), Duration::ZERO);
        assert_eq!(bucket.wait(Some(&rate), at(0)), Duration::ZERO);
        assert_eq!(bucket.wait(Some(&rate), at(0)), Duration::from_millis(100));
        assert_eq!(bucket.wait(Some(&rate), at(100)), Duration::ZERO);
        assert_eq!(bucket.wait(Some(&rate), at(60_000)), Duration::ZERO);
        assert_eq!(bucket.wait(Some(&rate), at(60_000)), Duration::ZERO);
        assert_ne!(bucket.wait(Some(&rate), at(60_000)), Duration::ZERO);
        bucket.busy = 4;
        assert_ne!(bucket.wait(Some(&rate), at(120_000)), Duration::ZERO);
    }

    #[test]
    fn a_dropped_turn_frees_its_place_and_a_stop_ends_the_waiting() {
        let cx = Cx::detached();
        let pacing = Pacing::new(BTreeMap::new(), 1);
        let turn = pacing.turn(&cx, "p").unwrap();
        let cancelled = cx.with_cancel(crate::run::Cancel::root());
        cancelled.cancel().stop(crate::run::Stop::Interrupted);
        assert!(pacing.turn(&cancelled, "p").is_err());
        drop(turn);
        drop(pacing.turn(&cx, "p").unwrap());
    }
}
