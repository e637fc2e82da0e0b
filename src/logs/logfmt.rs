//! logfmt: `ts=... level=warn msg="text with \"quotes\""`.

use memchr::memmem;
use serde_json::{Map, Value};

use super::Level;

const LEVELS: [&[u8]; 4] = [b"level=", b"lvl=", b"severity=", b"loglevel="];

/// The level, where one of the usual keys names one.
pub(super) fn level(line: &[u8]) -> Option<Level> {
    // Nearly every line that is none is known by this.
    memchr::memchr(b'=', line)?;
    LEVELS.iter().find_map(|key| {
        memmem::find_iter(line, key).find_map(|at| {
            let begins = at == 0 || line[at - 1] == b' ';
            let value = begins.then(|| value(&line[at + key.len()..]).0)?;
            Level::named(value)
        })
    })
}

/// A value at the start of `rest`, without its quotes, and how long it is with them.
fn value(rest: &[u8]) -> (&[u8], usize) {
    if rest.first() != Some(&b'"') {
        let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
        return (&rest[..end], end);
    }
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    let end = at.min(rest.len());
    (&rest[1.min(end)..end], (end + 1).min(rest.len()))
}

/// All pairs, when there are at least two: one alone may be prose. Numbers are numbers, the rest is text.
pub(super) fn fields(line: &[u8]) -> Option<Map<String, Value>> {
    let mut map = Map::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let key = rest.iter().take_while(|b| is_key(**b)).count();
        if key == 0 || rest.get(key) != Some(&b'=') {
            // On to the next word.
            at += rest.iter().position(|b| *b == b' ').unwrap_or(rest.len()) + 1;
            continue;
        }
        let (found, length) = value(&rest[key + 1..]);
        let name = String::from_utf8_lossy(&rest[..key]).into_owned();
        let text = String::from_utf8_lossy(found);
        let quoted = rest.get(key + 1) == Some(&b'"');
        map.insert(name, typed(&text, quoted));
        at += key + 1 + length;
    }
    (map.len() > 1).then_some(map)
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@')
}

fn typed(text: &str, quoted: bool) -> Value {
    if quoted {
        return Value::String(unescaped(text));
    }
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) => Value::Number(number),
            Err(_) => Value::String(text.to_owned()),
        },
    }
}

fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        let line = br#"ts=2026-11-28T10:00:00Z level=warn status=500 ok=true msg="a \"b\" c" path=/x?y=1 end"#;
        let map = fields(line).unwrap();
        assert_eq!(map["status"], 500);
        assert_eq!(map["ok"], true);
        assert_eq!(map["msg"], "a \"b\" c");
        assert_eq!(map["path"], "/x?y=1");
        assert_eq!(level(line), Some(Level::Warn));
        assert_eq!(fields(b"only=one pair"), None);
        assert_eq!(level(b"sublevel=error"), None);
        assert_eq!(level(b"level=\"error"), Some(Level::Error));
        assert_eq!(value(b"\"\\"), (&b"\\"[..], 2));
    }
}
