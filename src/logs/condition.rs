//! `--where`: conditions on the fields of a record, such as `status>=500 and path~"/quote"`.
//!
//! ```text
//! condition = and { "or" and }
//! and       = not { "and" not }
//! not       = [ "not" ] ( "(" condition ")" | test )
//! test      = field [ ( "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~" ) value ]
//! ```
//!
//! A field is a path (`http.status`, `items[0].id`), or `level`, `message`, `stream`, `source` of the record itself. A test
//! without a value asks whether the field is there. A field that is not there fails every test but that of `not`. `~` is a
//! regular expression; two numbers compare as numbers, levels by how bad they are, all else as text.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use super::Level;
use super::record::{Look, shown};
use crate::tokens::Tokens;

/// A condition that was read.
#[derive(Debug, Clone)]
pub enum Condition {
    /// One of them holds.
    Any(Vec<Condition>),
    /// All of them hold.
    All(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// The field is there.
    Has(String),
    /// The field compares so.
    Test(String, Comparison),
}

/// What a field is compared with.
#[derive(Debug, Clone)]
pub enum Comparison {
    /// It matches, or (`false`) does not.
    Matches(Box<Regex>, bool),
    /// It is one of these to the operand.
    Order(&'static [Ordering], Operand),
    /// It is another.
    Differs(Operand),
}

/// A value in a condition.
#[derive(Debug, Clone)]
pub struct Operand {
    text: String,
    number: Option<f64>,
}

impl Condition {
    /// Reads a condition; `Err` says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader(Tokens::of(text)?);
        let condition = reader.any()?;
        reader.0.end()?;
        Ok(condition)
    }

    /// Whether it holds of a record of this source.
    pub fn holds(&self, look: &Look<'_>, source: &str) -> bool {
        match self {
            Self::Any(all) => all.iter().any(|c| c.holds(look, source)),
            Self::All(all) => all.iter().all(|c| c.holds(look, source)),
            Self::Not(inner) => !inner.holds(look, source),
            Self::Has(field) => with(look, source, field, |_| true),
            Self::Test(field, comparison) if field == "level" => {
                with(look, source, field, |value| comparison.level(value))
            }
            Self::Test(field, comparison) => {
                with(look, source, field, |value| comparison.of(value))
            }
        }
    }
}

/// Gives a field's value to `test`; `false` when there is none.
fn with(look: &Look<'_>, source: &str, field: &str, test: impl Fn(&Value) -> bool) -> bool {
    if let Some(value) = look.field(field)
        && field != "level"
    {
        return test(value);
    }
    let own = |text: &str| test(&Value::String(text.to_owned()));
    match field {
        "level" => look
            .severity()
            .is_some_and(|found| own(found.level.as_str())),
        "message" => own(&look.message()),
        "stream" => own(look.record.stream.as_str()),
        "source" => own(source),
        _ => false,
    }
}

impl Comparison {
    fn of(&self, value: &Value) -> bool {
        match self {
            Self::Matches(regex, wanted) => regex.is_match(&shown(value)) == *wanted,
            Self::Order(wanted, operand) => {
                operand.order(value).is_some_and(|o| wanted.contains(&o))
            }
            Self::Differs(operand) => operand.order(value) != Some(Ordering::Equal),
        }
    }

    fn level(&self, value: &Value) -> bool {
        let rank = |text: &str| Level::named(text.as_bytes());
        let (Self::Order(_, operand) | Self::Differs(operand)) = self else {
            return self.of(value);
        };
        let order = match (value.as_str().and_then(rank), rank(&operand.text)) {
            (Some(found), Some(wanted)) => found.cmp(&wanted),
            _ => return self.of(value),
        };
        match self {
            Self::Order(wanted, _) => wanted.contains(&order),
            _ => order != Ordering::Equal,
        }
    }
}

impl Operand {
    /// How the value is to this one; `None` when they cannot be compared.
    fn order(&self, value: &Value) -> Option<Ordering> {
        let text = shown(value);
        if let (Some(wanted), Ok(found)) = (self.number, text.parse::<f64>()) {
            return found.partial_cmp(&wanted);
        }
        Some(text.as_ref().cmp(self.text.as_str()))
    }
}

struct Reader<'a>(Tokens<'a>);

impl Reader<'_> {
    fn any(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.all()?];
        while self.0.word("or") {
            all.push(self.all()?);
        }
        Ok(single(all, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.not()?];
        while self.0.word("and") {
            all.push(self.not()?);
        }
        Ok(single(all, Condition::All))
    }

    fn not(&mut self) -> Result<Condition, String> {
        if self.0.word("not") || self.0.sign(&["!"]).is_some() {
            return Ok(Condition::Not(Box::new(self.not()?)));
        }
        if self.0.sign(&["("]).is_some() {
            let inner = self.any()?;
            return match self.0.sign(&[")"]) {
                Some(_) => Ok(inner),
                None => Err(self.0.wrong("`)`")),
            };
        }
        self.test()
    }

    fn test(&mut self) -> Result<Condition, String> {
        let Some((field, _)) = self.0.text() else {
            return Err(self.0.wrong("a field"));
        };
        let Some(sign) = self
            .0
            .sign(&["==", "!=", "<=", ">=", "!~", "=", "<", ">", "~"])
        else {
            return Ok(Condition::Has(field));
        };
        let Some((text, quoted)) = self.0.text() else {
            return Err(self.0.wrong("a value"));
        };
        if matches!(sign, "~" | "!~") {
            let regex = Regex::new(&text).map_err(|error| super::query::reason(&text, &error))?;
            return Ok(Condition::Test(
                field,
                Comparison::Matches(Box::new(regex), sign == "~"),
            ));
        }
        let operand = Operand {
            number: if quoted { None } else { text.parse().ok() },
            text,
        };
        use Ordering::{Equal, Greater, Less};
        let comparison = match sign {
            "!=" => Comparison::Differs(operand),
            "<" => Comparison::Order(&[Less], operand),
            "<=" => Comparison::Order(&[Less, Equal], operand),
            ">" => Comparison::Order(&[Greater], operand),
            ">=" => Comparison::Order(&[Greater, Equal], operand),
            _ => Comparison::Order(&[Equal], operand),
        };
        Ok(Condition::Test(field, comparison))
    }
}

fn single(mut all: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => one,
        (Some(last), false) => {
            all.push(last);
            many(all)
        }
        (None, _) => many(all),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Record, Stream};
    use super::*;

    fn holds(condition: &str, line: &str) -> Result<bool, String> {
        let look = Look::new(Record {
            source: 0,
            at: None,
            stream: Stream::Err,
            text: line.as_bytes(),
            lines: 1,
            cut: false,
            late: None,
        });
        Ok(Condition::parse(condition)?.holds(&look, "api"))
    }

    #[test]
    fn conditions() {
        let line = r#"{"level":"warn","status":503,"path":"/quote/AAPL","took":"12","http":{"method":"GET"},"ok":true,"items":[{"id":7}]}"#;
        for (condition, expected) in [
            ("status>=500", true),
            ("status >= 500 and path~\"/quote\"", true),
            ("status>=500 and path ~ '/order'", false),
            ("status<500 or http.method=GET", true),
            ("not status<500", true),
            ("!(status=503)", false),
            ("took>9", true),
            ("took>\"9\"", false),
            ("missing", false),
            ("not missing", true),
            ("missing!=5", false),
            ("ok=true and items[0].id=7", true),
            ("level>=warn", true),
            ("level>warn", false),
            ("level!=error", true),
            ("stream=stderr and source=api", true),
            ("path!~quote", false),
            ("path~\"^/quote/[A-Z]+$\"", true),
        ] {
            assert_eq!(holds(condition, line), Ok(expected), "{condition}");
        }
        assert_eq!(
            holds("status>=500", "status=502 took=3 x"),
            Ok(true),
            "logfmt"
        );
        assert_eq!(holds("message~boom", "a boom in text"), Ok(true));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (condition, expected) in [
            ("status>=", "it ends where a value is wanted"),
            ("status 5", "`5` at column 8 is not `and`, `or` or the end"),
            ("(a=1", "it ends where `)` is wanted"),
            ("a=\"x", "the quote at column 3 is never closed"),
            ("", "it ends where a field is wanted"),
            ("a~\"(\"", "\"(\" is no regular expression: unclosed group"),
        ] {
            assert_eq!(
                Condition::parse(condition).map(drop),
                Err(expected.to_owned()),
                "{condition}"
            );
        }
    }
}
