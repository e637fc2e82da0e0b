//! JSON out of a response, with an error that shows the place.

use serde_json::Value;

/// Text that is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {why} at line {line}, column {column}{}", near(snippet))]
pub struct JsonError {
    /// What the parser wanted.
    pub why: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// The text around the place.
    pub snippet: String,
}

fn near(snippet: &str) -> String {
    if snippet.is_empty() {
        String::new()
    } else {
        format!(": `{snippet}`")
    }
}

/// Parses `text`.
pub fn json(text: &str) -> Result<Value, JsonError> {
    if text.trim().is_empty() {
        return Err(JsonError {
            why: "the text is empty".into(),
            line: 1,
            column: 1,
            snippet: String::new(),
        });
    }
    serde_json::from_str(text).map_err(|error| {
        let full = error.to_string();
        let why = full
            .rsplit_once(" at line ")
            .map_or(full.as_str(), |(why, _)| why);
        // The parser counts from 0 when it has read nothing of the line.
        let (line, column) = (error.line().max(1), error.column().max(1));
        JsonError {
            why: why.to_owned(),
            line,
            column,
            snippet: snippet(text, line, column),
        }
    })
}

/// At most 20 characters before the place and 20 after it. Columns of `serde_json` count bytes.
fn snippet(text: &str, line: usize, column: usize) -> String {
    let line = text.split('\n').nth(line - 1).unwrap_or_default();
    let mut at = (column - 1).min(line.len());
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    let (before, after) = line.split_at(at);
    let from = before.char_indices().rev().nth(19).map_or(0, |(i, _)| i);
    let head = if from > 0 { "..." } else { "" };
    let tail = if after.chars().count() > 20 {
        "..."
    } else {
        ""
    };
    let after: String = after.chars().take(20).collect();
    let shown: String = format!("{}{after}", &before[from..])
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("{head}{shown}{tail}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn the_place_is_shown() {
        let text = "{\n  \"status\": \"ready\",\n  \"reasons\": [1, 2,, 3], \"and\": \"a long tail of text\"\n}";
        let error = json(text).unwrap_err();
        assert_eq!((error.line, error.column), (3, 20), "{error}");
        assert!(error.snippet.contains("[1, 2,, 3]"), "{error}");
        assert!(error.to_string().contains("line 3, column 20"), "{error}");
        assert!(!error.why.contains("at line"), "{error}");
    }

    #[test]
    fn hostile_texts() {
        for text in [
            "",
            " \n",
            "<html>",
            "{",
            "[",
            "nul",
            "\"ü",
            "ü",
            "{\"a\":\u{0}}",
            "1 2",
            "\u{feff}{}",
        ] {
            let error = json(text).unwrap_err();
            assert!(error.line >= 1 && error.column >= 1, "{text:?}: {error}");
        }
        let deep = "[".repeat(100_000);
        assert!(json(&deep).unwrap_err().to_string().len() < 300);
        let wide = format!("\"{}", "ü".repeat(5_000));
        assert!(json(&wide).unwrap_err().to_string().len() < 300);
        assert_eq!(json(" {\"a\": [1.5, null]} ").unwrap()["a"][0], 1.5);
    }
}
