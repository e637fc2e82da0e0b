//! Trading calendars: on which days an exchange has a session, when it opens and closes, how long it was
//! open between two instants.
//!
//! A calendar is a data file: rules (`4th thursday of november`), exceptions (a storm), a time zone, and
//! the last day for which somebody has looked at what the exchange published. Past that day there are no
//! answers but by explicit wish: a rule is a guess there.

mod error;
mod exchange;
mod file;
mod rule;
#[cfg(test)]
mod tests;
mod year;

pub use error::Error;
pub use exchange::{About, Beyond, Calendar, Day, date};
