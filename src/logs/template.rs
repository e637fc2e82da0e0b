//! What repeats: a line with its numbers, ids and hashes left out is a template, and lines of one template are alike.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The longest template: what comes after counts no more.
const LONGEST: usize = 512;

/// Masks a line: each word with a digit in it becomes `#`.
pub(super) fn template(line: &str) -> String {
    let mut out = String::with_capacity(line.len().min(LONGEST));
    parts(line, |part| out.push_str(part));
    out
}

/// A number that lines of one template have in common, without building the template.
fn fingerprint(state: &RandomState, line: &str) -> u64 {
    let mut hash = state.build_hasher();
    parts(line, |part| hash.write(part.as_bytes()));
    hash.finish()
}

fn parts<'a>(line: &'a str, mut part: impl FnMut(&'a str)) {
    let mut end = line.len().min(LONGEST);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let line = &line[..end];
    let bytes = line.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-') || b >= 0x80;
    let mut at = 0;
    while at < bytes.len() {
        let inside = word(bytes[at]);
        let length = bytes[at..]
            .iter()
            .take_while(|b| word(**b) == inside)
            .count();
        let text = &line[at..at + length];
        let masked = inside && text.bytes().any(|b| b.is_ascii_digit());
        part(if masked { "#" } else { text });
        at += length;
    }
}

/// How many lines of each template there were. Of rare ones the count may be too low when there are very many: the
/// rarest make room (the algorithm of Misra and Gries, with an error of at most lines / `CAPACITY`).
#[derive(Debug, Clone)]
pub struct Templates {
    state: RandomState,
    counts: HashMap<u64, Counted>,
}

#[derive(Debug, Clone)]
struct Counted {
    count: u64,
    example: String,
}

const CAPACITY: usize = 4096;

impl Default for Templates {
    fn default() -> Self {
        Self {
            state: RandomState::new(),
            counts: HashMap::new(),
        }
    }
}

impl Templates {
    /// Counts a line.
    pub fn add(&mut self, line: &str) {
        let key = fingerprint(&self.state, line);
        if let Some(counted) = self.counts.get_mut(&key) {
            counted.count += 1;
            return;
        }
        if self.counts.len() >= CAPACITY {
            self.counts.retain(|_, counted| {
                counted.count -= 1;
                counted.count > 0
            });
        }
        let example = template(line);
        self.counts.insert(key, Counted { count: 1, example });
    }

    /// The most frequent ones: template and count.
    pub fn top(&self, many: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self
            .counts
            .values()
            .map(|counted| (counted.example.as_str(), counted.count))
            .collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        all.truncate(many);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ids_are_masked() {
        for (line, expected) in [
            ("GET /quote/AAPL 429 in 12ms", "GET /quote/AAPL # in #"),
            ("order 5f3a-99 of user_7 failed", "order # of # failed"),
            ("größe 12 ü", "größe # ü"),
            ("", ""),
        ] {
            assert_eq!(template(line), expected);
        }
        assert!(template(&"ü".repeat(1000)).len() <= LONGEST);
    }

    #[test]
    fn the_frequent_survive_a_flood_of_rare_ones() {
        let mut templates = Templates::default();
        for n in 0..50_000_u32 {
            templates.add("the same 1");
            let letters: String = n
                .to_string()
                .bytes()
                .map(|b| char::from(b - b'0' + b'a'))
                .collect();
            templates.add(&letters);
        }
        assert!(templates.counts.len() <= CAPACITY);
        let top = templates.top(1);
        assert_eq!(top[0].0, "the same #");
        assert!(top[0].1 > 49_000, "{}", top[0].1);
    }
}
