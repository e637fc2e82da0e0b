//! A response as a script sees it.

use std::collections::BTreeMap;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::Serialize;

/// One header line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Lower case.
    pub name: String,
    /// Its value; bytes that are no text are shown as `?`-like marks.
    pub value: String,
}

/// A whole response, whatever its status.
#[derive(Debug, Clone, Serialize)]
pub struct Response {
    /// 200.
    pub status: i64,
    /// Whether the status is 2xx.
    pub ok: bool,
    /// The URL that answered, after redirects.
    pub url: String,
    /// `1.1`.
    pub http_version: String,
    /// Lower-case names; repeated ones joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// Each line, in the order in which it came.
    pub all_headers: Vec<Header>,
    /// The body as text, by its charset.
    pub body: String,
    /// The body's length, decompressed.
    pub bytes: i64,
    /// Whether `body` is exactly what came: false if some of it was no text.
    pub exact: bool,
    /// From the first look-up to the last byte, of the last attempt.
    pub ms: f64,
    /// How often it was asked.
    pub attempts: i64,
    /// Why it was not asked again although there were retries left.
    pub gave_up: Option<String>,
    /// The body as it came.
    #[serde(skip)]
    pub raw: Bytes,
}

impl Response {
    /// All values of a header, in order; the name in any case.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        self.all_headers
            .iter()
            .filter(|h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value.as_str())
            .collect()
    }
}

/// Header lines as data.
pub(super) fn all_headers(headers: &HeaderMap) -> Vec<Header> {
    headers
        .iter()
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        })
        .collect()
}

/// Header lines by name.
pub(super) fn joined(all: &[Header]) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for Header { name, value } in all {
        headers
            .entry(name.clone())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    headers
}

/// A body as text, and whether that is all of it.
pub(super) fn text(body: &[u8], headers: &HeaderMap) -> (String, bool) {
    let named = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(charset);
    let encoding = named
        .and_then(|name| Encoding::for_label(name.as_bytes()))
        .unwrap_or(UTF_8);
    let (text, _, broken) = encoding.decode(body);
    (text.into_owned(), !broken)
}

fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn bodies_by_their_charset() {
        for (content_type, body, want, exact) in [
            ("text/plain", &b"gr\xc3\xbcn"[..], "grün", true),
            ("text/plain; charset=iso-8859-1", b"gr\xfcn", "grün", true),
            (
                "text/plain; a=b; Charset=\"UTF-8\"",
                b"gr\xc3\xbcn",
                "grün",
                true,
            ),
            ("text/plain; charset=martian", b"x", "x", true),
            ("text/plain", b"gr\xfcn", "gr\u{fffd}n", false),
            ("", b"\xef\xbb\xbfx", "x", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
            assert_eq!(
                text(body, &headers),
                (want.to_owned(), exact),
                "{content_type}"
            );
        }
    }

    #[test]
    fn repeated_headers_are_joined_and_kept() {
        let mut headers = HeaderMap::new();
        headers.append("Set-Cookie", "a=1, x".parse().unwrap());
        headers.append("set-cookie", "b=2".parse().unwrap());
        let all = all_headers(&headers);
        assert_eq!(joined(&all)["set-cookie"], "a=1, x, b=2");
        assert_eq!(all.len(), 2);
    }
}
