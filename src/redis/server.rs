//! Where a Redis is and how to log in. Plain data: nothing is connected.

use std::fmt;

use super::Error;
use crate::address::{self, Address, Password};

/// A server's address and login.
#[derive(Debug, Clone)]
pub struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    user: Option<String>,
    password: Option<Password>,
    database: i64,
}

impl Server {
    /// A server at `redis://[user[:password]@]host[:port][/database]`, or at plain `host[:port]`. `user`
    /// and `password` win over those in the address.
    pub fn new(url: &str, user: Option<&str>, password: Option<&str>) -> Result<Self, Error> {
        let whole = if url.contains("://") {
            url.to_owned()
        } else {
            format!("redis://{url}")
        };
        let address = Address::parse(&whole, &["redis"]).map_err(|wrong| Error::Address {
            url: wrong.shown,
            why: wrong.why,
        })?;
        let path = address.path();
        let database = match path.as_str() {
            "" => 0,
            path => path
                .parse()
                .ok()
                .filter(|n| *n >= 0)
                .ok_or_else(|| Error::Address {
                    url: address.url.to_string(),
                    why: format!("`{path}` is no number of a database"),
                })?,
        };
        Ok(Self {
            host: address.host().to_owned(),
            port: address.port(6379),
            user: user.map(str::to_owned).or(address.user),
            password: password.map(Password::new).or(address.password),
            database,
        })
    }

    /// `host:port`.
    pub fn name(&self) -> String {
        address::name(&self.host, self.port)
    }

    /// The user, if one was given.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password, if there is a login.
    pub fn password(&self) -> Option<&str> {
        self.password.as_ref().map(Password::text)
    }

    /// The number of the database.
    pub fn database(&self) -> i64 {
        self.database
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name(), self.database)?;
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
        for (url, want) in [
            ("redis", "redis:6379/0"),
            ("redis:7000", "redis:7000/0"),
            ("redis://host/3", "host:6379/3"),
            ("redis://:hunter2@host:1/", "host:1/0"),
            ("redis://ops:hunter2@[::1]:1", "[::1]:1/0 as ops"),
        ] {
            let server = Server::new(url, None, None).unwrap();
            assert_eq!(server.to_string(), want);
            assert!(!format!("{server:?}").contains("hunter2"), "{server:?}");
            assert_eq!(server.password().is_some(), url.contains("hunter2"));
        }
        for bad in [
            "",
            "rediss://host",
            "redis://host/x",
            "redis://host/-1",
            "redis://",
        ] {
            assert!(Server::new(bad, None, None).is_err(), "{bad}");
        }
    }
}
