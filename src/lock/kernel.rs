//! The kernel's own list of locks, `/proc/locks`: looking there disturbs nobody.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

/// The process that has an exclusive `flock` on this file, if the list shows one.
pub(super) fn owner(file: &File) -> Option<i64> {
    let at = file.metadata().ok()?;
    let (major, minor) = (rustix::fs::major(at.dev()), rustix::fs::minor(at.dev()));
    find(
        &fs::read_to_string("/proc/locks").ok()?,
        major,
        minor,
        at.ino(),
    )
}

fn find(list: &str, major: u32, minor: u32, inode: u64) -> Option<i64> {
    let wanted = format!("{major:02x}:{minor:02x}:{inode}");
    list.lines().find_map(|line| {
        // 1: FLOCK  ADVISORY  WRITE 708 00:13:11 0 EOF
        // Who waits has "->" in the second place.
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = words[..] else {
            return None;
        };
        if place != wanted {
            return None;
        }
        pid.parse().ok().filter(|pid| *pid > 0)
    })
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
";
        assert_eq!(find(list, 0xfe, 0, 7), Some(11));
        assert_eq!(find(list, 0xfe, 0, 8), None, "shared");
        assert_eq!(find(list, 0xfe, 1, 7), None);
    }
}
