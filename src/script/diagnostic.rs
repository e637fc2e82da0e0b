//! A message about a place in a script, and how it is shown: the right file, its line, a caret, a hint.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use super::syntax::Place;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing runs.
    Error,
    /// It runs, and probably not as meant.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// A stable name: `unknown-function`.
    pub rule: &'static str,
    /// One lowercase sentence.
    pub message: String,
    /// The file.
    pub file: String,
    /// From 1; 0 when there is no place.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What to do about it.
    pub hint: Option<String>,
    /// The calls that led here, the innermost first: `in ready() at std/checks.rhai:12:3`.
    pub trace: Vec<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(rule: &'static str, file: &str, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            rule,
            message: message.into(),
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            hint: None,
            trace: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(
        rule: &'static str,
        file: &str,
        place: Place,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(rule, file, place, message)
        }
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the next step, if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// The message as people read it. `source` is the file's text, where it is known.
    pub fn render(&self, source: Option<&str>, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str());
        let span = source.and_then(|text| span(text, self.line, self.column));
        let mut group = match (source, span) {
            (Some(text), Some(span)) => title.element(
                Snippet::source(text)
                    .path(self.file.as_str())
                    .annotation(AnnotationKind::Primary.span(span)),
            ),
            _ => Group::with_title(title),
        };
        for call in &self.trace {
            group = group.element(Level::NOTE.message(call.as_str()));
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
        }
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }
}

/// The bytes of the word that begins at a line and column.
fn span(text: &str, line: usize, column: usize) -> Option<std::ops::Range<usize>> {
    let mut offset = 0;
    let line_text = text
        .split_inclusive('\n')
        .enumerate()
        .find_map(|(i, l)| {
            if i + 1 == line {
                return Some(l);
            }
            offset += l.len();
            None
        })?
        .trim_end_matches(['\n', '\r']);
    let within: usize = line_text
        .chars()
        .take(column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    let rest = &line_text[within.min(line_text.len())..];
    let word: usize = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .map(char::len_utf8)
        .sum();
    let length = word.max(rest.chars().next().map_or(0, char::len_utf8));
    Some(offset + within..offset + within + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_word_even_after_wide_letters() {
        let text = "let a = 1;\nlet é = nothere(1);\n";
        let shown = Diagnostic::error(
            "unknown-function",
            "x.rhai",
            Place { line: 2, column: 9 },
            "there is no function `nothere`",
        )
        .hint("did you mean `there`?")
        .render(Some(text), false);
        assert!(shown.contains("x.rhai:2:9"), "{shown}");
        let caret = shown.lines().find(|l| l.contains('^')).unwrap_or_default();
        assert_eq!(caret.matches('^').count(), "nothere".len(), "{shown}");
        assert!(shown.contains("hint: did you mean"), "{shown}");
    }

    #[test]
    fn a_place_beyond_the_text_is_no_panic() {
        for (line, column) in [(0, 0), (9, 9), (1, 99)] {
            let shown =
                Diagnostic::error("x", "x", Place { line, column }, "m").render(Some("a\n"), false);
            assert!(shown.contains('m'));
        }
    }
}
