//! Paths of URLs in one spelling, so that no other one slips past a rule.

use percent_encoding::percent_decode_str;
use url::Url;

/// A URL as an op's target: `http/host:port/path`, without what may be secret. The path is decoded, so
/// that no other spelling of it escapes a scope.
pub fn http_target(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let port = url.port_or_known_default().unwrap_or_default();
    let path = plain_path(url.path()).unwrap_or_else(|| url.path().to_owned());
    format!("http/{host}:{port}{}", path.trim_end_matches('/'))
}

/// A path as the most lenient server would read it: decoded, `\` as `/`, without `;params`,
/// empty and `.` segments, `..` applied. Starts with `/` and does not end with one. `None` when it is
/// still encoded after more passes than any chain of proxies makes.
pub(super) fn plain_path(path: &str) -> Option<String> {
    let mut text = path.to_owned();
    let mut passes = 0;
    loop {
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            break;
        }
        passes += 1;
        if passes > 8 {
            return None;
        }
        text = decoded;
    }
    let text = text.replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/') {
        // What was encoded as `?`, `#` or a control character ends the name for whoever decodes late.
        let end = segment
            .find(|c: char| matches!(c, ';' | '?' | '#') || c.is_control() || c.is_whitespace())
            .unwrap_or(segment.len());
        match &segment[..end] {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    Some(format!("/{}", segments.join("/")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn targets() {
        for (url, want) in [
            ("http://X.test/", "http/x.test:80"),
            ("https://u:p@x.test./a/B?q=1#f", "http/x.test:443/a/B"),
            ("http://x.test:8080/%61dmin//x/", "http/x.test:8080/admin/x"),
            ("http://[::1]:9/", "http/[::1]:9"),
        ] {
            assert_eq!(http_target(&Url::parse(url).unwrap()), want);
        }
    }
}
