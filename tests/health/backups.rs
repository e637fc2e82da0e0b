//! Backups that an operator named, and what is wrong with them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::fault::{Fault, ask, wrong};
use crate::stack::{Asked, Stack};

const fn fault(name: &'static str, status: &'static str, says: &'static str) -> Fault {
    Fault {
        name,
        check: "backup.nightly",
        layer: "backups",
        severity: "major",
        status,
        says,
    }
}

pub(crate) const LATE: Fault = fault("a backup is late", "degraded", "is 30 h old, more than 26h");
pub(crate) const OVERDUE: Fault = fault(
    "backups have not been made for days",
    "bad",
    "is 5 days old, more than 26h",
);
pub(crate) const MISSING: Fault = fault("there is no backup", "bad", "there is no backup");
pub(crate) const EMPTY: Fault = fault("a backup is empty", "bad", "is empty");
pub(crate) const SMALL: Fault = fault(
    "a backup is too small to be one",
    "bad",
    "has 100 B, at least 1.0 KiB are wanted",
);
pub(crate) const SHRUNK: Fault = fault(
    "a backup shrank by half",
    "degraded",
    "has 9.8 KiB, the one before had 39.1 KiB",
);
pub(crate) const AHEAD: Fault = fault(
    "a backup is dated in the future",
    "degraded",
    "ahead of this machine's clock",
);

pub(crate) const FAULTS: &[&Fault] = &[&LATE, &OVERDUE, &MISSING, &EMPTY, &SMALL, &SHRUNK, &AHEAD];

const HOUR: u64 = 3600;

/// A file of that size, changed so many seconds ago.
fn file(path: &Path, bytes: usize, age_seconds: u64) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, vec![b'.'; bytes]).expect("a file");
    let at = SystemTime::now() - Duration::from_secs(age_seconds);
    let file = File::options().append(true).open(path).expect("the file");
    file.set_modified(at).expect("a time");
}

fn place(stack: &Stack) -> PathBuf {
    stack.folder.path().join("backups")
}

fn settings(stack: &Stack, key: &str, name: &str) -> String {
    format!(
        "[settings.backups.nightly]\n{key} = \"{}\"\n",
        place(stack).join(name).display()
    )
}

fn backups(stack: &Stack, settings: &str) -> Asked {
    ask(stack, settings, &["--only", "backups"], &[])
}

#[test]
fn each_fault_of_a_backup_is_found() {
    let stack = Stack::alone();
    let glob = settings(&stack, "glob", "*.dump");
    let (old, new) = (place(&stack).join("a.dump"), place(&stack).join("b.dump"));

    MISSING.is_found(&backups(&stack, &glob));
    for (fault, bytes, age) in [
        (LATE, 40_000, 30 * HOUR),
        (OVERDUE, 40_000, 5 * 24 * HOUR),
        (EMPTY, 0, HOUR),
        (SMALL, 100, HOUR),
    ] {
        file(&old, bytes, age);
        fault.is_found(&backups(&stack, &glob));
        std::fs::remove_file(&old).expect("the file");
        std::fs::remove_dir_all(stack.folder.path().join("state")).expect("the history");
    }

    // Against the file before.
    file(&old, 40_000, 25 * HOUR);
    file(&new, 10_000, HOUR);
    SHRUNK.is_found(&backups(&stack, &glob));
    file(&new, 21_000, HOUR);
    let asked = backups(&stack, &glob);
    assert_eq!(asked.code, 0, "{:#}", asked.report);
    assert_eq!(
        asked.check("backup.nightly")["value"]["before_bytes"],
        40_000
    );
    // One that is being written is not judged, the one before it is.
    file(&new, 10, 0);
    let asked = backups(&stack, &glob);
    assert_eq!(wrong(&asked), [] as [&str; 0]);
    assert_eq!(asked.check("backup.nightly")["value"]["size_bytes"], 40_000);

    let at = SystemTime::now() + Duration::from_secs(2 * HOUR);
    let ahead = File::options().append(true).open(&new).expect("the file");
    ahead.set_len(50_000).expect("a length");
    ahead.set_modified(at).expect("a time");
    std::fs::remove_file(&old).expect("the file");
    std::fs::remove_dir_all(stack.folder.path().join("state")).expect("the history");
    AHEAD.is_found(&backups(&stack, &glob));
}

#[test]
fn a_single_file_is_held_against_the_last_runs() {
    let stack = Stack::alone();
    let path = settings(&stack, "path", "latest.dump");
    let latest = place(&stack).join("latest.dump");
    file(&latest, 40_000, 20 * HOUR);
    for _ in 0..2 {
        assert_eq!(backups(&stack, &path).code, 0);
    }
    file(&latest, 10_000, HOUR);
    SHRUNK.is_found(&backups(&stack, &path));
    // It stays found, although the run before has seen the small one already.
    SHRUNK.is_found(&backups(&stack, &path));
}

#[test]
fn a_folder_is_one_backup_and_what_is_not_named_is_skipped() {
    let stack = Stack::alone();
    let glob = settings(&stack, "glob", "2*") + "max_age = \"10d\"\nmin_bytes = \"3KiB\"\n";
    for (name, age) in [("20261122_020000", 48), ("20261123_020000", 24)] {
        for part in ["db/dump", "redis/rdb"] {
            file(&place(&stack).join(name).join(part), 2000, age * HOUR);
        }
    }
    let asked = backups(&stack, &glob);
    assert_eq!(asked.code, 0, "{:#}", asked.report);
    assert_eq!(asked.check("backup.nightly")["value"]["size_bytes"], 4000);

    let asked = backups(&stack, "");
    assert_eq!(asked.check("backup")["status"], "skipped");
    assert_eq!(asked.checks().len(), 1);
    // A target that makes no sense is no backup that is well.
    let asked = backups(&stack, "[settings.backups.nightly]\nmax_age = \"1h\"\n");
    assert_eq!(asked.check("backup.nightly")["status"], "unknown");
}
