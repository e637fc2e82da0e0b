//! One calendar: its days, and the arithmetic over them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{
    DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc,
};
use serde::Serialize;

use super::Error;
use super::file::{self, Data};
use super::year::Year;

/// How many years one question may span.
const YEARS: i32 = 100;

/// How far a session may be from the next one, in days. No exchange rests that long and comes back.
const PAUSE: usize = 400;

/// What to do about days that the data file does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Refuse.
    Error,
    /// Apply the rules, and say that the day is not known.
    Rules,
}

/// A calendar.
#[derive(Debug)]
pub struct Calendar {
    data: Data,
    file: String,
    years: Mutex<BTreeMap<i32, Arc<Year>>>,
}

/// What a calendar says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its code: `XNYS`.
    pub name: String,
    /// The exchange.
    pub title: String,
    /// The time zone of its hours.
    pub timezone: String,
    /// The first day that is known; `None`: all.
    pub known_from: Option<NaiveDate>,
    /// The last day that is known; `None`: all.
    pub known_until: Option<NaiveDate>,
    /// Days from today, there, until the last that is known; below 0 past it.
    pub days_left: Option<i64>,
    /// Where its data is.
    pub file: String,
}

/// A day of a calendar.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Day {
    /// The day, where the exchange is.
    pub date: NaiveDate,
    /// Whether there is a session.
    pub session: bool,
    /// Whether it is shorter than others.
    pub half_day: bool,
    /// Why there is none, or why it is short: `Thanksgiving`, `weekend`.
    pub reason: Option<String>,
    /// When it opens.
    pub open: Option<DateTime<Utc>>,
    /// When it closes.
    pub close: Option<DateTime<Utc>>,
    /// For how long it is open, without breaks.
    pub open_seconds: i64,
    /// Whether the data file knows this day; otherwise it is the rules' guess.
    pub known: bool,
}

impl Calendar {
    /// Reads a data file; `file` is what errors call it.
    pub fn parse(text: &str, file: &str) -> Result<Self, Error> {
        let data = file::read(text).map_err(|why| Error::File {
            file: file.to_owned(),
            why,
        })?;
        Ok(Self {
            data,
            file: file.to_owned(),
            years: Mutex::default(),
        })
    }

    /// Its code.
    pub fn name(&self) -> &str {
        &self.data.name
    }

    /// What it says of itself, as of `now`.
    pub fn about(&self, now: DateTime<Utc>) -> About {
        let today = self.date(now).ok();
        let left = self.data.known_until.zip(today);
        About {
            name: self.data.name.clone(),
            title: self.data.title.clone(),
            timezone: self.data.zone.name().to_owned(),
            known_from: self.data.known_from,
            known_until: self.data.known_until,
            days_left: left.map(|(until, today)| (until - today).num_days()),
            file: self.file.clone(),
        }
    }

    /// The day that it is there at an instant.
    pub fn date(&self, at: DateTime<Utc>) -> Result<NaiveDate, Error> {
        // Far from here a time zone's arithmetic has no answer.
        if !(1..=9998).contains(&at.year()) {
            return Err(Error::Date {
                text: at.to_rfc3339(),
            });
        }
        Ok(at.with_timezone(&self.data.zone).date_naive())
    }

    /// What a day is.
    pub fn day(&self, date: NaiveDate, beyond: Beyond) -> Result<Day, Error> {
        let known = match self.known(date) {
            Ok(()) => true,
            Err(_) if beyond == Beyond::Rules => false,
            Err(error) => return Err(error),
        };
        let (hours, reason) = self.hours(date);
        let regular = length(&self.regular(date));
        let open_seconds = length(&hours);
        let ends = hours.first().zip(hours.last());
        Ok(Day {
            date,
            session: ends.is_some(),
            half_day: ends.is_some() && open_seconds < regular,
            reason,
            open: ends.map(|(first, _)| self.instant(date, first.0)),
            close: ends.map(|(_, last)| self.instant(date, last.1)),
            open_seconds,
            known,
        })
    }

    /// The sessions from one day to another, both included.
    pub fn sessions(
        &self,
        from: NaiveDate,
        to: NaiveDate,
        beyond: Beyond,
    ) -> Result<Vec<Day>, Error> {
        span(from, to)?;
        if from > to {
            return Ok(Vec::new());
        }
        let mut sessions = Vec::new();
        for date in from.iter_days().take_while(|date| *date <= to) {
            let day = self.day(date, beyond)?;
            if day.session {
                sessions.push(day);
            }
        }
        Ok(sessions)
    }

    /// Whether it is open at an instant. The opening instant is open, the closing one is not.
    pub fn is_open(&self, at: DateTime<Utc>) -> Result<bool, Error> {
        let date = self.date(at)?;
        self.known(date)?;
        Ok(self
            .around(date, date)
            .any(|(open, close)| open <= at && at < close))
    }

    /// The newest session that has closed by an instant.
    pub fn last_session(&self, at: DateTime<Utc>) -> Result<Option<Day>, Error> {
        let mut date = self.date(at)?;
        for _ in 0..PAUSE {
            let day = self.day(date, Beyond::Error)?;
            if day.close.is_some_and(|close| close <= at) {
                return Ok(Some(day));
            }
            let Some(before) = date.pred_opt() else { break };
            date = before;
        }
        Ok(None)
    }

    /// The first session that opens after an instant.
    pub fn next_session(&self, at: DateTime<Utc>) -> Result<Option<Day>, Error> {
        for date in self.date(at)?.iter_days().take(PAUSE) {
            let day = self.day(date, Beyond::Error)?;
            if day.open.is_some_and(|open| open > at) {
                return Ok(Some(day));
            }
        }
        Ok(None)
    }

    /// For how many seconds it was open from one instant to another; below 0 when the second is earlier.
    pub fn open_seconds(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<f64, Error> {
        if to < from {
            return Ok(-self.open_seconds(to, from)?);
        }
        let (first, last) = (self.date(from)?, self.date(to)?);
        span(first, last)?;
        self.known(first)?;
        self.known(last)?;
        let open = self
            .around(first, last)
            .map(|(open, close)| (close.min(to) - open.max(from)).max(TimeDelta::zero()))
            .fold(TimeDelta::zero(), |sum, part| sum + part);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a century has 3e15 microseconds"
        )]
        Ok(open.num_microseconds().unwrap_or(i64::MAX) as f64 / 1e6)
    }

    fn known(&self, date: NaiveDate) -> Result<(), Error> {
        if let Some(from) = self.data.known_from.filter(|from| date < *from) {
            return Err(Error::Before {
                calendar: self.data.name.clone(),
                date,
                from,
            });
        }
        if let Some(until) = self.data.known_until.filter(|until| date > *until) {
            return Err(Error::After {
                calendar: self.data.name.clone(),
                file: self.file.clone(),
                date,
                until,
            });
        }
        Ok(())
    }

    /// The open stretches that may touch these days: a session may begin the evening before its day.
    fn around(
        &self,
        first: NaiveDate,
        last: NaiveDate,
    ) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
        let evening = self.data.hours.iter().any(|hours| hours.open < 0);
        let end = if evening {
            last.succ_opt().unwrap_or(last)
        } else {
            last
        };
        first
            .iter_days()
            .take_while(move |date| *date <= end)
            .flat_map(move |date| {
                let (hours, _) = self.hours(date);
                hours
                    .into_iter()
                    .map(move |(open, close)| (self.instant(date, open), self.instant(date, close)))
            })
    }

    /// The regular hours that are in force on a day.
    fn regular(&self, date: NaiveDate) -> Vec<(i64, i64)> {
        let in_force = self.data.hours.iter().filter(|hours| {
            hours.since.is_none_or(|since| since <= date)
                && hours.until.is_none_or(|until| date <= until)
        });
        let mut hours: Vec<_> = in_force.map(|hours| (hours.open, hours.close)).collect();
        hours.sort_unstable();
        hours
    }

    /// The hours of a day, none without a session, and why they are not the regular ones.
    fn hours(&self, date: NaiveDate) -> (Vec<(i64, i64)>, Option<String>) {
        let year = self.year(date.year());
        let extra = year.extra_session.get(&date);
        if extra.is_none() {
            if let Some(name) = year.closed.get(&date) {
                return (Vec::new(), Some(name.clone()));
            }
            if !self.data.weekdays.contains(&date.weekday()) {
                return (Vec::new(), Some("weekend".into()));
            }
        }
        let mut hours = self.regular(date);
        let mut reason = extra.cloned();
        if let Some((close, name)) = year.early_close.get(&date) {
            hours.retain_mut(|hours| {
                hours.1 = hours.1.min(*close);
                hours.0 < hours.1
            });
            reason = Some(name.clone());
        }
        if let Some((open, name)) = year.late_open.get(&date) {
            hours.retain_mut(|hours| {
                hours.0 = hours.0.max(*open);
                hours.0 < hours.1
            });
            reason = Some(name.clone());
        }
        (hours, reason)
    }

    fn year(&self, year: i32) -> Arc<Year> {
        let mut years = self.years.lock().unwrap_or_else(PoisonError::into_inner);
        let made = years
            .entry(year)
            .or_insert_with(|| Arc::new(Year::of(&self.data, year)));
        Arc::clone(made)
    }

    /// A wall-clock time there as an instant. A time that a change of clocks leaves out is taken as the
    /// first one after it; one that comes twice, as the first.
    fn instant(&self, date: NaiveDate, minutes: i64) -> DateTime<Utc> {
        let wall = NaiveDateTime::new(date, NaiveTime::MIN);
        let mut wall = wall
            .checked_add_signed(TimeDelta::minutes(minutes))
            .unwrap_or(wall);
        for _ in 0..8 {
            if let Some(instant) = self.data.zone.from_local_datetime(&wall).earliest() {
                return instant.to_utc();
            }
            let Some(later) = wall.checked_add_signed(TimeDelta::minutes(15)) else {
                break;
            };
            wall = later;
        }
        wall.and_utc()
    }
}

/// Reads a date: `2024-07-03`.
pub fn date(text: &str) -> Result<NaiveDate, Error> {
    NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d")
        .ok()
        .filter(|date| (1..=9998).contains(&date.year()))
        .ok_or_else(|| Error::Date {
            text: text.to_owned(),
        })
}

fn span(from: NaiveDate, to: NaiveDate) -> Result<(), Error> {
    if to.year() - from.year() > YEARS {
        return Err(Error::Span {
            from,
            to,
            years: YEARS,
        });
    }
    Ok(())
}

fn length(hours: &[(i64, i64)]) -> i64 {
    hours.iter().map(|(open, close)| (close - open) * 60).sum()
}
