//! Reading: a whole text within a limit, and the last lines of a file of any size.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use memchr::memrchr_iter;

use super::Error;
use crate::run::Cx;

/// What one step of [`tail`] reads.
const BLOCK: u64 = 64 * 1024;

/// More than this [`tail`] does not look back.
const FARTHEST: u64 = 64 << 20;

/// A whole text, of at most `limit` bytes.
pub fn read_text(cx: &Cx, path: &Path, limit: u64) -> Result<String, Error> {
    let bytes = read_bytes(cx, path, limit)?;
    String::from_utf8(bytes).map_err(|e| Error::NotText {
        path: path.to_owned(),
        at: e.utf8_error().valid_up_to(),
    })
}

/// A whole file, of at most `limit` bytes.
pub fn read_bytes(cx: &Cx, path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    cx.check()?;
    let file = open(path)?;
    let mut bytes = Vec::new();
    // A file of `/proc` has length 0 and a text; a growing one gets longer while it is read.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("read", path, &e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// The last `lines` lines, without their ends. Reads backwards from the end; what is not UTF-8 is replaced.
pub fn tail(cx: &Cx, path: &Path, lines: usize) -> Result<Vec<String>, Error> {
    cx.check()?;
    let failed = |e: &std::io::Error| Error::io("read", path, e);
    let mut file = open(path)?;
    let end = file.seek(SeekFrom::End(0)).map_err(|e| failed(&e))?;
    let mut start = end;
    let mut bytes = Vec::new();
    while start > 0 && end - start < FARTHEST {
        cx.check()?;
        let length = BLOCK.min(start);
        start -= length;
        file.seek(SeekFrom::Start(start)).map_err(|e| failed(&e))?;
        let mut block = Vec::new();
        (&mut file)
            .take(length)
            .read_to_end(&mut block)
            .map_err(|e| failed(&e))?;
        block.append(&mut bytes);
        bytes = block;
        // One more than asked for: the first one found may have its start before this block.
        if memrchr_iter(b'\n', &bytes).nth(lines).is_some() {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<_> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..]
        .iter()
        .map(|l| (*l).to_owned())
        .collect())
}

fn open(path: &Path) -> Result<File, Error> {
    let at = fs::metadata(path).map_err(|e| Error::io("read", path, &e))?;
    // Opening a FIFO waits for its other end, and reading a terminal for a person.
    super::stat::regular("read", path, &at)?;
    File::open(path).map_err(|e| Error::io("read", path, &e))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn texts_and_what_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let cx = Cx::detached();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "grüezi\n").unwrap();
        fs::write(at("binary"), b"ab\xff").unwrap();
        assert_eq!(read_text(&cx, &at("a"), 100).unwrap(), "grüezi\n");
        assert_eq!(read_text(&cx, &at("a"), 8).unwrap(), "grüezi\n");
        assert!(matches!(
            read_text(&cx, &at("a"), 7),
            Err(Error::TooLarge { limit: 7, .. })
        ));
        assert!(matches!(
            read_text(&cx, &at("binary"), 100),
            Err(Error::NotText { at: 2, .. })
        ));
        assert!(matches!(
            read_text(&cx, &at("none"), 100),
            Err(Error::NotFound(_))
        ));
        assert!(matches!(
            read_text(&cx, dir.path(), 100),
            Err(Error::WrongKind { is: "a folder", .. })
        ));
        assert!(
            read_text(&cx, Path::new("/proc/version"), 4096)
                .unwrap()
                .contains("Linux")
        );
    }

    #[test]
    fn last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let cx = Cx::detached();
        let lines: Vec<_> = (0..40_000).map(|n| format!("line {n}")).collect();
        fs::write(&path, lines.join("\n")).unwrap();
        assert_eq!(tail(&cx, &path, 2).unwrap(), ["line 39998", "line 39999"]);
        assert_eq!(tail(&cx, &path, 20_000).unwrap(), lines[20_000..]);
        assert_eq!(tail(&cx, &path, 1 << 30).unwrap().len(), 40_000);
        assert!(tail(&cx, &path, 0).unwrap().is_empty());
        fs::write(&path, "a\nb\n").unwrap();
        assert_eq!(tail(&cx, &path, 1).unwrap(), ["b"]);
        fs::write(&path, "").unwrap();
        assert!(tail(&cx, &path, 5).unwrap().is_empty());
    }
}
