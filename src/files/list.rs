//! The entries of a folder, and the paths that fit a pattern.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::{Error, Stat, stat};
use crate::run::Cx;

/// The entries of a folder, by name. Links to nowhere are left out, as is what goes away meanwhile.
pub fn list(cx: &Cx, folder: &Path) -> Result<Vec<Stat>, Error> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        cx.check()?;
        match stat(&path) {
            Ok(entry) => found.push(entry),
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |e: &std::io::Error| match e.kind() {
        std::io::ErrorKind::NotADirectory => Error::WrongKind {
            verb: "list",
            path: folder.to_owned(),
            is: "no folder",
        },
        _ => Error::io("list", folder, e),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| failed(&e))? {
        paths.push(entry.map_err(|e| failed(&e))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The paths that fit a pattern, sorted: `*` and `?` stand for characters within one name, `[a-z]` for one of a
/// set; a name that starts with a dot fits only where the pattern has that dot, too. Folders that may not
/// be read, or are not there, hold nothing that fits.
pub fn glob(cx: &Cx, pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let bad = |reason: &str| Error::BadPattern {
        pattern: pattern.into(),
        reason: reason.into(),
    };
    if pattern.is_empty() {
        return Err(bad("it is empty"));
    }
    if pattern.split('/').any(|part| part == "**") {
        return Err(bad(
            "`**` is not known; name each level, as in `logs/*/*.log`",
        ));
    }
    let mut found = vec![PathBuf::from(if pattern.starts_with('/') {
        "/"
    } else {
        ""
    })];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        let name = name_pattern(part).map_err(|e| bad(&e))?;
        for folder in found {
            cx.check()?;
            let Some(name) = &name else {
                let path = folder.join(part);
                if path.symlink_metadata().is_ok() {
                    next.push(path);
                }
                continue;
            };
            let here = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                &*folder
            };
            for entry in entries(here).unwrap_or_default() {
                let fits = entry
                    .file_name()
                    .and_then(|n| n.to_str())
                    .filter(|n| (!n.starts_with('.') || part.starts_with('.')) && name.is_match(n));
                if let Some(fits) = fits {
                    next.push(folder.join(fits));
                }
            }
        }
        found = next;
    }
    found.sort();
    Ok(found)
}

/// One name of a pattern; `None` when it has no wildcard.
fn name_pattern(part: &str) -> Result<Option<Regex>, String> {
    if !part.contains(['*', '?', '[']) {
        return Ok(None);
    }
    let mut regex = String::from("(?s)^");
    let mut rest = part.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => {
                let set: String = rest.by_ref().take_while(|c| *c != ']').collect();
                let (not, set) = set
                    .strip_prefix('!')
                    .map_or(("", set.as_str()), |s| ("^", s));
                if set.is_empty() {
                    return Err("a `[` needs characters and a `]`".into());
                }
                regex.push_str(&format!(
                    "[{not}{}]",
                    regex::escape(set).replace("\\-", "-")
                ));
            }
            c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    Regex::new(&regex).map(Some).map_err(|e| e.to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "a/x1.log",
            "a/x2.log",
            "a/.hidden.log",
            "b/x1.log",
            "b/y.txt",
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let top = dir.path().display().to_string();
        let fits = |pattern: &str| -> Vec<String> {
            glob(&Cx::detached(), &format!("{top}/{pattern}"))
                .unwrap()
                .iter()
                .map(|p| p.strip_prefix(dir.path()).unwrap().display().to_string())
                .collect()
        };
        assert_eq!(fits("*/x1.log"), ["a/x1.log", "b/x1.log"]);
        assert_eq!(fits("a/*.log"), ["a/x1.log", "a/x2.log"]);
        assert_eq!(fits("a/.*"), ["a/.hidden.log"]);
        assert_eq!(fits("a/x[2-9].log"), ["a/x2.log"]);
        assert_eq!(fits("?/[!x].txt"), ["b/y.txt"]);
        assert_eq!(fits("a/x1.log"), ["a/x1.log"]);
        assert!(fits("no/*").is_empty());
        for bad in ["", "a/**/b", "a[", "a[z-a]"] {
            assert!(
                matches!(glob(&Cx::detached(), bad), Err(Error::BadPattern { .. })),
                "{bad}"
            );
        }
        assert_eq!(
            list(&Cx::detached(), &dir.path().join("a")).unwrap().len(),
            3
        );
        let file = dir.path().join("b/y.txt");
        assert!(matches!(
            list(&Cx::detached(), &file),
            Err(Error::WrongKind { .. })
        ));
    }
}
