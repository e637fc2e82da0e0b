//! `.env` files, by dotenvy's parser, which knows quotes, escapes, `export`, comments and values over
//! several lines.
//!
//! Of a name that is given twice the last one counts, as in the shell and in compose. `$NAME` in a value
//! that is not in single quotes stands for that variable: the process's own first, then one further up
//! in the file.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use serde::Serialize;

use super::Error;
use crate::run::Cx;

/// What a `.env` file says.
#[derive(Clone, Serialize)]
pub struct EnvFile {
    /// Name to value; the last of each name.
    pub values: BTreeMap<String, String>,
    /// Names that are given more than once, sorted.
    pub duplicates: Vec<String>,
}

impl std::fmt::Debug for EnvFile {
    /// Names only: the values are secrets more often than not.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnvFile")
            .field("names", &self.values.keys())
            .field("duplicates", &self.duplicates)
            .finish()
    }
}

/// Reads a `.env` file.
pub fn file(cx: &Cx, path: &Path) -> Result<EnvFile, Error> {
    use crate::files;
    let text = files::read_text(cx, path, 1 << 20).map_err(|error| match error {
        files::Error::Stopped(stop) => Error::Stopped(stop),
        files::Error::NotFound(path) => Error::NoFile(path),
        files::Error::NotAllowed { path, reason, .. } => Error::NotAllowed { path, reason },
        error => Error::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        },
    })?;
    parse(&text).map_err(|(line, reason)| Error::BadLine {
        path: path.to_owned(),
        line,
        reason,
    })
}

/// The error is the number of the line at which the parser gave up. It also has the line's text, which stays
/// here: it may hold a password.
fn parse(text: &str) -> Result<EnvFile, (usize, &'static str)> {
    let lines = Rc::new(Cell::new(0));
    let reader = LineByLine {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes(),
        lines: lines.clone(),
    };
    let mut values = BTreeMap::new();
    let mut duplicates = Vec::new();
    for entry in dotenvy::from_read_iter(reader) {
        let (name, value) = entry.map_err(|error| {
            let reason = match error {
                dotenvy::Error::LineParse(..) => {
                    "a name, a `=` and a value are wanted; a value with blanks needs quotes, and a quote its end"
                }
                _ => "it cannot be read",
            };
            (lines.get(), reason)
        })?;
        if values.insert(name.clone(), value).is_some() {
            duplicates.push(name);
        }
    }
    duplicates.sort();
    duplicates.dedup();
    Ok(EnvFile { values, duplicates })
}

/// Hands out one line at a time, so that the count says which line the parser is at.
struct LineByLine<'a> {
    rest: &'a [u8],
    lines: Rc<Cell<usize>>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
        let length = line.min(buffer.len());
        let (now, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.rest = rest;
        if length > 0 && length == line {
            self.lines.set(self.lines.get() + 1);
        }
        Ok(length)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn what_such_files_hold() {
        let text = "\u{feff}# comment
A=1
export B='single $A # no'
C=\"two\\nlines\"
D=\"over
two\"
E=$A-x   # comment
A=2
F=
";
        let file = parse(text).unwrap();
        let get = |name: &str| file.values.get(name).map(String::as_str);
        assert_eq!(get("A"), Some("2"));
        assert_eq!(get("B"), Some("single $A # no"));
        assert_eq!(get("C"), Some("two\nlines"));
        assert_eq!(get("D"), Some("over\ntwo"));
        assert_eq!(get("E"), Some("1-x"));
        assert_eq!(get("F"), Some(""));
        assert_eq!(file.duplicates, ["A"]);
        assert!(
            !format!("{file:?}").contains("single"),
            "values do not show"
        );
    }

    #[test]
    fn a_wrong_line_is_named_and_not_shown() {
        for (text, line) in [
            ("A=1\n\n# x\nsecret words here\nB=2\n", 4),
            ("A=two words\n", 1),
            ("A=1\nB=\"open\nC=3\n", 3),
            ("=x", 1),
        ] {
            assert_eq!(parse(text).unwrap_err().0, line, "{text:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        std::fs::write(&path, "PASSWORD hunter2\n").unwrap();
        let error = file(&Cx::detached(), &path).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert!(error.to_string().contains("line 1"), "{error}");
        let none = file(&Cx::detached(), &dir.path().join("none"));
        assert!(matches!(none, Err(Error::NoFile(_))));
    }
}
