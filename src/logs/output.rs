//! A sink that writes records as text, in large pieces.

use std::io::{self, Write};

use super::Source;
use super::record::Look;
use super::sequence::{Note, Sink};
use super::view::View;

/// So much is written at once while more is coming.
const PIECE: usize = 64 << 10;

/// Writes records as a view shows them.
pub struct Output<'a, W> {
    view: &'a View,
    text: String,
    to: W,
}

impl<'a, W: Write> Output<'a, W> {
    /// Writes to `to`.
    pub fn new(view: &'a View, to: W) -> Self {
        Self {
            view,
            text: String::with_capacity(2 * PIECE),
            to,
        }
    }

    fn write(&mut self, least: usize) -> io::Result<()> {
        if self.text.len() > least {
            let written = self.to.write_all(self.text.as_bytes());
            self.text.clear();
            written?;
            self.to.flush()?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Output<'_, W> {
    fn record(
        &mut self,
        source: &Source,
        look: &Look<'_>,
        rendered: Option<&str>,
    ) -> io::Result<()> {
        match rendered {
            Some(text) => self.text.push_str(text),
            None => self.view.record(&mut self.text, source, look),
        }
        self.write(PIECE)
    }

    fn note(&mut self, source: Option<&Source>, note: &Note) -> io::Result<()> {
        self.view.note(&mut self.text, source, note);
        self.write(PIECE)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write(0)
    }
}
