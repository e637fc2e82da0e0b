//! Whether an input is whole, or goes on in the next line.

use std::sync::LazyLock;

use rhai::{Engine, LexError, ParseErrorType};

/// Names and imports of the session do not matter here, only whether the text ends where it may.
static LENIENT: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = super::super::engine::parser();
    engine.set_strict_variables(false);
    engine
});

/// Whether the only thing wrong with `text` is that it ends too early.
pub fn is_incomplete(text: &str) -> bool {
    let text = text.trim_end();
    if text.is_empty() {
        return false;
    }
    let Err(error) = LENIENT.compile(text) else {
        return false;
    };
    let at = error.position();
    let (line, column) = (at.line().unwrap_or(0), at.position().unwrap_or(0));
    match error.err_type() {
        ParseErrorType::UnexpectedEOF => true,
        // Only text in backticks may go over lines, and other text after a `\` at the end of one.
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            text.ends_with('\\') || !matches!(character(text, line, column), Some('"' | '\''))
        }
        // A namespace without a function is a slip, not the first half of something.
        _ if text.ends_with("::") => false,
        _ => {
            let lines = text.matches('\n').count() + 1;
            let width = text.lines().last().map_or(0, |last| last.chars().count());
            line > lines || (line == lines && column > width)
        }
    }
}

fn character(text: &str, line: usize, column: usize) -> Option<char> {
    let line = text.lines().nth(line.checked_sub(1)?)?;
    line.chars().nth(column.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_too_early_goes_on() {
        for text in [
            "let x =",
            "f(",
            "f(1,",
            "[1,",
            "[\n  1,\n",
            "#{",
            "#{ a: 1",
            "fn f(a) {",
            "fn f(a) {\n  a\n",
            "fn f(a) {\n\n",
            "if x {",
            "if x",
            "if x {} else",
            "for x in",
            "while true",
            "do {}",
            "try { f() }",
            "switch x {",
            "switch x { 1 =>",
            "x.",
            "1 +",
            "x &&   ",
            "`first",
            "`first\nsecond ${x}",
            "`first ${x} and",
            "\"a\\",
            "task::map([1], |x|",
            "task::map(list, |x| {\n  stack::up(x)",
            "x[1",
            "f(\"é\", \n  [\"ü\",",
        ] {
            assert!(is_incomplete(text), "{text:?}");
        }
    }

    #[test]
    fn what_is_whole_or_wrong_is_evaluated() {
        for text in [
            "",
            "   ",
            "// a comment",
            "1 + 1",
            "let x = 1",
            "let x = 1;",
            "fn f(a) { a }",
            "`a\nb`",
            "docker::",
            "\"open",
            "'a",
            "x }",
            "f(1))",
            "let = 3",
            "let x = 1\nlet y = 2",
            "\"a\" \"b\"",
            "unknown_name",
            "stack::up(1)",
            "import \"std/stack\" as stack",
            "return",
        ] {
            assert!(!is_incomplete(text), "{text:?}");
        }
    }
}
