//! `time::` - instants and durations.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use rhai::Dynamic;

use super::{Args, Call, Failure, Kind, Namespace, Param, Primitive, Time, Ty, param, units};
use crate::gate::Access;

const TIME: Param = param("time", Ty::Time, "a `Time`, or RFC 3339 text");
const DURATION: Param = param(
    "duration",
    Ty::Duration,
    "such as `\"250ms\"`, `\"5m\"`, `\"7d\"`",
);
const INVALID: &[Kind] = &[Kind::Invalid];

/// The functions of `time::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "time",
    doc: "Instants (UTC, printed as RFC 3339) and durations. The run's clock: under replay `time::now()` is the \
          recorded time.",
    shapes: &[],
    primitives: &[
        Primitive {
            name: "now",
            access: Access::Local,
            returns: Ty::Time,
            doc: "Now.",
            example: r"time::now()",
            call: |call| Ok(Dynamic::from(Time(call.cx().now()))),
            ..Primitive::PURE
        },
        Primitive {
            name: "ms",
            access: Access::Local,
            returns: Ty::Int,
            doc: "Milliseconds since the run started, by a clock that never goes back: for measuring.",
            example: r"let began = time::ms();
print(`took ${time::ms() - began} ms`);",
            call: |call| {
                Ok(i64::try_from(call.run().elapsed().as_millis())
                    .unwrap_or(i64::MAX)
                    .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "sleep",
            params: &[DURATION],
            access: Access::Local,
            returns: Ty::Unit,
            doc: "Waits. Ends at once when the run is stopped. In plan mode it does not wait: what it would wait for is not done either.",
            example: r#"time::sleep("10ms");"#,
            call: |call| {
                if !call.run().mode().is_plan() {
                    call.cx().sleep(call.args().duration("duration"))?;
                }
                Ok(Dynamic::UNIT)
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "ago",
            params: &[DURATION],
            access: Access::Local,
            returns: Ty::Time,
            errors: INVALID,
            doc: "The instant that long before now.",
            example: r#"time::ago("5m")"#,
            call: |call| shift(call.cx().now(), call.args(), -1),
            ..Primitive::PURE
        },
        Primitive {
            name: "since",
            params: &[TIME],
            access: Access::Local,
            returns: Ty::Float,
            doc: "Seconds from an instant until now; negative when it lies ahead.",
            example: r#"time::since(time::ago("5m")) >= 300.0"#,
            call: |call| Ok(seconds(call.cx().now() - instant(call)?.0).into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "between",
            params: &[
                param("from", Ty::Time, "the earlier instant"),
                param("to", Ty::Time, "the later one"),
            ],
            returns: Ty::Float,
            doc: "Seconds from one instant to another; negative when the second is earlier.",
            example: r#"time::between("2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z") == 60.0"#,
            call: |call| {
                let a = call.args();
                let ends = a.opt_time("from").zip(a.opt_time("to"));
                let (from, to) = ends.ok_or_else(|| Failure::invalid("two instants are wanted"))?;
                Ok(seconds(to.0 - from.0).into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "add",
            params: &[TIME, DURATION],
            returns: Ty::Time,
            errors: INVALID,
            doc: "The instant that long after another.",
            example: r#"time::add("2024-02-28T00:00:00Z", "1d")"#,
            call: |call| shift(instant(call)?.0, call.args(), 1),
            ..Primitive::PURE
        },
        Primitive {
            name: "sub",
            params: &[TIME, DURATION],
            returns: Ty::Time,
            errors: INVALID,
            doc: "The instant that long before another.",
            example: r#"time::sub("2024-03-01T00:00:00Z", "1d")"#,
            call: |call| shift(instant(call)?.0, call.args(), -1),
            ..Primitive::PURE
        },
        Primitive {
            name: "parse",
            params: &[param(
                "text",
                Ty::Str,
                "RFC 3339, or `2024-05-01 12:00:00`, `2024-05-01T12:00`, `2024-05-01` (taken as UTC)",
            )],
            returns: Ty::Time,
            errors: INVALID,
            doc: "Reads an instant; `invalid` when it is none.",
            example: r#"time::parse("2024-05-01T12:00:00+02:00")"#,
            call: |call| {
                let text = call.args().str("text");
                parse(text)
                    .map(|time| Dynamic::from(Time(time)))
                    .ok_or_else(|| {
                        Failure::invalid(format!("{text:?} is no time"))
                            .hint("write it as \"2024-05-01T12:00:00Z\" or \"2024-05-01\"")
                    })
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "format",
            params: &[
                TIME,
                param("pattern", Ty::Str, "as in `strftime`: `%Y-%m-%d %H:%M:%S`"),
            ],
            returns: Ty::Str,
            errors: INVALID,
            doc: "An instant as text, in UTC.",
            example: r#"time::format(time::now(), "%Y%m%d-%H%M%S")"#,
            call: |call| {
                let pattern = call.args().str("pattern");
                let mut text = String::new();
                // Writing fails on an unknown letter; `to_string` would panic.
                write!(text, "{}", instant(call)?.0.format(pattern)).map_err(|_| {
                    Failure::invalid(format!(
                        "{pattern:?} has a `%` letter that `strftime` does not know"
                    ))
                })?;
                Ok(text.into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "unix",
            params: &[TIME],
            returns: Ty::Float,
            doc: "Seconds since 1970, with the part of a second.",
            example: r#"time::unix("1970-01-01T00:01:00Z") == 60.0"#,
            call: |call| Ok(seconds(instant(call)?.0 - DateTime::UNIX_EPOCH).into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "from_unix",
            params: &[param(
                "seconds",
                Ty::Float,
                "since 1970; may have a part of a second",
            )],
            returns: Ty::Time,
            errors: INVALID,
            doc: "The instant that many seconds after 1970 began.",
            example: r"time::from_unix(1_700_000_000)",
            call: |call| from_unix(call.args().float("seconds")),
            ..Primitive::PURE
        },
        Primitive {
            name: "duration",
            params: &[DURATION],
            returns: Ty::Float,
            errors: INVALID,
            doc: "A duration in seconds.",
            example: r#"time::duration("1h30m") == 5400.0"#,
            call: |call| Ok(call.args().duration("duration").as_secs_f64().into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "show_duration",
            params: &[param("seconds", Ty::Float, "how long")],
            returns: Ty::Str,
            errors: INVALID,
            doc: "Seconds as people read them: `340ms`, `1.2s`, `5m 3s`.",
            example: r#"time::show_duration(303) == "5m 3s""#,
            call: |call| {
                let seconds = call.args().float("seconds");
                let sign = if seconds < 0.0 { "-" } else { "" };
                let duration = std::time::Duration::try_from_secs_f64(seconds.abs())
                    .map_err(|_| Failure::invalid("`seconds` is no number of seconds"))?;
                Ok(format!("{sign}{}", units::show_duration(duration)).into())
            },
            ..Primitive::PURE
        },
    ],
};

fn instant(call: &Call<'_>) -> Result<Time, Failure> {
    call.args()
        .opt_time("time")
        .ok_or_else(|| Failure::invalid("an instant is wanted"))
}

fn shift(from: DateTime<Utc>, a: &Args, sign: i32) -> super::Answer {
    TimeDelta::from_std(a.duration("duration"))
        .ok()
        .and_then(|by| from.checked_add_signed(by * sign))
        .map(|time| Dynamic::from(Time(time)))
        .ok_or_else(|| Failure::invalid("the result lies beyond what an instant can be"))
}

fn seconds(delta: TimeDelta) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a float is what scripts get")]
    let whole = delta.num_seconds() as f64;
    whole + f64::from(delta.subsec_nanos()) / 1e9
}

fn from_unix(seconds: f64) -> super::Answer {
    let wrong = || Failure::invalid("`seconds` lies beyond what an instant can be");
    // To the microsecond: a float of today's seconds holds no more.
    let micros = (seconds * 1e6).round();
    if micros.is_nan() || micros.abs() >= 9e18 {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    DateTime::from_timestamp_micros(micros as i64)
        .map(|time| Dynamic::from(Time(time)))
        .ok_or_else(wrong)
}

fn parse(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Some(time) = Time::parse(text) {
        return Some(time.0);
    }
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ]
    .iter()
    .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    .or_else(day)
    .map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_an_instant() {
        for (text, expected) in [
            ("2024-05-01T12:00:00+02:00", Some("2024-05-01T10:00:00Z")),
            ("2024-05-01 12:00:00", Some("2024-05-01T12:00:00Z")),
            ("2024-05-01T12:00", Some("2024-05-01T12:00:00Z")),
            (" 2024-05-01 ", Some("2024-05-01T00:00:00Z")),
            ("2024-05-01 12:00:00.25", Some("2024-05-01T12:00:00.250Z")),
            ("2024-13-01", None),
            ("yesterday", None),
        ] {
            assert_eq!(
                parse(text).map(|t| Time(t).to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn seconds_both_ways() {
        let time = from_unix(-1.5).ok().and_then(|t| t.try_cast::<Time>());
        assert_eq!(
            time.map(|t| t.to_string()).as_deref(),
            Some("1969-12-31T23:59:58.500Z")
        );
        assert!((seconds(TimeDelta::milliseconds(-1500)) + 1.5).abs() < 1e-9);
        for beyond in [f64::NAN, f64::INFINITY, 1e300, -1e18] {
            assert!(from_unix(beyond).is_err(), "{beyond}");
        }
    }
}
