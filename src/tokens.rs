//! The words, texts and signs of the small languages for conditions: of log records, and of rows to remove.

/// A part of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A word outside quotes, or a text within.
    Text {
        /// The word, or the text without its quotes.
        text: String,
        /// Whether it stood in quotes.
        quoted: bool,
    },
    /// `<=`, `(`.
    Sign(&'static str),
}

const SIGNS: [&str; 13] = [
    "==", "!=", "<=", ">=", "!~", "=", "<", ">", "~", "(", ")", "!", ",",
];

/// So many parts a condition may have: each may be a frame of the stack.
const MOST: usize = 1000;

/// A condition that is being read.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    all: Vec<(usize, Token)>,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Takes a text apart; `Err` says what is wrong, and where.
    pub(crate) fn of(text: &'a str) -> Result<Self, String> {
        let mut all = Vec::new();
        let mut at = 0;
        while let Some(letter) = text[at..].chars().next() {
            if letter.is_whitespace() {
                at += letter.len_utf8();
                continue;
            }
            if all.len() == MOST {
                return Err(format!("it is too long: at most {MOST} words and signs"));
            }
            if let Some(sign) = SIGNS.iter().find(|sign| text[at..].starts_with(**sign)) {
                all.push((at, Token::Sign(sign)));
                at += sign.len();
                continue;
            }
            if matches!(letter, '"' | '\'') {
                let (inner, length) = quoted(&text[at..], letter)
                    .ok_or_else(|| format!("the quote at column {} is never closed", at + 1))?;
                let token = Token::Text {
                    text: inner,
                    quoted: true,
                };
                all.push((at, token));
                at += length;
                continue;
            }
            let ends = |c: char| c.is_whitespace() || "=!<>~(),\"'".contains(c);
            let length = text[at..].find(ends).unwrap_or(text.len() - at);
            let token = Token::Text {
                text: text[at..at + length].to_owned(),
                quoted: false,
            };
            all.push((at, token));
            at += length;
        }
        Ok(Self { text, all, at: 0 })
    }

    /// The next part.
    pub(crate) fn peek(&self) -> Option<&Token> {
        self.all.get(self.at).map(|(_, token)| token)
    }

    /// Takes the next part if it is one of these signs.
    pub(crate) fn sign(&mut self, wanted: &[&'static str]) -> Option<&'static str> {
        match self.peek() {
            Some(Token::Sign(sign)) if wanted.contains(sign) => {
                let sign = *sign;
                self.at += 1;
                Some(sign)
            }
            _ => None,
        }
    }

    /// Takes the next part if it is this word, in any case.
    pub(crate) fn word(&mut self, wanted: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Text { text, quoted: false }) if text.eq_ignore_ascii_case(wanted));
        self.at += usize::from(is);
        is
    }

    /// Takes the next part if it is a word or a text: what it is, and whether it stood in quotes.
    pub(crate) fn text(&mut self) -> Option<(String, bool)> {
        match self.peek().cloned() {
            Some(Token::Text { text, quoted }) => {
                self.at += 1;
                Some((text, quoted))
            }
            _ => None,
        }
    }

    /// That something else was wanted here.
    pub(crate) fn wrong(&self, wanted: &str) -> String {
        match self.all.get(self.at) {
            Some((at, _)) => format!(
                "`{}` at column {} is not {wanted}",
                self.text[*at..]
                    .split_whitespace()
                    .next()
                    .unwrap_or_default(),
                self.text[..*at].chars().count() + 1
            ),
            None => format!("it ends where {wanted} is wanted"),
        }
    }

    /// `Err` unless all was read.
    pub(crate) fn end(&self) -> Result<(), String> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("`and`, `or` or the end")),
        }
    }
}

/// A quoted text, in which a backslash takes the meaning from the quote, and from nothing else: regular expressions are full
/// of backslashes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            c if c == quote => return Some((inner, at + c.len_utf8())),
            '\\' => match letters.peek() {
                Some((_, next)) if *next == quote => {
                    inner.push(quote);
                    letters.next();
                }
                _ => inner.push('\\'),
            },
            other => inner.push(other),
        }
    }
    None
}
