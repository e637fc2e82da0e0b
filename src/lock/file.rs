//! Opening the lock file, and everything that must be true of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::Error;
use super::holder::MARK;

/// Opens the lock file, making it if need be, and refuses what is none.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    open_with(
        path,
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false),
    )
}

/// Opens it only to look; `None` where there is none.
pub(super) fn open_to_look(path: &Path) -> Result<Option<File>, Error> {
    match open_with(path, OpenOptions::new().read(true)) {
        Ok(file) => Ok(Some(file)),
        Err(Error::NoFolder(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn open_with(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    // Not following a link: in a folder that others can write, it may lead to anything. Not blocking: a FIFO
    // would wait for its other end.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = flags.bits().cast_signed();
    let file = options
        .mode(0o600)
        .custom_flags(flags)
        .open(path)
        .map_err(|error| refine(path, &error))?;
    let at = file.metadata().map_err(|e| Error::io(path, &e))?;
    let no = |why| {
        Err(Error::NotALock {
            path: path.to_owned(),
            why,
        })
    };
    if at.is_dir() {
        return no("it is a folder");
    }
    if !at.is_file() {
        return no("it is no regular file");
    }
    // Zero links: removed since we opened it; the check after locking sees to that.
    if at.nlink() > 1 {
        return no("it has a second name (a hard link), which may be somebody's file");
    }
    let me = rustix::process::geteuid().as_raw();
    if at.uid() != me && at.uid() != 0 && in_shared_folder(path) {
        return no("it belongs to another user, in a folder that everybody can write");
    }
    Ok(file)
}

/// What the open's own error leaves open: a special file opened for writing (a FIFO without a reader, a socket).
fn refine(path: &Path, error: &io::Error) -> Error {
    if let Ok(at) = fs::symlink_metadata(path) {
        let kind = at.file_type();
        let why = if kind.is_symlink() {
            Some("it is a symbolic link")
        } else if kind.is_dir() {
            Some("it is a folder")
        } else if !kind.is_file() {
            Some("it is no regular file")
        } else {
            None
        };
        if let Some(why) = why {
            return Error::NotALock {
                path: path.to_owned(),
                why,
            };
        }
    }
    Error::io(path, error)
}

fn in_shared_folder(path: &Path) -> bool {
    path.parent()
        .and_then(|folder| fs::metadata(folder).ok())
        // A folder that cannot be looked at is taken for a shared one.
        .is_none_or(|folder| folder.mode() & 0o002 != 0)
}

/// Whether `path` still names the opened file.
pub(super) fn is_still_at(file: &File, path: &Path) -> Result<bool, Error> {
    let opened = file.metadata().map_err(|e| Error::io(path, &e))?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(path, &error)),
    }
}

/// Refuses a file that holds something else than a lock's text: taking the lock would write over it.
/// Empty, our own text (whole or cut), or a bare pid as other tools write it, are fine.
pub(super) fn check_content(file: &File, path: &Path) -> Result<(), Error> {
    let mut start = [0; 64];
    let length = file
        .read_at(&mut start, 0)
        .map_err(|e| Error::io(path, &e))?;
    let start = &start[..length];
    let mark = MARK.as_bytes();
    let ours = start.starts_with(mark) || mark.starts_with(start);
    let pid = length < 32
        && start
            .iter()
            .all(|b| b.is_ascii_digit() || b.is_ascii_whitespace() || *b == 0);
    if ours || pid {
        return Ok(());
    }
    Err(Error::NotALock {
        path: path.to_owned(),
        why: "it holds something else, which taking the lock would write over",
    })
}
