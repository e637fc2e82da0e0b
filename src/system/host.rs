//! The host's name, boot, load and uptime.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Error;
use super::error::read;

/// Who this machine is.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// The node name.
    pub name: String,
    /// The kernel's id of this boot; changes with each.
    pub boot_id: Option<String>,
    /// `Linux 6.1.0`.
    pub kernel: String,
    /// `x86_64`.
    pub machine: String,
}

/// The run queue's averages over one, five and fifteen minutes.
#[derive(Debug, Clone, Serialize)]
pub struct Load {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
    /// Processors that are on, of the whole host: the load counts the whole host, too.
    pub cores: i64,
    /// `one` per core.
    pub per_core: f64,
}

/// How long the host has been up.
#[derive(Debug, Clone, Serialize)]
pub struct Uptime {
    /// Seconds since the boot.
    pub seconds: f64,
    /// When it booted.
    pub booted_at: DateTime<Utc>,
}

/// The node name, as `uname -n`.
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// The kernel's id of this boot, where it tells.
pub fn boot_id() -> Option<String> {
    read("/proc/sys/kernel/random/boot_id")
        .ok()
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
}

/// Who this machine is.
pub fn host() -> Host {
    let uname = rustix::system::uname();
    Host {
        name: host_name(),
        boot_id: boot_id(),
        kernel: format!(
            "{} {}",
            uname.sysname().to_string_lossy(),
            uname.release().to_string_lossy()
        ),
        machine: uname.machine().to_string_lossy().into_owned(),
    }
}

/// The load averages.
pub fn load() -> Result<Load, Error> {
    const PATH: &str = "/proc/loadavg";
    let averages = read_load(&read(PATH)?).ok_or_else(|| Error::form(PATH))?;
    let cores = count_cores(&read("/proc/stat")?).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a number of processors")]
    let per_core = averages[0] / cores as f64;
    Ok(Load {
        one: averages[0],
        five: averages[1],
        fifteen: averages[2],
        cores,
        per_core,
    })
}

fn read_load(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_whitespace().map(str::parse);
    Some([
        words.next()?.ok()?,
        words.next()?.ok()?,
        words.next()?.ok()?,
    ])
}

/// Lines `cpu0`, `cpu1`, ... of `/proc/stat`: the processors that are on.
fn count_cores(stat: &str) -> i64 {
    let cores = stat
        .lines()
        .filter(|l| {
            l.strip_prefix("cpu")
                .is_some_and(|l| l.starts_with(|c: char| c.is_ascii_digit()))
        })
        .count();
    i64::try_from(cores).unwrap_or(i64::MAX)
}

/// How long the host has been up; `now` is the caller's clock.
pub fn uptime(now: DateTime<Utc>) -> Result<Uptime, Error> {
    const PATH: &str = "/proc/uptime";
    let seconds = read(PATH)?
        .split_whitespace()
        .next()
        .and_then(|s| s.parse::<f64>().ok())
        .and_then(|s| Duration::try_from_secs_f64(s).ok())
        .ok_or_else(|| Error::form(PATH))?;
    Ok(Uptime {
        seconds: seconds.as_secs_f64(),
        booted_at: now - seconds,
    })
}

/// When the kernel says that it booted.
pub(super) fn boot_time() -> Option<DateTime<Utc>> {
    let stat = read("/proc/stat").ok()?;
    let seconds = stat.lines().find_map(|l| l.strip_prefix("btime "))?;
    DateTime::from_timestamp(seconds.trim().parse().ok()?, 0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn load_in_the_kernels_form() {
        assert_eq!(
            read_load("0.20 1.18 12.00 1/80 11206\n"),
            Some([0.2, 1.18, 12.0])
        );
        assert_eq!(read_load("0.20 x"), None);
        assert_eq!(count_cores("cpu  1 2\ncpu0 1\ncpu1 1\nintr 5\n"), 2);
    }

    #[test]
    fn this_machine_answers() {
        assert!(!host_name().is_empty());
        assert!(boot_id().unwrap().len() > 30);
        assert!(load().unwrap().cores >= 1);
        let up = uptime(Utc::now()).unwrap();
        assert!((up.booted_at - boot_time().unwrap()).num_seconds().abs() < 120);
    }
}
