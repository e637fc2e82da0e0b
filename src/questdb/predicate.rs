//! Which rows a rule means: a small language, rendered to SQL that both versions of the server answer alike.
//!
//! ```text
//! predicate = all { "or" all }
//! all       = test { "and" test }
//! test      = "(" predicate ")" | side op value | column "is" ["not"] "null" | column "in" "(" value { "," value } ")"
//! side      = column | "abs" "(" column ")"
//! op        = "=" | "==" | "!=" | "<" | "<=" | ">" | ">="
//! ```
//!
//! There is no `not`: in SQL it loses the rows that have a NULL, differently in `WHERE` and in `CASE` [measured]. A NULL fulfils
//! nothing but `is null`, `!=` included. No text of a predicate comes into the statement but through quoting, and what
//! kind of literal a value is says the column's type, so that `volume = 0 or 1 = 1` is refused and not sent.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use super::{Error, quote_name, quote_text};
use crate::tokens::Tokens;

/// A predicate that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Compare {
        column: String,
        abs: bool,
        op: &'static str,
        value: String,
    },
    Null {
        column: String,
        is: bool,
    },
    In {
        column: String,
        values: Vec<String>,
    },
}

/// What a column is, as far as it matters for literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Number,
    Bool,
    Timestamp,
    Date,
}

impl Predicate {
    /// Reads a predicate; `Err` says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens::of(text)?;
        let node = any(&mut tokens)?;
        tokens.end()?;
        Ok(Self(node))
    }

    /// The columns that it names.
    pub fn columns(&self) -> Vec<&str> {
        let mut all = Vec::new();
        self.0.columns(&mut all);
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The condition in QuestDB's SQL, in parentheses, for a table with these columns (name and type).
    pub fn sql(&self, columns: &[(String, String)]) -> Result<String, Error> {
        self.0.sql(columns, Words::QUESTDB)
    }

    /// The condition in Postgres's SQL. There a comparison with NULL is no match by itself, in a `CASE` as in a `WHERE`.
    pub fn postgres(&self, columns: &[(String, String)]) -> Result<String, Error> {
        self.0.sql(columns, Words::POSTGRES)
    }
}

fn any(tokens: &mut Tokens<'_>) -> Result<Node, String> {
    let mut nodes = vec![all(tokens)?];
    while tokens.word("or") {
        nodes.push(all(tokens)?);
    }
    Ok(one_or(nodes, Node::Any))
}

fn all(tokens: &mut Tokens<'_>) -> Result<Node, String> {
    let mut nodes = vec![test(tokens)?];
    while tokens.word("and") {
        nodes.push(test(tokens)?);
    }
    Ok(one_or(nodes, Node::All))
}

fn one_or(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match (nodes.len(), nodes.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            nodes.extend(last);
            many(nodes)
        }
    }
}

fn test(tokens: &mut Tokens<'_>) -> Result<Node, String> {
    if tokens.sign(&["("]).is_some() {
        let inner = any(tokens)?;
        closed(tokens)?;
        return Ok(inner);
    }
    let Some((mut column, quoted)) = tokens.text() else {
        return Err(tokens.wrong("a column"));
    };
    if !quoted && column.eq_ignore_ascii_case("not") {
        return Err("`not` loses rows that have a NULL: write the opposite comparison".into());
    }
    let abs = column.eq_ignore_ascii_case("abs") && tokens.sign(&["("]).is_some();
    if abs {
        let Some((inner, _)) = tokens.text() else {
            return Err(tokens.wrong("a column"));
        };
        column = inner;
        closed(tokens)?;
    }
    if !abs && tokens.word("is") {
        let is = !tokens.word("not");
        return if tokens.word("null") {
            Ok(Node::Null { column, is })
        } else {
            Err(tokens.wrong("`null`"))
        };
    }
    if !abs && tokens.word("in") {
        if tokens.sign(&["("]).is_none() {
            return Err(tokens.wrong("`(`"));
        }
        let mut values = vec![value(tokens)?];
        while tokens.sign(&[","]).is_some() {
            values.push(value(tokens)?);
        }
        closed(tokens)?;
        return Ok(Node::In { column, values });
    }
    let Some(op) = tokens.sign(&["==", "!=", "<=", ">=", "=", "<", ">"]) else {
        return Err(tokens.wrong("a comparison, `is` or `in`"));
    };
    Ok(Node::Compare {
        column,
        abs,
        op: if op == "==" { "=" } else { op },
        value: value(tokens)?,
    })
}

fn value(tokens: &mut Tokens<'_>) -> Result<String, String> {
    match tokens.text() {
        Some((text, _)) => Ok(text),
        None => Err(tokens.wrong("a value")),
    }
}

fn closed(tokens: &mut Tokens<'_>) -> Result<(), String> {
    match tokens.sign(&[")"]) {
        Some(_) => Ok(()),
        None => Err(tokens.wrong("`)`")),
    }
}

/// What the dialects say differently.
#[derive(Debug, Clone, Copy)]
struct Words {
    null: &'static str,
    not_null: &'static str,
    /// Around a date.
    date: (&'static str, &'static str),
}

impl Words {
    const QUESTDB: Self = Self {
        null: "= null",
        not_null: "!= null",
        // A text is no DATE to 7.3.3: it breaks off without a word [measured].
        date: ("to_date(", ",'yyyy-MM-dd')"),
    };
    const POSTGRES: Self = Self {
        null: "IS NULL",
        not_null: "IS NOT NULL",
        date: ("DATE ", ""),
    };
}

impl Node {
    fn columns<'a>(&'a self, all: &mut Vec<&'a str>) {
        match self {
            Self::Any(nodes) | Self::All(nodes) => nodes.iter().for_each(|n| n.columns(all)),
            Self::Compare { column, .. } | Self::Null { column, .. } | Self::In { column, .. } => {
                all.push(column);
            }
        }
    }

    fn sql(&self, columns: &[(String, String)], words: Words) -> Result<String, Error> {
        let joined = |nodes: &[Self], word: &str| {
            let parts: Vec<_> = nodes
                .iter()
                .map(|n| n.sql(columns, words))
                .collect::<Result<_, _>>()?;
            Ok(format!("({})", parts.join(word)))
        };
        match self {
            Self::Any(nodes) => joined(nodes, " OR "),
            Self::All(nodes) => joined(nodes, " AND "),
            Self::Null { column, is } => {
                let (name, _) = found(columns, column)?;
                Ok(format!(
                    "({name} {})",
                    if *is { words.null } else { words.not_null }
                ))
            }
            Self::In { column, values } => {
                let (name, kind) = found(columns, column)?;
                let each = values.iter().map(|value| {
                    let value = kind.literal(column, value, words)?;
                    Ok(if kind == Kind::Text {
                        format!("{name} IN ({value})")
                    } else {
                        format!("{name} = {value}")
                    })
                });
                let each: Vec<_> = each.collect::<Result<_, Error>>()?;
                Ok(format!("({})", each.join(" OR ")))
            }
            Self::Compare {
                column,
                abs,
                op,
                value,
            } => {
                let (name, kind) = found(columns, column)?;
                let literal = kind.literal(column, value, words)?;
                let orders = !matches!(*op, "=" | "!=");
                if *abs && !matches!(kind, Kind::Whole | Kind::Number)
                    || orders && matches!(kind, Kind::Text | Kind::Bool)
                {
                    return Err(Error::Statement(format!(
                        "`{column}` is no number and no time: it has no `{}`",
                        if *abs { "abs" } else { op }
                    )));
                }
                let side = if *abs {
                    format!("abs({name})")
                } else {
                    name.clone()
                };
                Ok(match (kind, *op) {
                    // 7.3.3 takes a bare comparison with one letter for a comparison of letters, and fails [measured].
                    (Kind::Text, "=") => format!("({side} IN ({literal}))"),
                    (Kind::Text, _) => {
                        format!("({side} NOT IN ({literal}) AND {name} {})", words.not_null)
                    }
                    (Kind::Bool, _) | (_, "=") => format!("({side} {op} {literal})"),
                    // A NULL is different from everything, and nothing is to happen to it; it is less than nothing.
                    _ => format!("({side} {op} {literal} AND {name} {})", words.not_null),
                })
            }
        }
    }
}

/// The column's quoted name and kind. QuestDB's names do not mind case.
fn found(columns: &[(String, String)], name: &str) -> Result<(String, Kind), Error> {
    let Some((own, ty)) = columns
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
    else {
        return Err(Error::NotFound {
            message: format!("there is no column `{name}`"),
            status: 400,
        });
    };
    let kind = match ty.to_ascii_uppercase().as_str() {
        "SYMBOL" | "STRING" | "VARCHAR" | "CHAR" => Kind::Text,
        // Postgres's.
        "TEXT" | "CHARACTER VARYING" | "CHARACTER" => Kind::Text,
        "BYTE" | "SHORT" | "INT" | "LONG" | "SMALLINT" | "INTEGER" | "BIGINT" => Kind::Whole,
        "FLOAT" | "DOUBLE" | "REAL" | "DOUBLE PRECISION" | "NUMERIC" => Kind::Number,
        "BOOLEAN" => Kind::Bool,
        "TIMESTAMP" | "TIMESTAMP_NS" => Kind::Timestamp,
        "TIMESTAMP WITHOUT TIME ZONE" | "TIMESTAMP WITH TIME ZONE" => Kind::Timestamp,
        "DATE" => Kind::Date,
        _ => {
            return Err(Error::Statement(format!(
                "`{own}` is a {ty}, with which no rule can compare"
            )));
        }
    };
    Ok((quote_name(own)?, kind))
}

impl Kind {
    fn literal(self, column: &str, value: &str, words: Words) -> Result<String, Error> {
        let wrong = |wanted: &str| {
            Error::Statement(format!("`{column}` wants {wanted}, and is given {value:?}"))
        };
        match self {
            Self::Text => quote_text(value),
            Self::Whole => {
                let number: i64 = value.parse().map_err(|_| wrong("a whole number"))?;
                Ok(number.to_string())
            }
            Self::Number => {
                let number: f64 = value.parse().map_err(|_| wrong("a number"))?;
                if number.is_finite() {
                    Ok(format!("{number:?}"))
                } else {
                    Err(wrong("a number"))
                }
            }
            Self::Bool => match value {
                "true" | "false" => Ok(value.to_owned()),
                _ => Err(wrong("true or false")),
            },
            Self::Timestamp => Ok(timestamp(instant(value).ok_or_else(|| wrong("a time"))?)),
            Self::Date => {
                let date = instant(value).ok_or_else(|| wrong("a date"))?;
                let (before, behind) = words.date;
                Ok(format!("{before}'{}'{behind}", date.format("%Y-%m-%d")))
            }
        }
    }
}

/// A literal of the server's TIMESTAMP.
pub(crate) fn timestamp(at: DateTime<Utc>) -> String {
    format!("'{}'", at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let midnight = date.and_then(|date| date.and_hms_opt(0, 0, 0));
    midnight.map(|at| at.and_utc()).or_else(|| {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|at| at.to_utc())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<(String, String)> {
        let all = [
            ("symbol", "SYMBOL"),
            ("volume", "LONG"),
            ("sentiment", "DOUBLE"),
            ("expiry", "DATE"),
            ("ts", "TIMESTAMP"),
            ("ok", "BOOLEAN"),
            ("id", "UUID"),
        ];
        all.map(|(name, ty)| (name.to_owned(), ty.to_owned()))
            .to_vec()
    }

    fn sql(text: &str) -> Result<String, String> {
        let predicate = Predicate::parse(text)?;
        predicate.sql(&columns()).map_err(|error| error.to_string())
    }

    #[test]
    fn predicates_become_sql() {
        for (text, expected) in [
            ("volume = 0", "(\"volume\" = 0)"),
            ("VOLUME==0", "(\"volume\" = 0)"),
            ("symbol = A", "(\"symbol\" IN ('A'))"),
            ("symbol = \"it's\"", "(\"symbol\" IN ('it''s'))"),
            (
                "symbol in (A, 'B')",
                "(\"symbol\" IN ('A') OR \"symbol\" IN ('B'))",
            ),
            (
                "symbol != A",
                "(\"symbol\" NOT IN ('A') AND \"symbol\" != null)",
            ),
            ("symbol is not null", "(\"symbol\" != null)"),
            (
                "sentiment < 0.2 and (abs(sentiment) <= 0.05 or volume is null)",
                "((\"sentiment\" < 0.2 AND \"sentiment\" != null) AND ((abs(\"sentiment\") <= 0.05 AND \"sentiment\" != null) OR (\"volume\" = null)))",
            ),
            (
                "expiry < 2024-02-01",
                "(\"expiry\" < to_date('2024-02-01','yyyy-MM-dd') AND \"expiry\" != null)",
            ),
            (
                "ts >= 2024-02-01",
                "(\"ts\" >= '2024-02-01T00:00:00.000000Z' AND \"ts\" != null)",
            ),
            ("ok = true", "(\"ok\" = true)"),
        ] {
            assert_eq!(sql(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nothing_else_comes_into_a_statement() {
        for (text, expected) in [
            ("volume = 0 or 1 = 1", "there is no column `1`"),
            (
                "volume = '0; DROP TABLE x'",
                "`volume` wants a whole number, and is given \"0; DROP TABLE x\"",
            ),
            (
                "sentiment < NaN",
                "`sentiment` wants a number, and is given \"NaN\"",
            ),
            (
                "not volume = 0",
                "`not` loses rows that have a NULL: write the opposite comparison",
            ),
            (
                "symbol < A",
                "`symbol` is no number and no time: it has no `<`",
            ),
            (
                "abs(symbol) = A",
                "`symbol` is no number and no time: it has no `abs`",
            ),
            ("id = x", "`id` is a UUID, with which no rule can compare"),
            (
                "volume",
                "it ends where a comparison, `is` or `in` is wanted",
            ),
            ("volume in (1", "it ends where `)` is wanted"),
            ("(volume = 1", "it ends where `)` is wanted"),
            (
                "volume = 1 volume",
                "`volume` at column 12 is not `and`, `or` or the end",
            ),
            (
                "expiry < soon",
                "`expiry` wants a date, and is given \"soon\"",
            ),
            ("volume is 5", "`5` at column 11 is not `null`"),
        ] {
            let error = sql(text).err().unwrap_or_default();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
