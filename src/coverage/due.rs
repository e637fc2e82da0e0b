//! On which days rows are due: the sessions of an exchange, or every day.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Days, Error};
use crate::calendar::{Beyond, Calendar};

/// The days of a span on which rows are due.
#[derive(Debug, Clone, Default)]
pub struct Due {
    /// They.
    pub days: Days,
    /// Those of them that are shorter than others.
    pub half: Days,
}

impl Due {
    /// The sessions from one day to another, both included, that had closed for `grace` at `now`: the rows of a session are not
    /// there at its closing bell.
    pub fn sessions(
        calendar: &Calendar,
        from: NaiveDate,
        to: NaiveDate,
        now: DateTime<Utc>,
        grace: TimeDelta,
    ) -> Result<Self, Error> {
        let mut due = Self::default();
        for day in calendar.sessions(from, to, Beyond::Error)? {
            if day.close.is_none_or(|close| close + grace > now) {
                break;
            }
            due.days.insert(day.date);
            if day.half_day {
                due.half.insert(day.date);
            }
        }
        Ok(due)
    }

    /// Every day from one to another, both included, that had ended for `grace` at `now`.
    pub fn daily(from: NaiveDate, to: NaiveDate, now: DateTime<Utc>, grace: TimeDelta) -> Self {
        let whole = (now - grace).date_naive().pred_opt().unwrap_or(to);
        Self {
            days: Days::span(from, to.min(whole)),
            half: Days::default(),
        }
    }

    /// Only the days from one to another, both included.
    #[must_use]
    pub fn within(&self, from: NaiveDate, to: NaiveDate) -> Self {
        Self {
            days: self.days.within(from, to),
            half: self.half.within(from, to),
        }
    }
}
