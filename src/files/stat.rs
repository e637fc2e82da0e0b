//! What is at a path.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Error;
use crate::system;

/// What is at a path. Links are followed.
#[derive(Debug, Clone, Serialize)]
pub struct Stat {
    /// The path as asked.
    pub path: String,
    /// `file`, `folder`, `fifo`, `socket`, `device`.
    pub kind: String,
    /// Length in bytes.
    pub size_bytes: i64,
    /// Last change of the content.
    pub modified: DateTime<Utc>,
    /// Permissions in octal: `0644`.
    pub mode: String,
    /// The owner's name, else the number.
    pub owner: String,
    /// Whether the path itself is a symbolic link.
    pub is_link: bool,
}

/// What is at a path.
pub fn stat(path: &Path) -> Result<Stat, Error> {
    let failed = |e: io::Error| Error::io("look at", path, &e);
    let at = fs::metadata(path).map_err(failed)?;
    let itself = fs::symlink_metadata(path).map_err(failed)?;
    Ok(Stat {
        path: path.display().to_string(),
        kind: kind(&at).0.into(),
        size_bytes: i64::try_from(at.len()).unwrap_or(i64::MAX),
        modified: DateTime::from_timestamp(at.mtime(), u32::try_from(at.mtime_nsec()).unwrap_or(0))
            .unwrap_or_default(),
        mode: format!("{:04o}", at.mode() & 0o7777),
        owner: system::user_name(at.uid()),
        is_link: itself.is_symlink(),
    })
}

/// Whether there is something. A path that may not be looked at is an error, not `false`.
pub fn exists(path: &Path) -> Result<bool, Error> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(false)
        }
        Err(e) => Err(Error::io("look at", path, &e)),
    }
}

/// The kind as a word, and in a sentence.
fn kind(at: &Metadata) -> (&'static str, &'static str) {
    let kind = at.file_type();
    if kind.is_file() {
        ("file", "a file")
    } else if kind.is_dir() {
        ("folder", "a folder")
    } else if kind.is_fifo() {
        ("fifo", "a FIFO")
    } else if kind.is_socket() {
        ("socket", "a socket")
    } else if kind.is_symlink() {
        ("link", "a symbolic link")
    } else {
        ("device", "a device")
    }
}

/// Refuses everything but a regular file.
pub(super) fn regular(verb: &'static str, path: &Path, at: &Metadata) -> Result<(), Error> {
    if at.is_file() {
        return Ok(());
    }
    Err(Error::WrongKind {
        verb,
        path: path.to_owned(),
        is: kind(at).1,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        let seen = stat(&link).unwrap();
        assert_eq!((seen.kind.as_str(), seen.is_link), ("folder", true));
        assert_eq!(stat(Path::new("/dev/null")).unwrap().kind, "device");
        assert!(exists(dir.path()).unwrap());
        assert!(!exists(&dir.path().join("no/such")).unwrap());
        assert!(matches!(
            stat(&dir.path().join("no")),
            Err(Error::NotFound(_))
        ));
        assert!((Utc::now() - seen.modified).num_seconds().abs() < 60);
    }
}
