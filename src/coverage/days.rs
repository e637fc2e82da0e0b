//! A set of calendar days, one bit each.

use chrono::{Days as Step, NaiveDate};

/// Days of a word.
const WORD: i64 = 64;

/// A set of days (UTC), from 1970 on: earlier ones are never in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Days(Vec<u64>);

/// Days since 1970-01-01.
pub(crate) fn number(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

/// The day that is so many days after 1970-01-01; none before it or where no calendar reaches.
pub(crate) fn date(number: i64) -> Option<NaiveDate> {
    NaiveDate::default().checked_add_days(Step::new(u64::try_from(number).ok()?))
}

impl Days {
    /// The days from one to another, both included.
    pub fn span(from: NaiveDate, to: NaiveDate) -> Self {
        let mut days = Self::default();
        for n in number(from).max(0)..=number(to) {
            days.insert_number(n);
        }
        days
    }

    /// Adds a day.
    pub fn insert(&mut self, date: NaiveDate) {
        self.insert_number(number(date));
    }

    fn insert_number(&mut self, n: i64) {
        let (Ok(word), bit) = (usize::try_from(n.div_euclid(WORD)), n.rem_euclid(WORD)) else {
            return;
        };
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << bit;
        }
    }

    /// Adds those days of `mask` whose bit is set; bit 0 is day number `first`.
    pub(crate) fn insert_mask(&mut self, first: i64, mut mask: u64) {
        while mask != 0 {
            self.insert_number(first + i64::from(mask.trailing_zeros()));
            mask &= mask - 1;
        }
    }

    /// Whether a day is in it.
    pub fn contains(&self, date: NaiveDate) -> bool {
        let n = number(date);
        let word = usize::try_from(n.div_euclid(WORD)).ok();
        word.and_then(|word| self.0.get(word))
            .is_some_and(|bits| bits >> n.rem_euclid(WORD) & 1 == 1)
    }

    /// How many.
    pub fn len(&self) -> i64 {
        self.0.iter().map(|bits| i64::from(bits.count_ones())).sum()
    }

    /// How many from one day to another, both included.
    pub fn count(&self, from: NaiveDate, to: NaiveDate) -> i64 {
        let (from, to) = (number(from).max(0), number(to));
        let first = from.div_euclid(WORD);
        let words = self.0.iter().zip(0i64..);
        words
            .skip(usize::try_from(first).unwrap_or(usize::MAX))
            .take_while(|(_, word)| word * WORD <= to)
            .map(|(bits, word)| {
                let low = (from - word * WORD).max(0);
                let high = (to - word * WORD).min(WORD - 1);
                let behind = bits.checked_shl(u32::try_from(WORD - 1 - high).unwrap_or(0));
                let left = behind.unwrap_or(0) >> (WORD - 1 - high) >> low;
                i64::from(left.count_ones())
            })
            .sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|bits| *bits == 0)
    }

    /// The earliest.
    pub fn first(&self) -> Option<NaiveDate> {
        self.iter().next()
    }

    /// The latest.
    pub fn last(&self) -> Option<NaiveDate> {
        let (word, bits) = self.0.iter().enumerate().rev().find(|(_, b)| **b != 0)?;
        date(i64::try_from(word).ok()? * WORD + WORD - 1 - i64::from(bits.leading_zeros()))
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.0.iter().zip(0i64..).flat_map(|(bits, word)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| i64::from(left.trailing_zeros()))?;
                left &= left - 1;
                date(word * WORD + bit)
            })
        })
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(
            std::iter::zip(&self.0, &other.0)
                .map(|(a, b)| a & b)
                .collect(),
        )
    }

    /// Those that are in this one alone.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let theirs = other.0.iter().copied().chain(std::iter::repeat(0));
        Self(self.0.iter().zip(theirs).map(|(a, b)| a & !b).collect())
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (bits, more) in self.0.iter_mut().zip(&other.0) {
            *bits |= more;
        }
    }

    /// Only those from one day to another, both included.
    #[must_use]
    pub fn within(&self, from: NaiveDate, to: NaiveDate) -> Self {
        self.and(&Self::span(from, to))
    }
}

impl FromIterator<NaiveDate> for Days {
    fn from_iter<T: IntoIterator<Item = NaiveDate>>(dates: T) -> Self {
        let mut days = Self::default();
        for date in dates {
            days.insert(date);
        }
        days
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_set_of_days_is_what_was_put_in() {
        let some = ["1970-01-01", "1999-12-31", "2000-02-29", "2026-11-28"];
        let days: Days = some.iter().map(|text| day(text)).collect();
        assert_eq!(days.len(), 4);
        assert_eq!(days.first(), Some(day("1970-01-01")));
        assert_eq!(days.last(), Some(day("2026-11-28")));
        let back: Vec<_> = days.iter().map(|d| d.to_string()).collect();
        assert_eq!(back, some);
        assert!(days.contains(day("2000-02-29")) && !days.contains(day("2000-03-01")));
        assert!(!days.contains(day("1969-12-31")) && !days.contains(day("2100-01-01")));
    }

    #[test]
    fn sets_are_cut_joined_and_taken_from_each_other() {
        let long = Days::span(day("2024-02-27"), day("2024-05-10"));
        let short = Days::span(day("2024-03-01"), day("2024-03-03"));
        assert_eq!(long.len(), 74);
        assert_eq!(long.and(&short), short);
        assert_eq!(long.without(&short).len(), 71);
        assert_eq!(short.without(&long).len(), 0);
        assert_eq!(long.within(day("2024-03-01"), day("2024-03-03")).len(), 3);
        let mut both = short.clone();
        both.add(&long);
        assert_eq!(both, long);
        assert!(Days::span(day("2024-03-02"), day("2024-03-01")).is_empty());
        for (from, to) in [
            ("2024-02-27", "2024-05-10"),
            ("2024-03-01", "2024-03-01"),
            ("2024-02-01", "2024-03-03"),
            ("2024-05-09", "2025-01-01"),
            ("2024-05-10", "2024-03-01"),
            ("1960-01-01", "2100-01-01"),
        ] {
            let (from, to) = (day(from), day(to));
            assert_eq!(long.count(from, to), long.within(from, to).len());
        }
        let mut masked = Days::default();
        masked.insert_mask(number(day("2024-03-01")), 0b111);
        assert_eq!(masked, short);
    }
}
