//! How a table is cut into partitions by time, and what the server calls them.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, TimeDelta, Timelike as _, Utc};

/// How a table is cut into partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year]
            .into_iter()
            .find(|unit| unit.word() == word)
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Hour => "HOUR",
            Self::Day => "DAY",
            Self::Week => "WEEK",
            Self::Month => "MONTH",
            Self::Year => "YEAR",
        }
    }

    /// As `timestamp_floor` wants it.
    pub(super) const fn letter(self) -> &'static str {
        match self {
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "M",
            Self::Year => "y",
        }
    }

    pub(super) fn floor(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let day = at.date_naive();
        let date = match self {
            Self::Hour => {
                let hour = day.and_hms_opt(at.hour(), 0, 0);
                return hour.map_or(at, |hour| hour.and_utc());
            }
            Self::Day => day,
            Self::Week => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Self::Month => day.with_day(1).unwrap_or(day),
            Self::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1).unwrap_or(day),
        };
        date.and_time(chrono::NaiveTime::MIN).and_utc()
    }

    /// Where the one after begins.
    pub(super) fn next(self, from: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Hour => from + TimeDelta::hours(1),
            Self::Day => from + TimeDelta::days(1),
            Self::Week => from + TimeDelta::days(7),
            Self::Month => from + Months::new(1),
            Self::Year => from + Months::new(12),
        }
    }

    /// Where the first one begins that holds nothing older than `at`.
    pub(super) fn ceil(self, at: DateTime<Utc>) -> DateTime<Utc> {
        match self.floor(at) {
            from if from == at => at,
            from => self.next(from),
        }
    }

    /// What the server calls the one that begins there, split pieces aside.
    pub(super) fn name(self, from: DateTime<Utc>) -> String {
        let form = match self {
            Self::Hour => "%Y-%m-%dT%H",
            Self::Day => "%Y-%m-%d",
            Self::Week => "%G-W%V",
            Self::Month => "%Y-%m",
            Self::Year => "%Y",
        };
        from.format(form).to_string()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn units_as_the_server_cuts_and_names_them() {
        let at = DateTime::parse_from_rfc3339("2024-12-31T23:59:59.999999Z")
            .unwrap()
            .to_utc();
        for (unit, from, next, name) in [
            (
                Unit::Hour,
                "2024-12-31T23:00:00Z",
                "2025-01-01T00:00:00Z",
                "2024-12-31T23",
            ),
            (
                Unit::Day,
                "2024-12-31T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "2024-12-31",
            ),
            (
                Unit::Week,
                "2024-12-30T00:00:00Z",
                "2025-01-06T00:00:00Z",
                "2025-W01",
            ),
            (
                Unit::Month,
                "2024-12-01T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "2024-12",
            ),
            (
                Unit::Year,
                "2024-01-01T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "2024",
            ),
        ] {
            let floor = unit.floor(at);
            let text = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            assert_eq!(
                (text(floor).as_str(), text(unit.next(floor)).as_str()),
                (from, next)
            );
            assert_eq!(unit.name(floor), name);
            assert_eq!(unit.ceil(at), unit.next(floor));
            assert_eq!(unit.ceil(floor), floor);
        }
    }
}
