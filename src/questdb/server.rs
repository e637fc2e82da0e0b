//! Where a QuestDB server is and how to log in. Plain data: nothing is connected.

use std::fmt;

use url::Url;

use super::Error;
use crate::address::{Address, Password};

/// A server's HTTP address and login.
#[derive(Debug, Clone)]
pub struct Server {
    url: Url,
    user: Option<String>,
    password: Option<Password>,
}

impl Server {
    /// A server at `url` (`http://questdb:9000`, a path before `/exec` included). A login in the address
    /// is taken out of it; `user` and `password` win over it.
    pub fn new(url: &str, user: Option<&str>, password: Option<&str>) -> Result<Self, Error> {
        let address = Address::parse(url, &["http", "https"]).map_err(|wrong| Error::Address {
            url: wrong.shown,
            why: wrong.why,
        })?;
        Ok(Self {
            user: user.map(str::to_owned).or(address.user),
            password: password.map(Password::new).or(address.password),
            url: address.url,
        })
    }

    /// The address, without login.
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// `host:port`.
    pub fn name(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The user, if there is a login.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password, if there is a login.
    pub fn password(&self) -> Option<&str> {
        self.password.as_ref().map(Password::text)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The address of a statement.
    pub(super) fn exec(&self, sql: &str, limit: Option<usize>) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/exec", self.url.path().trim_end_matches('/')));
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("query", sql);
        if let Some(limit) = limit {
            pairs.append_pair("limit", &limit.to_string());
        }
        drop(pairs);
        url
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url())?;
        match &self.user {
            Some(user) => write!(f, " as {user}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let plain = Server::new("http://questdb:9000/", None, None).unwrap();
        assert_eq!(
            (plain.url(), plain.name().as_str()),
            ("http://questdb:9000", "questdb:9000")
        );
        assert_eq!(
            plain.exec("select 'ü' + 1", Some(3)).as_str(),
            "http://questdb:9000/exec?query=select+%27%C3%BC%27+%2B+1&limit=3"
        );
        let proxied = Server::new("https://ops:s%40fe%2B+x@host/db/", None, None).unwrap();
        assert_eq!(
            (proxied.url(), proxied.name().as_str()),
            ("https://host/db", "host:443")
        );
        assert_eq!(
            (proxied.user(), proxied.password()),
            (Some("ops"), Some("s@fe++x"))
        );
        assert_eq!(proxied.exec("x", None).path(), "/db/exec");
        assert_eq!(proxied.to_string(), "https://host/db as ops");
        assert!(!format!("{proxied:?}").contains("s@fe"), "{proxied:?}");
        let given = Server::new("http://a:b@host", Some("c"), Some("d")).unwrap();
        assert_eq!((given.user(), given.password()), (Some("c"), Some("d")));
    }

    #[test]
    fn no_address() {
        for bad in [
            "",
            "questdb:9000",
            "ftp://x",
            "http://",
            "tcp://user:hunter2@x",
            "http://user:hunter2@",
        ] {
            let error = Server::new(bad, None, None).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
