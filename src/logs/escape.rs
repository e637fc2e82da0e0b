//! Colours and control bytes within the text of a line: what a terminal may get, and what it must not.

use std::borrow::Cow;

/// The text without its colours, for looking for words.
pub(super) fn stripped(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(0x1b, text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        out.extend_from_slice(&rest[..at]);
        let length = sgr(&rest[at..]).unwrap_or(0);
        if length == 0 {
            out.push(0x1b);
        }
        rest = &rest[at + length.max(1)..];
        // What a colour set apart does not become one word.
        let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        if length > 0 && letter(out.last()) && letter(rest.first()) {
            out.push(b' ');
        }
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// How long the colour sequence (`ESC [ 31 m`) at the start of `text` is; `None` when it is none.
pub(super) fn sgr(text: &[u8]) -> Option<usize> {
    let body = text.strip_prefix(b"\x1b[")?;
    let length = body
        .iter()
        .take_while(|b| b.is_ascii_digit() || matches!(b, b';' | b':'))
        .count();
    (body.get(length) == Some(&b'm')).then_some(length + 3)
}

/// Whether a terminal would take it for something else than text. A tab is text.
pub(super) fn is_control(letter: char) -> bool {
    letter.is_control() && letter != '\t'
        || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Puts a control character in a form that can be read: `\x1b`, `\u{202e}`.
pub(super) fn push_escaped(out: &mut String, letter: char) {
    use std::fmt::Write as _;
    let code = u32::from(letter);
    let _ = if code < 0x100 {
        write!(out, "\\x{code:02x}")
    } else {
        write!(out, "\\u{{{code:x}}}")
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_are_taken_out() {
        for (text, expected) in [
            (&b"a\x1b[31m b\x1b[0m.c"[..], &b"a b.c"[..]),
            (b"ER\x1b[31mROR", b"ER ROR"),
            (b"\x1b[1;38;5;9mx\x1b[m", b"x"),
            (b"a\x1b[2Jb", b"a\x1b[2Jb"),
            (b"end\x1b", b"end\x1b"),
            (b"plain", b"plain"),
        ] {
            assert_eq!(stripped(text).as_ref(), expected);
        }
    }
}
