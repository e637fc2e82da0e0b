//! Where records go: to the script's function, in batches; and what takes the secrets out of what is shown.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use rhai::{Dynamic, FnPtr};
use serde_json::{Value, json};

use super::RECORD;
use crate::api::{Call, Failure};
use crate::gate::Run;
use crate::logs::{self, Clean, Look, Note, Sink, Source};

/// So many records at once.
const BATCH: usize = 512;

/// Hands records to a function.
pub(super) struct Batches<'a> {
    call: &'a Call<'a>,
    work: &'a FnPtr,
    batch: Vec<Dynamic>,
    thrown: Option<Failure>,
    full: bool,
}

impl<'a> Batches<'a> {
    pub(super) fn new(call: &'a Call<'a>, work: &'a FnPtr) -> Self {
        Self {
            call,
            work,
            batch: Vec::new(),
            thrown: None,
            full: false,
        }
    }

    /// What the function threw.
    pub(super) fn thrown(self) -> Option<Failure> {
        self.thrown
    }

    fn add(&mut self, record: &Value) {
        self.batch.push(RECORD.record(record));
        if self.batch.len() >= BATCH {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if self.batch.is_empty() || self.full {
            return;
        }
        let batch = Dynamic::from_array(std::mem::take(&mut self.batch));
        match self.call.invoke(self.work, vec![batch]) {
            Ok(value) => self.full = value.as_bool() == Ok(false),
            Err(failure) => {
                self.thrown = Some(failure);
                self.full = true;
            }
        }
    }
}

impl Sink for Batches<'_> {
    fn record(
        &mut self,
        source: &Source,
        look: &Look<'_>,
        _rendered: Option<&str>,
    ) -> io::Result<()> {
        let severity = look.severity();
        let text = String::from_utf8_lossy(look.record.text);
        self.call.run().redactor().learn_keys(text.lines());
        let record = json!({
            "time": look.at().map(logs::instant),
            "source": source.name,
            "container": source.container,
            "stream": look.record.stream.as_str(),
            "level": severity.map(|s| s.level.as_str()),
            "level_from": severity.map(|s| s.from.as_str()),
            "message": look.message(),
            "text": text,
            "fields": look.fields(),
            "lines": look.record.lines,
            "late_ms": look.record.late.map(|late| late / 1_000_000),
        });
        self.add(&record);
        Ok(())
    }

    fn note(&mut self, source: Option<&Source>, note: &Note) -> io::Result<()> {
        let record = json!({
            "time": note.at.map(logs::instant), "source": source.map_or("", |s| &s.name), "container": source.map(|s| &s.container), "stream": "stdout",
            "message": note.text, "text": note.text, "fields": note.facts, "lines": 0, "note": note.kind,
        });
        self.add(&record);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_over();
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.full
    }
}

/// Takes out what the run knows as secret.
pub(super) struct Secrets(pub(super) Arc<Run>);

impl Clean for Secrets {
    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.redactor().text(text)
    }

    fn value(&self, value: &Value) -> Value {
        self.0.redactor().json(value)
    }
}
