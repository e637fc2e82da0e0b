//! URLs: reading them, and saying them without what nobody should read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use super::Error;

/// Reads an absolute http or https URL.
pub fn parse(text: &str) -> Result<Url, Error> {
    // The text itself may hold a password: the message shows only what cannot.
    let wrong = |why: &str| Error::Invalid(format!("`{}` is no URL: {why}", start(text)));
    let url = Url::parse(text.trim()).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => {
            wrong("it must begin with `http://` or `https://`")
        }
        error => wrong(&error.to_string()),
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        // `localhost:8080/x` parses, with the scheme `localhost`.
        return Err(wrong("it must begin with `http://` or `https://`"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it names no host"));
    }
    if url.port() == Some(0) {
        return Err(wrong("port 0 is no port"));
    }
    Ok(url)
}

/// What can be shown of a text that is no URL.
fn start(text: &str) -> String {
    let text = text.trim();
    let text = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://...@{}", &text[..scheme], &text[at + 1..])
        }
        (None, Some(at)) => format!("...@{}", &text[at + 1..]),
        _ => text.to_owned(),
    };
    let plain = text.split(['?', '#']).next().unwrap_or_default();
    let mut short: String = plain
        .chars()
        .take(100)
        .filter(|c| !c.is_control())
        .collect();
    if short.len() < plain.len() {
        short.push_str("...");
    }
    short
}

/// `host:port`, the port always there.
pub fn origin(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}")
}

/// A URL without user, password, query and fragment.
pub fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// Text as one part of a URL: everything but letters, digits and `-._~` encoded.
pub fn encode(text: &str) -> String {
    const PART: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, PART).to_string()
}

/// Whether a URL's host is this machine by its own words: then no proxy may stand between.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn what_is_no_url_says_why_and_tells_no_secret() {
        for (text, part) in [
            ("", "begin with"),
            ("localhost:8080/x", "begin with"),
            ("/health", "begin with"),
            ("ftp://x/", "begin with"),
            ("http://", "host"),
            ("http://a b/", "no URL"),
            ("http://x:99999/", "port"),
            ("http://x:0/", "port 0"),
            ("https://user:geheim@x:99999/?token=geheim", "port"),
            ("user:geheim@x", "begin with"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }

    #[test]
    fn shown_leaves_out_what_may_be_secret() {
        let url = parse("https://u:p@X.test:8443/a/b?token=t#f").unwrap();
        assert_eq!(shown(&url), "https://x.test:8443/a/b");
        assert_eq!(origin(&url), "x.test:8443");
        assert_eq!(origin(&parse("https://[::1]/").unwrap()), "[::1]:443");
    }

    #[test]
    fn encoding() {
        assert_eq!(encode("a b&c=/ü~"), "a%20b%26c%3D%2F%C3%BC~");
    }

    #[test]
    fn loopback() {
        for (url, want) in [
            ("http://localhost/", true),
            ("http://a.localhost./", true),
            ("http://127.0.0.9/", true),
            ("http://[::1]/", true),
            ("http://[::ffff:127.0.0.1]/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.x/", false),
        ] {
            assert_eq!(is_loopback(&parse(url).unwrap()), want, "{url}");
        }
    }
}
