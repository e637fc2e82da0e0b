//! Durations and sizes as operators write them.

use std::time::Duration;

/// `250ms`, `5s`, `1h30m`, `7d`. `Err` says what was wanted.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim()).map_err(|_| {
        format!("is {text:?}, which is no duration: write it as \"250ms\", \"5m\" or \"7d\"")
    })
}

/// A duration as `duration` reads it, rounded to what matters: `1.2s`, `340ms`, `5m 3s`.
pub fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms < 1_000 {
        format!("{ms}ms")
    } else if ms < 60_000 {
        format!("{:.1}s", duration.as_secs_f64())
    } else {
        humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
    }
}

/// `512`, `64KiB`, `1.5GB`: decimal and binary units. `Err` says what was wanted.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("is {text:?}, which is no size: write it as \"64MiB\" or \"1GB\"");
    let trimmed = text.trim();
    let split = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        "ti" | "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "digits and a point only, so not negative; `as` saturates"
    )]
    Ok((number * factor as f64).round() as u64)
}

/// A size in the binary unit that fits: `1.5 GiB`.
pub fn show_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_both_families() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("1.5 GB"), Ok(1_500_000_000));
        assert_eq!(size("7"), Ok(7));
        assert!(size("seven").is_err());
        assert!(size("1XB").is_err());
        assert_eq!(show_size(1 << 30), "1.0 GiB");
        assert_eq!(show_size(12), "12 B");
    }

    #[test]
    fn durations() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert!(duration("soon").is_err());
        assert_eq!(show_duration(Duration::from_millis(1234)), "1.2s");
    }
}
