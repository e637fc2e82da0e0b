//! Which family a sample belongs to.

use std::sync::Arc;

use super::super::error::Fault;
use super::super::kind::Kind;
use super::super::store::{FamilyRecord, Span};
use super::strict::Part;
use super::{Last, Parser};

/// What is known of a sample's name.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) family: u32,
    /// Which part of its family the sample is; only OpenMetrics asks.
    pub(super) part: Part,
}

/// The last few names: the lines of a histogram take turns with three of them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    names: [(Span, Known); 4],
    next: usize,
}

impl Parser {
    pub(super) fn known(&mut self, name: Span) -> Result<Known, Fault> {
        let text = self.store.str(name);
        let recent = self
            .recent
            .names
            .iter()
            .find(|(other, _)| other.len == name.len && self.store.str(*other) == text);
        if let Some((_, known)) = recent {
            return Ok(*known);
        }
        let known = if self.strict.is_some() {
            self.known_strictly(name)?
        } else {
            let family = match self.store.family_of(text) {
                Some(family) => family,
                None => {
                    let name: Arc<str> = text.into();
                    self.family(name)?
                }
            };
            Known {
                family,
                part: Part::default(),
            }
        };
        let at = self.recent.next % self.recent.names.len();
        if let Some(place) = self.recent.names.get_mut(at) {
            *place = (name, known);
        }
        self.recent.next = at + 1;
        Ok(known)
    }

    /// The family of exactly this name, which is made if need be.
    pub(super) fn family(&mut self, name: Arc<str>) -> Result<u32, Fault> {
        if let Some(index) = self.store.by_name.get(&name) {
            return Ok(*index);
        }
        if self.store.families.len() >= self.limits.families {
            return Err(Fault::TooManyFamilies {
                limit: self.limits.families,
            });
        }
        let index = self.store.families.len() as u32;
        self.store.by_name.insert(Arc::clone(&name), index);
        self.store.families.push(FamilyRecord {
            name,
            kind: Kind::Untyped,
            declared: false,
            help: None,
            unit: None,
            first_sample: 0,
            samples: 0,
        });
        // The next sample of a known name may belong to this one.
        self.recent = Recent::default();
        self.last = Last::default();
        Ok(index)
    }
}
