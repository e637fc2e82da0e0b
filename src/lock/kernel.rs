//! The kernel's own list of locks, `/proc/locks`: looking there disturbs nobody.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

/// A process that has a `flock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) pid: i64,
    /// Whether others may have it, too.
    pub(super) shared: bool,
}

/// The processes that have a `flock` on this file, as far as the list shows them.
pub(super) fn owners(file: &File) -> Vec<Owner> {
    let Ok(at) = file.metadata() else {
        return Vec::new();
    };
    let (major, minor) = (rustix::fs::major(at.dev()), rustix::fs::minor(at.dev()));
    let list = fs::read_to_string("/proc/locks").unwrap_or_default();
    find(&list, major, minor, at.ino())
}

fn find(list: &str, major: u32, minor: u32, inode: u64) -> Vec<Owner> {
    let wanted = format!("{major:02x}:{minor:02x}:{inode}");
    let owner = |line: &str| {
        // 1: FLOCK  ADVISORY  WRITE 708 00:13:11 0 EOF
        // Who waits has "->" in the second place.
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, mode @ ("WRITE" | "READ"), pid, place, ..] = words[..] else {
            return None;
        };
        let pid = pid.parse().ok().filter(|pid| *pid > 0)?;
        (place == wanted).then_some(Owner {
            pid,
            shared: mode == "READ",
        })
    };
    list.lines().filter_map(owner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list() {
        let list = "\
1: POSIX  ADVISORY  WRITE 10 fe:00:7 0 EOF
2: FLOCK  ADVISORY  WRITE 11 fe:00:7 0 EOF
2: -> FLOCK  ADVISORY  WRITE 12 fe:00:7 0 EOF
3: FLOCK  ADVISORY  READ 13 fe:00:8 0 EOF
4: FLOCK  ADVISORY  READ 14 fe:00:8 0 EOF
";
        let owner = |pid, shared| Owner { pid, shared };
        assert_eq!(find(list, 0xfe, 0, 7), [owner(11, false)]);
        assert_eq!(find(list, 0xfe, 0, 8), [owner(13, true), owner(14, true)]);
        assert_eq!(find(list, 0xfe, 1, 7), []);
    }
}
