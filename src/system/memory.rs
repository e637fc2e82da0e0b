//! The host's memory, from `/proc/meminfo`.

use serde::Serialize;

use super::Error;
use super::disk::percent;
use super::error::read;

/// The host's memory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memory {
    /// Installed, less what the kernel keeps.
    pub total_bytes: i64,
    /// What programs can still get without swapping (`MemAvailable`).
    pub available_bytes: i64,
    /// `total - available`.
    pub used_bytes: i64,
    /// `used` of `total`, in percent.
    pub used_percent: f64,
    /// Swap space, all.
    pub swap_total_bytes: i64,
    /// Swap space, taken.
    pub swap_used_bytes: i64,
    /// Swap space taken, in percent; 0 without swap.
    pub swap_used_percent: f64,
}

/// The host's memory now.
pub fn memory() -> Result<Memory, Error> {
    const PATH: &str = "/proc/meminfo";
    parse(&read(PATH)?).ok_or_else(|| Error::form(PATH))
}

fn parse(text: &str) -> Option<Memory> {
    let bytes = |name: &str| -> Option<u64> {
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()?
            .checked_mul(1024)
    };
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let total = bytes("MemTotal")?;
    let available = bytes("MemAvailable")
        // Kernels before 3.14 and some containers' views lack it.
        .or_else(|| Some(bytes("MemFree")? + bytes("Buffers")? + bytes("Cached")?))?
        .min(total);
    let swap_total = bytes("SwapTotal").unwrap_or(0);
    let swap_used = swap_total.saturating_sub(bytes("SwapFree").unwrap_or(0));
    Some(Memory {
        total_bytes: whole(total),
        available_bytes: whole(available),
        used_bytes: whole(total - available),
        used_percent: percent(total - available, total),
        swap_total_bytes: whole(swap_total),
        swap_used_bytes: whole(swap_used),
        swap_used_percent: percent(swap_used, swap_total),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn meminfo() {
        let text = "MemTotal:  1000 kB\nMemFree: 100 kB\nMemAvailable:  250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
        let memory = parse(text).unwrap();
        assert_eq!(memory.used_bytes, 750 * 1024);
        assert!((memory.used_percent - 75.0).abs() < 1e-9);
        assert!(memory.swap_used_percent.abs() < 1e-9);
        let old = "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 50 kB\n";
        assert_eq!(parse(old).unwrap().available_bytes, 200 * 1024);
        assert_eq!(parse("MemTotal: much\n"), None);
        assert!(super::memory().unwrap().total_bytes > 0);
    }
}
