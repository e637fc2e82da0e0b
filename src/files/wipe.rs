//! Emptying a folder: everything in it goes, the folder stays.
//!
//! A path is only looked up once. From then on everything is reached from the folder's own handle, name by name and never through
//! a link, so that nobody can lead the deletion elsewhere by renaming something meanwhile.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, StatxAttributes, StatxFlags, openat, statat, statx,
    unlinkat,
};
use serde::Serialize;

use super::Error;
use crate::run::{Cx, Effect};
use crate::system;

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Wiped {
    /// The folder.
    pub path: String,
    /// How many files, links and the like went.
    pub files: i64,
    /// How many folders.
    pub folders: i64,
    /// The bytes of the files.
    pub bytes: i64,
    /// Names at the top that were kept.
    pub kept: Vec<String>,
}

/// Empties `path`, which has to be an absolute path without links below one of `roots`, and no place where something is
/// mounted. Names in `keep` stay, at the top level.
pub fn wipe(cx: &Cx, path: &Path, roots: &[PathBuf], keep: &[String]) -> Result<Wiped, Error> {
    let folder = checked(path, roots)?;
    let mut wiped = Wiped {
        path: path.display().to_string(),
        ..Wiped::default()
    };
    empty(cx, &folder, path, keep, &mut wiped)?;
    cx.effects().effect(Effect {
        verb: "wipe".into(),
        target: format!("fs{}", path.display()),
        outcome: format!(
            "{} files, {} folders, {} bytes",
            wiped.files, wiped.folders, wiped.bytes
        ),
    });
    Ok(wiped)
}

/// The folder's handle, when it is one that may be emptied.
pub fn checked(path: &Path, roots: &[PathBuf]) -> Result<OwnedFd, Error> {
    let refused = |why: &str| Error::Refused {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    if !path.is_absolute() {
        return Err(refused("the path is not absolute"));
    }
    let real = path
        .canonicalize()
        .map_err(|e| Error::io("wipe", path, &e))?;
    if real != path {
        return Err(refused(
            "a part of the path is a symbolic link, or it is written with `.` or `..`",
        ));
    }
    if !roots
        .iter()
        .any(|root| path.starts_with(root) && path != root)
    {
        return Err(refused(
            "it is below none of the folders that may be emptied",
        ));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(CWD, path, flags, Mode::empty()).map_err(|e| io_error(path, e))?;
    not_mounted(&folder, path)?;
    // Not when half of it is gone.
    match system::mounted_below(path) {
        Ok(None) => Ok(folder),
        Ok(Some(point)) => Err(refused(&format!(
            "something is mounted below it, at `{}`",
            point.display()
        ))),
        Err(error) => Err(refused(&format!(
            "what is mounted below it is not known: {error}"
        ))),
    }
}

/// The kernel itself says whether something is mounted on a folder: a bind mount of the same file system has the device number
/// of what is around it. An old kernel (before 5.8) that does not know is not guessed for.
fn not_mounted(folder: &OwnedFd, path: &Path) -> Result<(), Error> {
    let refused = |why: &str| Error::Refused {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    let told =
        statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::TYPE).map_err(|e| io_error(path, e))?;
    if !told
        .stx_attributes_mask
        .contains(StatxAttributes::MOUNT_ROOT)
    {
        return Err(refused(
            "this kernel does not tell whether something is mounted there",
        ));
    }
    if told.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Err(refused("something is mounted there"));
    }
    Ok(())
}

fn empty(
    cx: &Cx,
    folder: &OwnedFd,
    path: &Path,
    keep: &[String],
    wiped: &mut Wiped,
) -> Result<(), Error> {
    let entries = Dir::read_from(folder).map_err(|e| io_error(path, e))?;
    for entry in entries {
        cx.check()?;
        let entry = entry.map_err(|e| io_error(path, e))?;
        let name = entry.file_name();
        let shown = name.to_string_lossy();
        if shown == "." || shown == ".." {
            continue;
        }
        let inner = path.join(shown.as_ref());
        if keep.iter().any(|k| *k == shown) {
            wiped.kept.push(shown.into_owned());
            continue;
        }
        let at =
            statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| io_error(&inner, e))?;
        if FileType::from_raw_mode(at.st_mode) == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let below =
                openat(folder, name, flags, Mode::empty()).map_err(|e| io_error(&inner, e))?;
            not_mounted(&below, &inner)?;
            empty(cx, &below, &inner, &[], wiped)?;
            unlinkat(folder, name, AtFlags::REMOVEDIR).map_err(|e| io_error(&inner, e))?;
            wiped.folders += 1;
        } else {
            unlinkat(folder, name, AtFlags::empty()).map_err(|e| io_error(&inner, e))?;
            wiped.files += 1;
            wiped.bytes += at.st_size;
        }
    }
    Ok(())
}

fn io_error(path: &Path, error: rustix::io::Errno) -> Error {
    Error::io("wipe", path, &io::Error::from(error))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};

    use super::*;

    fn refused(path: &Path, roots: &[PathBuf]) -> String {
        match checked(path, roots) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{} may be emptied", path.display()),
        }
    }

    #[test]
    fn only_what_is_meant_goes() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let data = root.join("data");
        std::fs::create_dir_all(data.join("a/b")).unwrap();
        std::fs::write(data.join("a/b/x"), "12345").unwrap();
        std::fs::create_dir_all(data.join("keep")).unwrap();
        std::fs::write(data.join("keep/y"), "1").unwrap();
        std::fs::write(root.join("outside"), "1").unwrap();
        std::os::unix::fs::symlink(root.join("outside"), data.join("link")).unwrap();
        std::os::unix::fs::symlink(&root, data.join("a/up")).unwrap();
        let roots = [root.clone()];
        let wiped = wipe(&Cx::detached(), &data, &roots, &["keep".into()]).unwrap();
        assert_eq!(
            (wiped.files, wiped.folders, wiped.kept),
            (3, 2, vec!["keep".to_owned()])
        );
        assert_eq!(std::fs::read_to_string(root.join("outside")).unwrap(), "1");
        assert!(data.join("keep/y").exists() && !data.join("a").exists());
    }

    #[test]
    fn what_may_not_be_emptied_is_told_why() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let data = root.join("data");
        std::fs::create_dir_all(&data).unwrap();
        std::os::unix::fs::symlink(&data, root.join("link")).unwrap();
        let roots = [root.clone()];
        assert!(refused(Path::new("data"), &roots).contains("not absolute"));
        assert!(refused(&root.join("link"), &roots).contains("symbolic link"));
        assert!(refused(&root.join("data/../data"), &roots).contains("`..`"));
        assert!(
            refused(&root, &roots).contains("none of the folders"),
            "a root itself stays"
        );
        assert!(refused(&data, &[data.join("other")]).contains("none of the folders"));
        assert!(refused(Path::new("/proc"), &["/".into()]).contains("mounted"));
    }

    /// A bind mount has the device of what is around it; only the kernel knows. In a mount namespace of this thread's own.
    #[test]
    fn a_bind_mount_is_seen_at_the_top_and_below() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let inside = root.join("data/inside");
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::write(root.join("data/x"), "1").unwrap();
        std::fs::create_dir_all(root.join("precious")).unwrap();
        std::fs::write(root.join("precious/x"), "1").unwrap();
        let there = root.clone();
        std::thread::spawn(move || {
            let own = rustix::thread::UnshareFlags::NEWNS | rustix::thread::UnshareFlags::FS;
            // SAFETY: no file descriptors are unshared.
            #[expect(
                unsafe_code,
                reason = "unshare is unsafe for its flag FILES, which is not given"
            )]
            unsafe { rustix::thread::unshare_unsafe(own) }.unwrap();
            let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
            mount_change("/", private).unwrap();
            mount_bind(there.join("precious"), &inside).unwrap();
            assert!(refused(&inside, std::slice::from_ref(&there)).contains("mounted"));
            let whole = wipe(
                &Cx::detached(),
                &there.join("data"),
                std::slice::from_ref(&there),
                &[],
            );
            assert!(whole.unwrap_err().to_string().contains("mounted"));
        })
        .join()
        .unwrap();
        for left in ["data/x", "precious/x"] {
            assert_eq!(std::fs::read_to_string(root.join(left)).unwrap(), "1");
        }
    }
}
