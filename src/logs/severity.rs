//! How bad a line is, and how we know: from a field that says so, from the prefix that its logger writes, or from a word
//! in the text, which is a guess.

use std::ops::Range;

use memchr::memmem;

use super::Level;
use super::json::{self, Head};
use super::logfmt;
use crate::instant;

/// Where a level was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// A field of JSON or logfmt.
    Field,
    /// The place where this kind of logger writes it.
    Prefix,
    /// A word somewhere in the text: a guess.
    Word,
}

impl Provenance {
    /// `field`, `prefix` or `word`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Prefix => "prefix",
            Self::Word => "word",
        }
    }
}

/// A level, and how we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severity {
    /// How bad.
    pub level: Level,
    /// How we know.
    pub from: Provenance,
}

/// Beginnings of what programs write when they die, whatever their logger is.
const DEATHS: [(&[u8], Level); 7] = [
    (b"Traceback (most recent call last)", Level::Error),
    (b"Exception in thread ", Level::Error),
    (b"panic: ", Level::Critical),
    (b"fatal error: ", Level::Critical),
    (b"thread '", Level::Critical),
    (b"Unhandled exception", Level::Error),
    (b"Uncaught ", Level::Error),
];

/// What a prefilter must look for beside [`Level::literals`], so that nothing that [`of`] finds is missed: what stands for
/// no word, and the level that it stands for. An escape in JSON may stand for anything.
const MORE_LITERALS: [(&str, Level); 12] = [
    ("\\u", Level::Critical),
    ("Traceback (most", Level::Error),
    ("Exception in thread", Level::Error),
    ("Unhandled exception", Level::Error),
    ("Uncaught ", Level::Error),
    (" # ", Level::Warn),
    ("Z E ", Level::Error),
    ("Z C ", Level::Critical),
    // klog: a letter and the month, at the start of a line.
    ("\nW", Level::Warn),
    ("\nE0", Level::Error),
    ("\nE1", Level::Error),
    ("\nF", Level::Critical),
];

/// Texts of which at least one stands in, or with the line feed before, each line that is at least this bad.
pub(super) fn literals(least: Level) -> Vec<String> {
    let more = MORE_LITERALS.iter().filter(|(_, level)| *level >= least);
    let more = more.map(|(text, _)| (*text).to_owned());
    least.literals().into_iter().chain(more).collect()
}

/// The severity of a line; of several lines, of the first.
pub(super) fn of(text: &[u8]) -> Option<Severity> {
    with_head(json::head(text).as_ref(), text)
}

/// The same, where the head of a JSON line is known, or that it is none.
pub(super) fn with_head(head: Option<&Head<'_>>, text: &[u8]) -> Option<Severity> {
    let line = first_line(text);
    let Some(head) = head else {
        return of_text(line);
    };
    let field = head.level.map(|level| Severity {
        level,
        from: Provenance::Field,
    });
    field.or_else(|| word(line))
}

/// The severity of a line that is no JSON.
fn of_text(line: &[u8]) -> Option<Severity> {
    if memchr::memchr(0x1b, line).is_some() {
        return plain(&super::escape::stripped(line));
    }
    plain(line)
}

fn plain(line: &[u8]) -> Option<Severity> {
    let found = |level, from| Some(Severity { level, from });
    if let Some(level) = logfmt::level(line) {
        return found(level, Provenance::Field);
    }
    let usual = klog(line)
        .or_else(|| redis(line))
        .or_else(|| questdb(line))
        .or_else(|| death(line));
    if let Some(level) = usual {
        return found(level, Provenance::Prefix);
    }
    if let Some(level) = prefix(line) {
        return found(level, Provenance::Prefix);
    }
    word(line)
}

/// `E1128 14:33:06.123456       1 server.go:12] text`.
fn klog(line: &[u8]) -> Option<Level> {
    let (letter, rest) = line.split_first()?;
    let dated = rest.len() > 6
        && matches!(rest[0], b'0' | b'1')
        && rest[1..4].iter().all(u8::is_ascii_digit)
        && rest[4] == b' '
        && rest[5].is_ascii_digit();
    if !dated {
        return None;
    }
    Some(match letter {
        b'D' => Level::Debug,
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Critical,
        _ => return None,
    })
}

/// `1:M 28 Nov 2026 14:33:06.123 # text`.
fn redis(line: &[u8]) -> Option<Level> {
    let mut tokens = line.split(|b| *b == b' ');
    let who = tokens.next()?;
    let (pid, role) = who.split_at_checked(who.len().checked_sub(2)?)?;
    if pid.is_empty()
        || !pid.iter().all(u8::is_ascii_digit)
        || !matches!(role, [b':', b'M' | b'S' | b'C' | b'X'])
    {
        return None;
    }
    let sign = tokens.nth(4)?;
    tokens.next()?;
    Some(match sign {
        b"." => Level::Debug,
        b"-" => Level::Trace,
        b"*" => Level::Info,
        b"#" => Level::Warn,
        _ => return None,
    })
}

/// `2026-11-28T14:33:06.123456Z E i.q.c.TableWriter text`.
fn questdb(line: &[u8]) -> Option<Level> {
    let end = memchr::memchr(b' ', &line[..line.len().min(40)])?;
    let [letter, b' ', ..] = line[end + 1..] else {
        return None;
    };
    let timed = line[..end].ends_with(b"Z") && instant::parse(line).is_some();
    let level = match letter {
        b'D' => Level::Debug,
        b'I' | b'A' => Level::Info,
        b'E' => Level::Error,
        b'C' => Level::Critical,
        _ => return None,
    };
    timed.then_some(level)
}

fn death(line: &[u8]) -> Option<Level> {
    let (_, level) = DEATHS.iter().find(|(start, _)| line.starts_with(start))?;
    // A thread is no death until it says so.
    let died = !line.starts_with(b"thread '") || memmem::find(line, b"panicked at").is_some();
    died.then_some(*level)
}

/// The level among the first words, as long as they look like what loggers write before the message: times, numbers,
/// names with dots, things in brackets, a name between dashes.
fn prefix(line: &[u8]) -> Option<Level> {
    let mut after_dash = false;
    for (n, token) in tokens(line).take(10).enumerate() {
        let bare = trimmed(token);
        if let Some(level) = Level::named(bare) {
            let marked = bare.len() < token.len()
                || bare[0].is_ascii_uppercase() && bare.iter().all(u8::is_ascii_uppercase);
            // A word in a sentence is no prefix; the first word, or one that a logger marks, is.
            if marked || n == 0 && bare.iter().all(u8::is_ascii_uppercase) {
                return Some(level);
            }
        }
        // `ERROR:root:text`, `level:error`.
        if let Some(colon) = memchr::memchr(b':', token)
            && colon > 2
            && token[..colon].iter().all(u8::is_ascii_uppercase)
            && let Some(level) = Level::named(&token[..colon])
        {
            return Some(level);
        }
        // Fields are no prefix, nor is broken JSON.
        if token.contains(&b'=') || matches!(token[0], b'{' | b'"') {
            return None;
        }
        let prose = bare.len() > 1
            && bare.len() == token.len()
            && bare.iter().all(u8::is_ascii_alphabetic)
            && !month_or_zone(bare);
        if prose && !after_dash {
            return None;
        }
        after_dash = matches!(token, b"-" | b"|" | b"--");
    }
    None
}

fn month_or_zone(word: &[u8]) -> bool {
    const KNOWN: [&[u8]; 17] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec", b"UTC", b"GMT", b"CET", b"EST", b"AM",
    ];
    KNOWN.contains(&word)
}

fn tokens(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line[..line.len().min(200)]
        .split(|b| matches!(b, b' ' | b'\t'))
        .filter(|token| !token.is_empty())
}

/// Without the brackets and signs around it.
fn trimmed(token: &[u8]) -> &[u8] {
    let sign = |b: &u8| {
        matches!(
            b,
            b'[' | b']' | b'(' | b')' | b'<' | b'>' | b':' | b'|' | b',' | b'!' | b'*'
        )
    };
    let from = token.iter().position(|b| !sign(b)).unwrap_or(token.len());
    let to = token
        .iter()
        .rposition(|b| !sign(b))
        .map_or(from, |at| at + 1);
    &token[from..to]
}

/// A level's word in capitals, anywhere. The worst counts.
fn word(line: &[u8]) -> Option<Severity> {
    let mut worst = None;
    let mut at = 0;
    while let Some(found) = capitals(line, at) {
        at = found.end;
        let word = &line[found.clone()];
        let level = Level::named(word).filter(|level| *level >= Level::Warn && word.len() > 3);
        // `npm ERR! text`.
        let level = level.or_else(|| {
            (word == b"ERR" && line.get(found.end) == Some(&b'!')).then_some(Level::Error)
        });
        worst = worst.max(level);
    }
    worst.map(|level| Severity {
        level,
        from: Provenance::Word,
    })
}

/// The next run of capitals that is a word by itself.
fn capitals(line: &[u8], mut at: usize) -> Option<Range<usize>> {
    let part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    loop {
        let start = at + line.get(at..)?.iter().position(u8::is_ascii_uppercase)?;
        let end = start
            + line[start..]
                .iter()
                .position(|b| !part(b))
                .unwrap_or(line.len() - start);
        let whole = start == 0 || !part(&line[start - 1]);
        if whole && line[start..end].iter().all(u8::is_ascii_uppercase) {
            return Some(start..end);
        }
        at = end;
    }
}

pub(super) fn first_line(text: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', text).map_or(text, |at| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_as_loggers_write_them() {
        use Level::{Critical, Debug, Error, Info, Trace, Warn};
        use Provenance::{Field, Prefix, Word};
        let cases: &[(&str, Option<(Level, Provenance)>)] = &[
            (r#"{"level":"error","message":"x"}"#, Some((Error, Field))),
            (r#"{"l\u0065vel":"ERROR"}"#, Some((Error, Field))),
            (r#"{"level":50,"msg":"pino"}"#, Some((Error, Field))),
            (r#"{"level": 40}"#, Some((Warn, Field))),
            (r#"{"latency":50}"#, None),
            (r#"{"severity":"WARNING"}"#, Some((Warn, Field))),
            (r#"{"log":{"level":"fatal"}}"#, Some((Critical, Field))),
            (r#"{"log.level":"info"}"#, Some((Info, Field))),
            (r#"{"message":"an ERROR within"}"#, Some((Error, Word))),
            ("ts=2026 level=warn msg=\"no ERROR\"", Some((Warn, Field))),
            ("time=x lvl=\"eror\" ERROR", Some((Error, Word))),
            (
                "E1128 14:33:06.123456       1 a.go:1] x",
                Some((Error, Prefix)),
            ),
            (
                "I1128 14:33:06.123456       1 a.go:1] x",
                Some((Info, Prefix)),
            ),
            (
                "2026-11-28 14:33:06.123 UTC [1] ERROR:  relation",
                Some((Error, Prefix)),
            ),
            (
                "2026-11-28 14:33:06.123 UTC [1] LOG:  ready",
                Some((Info, Prefix)),
            ),
            (
                "2026-11-28 14:33:06,123 - myapp - ERROR - x",
                Some((Error, Prefix)),
            ),
            ("ERROR:root:x", Some((Error, Prefix))),
            ("INFO:     127.0.0.1 - \"GET /ERROR\"", Some((Info, Prefix))),
            (
                "2026-11-28 14:33:06.1 [main] WARN  c.f.Bar - ERROR",
                Some((Warn, Prefix)),
            ),
            (
                "2026-11-28T14:33:06Z  INFO a::b: ERROR",
                Some((Info, Prefix)),
            ),
            (
                "\u{1b}[2m2026-11-28T14:33:06Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m a: x",
                Some((Error, Prefix)),
            ),
            ("[2026-11-28T14:33:06Z DEBUG a] x", Some((Debug, Prefix))),
            ("2026/11/28 14:33:06 [error] 1#1: x", Some((Error, Prefix))),
            (
                "1:M 28 Nov 2026 14:33:06.123 # Warning",
                Some((Warn, Prefix)),
            ),
            ("1:M 28 Nov 2026 14:33:06.123 * Ready", Some((Info, Prefix))),
            ("1:M 28 Nov 2026 14:33:06.123 - x", Some((Trace, Prefix))),
            (
                "2026-11-28T14:33:06.123456Z E i.q.c.TableWriter x",
                Some((Error, Prefix)),
            ),
            (
                "2026-11-28T14:33:06.123456Z I http-server ERROR",
                Some((Info, Prefix)),
            ),
            ("Traceback (most recent call last):", Some((Error, Prefix))),
            (
                "thread 'main' panicked at src/main.rs:1:1:",
                Some((Critical, Prefix)),
            ),
            ("thread 'main' started", None),
            ("panic: runtime error", Some((Critical, Prefix))),
            ("npm ERR! code 1", Some((Error, Word))),
            ("request failed with ERROR 5", Some((Error, Word))),
            ("0 errors, no error at all", None),
            ("an error in lower case is prose", None),
            ("TERROR and ERRORS", None),
            ("", None),
            ("{broken ERROR", Some((Error, Word))),
        ];
        for (line, expected) in cases {
            let found = of(line.as_bytes()).map(|s| (s.level, s.from));
            assert_eq!(found, *expected, "{line}");
        }
    }

    #[test]
    fn whatever_is_bad_has_a_literal_of_the_prefilter() {
        let lines = [
            r#"{"l\u0065vel":"\u0065rror"}"#,
            r#"{"level":50}"#,
            "E1128 14:33:06.123456 1 a.go:1] x",
            "thread 'main' panicked at x",
            "1:M 28 Nov 2026 14:33:06.123 # Warning",
            "2026-11-28T14:33:06.123456Z C i.q.c.TableWriter x",
            "npm ERR! code",
        ];
        for line in lines {
            let level = of(line.as_bytes()).map(|s| s.level);
            let with_feed = format!("\n{line}");
            let literals = literals(level.unwrap_or(Level::Critical));
            assert!(
                literals.iter().any(|l| with_feed.contains(l.as_str())),
                "{line}"
            );
        }
    }
}
