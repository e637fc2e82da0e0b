//! When to ask again, and when not to: how often, how long to wait, and the server's own word on it.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::net::show;

/// How often to ask again, and how long to wait before.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// How often at most, after the first attempt.
    pub retries: usize,
    /// The first wait; doubled each time, and between half and all of it at random.
    pub backoff: Duration,
    /// The longest wait of its own choosing.
    pub backoff_max: Duration,
    /// The longest wait that a server may ask for.
    pub patience: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            retries: 0,
            backoff: Duration::from_millis(200),
            backoff_max: Duration::from_secs(10),
            patience: Duration::from_secs(60),
        }
    }
}

/// Why one might ask again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cause {
    /// No whole answer came.
    NoAnswer,
    /// An answer that may be another one later.
    Status(u16, Option<Duration>),
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// Leave it at this.
    Stop,
    /// Leave it at this, although there are attempts left.
    GiveUp(String),
    /// Ask again after this.
    After(Duration),
}

/// Whether a status may be another one later.
pub(super) const fn passing(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

impl Retry {
    /// What to do after `attempts`, with `remaining` of the run's time left.
    ///
    /// A method that is not idempotent is sent again only if the server itself said that it did not take
    /// it and when to come back: after a 502 or a lost connection it may well have been done.
    pub(super) fn next(
        &self,
        cause: Cause,
        idempotent: bool,
        attempts: usize,
        remaining: Option<Duration>,
        jitter: f64,
    ) -> Next {
        if attempts > self.retries {
            return Next::Stop;
        }
        let asked = match cause {
            Cause::NoAnswer if !idempotent => return Next::Stop,
            Cause::Status(429 | 503, None) | Cause::Status(502 | 504, _) if !idempotent => {
                return Next::Stop;
            }
            Cause::NoAnswer => None,
            Cause::Status(_, asked) => asked,
        };
        let wait = match asked {
            Some(asked) if asked > self.patience => {
                return Next::GiveUp(format!(
                    "not tried again: the server asks to wait {}, and at most {} is waited",
                    show(asked),
                    show(self.patience)
                ));
            }
            Some(asked) => asked,
            None => self.backoff(attempts, jitter),
        };
        match remaining {
            Some(left) if wait >= left => Next::GiveUp(format!(
                "not tried again: the next attempt would be in {}, and the deadline is in {}",
                show(wait),
                show(left)
            )),
            _ => Next::After(wait.min(Duration::from_secs(86_400))),
        }
    }

    /// The wait after the `attempts`-th attempt, with some randomness.
    pub fn wait(&self, attempts: usize) -> Duration {
        self.backoff(attempts, random())
    }

    /// The wait after the `attempts`-th attempt; `jitter` from 0 to 1.
    fn backoff(&self, attempts: usize, jitter: f64) -> Duration {
        let doublings = u32::try_from(attempts.saturating_sub(1))
            .unwrap_or(u32::MAX)
            .min(31);
        let full = self
            .backoff
            .saturating_mul(1 << doublings)
            .min(self.backoff_max);
        full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

/// A number from 0 to 1 from the system's random source.
pub(super) fn random() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
    let unit = (RandomState::new().hash_one(0_u8) >> 32) as f64 / f64::from(u32::MAX);
    unit
}

/// Reads a `Retry-After`: seconds, or a date of HTTP (all three forms). `None` if it is neither.
pub(super) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::<Utc>::from(httpdate::parse_http_date(value).ok()?);
    // One that has passed means now.
    Some((date - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    fn retry(retries: usize) -> Retry {
        Retry {
            retries,
            ..Retry::default()
        }
    }

    const fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn both_forms_of_retry_after() {
        let now = DateTime::parse_from_rfc3339("2026-11-24T12:00:00Z")
            .unwrap()
            .to_utc();
        for (value, want) in [
            ("120", Some(secs(120))),
            (" 0 ", Some(secs(0))),
            ("Tue, 24 Nov 2026 12:00:07 GMT", Some(secs(7))),
            ("Tuesday, 24-Nov-26 12:00:07 GMT", Some(secs(7))),
            ("Tue Nov 24 12:00:07 2026", Some(secs(7))),
            ("Tue, 24 Nov 2026 11:00:00 GMT", Some(secs(0))),
            ("-5", None),
            ("soon", None),
            ("", None),
            ("1.5", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(retry_after(value, now), want, "{value:?}");
        }
    }

    #[test]
    fn backoff_doubles_within_its_cap() {
        let r = retry(99);
        let wait = |n, jitter| r.backoff(n, jitter);
        assert_eq!(wait(1, 1.0), Duration::from_millis(200));
        assert_eq!(wait(1, 0.0), Duration::from_millis(100));
        assert_eq!(wait(2, 1.0), Duration::from_millis(400));
        assert_eq!(wait(4, 1.0), Duration::from_millis(1600));
        assert_eq!(wait(50, 1.0), secs(10));
        assert_eq!(wait(usize::MAX, 1.0), secs(10));
        assert!((0..100).all(|_| (0.0..=1.0).contains(&random())));
    }

    #[test]
    fn who_is_asked_again() {
        use Cause::{NoAnswer, Status};
        let stop = |next: Next| next == Next::Stop;
        for (cause, idempotent, again) in [
            (NoAnswer, true, true),
            (NoAnswer, false, false),
            (Status(503, None), true, true),
            (Status(502, Some(secs(1))), true, true),
            (Status(503, None), false, false),
            (Status(503, Some(secs(1))), false, true),
            (Status(429, Some(secs(1))), false, true),
            (Status(504, Some(secs(1))), false, false),
        ] {
            let next = retry(1).next(cause, idempotent, 1, None, 1.0);
            assert_eq!(!stop(next), again, "{cause:?} {idempotent}");
        }
        assert!(
            stop(retry(0).next(NoAnswer, true, 1, None, 1.0)),
            "0 retries is the default"
        );
        assert!(stop(retry(2).next(NoAnswer, true, 3, None, 1.0)));
    }

    #[test]
    fn never_past_the_deadline_nor_the_patience() {
        let r = retry(5);
        let asked = |s| Cause::Status(503, Some(secs(s)));
        assert_eq!(r.next(asked(7), true, 1, None, 1.0), Next::After(secs(7)));
        assert_eq!(
            r.next(asked(7), true, 1, Some(secs(8)), 1.0),
            Next::After(secs(7))
        );
        let Next::GiveUp(why) = r.next(asked(7), true, 1, Some(secs(3)), 1.0) else {
            panic!("it must say so")
        };
        assert!(
            why.contains("7s") && why.contains("deadline is in 3s"),
            "{why}"
        );
        let Next::GiveUp(why) = r.next(asked(3600), true, 1, None, 1.0) else {
            panic!("it must say so")
        };
        assert!(why.contains("3600s"), "{why}");
    }
}
