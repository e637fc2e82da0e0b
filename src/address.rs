//! An address with a login in it, taken apart: `scheme://user:password@host:port/path`.
//!
//! Errors never repeat what stands before the `@`.

use std::fmt;

use url::Url;

/// A password. It is in no debug output.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Password {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The parts.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// The address without login, query and fragment.
    pub(crate) url: Url,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Password>,
    /// The query's pairs.
    pub(crate) query: Vec<(String, String)>,
}

/// What is wrong with a text, and the part of it that may be shown.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) shown: String,
    pub(crate) why: String,
}

impl Address {
    /// Takes `text` apart. It must have a host, and one of `schemes`.
    pub(crate) fn parse(text: &str, schemes: &[&str]) -> Result<Self, Wrong> {
        // What does not parse may still hold a password.
        let wrong = |why: String| Wrong {
            shown: text.rsplit('@').next().unwrap_or_default().to_owned(),
            why,
        };
        let wanted = || {
            let words: Vec<_> = schemes.iter().map(|s| format!("`{s}://`")).collect();
            wrong(format!("it must begin with {}", words.join(" or ")))
        };
        if !schemes.iter().any(|scheme| {
            text.strip_prefix(scheme)
                .is_some_and(|rest| rest.starts_with("://"))
        }) {
            return Err(wanted());
        }
        let mut url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("it names no host".into()));
        }
        let user = Some(decoded(url.username())).filter(|user| !user.is_empty());
        let password = url.password().map(decoded).map(Password::new);
        let query = url.query_pairs().into_owned().collect();
        // Neither fails for an address with a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self {
            url,
            user,
            password,
            query,
        })
    }

    /// The host; an IPv6 address without its brackets.
    pub(crate) fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, or `default`.
    pub(crate) fn port(&self, default: u16) -> u16 {
        self.url.port_or_known_default().unwrap_or(default)
    }

    /// The path, decoded, without its first slash.
    pub(crate) fn path(&self) -> String {
        decoded(self.url.path().trim_start_matches('/'))
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn name(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let all =
            Address::parse("redis://ops:s%40fe%2B+%26&=x@[::1]:7000/2?a=b", &["redis"]).unwrap();
        assert_eq!(all.user.as_deref(), Some("ops"));
        let password = all.password.as_ref().map(Password::text);
        assert_eq!(password, Some("s@fe++&&=x"));
        assert!(!format!("{all:?}").contains("s@fe"), "{all:?}");
        assert_eq!(
            (all.host(), all.port(6379), all.path().as_str()),
            ("::1", 7000, "2")
        );
        assert_eq!(all.query, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(name(all.host(), 7000), "[::1]:7000");
        let bare = Address::parse("http://host", &["http", "https"]).unwrap();
        assert_eq!(
            (bare.user, bare.password, bare.url.as_str()),
            (None, None, "http://host/")
        );
    }

    #[test]
    fn what_is_wrong_never_shows_a_password() {
        for bad in [
            "",
            "host:9000",
            "ftp://u:hunter2@x",
            "http://",
            "http://u:hunter2@",
            "http://u:hunter2@:80",
            "http://u:hunter2@x:port",
        ] {
            let wrong = Address::parse(bad, &["http"]).err().unwrap();
            let said = format!("{} {}", wrong.shown, wrong.why);
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
