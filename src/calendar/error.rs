//! Why a calendar gives no answer.

use chrono::NaiveDate;

/// A question that a calendar cannot answer, or a data file that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The data file cannot be read as a calendar.
    #[error("`{file}` is no calendar: {why}")]
    File {
        /// Where it is.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A date that is none.
    #[error("`{text}` is no date")]
    Date {
        /// As given.
        text: String,
    },
    /// Before what the data file knows.
    #[error("the calendar `{calendar}` is known from {from} on, and {date} lies before that")]
    Before {
        /// The calendar.
        calendar: String,
        /// The date asked about.
        date: NaiveDate,
        /// The first day that is known.
        from: NaiveDate,
    },
    /// After what the data file knows.
    #[error("the calendar `{calendar}` is known until {until}, and {date} lies after that")]
    After {
        /// The calendar.
        calendar: String,
        /// Where its data is.
        file: String,
        /// The date asked about.
        date: NaiveDate,
        /// The last day that is known.
        until: NaiveDate,
    },
    /// More days than anybody means.
    #[error("from {from} to {to} is longer than {years} years")]
    Span {
        /// The first day.
        from: NaiveDate,
        /// The last day.
        to: NaiveDate,
        /// The most.
        years: i32,
    },
}
