//! A page that stands on its own: each tag has its end, nothing comes from elsewhere, and nothing runs.

/// Fails unless it does, and has a line for each of these symbols.
pub(crate) fn assert_whole(page: &str, symbols: &[String]) {
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.trim_start_matches("<!DOCTYPE html>");
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(
            open.last() == Some(&"style") || !text.contains('>'),
            "a bare `>` in {text:?}"
        );
        let end = rest[at..]
            .find('>')
            .unwrap_or_else(|| panic!("a tag without an end"));
        let tag = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/']).next();
        let name = name.unwrap_or_default();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{closed} ends");
        } else {
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{tag}>");
            assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?} do not end");
    // What the page itself has, by its name in it.
    let page = &page.replace("url(#", "");
    for foreign in [
        "http:", "https:", "src=", "href", "url(", "@import", "<script", "<link", "onload",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    for symbol in symbols {
        let escaped = symbol
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;");
        assert!(
            page.contains(&format!(">{escaped}</th><td class=\"m\">")),
            "{symbol}"
        );
    }
}
