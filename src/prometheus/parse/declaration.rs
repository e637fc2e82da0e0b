//! Lines that begin with `#`: HELP, TYPE and UNIT of a family; everything else there is for people only.

use super::super::error::Fault;
use super::super::page::{Kind, Span};
use super::super::scan::{Cursor, Found, quote};
use super::{Parser, span};

impl Parser {
    /// A line that begins with `#`: a declaration if its first word says so, else for people only.
    pub(super) fn comment(&mut self, start: usize, mut cursor: Cursor<'_>) -> Found<()> {
        cursor.at += 1;
        cursor.skip_blanks();
        let keyword = match cursor.word() {
            b"HELP" => "HELP",
            b"TYPE" => "TYPE",
            b"UNIT" if self.store.openmetrics => "UNIT",
            _ => return Ok(()),
        };
        cursor.skip_blanks();
        if cursor.is_at_end() {
            return Ok(());
        }
        let at = cursor.at;
        let name = if cursor.take(b'"') {
            let (from, to, escaped) = cursor.quoted()?;
            self.string(start, from, to, escaped)
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
            span(start + from, to - from)
        };
        if name.len == 0 {
            return Err((at, Fault::EmptyName));
        }
        if !matches!(cursor.peek(), None | Some(b' ' | b'\t')) {
            return Err((
                cursor.at,
                Fault::AfterName {
                    expected: "a blank",
                    found: cursor.found(),
                },
            ));
        }
        cursor.skip_blanks();
        let rest = cursor.line.get(cursor.at..).unwrap_or_default();
        if keyword == "TYPE" {
            if rest.is_empty() {
                return Ok(());
            }
            let word_at = cursor.at;
            let word = cursor.word();
            let kind = std::str::from_utf8(word).ok().and_then(Kind::from_word);
            let kind = kind.ok_or_else(|| (word_at, Fault::UnknownKind { kind: quote(word) }))?;
            cursor.skip_blanks();
            if !cursor.is_at_end() {
                return Err((
                    cursor.at,
                    Fault::Trailing {
                        found: cursor.found(),
                    },
                ));
            }
            return self.declare_kind(name, kind).map_err(|fault| (at, fault));
        }
        let text = if memchr::memchr(b'\\', rest).is_some() {
            self.decode(start + cursor.at, rest.len(), true)
        } else {
            span(start + cursor.at, rest.len())
        };
        self.declare_text(name, keyword, text)
            .map_err(|fault| (at, fault))
    }

    fn declare_kind(&mut self, name: Span, kind: Kind) -> Result<(), Fault> {
        let index = self.family(name);
        let name = self.store.str(name).to_owned();
        let Some(family) = self.store.families.get_mut(index as usize) else {
            return Ok(());
        };
        if family.declared && family.kind != kind {
            return Err(Fault::Contradiction {
                keyword: "TYPE",
                name,
            });
        }
        if !family.declared && family.samples > 0 {
            return Err(Fault::LateType { name });
        }
        family.kind = kind;
        family.declared = true;
        Ok(())
    }

    fn declare_text(&mut self, name: Span, keyword: &'static str, text: Span) -> Result<(), Fault> {
        let index = self.family(name) as usize;
        let unit = keyword == "UNIT";
        let known = self
            .store
            .families
            .get(index)
            .and_then(|family| if unit { family.unit } else { family.help });
        if known.is_some_and(|known| self.store.str(known) != self.store.str(text)) {
            return Err(Fault::Contradiction {
                keyword,
                name: self.store.str(name).to_owned(),
            });
        }
        if let Some(family) = self.store.families.get_mut(index) {
            *(if unit {
                &mut family.unit
            } else {
                &mut family.help
            }) = Some(text);
        }
        Ok(())
    }
}
