//! A value as the session answers it: on one line if it fits, cut where it is long.

use std::fmt::Write as _;

use rhai::{Array, Dynamic, ImmutableString, Map};

use crate::api::{Record, show};

/// Items of a list, or keys of a map, that are shown.
const ITEMS: usize = 40;
/// Characters of one item.
const ITEM: usize = 400;
/// Characters of a text.
const TEXT: usize = 4000;

/// The value for people, at most `width` columns wide where that is possible, and whether it was cut.
pub fn shown(value: &Dynamic, width: usize) -> (String, bool) {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        // In quotes, but a text of several lines is there to be read.
        let lines = text.trim_end().contains('\n');
        let said = if lines { text.to_string() } else { show(value) };
        return cut(&said, TEXT);
    }
    if let Some(list) = value.read_lock::<Array>() {
        let items = list.iter().take(ITEMS).map(|item| (None, item));
        return listed("[", items, list.len(), "]", width);
    }
    if let Some(map) = value.read_lock::<Map>() {
        let items = map
            .iter()
            .take(ITEMS)
            .map(|(key, item)| (Some(key.to_string()), item));
        return listed("#{", items, map.len(), "}", width);
    }
    if let Some(record) = value.read_lock::<Record>() {
        let shape = record.shape();
        let fields: Vec<_> = shape
            .fields
            .iter()
            .filter_map(|f| Some((Some(f.name.to_owned()), record.get(f.name)?)))
            .filter(|(_, value)| !value.is_unit())
            .collect();
        let count = fields.len();
        if count > 0 {
            let open = format!("{} {{", shape.name);
            return listed(&open, fields.into_iter().take(ITEMS), count, "}", width);
        }
    }
    cut(&show(value), TEXT)
}

fn listed<'a>(
    open: &str,
    items: impl Iterator<Item = (Option<String>, &'a Dynamic)>,
    count: usize,
    close: &str,
    width: usize,
) -> (String, bool) {
    let mut any = count > ITEMS;
    let said: Vec<String> = items
        .map(|(key, value)| {
            let (text, was_cut) = brief(value);
            any |= was_cut;
            key.map_or_else(|| text.clone(), |key| format!("{key}: {text}"))
        })
        .collect();
    let space = if open == "[" || said.is_empty() {
        ""
    } else {
        " "
    };
    let joined = format!("{open}{space}{}{space}{close}", said.join(", "));
    if count <= ITEMS && joined.chars().count() <= width {
        return (joined, any);
    }
    let mut text = open.to_owned();
    for item in &said {
        let _ = write!(text, "\n  {item},");
    }
    if count > ITEMS {
        let _ = write!(text, "\n  ... {} more", count - ITEMS);
    }
    let _ = write!(text, "\n{close}");
    (text, any)
}

/// What is inside something else; a long list there is not written out only to be cut.
fn brief(value: &Dynamic) -> (String, bool) {
    if let Some(list) = value.read_lock::<Array>()
        && list.len() > ITEMS
    {
        let first: Vec<_> = list.iter().take(3).map(show).collect();
        let more = list.len() - first.len();
        return (format!("[{}, ... {more} more]", first.join(", ")), true);
    }
    cut(&show(value), ITEM)
}

fn cut(text: &str, most: usize) -> (String, bool) {
    match text.char_indices().nth(most) {
        None => (text.to_owned(), false),
        Some((end, _)) => {
            let more = text[end..].chars().count();
            (format!("{}... {more} more characters", &text[..end]), true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stands_on_one_line_and_what_is_long_is_cut() {
        let list = |n: i64| Dynamic::from_array((0..n).map(Dynamic::from).collect());
        assert_eq!(shown(&list(3), 80), ("[0, 1, 2]".into(), false));
        assert_eq!(shown(&list(0), 80), ("[]".into(), false));
        let (text, was_cut) = shown(&list(1000), 80);
        assert!(was_cut && text.ends_with("... 960 more\n]"), "{text}");
        assert_eq!(shown(&"a".into(), 80), ("\"a\"".into(), false));
        assert_eq!(shown(&"a\nb\n".into(), 80), ("a\nb\n".into(), false));
        let (text, was_cut) = shown(&"ü".repeat(5000).into(), 80);
        assert!(was_cut && text.ends_with("more characters"));
        assert_eq!(shown(&Dynamic::UNIT, 80).0, "()");
    }

    #[test]
    fn a_wide_map_stands_on_lines() {
        let mut map = Map::new();
        map.insert("name".into(), "x".into());
        map.insert("list".into(), Dynamic::from_array(vec![1.into()]));
        let map = Dynamic::from_map(map);
        assert_eq!(shown(&map, 80).0, "#{ list: [1], name: \"x\" }");
        assert_eq!(shown(&map, 10).0, "#{\n  list: [1],\n  name: \"x\",\n}");
    }
}
