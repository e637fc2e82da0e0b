//! What stands between braces, as places on its line. Knows nothing of pages: names and values are decoded elsewhere.

use super::super::error::Fault;
use super::super::scan::{Cursor, Found};

/// A label on its line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    name_start: u32,
    name_end: u32,
    value_start: u32,
    value_end: u32,
    /// The name has escapes.
    pub(super) odd_name: bool,
    /// The value has escapes.
    pub(super) odd_value: bool,
}

impl Mark {
    pub(super) fn name(&self) -> (usize, usize) {
        (self.name_start as usize, self.name_end as usize)
    }

    pub(super) fn value(&self) -> (usize, usize) {
        (self.value_start as usize, self.value_end as usize)
    }
}

/// The labels of one line, kept for the next.
#[derive(Debug, Default)]
pub(super) struct Marks {
    all: Vec<Mark>,
}

/// How to read labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// OpenMetrics: no blanks, no comma at the end, and a backslash before any character.
    pub(super) strict: bool,
    /// The most labels.
    pub(super) limit: usize,
    /// The line that the marks are from; empty when they are from none.
    pub(super) last: &'a [u8],
    /// How many bytes this line has in common with that one.
    pub(super) shared: usize,
}

/// What was found besides the labels.
#[derive(Debug, Default)]
pub(super) struct Braces {
    /// Without blanks, quoted names and a comma at the end.
    pub(super) tidy: bool,
    /// Some string has escapes.
    pub(super) escaped: bool,
    /// The last thing read was a comma.
    comma: bool,
    /// A string without `=`, which is the sample's name: from, to, escaped.
    pub(super) name: Option<(usize, usize, bool)>,
}

impl Marks {
    pub(super) fn get(&self) -> &[Mark] {
        &self.all
    }

    /// Reads up to and with `}`; the cursor stands behind `{`. `named` says that the sample has a name already.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        rules: Rules<'_>,
        named: bool,
    ) -> Found<Braces> {
        let brace = cursor.at.saturating_sub(1);
        let mut found = Braces {
            tidy: true,
            ..Braces::default()
        };
        // Up to the last value that both lines open alike there is nothing to read: it was read on the last line.
        let kept = self
            .all
            .iter()
            .rposition(|mark| mark.value_start as usize <= rules.shared);
        let mut count = 0;
        if let Some(last) = kept
            && let Some(mark) = self.all.get_mut(last)
        {
            cursor.at = mark.value_start as usize;
            let (_, to, escaped) = cursor.quoted(rules.strict)?;
            mark.value_end = to as u32;
            mark.odd_value = escaped;
            count = last + 1;
            found.escaped = self.all.iter().take(count).any(|mark| mark.odd_value);
            self.comma(cursor, brace, rules.strict, &mut found)?;
        }
        // As long as all names are those of the last line in its order, they need no check of their own.
        let mut same_names = !rules.last.is_empty();
        loop {
            self.blanks(cursor, rules.strict, &mut found);
            // Behind a comma OpenMetrics wants a label; what is found instead is the brace.
            if cursor.peek() == Some(b'}') && !(rules.strict && found.comma) {
                found.tidy &= !found.comma;
                cursor.at += 1;
                self.all.truncate(count);
                return Ok(found);
            }
            let at = cursor.at;
            let mut mark = Mark::default();
            same_names = same_names && self.same_name(cursor, rules.last, count, &mut mark);
            if !same_names {
                match self.name(cursor, brace, rules, &mut found, named)? {
                    Some(own) => mark = own,
                    None => {
                        // The sample's name, in quotes.
                        self.comma(cursor, brace, rules.strict, &mut found)?;
                        continue;
                    }
                }
                self.check_name(cursor.line, &mark, count, rules.limit)
                    .map_err(|fault| (at, fault))?;
                self.blanks(cursor, rules.strict, &mut found);
                if !cursor.take(b'=') {
                    return Err((
                        cursor.at,
                        Fault::ExpectedEquals {
                            label: label(cursor.line, &mark),
                            found: cursor.found(),
                        },
                    ));
                }
            }
            self.blanks(cursor, rules.strict, &mut found);
            if !cursor.take(b'"') {
                return Err((
                    cursor.at,
                    Fault::ExpectedQuote {
                        label: label(cursor.line, &mark),
                        found: cursor.found(),
                    },
                ));
            }
            let (from, to, escaped) = cursor.quoted(rules.strict)?;
            mark.value_start = from as u32;
            mark.value_end = to as u32;
            mark.odd_value = escaped;
            found.escaped |= escaped;
            match self.all.get_mut(count) {
                Some(place) => *place = mark,
                None => self.all.push(mark),
            }
            count += 1;
            self.comma(cursor, brace, rules.strict, &mut found)?;
        }
    }

    fn blanks(&self, cursor: &mut Cursor<'_>, strict: bool, found: &mut Braces) {
        let at = cursor.at;
        if !strict {
            cursor.skip_blanks();
        }
        found.tidy &= cursor.at == at;
    }

    /// Whether the name at the cursor is that of the same label of the last line; steps over it and `=` if so.
    fn same_name(
        &self,
        cursor: &mut Cursor<'_>,
        last: &[u8],
        index: usize,
        mark: &mut Mark,
    ) -> bool {
        let Some(before) = self.all.get(index) else {
            return false;
        };
        let (from, to) = before.name();
        let name = last.get(from..to).unwrap_or_default();
        let tail = cursor.line.get(cursor.at..).unwrap_or_default();
        if !tail.starts_with(name) || tail.get(name.len()) != Some(&b'=') {
            return false;
        }
        mark.name_start = cursor.at as u32;
        mark.name_end = (cursor.at + name.len()) as u32;
        cursor.at += name.len() + 1;
        true
    }

    /// A label's name, or `None` for a string that is the sample's.
    fn name(
        &self,
        cursor: &mut Cursor<'_>,
        brace: usize,
        rules: Rules<'_>,
        found: &mut Braces,
        named: bool,
    ) -> Found<Option<Mark>> {
        let at = cursor.at;
        let mut mark = Mark::default();
        let (from, to) = if cursor.take(b'"') {
            found.tidy = false;
            let (from, to, escaped) = cursor.quoted(rules.strict)?;
            found.escaped |= escaped;
            mark.odd_name = escaped;
            self.blanks(cursor, rules.strict, found);
            if cursor.peek() != Some(b'=') {
                if named || found.name.is_some() {
                    return Err((at, Fault::SecondName));
                }
                if from == to {
                    return Err((at, Fault::EmptyName));
                }
                found.name = Some((from, to, escaped));
                return Ok(None);
            }
            (from, to)
        } else {
            cursor.label_name()
        };
        if from == to {
            if at >= cursor.line.len() {
                return Err((brace, Fault::UnterminatedBrace));
            }
            let found = Cursor {
                line: cursor.line,
                at,
            }
            .found();
            return Err((at, Fault::ExpectedLabel { found }));
        }
        mark.name_start = from as u32;
        mark.name_end = to as u32;
        Ok(Some(mark))
    }

    fn check_name(
        &self,
        line: &[u8],
        mark: &Mark,
        count: usize,
        limit: usize,
    ) -> Result<(), Fault> {
        if count >= limit {
            return Err(Fault::TooManyLabels { limit });
        }
        let text = |mark: &Mark| line.get(mark.name_start as usize..mark.name_end as usize);
        let name = text(mark);
        if self.all.iter().take(count).any(|other| text(other) == name) {
            return Err(Fault::DuplicateLabel {
                label: label(line, mark),
            });
        }
        // The name's own label in PromQL; a page that sets it would give a series two names.
        if name == Some(b"__name__") {
            return Err(Fault::ReservedLabel);
        }
        Ok(())
    }

    /// What may follow a label: a comma, which is left behind, or the closing brace, which is not.
    fn comma(
        &self,
        cursor: &mut Cursor<'_>,
        brace: usize,
        strict: bool,
        found: &mut Braces,
    ) -> Found<()> {
        self.blanks(cursor, strict, found);
        found.comma = cursor.take(b',');
        if found.comma || cursor.peek() == Some(b'}') {
            return Ok(());
        }
        if cursor.is_at_end() {
            return Err((brace, Fault::UnterminatedBrace));
        }
        Err((
            cursor.at,
            Fault::ExpectedComma {
                found: cursor.found(),
            },
        ))
    }
}

fn label(line: &[u8], mark: &Mark) -> String {
    let (from, to) = mark.name();
    String::from_utf8_lossy(line.get(from..to).unwrap_or_default()).into_owned()
}
