//! Rules for days of the year: `12-25`, `3rd monday of january`, `last monday of may`, `easter - 2`,
//! `4th thursday of november + 1`.

use chrono::{Datelike as _, Days, Month, NaiveDate, Weekday};

/// When in a year something falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    base: Base,
    /// Days after the base; negative: before.
    shift: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// A month and a day.
    Fixed(u32, u32),
    /// The n-th such weekday of a month.
    Nth(u8, Weekday, u32),
    /// The last such weekday of a month.
    Last(Weekday, u32),
    /// Easter Sunday of the western churches.
    Easter,
}

impl Rule {
    /// Reads a rule; `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (base, shift) = match words.as_slice() {
            [base @ .., sign @ ("+" | "-"), days] => {
                let days: i64 = days.parse().ok().filter(|d| (0..=366).contains(d))?;
                (base, if *sign == "-" { -days } else { days })
            }
            base => (base, 0),
        };
        let base = match base {
            [word] if word.eq_ignore_ascii_case("easter") => Base::Easter,
            [day] => {
                let (month, day) = day.split_once('-')?;
                let (month, day) = (month.parse().ok()?, day.parse().ok()?);
                // A leap year, so that the 29th of February is a day.
                NaiveDate::from_ymd_opt(2000, month, day)?;
                Base::Fixed(month, day)
            }
            [which, weekday, "of", month] => {
                let weekday: Weekday = weekday.parse().ok()?;
                let month = month.parse::<Month>().ok()?.number_from_month();
                match *which {
                    "last" => Base::Last(weekday, month),
                    "1st" => Base::Nth(1, weekday, month),
                    "2nd" => Base::Nth(2, weekday, month),
                    "3rd" => Base::Nth(3, weekday, month),
                    "4th" => Base::Nth(4, weekday, month),
                    "5th" => Base::Nth(5, weekday, month),
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(Self { base, shift })
    }

    /// The day in `year`; `None` when that year has none (the 29th of February, a fifth Monday).
    pub(super) fn in_year(self, year: i32) -> Option<NaiveDate> {
        let day = match self.base {
            Base::Fixed(month, day) => NaiveDate::from_ymd_opt(year, month, day)?,
            Base::Nth(n, weekday, month) => {
                NaiveDate::from_weekday_of_month_opt(year, month, weekday, n)?
            }
            Base::Last(weekday, month) => [5, 4]
                .into_iter()
                .find_map(|n| NaiveDate::from_weekday_of_month_opt(year, month, weekday, n))?,
            Base::Easter => easter(year)?,
        };
        shifted(day, self.shift)
    }
}

/// `day` and so many days.
pub(super) fn shifted(day: NaiveDate, days: i64) -> Option<NaiveDate> {
    let by = Days::new(days.unsigned_abs());
    if days < 0 {
        day.checked_sub_days(by)
    } else {
        day.checked_add_days(by)
    }
}

/// Easter Sunday by the Gregorian computus (Meeus, Jones, Butcher).
fn easter(year: i32) -> Option<NaiveDate> {
    let golden = year.rem_euclid(19);
    let (century, rest) = (year.div_euclid(100), year.rem_euclid(100));
    let (leap, since) = (century.div_euclid(4), century.rem_euclid(4));
    let correction = (century - (century + 8).div_euclid(25) + 1).div_euclid(3);
    let moon = (19 * golden + century - leap - correction + 15).rem_euclid(30);
    let (quads, after) = (rest.div_euclid(4), rest.rem_euclid(4));
    let weekday = (32 + 2 * since + 2 * quads - moon - after).rem_euclid(7);
    let late = (golden + 11 * moon + 22 * weekday).div_euclid(451);
    let sum = moon + weekday - 7 * late + 114;
    let month = u32::try_from(sum.div_euclid(31)).ok()?;
    let day = u32::try_from(sum.rem_euclid(31) + 1).ok()?;
    NaiveDate::from_ymd_opt(year, month, day)
}

/// What happens to a holiday that falls on a weekend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Observed {
    /// It stays where it is.
    #[default]
    AsIs,
    /// Saturday to Friday, Sunday to Monday.
    NearestWeekday,
    /// Sunday to Monday; on a Saturday there is none.
    SundayToMonday,
    /// To the next weekday that is no other holiday of the file's.
    NextWeekday,
}

impl Observed {
    /// Its word in the data file.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "as is" => Self::AsIs,
            "nearest weekday" => Self::NearestWeekday,
            "sunday to monday" => Self::SundayToMonday,
            "next weekday" => Self::NextWeekday,
            _ => return None,
        })
    }

    /// The day on which it is kept; `taken` says whether another holiday has a day.
    pub(super) fn day(
        self,
        day: NaiveDate,
        taken: impl Fn(NaiveDate) -> bool,
    ) -> Option<NaiveDate> {
        match (self, day.weekday()) {
            (Self::AsIs, _) => Some(day),
            (Self::NearestWeekday, Weekday::Sat) => day.pred_opt(),
            (Self::NearestWeekday | Self::SundayToMonday, Weekday::Sun) => day.succ_opt(),
            (Self::SundayToMonday, Weekday::Sat) => None,
            (Self::NextWeekday, _) => {
                let weekend = |d: NaiveDate| matches!(d.weekday(), Weekday::Sat | Weekday::Sun);
                // A file has fewer holidays in a row than this.
                day.iter_days()
                    .take(31)
                    .find(|d| !weekend(*d) && !taken(*d))
            }
            _ => Some(day),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(rule: &str, year: i32) -> Option<String> {
        Rule::parse(rule)?.in_year(year).map(|d| d.to_string())
    }

    #[test]
    fn rules_give_days() {
        for (rule, year, expected) in [
            ("12-25", 2026, Some("2026-12-25")),
            ("02-29", 2024, Some("2024-02-29")),
            ("02-29", 2023, None),
            ("3rd monday of january", 2026, Some("2026-01-19")),
            ("last monday of may", 2026, Some("2026-05-25")),
            ("last Monday of May", 2021, Some("2021-05-31")),
            ("5th monday of february", 2026, None),
            ("4th thursday of november + 1", 2026, Some("2026-11-27")),
            ("01-01 - 1", 2026, Some("2025-12-31")),
            ("easter", 2000, Some("2000-04-23")),
            ("easter", 2011, Some("2011-04-24")),
            ("easter", 2024, Some("2024-03-31")),
            ("easter - 2", 2026, Some("2026-04-03")),
            ("easter", 2038, Some("2038-04-25")),
            ("easter", 1818, Some("1818-03-22")),
        ] {
            assert_eq!(day(rule, year).as_deref(), expected, "{rule} {year}");
        }
    }

    #[test]
    fn what_is_no_rule() {
        for text in [
            "",
            "13-01",
            "02-30",
            "christmas",
            "6th monday of may",
            "1st moonday of may",
            "1st monday in may",
            "easter + x",
            "easter + 9999",
            "easter 2",
            "-",
            "+ 1",
        ] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
    }

    #[test]
    fn observance() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap_or_default();
        let never = |_| false;
        // 2022-01-01 is a Saturday, 2023-01-01 a Sunday.
        for (rule, day, expected) in [
            ("nearest weekday", "2022-01-01", Some("2021-12-31")),
            ("nearest weekday", "2023-01-01", Some("2023-01-02")),
            ("sunday to monday", "2022-01-01", None),
            ("sunday to monday", "2023-01-01", Some("2023-01-02")),
            ("next weekday", "2022-01-01", Some("2022-01-03")),
            ("as is", "2022-01-01", Some("2022-01-01")),
            ("nearest weekday", "2024-01-01", Some("2024-01-01")),
        ] {
            let observed = Observed::parse(rule).unwrap_or_default();
            assert_eq!(
                observed.day(date(day), never),
                expected.map(date),
                "{rule} {day}"
            );
        }
        let taken = |d: NaiveDate| d == date("2022-12-26");
        let boxing = Observed::NextWeekday.day(date("2022-12-25"), taken);
        assert_eq!(boxing, Some(date("2022-12-27")));
    }
}
