//! What the rules and exceptions of a data file say of one year.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};

use super::file::Data;

/// The special days of a year, by date, each with its name.
#[derive(Debug, Default)]
pub(super) struct Year {
    pub(super) closed: BTreeMap<NaiveDate, String>,
    pub(super) early_close: BTreeMap<NaiveDate, (i64, String)>,
    pub(super) late_open: BTreeMap<NaiveDate, (i64, String)>,
    pub(super) extra_session: BTreeMap<NaiveDate, String>,
}

impl Year {
    pub(super) fn of(data: &Data, year: i32) -> Self {
        let mut found = Self::default();
        // A holiday may be kept in the year before or after its own.
        let mut closed = BTreeMap::new();
        for near in [year - 1, year, year + 1] {
            for entry in &data.closed {
                for day in entry.in_year(near) {
                    let kept = entry.what.day(day, |other| closed.contains_key(&other));
                    if let Some(kept) = kept {
                        closed.entry(kept).or_insert_with(|| entry.name.clone());
                    }
                }
            }
            let timed = |entries: &[super::file::Entry<i64>], days: &mut BTreeMap<_, _>| {
                for entry in entries {
                    for day in entry.in_year(near) {
                        days.insert(day, (entry.what, entry.name.clone()));
                    }
                }
            };
            timed(&data.early_close, &mut found.early_close);
            timed(&data.late_open, &mut found.late_open);
            for entry in &data.extra_session {
                for day in entry.in_year(near) {
                    found.extra_session.insert(day, entry.name.clone());
                }
            }
        }
        let own = |day: &NaiveDate| day.year() == year;
        closed.retain(|day, _| own(day));
        found.closed = closed;
        found.early_close.retain(|day, _| own(day));
        found.late_open.retain(|day, _| own(day));
        found.extra_session.retain(|day, _| own(day));
        found
    }
}
