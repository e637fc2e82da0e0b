//! Knocking at TCP ports. Open, refused, silent, unreachable and unresolvable are five answers, none of
//! them an error: whoever asks wants to know which.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::net::TcpStream;

use super::dns::{self, check_name};
use super::{Error, ms_since, show};
use crate::run::Cx;

/// How a port answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    /// Whether a connection was made.
    pub open: bool,
    /// `open`, `refused` (a host that listens not), `timeout`, `unreachable`, `unresolved` (no such name).
    pub state: State,
    /// What was asked for: `db:5432`.
    pub target: String,
    /// The address that answered, or the last one tried; none if the name did not resolve.
    pub address: Option<String>,
    /// How long it took, the look-up of the name included.
    pub ms: f64,
    /// Why it is not open.
    pub error: Option<String>,
}

/// The answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A connection was made.
    Open,
    /// The host says that nobody listens there.
    Refused,
    /// Silence.
    Timeout,
    /// No way to the host.
    Unreachable,
    /// No such name, or no resolver.
    Unresolved,
}

/// Reads `host:port`, `[v6]:port`.
pub fn host_port(text: &str) -> Result<(String, u16), Error> {
    let wrong = || Error::Invalid(format!("{text:?} is no `host:port`"));
    let (host, port) = text.trim().rsplit_once(':').ok_or_else(wrong)?;
    let bare = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6,
        // Two colons without brackets: an address whose end only looks like a port.
        None if host.contains(':') => return Err(wrong()),
        None => host,
    };
    check_name(bare)?;
    match port.parse() {
        Ok(port) if port > 0 => Ok((bare.to_owned(), port)),
        _ => Err(wrong()),
    }
}

/// Knocks once at each address of `host` until one opens, within `timeout` in all.
pub fn probe(cx: &Cx, host: &str, port: u16, timeout: Duration) -> Result<Probe, Error> {
    check_name(host)?;
    if port == 0 {
        return Err(Error::Invalid("port 0 is no port".into()));
    }
    let host = host.to_owned();
    Ok(cx.wait(async move { knock(&host, port, timeout).await })?)
}

/// Knocks every `interval` until the port opens; an [`Error::Timeout`] that tells the last answer when it
/// does not within `timeout`.
pub fn wait(
    cx: &Cx,
    host: &str,
    port: u16,
    timeout: Duration,
    interval: Duration,
) -> Result<Probe, Error> {
    let began = Instant::now();
    loop {
        let left = timeout.saturating_sub(began.elapsed());
        let mut last = probe(cx, host, port, left.min(Duration::from_secs(2)))?;
        last.ms = ms_since(began);
        if last.open {
            return Ok(last);
        }
        let left = timeout.saturating_sub(began.elapsed());
        if left <= interval {
            let why = last.error.unwrap_or_default();
            return Err(Error::Timeout {
                what: format!("waiting for `{}` to open (last: {why})", last.target),
                limit: timeout,
            });
        }
        cx.sleep(interval.min(Duration::from_secs(3_600)))?;
    }
}

async fn knock(host: &str, port: u16, timeout: Duration) -> Probe {
    let began = Instant::now();
    let target = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let done = |state: State, address: Option<SocketAddr>, error: Option<String>| Probe {
        open: state == State::Open,
        state,
        target: target.clone(),
        address: address.map(|a| a.to_string()),
        ms: ms_since(began),
        error,
    };
    let addresses = match tokio::time::timeout(timeout, dns::resolve(host)).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(why)) => return done(State::Unresolved, None, Some(why.to_string())),
        Err(_) => {
            let why = format!("looking up `{host}` took longer than {}", show(timeout));
            return done(State::Timeout, None, Some(why));
        }
    };
    match connect(&addresses, port, timeout.saturating_sub(began.elapsed())).await {
        Ok((_, address)) => done(State::Open, Some(address), None),
        Err(missed) => {
            let state = match missed.kind {
                ErrorKind::ConnectionRefused => State::Refused,
                ErrorKind::TimedOut => State::Timeout,
                _ => State::Unreachable,
            };
            done(state, Some(missed.address), Some(missed.why))
        }
    }
}

/// A connection that could not be made, at the last address tried.
#[derive(Debug)]
pub(crate) struct Missed {
    pub(crate) kind: ErrorKind,
    pub(crate) address: SocketAddr,
    pub(crate) why: String,
}

/// Connects to the first of `addresses` that opens. Each gets a fair share of the time that is left, so
/// that a dead first address (an IPv6 route to nowhere) does not eat all of it.
pub(crate) async fn connect(
    addresses: &[IpAddr],
    port: u16,
    limit: Duration,
) -> Result<(TcpStream, SocketAddr), Missed> {
    let began = Instant::now();
    let mut missed = Missed {
        kind: ErrorKind::AddrNotAvailable,
        address: SocketAddr::from(([0, 0, 0, 0], port)),
        why: "there is no address to connect to".into(),
    };
    for (i, ip) in addresses.iter().enumerate() {
        let address = SocketAddr::new(*ip, port);
        let left = limit.saturating_sub(began.elapsed());
        let waiting = u32::try_from(addresses.len() - i).unwrap_or(1);
        let share = left / waiting;
        let (kind, why) = match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => (error.kind(), reason(&error)),
            Err(_) => (
                ErrorKind::TimedOut,
                format!("no answer within {}", show(share)),
            ),
        };
        missed = Missed {
            kind,
            address,
            why: format!("`{address}`: {why}"),
        };
    }
    Err(missed)
}

/// The system's words without its number: "connection refused".
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;
    use std::net::TcpListener;

    const SHORT: Duration = Duration::from_secs(2);

    #[test]
    fn host_and_port() {
        assert_eq!(host_port("db:5432").unwrap(), ("db".into(), 5432));
        assert_eq!(host_port("[::1]:80").unwrap(), ("::1".into(), 80));
        for bad in [
            "db", "db:", ":80", "db:0", "db:70000", "::1:80", "db:x", "a b:1",
        ] {
            assert!(host_port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn open_and_refused_are_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cx = Cx::detached();
        let open = probe(&cx, "127.0.0.1", port, SHORT).unwrap();
        assert!(open.open && open.error.is_none(), "{open:?}");
        assert_eq!(open.address.unwrap(), format!("127.0.0.1:{port}"));
        drop(listener);
        let closed = probe(&cx, "127.0.0.1", port, SHORT).unwrap();
        assert_eq!((closed.open, closed.state), (false, State::Refused));
        assert!(closed.error.unwrap().contains("connection refused"));
        let nameless = probe(&cx, "no-such-host.invalid", port, SHORT).unwrap();
        assert!(
            matches!(nameless.state, State::Unresolved | State::Timeout),
            "{nameless:?}"
        );
        assert!(probe(&cx, "127.0.0.1", 0, SHORT).is_err());
    }

    #[test]
    fn a_full_backlog_is_silence() {
        // Nobody accepts and the queue is full: the kernel drops the next SYN.
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::STREAM,
            None,
        )
        .unwrap();
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let mut held = Vec::new();
        for _ in 0..4 {
            if let Ok(s) =
                std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100))
            {
                held.push(s);
            }
        }
        let silent = probe(
            &Cx::detached(),
            "127.0.0.1",
            address.port(),
            Duration::from_millis(150),
        )
        .unwrap();
        assert_eq!(silent.state, State::Timeout, "{silent:?}");
    }

    #[test]
    fn wait_sees_the_port_open_and_says_what_it_saw_last() {
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let opener = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(80));
            TcpListener::bind(free).unwrap()
        });
        let cx = Cx::detached();
        let step = Duration::from_millis(20);
        let open = wait(&cx, "127.0.0.1", free.port(), Duration::from_secs(10), step).unwrap();
        assert!(open.open && open.ms >= 60.0);
        drop(opener.join().unwrap());
        let error = wait(
            &cx,
            "127.0.0.1",
            free.port(),
            Duration::from_millis(60),
            step,
        )
        .unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
    }
}
