//! Lines that begin with `#`: HELP, TYPE and UNIT of a family, and EOF; everything else there is for people only.

use std::sync::Arc;

use super::super::error::Fault;
use super::super::kind::{Format, Kind};
use super::super::scan::{Cursor, Found, quote};
use super::{Parser, unescape};

impl Parser {
    /// A line whose `#` stands at `at`: a declaration if its first word says so. OpenMetrics has nothing else, and
    /// single blanks.
    pub(super) fn comment(&mut self, line: &[u8], at: usize) -> Found<()> {
        let mut cursor = Cursor { line, at: at + 1 };
        if let Some(strict) = &mut self.strict {
            if line == b"# EOF" {
                return strict.eof().map_err(|fault| (0, fault));
            }
            let keyword = match line.get(..7) {
                Some(b"# HELP ") => "HELP",
                Some(b"# TYPE ") => "TYPE",
                Some(b"# UNIT ") => "UNIT",
                _ => return Err((0, Fault::Comment)),
            };
            cursor.at = 7;
            return self.declaration(cursor, keyword);
        }
        cursor.skip_blanks();
        let keyword = match cursor.word() {
            b"HELP" => "HELP",
            b"TYPE" => "TYPE",
            _ => return Ok(()),
        };
        cursor.skip_blanks();
        if cursor.is_at_end() {
            return Ok(());
        }
        self.declaration(cursor, keyword)
    }

    /// From the name on.
    fn declaration(&mut self, mut cursor: Cursor<'_>, keyword: &'static str) -> Found<()> {
        let strict = self.strict.is_some();
        let at = cursor.at;
        let (from, to, escaped) = if cursor.take(b'"') {
            cursor.quoted(strict)?
        } else {
            let (from, to) = cursor.metric_name();
            if from == to {
                return Err((
                    from,
                    Fault::ExpectedName {
                        found: cursor.found(),
                    },
                ));
            }
            (from, to, false)
        };
        if from == to {
            return Err((at, Fault::EmptyName));
        }
        let name: Arc<str> = text(&cursor, from, to, escaped, true).into();
        let blank = match cursor.peek() {
            Some(b' ') => true,
            None | Some(b'\t') => !strict,
            _ => false,
        };
        if !blank {
            return Err((
                cursor.at,
                Fault::AfterName {
                    expected: "a blank",
                    found: cursor.found(),
                },
            ));
        }
        if strict {
            cursor.at += 1;
        } else {
            cursor.skip_blanks();
        }
        let word_at = cursor.at;
        let end = cursor.line.len();
        match keyword {
            "TYPE" => {
                if cursor.is_at_end() && !strict {
                    return Ok(());
                }
                let word = cursor.word();
                let kind = Kind::from_word(word, self.store.format)
                    .ok_or_else(|| (word_at, Fault::UnknownKind { kind: quote(word) }))?;
                if !strict {
                    cursor.skip_blanks();
                }
                if !cursor.is_at_end() {
                    return Err((
                        cursor.at,
                        Fault::Trailing {
                            found: cursor.found(),
                        },
                    ));
                }
                self.declare(name, keyword, Some(kind), None)
            }
            _ => {
                // In HELP, 0.0.4 knows no `\"`.
                let said = text(&cursor, word_at, end, true, strict);
                self.declare(name, keyword, None, Some(&said))
            }
        }
        .map_err(|fault| (at, fault))
    }

    fn declare(
        &mut self,
        name: Arc<str>,
        keyword: &'static str,
        kind: Option<Kind>,
        said: Option<&str>,
    ) -> Result<(), Fault> {
        let index = self.family(Arc::clone(&name))?;
        self.enter(index)?;
        let strict = self.store.format == Format::OpenMetrics;
        let parts = kind.map_or(&[][..], |kind| kind.suffixes(self.store.format));
        // Samples that would be parts of this one, had it been declared before them.
        let early = parts.iter().any(|suffix| {
            let part = self.store.by_name.get(&*format!("{name}{suffix}"));
            part.and_then(|part| self.store.families.get(*part as usize))
                .is_some_and(|part| !part.declared && part.samples > 0)
        });
        let Some(family) = self.store.families.get_mut(index as usize) else {
            return Ok(());
        };
        let name = || name.to_string();
        let known = match keyword {
            "TYPE" => family.declared,
            "HELP" => family.help.is_some(),
            _ => family.unit.is_some(),
        };
        if known && strict {
            let name = name();
            return Err(Fault::Repeated { keyword, name });
        }
        let same = match keyword {
            "TYPE" => Some(family.kind) == kind,
            "HELP" => family.help.as_deref() == said,
            _ => family.unit.as_deref() == said,
        };
        if known && !same {
            let name = name();
            return Err(Fault::Contradiction { keyword, name });
        }
        // The classic format takes a late HELP, as its reference does.
        if family.samples > 0 && (strict || (kind.is_some() && !known)) || (early && !known) {
            let name = name();
            return Err(Fault::Late { keyword, name });
        }
        match (keyword, kind, said) {
            ("HELP", _, Some(said)) => family.help = Some(said.into()),
            ("UNIT", _, Some(said)) => family.unit = Some(said.into()),
            (_, Some(kind), _) => {
                family.kind = kind;
                family.declared = true;
            }
            _ => {}
        }
        let unit = family.unit.as_deref().filter(|unit| !unit.is_empty());
        if let Some(unit) = unit {
            if matches!(family.kind, Kind::Info | Kind::StateSet) {
                return Err(Fault::UnitOfKind { kind: family.kind });
            }
            let stem = family.name.strip_suffix(unit);
            if !stem.is_some_and(|stem| stem.ends_with('_')) {
                return Err(Fault::WrongUnit {
                    unit: unit.to_owned(),
                    name: name(),
                });
            }
        }
        Ok(())
    }
}

/// A part of the line as text, which it is: the whole page was found to be UTF-8.
fn text(cursor: &Cursor<'_>, from: usize, to: usize, escaped: bool, quotes: bool) -> String {
    let bytes = cursor.line.get(from..to).unwrap_or_default();
    let raw = String::from_utf8_lossy(bytes);
    if !escaped {
        return raw.into_owned();
    }
    let mut out = String::with_capacity(raw.len());
    unescape(&raw, quotes, &mut out);
    out
}
