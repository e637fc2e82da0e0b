//! What a file or a folder with all that is in it amounts to.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Error;
use crate::run::Cx;

/// What a file or a whole folder amounts to. Links within are not followed, so that nothing counts twice.
#[derive(Debug, Clone, Serialize)]
pub struct Tree {
    /// The path as asked.
    pub path: String,
    /// How many files.
    pub files: i64,
    /// Their lengths together.
    pub size_bytes: i64,
    /// The last change of a file's content; of the folder itself when there is no file.
    pub newest: DateTime<Utc>,
    /// How many entries could not be looked at, and so are not counted.
    pub unreadable: i64,
}

/// Adds up what is at a path.
pub fn tree(cx: &Cx, path: &Path) -> Result<Tree, Error> {
    let at = fs::metadata(path).map_err(|e| Error::io("look at", path, &e))?;
    let mut tree = Tree {
        path: path.display().to_string(),
        files: 0,
        size_bytes: 0,
        newest: modified(&at),
        unreadable: 0,
    };
    let mut newest = None;
    let mut folders: Vec<PathBuf> = Vec::new();
    if at.is_dir() {
        // That the outermost may not be read is an error; within, it is a count.
        fs::read_dir(path).map_err(|e| Error::io("list", path, &e))?;
        folders.push(path.to_owned());
    } else {
        tree.add(&at, &mut newest);
    }
    while let Some(folder) = folders.pop() {
        cx.check()?;
        let Ok(entries) = fs::read_dir(&folder) else {
            tree.unreadable += 1;
            continue;
        };
        for entry in entries {
            let looked = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)));
            match looked {
                Ok((path, at)) if at.is_dir() => folders.push(path),
                Ok((_, at)) => tree.add(&at, &mut newest),
                // What goes away meanwhile is not there.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(_) => tree.unreadable += 1,
            }
        }
    }
    if let Some(newest) = newest {
        tree.newest = newest;
    }
    Ok(tree)
}

impl Tree {
    fn add(&mut self, at: &Metadata, newest: &mut Option<DateTime<Utc>>) {
        if !at.is_file() {
            return;
        }
        self.files += 1;
        let bytes = i64::try_from(at.len()).unwrap_or(i64::MAX);
        self.size_bytes = self.size_bytes.saturating_add(bytes);
        let modified = modified(at);
        if newest.is_none_or(|before| before < modified) {
            *newest = Some(modified);
        }
    }
}

fn modified(at: &Metadata) -> DateTime<Utc> {
    at.modified().map(DateTime::from).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_folder_with_all_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        fs::create_dir_all(dir.path().join("run/deep")).unwrap();
        for (name, bytes) in [("run/a", 10), ("run/deep/b", 32)] {
            let path = dir.path().join(name);
            fs::write(&path, vec![b'.'; bytes]).unwrap();
            let file = fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(old).unwrap();
        }
        // Not followed: it would count for ever, or twice.
        std::os::unix::fs::symlink(dir.path(), dir.path().join("run/round")).unwrap();
        let whole = tree(&Cx::detached(), &dir.path().join("run")).unwrap();
        assert_eq!(
            (whole.files, whole.size_bytes, whole.unreadable),
            (2, 42, 0)
        );
        assert_eq!(whole.newest.timestamp(), 1_000_000);
        let one = tree(&Cx::detached(), &dir.path().join("run/a")).unwrap();
        assert_eq!((one.files, one.size_bytes), (1, 10));
        let none = dir.path().join("none");
        assert!(matches!(
            tree(&Cx::detached(), &none),
            Err(Error::NotFound(_))
        ));
        fs::create_dir(&none).unwrap();
        let empty = tree(&Cx::detached(), &none).unwrap();
        assert_eq!((empty.files, empty.size_bytes), (0, 0));
        assert!((Utc::now() - empty.newest).num_seconds().abs() < 60);
    }
}
