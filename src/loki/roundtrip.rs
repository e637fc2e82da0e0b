//! One line into Loki, and back out.
//!
//! The line goes into a stream of its own (a label that no other line has), so that nothing else can be taken for it.
//! Five ends are told apart: it came back, it came back late, it never came back, it was not taken in, and nobody could
//! look whether it came back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::server::Queried;
use super::{Error, Line, Pushed, Server};
use crate::net::ms_since;
use crate::run::{Cx, Effect};

/// The longest pause between two looks, and so how exact a delay is.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// One query that hangs must not take the whole wait.
const QUERY_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For Loki to take the line in.
    pub push: Duration,
    /// For the line to come back, from its sending on.
    pub wait: Duration,
    /// From this delay on it is late.
    pub late: Duration,
}

/// How a round trip ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Roundtrip {
    /// `ok`, `late`, `lost`, `rejected` or `unreadable`.
    pub outcome: &'static str,
    /// From sending to the answer that had the line; `None` when none had.
    pub delay_ms: Option<f64>,
    /// Until Loki had answered the push.
    pub push_ms: f64,
    /// The status of the answer that is the reason, of `rejected` and `unreadable`.
    pub status: Option<u16>,
    /// Loki's words, of `rejected` and `unreadable`.
    pub reason: Option<String>,
    /// How often it was queried.
    pub queries: u32,
    /// The value of the label `probe`, by which the line is found.
    pub probe: String,
}

/// Pushes a line with a label of its own and queries it until it is there or the wait is over.
///
/// # Errors
///
/// As [`Server::push`]. What happens after Loki has answered the push is an outcome.
pub fn roundtrip(cx: &Cx, server: &Server, patience: Patience) -> Result<Roundtrip, Error> {
    let probe = probe(cx);
    let line = Line {
        labels: vec![
            ("job".into(), "tradeops".into()),
            ("probe".into(), probe.clone()),
        ],
        time_ns: cx.now().timestamp_nanos_opt().unwrap_or(i64::MAX),
        text: format!("tradeops round trip {probe}"),
    };
    let began = Instant::now();
    let pushed = server.push(cx, &line, patience.push)?;
    let mut trip = Roundtrip {
        outcome: "ok",
        delay_ms: None,
        push_ms: ms_since(began),
        status: None,
        reason: None,
        queries: 0,
        probe,
    };
    cx.effects().effect(Effect {
        verb: "push line".into(),
        target: format!("loki/{}/probe={}", server.origin(), trip.probe),
        outcome: match &pushed {
            Pushed::Accepted => "accepted".into(),
            Pushed::Rejected { status, .. } => format!("rejected with status {status}"),
        },
    });
    if let Pushed::Rejected { status, reason } = pushed {
        return Ok(Roundtrip {
            outcome: "rejected",
            status: Some(status),
            reason: Some(reason),
            ..trip
        });
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let left = patience.wait.saturating_sub(began.elapsed());
        // The last look may take a little longer than the wait: it began within it.
        let limit = left.clamp(Duration::from_secs(1), QUERY_LIMIT);
        let found = server.query(cx, &line, limit)?;
        trip.queries += 1;
        let over = began.elapsed() >= patience.wait;
        match found {
            Queried::Found => {
                trip.delay_ms = Some(ms_since(began));
                if began.elapsed() >= patience.late {
                    trip.outcome = "late";
                }
                return Ok(trip);
            }
            Queried::Nothing if over => {
                trip.outcome = "lost";
                return Ok(trip);
            }
            // Asking again does not help against a refusal.
            Queried::Failed { status, reason } if over || status.is_some_and(|s| s < 429) => {
                return Ok(Roundtrip {
                    outcome: "unreadable",
                    status,
                    reason: Some(reason),
                    ..trip
                });
            }
            Queried::Nothing | Queried::Failed { .. } => {}
        }
        cx.sleep(pause.min(patience.wait.saturating_sub(began.elapsed())))?;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A text that no other round trip has, on this machine or elsewhere.
fn probe(cx: &Cx) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let time = cx.now().timestamp_nanos_opt().unwrap_or_default();
    format!("{time:x}-{:x}-{count:x}", std::process::id())
}

#[cfg(test)]
mod tests;
