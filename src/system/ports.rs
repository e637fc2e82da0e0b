//! Who listens on which TCP port, from `/proc/net/tcp` and `/proc/net/tcp6`.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use super::Error;
use super::error::read;
use super::processes::comm;

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// The local address; `0.0.0.0` or `::` is every interface.
    pub address: String,
    /// The local port.
    pub port: i64,
    /// `tcp` or `tcp6`.
    pub protocol: String,
    /// Whose it is; nothing where this user may not look, or where it is in another container.
    pub pid: Option<i64>,
    /// The name of that process.
    pub process: Option<String>,
}

/// Every listening TCP socket of this network namespace, by port.
pub fn listening_ports() -> Result<Vec<Listener>, Error> {
    let mut found = listeners(&read("/proc/net/tcp")?, "tcp");
    // A kernel without IPv6 has no such file; that is no error.
    if let Ok(table) = read("/proc/net/tcp6") {
        found.extend(listeners(&table, "tcp6"));
    }
    let owners = if found.is_empty() {
        HashMap::new()
    } else {
        socket_owners()
    };
    let mut all: Vec<_> = found
        .into_iter()
        .map(|(mut listener, inode)| {
            listener.pid = owners.get(&inode).copied();
            listener.process = listener.pid.and_then(comm);
            listener
        })
        .collect();
    all.sort_by(|a, b| (a.port, &a.protocol, &a.address).cmp(&(b.port, &b.protocol, &b.address)));
    Ok(all)
}

/// The sockets in state LISTEN (0A) with their inodes.
fn listeners(table: &str, protocol: &str) -> Vec<(Listener, u64)> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            if *words.get(3)? != "0A" {
                return None;
            }
            let (address, port) = words.get(1)?.split_once(':')?;
            let listener = Listener {
                address: address_of(address)?.to_string(),
                port: i64::from(u16::from_str_radix(port, 16).ok()?),
                protocol: protocol.into(),
                pid: None,
                process: None,
            };
            Some((listener, words.get(9)?.parse().ok()?))
        })
        .collect()
}

/// The kernel prints addresses as 32-bit words in the machine's byte order.
pub(super) fn address_of(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| -> Option<[u8; 4]> {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for i in 0..4 {
                bytes[i * 4..i * 4 + 4].copy_from_slice(&word(i * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

/// Socket inode to pid, for every process that this user may look into.
fn socket_owners() -> HashMap<u64, i64> {
    let mut owners = HashMap::new();
    let Ok(entries) = fs::read_dir("/proc") else {
        return owners;
    };
    for entry in entries.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<i64>().ok())
        else {
            continue;
        };
        let Ok(open) = fs::read_dir(entry.path().join("fd")) else {
            continue;
        };
        for link in open
            .flatten()
            .filter_map(|fd| fs::read_link(fd.path()).ok())
        {
            let inode = link
                .to_str()
                .and_then(|l| l.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode {
                // A parent and its workers share a socket: the lowest pid is the parent, most often.
                let owner = owners.entry(inode).or_insert(pid);
                *owner = pid.min(*owner);
            }
        }
    }
    owners
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn tables_of_the_kernel() {
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: torn line
";
        let found = listeners(tcp, "tcp");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.address, "127.0.0.1");
        assert_eq!((found[0].0.port, found[0].1), (8080, 4711));
        assert_eq!(
            address_of("00000000000000000000000001000000")
                .unwrap()
                .to_string(),
            "::1"
        );
        assert_eq!(address_of("xyz"), None);
    }

    #[test]
    fn our_own_listener_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = i64::from(socket.local_addr().unwrap().port());
        let mine = listening_ports()
            .unwrap()
            .into_iter()
            .find(|l| l.port == port)
            .unwrap();
        assert_eq!(mine.pid, Some(i64::from(std::process::id())));
        assert_eq!(mine.address, "127.0.0.1");
        assert!(mine.process.is_some());
    }
}
