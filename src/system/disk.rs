//! The file system that holds a path: space and inodes, with the arithmetic of `df`.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Error;
use super::error::read;

/// A file system's room.
#[derive(Debug, Clone, Serialize)]
pub struct Disk {
    /// The path that was asked.
    pub path: String,
    /// Where its file system is mounted.
    pub mount: String,
    /// `ext4`, `overlay`, ...
    pub filesystem: String,
    /// Size.
    pub total_bytes: i64,
    /// Taken.
    pub used_bytes: i64,
    /// Free for ordinary users: less than `total - used` where root has a reserve.
    pub available_bytes: i64,
    /// `used / (used + available)` in percent, as `df` shows it (which rounds it up).
    pub used_percent: f64,
    /// Inodes, all; 0 where the file system has no such limit.
    pub inodes: i64,
    /// Inodes, taken.
    pub inodes_used: i64,
    /// Inodes taken, in percent; 0 where there is no limit.
    pub inodes_used_percent: f64,
}

/// The file system that holds `path`, which must exist.
pub fn disk(path: &Path) -> Result<Disk, Error> {
    let real = path.canonicalize().map_err(|e| Error::at(path, &e))?;
    let stat = rustix::fs::statvfs(&real).map_err(|e| Error::at(path, &e.into()))?;
    let block = if stat.f_frsize == 0 {
        stat.f_bsize
    } else {
        stat.f_frsize
    };
    let bytes = |blocks: u64| whole(blocks.saturating_mul(block));
    let used = stat.f_blocks.saturating_sub(stat.f_bfree);
    let inodes_used = stat.f_files.saturating_sub(stat.f_ffree);
    let (mount, filesystem) = read("/proc/self/mountinfo")
        .ok()
        .and_then(|table| mount_of(&table, &real))
        .unwrap_or_else(|| ("/".into(), String::new()));
    Ok(Disk {
        path: path.display().to_string(),
        mount,
        filesystem,
        total_bytes: bytes(stat.f_blocks),
        used_bytes: bytes(used),
        available_bytes: bytes(stat.f_bavail),
        used_percent: percent(used, used.saturating_add(stat.f_bavail)),
        inodes: whole(stat.f_files),
        inodes_used: whole(inodes_used),
        inodes_used_percent: percent(inodes_used, stat.f_files),
    })
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a percentage")]
pub(super) fn percent(part: u64, all: u64) -> f64 {
    if all == 0 {
        0.0
    } else {
        part as f64 * 100.0 / all as f64
    }
}

/// The mount point that holds `path`, and its type. Of several mounts on one point the last one counts:
/// it hides the others.
fn mount_of(table: &str, path: &Path) -> Option<(String, String)> {
    let mut best: Option<(PathBuf, String)> = None;
    for (point, kind) in mounts(table) {
        let longer = best
            .as_ref()
            .is_none_or(|(b, _)| point.components().count() >= b.components().count());
        if path.starts_with(&point) && longer {
            best = Some((point, kind));
        }
    }
    best.map(|(point, kind)| (point.display().to_string(), kind))
}

/// Mount points and their types.
fn mounts(table: &str) -> impl Iterator<Item = (PathBuf, String)> {
    table.lines().filter_map(|line| {
        // 36 35 98:0 /root /mount/point options [optional...] - type source options
        let (left, right) = line.split_once(" - ")?;
        let point = unescape(left.split(' ').nth(4)?);
        let kind = right.split(' ').next().unwrap_or_default().to_owned();
        Some((PathBuf::from(std::ffi::OsStr::from_bytes(&point)), kind))
    })
}

/// A place below `path`, which is real, where something is mounted.
pub fn mounted_below(path: &Path) -> Result<Option<PathBuf>, Error> {
    let table = read("/proc/thread-self/mountinfo")?;
    Ok(mounts(&table)
        .map(|(point, _)| point)
        .find(|point| point.starts_with(path) && point != path))
}

/// The kernel writes blanks, tabs, newlines and backslashes of a path as `\040` and such.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let octal = bytes
            .get(i + 1..i + 4)
            .filter(|_| bytes[i] == b'\\')
            .and_then(|digits| {
                let digits = std::str::from_utf8(digits).ok()?;
                u8::from_str_radix(digits, 8).ok()
            });
        if let Some(byte) = octal {
            out.push(byte);
            i += 4;
        } else {
            out.push(bytes[i]);
            i += 1;
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:20 / /proc rw - proc proc rw
40 22 8:1 / /mnt/my\\040disk rw - xfs /dev/sdb1 rw
41 22 8:2 / /mnt rw shared:7 master:1 - btrfs /dev/sdc rw
42 22 0:9 / /mnt rw - tmpfs none rw
";

    #[test]
    fn the_deepest_and_latest_mount_holds_the_path() {
        let table: &[(&str, &str, &str)] = &[
            ("/etc/hosts", "/", "ext4"),
            ("/mnt/my disk/a", "/mnt/my disk", "xfs"),
            ("/mnt/other", "/mnt", "tmpfs"),
            ("/mnt2", "/", "ext4"),
        ];
        for (path, mount, kind) in table {
            let got = mount_of(TABLE, Path::new(path)).unwrap();
            assert_eq!(got, ((*mount).to_owned(), (*kind).to_owned()), "{path}");
        }
    }

    #[test]
    fn as_df_says() {
        let disk = disk(Path::new("/")).unwrap();
        assert!(disk.total_bytes > 0);
        assert!((0.0..=100.0).contains(&disk.used_percent));
        let df = std::process::Command::new("df")
            .args(["--output=size,pcent", "-B1", "/"])
            .output()
            .unwrap();
        let df = String::from_utf8(df.stdout).unwrap();
        let words: Vec<_> = df.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(words[0], disk.total_bytes.to_string());
        let shown: f64 = words[1].trim_end_matches('%').parse().unwrap();
        assert!(
            (disk.used_percent.ceil() - shown).abs() <= 1.0,
            "{} against {shown}",
            disk.used_percent
        );
    }

    #[test]
    fn no_such_path() {
        assert!(matches!(disk(Path::new("/no/such")), Err(Error::NoPath(_))));
    }
}
