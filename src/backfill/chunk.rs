//! One chunk: asked for, looked for in the store, and asked for again only where something of it is missing.

use std::time::{Duration, Instant};

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use super::endpoint::Said;
use super::run::Work;
use super::store::Seen;
use super::{Chunk, Error};
use crate::coverage::{Days, State};
use crate::http::{self, Request};
use crate::run::Cx;

/// Rounds of asking that each brought something, before a chunk is given up: each brings at least a day.
const ROUNDS: usize = 50;

/// Refusals for being too fast, before a chunk is given up.
const REFUSALS: usize = 30;

/// Pieces of a chunk that are asked for one by one; more, and what is missing between is left to the next run.
const PIECES: usize = 40;

/// Between two looks for rows that may still come.
const LOOK: Duration = Duration::from_secs(1);

/// What a provider is waited for when it does not say for how long.
const PAUSE: Duration = Duration::from_secs(5);

/// How a chunk ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The chunk.
    pub chunk: String,
    /// Its asset.
    pub asset: String,
    /// Its symbol.
    pub symbol: String,
    /// Its first day.
    pub from: NaiveDate,
    /// Its last day.
    pub to: NaiveDate,
    /// How it ended.
    pub result: Ended,
    /// Due days of it that the store has.
    pub days: i64,
    /// Due days of it that are not there.
    pub missing: i64,
    /// Rows that came into the store for it.
    pub rows: i64,
    /// Requests that were made for it.
    pub requests: i64,
    /// Days for which the provider has nothing: `2015-03-02` or `2015-03-02..2015-03-06`.
    pub empty: Vec<String>,
    /// Why it failed, or what is to be known of it.
    pub note: Option<String>,
}

/// How a chunk can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The store has what there is of it.
    Verified,
    /// The store had it before it was asked for.
    Already,
    /// The provider has nothing of it.
    Empty,
    /// The service says that this is switched off.
    Disabled,
    /// It was asked for in vain.
    Failed,
}

/// What became of one request.
enum Answer {
    Said(Said),
    /// It was not answered well.
    Trouble(Trouble, String),
    /// It is not to be made again.
    Refused(Ended, String),
}

/// What kept a request from being answered well.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    /// Nothing was heard of it: it may still be being done.
    Unknown,
    /// It is over, and may be better another time.
    Over,
    /// Nobody was there.
    Unreachable,
}

/// What came of asking for all pieces of a chunk.
#[derive(Default)]
struct Round {
    /// Rows that the answers say; `None`: one of them does not.
    said: Option<i64>,
    /// Whether a job was accepted.
    accepted: bool,
    /// Why one was not answered well.
    trouble: Option<(Trouble, String)>,
    /// Why none is to be made again, and how the chunk ends.
    refused: Option<(Ended, String)>,
}

/// A chunk in work.
pub(super) struct InWork<'a> {
    work: &'a Work<'a>,
    cx: &'a Cx,
    chunk: &'a Chunk,
    /// Days of it on which rows are due.
    due: Days,
    outcome: Outcome,
}

impl<'a> InWork<'a> {
    pub(super) fn new(work: &'a Work<'a>, cx: &'a Cx, chunk: &'a Chunk) -> Self {
        let due = work
            .options
            .assets
            .get(&chunk.asset)
            .map(|asset| asset.due.days.within(chunk.from, chunk.to))
            .unwrap_or_default();
        Self {
            work,
            cx,
            chunk,
            due,
            outcome: Outcome {
                chunk: chunk.id.clone(),
                asset: chunk.asset.clone(),
                symbol: chunk.symbol.clone(),
                from: chunk.from,
                to: chunk.to,
                result: Ended::Failed,
                days: 0,
                missing: 0,
                rows: 0,
                requests: 0,
                empty: Vec::new(),
                note: None,
            },
        }
    }

    /// Does it. `known`: what the store had of it when the run began; `None`: somebody may have asked for it since, and if `again`,
    /// somebody may still be storing it.
    pub(super) fn end(mut self, known: Option<Seen>, again: bool) -> Result<Outcome, Error> {
        let mut seen = match known {
            Some(seen) => seen,
            None if again => self.quiet()?,
            None => self.look()?,
        };
        let before = seen.holding.rows;
        let known_empty = self.work.known_empty(self.chunk).and(&self.due);
        let mut empty = known_empty.without(&seen.holding.days);
        // Days that are there and perhaps not whole.
        let mut redo = Days::default();
        let (mut failures, mut rounds, mut confirmed) = (0, 0, false);
        let (mut trouble, mut warning) = (None, None);
        loop {
            let missing = self.due.without(&seen.holding.days).without(&empty);
            self.outcome.days = self.due.and(&seen.holding.days).len();
            self.outcome.missing = missing.len();
            self.outcome.rows = seen.holding.rows - before;
            let mut wanted = missing;
            wanted.add(&redo);
            if wanted.is_empty() {
                self.outcome.note = warning;
                return self.finish(&empty);
            }
            if failures > self.work.options.attempts || rounds > ROUNDS {
                return self.fail(trouble);
            }
            let pieces = pieces(&wanted, &seen.holding.days, &self.due);
            if pieces.len() > PIECES {
                let (days, places) = (wanted.len(), pieces.len());
                return self.fail(Some(format!(
                    "{days} days of it are missing in {places} places: the next run plans them anew"
                )));
            }
            let round = self.round(pieces)?;
            if let Some((ended, why)) = round.refused {
                return self.refused(ended, why);
            }
            rounds += 1;
            let old = seen;
            seen = match &round.trouble {
                Some((Trouble::Unknown, _)) => self.quiet()?,
                None if round.accepted => self.come(&old)?,
                _ => self.look()?,
            };
            let came = (seen.holding.rows - old.holding.rows).max(0);
            let new_days = seen.holding.days.without(&old.holding.days);
            if let Some((kind, why)) = round.trouble {
                failures += 1;
                trouble = Some(why);
                if kind == Trouble::Unreachable && failures > self.work.options.attempts {
                    self.work.nobody();
                }
                // Whether the last day of a request that broke off is whole cannot be seen. Where a row stands once however often it
                // is stored, it is asked for again.
                if let Some(day) = new_days.last().filter(|_| self.sparse()) {
                    redo = if seen.dedup {
                        Days::span(day, day)
                    } else {
                        redo
                    };
                    let told = format!("a request broke off: {day} may not be whole");
                    warning = (!seen.dedup).then_some(told);
                }
                let whole = self.due.without(&seen.holding.days).is_empty();
                if !whole || !redo.is_empty() {
                    self.cx.sleep(self.work.options.retry.wait(failures))?;
                }
                continue;
            }
            self.state(State::Stored, None)?;
            if round.accepted && came == 0 {
                let seconds = self.work.accepted(&self.chunk.asset).as_secs();
                return self.fail(Some(format!(
                    "a job was accepted, and nothing of it was stored within {seconds} s: there are routes that accept jobs which never run"
                )));
            }
            let exact = !self.sparse() && !seen.dedup;
            let said = round.said.unwrap_or(0);
            if redo.is_empty() && said > 0 && (came == 0 || (exact && said > came)) {
                failures += 1;
                trouble = Some(format!(
                    "the service says {said} rows, and the store has {came} of them: does it store what it fetches (ENABLE_QUESTDB_HIST_PERSIST)?"
                ));
                self.cx.sleep(self.work.options.retry.wait(failures))?;
                continue;
            }
            redo = Days::default();
            let left = self.due.without(&seen.holding.days).without(&empty);
            // Nothing new: what is missing is not there. Where each session has a row, a provider is asked twice, because a key that
            // has run out looks the same.
            if self.sparse() || (new_days.is_empty() && confirmed) {
                empty.add(&left);
            } else if new_days.is_empty() {
                confirmed = true;
                self.cx.sleep(self.work.options.retry.wait(1))?;
            }
        }
    }

    /// Asks for each piece, until one is not answered well.
    fn round(&mut self, pieces: Vec<(NaiveDate, NaiveDate)>) -> Result<Round, Error> {
        let mut round = Round {
            said: Some(0),
            ..Round::default()
        };
        for piece in pieces {
            match self.ask(piece)? {
                Answer::Said(answer) => {
                    round.accepted |= answer.accepted;
                    round.said = round.said.zip(answer.rows).map(|(a, b)| a + b);
                    continue;
                }
                Answer::Trouble(kind, why) => round.trouble = Some((kind, why)),
                Answer::Refused(ended, why) => round.refused = Some((ended, why)),
            }
            break;
        }
        Ok(round)
    }

    /// It is not asked for, because the service says that this is switched off.
    pub(super) fn disabled(mut self) -> Outcome {
        self.outcome.result = Ended::Disabled;
        self.outcome.missing = self.due.len();
        self.outcome
    }

    /// It is given up, because all who began it died.
    pub(super) fn deadly(mut self) -> Result<Outcome, Error> {
        self.outcome.missing = self.due.len();
        self.fail(Some(
            "several workers died while they were at it".to_owned(),
        ))
    }

    /// Whether the store has it cannot be told.
    pub(super) fn lost(mut self, why: &str) -> Result<Outcome, Error> {
        self.outcome.missing = self.due.len();
        self.fail(Some(format!("the store cannot be looked into: {why}")))
    }

    fn sparse(&self) -> bool {
        self.work
            .options
            .assets
            .get(&self.chunk.asset)
            .is_none_or(|asset| !asset.dense)
    }

    fn span(&self) -> (NaiveDate, NaiveDate) {
        (self.chunk.from, self.chunk.to)
    }

    fn look(&self) -> Result<Seen, Error> {
        self.work
            .store
            .settled(self.cx, &self.chunk.asset, &self.chunk.symbol, self.span())
    }

    /// Looks until nothing more comes for a while: whoever did not answer may still be storing.
    fn quiet(&self) -> Result<Seen, Error> {
        let quiet = self.work.options.quiet;
        let mut seen = self.look()?;
        let mut since = Instant::now();
        // Where each day has one row, all that can come is there when all days are.
        let whole = |seen: &Seen| !self.sparse() && self.due.without(&seen.holding.days).is_empty();
        while since.elapsed() < quiet && !whole(&seen) {
            self.cx.sleep(LOOK.min(quiet / 4))?;
            let now = self.look()?;
            if now.holding.rows != seen.holding.rows {
                since = Instant::now();
            }
            seen = now;
        }
        Ok(seen)
    }

    /// Looks until rows of an accepted job come, and then until no more do.
    fn come(&self, before: &Seen) -> Result<Seen, Error> {
        let (began, limit) = (Instant::now(), self.work.accepted(&self.chunk.asset));
        loop {
            let seen = self.look()?;
            if seen.holding.rows > before.holding.rows {
                return self.quiet();
            }
            if began.elapsed() >= limit {
                return Ok(seen);
            }
            self.cx.sleep(LOOK.min(limit / 4))?;
        }
    }

    /// One request, again and again while the provider says that it was too fast.
    fn ask(&mut self, (from, to): (NaiveDate, NaiveDate)) -> Result<Answer, Error> {
        let Some(asset) = self.work.options.assets.get(&self.chunk.asset) else {
            return Ok(Answer::Refused(
                Ended::Failed,
                format!("nothing says how `{}` is asked for", self.chunk.asset),
            ));
        };
        let filled = asset.endpoint.fill(&self.chunk.symbol, from, to)?;
        let mut request = Request::new(
            filled.method,
            format!("{}{}", self.work.options.base, filled.path),
        );
        request.query = filled.query;
        request.timeout = filled.timeout;
        request.body_limit = 256 << 20;
        request.content_type = filled.body.as_ref().map(|_| "application/json".to_owned());
        request.body = filled.body.map(Into::into);
        request.allow = self.work.options.allow.clone();
        let mut refusals = 0;
        loop {
            let turn = self.work.pacing.turn(self.cx, &asset.endpoint.provider)?;
            self.state(State::Sent, None)?;
            self.outcome.requests += 1;
            self.work.count(|counts| counts.requests += 1);
            let response = match http::request(self.cx, &request) {
                Ok(response) => response,
                Err(http::Error::Stopped(stop)) => return Err(stop.into()),
                // Nothing was sent.
                Err(error @ (http::Error::Unreachable { .. } | http::Error::Timeout { .. })) => {
                    return Ok(Answer::Trouble(Trouble::Unreachable, error.to_string()));
                }
                Err(error @ (http::Error::Denied { .. } | http::Error::Invalid(_))) => {
                    return Ok(Answer::Refused(Ended::Failed, error.to_string()));
                }
                Err(error) => return Ok(Answer::Trouble(Trouble::Unknown, error.to_string())),
            };
            let words = || {
                format!(
                    "{} answered {}: {}",
                    self.work.options.base,
                    response.status,
                    head(&response.body)
                )
            };
            match response.status {
                200..300 => {
                    turn.fine();
                    return Ok(match asset.endpoint.read(&response.body) {
                        Ok(said) => Answer::Said(said),
                        Err(why) => Answer::Trouble(Trouble::Over, why),
                    });
                }
                403 => return Ok(Answer::Refused(Ended::Disabled, words())),
                429 => {
                    let limit = http::rate_limit(429, &response.headers, self.cx.now());
                    let asked = limit.retry_after_seconds.map(Duration::try_from_secs_f64);
                    let pause = asked.and_then(Result::ok).unwrap_or(PAUSE);
                    if pause > PAUSE {
                        let provider = &asset.endpoint.provider;
                        (self.work.watch)(
                            &format!(
                                "the provider `{provider}` wants a pause of {} s",
                                pause.as_secs()
                            ),
                            false,
                        );
                    }
                    turn.refused(self.cx, pause)?;
                    self.work.count(|counts| counts.limited += 1);
                    refusals += 1;
                    if refusals > REFUSALS {
                        return Ok(Answer::Trouble(Trouble::Over, words()));
                    }
                }
                500.. => return Ok(Answer::Trouble(Trouble::Over, words())),
                _ => return Ok(Answer::Refused(Ended::Failed, words())),
            }
        }
    }

    fn finish(mut self, empty: &Days) -> Result<Outcome, Error> {
        // What is not there yet today may be there tomorrow.
        let today = self.cx.now().date_naive();
        let settled = today - TimeDelta::days(self.work.options.fresh_days);
        let old: Days = empty.iter().filter(|day| *day < settled).collect();
        self.outcome.empty = ranges(&old, &self.due);
        self.outcome.missing = empty.len();
        let none = self.outcome.days == 0;
        self.outcome.result = match (none, self.outcome.requests) {
            (true, _) => Ended::Empty,
            (false, 0) => Ended::Already,
            _ => Ended::Verified,
        };
        let state = if none { State::Empty } else { State::Verified };
        self.state(state, None)?;
        Ok(self.outcome)
    }

    fn fail(self, why: Option<String>) -> Result<Outcome, Error> {
        let why = why.unwrap_or_default();
        self.refused(Ended::Failed, why)
    }

    /// It ends so, and will be asked for again by another run.
    fn refused(mut self, result: Ended, why: String) -> Result<Outcome, Error> {
        self.outcome.result = result;
        self.outcome.note = Some(why.clone());
        self.state(State::Failed, Some(why))?;
        Ok(self.outcome)
    }

    fn state(&self, state: State, error: Option<String>) -> Result<(), Error> {
        let rows = (state != State::Sent).then_some(self.outcome.rows);
        self.work
            .note(self.chunk, state, rows, self.outcome.empty.clone(), error)
    }
}

/// The missing days as spans, none of which goes over a due day that is there.
fn pieces(missing: &Days, stored: &Days, due: &Days) -> Vec<(NaiveDate, NaiveDate)> {
    let mut pieces: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    let mut open = false;
    for day in due.iter() {
        if !missing.contains(day) {
            open &= !stored.contains(day);
            continue;
        }
        match pieces.last_mut().filter(|_| open) {
            Some((_, to)) => *to = day,
            None => pieces.push((day, day)),
        }
        open = true;
    }
    pieces
}

/// Days as text, those that follow each other in `due` together.
fn ranges(days: &Days, due: &Days) -> Vec<String> {
    pieces(days, &due.without(days), due)
        .into_iter()
        .map(|(from, to)| {
            if from == to {
                from.to_string()
            } else {
                format!("{from}..{to}")
            }
        })
        .collect()
}

/// The beginning of a body, on one line.
fn head(body: &str) -> String {
    let line: String = body.chars().take(200).collect();
    line.replace(['\n', '\r'], " ")
}
