//! Redaction: the one engine between what a run knows and what leaves the process - terminal, report,
//! audit, plan, error.
//!
//! Three ways to be a secret: by the name of its key, by its own shape (a token, a key, a password
//! within a URL), and by being a value that was met under such a name before. A mark keeps what is
//! useful: equal secrets of one run have equal marks, and nowhere else.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{LazyLock, PoisonError, RwLock};

use aho_corasick::AhoCorasick;
use regex::{Captures, Regex};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::plan::hex;

/// The redaction engine of a run.
#[derive(Debug)]
pub struct Redactor {
    salt: String,
    known: RwLock<BTreeSet<String>>,
}

/// Parts of a name that make its value a secret.
const SECRET_WORDS: [&str; 19] = [
    "pass",
    "passwd",
    "password",
    "pwd",
    "secret",
    "token",
    "key",
    "apikey",
    "credential",
    "credentials",
    "auth",
    "bearer",
    "jwt",
    "cookie",
    "private",
    "salt",
    "signature",
    "webhook",
    "dsn",
];

/// Names with such a part that hold no secret.
const PLAIN_NAMES: [&str; 10] = [
    "primary_key",
    "foreign_key",
    "key_count",
    "keys",
    "key_remaining",
    "public_key",
    "auth_method",
    "auth_type",
    "sort_key",
    "key_id",
];

/// Values that are too common to be masked wherever they occur.
const COMMON: [&str; 8] = [
    "true",
    "false",
    "admin",
    "default",
    "password",
    "localhost",
    "postgres",
    "trading",
];

static SHAPES: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    [
        ("url", r"(?P<keep>[A-Za-z][A-Za-z0-9+.\-]*://[^/\s:@]*:)(?P<secret>[^@/\s]+)(?P<rest>@)"),
        ("bearer", r"(?P<keep>(?i:bearer|basic)\s+)(?P<secret>[A-Za-z0-9._~+/=\-]{8,})(?P<rest>)"),
        ("jwt", r"(?P<keep>)(?P<secret>eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}\.[A-Za-z0-9_\-]{4,})(?P<rest>)"),
        ("pem", r"(?P<keep>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?P<secret>[\s\S]*?)(?P<rest>-----END [A-Z ]*PRIVATE KEY-----|$)"),
        ("key", r"(?P<keep>)(?P<secret>\b(?:AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9_\-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}))(?P<rest>)"),
    ]
    .into_iter()
    .map(|(name, pattern)| (name, compiled(pattern)))
    .collect()
});

/// One of these stands in every text that one of the patterns could match. Of logs each line is asked.
static SUSPICIOUS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let needles = [
        "://",
        "eyJ",
        "AKIA",
        "pass",
        "pwd",
        "secret",
        "token",
        "key",
        "credential",
        "auth",
        "bearer",
        "basic",
        "jwt",
        "cookie",
        "private",
        "salt",
        "signature",
        "webhook",
        "dsn",
        "sk-",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
    ];
    let built = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(needles);
    match built {
        Ok(built) => built,
        Err(error) => unreachable!("a few fixed words: {error}"),
    }
});

/// `"name": "value"` and `name='value'`, with whatever stands between the quotes.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?P<name>[A-Za-z][A-Za-z0-9_.\-]*)(?P<sep>\\?["']?\s*(?:=|:)\s*)(?:\\"(?P<escaped>[^"\\\n]+)\\"|"(?P<double>(?:[^"\\\n]|\\.)+)"|'(?P<single>(?:[^'\\\n]|\\.)+)')"#,
    )
});

/// `NAME=value`, `name: value`, `"name": "value"`, also with escaped quotes as in JSON within a log line.
static PAIRS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?P<name>[A-Za-z][A-Za-z0-9_.\-]*)(?P<sep>\\?["']?\s*(?:=|:)\s*\\?["']?)(?P<value>[^\s"'\\,;&}\])?/][^\s"'\\,;&}\])?]*)"#,
    )
});

fn compiled(pattern: &str) -> Regex {
    match Regex::new(pattern) {
        Ok(regex) => regex,
        Err(error) => unreachable!("a fixed pattern compiles: {error}"),
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl Redactor {
    /// An engine with a salt of its own.
    pub fn new() -> Self {
        // The hasher's keys come from the system's random source.
        let random = || RandomState::new().hash_one(std::process::id());
        Self {
            salt: format!("{:016x}{:016x}", random(), random()),
            known: RwLock::default(),
        }
    }

    /// The salt of this run's digests.
    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// Remembers a value to mask wherever it occurs. Short and common ones are not: masking those would
    /// spoil everything else.
    pub fn learn(&self, secret: &str) {
        if secret.len() < 6 || COMMON.contains(&secret.to_ascii_lowercase().as_str()) {
            return;
        }
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(secret.to_owned());
    }

    /// Remembers the lines of private keys among lines that are shown one by one: alone they look like nothing.
    pub fn learn_keys<'a>(&self, lines: impl IntoIterator<Item = &'a str>) {
        let mut within = false;
        for line in lines {
            if line.contains("-----END") {
                within = false;
            } else if line.contains("-----BEGIN") && line.contains("PRIVATE KEY-----") {
                within = true;
            } else if within {
                self.learn(line.trim());
            }
        }
    }

    /// Whether the value under this name is a secret.
    pub fn is_secret_name(name: &str) -> bool {
        let snake = snake_case(name);
        if PLAIN_NAMES.iter().any(|plain| snake.ends_with(plain)) {
            return false;
        }
        snake.split('_').any(|part| SECRET_WORDS.contains(&part))
    }

    /// What stands in place of a secret.
    pub fn mark(&self, what: &str, secret: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.salt.as_bytes());
        hash.update(secret.as_bytes());
        format!("‹redacted:{what}:{}›", &hex(&hash.finalize())[..4])
    }

    /// The text with every secret marked.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut out = Cow::Borrowed(text);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        for secret in known.iter().rev() {
            if out.contains(secret.as_str()) {
                out = Cow::Owned(out.replace(secret.as_str(), &self.mark("value", secret)));
            }
        }
        drop(known);
        if !suspicious(&out) {
            return out;
        }
        for (what, shape) in SHAPES.iter() {
            if let Cow::Owned(new) = shape.replace_all(&out, |c: &Captures<'_>| {
                format!(
                    "{}{}{}",
                    &c["keep"],
                    self.mark(what, &c["secret"]),
                    &c["rest"]
                )
            }) {
                out = Cow::Owned(new);
            }
        }
        if let Cow::Owned(new) = self.quoted(&out) {
            out = Cow::Owned(new);
        }
        if let Cow::Owned(new) = PAIRS.replace_all(&out, |c: &Captures<'_>| {
            let (name, sep, value) = (&c["name"], &c["sep"], &c["value"]);
            let whole = c[0].to_owned();
            if value.starts_with('‹') || !Self::is_secret_name(name) || !plausible(sep, value) {
                return whole;
            }
            format!("{name}{sep}{}", self.mark("value", value))
        }) {
            out = Cow::Owned(new);
        }
        out
    }

    /// Marks quoted values under secret names, those within other quoted values too: a log line may be
    /// JSON within JSON.
    fn quoted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        QUOTED.replace_all(text, |c: &Captures<'_>| {
            let quoted = [("escaped", "\\\""), ("double", "\""), ("single", "'")];
            let found = quoted
                .into_iter()
                .find_map(|(kind, quote)| c.name(kind).map(|value| (quote, value.as_str())));
            let Some((quote, value)) = found else {
                return c[0].to_owned();
            };
            let (name, sep) = (&c["name"], &c["sep"]);
            if Self::is_secret_name(name) && !value.starts_with('‹') {
                return format!("{name}{sep}{quote}{}{quote}", self.mark("value", value));
            }
            format!("{name}{sep}{quote}{}{quote}", self.quoted(value))
        })
    }

    /// The value with every secret in it marked, by name and by shape.
    pub fn json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text).into_owned()),
            Value::Array(items) => Value::Array(items.iter().map(|i| self.json(i)).collect()),
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| {
                        let value = match value {
                            Value::String(secret)
                                if !secret.is_empty() && Self::is_secret_name(name) =>
                            {
                                self.learn(secret);
                                Value::String(self.mark("value", secret))
                            }
                            other => self.json(other),
                        };
                        (name.clone(), value)
                    })
                    .collect(),
            ),
            other => other.clone(),
        }
    }
}

/// A cheap look for anything that the patterns could match; most lines have nothing.
fn suspicious(text: &str) -> bool {
    SUSPICIOUS.is_match(text)
}

/// `auth: ok` is a sentence, `auth: 9f8e7d6c` is not; after `=`, and in quotes, anything is a value.
fn plausible(sep: &str, value: &str) -> bool {
    if matches!(value, "true" | "false" | "null" | "none" | "None") {
        return false;
    }
    let quoted = sep.contains(['"', '\'']);
    if sep.contains('=') || quoted {
        return true;
    }
    value.len() >= 8
        && value.chars().any(|c| c.is_ascii_digit())
        && value.chars().any(|c| c.is_ascii_alphabetic())
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut lower_before = false;
    for c in name.chars() {
        if c == '-' || c == '.' || c == ' ' {
            snake.push('_');
            lower_before = false;
            continue;
        }
        if c.is_ascii_uppercase() && lower_before {
            snake.push('_');
        }
        lower_before = c.is_ascii_lowercase() || c.is_ascii_digit();
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_shape_is_marked() {
        let redactor = Redactor::new();
        redactor.learn("hunter2hunter2");
        for text in [
            "postgres://trading:S3cretPw@db:5432/x",
            "Authorization: Bearer abcdef0123456789",
            "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.S3cretSig",
            "-----BEGIN RSA PRIVATE KEY-----\nS3cret\n-----END RSA PRIVATE KEY-----",
            "DB_PASSWORD=S3cretPw",
            "{\"api_key\": \"S3cretPw\"}",
            "{\"line\":\"{\\\"api_key\\\": \\\"S3cretPw\\\"}\"}",
            "https://x/?apikey=S3cretPw&symbol=AAPL",
            "sk-S3cret0123456789abcdef",
            "AKIAS3CRET0123456789",
            "it said hunter2hunter2 twice",
            "jwt-secret: S3cretPw99",
            "apiKey='S3cretPw'",
            "{\"password\": \"correct S3cretPw\"}",
            "password: 'it is, S3cretPw'",
            "{\"line\":\"{\\\"password\\\": \\\"it is S3cretPw\\\"}\"}",
        ] {
            let out = redactor.text(text);
            for leak in ["S3cret", "S3CRET", "abcdef0123456789", "hunter2", "eyJzdWI"] {
                assert!(!out.contains(leak), "{text} -> {out}");
            }
            assert!(out.contains("‹redacted:"), "{text} -> {out}");
        }
    }

    #[test]
    fn what_is_no_secret_comes_through_unchanged() {
        let redactor = Redactor::new();
        for text in [
            "LOG_LEVEL=debug DB_HOST=db DB_PORT=5432 DB_USER=trading",
            "auth: ok, 14 ms",
            "keyboard=de primary_key=id key_count=12",
            "http://127.0.0.1:9000/exec?query=select+1",
            "token bucket refilled",
            "authenticated: true",
            "the key remaining is 25%",
        ] {
            assert_eq!(redactor.text(text), text);
        }
    }

    #[test]
    fn marks_of_equal_secrets_are_equal_within_a_run_only() {
        let (one, two) = (Redactor::new(), Redactor::new());
        assert_eq!(one.mark("value", "abc"), one.mark("value", "abc"));
        assert_ne!(one.mark("value", "abc"), one.mark("value", "abd"));
        assert_ne!(one.salt(), two.salt());
    }

    #[test]
    fn json_is_redacted_by_name_and_by_shape() {
        let redactor = Redactor::new();
        let out = redactor.json(&json!({
            "password": "x", "user": "y", "nested": [{"JWT_SECRET": "z"}], "url": "redis://:pw@h/0", "tokens": 5
        }));
        let text = out.to_string();
        assert!(text.contains("\"user\":\"y\"") && text.contains("\"tokens\":5"));
        assert!(
            !text.contains("\"x\"") && !text.contains("\"z\"") && !text.contains(":pw@"),
            "{text}"
        );
    }
}
