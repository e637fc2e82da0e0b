//! How the ingestion service is told to misbehave, and what that does to a request of its backfill endpoints.
//!
//! | path of the control port | effect |
//! |---|---|
//! | `/listed?symbol=ABNB&date=2020-12-10` | the provider has nothing of that symbol before |
//! | `/gone?symbol=X&from=2015-01-01&to=2015-03-31` | nor anything of those days (repeatable) |
//! | `/faults?seed=1&rate429=0.05` | such a share of the requests goes wrong; see below |
//! | `/disabled` | 403, as when the feature is switched off |
//! | `/empty` | everything is answered well, with no rows |
//! | `/nopersist` | rows are fetched and counted, and not stored: `ENABLE_QUESTDB_HIST_PERSIST` is not set |
//! | `/social?run=true` | the job of `/social/backfill` does run; else it is accepted and never runs, as the real one |
//! | `/asked` | what was asked (`asked.rs`); `clear=1` forgets it after |
//!
//! `/faults` takes shares of 1: `rate429` (with `retry_after=1` seconds, `date=http` as a date, `date=none` left out),
//! `rate500`, `hang` (nothing is stored, no answer for `hang_ms`, then the connection closes; 0: until `/reset`),
//! `hang_stored` (the same, with all rows stored), `half` (a part is stored, then the connection closes), `partial` (a
//! part is stored and honestly reported), and `times=2`: only the first two times that the same is asked. Which request
//! is hit depends on the seed, on what is asked and how often it was asked before, not on the order in which they come.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::asked::{Asked, Order};
use super::provider::Row;
use crate::control::Told;
use crate::http::{Request, Response};
use crate::text;

#[derive(Clone, Debug, Default)]
struct Faults {
    seed: i64,
    rate429: f64,
    rate500: f64,
    hang: f64,
    hang_stored: f64,
    half: f64,
    partial: f64,
    retry_after: i64,
    date: String,
    hang_ms: u64,
    times: Option<u64>,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    Limited,
    Failing,
    Hanging,
    HangingStored,
    /// This share of the rows.
    Half(f64),
    Partial(f64),
}

impl Fault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Limited => "429",
            Self::Failing => "500",
            Self::Hanging => "hang",
            Self::HangingStored => "hang_stored",
            Self::Half(_) => "half",
            Self::Partial(_) => "partial",
        }
    }
}

#[derive(Debug, Default)]
struct State {
    listed: HashMap<String, i64>,
    gone: Vec<(String, i64, i64)>,
    faults: Faults,
    /// How often the same was asked since the faults were set.
    before: HashMap<Order, u64>,
    disabled: bool,
    empty: bool,
    unstored: bool,
    social_runs: bool,
    /// Rises with every reset: what hangs since an older one is let go.
    era: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Conduct {
    state: Mutex<State>,
    pub(super) asked: Asked,
}

impl Conduct {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the control port says; a date that is none is answered with 400.
    pub(crate) fn told(&self, request: &Request) -> Told {
        let date = |name: &str| request.query(name).and_then(text::parse_date);
        let symbol = request.query("symbol").unwrap_or("").to_ascii_uppercase();
        let mut state = self.state();
        match request.path.as_str() {
            "/listed" => {
                let Some(day) = date("date") else {
                    return wanted("`symbol` and `date`");
                };
                state.listed.insert(symbol, day);
            }
            "/gone" => {
                let Some((from, to)) = date("from").zip(date("to")) else {
                    return wanted("`symbol`, `from` and `to`");
                };
                state.gone.push((symbol, from, to));
            }
            "/faults" => {
                state.faults = Faults::read(request);
                state.before.clear();
            }
            "/disabled" => state.disabled = true,
            "/empty" => state.empty = true,
            "/nopersist" => state.unstored = true,
            "/social" => state.social_runs = request.query("run") == Some("true"),
            "/asked" => {
                let shown = self.asked.shown();
                if request.query("clear") == Some("1") {
                    self.asked.clear();
                }
                return Told::Answer(Response::json(200, &shown));
            }
            "/reset" => {
                *state = State {
                    era: state.era + 1,
                    ..State::default()
                };
            }
            _ => return Told::Unknown,
        }
        Told::Known
    }

    pub(super) fn disabled(&self) -> bool {
        self.state().disabled
    }

    pub(super) fn stores(&self) -> bool {
        !self.state().unstored
    }

    pub(super) fn social_runs(&self) -> bool {
        self.state().social_runs
    }

    /// What the provider sends of these rows.
    pub(super) fn sent(&self, rows: Vec<Row>) -> Vec<Row> {
        let state = self.state();
        let has = |row: &Row| {
            let early = state
                .listed
                .get(&row.symbol)
                .is_some_and(|day| row.day < *day);
            let gone = state.gone.iter().any(|(symbol, from, to)| {
                *symbol == row.symbol && (*from..=*to).contains(&row.day)
            });
            !early && !gone && !state.empty
        };
        rows.into_iter().filter(has).collect()
    }

    /// What is to happen to this request.
    pub(super) fn fault(&self, order: &Order) -> Option<Fault> {
        let mut state = self.state();
        let before = state.before.entry(order.clone()).or_default();
        let attempt = *before;
        *before += 1;
        state.faults.hit(order, attempt)
    }

    /// A 429 as the limit of the provider comes through.
    pub(super) fn limited(&self) -> Response {
        let faults = self.state().faults.clone();
        let response = super::failure(429, "rate limit exceeded");
        match faults.date.as_str() {
            "none" => response,
            "http" => {
                let now = text::unix_micros() / 1_000_000;
                // A date has whole seconds: one more, so that it is not less than was meant.
                let at = text::http_date(now + faults.retry_after + 1);
                response.with("Retry-After", &at)
            }
            _ => response.with("Retry-After", &faults.retry_after.to_string()),
        }
    }

    /// Holds a request up for as long as it is to hang.
    pub(super) fn hang(&self) {
        let (era, ms) = {
            let state = self.state();
            (state.era, state.faults.hang_ms)
        };
        let start = Instant::now();
        while self.state().era == era && (ms == 0 || start.elapsed() < Duration::from_millis(ms)) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn wanted(what: &str) -> Told {
    Told::Answer(super::failure(400, &format!("{what} are wanted")))
}

impl Faults {
    fn read(request: &Request) -> Self {
        let share = |name: &str| {
            let given = request.query(name).and_then(|value| value.parse().ok());
            given.unwrap_or(0.0)
        };
        Self {
            seed: request.number("seed", 1),
            rate429: share("rate429"),
            rate500: share("rate500"),
            hang: share("hang"),
            hang_stored: share("hang_stored"),
            half: share("half"),
            partial: share("partial"),
            retry_after: request.number("retry_after", 1),
            date: request.query("date").unwrap_or("").to_owned(),
            hang_ms: u64::try_from(request.number("hang_ms", 0)).unwrap_or(0),
            times: request.query("times").and_then(|times| times.parse().ok()),
        }
    }

    fn hit(&self, order: &Order, attempt: u64) -> Option<Fault> {
        if self.times.is_some_and(|times| attempt >= times) {
            return None;
        }
        let mut drawn = self.draw(order, attempt, 0);
        let share = 0.1 + 0.8 * self.draw(order, attempt, 1);
        for (rate, fault) in [
            (self.rate429, Fault::Limited),
            (self.rate500, Fault::Failing),
            (self.hang, Fault::Hanging),
            (self.hang_stored, Fault::HangingStored),
            (self.half, Fault::Half(share)),
            (self.partial, Fault::Partial(share)),
        ] {
            if drawn < rate {
                return Some(fault);
            }
            drawn -= rate;
        }
        None
    }

    /// In `[0, 1)`.
    fn draw(&self, order: &Order, attempt: u64, which: u8) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, order, attempt, which).hash(&mut hasher);
        (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: usize) -> Order {
        Order {
            path: "/market-data/historical/A".to_owned(),
            symbols: vec![format!("S{number}")],
            start: "2024-01-01".to_owned(),
            end: "2024-01-31".to_owned(),
        }
    }

    #[test]
    fn faults_hit_as_many_as_they_should_and_the_same_ones_each_time() {
        let faults = Faults {
            seed: 7,
            rate429: 0.05,
            rate500: 0.02,
            hang: 0.01,
            partial: 0.1,
            ..Faults::default()
        };
        let hits = || {
            (0..20_000)
                .map(|number| faults.hit(&order(number), 0))
                .collect::<Vec<_>>()
        };
        let all = hits();
        assert_eq!(all, hits());
        let share = |name: &str| {
            let count = all
                .iter()
                .flatten()
                .filter(|fault| fault.name() == name)
                .count();
            count as f64 / all.len() as f64
        };
        for (name, rate) in [
            ("429", 0.05),
            ("500", 0.02),
            ("hang", 0.01),
            ("partial", 0.1),
            ("half", 0.0),
        ] {
            assert!(
                (share(name) - rate).abs() < 0.006,
                "{name}: {}",
                share(name)
            );
        }
        let parts = all.iter().flatten().filter_map(|fault| match fault {
            Fault::Partial(share) => Some(*share),
            _ => None,
        });
        assert!(parts.into_iter().all(|share| (0.1..0.9).contains(&share)));
    }

    #[test]
    fn a_fault_that_comes_twice_does_not_come_a_third_time() {
        let faults = Faults {
            rate429: 1.0,
            times: Some(2),
            ..Faults::default()
        };
        let hits: Vec<_> = (0..3)
            .map(|attempt| faults.hit(&order(1), attempt))
            .collect();
        assert_eq!(hits, [Some(Fault::Limited), Some(Fault::Limited), None]);
    }
}
