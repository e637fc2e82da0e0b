//! What is wrong with a regular expression, in one line.

/// The library draws the pattern with a caret over several lines; the last one says what is wrong.
pub(crate) fn why(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
