//! Which lines belong to the line before: stack traces, and whatever else is indented. It is told by two lines alone, so
//! that a file can be cut between any two that do not belong together.

use super::Level;
use super::severity;

/// Whether `line` goes on with the record that `before` is part of.
pub(super) fn follows(before: &[u8], line: &[u8]) -> bool {
    let Some(first) = line.first() else {
        // An empty line within a trace of Python or Go.
        return ends_trace(before)
            || before.starts_with(b"panic: ")
            || before.starts_with(b"[signal ");
    };
    match first {
        b' ' | b'\t' => !before.is_empty() && !line.trim_ascii_start().starts_with(b"{"),
        b'C' => line.starts_with(b"Caused by: "),
        b'S' => line.starts_with(b"Suppressed: "),
        b'D' => line.starts_with(b"During handling of the above exception"),
        b'g' => line.starts_with(b"goroutine ") && before.is_empty(),
        b'n' => line.starts_with(b"note: run with `RUST_BACKTRACE"),
        b's' => line.starts_with(b"stack backtrace:"),
        b'T' if line.starts_with(b"The above exception was the direct cause") => true,
        // A trace after the line that announces it; after anything else it stands for itself, or an uncaught exception
        // would take the level of whatever was written before.
        b'T' if line.starts_with(b"Traceback (most recent call last)") => {
            severity::of(before).is_some_and(|found| found.level >= Level::Warn)
        }
        // The message after `thread 'main' panicked at src/main.rs:1:1:`.
        _ if before.ends_with(b":") && memchr::memmem::find(before, b"panicked at ").is_some() => {
            true
        }
        // The last line of a trace of Python, the frames of Go and of the JVM.
        _ if before.starts_with(b"goroutine ") => true,
        _ if is_indented(before) => names_exception(line) || is_go_frame(line),
        // The JVM's own line after the one of the logger: its name has a package.
        _ => {
            names_exception(line)
                && line.iter().take_while(|b| **b != b':').any(|b| *b == b'.')
                && severity::of(before).is_some_and(|found| found.level >= Level::Warn)
        }
    }
}

fn is_indented(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// `ValueError: text`, `requests.exceptions.Timeout`, `KeyboardInterrupt`.
fn names_exception(line: &[u8]) -> bool {
    let end = line
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let ends = [
        "Error",
        "Exception",
        "Interrupt",
        "Exit",
        "Warning",
        "Timeout",
        "Failure",
        "Refused",
        "Stop",
    ];
    (rest.is_empty() || rest.starts_with(b":"))
        && ends.iter().any(|end| name.ends_with(end.as_bytes()))
}

/// `main.run(0x1, {0xc000, 0x2})`.
fn is_go_frame(line: &[u8]) -> bool {
    line.ends_with(b")")
        && line
            .iter()
            .take_while(|b| **b != b'(')
            .all(|b| !b.is_ascii_whitespace())
        || line.starts_with(b"created by ")
}

fn ends_trace(line: &[u8]) -> bool {
    names_exception(line)
        || line.starts_with(b"During handling of the above exception")
        || line.starts_with(b"The above exception was")
}

/// The start of the line that ends just before `at`, which is the start of one.
pub(super) fn line_before(text: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &text[..at.saturating_sub(1)]).map_or(0, |end| end + 1)
}

/// The line that starts at `at`, without its end, and where the next one starts.
pub(super) fn line_at(text: &[u8], at: usize) -> (&[u8], usize) {
    let (line, next) = match memchr::memchr(b'\n', &text[at..]) {
        Some(length) => (&text[at..at + length], at + length + 1),
        None => (&text[at..], text.len()),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), next)
}

/// The longest record: a longer one is cut in two.
pub(super) const RECORD_LIMIT: usize = 256 * 1024;

/// Where the record that has the line at `at` begins.
pub(super) fn head_of(text: &[u8], mut at: usize) -> usize {
    while at > 0 {
        let before = line_before(text, at);
        if !follows(line_at(text, before).0, line_at(text, at).0) {
            break;
        }
        at = before;
    }
    at
}

/// Where the record that begins at `at` ends, its line feed included, and how many lines it has.
pub(super) fn end_of(text: &[u8], at: usize) -> (usize, u32) {
    let (mut line, mut next) = line_at(text, at);
    let mut lines = 1;
    while next < text.len() && next - at < RECORD_LIMIT {
        let (following, after) = line_at(text, next);
        if !follows(line, following) {
            break;
        }
        (line, next) = (following, after);
        lines += 1;
    }
    (next, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(text: &str) -> Vec<&str> {
        let mut at = 0;
        let mut found = Vec::new();
        while at < text.len() {
            let (end, _) = end_of(text.as_bytes(), at);
            found.push(text[at..end].lines().next().unwrap_or_default());
            for (n, _) in text[at..end].match_indices('\n') {
                if n + 1 < end - at {
                    assert_eq!(head_of(text.as_bytes(), at + n + 1), at, "{text}");
                }
            }
            at = end;
        }
        found
    }

    #[test]
    fn traces_stay_with_their_head() {
        let python = "ERROR:root:no\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: bad\n\nDuring handling of the above exception, another\nINFO:root:next\n";
        assert_eq!(heads(python), ["ERROR:root:no", "INFO:root:next"]);
        let uncaught = "INFO: GET /\nTraceback (most recent call last):\n  File \"a.py\"\nKeyError: 'x'\nINFO: GET /\n";
        assert_eq!(
            heads(uncaught),
            [
                "INFO: GET /",
                "Traceback (most recent call last):",
                "INFO: GET /"
            ]
        );
        let java = "2026 ERROR x\njava.lang.BadStateException: z\n\tat a.b(C.java:1)\nCaused by: q\n\t... 3 more\nINFO next\n";
        assert_eq!(heads(java), ["2026 ERROR x", "INFO next"]);
        let rust = "thread 'main' panicked at src/main.rs:2:5:\nindex out of bounds\nnote: run with `RUST_BACKTRACE=1`\nnext\n";
        assert_eq!(
            heads(rust),
            ["thread 'main' panicked at src/main.rs:2:5:", "next"]
        );
        let go = "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/b.go:5 +0x1d\nexit status 2\n";
        assert_eq!(heads(go), ["panic: boom", "exit status 2"]);
        assert_eq!(heads("a\nb\n\nc\n"), ["a", "b", "", "c"]);
        assert_eq!(heads("{\n  \"a\": 1\n}\n"), ["{", "}"]);
    }
}
