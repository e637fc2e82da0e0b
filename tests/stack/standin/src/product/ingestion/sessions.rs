//! The days on which the New York exchange is open, by rules of its own: a test holds the tool's calendar against them.

use crate::text;

/// Closures that no rule gives: attacks of 2001, days of mourning, Hurricane Sandy.
const UNFORESEEN: [(i64, i64, i64); 10] = [
    (2001, 9, 11),
    (2001, 9, 12),
    (2001, 9, 13),
    (2001, 9, 14),
    (2004, 6, 11),
    (2007, 1, 2),
    (2012, 10, 29),
    (2012, 10, 30),
    (2018, 12, 5),
    (2025, 1, 9),
];

/// Whether there is a session on that day, counted from 1970-01-01. Good from 1999 to 2027.
pub(super) fn is_session(day: i64) -> bool {
    let weekday = weekday(day);
    let (year, month, date) = text::civil(day);
    if weekday > 4 || UNFORESEEN.contains(&(year, month, date)) {
        return false;
    }
    // The n-th such weekday of the month, for a Monday or a Thursday.
    let nth = (date - 1) / 7 + 1;
    let last = date + 7 > 31;
    let observed = |of_month: i64, of_day: i64| {
        let holiday = (month, date) == (of_month, of_day);
        // One on a weekend is kept on the nearest weekday.
        let friday_before = weekday == 4 && (month, date + 1) == (of_month, of_day);
        let monday_after = weekday == 0 && (month, date - 1) == (of_month, of_day);
        holiday || friday_before || monday_after
    };
    // On a Saturday it is not kept at all.
    let new_year = month == 1 && (date == 1 || date == 2 && weekday == 0);
    let mondays = weekday == 0
        && match month {
            1 | 2 => nth == 3,
            5 => last,
            9 => nth == 1,
            _ => false,
        };
    let thanksgiving = month == 11 && weekday == 3 && nth == 4;
    let juneteenth = year >= 2022 && observed(6, 19);
    !(new_year
        || mondays
        || thanksgiving
        || juneteenth
        || observed(7, 4)
        || observed(12, 25)
        || day == easter(year) - 2)
}

/// 0 is Monday; day 0 was a Thursday.
pub(super) fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// Easter Sunday, by the anonymous Gregorian computus.
fn easter(year: i64) -> i64 {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let of_march = h + l - 7 * m + 114;
    let (month, day) = (of_march / 31, of_march % 31 + 1);
    text::parse_date(&format!("{year:04}-{month:02}-{day:02}")).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> i64 {
        text::parse_date(text).unwrap_or(i64::MIN)
    }

    #[test]
    fn years_have_the_sessions_that_the_exchange_had() {
        for (year, sessions) in [
            (2000, 252),
            (2001, 248),
            (2004, 252),
            (2007, 251),
            (2012, 250),
            (2018, 251),
            (2020, 253),
            (2021, 252),
            (2022, 251),
            (2024, 252),
            (2025, 250),
        ] {
            let all = day(&format!("{year}-01-01"))..=day(&format!("{year}-12-31"));
            assert_eq!(
                all.filter(|day| is_session(*day)).count(),
                sessions,
                "{year}"
            );
        }
    }

    #[test]
    fn holidays_are_kept_as_the_exchange_keeps_them() {
        for closed in [
            "2021-12-24",
            "2022-06-20",
            "2020-07-03",
            "2023-01-02",
            "2024-03-29",
            "2024-11-28",
            "2024-05-27",
            "2024-09-02",
            "2025-01-09",
            "2024-01-15",
            "2024-02-19",
        ] {
            assert!(!is_session(day(closed)), "{closed}");
        }
        for open in [
            "2021-12-31",
            "2021-06-18",
            "2024-07-03",
            "2024-11-29",
            "2024-05-20",
        ] {
            assert!(is_session(day(open)), "{open}");
        }
    }
}
