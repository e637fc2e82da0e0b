//! SQL text as a server's own scanner sees it: words, quotes, comments, marks. Enough to tell one
//! reading statement from anything else; no grammar.
//!
//! The check that a statement only reads must not be fooled by what stands in quotes or comments. Comments
//! are blanked in the text that is sent, so no difference in how a server nests them can matter; what
//! the scanner is not sure about it refuses.

use std::fmt;

/// Whose quoting rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `'...'` and `"..."`, doubled inside; a backslash is an ordinary character.
    Questdb,
    /// The same, and `E'...'` with backslashes, and `$tag$ ... $tag$`.
    Postgres,
}

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A bare word, in lower case: a keyword or a name.
    Word(String),
    /// A name in double quotes, as it stands between them.
    Quoted(String),
    /// Text in single quotes or dollars.
    Text,
    /// Any other character.
    Mark(char),
}

impl Token {
    /// Whether it is this bare word.
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(w) if w == word)
    }

    /// The name that it may be: a bare word or a quoted one, in lower case.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.clone()),
            Self::Quoted(name) => Some(name.to_lowercase()),
            Self::Text | Self::Mark(_) => None,
        }
    }
}

/// One statement.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    /// Its pieces.
    pub(crate) tokens: Vec<Token>,
    /// The text to send: comments and a closing semicolon blanked, so that a position in an error of
    /// the server still is one in the text as written.
    pub(crate) text: String,
}

/// Why a text is not one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing but blanks and comments.
    Empty,
    /// Something after a semicolon.
    Several,
    /// A quote or comment that does not end.
    Unclosed(&'static str),
    /// A character or form that the scanner does not take.
    Odd(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the statement is empty"),
            Self::Several => {
                f.write_str("there is more than one statement, and each needs a call of its own")
            }
            Self::Unclosed(what) => write!(f, "{what} is not closed"),
            Self::Odd(what) => write!(f, "{what} is not taken"),
        }
    }
}

/// Scans `sql`, which must be exactly one statement; a closing semicolon is let pass.
pub(crate) fn statement(sql: &str, dialect: Dialect) -> Result<Statement, Fault> {
    let mut scanner = Scanner {
        rest: sql,
        dialect,
        tokens: Vec::new(),
        text: String::with_capacity(sql.len()),
        ended: false,
    };
    while !scanner.rest.is_empty() {
        scanner.next()?;
    }
    if scanner.tokens.is_empty() {
        return Err(Fault::Empty);
    }
    scanner.text.truncate(scanner.text.trim_end().len());
    Ok(Statement {
        tokens: scanner.tokens,
        text: scanner.text,
    })
}

struct Scanner<'a> {
    rest: &'a str,
    dialect: Dialect,
    tokens: Vec<Token>,
    text: String,
    ended: bool,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

impl<'a> Scanner<'a> {
    /// Takes `length` bytes; they go into the text as they are.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.text.push_str(taken);
        taken
    }

    /// Takes `length` bytes; blanks go into the text, line ends stay.
    fn blank(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.text
            .extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
    }

    fn push(&mut self, token: Token) -> Result<(), Fault> {
        if self.ended {
            return Err(Fault::Several);
        }
        self.tokens.push(token);
        Ok(())
    }

    fn next(&mut self) -> Result<(), Fault> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(());
        };
        if self.rest.starts_with("--") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.blank(end);
            return Ok(());
        }
        if self.rest.starts_with("/*") {
            let end = block_comment(self.rest).ok_or(Fault::Unclosed("a comment"))?;
            self.blank(end);
            return Ok(());
        }
        match first {
            ' ' | '\t' | '\n' | '\r' => {
                self.take(1);
                Ok(())
            }
            ';' => {
                self.ended = true;
                self.blank(1);
                Ok(())
            }
            '\'' => {
                let end = closing(self.rest, '\'', false).ok_or(Fault::Unclosed("a text"))?;
                self.take(end);
                self.push(Token::Text)
            }
            '"' => {
                let end = closing(self.rest, '"', false).ok_or(Fault::Unclosed("a quoted name"))?;
                let name = self.take(end);
                let name = name[1..name.len() - 1].replace("\"\"", "\"");
                self.push(Token::Quoted(name))
            }
            '$' if self.dialect == Dialect::Postgres => self.dollar(),
            '`' => Err(Fault::Odd("a back-quote")),
            c if c.is_control() => Err(Fault::Odd("a control character")),
            c if is_word(c) => self.word(),
            c => {
                self.take(c.len_utf8());
                self.push(Token::Mark(c))
            }
        }
    }

    fn word(&mut self) -> Result<(), Fault> {
        let length = self
            .rest
            .find(|c| !(is_word(c) || c == '$'))
            .unwrap_or(self.rest.len());
        let word = self.take(length);
        if self.dialect == Dialect::Postgres {
            // Letters that lie against a quote change its rules.
            if self.rest.starts_with('\'') {
                match word {
                    "e" | "E" => {
                        let end =
                            closing(self.rest, '\'', true).ok_or(Fault::Unclosed("a text"))?;
                        self.take(end);
                        return self.push(Token::Text);
                    }
                    "n" | "N" | "b" | "B" | "x" | "X" => return Ok(()),
                    _ => {}
                }
            }
            if word.eq_ignore_ascii_case("u") && self.rest.starts_with('&') {
                return Err(Fault::Odd("a `U&` quote"));
            }
        }
        // Some servers end a number where letters begin: `1insert` is two tokens there.
        let name = word.trim_start_matches(|c: char| c.is_ascii_digit());
        if name.len() < word.len() {
            self.push(Token::Mark('0'))?;
        }
        if name.is_empty() {
            return Ok(());
        }
        self.push(Token::Word(name.to_lowercase()))
    }

    /// `$1`, or text between `$tag$` and `$tag$`.
    fn dollar(&mut self) -> Result<(), Fault> {
        let tag = self.rest[1..]
            .find(|c| !is_word(c))
            .filter(|end| self.rest[1 + end..].starts_with('$'))
            .filter(|_| !self.rest[1..].starts_with(|c: char| c.is_ascii_digit()))
            .map(|end| &self.rest[..end + 2]);
        let Some(tag) = tag else {
            self.take(1);
            return self.push(Token::Mark('$'));
        };
        let body = &self.rest[tag.len()..];
        let end = body
            .find(tag)
            .ok_or(Fault::Unclosed("a dollar-quoted text"))?;
        self.take(tag.len() * 2 + end);
        self.push(Token::Text)
    }
}

/// The length of the quoted piece that `text` starts with.
fn closing(text: &str, quote: char, backslash: bool) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslash {
            chars.next();
        } else if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

/// The length of the block comment that `text` starts with; they nest.
fn block_comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// Where, in a statement that starts with WITH, the statement proper begins: behind the last of the
/// named queries.
pub(crate) fn behind_named_queries(tokens: &[Token]) -> Option<&Token> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => {
                depth = depth.checked_sub(1)?;
                let next = tokens.get(at + 1)?;
                let goes_on = *next == Token::Mark(',')
                    || ["as", "search", "cycle"].iter().any(|word| next.is(word));
                if depth == 0 && !goes_on {
                    return Some(next);
                }
            }
            _ => {}
        }
    }
    None
}

/// A changing statement's first words, for people: `DROP TABLE`, `UPDATE`.
pub(crate) fn verb(tokens: &[Token]) -> String {
    let words = tokens.iter().map_while(|token| match token {
        Token::Word(word) => Some(word.to_uppercase()),
        _ => None,
    });
    let words: Vec<_> = words.take(2).collect();
    match words.first().map(String::as_str) {
        Some(alone @ ("UPDATE" | "WITH")) => alone.to_owned(),
        _ => words.join(" "),
    }
}

/// The table that a changing statement is about, schema first where it is named: what stands behind
/// TABLE, INTO, UPDATE or DELETE FROM, whichever comes first.
pub(crate) fn table(tokens: &[Token]) -> Option<Vec<String>> {
    let at = tokens.iter().enumerate().position(|(i, t)| {
        t.is("table")
            || t.is("into")
            || t.is("update")
            || t.is("from") && i > 0 && tokens[i - 1].is("delete")
    })?;
    let mut rest = tokens[at + 1..].iter().skip_while(|t| {
        ["if", "not", "exists", "only"]
            .iter()
            .any(|word| t.is(word))
    });
    let mut name = Vec::new();
    while let Some(Token::Word(part) | Token::Quoted(part)) = rest.next() {
        name.push(part.clone());
        if rest.next() != Some(&Token::Mark('.')) {
            break;
        }
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn words(sql: &str, dialect: Dialect) -> Result<String, Fault> {
        let statement = statement(sql, dialect)?;
        Ok(statement
            .tokens
            .iter()
            .map(|t| match t {
                Token::Word(w) => w.clone(),
                Token::Quoted(w) => format!("\"{w}\""),
                Token::Text => "''".into(),
                Token::Mark(c) => c.to_string(),
            })
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn quotes_and_comments() {
        use Dialect::{Postgres, Questdb};
        let ok = |s: &str| Ok(s.to_owned());
        let table: &[(&str, Dialect, Result<String, Fault>)] = &[
            ("select 1", Questdb, ok("select 0")),
            ("SELECT 'a;b' ; ", Questdb, ok("select ''")),
            ("select 'it''s; drop'", Questdb, ok("select ''")),
            (r"select 'a\' , x", Questdb, ok("select '' , x")),
            (
                r"select E'a\' ; drop table x --'",
                Postgres,
                ok("select ''"),
            ),
            (r"select e'a\\' , x", Postgres, ok("select '' , x")),
            (r"select 'a\' , x", Postgres, ok("select '' , x")),
            ("select $$a;b'$$, $1", Postgres, ok("select '' , $ 0")),
            ("select $t$a$$b;$t$", Postgres, ok("select ''")),
            ("select a$b$c", Postgres, ok("select a$b$c")),
            ("select \"a\"\"b;\" x", Questdb, ok("select \"a\"b;\" x")),
            (
                "-- it's\nselect /* ; ' */ 1 -- ; x",
                Questdb,
                ok("select 0"),
            ),
            ("select /* a /* b */ c */ 1", Questdb, ok("select 0")),
            ("select 1insert", Postgres, ok("select 0 insert")),
            ("select 1;;", Questdb, ok("select 0")),
            ("select 1; select 2", Questdb, Err(Fault::Several)),
            ("select 1; 'x'", Questdb, Err(Fault::Several)),
            ("  -- nothing\n", Questdb, Err(Fault::Empty)),
            (";", Questdb, Err(Fault::Empty)),
            ("", Questdb, Err(Fault::Empty)),
            ("select 'a", Questdb, Err(Fault::Unclosed("a text"))),
            ("select \"a", Questdb, Err(Fault::Unclosed("a quoted name"))),
            ("select /* a", Questdb, Err(Fault::Unclosed("a comment"))),
            (
                "select /* a /* b */",
                Questdb,
                Err(Fault::Unclosed("a comment")),
            ),
            (
                "select $a$ x",
                Postgres,
                Err(Fault::Unclosed("a dollar-quoted text")),
            ),
            ("select `x`", Questdb, Err(Fault::Odd("a back-quote"))),
            (
                "select \0 1",
                Questdb,
                Err(Fault::Odd("a control character")),
            ),
            (
                "select U&\"d\\0061t\"",
                Postgres,
                Err(Fault::Odd("a `U&` quote")),
            ),
        ];
        for (sql, dialect, want) in table {
            assert_eq!(&words(sql, *dialect), want, "{sql}");
        }
    }

    #[test]
    fn the_text_keeps_its_positions() {
        let sql = "-- über\nselect /* x */ 1; -- end";
        let text = statement(sql, Dialect::Questdb).unwrap().text;
        assert_eq!(text, "       \nselect         1");
        assert_eq!(
            text.chars().position(|c| c == '1'),
            sql.chars().position(|c| c == '1')
        );
    }

    #[test]
    fn the_statement_behind_with() {
        for (sql, want) in [
            ("with a as (select 1) select 2", Some("select")),
            (
                "with a (x, y) as (select (1)), b as (select 2) insert into t",
                Some("insert"),
            ),
            ("with a as (select 1)", None),
            ("with a", None),
            ("with )", None),
        ] {
            let tokens = statement(sql, Dialect::Postgres).unwrap().tokens;
            let found = behind_named_queries(&tokens).and_then(Token::name);
            assert_eq!(found.as_deref(), want, "{sql}");
        }
    }

    #[test]
    fn what_a_change_is_about() {
        for (sql, verb_, table_) in [
            (
                "drop table if exists \"Trades\"",
                "DROP TABLE",
                Some("Trades"),
            ),
            (
                "ALTER TABLE t DROP PARTITION LIST '2024'",
                "ALTER TABLE",
                Some("t"),
            ),
            ("insert atomic into t select 1", "INSERT ATOMIC", Some("t")),
            ("UPDATE t SET a = 1", "UPDATE", Some("t")),
            (
                "DELETE FROM ONLY a . \"B\" WHERE x IN (SELECT 1 FROM c)",
                "DELETE FROM",
                Some("a/B"),
            ),
            (
                "with a as (select 1 from b) insert into t select 1",
                "WITH",
                Some("t"),
            ),
            (
                "CREATE TABLE IF NOT EXISTS t (a INT)",
                "CREATE TABLE",
                Some("t"),
            ),
            ("CANCEL QUERY 1", "CANCEL QUERY", None),
            ("DROP TABLE", "DROP TABLE", None),
        ] {
            let tokens = statement(sql, Dialect::Questdb).unwrap().tokens;
            assert_eq!(verb(&tokens), verb_, "{sql}");
            assert_eq!(
                table(&tokens).map(|name| name.join("/")).as_deref(),
                table_,
                "{sql}"
            );
        }
    }
}
