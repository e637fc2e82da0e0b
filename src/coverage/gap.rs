//! Gaps: days on which rows were due and are not there, and why.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Days, Due};

/// Why rows are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The symbol was not listed yet.
    NotListed,
    /// A provider was asked and had nothing.
    Empty,
    /// A provider was asked, and that failed.
    Failed,
    /// Nobody has asked, as far as is known here.
    NeverAsked,
}

impl Class {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotListed => "not_listed",
            Self::Empty => "empty",
            Self::Failed => "failed",
            Self::NeverAsked => "never_asked",
        }
    }
}

/// Where a gap lies in what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before the first row.
    Leading,
    /// Between rows.
    Internal,
    /// Behind the last row.
    Trailing,
    /// There is no row at all.
    Whole,
}

impl Place {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Leading => "leading",
            Self::Internal => "internal",
            Self::Trailing => "trailing",
            Self::Whole => "whole",
        }
    }
}

/// Days in a row on which rows were due and are missing, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first missing session.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// Calendar days from one to the other, both included.
    pub days: i64,
    /// Missing sessions, or days where every day is due.
    pub sessions: i64,
    /// Those of them that are half days.
    pub half_days: i64,
    /// Where it lies.
    pub place: Place,
    /// Why.
    pub class: Class,
}

impl Gap {
    /// Whether asking for it makes sense.
    pub fn open(&self) -> bool {
        matches!(self.class, Class::NeverAsked | Class::Failed)
    }
}

/// What is known of a symbol beside its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Its first day at the exchange.
    pub listed: Option<NaiveDate>,
    /// Days for which a provider was asked and had nothing.
    pub empty: Days,
    /// Days for which a provider was asked last without success.
    pub failed: Days,
}

impl Known {
    fn class(&self, date: NaiveDate) -> Class {
        if self.listed.is_some_and(|listed| date < listed) {
            Class::NotListed
        } else if self.empty.contains(date) {
            Class::Empty
        } else if self.failed.contains(date) {
            Class::Failed
        } else {
            Class::NeverAsked
        }
    }
}

/// The gaps of a symbol that has rows on `stored`, oldest first.
pub fn gaps(due: &Due, stored: &Days, known: &Known) -> Vec<Gap> {
    let (first, last) = (stored.first(), stored.last());
    let place = |date: NaiveDate| match (first, last) {
        (Some(first), _) if date < first => Place::Leading,
        (_, Some(last)) if date > last => Place::Trailing,
        (Some(_), _) => Place::Internal,
        (None, _) => Place::Whole,
    };
    let mut found: Vec<Gap> = Vec::new();
    // A session that is there ends a gap; a change of the reason, too.
    let mut open = false;
    for date in due.days.iter() {
        if stored.contains(date) {
            open = false;
            continue;
        }
        let (place, class) = (place(date), known.class(date));
        let half = i64::from(due.half.contains(date));
        match found
            .last_mut()
            .filter(|gap| open && gap.class == class && gap.place == place)
        {
            Some(gap) => {
                gap.to = date;
                gap.days = date.signed_duration_since(gap.from).num_days() + 1;
                gap.sessions += 1;
                gap.half_days += half;
            }
            None => found.push(Gap {
                from: date,
                to: date,
                days: 1,
                sessions: 1,
                half_days: half,
                place,
                class,
            }),
        }
        open = true;
    }
    found
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn set(days: &[&str]) -> Days {
        days.iter().map(|text| day(text)).collect()
    }

    fn told(gaps: &[Gap]) -> Vec<String> {
        gaps.iter()
            .map(|g| {
                format!(
                    "{} {} {} {} {} {:?} {:?}",
                    g.from, g.to, g.days, g.sessions, g.half_days, g.place, g.class
                )
            })
            .collect()
    }

    #[test]
    fn a_weekend_is_no_gap_and_does_not_cut_one() {
        // Thanksgiving week of 2024: Thursday closed, Friday short.
        let due = Due {
            days: set(&[
                "2024-11-25",
                "2024-11-26",
                "2024-11-27",
                "2024-11-29",
                "2024-12-02",
                "2024-12-03",
            ]),
            half: set(&["2024-11-29"]),
        };
        let stored = set(&["2024-11-26", "2024-12-03"]);
        assert_eq!(
            told(&gaps(&due, &stored, &Known::default())),
            [
                "2024-11-25 2024-11-25 1 1 0 Leading NeverAsked",
                "2024-11-27 2024-12-02 6 3 1 Internal NeverAsked",
            ]
        );
        assert_eq!(
            told(&gaps(&due, &Days::default(), &Known::default())),
            ["2024-11-25 2024-12-03 9 6 1 Whole NeverAsked"]
        );
    }

    #[test]
    fn each_missing_session_has_the_strongest_reason() {
        let due = Due {
            days: set(&[
                "2024-01-02",
                "2024-01-03",
                "2024-01-04",
                "2024-01-05",
                "2024-01-08",
            ]),
            half: Days::default(),
        };
        let known = Known {
            listed: Some(day("2024-01-03")),
            empty: set(&["2024-01-02", "2024-01-04"]),
            failed: set(&["2024-01-04", "2024-01-05"]),
        };
        assert_eq!(
            told(&gaps(&due, &set(&["2024-01-03"]), &known)),
            [
                "2024-01-02 2024-01-02 1 1 0 Leading NotListed",
                "2024-01-04 2024-01-04 1 1 0 Trailing Empty",
                "2024-01-05 2024-01-05 1 1 0 Trailing Failed",
                "2024-01-08 2024-01-08 1 1 0 Trailing NeverAsked",
            ]
        );
    }
}
