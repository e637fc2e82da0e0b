//! Where an engine listens, as `DOCKER_HOST` and contexts write it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

/// The socket of an engine that nobody has set otherwise.
pub(super) const SOCKET: &str = "/var/run/docker.sock";

/// An engine's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A port, with or without TLS.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        port: u16,
        /// What stands before every path: `/engines/a`; mostly nothing.
        base: String,
    },
    /// By the `ssh` command.
    Ssh(Destination),
}

/// The other side of `ssh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// The engine's socket there, when it is not the one that the `docker` command there finds.
    pub(super) socket: Option<String>,
}

impl Address {
    /// Reads an address; `port` is for one that has none. `Err` says what is wrong with it.
    pub(super) fn parse(text: &str, port: u16) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('/') {
            return Err(format!("a socket is written `unix://{text}`"));
        }
        match text.split_once("://") {
            Some(("unix", "")) => Ok(Self::Unix(SOCKET.into())),
            Some(("unix", path)) => Ok(Self::Unix(path.into())),
            Some(("ssh", _)) => Destination::parse(text).map(Self::Ssh),
            Some(("tcp", rest)) => tcp(rest, port),
            None => tcp(text, port),
            Some(("http" | "https", rest)) => {
                let rest = rest.rsplit('@').next().unwrap_or(rest);
                Err(format!(
                    "it is written `tcp://{rest}`; whether it speaks TLS is set beside it"
                ))
            }
            Some((scheme, _)) => Err(format!(
                "`{scheme}://` is none of `unix://`, `tcp://` and `ssh://`"
            )),
        }
    }
}

impl Address {
    /// The host, in brackets where an address needs them, when it is another machine's.
    pub(super) fn other_host(&self) -> Option<String> {
        let host = match self {
            Self::Unix(_) => return None,
            Self::Tcp { host, .. } => host,
            Self::Ssh(to) => &to.host,
        };
        let here = host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        (!here).then(|| bracketed(host))
    }
}

fn tcp(rest: &str, default_port: u16) -> Result<Address, String> {
    let (authority, base) = match rest.find('/') {
        Some(slash) => (&rest[..slash], rest[slash..].trim_end_matches('/')),
        None => (rest, ""),
    };
    // A login in it is of no use to an engine, and never shown.
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, port) = inner.split_once(']').ok_or("it has no `]`")?;
        (host, port.strip_prefix(':'))
    } else if authority.matches(':').count() > 1 {
        (authority, None)
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => port.parse().map_err(|_| format!("{port:?} is no port"))?,
        None => default_port,
    };
    if base.contains(['?', '#']) || host.contains(|c: char| c.is_whitespace() || "?#\\".contains(c))
    {
        return Err("it is more than a host, a port and a path".into());
    }
    Ok(Address::Tcp {
        host: if host.is_empty() { "localhost" } else { host }.into(),
        port,
        base: base.into(),
    })
}

impl Destination {
    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        if url.password().is_some() {
            return Err("a password in it would be seen by everybody; use a key".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it is more than a user, a host, a port and a socket".into());
        }
        let host = url.host_str().unwrap_or_default();
        let host = plain(host.trim_start_matches('[').trim_end_matches(']'));
        if host.is_empty() {
            return Err("it names no host".into());
        }
        Ok(Self {
            user: Some(plain(url.username())).filter(|user| !user.is_empty()),
            host,
            port: url.port(),
            socket: Some(plain(url.path())).filter(|path| !matches!(path.as_str(), "" | "/")),
        })
    }
}

/// As it may be shown: a password in it is left out.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port, base } => write!(f, "tcp://{}:{port}{base}", bracketed(host)),
            Self::Ssh(to) => {
                f.write_str("ssh://")?;
                if let Some(user) = &to.user {
                    write!(f, "{user}@")?;
                }
                f.write_str(&bracketed(&to.host))?;
                if let Some(port) = to.port {
                    write!(f, ":{port}")?;
                }
                f.write_str(to.socket.as_deref().unwrap_or_default())
            }
        }
    }
}

/// A host as it stands before a port.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_docker_command_reads_them() {
        for (text, shown) in [
            ("unix://", "unix:///var/run/docker.sock"),
            ("unix:///run/x.sock", "unix:///run/x.sock"),
            ("foo", "tcp://foo:2375"),
            ("tcp://foo", "tcp://foo:2375"),
            ("tcp://foo:1/base/", "tcp://foo:1/base"),
            (" tcp://[::1]:5 ", "tcp://[::1]:5"),
            ("tcp://::1", "tcp://[::1]:2375"),
            ("tcp://:5", "tcp://localhost:5"),
            ("tcp://ops:hunter2@10.0.0.5:2375", "tcp://10.0.0.5:2375"),
            ("ssh://box", "ssh://box"),
            ("ssh://box/", "ssh://box"),
            (
                "ssh://ops@box:2222/run/x.sock",
                "ssh://ops@box:2222/run/x.sock",
            ),
            ("ssh://[::1]:22", "ssh://[::1]:22"),
        ] {
            let shown_now = Address::parse(text, 2375).map(|a| a.to_string());
            assert_eq!(shown_now.as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn another_machine_is_told_from_this_one() {
        for (text, host) in [
            ("unix:///run/x.sock", None),
            ("tcp://127.0.0.1:2375", None),
            ("tcp://LocalHost", None),
            ("ssh://ops@[::1]", None),
            ("tcp://10.1.2.3:2375", Some("10.1.2.3")),
            ("tcp://[fd00::1]:2375", Some("[fd00::1]")),
            ("ssh://ops@box:2222", Some("box")),
        ] {
            let parsed = Address::parse(text, 2375).expect(text);
            assert_eq!(parsed.other_host().as_deref(), host, "{text}");
        }
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, why) in [
            (
                "/var/run/docker.sock",
                "written `unix:///var/run/docker.sock`",
            ),
            ("https://ops:hunter2@foo:1", "written `tcp://foo:1`"),
            ("npipe:////./pipe/x", "none of `unix://`"),
            ("fd://", "none of `unix://`"),
            ("tcp://foo:99999", "no port"),
            ("tcp://[::1", "no `]`"),
            ("tcp://foo:1?x=1", "no port"),
            ("ssh://", "no host"),
            ("ssh://ops:hunter2@box", "password"),
            ("ssh://box?x=1", "more than"),
            ("ssh://box#x", "more than"),
            ("ssh://box:x", "port"),
        ] {
            let error = Address::parse(text, 2375).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC*") {
            for scheme in ["", "tcp://", "ssh://", "unix://"] {
                let _ = Address::parse(&format!("{scheme}{text}"), 1);
            }
        }
    }
}
