//! The levels of a log, and the words and numbers that loggers write for them.

use std::fmt;

/// How bad a line is. What cannot be told has no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// `TRACE`, `VERBOSE`.
    Trace,
    /// `DEBUG`.
    Debug,
    /// `INFO`, `NOTICE`, Postgres' `LOG`.
    Info,
    /// `WARN`, `WARNING`.
    Warn,
    /// `ERROR`, `SEVERE`.
    Error,
    /// `CRITICAL`, `FATAL`, `PANIC`, `ALERT`, `EMERG`.
    Critical,
}

/// Every word that is a level, in lower case. Loggers write them so, in upper case, or capitalised; nothing else counts,
/// so that the few literals of [`Level::literals`] find every one of them.
const WORDS: [(&str, Level); 22] = [
    ("trace", Level::Trace),
    ("verbose", Level::Trace),
    ("debug", Level::Debug),
    ("info", Level::Info),
    ("information", Level::Info),
    ("informational", Level::Info),
    ("notice", Level::Info),
    ("log", Level::Info),
    ("warn", Level::Warn),
    ("warning", Level::Warn),
    ("error", Level::Error),
    ("err", Level::Error),
    ("severe", Level::Error),
    ("critical", Level::Critical),
    ("crit", Level::Critical),
    ("fatal", Level::Critical),
    ("panic", Level::Critical),
    ("alert", Level::Critical),
    ("emerg", Level::Critical),
    ("emergency", Level::Critical),
    ("dpanic", Level::Critical),
    ("fine", Level::Debug),
];

impl Level {
    /// All of them, the least bad first.
    pub const ALL: [Self; 6] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
        Self::Critical,
    ];

    /// What we call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The level of a logger's word: `error`, `ERROR` or `Error`, nothing in between.
    pub fn named(word: &[u8]) -> Option<Self> {
        let (first, rest) = word.split_first()?;
        if word.len() > 13 || !first.is_ascii_alphabetic() {
            return None;
        }
        let lower = rest.iter().all(u8::is_ascii_lowercase);
        let upper = first.is_ascii_uppercase() && rest.iter().all(u8::is_ascii_uppercase);
        if !lower && !upper {
            return None;
        }
        WORDS
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word))
            .map(|(_, level)| *level)
    }

    /// The level of the numbers that pino and bunyan write: 10 to 60.
    pub const fn numbered(number: u64) -> Option<Self> {
        Some(match number {
            10 => Self::Trace,
            20 => Self::Debug,
            30 => Self::Info,
            40 => Self::Warn,
            50 => Self::Error,
            60 => Self::Critical,
            _ => return None,
        })
    }

    /// Texts of which at least one stands in whatever is at least this bad and written as a word or a number.
    pub(super) fn literals(self) -> Vec<String> {
        let mut all = Vec::new();
        for (word, _) in WORDS.iter().filter(|(_, level)| *level >= self) {
            // A word that begins with another is found by it.
            if WORDS
                .iter()
                .any(|(other, l)| *l >= self && other != word && word.starts_with(other))
            {
                continue;
            }
            let mut letters = word.chars();
            let capitalised = letters
                .next()
                .map(|c| c.to_uppercase().chain(letters).collect());
            all.extend([word.to_string(), word.to_uppercase()]);
            all.extend(capitalised);
        }
        for number in [40, 50, 60] {
            if Self::numbered(number).is_some_and(|level| level >= self) {
                for end in [',', '}'] {
                    all.extend([format!("\":{number}{end}"), format!("\": {number}{end}")]);
                }
            }
        }
        all
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_in_three_cases_only() {
        for (word, expected) in [
            ("error", Some(Level::Error)),
            ("ERROR", Some(Level::Error)),
            ("Error", Some(Level::Error)),
            ("eRROR", None),
            ("errors", None),
            ("Warning", Some(Level::Warn)),
            ("FATAL", Some(Level::Critical)),
            ("e", None),
            ("", None),
            ("5error", None),
        ] {
            assert_eq!(Level::named(word.as_bytes()), expected, "{word}");
        }
    }

    #[test]
    fn every_word_has_its_literal() {
        for level in [Level::Warn, Level::Error, Level::Critical] {
            let literals = level.literals();
            for (word, of) in WORDS.iter().filter(|(_, l)| *l >= level) {
                for form in [word.to_string(), word.to_uppercase()] {
                    assert!(literals.iter().any(|l| form.contains(l)), "{form} {of}");
                }
            }
        }
    }
}
