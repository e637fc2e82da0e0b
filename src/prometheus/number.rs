//! Values and timestamps of a line.

use super::error::Fault;
use super::kind::Format;
use super::scan::quote;
use super::store::NO_TIMESTAMP;

/// Powers of ten that a float holds exactly.
const TENS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// A sample's value, as Go's `ParseFloat` without hexadecimal and underscores reads it: that is what Prometheus does.
pub(super) fn float(token: &[u8]) -> Result<f64, Fault> {
    if let Some(value) = short(token) {
        return Ok(value);
    }
    let signed_nan = matches!(token.first(), Some(b'+' | b'-'))
        && token
            .get(1..)
            .is_some_and(|t| t.eq_ignore_ascii_case(b"nan"));
    let value = std::str::from_utf8(token)
        .ok()
        .filter(|_| !signed_nan)
        .and_then(|text| text.parse::<f64>().ok());
    match value {
        Some(value) if value.is_infinite() && token.iter().any(u8::is_ascii_digit) => {
            Err(Fault::ValueOutOfRange {
                value: quote(token),
            })
        }
        Some(value) => Ok(value),
        None => Err(Fault::BadValue {
            value: quote(token),
        }),
    }
}

/// Most values are whole numbers or short decimals: up to 15 digits and a power of ten are both exact in a float, and so
/// one division rounds once, as it must.
fn short(token: &[u8]) -> Option<f64> {
    if token.len() > 16 {
        return None;
    }
    let mut digits = 0_u64;
    let mut point = None;
    for (at, byte) in token.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            digits = digits.wrapping_mul(10).wrapping_add(digit.into());
        } else if *byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    match point {
        None if (1..=15).contains(&token.len()) => Some(digits as f64),
        Some(at) if token.len() > 1 => {
            let scale = TENS.get(token.len() - at - 1)?;
            Some(digits as f64 / scale)
        }
        _ => None,
    }
}

/// A timestamp in milliseconds. The 0.0.4 format has whole milliseconds, OpenMetrics seconds with a fraction.
pub(super) fn timestamp(token: &[u8], format: Format) -> Result<i64, Fault> {
    let bad = || Fault::BadTimestamp {
        timestamp: quote(token),
    };
    let milliseconds = match format {
        Format::OpenMetrics => {
            let milliseconds = (float(token).map_err(|_| bad())? * 1000.0).round();
            // Up to the year 73,000 each millisecond has a float of its own, in seconds; beyond, two could not be told
            // apart, and no calendar goes there.
            let fits = milliseconds.abs() < (1_i64 << 51) as f64;
            fits.then_some(milliseconds as i64)
        }
        Format::Text => std::str::from_utf8(token)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .filter(|value| *value != NO_TIMESTAMP),
    };
    milliseconds.ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings() {
        for text in [
            "0",
            "007",
            "1.",
            ".5",
            "1.5",
            "123456789012345",
            "12345678901234.5",
            "-2",
            "+3",
            "1e3",
            "1E-3",
            "Inf",
            "+inf",
            "-Infinity",
            "nan",
            "NaN",
            "9007199254740993",
            "0.1",
            "-0",
        ] {
            let (ours, std) = (
                float(text.as_bytes()).unwrap(),
                text.parse::<f64>().unwrap(),
            );
            assert!(ours.to_bits() == std.to_bits(), "{text}: {ours} {std}");
        }
        for text in [
            "", ".", "-", "1..2", "1_0", "0x1", "+nan", "-NaN", "1e", "e1", "1 ",
        ] {
            assert!(
                matches!(float(text.as_bytes()), Err(Fault::BadValue { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            float(b"1e999"),
            Err(Fault::ValueOutOfRange { .. })
        ));
    }

    proptest! {
        #[test]
        fn short_decimals_are_those_of_the_standard_library(text in "[0-9]{0,9}\\.?[0-9]{0,9}") {
            match text.parse::<f64>() {
                Ok(std) => prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), Ok(std.to_bits())),
                Err(_) => prop_assert!(float(text.as_bytes()).is_err()),
            }
        }
    }
}
