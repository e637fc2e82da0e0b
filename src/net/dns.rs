//! Names to addresses, by the system's resolver: so `/etc/hosts`, search domains and the rest hold here
//! as they do for every other program on the machine.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Error, ms_since};
use crate::run::Cx;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lookup {
    /// The name that was asked for.
    pub name: String,
    /// Its addresses, in the resolver's order of preference, each once.
    pub addresses: Vec<String>,
    /// How long it took.
    pub ms: f64,
}

/// Why a name has no addresses.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unresolved {
    /// The resolver answered: no such name, or no address for it.
    #[error("no such host: `{name}` ({why})")]
    NoSuchName { name: String, why: String },
    /// The resolver did not answer.
    #[error("looking up `{name}` failed: {why}")]
    Resolver { name: String, why: String },
}

impl From<Unresolved> for Error {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::NoSuchName { name, why } => Self::NoSuchName { name, why },
            Unresolved::Resolver { name, why } => Self::Resolver { name, why },
        }
    }
}

/// The addresses of `name`.
pub fn lookup(cx: &Cx, name: &str, timeout: Duration) -> Result<Lookup, Error> {
    let name = name.trim().to_owned();
    check_name(&name)?;
    let began = Instant::now();
    let asked = name.clone();
    let answer = cx.wait(async move { tokio::time::timeout(timeout, resolve(&asked)).await })?;
    let addresses = answer.map_err(|_| Error::Timeout {
        what: format!("looking up `{name}`"),
        limit: timeout,
    })??;
    Ok(Lookup {
        addresses: addresses.iter().map(IpAddr::to_string).collect(),
        ms: ms_since(began),
        name,
    })
}

pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::Invalid("the host's name is empty".into()));
    }
    if name.len() > 253
        || name
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '/')
    {
        return Err(Error::Invalid(format!("{name:?} is no host name")));
    }
    Ok(())
}

/// The addresses of `host`, each once. The system's resolver blocks a thread of the runtime meanwhile;
/// a caller that gives up leaves it behind.
pub(crate) async fn resolve(host: &str) -> Result<Vec<IpAddr>, Unresolved> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    let found = tokio::net::lookup_host((bare, 0)).await;
    let mut addresses = Vec::new();
    for address in found.map_err(|error| unresolved(host, &error))? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    if addresses.is_empty() {
        return Err(Unresolved::NoSuchName {
            name: host.to_owned(),
            why: "it has no address".into(),
        });
    }
    Ok(addresses)
}

/// The standard library gives `getaddrinfo`'s answer as text only (always in English: nothing here
/// calls `setlocale`). Only these texts say that the resolver answered.
fn unresolved(host: &str, error: &io::Error) -> Unresolved {
    const ANSWERS: [&str; 4] = [
        "not known",
        "No address associated",
        "does not resolve",
        "has no usable address",
    ];
    let text = error.to_string();
    let why = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text)
        .to_lowercase();
    let name = host.to_owned();
    if ANSWERS.iter().any(|answer| text.contains(answer)) {
        Unresolved::NoSuchName { name, why }
    } else {
        Unresolved::Resolver { name, why }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn localhost_is_loopback_and_literals_need_no_resolver() {
        let cx = Cx::detached();
        let limit = Duration::from_secs(5);
        let found = lookup(&cx, "localhost", limit).unwrap();
        assert!(
            found
                .addresses
                .iter()
                .all(|a| a.parse::<IpAddr>().unwrap().is_loopback()),
            "{found:?}"
        );
        assert_eq!(
            lookup(&cx, "192.0.2.7", limit).unwrap().addresses,
            ["192.0.2.7"]
        );
        assert_eq!(
            lookup(&cx, "[2001:db8::1]", limit).unwrap().addresses,
            ["2001:db8::1"]
        );
    }

    #[test]
    fn a_name_that_cannot_be_is_told_from_one_that_is_not() {
        let cx = Cx::detached();
        let limit = Duration::from_secs(10);
        for bad in ["", "  ", "a b", "http://x/"] {
            assert!(
                matches!(lookup(&cx, bad, limit), Err(Error::Invalid(_))),
                "{bad:?}"
            );
        }
        // Without a resolver on the machine this one is unreachable instead; never an empty answer.
        let none = lookup(&cx, "no-such-host.invalid", limit);
        assert!(
            matches!(
                none,
                Err(Error::NoSuchName { .. } | Error::Resolver { .. } | Error::Timeout { .. })
            ),
            "{none:?}"
        );
    }

    #[test]
    fn the_resolvers_words_are_sorted() {
        let sort = |text: &str| {
            let text = format!("failed to lookup address information: {text}");
            matches!(
                unresolved("x", &io::Error::other(text)),
                Unresolved::NoSuchName { .. }
            )
        };
        assert!(sort("Name or service not known"));
        assert!(sort("No address associated with hostname"));
        assert!(sort("Name does not resolve"));
        assert!(!sort("Temporary failure in name resolution"));
        assert!(!sort("Try again"));
    }
}
