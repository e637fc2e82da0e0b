//! Putting names and texts into SQL. `/exec` has no bind parameters, so quoting is all there is.

use super::Error;

/// `name` as a quoted identifier. Names that QuestDB cannot have anyway are refused rather than
/// escaped: nothing is gained by them but a way in.
pub fn quote_name(name: &str) -> Result<String, Error> {
    let bad = |why| Error::Name {
        name: name.to_owned(),
        why,
    };
    if name.is_empty() {
        return Err(bad("it is empty"));
    }
    if name.len() > 127 {
        return Err(bad("it is longer than 127 bytes"));
    }
    if name.contains([
        '"', '\'', '`', '\\', '/', '?', ':', '(', ')', ',', '+', '*', '%', '~',
    ]) || name.chars().any(char::is_control)
    {
        return Err(bad("it has a character that no QuestDB name has"));
    }
    Ok(format!("\"{name}\""))
}

/// `text` as a text literal: quotes doubled; a backslash is an ordinary character there.
pub fn quote_text(text: &str) -> Result<String, Error> {
    if text.contains('\0') {
        return Err(Error::Name {
            name: text.replace('\0', "\\0"),
            why: "it has a NUL character",
        });
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts() {
        assert_eq!(
            quote_name("market_data").ok().as_deref(),
            Some("\"market_data\"")
        );
        assert_eq!(quote_name("größe 2").ok().as_deref(), Some("\"größe 2\""));
        for bad in [
            "",
            "a\"b",
            "a'b",
            "a\nb",
            "a;--\"",
            "a/b",
            "a\0",
            &"x".repeat(128),
        ] {
            assert!(quote_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(quote_text("it's").ok().as_deref(), Some("'it''s'"));
        assert_eq!(
            quote_text("'; DROP TABLE t; --").ok().as_deref(),
            Some("'''; DROP TABLE t; --'")
        );
        assert_eq!(quote_text(r"a\").ok().as_deref(), Some(r"'a\'"));
        assert!(quote_text("a\0b").is_err());
    }
}
