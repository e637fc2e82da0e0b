//! Writing: whole files that are either the old or the new one, whatever happens; folders; removing one
//! file.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::stat::regular;
use super::{Error, exists, real};
use crate::run::{Cx, Effect};

/// A written file.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    /// The path.
    pub path: String,
    /// Its length now.
    pub size_bytes: i64,
    /// Its length before; nothing when it is new.
    pub old_bytes: Option<i64>,
    /// Whether there was none.
    pub created: bool,
}

/// A removed file.
#[derive(Debug, Clone, Serialize)]
pub struct Removed {
    /// The path.
    pub path: String,
    /// The length that it had.
    pub size_bytes: i64,
}

/// A folder that is there now.
#[derive(Debug, Clone, Serialize)]
pub struct Made {
    /// The path.
    pub path: String,
    /// Whether it was not there before.
    pub created: bool,
}

/// Writes a whole file: beside the old one, onto the disk, then in its place. Keeps its permissions and owner; a
/// new one gets 0666 less the umask, or `mode`. A symbolic link stays, and what it leads to is written.
pub fn write_text(cx: &Cx, path: &Path, text: &str, mode: Option<u32>) -> Result<Written, Error> {
    write_bytes(cx, path, text.as_bytes(), mode)
}

/// The same for any bytes.
pub fn write_bytes(
    cx: &Cx,
    path: &Path,
    bytes: &[u8],
    mode: Option<u32>,
) -> Result<Written, Error> {
    replace(cx, path, bytes, mode, true)
}

/// The same for a text that is written again and again: whoever reads it sees a whole one, but a power cut may take it.
pub fn write_passing(cx: &Cx, path: &Path, text: &str) -> Result<Written, Error> {
    replace(cx, path, text.as_bytes(), None, false)
}

fn replace(
    cx: &Cx,
    path: &Path,
    bytes: &[u8],
    mode: Option<u32>,
    onto_disk: bool,
) -> Result<Written, Error> {
    cx.check()?;
    let failed = |e: &io::Error| match Error::io("write", path, e) {
        Error::NotFound(path) => Error::NoFolder(path),
        error => error,
    };
    let place = real(path);
    let old = match fs::metadata(&place) {
        Ok(at) => {
            regular("write", path, &at)?;
            // A replacing write needs the folder's permission only; the file's own is respected, too.
            File::options()
                .append(true)
                .open(&place)
                .map_err(|e| failed(&e))?;
            Some(at)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(failed(&e)),
    };
    let folder = place.parent().unwrap_or(Path::new("/"));
    let mut beside = tempfile::Builder::new()
        .prefix(".tradeops-")
        .permissions(Permissions::from_mode(if old.is_some() {
            0o600
        } else {
            0o666
        }))
        .tempfile_in(folder)
        .map_err(|e| failed(&e))?;
    beside.write_all(bytes).map_err(|e| failed(&e))?;
    let file = beside.as_file();
    if let Some(old) = &old {
        keep_owner(file, old).map_err(|e| failed(&e))?;
    }
    // After the owner: changing that clears the set-id bits.
    let mode = mode.or_else(|| old.as_ref().map(|at| at.mode() & 0o7777));
    if let Some(mode) = mode {
        file.set_permissions(Permissions::from_mode(mode))
            .map_err(|e| failed(&e))?;
    }
    if onto_disk {
        file.sync_all().map_err(|e| failed(&e))?;
    }
    beside.persist(&place).map_err(|e| failed(&e.error))?;
    if onto_disk {
        // The new name itself: without this a power cut may bring the old file back.
        File::open(folder)
            .and_then(|f| f.sync_all())
            .map_err(|e| failed(&e))?;
    }
    tell(cx, "write file", path);
    Ok(Written {
        path: path.display().to_string(),
        size_bytes: length(bytes.len() as u64),
        created: old.is_none(),
        old_bytes: old.map(|at| length(at.len())),
    })
}

fn keep_owner(file: &File, old: &fs::Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    fchown(file, Some(old.uid()), Some(old.gid()))
}

/// Removes one file, or a symbolic link itself. Folders are refused.
pub fn remove(cx: &Cx, path: &Path) -> Result<Removed, Error> {
    cx.check()?;
    let failed = |e: io::Error| Error::io("remove", path, &e);
    let at = fs::symlink_metadata(path).map_err(failed)?;
    if at.is_dir() {
        return Err(Error::WrongKind {
            verb: "remove",
            path: path.to_owned(),
            is: "a folder",
        });
    }
    fs::remove_file(path).map_err(failed)?;
    tell(cx, "remove file", path);
    Ok(Removed {
        path: path.display().to_string(),
        size_bytes: length(at.len()),
    })
}

/// Makes a folder and those above it. One that is there is no error; something else at the path is.
pub fn make_dir(cx: &Cx, path: &Path) -> Result<Made, Error> {
    cx.check()?;
    let made = |created| Made {
        path: path.display().to_string(),
        created,
    };
    if exists(path)? {
        if path.is_dir() {
            return Ok(made(false));
        }
        return Err(Error::WrongKind {
            verb: "make the folder",
            path: path.to_owned(),
            is: "a file",
        });
    }
    fs::create_dir_all(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => Error::WrongKind {
            verb: "make the folder",
            path: first_that_is_there(path),
            is: "no folder",
        },
        _ => Error::io("make the folder", path, &e),
    })?;
    tell(cx, "make folder", path);
    Ok(made(true))
}

fn first_that_is_there(path: &Path) -> PathBuf {
    path.ancestors()
        .find(|p| p.symlink_metadata().is_ok())
        .unwrap_or(path)
        .to_owned()
}

fn length(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn tell(cx: &Cx, verb: &str, path: &Path) {
    cx.effects().effect(Effect {
        verb: verb.into(),
        target: format!("fs/{}", path.display()),
        outcome: "done".into(),
    });
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_written_file_keeps_what_is_not_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let cx = Cx::detached();
        let path = dir.path().join("a.conf");
        let first = write_text(&cx, &path, "one", None).unwrap();
        assert!(first.created && first.old_bytes.is_none());
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("a.conf", &link).unwrap();
        let second = write_text(&cx, &link, "two!", None).unwrap();
        assert_eq!(
            (second.created, second.old_bytes, second.size_bytes),
            (false, Some(3), 4)
        );
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two!");
        assert_eq!(mode_of(&path), 0o640);
        write_text(&cx, &path, "", Some(0o600)).unwrap();
        assert_eq!(mode_of(&path), 0o600);
        write_passing(&cx, &path, "three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(mode_of(&path), 0o600);
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_written_or_removed() {
        let dir = tempfile::tempdir().unwrap();
        let cx = Cx::detached();
        let file = dir.path().join("f");
        fs::write(&file, "x").unwrap();
        let write = |path: &Path| write_text(&cx, path, "x", None);
        assert!(matches!(
            write(dir.path()),
            Err(Error::WrongKind { is: "a folder", .. })
        ));
        assert!(matches!(
            write(Path::new("/dev/null")),
            Err(Error::WrongKind { is: "a device", .. })
        ));
        assert!(matches!(
            write(&dir.path().join("no/x")),
            Err(Error::NoFolder(_))
        ));
        assert!(matches!(
            write(&file.join("x")),
            Err(Error::NoFolder(_) | Error::Failed { .. })
        ));
        assert!(matches!(
            remove(&cx, dir.path()),
            Err(Error::WrongKind { .. })
        ));
        assert!(matches!(
            remove(&cx, &dir.path().join("no")),
            Err(Error::NotFound(_))
        ));
        assert_eq!(remove(&cx, &file).unwrap().size_bytes, 1);
        let full = write(Path::new("/dev/full")).unwrap_err();
        assert!(matches!(full, Error::WrongKind { .. }), "{full}");
    }

    #[test]
    fn folders() {
        let dir = tempfile::tempdir().unwrap();
        let cx = Cx::detached();
        let deep = dir.path().join("a/b/c");
        assert!(make_dir(&cx, &deep).unwrap().created);
        assert!(!make_dir(&cx, &deep).unwrap().created);
        let file = dir.path().join("f");
        fs::write(&file, "").unwrap();
        assert!(matches!(make_dir(&cx, &file), Err(Error::WrongKind { .. })));
        assert!(matches!(
            make_dir(&cx, &file.join("x")),
            Err(Error::WrongKind { .. })
        ));
    }

    #[test]
    fn a_full_disk_says_so_with_what_is_free() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let text = Error::io("write", Path::new("/tmp/x"), &full).to_string();
        assert!(
            text.starts_with("cannot write `/tmp/x`: the disk is full, "),
            "{text}"
        );
        assert!(text.ends_with(" bytes free"), "{text}");
    }
}
