//! The one true path behind a path: links followed, `.` and `..` gone, also for what does not exist yet.
//! What a header or a profile allows is compared with this, so that no spelling evades it.

use std::path::{Component, Path, PathBuf};

/// The path with its links followed as far as it exists.
pub fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut known = absolute.as_path();
    let mut missing = Vec::new();
    loop {
        if let Ok(real) = known.canonicalize() {
            let mut whole = real;
            for part in missing.iter().rev() {
                match part {
                    // Above something that does not exist nothing can be followed: by the letter then.
                    Component::ParentDir => drop(whole.pop()),
                    Component::Normal(name) => whole.push(name),
                    _ => {}
                }
            }
            return whole;
        }
        let Some(last) = known.components().next_back() else {
            return absolute;
        };
        missing.push(last);
        let Some(parent) = known.parent() else {
            return absolute;
        };
        known = parent;
    }
}

/// The same for what is done to the name itself (removing): a link in the last place is not followed.
pub fn real_parent(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => {
            real(Path::new(".")).join(name)
        }
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => real(path),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_evades() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir(top.join("a")).unwrap();
        std::os::unix::fs::symlink("a", top.join("link")).unwrap();
        let table: &[(&str, &str)] = &[
            ("a/x", "a/x"),
            ("link/x/y", "a/x/y"),
            ("link/../link", "a"),
            ("./a/../b", "b"),
            ("missing/../a/x", "a/x"),
            ("missing/../../", ".."),
        ];
        for (path, expected) in table {
            let expected = if *expected == ".." {
                top.parent().unwrap().to_owned()
            } else {
                top.join(expected)
            };
            assert_eq!(real(&top.join(path)), expected, "{path}");
        }
        assert_eq!(real_parent(&top.join("link")), top.join("link"));
        assert_eq!(real(Path::new("/")), Path::new("/"));
        assert!(real(Path::new("x")).is_absolute());
    }
}
