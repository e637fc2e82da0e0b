//! Instants in logs, as nanoseconds since 1970: the engine's stamps, and what programs write at the start of a line.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};

/// Reads a date and a time at the start of `text`: `2026-11-28T14:33:06.123Z`, with a blank for the `T`, a comma for the
/// point, slashes for the dashes, an offset or none (then UTC). What follows it does not matter.
pub fn parse(text: &[u8]) -> Option<i64> {
    parse_prefix(text).map(|(at, _)| at)
}

/// The same, and how many bytes it took.
pub(crate) fn parse_prefix(text: &[u8]) -> Option<(i64, usize)> {
    if text.len() < 19 || !matches!(text[10], b'T' | b' ' | b't') {
        return None;
    }
    let pair = |at: usize| -> Option<u32> {
        let (a, b) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
        (a < 10 && b < 10).then(|| u32::from(a) * 10 + u32::from(b))
    };
    let dash = text[4];
    if !matches!(dash, b'-' | b'/') || text[7] != dash || text[13] != b':' || text[16] != b':' {
        return None;
    }
    let year = i32::try_from(pair(0)? * 100 + pair(2)?).ok()?;
    let date = days(year, pair(5)?, pair(8)?)?;
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0_i64;
    if matches!(text.get(at), Some(b'.' | b',')) {
        let digits = text[at + 1..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let mut unit = 100_000_000_i64;
        for digit in &text[at + 1..at + 1 + digits] {
            nanos += i64::from(digit - b'0') * unit;
            unit /= 10;
        }
        at += if digits == 0 { 0 } else { digits + 1 };
    }
    let offset = match text.get(at) {
        Some(b'Z' | b'z') => {
            at += 1;
            0
        }
        Some(sign @ (b'+' | b'-')) if text.len() >= at + 5 => {
            let colon = usize::from(text[at + 3] == b':');
            if text.len() < at + 5 + colon {
                0
            } else if let (Some(h), Some(m)) = (pair(at + 1), pair(at + 3 + colon)) {
                at += 5 + colon;
                let seconds = i64::from(h * 3600 + m * 60);
                if *sign == b'+' { seconds } else { -seconds }
            } else {
                0
            }
        }
        _ => 0,
    };
    let seconds = date * 86_400 + i64::from(hour * 3600 + minute * 60 + second) - offset;
    Some((seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?, at))
}

/// Days since 1970.
fn days(year: i32, month: u32, day: u32) -> Option<i64> {
    let date = NaiveDate::from_ymd_opt(year, month, day)?;
    Some(date.and_time(NaiveTime::MIN).and_utc().timestamp() / 86_400)
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size.
pub(crate) fn of_number(text: &str) -> Option<i64> {
    let number: f64 = text.parse().ok()?;
    let unit = match number {
        n if n < 1e8 => return None,
        n if n < 1e11 => 1e9,
        n if n < 1e14 => 1e6,
        n if n < 1e17 => 1e3,
        n if n < 9e18 => 1.0,
        _ => return None,
    };
    if let Ok(whole) = text.parse::<i64>() {
        #[expect(clippy::cast_possible_truncation, reason = "one of four powers of ten")]
        return whole.checked_mul(unit as i64);
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 9e18")]
    Some((number * unit) as i64)
}

/// When a line that is no JSON says that it was written: a time at its start, after a bracket, or in `ts=` and `time=`.
pub(crate) fn of_text(line: &[u8]) -> Option<i64> {
    let start = usize::from(matches!(line.first(), Some(b'[' | b'"')));
    if line.get(start).is_some_and(u8::is_ascii_digit)
        && let Some(at) = parse(&line[start..])
    {
        return Some(at);
    }
    if !line.contains(&b'=') {
        return None;
    }
    [&b"ts="[..], b"time=", b"timestamp="]
        .iter()
        .find_map(|key| {
            let at = memchr::memmem::find(line, key)?;
            (at == 0 || line[at - 1] == b' ').then_some(())?;
            let value = &line[at + key.len()..];
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            parse(value)
        })
}

/// Nanoseconds since 1970 of an instant; the far future stands for what has no such number.
pub fn nanos(at: DateTime<Utc>) -> i64 {
    at.timestamp_nanos_opt().unwrap_or(i64::MAX)
}

/// The instant of nanoseconds since 1970.
pub fn instant(nanos: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(nanos)
}

/// As text: RFC 3339 in UTC, with all digits or to the millisecond.
pub(crate) fn text(nanos: i64, exact: bool) -> String {
    let digits = if exact {
        SecondsFormat::Nanos
    } else {
        SecondsFormat::Millis
    };
    instant(nanos).to_rfc3339_opts(digits, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_many_forms() {
        let exact = 1_795_876_386_123_000_000;
        for (text, expected, length) in [
            ("2026-11-28T14:33:06.123Z rest", Some(exact), 24),
            ("2026-11-28T14:33:06.123456789Z", Some(exact + 456_789), 30),
            ("2026-11-28 14:33:06,123 - x", Some(exact), 23),
            ("2026/11/28 14:33:06 [error]", Some(exact - 123_000_000), 19),
            ("2026-11-28T15:33:06.123+01:00", Some(exact), 29),
            ("2026-11-28T09:33:06.123-0500", Some(exact), 28),
            ("2026-13-28T14:33:06Z", None, 0),
            ("2026-11-28", None, 0),
            ("", None, 0),
        ] {
            let found = parse_prefix(text.as_bytes());
            assert_eq!(found, expected.map(|at| (at, length)), "{text}");
        }
        assert_eq!(of_number("1795876386.5"), Some(1_795_876_386_500_000_000));
        assert_eq!(of_number("1795876386123"), Some(exact));
        assert_eq!(of_number("5"), None);
        assert_eq!(
            of_text(b"level=info ts=2026-11-28T14:33:06.123Z"),
            Some(exact)
        );
        assert_eq!(of_text(b"[2026-11-28T14:33:06.123Z INFO x]"), Some(exact));
    }
}
