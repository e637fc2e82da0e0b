//! The server's binary values as cells.
//!
//! `numeric` becomes a float (cast it to `text` for its exact digits); times are text: `timestamptz` in
//! UTC with `Z`, `timestamp` without a zone, as it has none; `json`, `uuid`, `bytea` (`\x..`), `inet`,
//! `interval` (ISO 8601) and enums are text; arrays are lists.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::rows::Cell;

type Wrong = Box<dyn std::error::Error + Sync + Send>;

/// A cell, for the library's `get`.
pub(super) struct Value(pub(super) Cell);

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Wrong> {
        cell(ty, raw)
            .map(Self)
            .ok_or_else(|| format!("malformed `{ty}`").into())
    }

    fn from_sql_null(_: &Type) -> Result<Self, Wrong> {
        Ok(Self(Cell::Null))
    }

    fn accepts(ty: &Type) -> bool {
        known(ty)
    }
}

/// Whether the type has a form here.
pub(super) fn known(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Enum(_) => true,
        Kind::Domain(inner) | Kind::Array(inner) => known(inner),
        Kind::Simple | Kind::Pseudo => matches!(
            ty.name(),
            "bool"
                | "char"
                | "int2"
                | "int4"
                | "int8"
                | "oid"
                | "xid"
                | "xid8"
                | "regclass"
                | "regproc"
                | "regtype"
                | "regnamespace"
                | "regrole"
                | "float4"
                | "float8"
                | "numeric"
                | "text"
                | "varchar"
                | "bpchar"
                | "name"
                | "unknown"
                | "citext"
                | "xml"
                | "json"
                | "jsonb"
                | "uuid"
                | "bytea"
                | "date"
                | "time"
                | "timestamp"
                | "timestamptz"
                | "interval"
                | "inet"
                | "cidr"
                | "pg_lsn"
                | "void"
        ),
        _ => false,
    }
}

/// Takes a value's bytes from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn i16(&mut self) -> Option<i16> {
        self.fixed().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.fixed().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.fixed().map(i64::from_be_bytes)
    }
}

/// One value; `None` when the bytes are not what the type says.
fn cell(ty: &Type, raw: &[u8]) -> Option<Cell> {
    let mut bytes = Bytes(raw);
    let text = || {
        std::str::from_utf8(raw)
            .ok()
            .map(|t| Cell::Text(t.to_owned()))
    };
    match ty.kind() {
        Kind::Enum(_) => return text(),
        Kind::Domain(inner) => return cell(inner, raw),
        Kind::Array(inner) => return array(inner, &mut bytes),
        _ => {}
    }
    Some(match ty.name() {
        "void" => Cell::Null,
        "bool" => Cell::Bool(bytes.fixed::<1>()? != [0]),
        "char" => Cell::Text(char::from(bytes.fixed::<1>()?[0]).to_string()),
        "int2" => Cell::Int(bytes.i16()?.into()),
        "int4" => Cell::Int(bytes.i32()?.into()),
        "int8" => Cell::Int(bytes.i64()?),
        "oid" | "xid" | "regclass" | "regproc" | "regtype" | "regnamespace" | "regrole" => {
            Cell::Int(bytes.fixed().map(u32::from_be_bytes)?.into())
        }
        "xid8" => Cell::Int(bytes.i64()?),
        "float4" => Cell::Float(shortest(bytes.fixed().map(f32::from_be_bytes)?)),
        "float8" => Cell::Float(bytes.fixed().map(f64::from_be_bytes)?),
        "numeric" => Cell::Float(numeric(&mut bytes)?.parse().ok()?),
        "jsonb" => {
            // A version number stands in front.
            let (version, json) = raw.split_first()?;
            if *version != 1 {
                return None;
            }
            Cell::Text(std::str::from_utf8(json).ok()?.to_owned())
        }
        "uuid" => Cell::Text(uuid(bytes.fixed()?)),
        "bytea" => Cell::Text(format!("\\x{}", hex(raw))),
        "date" => Cell::Text(date(bytes.i32()?)?),
        "time" => Cell::Text(time_of_day(bytes.i64()?)?),
        "timestamp" => Cell::Text(timestamp(bytes.i64()?, "")?),
        "timestamptz" => Cell::Text(timestamp(bytes.i64()?, "Z")?),
        "interval" => {
            let (micros, days, months) = (bytes.i64()?, bytes.i32()?, bytes.i32()?);
            Cell::Text(interval(micros, days, months))
        }
        "inet" | "cidr" => Cell::Text(address(&mut bytes, ty.name() == "cidr")?),
        "pg_lsn" => {
            let (high, low) = (bytes.i32()?, bytes.i32()?);
            Cell::Text(format!("{high:X}/{low:X}"))
        }
        _ => return text(),
    })
}

/// The double that prints as the float does: 0.1, not 0.10000000149011612.
fn shortest(float: f32) -> f64 {
    float.to_string().parse().unwrap_or_else(|_| float.into())
}

fn array(of: &Type, bytes: &mut Bytes<'_>) -> Option<Cell> {
    let dimensions = bytes.i32()?;
    let _has_nulls = bytes.i32()?;
    let _element_oid = bytes.i32()?;
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(usize::try_from(bytes.i32()?).ok()?);
        let _lower_bound = bytes.i32()?;
    }
    if lengths.is_empty() {
        return Some(Cell::List(Vec::new()));
    }
    elements(of, &lengths, bytes).map(Cell::List)
}

fn elements(of: &Type, lengths: &[usize], bytes: &mut Bytes<'_>) -> Option<Vec<Cell>> {
    let (count, inner) = lengths.split_first()?;
    // No space is set aside for what the bytes only claim.
    let mut items = Vec::new();
    for _ in 0..*count {
        items.push(if inner.is_empty() {
            match usize::try_from(bytes.i32()?) {
                Ok(length) => cell(of, bytes.take(length)?)?,
                Err(_) => Cell::Null,
            }
        } else {
            Cell::List(elements(of, inner, bytes)?)
        });
    }
    Some(items)
}

/// The exact digits: base 10,000 groups, the first with the given weight.
fn numeric(bytes: &mut Bytes<'_>) -> Option<String> {
    let groups = bytes.i16()?;
    let weight = i32::from(bytes.i16()?);
    let sign = bytes.fixed().map(u16::from_be_bytes)?;
    let _scale = bytes.i16()?;
    let mut text = match sign {
        0x0000 => String::new(),
        0x4000 => "-".to_owned(),
        0xC000 => return Some("NaN".into()),
        0xD000 => return Some("inf".into()),
        0xF000 => return Some("-inf".into()),
        _ => return None,
    };
    let mut digits = String::new();
    for _ in 0..groups {
        write!(digits, "{:04}", bytes.i16()?).ok()?;
    }
    // All groups read as one whole number, and the place of the point as an exponent.
    let exponent = (weight + 1 - i32::from(groups)) * 4;
    write!(
        text,
        "{}e{exponent}",
        if digits.is_empty() { "0" } else { &digits }
    )
    .ok()?;
    Some(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn uuid(bytes: [u8; 16]) -> String {
    let all = hex(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &all[..8],
        &all[8..12],
        &all[12..16],
        &all[16..20],
        &all[20..]
    )
}

/// The first day that Postgres counts from.
fn epoch() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2000, 1, 1)
        .and_then(|day| day.and_hms_opt(0, 0, 0))
        .unwrap_or_default()
}

fn date(days: i32) -> Option<String> {
    Some(match days {
        i32::MAX => "infinity".into(),
        i32::MIN => "-infinity".into(),
        days => epoch()
            .date()
            .checked_add_signed(Duration::try_days(days.into())?)?
            .to_string(),
    })
}

fn timestamp(micros: i64, zone: &str) -> Option<String> {
    Some(match micros {
        i64::MAX => "infinity".into(),
        i64::MIN => "-infinity".into(),
        micros => {
            let at = epoch().checked_add_signed(Duration::microseconds(micros))?;
            format!("{}{zone}", at.format("%Y-%m-%dT%H:%M:%S%.6f"))
        }
    })
}

fn time_of_day(micros: i64) -> Option<String> {
    if micros == 86_400_000_000 {
        return Some("24:00:00".into());
    }
    let seconds = u32::try_from(micros / 1_000_000).ok()?;
    let nanos = u32::try_from(micros % 1_000_000).ok()? * 1_000;
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)?;
    Some(time.format("%H:%M:%S%.6f").to_string())
}

/// ISO 8601: `P1M2DT3.5S`.
fn interval(micros: i64, days: i32, months: i32) -> String {
    let mut text = "P".to_owned();
    for (count, unit) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
        if count != 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    if micros != 0 || text.len() == 1 {
        let (whole, part) = (micros / 1_000_000, (micros % 1_000_000).abs());
        let minus = if micros < 0 && whole == 0 { "-" } else { "" };
        let _ = write!(text, "T{minus}{whole}");
        if part != 0 {
            let _ = write!(text, ".{}", format!("{part:06}").trim_end_matches('0'));
        }
        text.push('S');
    }
    text
}

fn address(bytes: &mut Bytes<'_>, always_bits: bool) -> Option<String> {
    let [family, bits, _is_cidr, length] = bytes.fixed()?;
    let (text, full) = match (family, length) {
        (2, 4) => (Ipv4Addr::from(bytes.fixed::<4>()?).to_string(), 32),
        (3, 16) => (Ipv6Addr::from(bytes.fixed::<16>()?).to_string(), 128),
        _ => return None,
    };
    Some(if bits == full && !always_bits {
        text
    } else {
        format!("{text}/{bits}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics() {
        let read = |words: &[u16]| {
            let raw: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
            numeric(&mut Bytes(&raw)).and_then(|text| text.parse::<f64>().ok())
        };
        assert_eq!(read(&[0, 0, 0, 0]), Some(0.0));
        assert_eq!(read(&[2, 0, 0, 2, 12, 3400]), Some(12.34));
        assert_eq!(read(&[1, 1, 0x4000, 0, 5]), Some(-50_000.0));
        assert_eq!(read(&[1, 0xFFFF, 0, 4, 1]), Some(0.0001));
        assert!(read(&[0, 0, 0xC000, 0]).is_some_and(f64::is_nan));
        assert_eq!(read(&[0, 0, 0xF000, 0]), Some(f64::NEG_INFINITY));
        assert_eq!(read(&[2, 0, 0, 2, 12]), None);
    }

    #[test]
    fn intervals_and_times() {
        assert_eq!(interval(0, 0, 0), "PT0S");
        assert_eq!(interval(3_500_000, 2, 13), "P1Y1M2DT3.5S");
        assert_eq!(interval(-500_000, 0, 0), "PT-0.5S");
        assert_eq!(
            timestamp(0, "Z").as_deref(),
            Some("2000-01-01T00:00:00.000000Z")
        );
        assert_eq!(timestamp(i64::MAX, "Z").as_deref(), Some("infinity"));
        assert_eq!(timestamp(i64::MAX - 1, ""), None);
        assert_eq!(date(-1).as_deref(), Some("1999-12-31"));
        assert_eq!(time_of_day(-1), None);
    }

    #[test]
    fn hostile_bytes_are_no_value() {
        // A claimed length of two thousand million elements.
        let raw: Vec<u8> = [1i32, 0, 23, i32::MAX, 1]
            .iter()
            .flat_map(|w| w.to_be_bytes())
            .collect();
        assert_eq!(cell(&Type::INT4_ARRAY, &raw), None);
        for ty in [
            Type::INT4,
            Type::UUID,
            Type::NUMERIC,
            Type::INET,
            Type::JSONB,
            Type::TIMESTAMPTZ,
        ] {
            assert_eq!(cell(&ty, &[]), None, "{ty}");
        }
        assert_eq!(cell(&Type::TEXT, &[0xFF]), None);
    }
}
