//! What a program wrote: kept up to a limit, or cut into lines.

use memchr::memchr_iter;
use serde::Serialize;

/// A line without an end is cut here.
const LONGEST_LINE: usize = 1 << 20;

/// Which of its two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Its output.
    Stdout,
    /// Its errors.
    Stderr,
}

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Which output.
    pub source: Source,
    /// The text; what is not UTF-8 is replaced.
    pub text: String,
}

/// The first bytes of an output.
#[derive(Debug)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    most: usize,
    cut: bool,
}

impl Kept {
    pub(super) fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            most,
            cut: false,
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        let room = self.most - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.bytes)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }
}

/// Cuts an output into lines as it comes.
#[derive(Debug)]
pub(super) struct Lines {
    source: Source,
    /// The start of a line whose end has not come.
    rest: Vec<u8>,
}

impl Lines {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            rest: Vec::new(),
        }
    }

    /// The lines that end in `bytes`.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut from = 0;
        for at in memchr_iter(b'\n', bytes) {
            self.rest.extend_from_slice(&bytes[from..at]);
            lines.push(self.take());
            from = at + 1;
        }
        self.rest.extend_from_slice(&bytes[from..]);
        if self.rest.len() >= LONGEST_LINE {
            lines.push(self.take());
        }
        lines
    }

    /// The last line, when the output ends without a line's end.
    pub(super) fn end(&mut self) -> Option<Line> {
        (!self.rest.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Line {
        let bytes = std::mem::take(&mut self.rest);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        Line {
            source: self.source,
            text: String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// The last line that says something, cut to a line's length.
pub(super) fn last_line(text: &str) -> Option<String> {
    let line = text.lines().rev().find(|l| !l.trim().is_empty())?;
    Some(line.trim().chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_across_pieces() {
        let mut lines = Lines::new(Source::Stdout);
        let mut texts = Vec::new();
        for piece in ["a\nb", "", "c\r\n\nd", "e"] {
            texts.extend(lines.add(piece.as_bytes()).into_iter().map(|l| l.text));
        }
        texts.extend(lines.end().map(|l| l.text));
        assert_eq!(texts, ["a", "bc", "", "de"]);
        assert_eq!(lines.end(), None);
    }

    #[test]
    fn a_line_without_end_does_not_grow_for_ever() {
        let mut lines = Lines::new(Source::Stderr);
        let found = lines.add(&vec![b'x'; LONGEST_LINE + 1]);
        assert_eq!(found.len(), 1);
        assert_eq!(lines.end(), None);
    }

    #[test]
    fn no_more_than_the_limit_is_kept() {
        let mut kept = Kept::new(4);
        kept.add(b"abc");
        assert!(!kept.is_cut());
        kept.add(b"de");
        kept.add(b"f");
        assert!(kept.is_cut());
        assert_eq!(kept.into_text(), "abcd");
        assert_eq!(last_line("a\n b \n\n").as_deref(), Some("b"));
    }
}
