//! How hard a secret is to guess, told without telling it.
//!
//! Nothing here keeps, prints or returns a part of it: the answer is a number, a word from a short list and a
//! sentence that is the same for every secret of its kind.

use serde::Serialize;
use zxcvbn::feedback::Warning;

/// What is known of a secret from its text alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Strength {
    /// `empty`, `placeholder` (`change-me`), `default` (as products are delivered), `name` (one of the words
    /// that belong to it), `common` (on the lists of passwords that are tried first) or `other`.
    pub kind: &'static str,
    /// Its length in bytes.
    pub length: i64,
    /// The binary logarithm of the number of guesses that find it; 0 for what stands on a list.
    pub bits: f64,
    /// Why that is so; never with a part of it. Empty for a good one.
    pub why: &'static str,
}

/// Passwords with which products are delivered or documented, in lower case. Those of this stack's products,
/// and the usual ones.
const DEFAULTS: &[&str] = &[
    "admin",
    "admin123",
    "administrator",
    "airflow",
    "alertmanager",
    "changeme",
    "default",
    "docker",
    "example",
    "foobared",
    "grafana",
    "guest",
    "hackme",
    "influxdb",
    "jwt_secret",
    "jwtsecret",
    "keycloak",
    "loki",
    "minio",
    "minio123",
    "minioadmin",
    "mysecretkey",
    "mysecretpassword",
    "mysql",
    "pass",
    "password",
    "password123",
    "postgres",
    "postgrespw",
    "prom-operator",
    "prometheus",
    "pulsar",
    "quest",
    "questdb",
    "rabbitmq",
    "redis",
    "root",
    "secret",
    "secretkey",
    "secret_key",
    "supersecret",
    "super-secret",
    "test",
    "test123",
    "timescaledb",
    "toor",
    "traefik",
    "trading",
    "trading_password",
    "trading_pass",
    "vault-root-token",
    "weaviate",
    "dev-only-token",
    "myroot",
];

/// Parts of a text that somebody was meant to replace, in lower case, letters and digits only.
const PLACEHOLDERS: &[&str] = &[
    "changeme",
    "changethis",
    "changeit",
    "replaceme",
    "replacethis",
    "replacewith",
    "yoursecret",
    "yourpassword",
    "yourapikey",
    "yourtoken",
    "yourkey",
    "insertyour",
    "enteryour",
    "putyour",
    "notsosecret",
    "donotuse",
    "placeholder",
    "todo",
    "fixme",
];

/// More is not looked at: it would not change the answer, and costs time.
const LOOKED_AT: usize = 100;

/// The library counts guesses up to 2^64; what gets there has no pattern that it knows.
const COUNTED: f64 = 63.0;

/// Judges a secret. `names` are words that belong to it and so are tried first: the user, the service, the
/// host.
pub fn strength(secret: &str, names: &[String]) -> Strength {
    let length = i64::try_from(secret.len()).unwrap_or(i64::MAX);
    let listed = |kind, why| Strength {
        kind,
        length,
        bits: 0.0,
        why,
    };
    let trimmed = secret.trim();
    if trimmed.is_empty() {
        return listed("empty", "it is empty");
    }
    let lower = trimmed.to_lowercase();
    if placeholder(trimmed, &lower) {
        return listed(
            "placeholder",
            "it is the placeholder that somebody was to replace",
        );
    }
    if DEFAULTS.contains(&lower.as_str()) {
        return listed("default", "it is one that products are delivered with");
    }
    let known = |name: &String| !name.is_empty() && name.to_lowercase() == lower;
    if names.iter().any(known) {
        return listed("name", "it is a name that belongs to it");
    }
    let head: String = trimmed.chars().take(LOOKED_AT).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = zxcvbn::zxcvbn(&head, &names);
    let guessed = found.guesses_log10() * std::f64::consts::LOG2_10;
    let bits = if guessed < COUNTED {
        guessed
    } else {
        drawn(trimmed).max(COUNTED)
    };
    let bits = (bits * 10.0).round() / 10.0;
    let warning = found
        .feedback()
        .and_then(zxcvbn::feedback::Feedback::warning);
    let (kind, why) = match warning {
        Some(
            Warning::ThisIsATop10Password
            | Warning::ThisIsATop100Password
            | Warning::ThisIsACommonPassword,
        ) => (
            "common",
            "it is on the lists of passwords that are tried first",
        ),
        Some(Warning::ThisIsSimilarToACommonlyUsedPassword) => {
            ("other", "it is much like a common password")
        }
        Some(
            Warning::StraightRowsOfKeysAreEasyToGuess
            | Warning::ShortKeyboardPatternsAreEasyToGuess,
        ) => ("other", "it is a row of keys"),
        Some(
            Warning::RepeatsLikeAaaAreEasyToGuess
            | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess,
        ) => ("other", "it repeats itself"),
        Some(Warning::SequencesLikeAbcAreEasyToGuess) => ("other", "it is a sequence"),
        Some(Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess) => {
            ("other", "it is a date")
        }
        Some(_) => ("other", "it is made of words or names"),
        None if bits < 60.0 => ("other", "it is short, or of few kinds of characters"),
        None => ("other", ""),
    };
    Strength {
        kind,
        length,
        bits,
        why,
    }
}

/// The bits of a text without a known pattern, taken as drawn character by character: from the alphabet that
/// it shows, each at most as surprising as the number of different ones in it allows. A part that repeats
/// counts once.
#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of secrets, far below 2^52"
)]
fn drawn(text: &str) -> f64 {
    let all: Vec<char> = text.chars().collect();
    let period = (1..=all.len())
        .find(|p| all.iter().zip(all.iter().skip(*p)).all(|(a, b)| a == b))
        .unwrap_or(all.len());
    let part = &all[..period];
    let all_are = |of: fn(&char) -> bool| part.iter().all(of);
    let alphabet: f64 = if all_are(char::is_ascii_digit) {
        10.0
    } else if all_are(char::is_ascii_hexdigit) {
        16.0
    } else if all_are(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
        36.0
    } else if all_are(char::is_ascii_alphanumeric) {
        62.0
    } else {
        94.0
    };
    let distinct = part.iter().collect::<std::collections::BTreeSet<_>>().len();
    period as f64 * alphabet.min(distinct as f64).log2()
}

/// `<password>`, `${PASSWORD}`, `change-me-please`, `xxxx`.
fn placeholder(text: &str, lower: &str) -> bool {
    let within = |open: &str, close: char| text.starts_with(open) && text.ends_with(close);
    if within("<", '>') || within("${", '}') || within("{{", '}') {
        return true;
    }
    if lower
        .chars()
        .all(|c| matches!(c, 'x' | '*' | '.' | '-' | '_'))
    {
        return true;
    }
    let letters: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    // Only what is a word of its own size: a random text may hold `todo` by chance.
    PLACEHOLDERS
        .iter()
        .any(|p| letters.contains(p) && (p.len() >= 8 || letters.len() <= p.len() + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(secret: &str) -> Strength {
        strength(secret, &["trading_user".into(), "api".into()])
    }

    #[test]
    fn kinds() {
        for (secret, kind) in [
            ("", "empty"),
            ("   ", "empty"),
            ("changeme", "placeholder"),
            ("change-me-in-production", "placeholder"),
            ("<your password>", "placeholder"),
            ("${JWT_SECRET}", "placeholder"),
            ("your-secret-key-here", "placeholder"),
            ("xxxxxxxx", "placeholder"),
            ("TODO", "placeholder"),
            ("minioadmin", "default"),
            ("Postgres", "default"),
            ("quest", "default"),
            ("trading_user", "name"),
            ("123456", "common"),
            ("qwerty", "common"),
            ("dragon", "common"),
            ("Tr4ding2024!", "other"),
        ] {
            assert_eq!(of(secret).kind, kind, "{secret}");
        }
    }

    #[test]
    fn bits() {
        for (secret, least, most) in [
            // 16, 24 and 32 random bytes in hexadecimal, and base64.
            ("9f86d081884c7d659a2feaa0c55ad015", 110.0, 130.0),
            (
                "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c",
                170.0,
                200.0,
            ),
            ("nW8F+1hG7vH2sQkK0bY3mD5cXz9RtLpAeJ6uT4iOq0M=", 120.0, 300.0),
            (
                "k7Qz9Tw2Lm4Xk7Qz9Tw2Lm4Xk7Qz9Tw2Lm4Xk7Qz9Tw2Lm4X",
                40.0,
                65.0,
            ),
            ("Summer2024!", 5.0, 45.0),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0.0, 20.0),
            ("abcabcabcabcabcabcabc", 0.0, 25.0),
            ("1234567890123456789012345678901234567890", 0.0, 40.0),
            ("passwordpasswordpassword", 0.0, 20.0),
            ("kX9$", 8.0, 20.0),
        ] {
            let bits = of(secret).bits;
            assert!((least..=most).contains(&bits), "{secret}: {bits}");
        }
        assert_eq!(of("9f86d081884c7d659a2feaa0c55ad015").why, "");
    }

    #[test]
    fn nothing_of_it_is_in_the_answer() {
        for secret in ["hunter2hunter2", "Kx9-trading", "Zebra-Quartz-77"] {
            let told = format!("{:?}", of(secret)).to_lowercase();
            for part in secret.to_lowercase().split('-') {
                assert!(!told.contains(part), "{told}");
            }
        }
    }

    #[test]
    fn long_ones_cost_little() {
        let long: String = (0..4096u32)
            .map(|n| char::from_u32(33 + (n * 7919 + n * n) % 90).unwrap_or('a'))
            .collect();
        let began = std::time::Instant::now();
        assert!(of(&long).bits > 100.0);
        assert!(began.elapsed().as_secs() < 2);
        assert_eq!(of(&long).length, 4096);
    }
}
