//! Looking at the network from where a container sees it: its sockets, and whether it reaches something.
//!
//! A process of the container lends its network namespace; a thread of ours steps into it and ends there. Nothing runs inside
//! the container, so its image needs no tool and no shell. Names are asked of the servers of its own `resolv.conf`.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::Serialize;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, TYPE};
use std::os::fd::AsFd as _;

use super::Error;
use super::error::read;
use super::ports::address_of;

/// A socket of a network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Socket {
    /// `tcp`, `tcp6`, `udp` or `udp6`.
    pub protocol: String,
    /// `listen`, `established`, `time-wait`, ...; of UDP `open`.
    pub state: String,
    /// Its own address.
    pub local_address: String,
    /// Its own port.
    pub local_port: i64,
    /// The other side's address; `None` while there is none.
    pub remote_address: Option<String>,
    /// The other side's port.
    pub remote_port: Option<i64>,
}

/// Whether something was reached from inside.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reached {
    /// Whether a connection came about.
    pub ok: bool,
    /// What the name stands for there.
    pub addresses: Vec<String>,
    /// How long the name took; `None` for an address.
    pub dns_ms: Option<f64>,
    /// How long the connection took.
    pub connect_ms: Option<f64>,
    /// `dns` or `connect`: where it failed.
    pub failed_at: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A process of container `id`, as long as it is one of this machine.
#[derive(Debug, Clone)]
pub struct Inside {
    proc: PathBuf,
}

impl Inside {
    /// Finds the container's first process here. `Err`: it is not on this machine, or may not be looked at.
    pub fn of(id: &str, pid: i64) -> Result<Self, Error> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        match fs::read_to_string(proc.join("cgroup")) {
            // Another machine's process of this number is none of the container's.
            Ok(groups) if groups.contains(id) => Ok(Self { proc }),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(refused("the container's network", &error))
            }
            _ => Err(Error::Elsewhere(id.to_owned())),
        }
    }

    /// All its sockets, listening ones first.
    pub fn sockets(&self) -> Result<Vec<Socket>, Error> {
        let mut found = Vec::new();
        for protocol in ["tcp", "tcp6", "udp", "udp6"] {
            let file = self.proc.join("net").join(protocol);
            // A kernel without IPv6 has no such file.
            if file.exists() {
                found.extend(
                    read(&file.display().to_string())?
                        .lines()
                        .skip(1)
                        .filter_map(|line| socket(line, protocol)),
                );
            }
        }
        found.sort_by(|a: &Socket, b| {
            (a.state != "listen", a.local_port, &a.protocol).cmp(&(
                b.state != "listen",
                b.local_port,
                &b.protocol,
            ))
        });
        Ok(found)
    }

    /// Connects to `host:port` from inside, and closes the connection again. `host`: a name or an address.
    pub fn reach(&self, host: &str, port: u16, limit: Duration) -> Result<Reached, Error> {
        let namespace = File::open(self.proc.join("ns/net"))
            .map_err(|e| refused("the container's network", &e))?;
        let servers = Resolving::read(
            &self.proc.join("root/etc/resolv.conf"),
            &self.proc.join("root/etc/hosts"),
        );
        let host = host.to_owned();
        let thread = std::thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok::<_, io::Error>(try_to_reach(&servers, &host, port, limit))
        });
        match thread.join() {
            Ok(Ok(reached)) => Ok(reached),
            Ok(Err(error)) => Err(refused("the container's network", &error)),
            Err(_) => Err(refused(
                "the container's network",
                &io::Error::other("the thread broke off"),
            )),
        }
    }
}

fn refused(what: &str, error: &io::Error) -> Error {
    Error::NotAllowed {
        what: what.to_owned(),
        reason: error.to_string(),
    }
}

fn try_to_reach(servers: &Resolving, host: &str, port: u16, limit: Duration) -> Reached {
    let began = Instant::now();
    let mut reached = Reached {
        ok: false,
        addresses: Vec::new(),
        dns_ms: None,
        connect_ms: None,
        failed_at: None,
        reason: None,
    };
    let failed = |reached: Reached, at: &str, why: String| Reached {
        failed_at: Some(at.to_owned()),
        reason: Some(why),
        ..reached
    };
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => {
            let found = servers.ask(host, limit);
            reached.dns_ms = Some(millis(began));
            match found {
                Ok(found) => found,
                Err(why) => return failed(reached, "dns", why),
            }
        }
    };
    reached.addresses = addresses.iter().map(ToString::to_string).collect();
    let mut why = "no address".to_owned();
    for address in addresses {
        let from = Instant::now();
        let left = limit
            .saturating_sub(began.elapsed())
            .max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&SocketAddr::new(address, port), left) {
            Ok(_) => {
                reached.connect_ms = Some(millis(from));
                reached.ok = true;
                return reached;
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                why = format!("no answer within {} ms", left.as_millis())
            }
            Err(error) => {
                why = error
                    .to_string()
                    .split(" (os error")
                    .next()
                    .unwrap_or_default()
                    .to_lowercase()
            }
        }
    }
    failed(reached, "connect", why)
}

fn millis(from: Instant) -> f64 {
    from.elapsed().as_secs_f64() * 1e3
}

/// What a container knows of names.
struct Resolving {
    servers: Vec<IpAddr>,
    search: Vec<String>,
    hosts: Vec<(IpAddr, Vec<String>)>,
}

impl Resolving {
    fn read(resolv: &Path, hosts: &Path) -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&text(resolv), &text(hosts))
    }

    fn parse(resolv: &str, hosts: &str) -> Self {
        let mut found = Self {
            servers: Vec::new(),
            search: Vec::new(),
            hosts: Vec::new(),
        };
        for line in resolv.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => found
                    .servers
                    .extend(words.next().and_then(|w| w.parse::<IpAddr>().ok())),
                Some("search" | "domain") => found.search = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        for line in hosts.lines() {
            let mut words = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace();
            if let Some(Ok(address)) = words.next().map(str::parse) {
                found
                    .hosts
                    .push((address, words.map(str::to_owned).collect()));
            }
        }
        found
    }

    /// The addresses of a name: the hosts file, then the servers, the name as it is and then below the search domains.
    fn ask(&self, name: &str, limit: Duration) -> Result<Vec<IpAddr>, String> {
        let known: Vec<IpAddr> = self
            .hosts
            .iter()
            .filter(|(_, names)| names.iter().any(|n| n == name))
            .map(|(address, _)| *address)
            .collect();
        if !known.is_empty() {
            return Ok(known);
        }
        let Some(server) = self.servers.first() else {
            return Err("its resolv.conf names no server".into());
        };
        let mut names = vec![name.to_owned()];
        names.extend(
            self.search
                .iter()
                .filter(|s| *s != ".")
                .map(|domain| format!("{name}.{domain}")),
        );
        let mut why = String::new();
        for name in names {
            match query(*server, &name, limit) {
                Ok(found) if !found.is_empty() => return Ok(found),
                Ok(_) => why = format!("{server} knows no address of {name}"),
                Err(error) => return Err(format!("{server} does not answer: {error}")),
            }
        }
        Err(why)
    }
}

/// The IPv4 addresses that a server knows of a name; none when it says that there is no such name.
fn query(server: IpAddr, name: &str, limit: Duration) -> Result<Vec<IpAddr>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut packet = Packet::new_query(0x5452);
    packet.set_flags(simple_dns::PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).map_err(|e| text(&e))?;
    packet.questions.push(Question::new(
        name,
        QTYPE::TYPE(TYPE::A),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    let bytes = packet.build_bytes_vec().map_err(|e| text(&e))?;
    let here: SocketAddr = if server.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0; 16], 0).into()
    };
    let socket = UdpSocket::bind(here).map_err(|e| text(&e))?;
    socket
        .set_read_timeout(Some(limit.max(Duration::from_millis(1))))
        .map_err(|e| text(&e))?;
    socket.connect((server, 53)).map_err(|e| text(&e))?;
    socket.send(&bytes).map_err(|e| text(&e))?;
    let mut answer = [0; 4096];
    let size = socket.recv(&mut answer).map_err(|e| match e.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("nothing within {} ms", limit.as_millis())
        }
        _ => e.to_string(),
    })?;
    let answer = Packet::parse(&answer[..size]).map_err(|e| text(&e))?;
    Ok(answer
        .answers
        .iter()
        .filter_map(|record| match &record.rdata {
            RData::A(a) => Some(IpAddr::from(a.address.to_be_bytes())),
            _ => None,
        })
        .collect())
}

/// A line of the kernel's table.
fn socket(line: &str, protocol: &str) -> Option<Socket> {
    let words: Vec<_> = line.split_whitespace().collect();
    let side = |word: &str| -> Option<(String, i64)> {
        let (address, port) = word.split_once(':')?;
        Some((
            address_of(address)?.to_string(),
            i64::from(u16::from_str_radix(port, 16).ok()?),
        ))
    };
    let (local_address, local_port) = side(words.get(1)?)?;
    let (remote_address, remote_port) = side(words.get(2)?)?;
    let state = match *words.get(3)? {
        _ if protocol.starts_with("udp") => "open",
        "01" => "established",
        "02" => "syn-sent",
        "03" => "syn-received",
        "04" | "05" => "fin-wait",
        "06" => "time-wait",
        "07" => "closed",
        "08" => "close-wait",
        "09" => "last-ack",
        "0A" => "listen",
        _ => "closing",
    };
    let connected = remote_port != 0;
    Some(Socket {
        protocol: protocol.into(),
        state: state.into(),
        local_address,
        local_port,
        remote_address: connected.then_some(remote_address),
        remote_port: connected.then_some(remote_port),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel() {
        let line = "   1: 0100007F:18EB 0200007F:A2B4 01 00000000:00000000 00:00000000 00000000   999        0 12345 1";
        let found = socket(line, "tcp").unwrap();
        assert_eq!(
            (found.state.as_str(), found.local_port, found.remote_port),
            ("established", 6379, Some(41652))
        );
        assert_eq!(found.remote_address.as_deref(), Some("127.0.0.2"));
        let line = "   0: 00000000:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 12345 1";
        let found = socket(line, "tcp").unwrap();
        assert_eq!((found.state.as_str(), found.remote_port), ("listen", None));
        assert_eq!(socket("garbage", "tcp"), None);
    }

    #[test]
    fn names_as_a_container_knows_them() {
        let known = Resolving::parse(
            "# x\nnameserver 127.0.0.11\nsearch a.b .\noptions ndots:0\n",
            "127.0.0.1 localhost # no\n10.0.0.2 db store\n",
        );
        assert_eq!(known.servers, [IpAddr::from([127, 0, 0, 11])]);
        assert_eq!(known.search, ["a.b", "."]);
        assert_eq!(
            known.ask("store", Duration::from_secs(1)),
            Ok(vec![IpAddr::from([10, 0, 0, 2])])
        );
        let none = Resolving::parse("", "");
        assert_eq!(
            none.ask("x", Duration::from_secs(1)),
            Err("its resolv.conf names no server".into())
        );
    }

    #[test]
    fn another_containers_process_is_not_looked_at() {
        let own = i64::from(std::process::id());
        assert!(matches!(
            Inside::of("0123456789abcdef0123456789abcdef", own),
            Err(Error::Elsewhere(_))
        ));
    }
}
