//! Where a Postgres is and how to log in. Plain data: nothing is connected.

use std::fmt;

use super::Error;
use crate::address::{self, Address, Password};

/// A server's address, login and database.
#[derive(Debug, Clone)]
pub struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    user: String,
    password: Option<Password>,
    database: String,
}

/// What wins over the address.
#[derive(Clone, Copy, Default)]
pub struct Login<'a> {
    /// The user.
    pub user: Option<&'a str>,
    /// The password.
    pub password: Option<&'a str>,
    /// The database.
    pub database: Option<&'a str>,
}

impl Server {
    /// A server at `postgres://[user[:password]@]host[:port][/database]`. Without a user it is
    /// `postgres`, without a database the user's name.
    pub fn new(url: &str, login: Login<'_>) -> Result<Self, Error> {
        let address =
            Address::parse(url, &["postgres", "postgresql"]).map_err(|wrong| Error::Address {
                url: wrong.shown,
                why: wrong.why,
            })?;
        let tls = address.query.iter().any(|(key, value)| {
            key == "sslmode" && !matches!(value.as_str(), "disable" | "allow" | "prefer")
        });
        if tls {
            return Err(Error::Address {
                url: address.url.to_string(),
                why: "TLS is not supported for Postgres yet, and `sslmode` asks for it".into(),
            });
        }
        let user = login.user.map(str::to_owned).or(address.user.clone());
        let user = user.unwrap_or_else(|| "postgres".into());
        let path = Some(address.path()).filter(|path| !path.is_empty());
        Ok(Self {
            host: address.host().to_owned(),
            port: address.port(5432),
            database: login
                .database
                .map(str::to_owned)
                .or(path)
                .unwrap_or_else(|| user.clone()),
            user,
            password: login.password.map(Password::new).or(address.password),
        })
    }

    /// `host:port`.
    pub fn name(&self) -> String {
        address::name(&self.host, self.port)
    }

    /// The user.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, if there is one.
    pub fn password(&self) -> Option<&str> {
        self.password.as_ref().map(Password::text)
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} as {}", self.name(), self.database, self.user)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (url, want) in [
            ("postgres://host", "host:5432/postgres as postgres"),
            ("postgresql://ops@host:1", "host:1/ops as ops"),
            (
                "postgres://ops:hunter2@[::1]/trading?sslmode=prefer",
                "[::1]:5432/trading as ops",
            ),
        ] {
            let server = Server::new(url, Login::default()).unwrap();
            assert_eq!(server.to_string(), want);
            assert!(!format!("{server:?}").contains("hunter2"), "{server:?}");
        }
        let login = Login {
            user: Some("a"),
            password: Some("b"),
            database: Some("c"),
        };
        let server = Server::new("postgres://x:y@host/z", login).unwrap();
        assert_eq!(server.to_string(), "host:5432/c as a");
        assert_eq!(server.password(), Some("b"));
        for bad in [
            "host",
            "http://host",
            "postgres://",
            "postgres://host/x?sslmode=require",
        ] {
            assert!(Server::new(bad, Login::default()).is_err(), "{bad}");
        }
    }
}
