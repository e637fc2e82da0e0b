//! Which series are meant: a metric's name and conditions on its labels, as PromQL's selectors.
//!
//! Two spellings. As in PromQL, in one string: `app_http_requests_total{status=~"5..",path!="/health"}`. Or a name and a
//! map of label to condition, where the condition begins with its operator and `=` may be left out:
//!
//! | condition | means |
//! |---|---|
//! | `api` or `=api` | equals `api` |
//! | `!=api` | is not `api` |
//! | `=~5..` | the whole value matches the regular expression |
//! | `!~5..` | it does not |
//!
//! To mean a value that itself begins with an operator, write `=` before it: `==~x` equals `=~x`.
//! A label that a series does not have counts as empty, so `""` asks for series without it.

use std::fmt;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use serde::{Serialize, Serializer};

use super::error::Error;
use super::page::Page;
use super::sample::Sample;
use super::scan::Cursor;

/// A compiled regular expression takes at most this much memory; matching takes linear time by itself.
const REGEX_BYTES: usize = 1 << 20;

/// What makes an expression match the whole value, and `.` any character.
const FRAME_START: &str = "^(?s:";
const FRAME_END: &str = ")$";

/// A condition on one label's value.
#[derive(Debug, Clone)]
pub enum Matcher {
    Equal(String),
    NotEqual(String),
    /// The whole value matches; `.` matches a line feed, too, as in Prometheus.
    Match(Regex),
    NotMatch(Regex),
}

impl Matcher {
    /// Reads a condition as this module's table has it.
    ///
    /// # Errors
    ///
    /// [`Error::BadMatcher`] for a regular expression that is none or is too large; `label` is for the message.
    pub fn new(label: &str, condition: &str) -> Result<Self, Error> {
        for operator in ["=~", "!~", "!=", "="] {
            if let Some(operand) = condition.strip_prefix(operator) {
                return Self::with_operator(label, operator, operand);
            }
        }
        Ok(Self::Equal(condition.to_owned()))
    }

    fn with_operator(label: &str, operator: &str, operand: &str) -> Result<Self, Error> {
        // On its own first: inside our frame `a)|(b` would be valid, and mean something else.
        let compile = |text: &str| RegexBuilder::new(text).size_limit(REGEX_BYTES).build();
        let regex = || {
            compile(operand)
                .and_then(|_| compile(&format!("{FRAME_START}{operand}{FRAME_END}")))
                .map_err(|error| Error::BadMatcher {
                    label: label.to_owned(),
                    message: error.to_string(),
                })
        };
        Ok(match operator {
            "=~" => Self::Match(regex()?),
            "!~" => Self::NotMatch(regex()?),
            "!=" => Self::NotEqual(operand.to_owned()),
            _ => Self::Equal(operand.to_owned()),
        })
    }

    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Equal(wanted) => value == wanted,
            Self::NotEqual(unwanted) => value != unwanted,
            Self::Match(regex) => regex.is_match(value),
            Self::NotMatch(regex) => !regex.is_match(value),
        }
    }

    fn parts(&self) -> (&'static str, &str) {
        fn operand(regex: &Regex) -> &str {
            let framed = regex.as_str().strip_prefix(FRAME_START);
            framed
                .and_then(|text| text.strip_suffix(FRAME_END))
                .unwrap_or_default()
        }
        match self {
            Self::Equal(value) => ("=", value),
            Self::NotEqual(value) => ("!=", value),
            Self::Match(regex) => ("=~", operand(regex)),
            Self::NotMatch(regex) => ("!~", operand(regex)),
        }
    }
}

/// A metric's name and conditions on labels, all of which must hold.
///
/// The name is that of samples: a histogram's are `..._bucket`, `..._sum` and `..._count`. Displays and serialises as
/// PromQL.
#[derive(Debug, Clone)]
pub struct Selector {
    name: String,
    matchers: Vec<(String, Matcher)>,
}

impl Selector {
    /// All series of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            matchers: Vec::new(),
        }
    }

    /// A name and label conditions in the spelling of this module's table.
    ///
    /// # Errors
    ///
    /// As [`Matcher::new`].
    pub fn with<L: AsRef<str>, C: AsRef<str>>(
        name: impl Into<String>,
        conditions: impl IntoIterator<Item = (L, C)>,
    ) -> Result<Self, Error> {
        let mut selector = Self::new(name);
        for (label, condition) in conditions {
            selector = selector.and(label.as_ref(), condition.as_ref())?;
        }
        Ok(selector)
    }

    /// The selector with one more condition, in the same spelling.
    ///
    /// # Errors
    ///
    /// As [`Matcher::new`].
    pub fn and(mut self, label: &str, condition: &str) -> Result<Self, Error> {
        self.matchers
            .push((label.to_owned(), Matcher::new(label, condition)?));
        Ok(self)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn matchers(&self) -> &[(String, Matcher)] {
        &self.matchers
    }

    /// Whether this sample is meant.
    #[must_use]
    pub fn accepts(&self, sample: &Sample<'_>) -> bool {
        sample.name() == self.name
            && self
                .matchers
                .iter()
                .all(|(label, matcher)| matcher.accepts(sample.label(label).unwrap_or_default()))
    }

    pub(super) fn renamed(&self, name: String) -> Self {
        Self {
            name,
            matchers: self.matchers.clone(),
        }
    }
}

impl Page {
    /// The samples that the selector means, in page order; none is not an error.
    pub fn filter<'a>(&'a self, selector: &'a Selector) -> impl Iterator<Item = Sample<'a>> {
        let family = self.family(selector.name());
        family
            .into_iter()
            .flat_map(|family| family.samples())
            .filter(|sample| selector.accepts(sample))
    }

    /// The samples that the selector means, at least one.
    ///
    /// # Errors
    ///
    /// [`Error::NoMetric`] when the page does not know the name, [`Error::NoSeries`] when it does and no series fits.
    pub fn find<'a>(&'a self, selector: &'a Selector) -> Result<Vec<Sample<'a>>, Error> {
        let found: Vec<_> = self.filter(selector).collect();
        if found.is_empty() {
            Err(self.absence(selector))
        } else {
            Ok(found)
        }
    }

    /// Why nothing was found.
    pub(super) fn absence(&self, selector: &Selector) -> Error {
        let name = selector.name();
        let Some(family) = self.family(name) else {
            let distance = |family: &str| strsim::damerau_levenshtein(family, name);
            // A page of a hostile target may have very many and very long names; nearest is a courtesy only.
            let names = self
                .families()
                .map(|family| family.name())
                .filter(|family| family.len() < 200)
                .take(5000);
            let nearest = names.map(|family| (distance(family), family)).min();
            let near =
                nearest.filter(|(distance, _)| name.len() < 200 && distance * 3 <= name.len());
            return Error::NoMetric {
                name: name.to_owned(),
                nearest: near.map(|(_, name)| name.to_owned()),
            };
        };
        let series = family
            .samples()
            .filter(|sample| sample.name() == name)
            .count();
        Error::NoSeries {
            selector: selector.to_string(),
            kind: family.kind(),
            series,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (index, (label, matcher)) in self.matchers.iter().enumerate() {
            let (operator, operand) = matcher.parts();
            write!(f, "{}{label}{operator}", if index == 0 { "{" } else { "," })?;
            super::render::quoted(f, operand)?;
        }
        if self.matchers.is_empty() {
            Ok(())
        } else {
            f.write_str("}")
        }
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Selector {
    type Err = Error;

    /// Reads PromQL's spelling. Strings stand in double, single or back quotes; escapes are `\\`, `\"`, `\'`, `\n`
    /// and `\t`, none in back quotes. Names that need quotes are written through [`Selector::with`].
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |at: usize, message: &str| Error::BadSelector {
            text: text.to_owned(),
            column: text.get(..at).unwrap_or(text).chars().count() + 1,
            message: message.to_owned(),
        };
        let mut cursor = Cursor {
            line: text.as_bytes(),
            at: 0,
        };
        cursor.skip_blanks();
        let (from, to) = cursor.metric_name();
        let name = text.get(from..to).unwrap_or_default();
        if name.is_empty() {
            return Err(bad(from, "expected a metric name"));
        }
        let mut selector = Self::new(name);
        cursor.skip_blanks();
        if cursor.take(b'{') {
            loop {
                cursor.skip_blanks();
                if cursor.take(b'}') {
                    break;
                }
                let (from, to) = cursor.label_name();
                let label = text.get(from..to).unwrap_or_default();
                if label.is_empty() {
                    return Err(bad(from, "expected a label name or `}`"));
                }
                cursor.skip_blanks();
                let tail = text.get(cursor.at..).unwrap_or_default();
                let operator = ["=~", "!~", "!=", "="]
                    .into_iter()
                    .find(|operator| tail.starts_with(operator));
                let operator =
                    operator.ok_or_else(|| bad(cursor.at, "expected `=`, `!=`, `=~` or `!~`"))?;
                cursor.at += operator.len();
                cursor.skip_blanks();
                let at = cursor.at;
                let (operand, used) = string(text.get(at..).unwrap_or_default())
                    .map_err(|message| bad(at, message))?;
                cursor.at += used;
                selector.matchers.push((
                    label.to_owned(),
                    Matcher::with_operator(label, operator, &operand)?,
                ));
                cursor.skip_blanks();
                if !cursor.take(b',') && cursor.peek() != Some(b'}') {
                    return Err(bad(cursor.at, "expected `,` or `}`"));
                }
            }
        }
        cursor.skip_blanks();
        if cursor.is_at_end() {
            Ok(selector)
        } else {
            Err(bad(cursor.at, "expected the end of the selector"))
        }
    }
}

/// The quoted string at the start of the text, decoded, and how many bytes it takes.
fn string(text: &str) -> Result<(String, usize), &'static str> {
    let mut characters = text.char_indices();
    let quote = match characters.next() {
        Some((_, quote @ ('"' | '\'' | '`'))) => quote,
        _ => return Err("expected a string in quotes"),
    };
    let mut value = String::new();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Ok((value, at + quote.len_utf8()));
        }
        if character != '\\' || quote == '`' {
            value.push(character);
            continue;
        }
        value.push(match characters.next() {
            Some((_, same @ ('\\' | '"' | '\''))) => same,
            Some((_, 'n')) => '\n',
            Some((_, 't')) => '\t',
            _ => return Err("unknown escape in the string"),
        });
    }
    Err("unterminated string")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test's failure is a panic")]
mod tests {
    use super::*;
    use crate::prometheus::parse;

    const PAGE: &str = "r{path=\"/a\",status=\"200\"} 1\nr{path=\"/b\",status=\"503\"} 2\nr{path=\"=~x\"} 4\n# TYPE e counter\n# TYPE h histogram\n";

    #[test]
    fn both_spellings() {
        let page = parse(PAGE).unwrap();
        type Conditions = &'static [(&'static str, &'static str)];
        let table: &[(&str, Conditions, f64)] = &[
            ("r", &[], 7.0),
            ("r{}", &[], 7.0),
            ("r{path=\"/a\"}", &[("path", "/a")], 1.0),
            ("r{path='/a',}", &[("path", "=/a")], 1.0),
            (" r { path != \"/a\" } ", &[("path", "!=/a")], 6.0),
            ("r{status=~\"5..\"}", &[("status", "=~5..")], 2.0),
            ("r{status!~`5\\d\\d`}", &[("status", "!~5..")], 5.0),
            ("r{status=\"\"}", &[("status", "")], 4.0),
            ("r{path=\"=~x\"}", &[("path", "==~x")], 4.0),
            (
                "r{path=~\"/a|/b\",status!=\"200\"}",
                &[("path", "=~/a|/b"), ("status", "!=200")],
                2.0,
            ),
        ];
        for (text, conditions, expected) in table {
            let promql: Selector = text.parse().unwrap();
            assert_eq!(page.sum(&promql), Ok(*expected), "{text}");
            let map = Selector::with("r", conditions.iter().copied()).unwrap();
            assert_eq!(page.sum(&map), Ok(*expected), "{conditions:?}");
            assert_eq!(
                page.sum(&map.to_string().parse().unwrap()),
                Ok(*expected),
                "{map}"
            );
        }
        // The whole value must match.
        assert!(page.sum(&"r{status=~\"50\"}".parse().unwrap()).is_err());
    }

    #[test]
    fn errors() {
        let table = [
            ("", "bad selector ``, column 1: expected a metric name"),
            (
                "a{",
                "bad selector `a{`, column 3: expected a label name or `}`",
            ),
            (
                "a{b>\"1\"}",
                "bad selector `a{b>\"1\"}`, column 4: expected `=`, `!=`, `=~` or `!~`",
            ),
            (
                "a{b=1}",
                "bad selector `a{b=1}`, column 5: expected a string in quotes",
            ),
            (
                "a{b=\"1}",
                "bad selector `a{b=\"1}`, column 5: unterminated string",
            ),
            (
                "a{b=\"1\" c",
                "bad selector `a{b=\"1\" c`, column 9: expected `,` or `}`",
            ),
            (
                "a b",
                "bad selector `a b`, column 3: expected the end of the selector",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Selector>().unwrap_err().to_string(), expected);
        }
        for operand in ["(", "a)|(b", "\\w{1000}{1000}"] {
            let error = Selector::with("a", [("b", format!("=~{operand}"))]).unwrap_err();
            assert!(
                matches!(&error, Error::BadMatcher { label, .. } if label == "b"),
                "{error}"
            );
        }
    }

    #[test]
    fn nothing_found_says_why() {
        let page = parse(PAGE).unwrap();
        let hint = |text: &str| {
            let error = page.sum(&text.parse().unwrap()).unwrap_err();
            format!("{error}: {}", error.hint().unwrap_or_default())
        };
        assert_eq!(
            hint("r{path=\"/c\"}"),
            "no series matches `r{path=\"/c\"}`: it has 3 series under other labels"
        );
        assert_eq!(
            hint("e"),
            "no series matches `e`: the page declares it as a counter, and it has no series yet"
        );
        assert_eq!(
            hint("h"),
            "no series matches `h`: a histogram's series end in `_bucket`, `_sum` and `_count`"
        );
        assert_eq!(hint("zzz"), "no metric `zzz` on the page: ");
        let page = parse("app_requests_total 1\n").unwrap();
        let error = page.sum(&Selector::new("app_request_total")).unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `app_requests_total`?");
    }
}
