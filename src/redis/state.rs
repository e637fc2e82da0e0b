//! How Redis is doing, from INFO: clients, evictions, whether what it holds reaches the disk.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Error, Server, query};
use crate::run::Cx;

/// Clients and counters since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// `7.0.15`.
    pub version: String,
    /// `master` or `slave`.
    pub role: String,
    /// For how long it has been running.
    pub uptime_seconds: i64,
    /// Clients that are connected.
    pub clients: i64,
    /// How many may be; `None` where this version does not say.
    pub max_clients: Option<i64>,
    /// Clients that wait in a blocking command (`BLPOP`, `XREAD BLOCK`, `WAIT`).
    pub blocked_clients: i64,
    /// Connections refused for `maxclients`, since the start.
    pub rejected_connections: i64,
    /// Keys removed for want of memory, since the start.
    pub evicted_keys: i64,
    /// Keys that expired, since the start.
    pub expired_keys: i64,
    /// Reads that found their key, since the start.
    pub hits: i64,
    /// Reads that did not.
    pub misses: i64,
}

/// Whether what it holds reaches the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Persistence {
    /// Whether it still loads its data.
    pub loading: bool,
    /// Whether the last snapshot succeeded; `true` before the first.
    pub snapshot_ok: bool,
    /// When the last one that succeeded was made, or the server started.
    pub snapshot_at: Option<DateTime<Utc>>,
    /// Changes since then.
    pub changes_since: i64,
    /// Whether there is an append-only file.
    pub aof: bool,
    /// Whether the last write to it succeeded; `None` without one.
    pub aof_write_ok: Option<bool>,
    /// Whether its last rewrite succeeded; `None` without one.
    pub aof_rewrite_ok: Option<bool>,
}

/// Clients and counters.
pub fn stats(cx: &Cx, server: &Server, limit: Duration) -> Result<Stats, Error> {
    let info = query::info(cx, server, None, limit)?;
    let number = |name: &str| info.get(name).and_then(Value::as_i64);
    let (Some(clients), Some(evicted_keys)) = (number("connected_clients"), number("evicted_keys"))
    else {
        return Err(lacking(server, "`connected_clients` and `evicted_keys`"));
    };
    Ok(Stats {
        version: text(&info, "redis_version"),
        role: text(&info, "role"),
        uptime_seconds: number("uptime_in_seconds").unwrap_or_default(),
        clients,
        max_clients: number("maxclients"),
        blocked_clients: number("blocked_clients").unwrap_or_default(),
        rejected_connections: number("rejected_connections").unwrap_or_default(),
        evicted_keys,
        expired_keys: number("expired_keys").unwrap_or_default(),
        hits: number("keyspace_hits").unwrap_or_default(),
        misses: number("keyspace_misses").unwrap_or_default(),
    })
}

/// Whether what it holds reaches the disk.
pub fn persistence(cx: &Cx, server: &Server, limit: Duration) -> Result<Persistence, Error> {
    let info = query::info(cx, server, Some("persistence"), limit)?;
    if !info.contains_key("rdb_last_bgsave_status") {
        return Err(lacking(server, "`rdb_last_bgsave_status`"));
    }
    Ok(read_persistence(&info))
}

fn read_persistence(info: &Map<String, Value>) -> Persistence {
    let number = |name: &str| info.get(name).and_then(Value::as_i64);
    let well = |name: &str| info.get(name).map(|status| status == "ok");
    let aof = number("aof_enabled") == Some(1);
    Persistence {
        loading: number("loading") == Some(1),
        snapshot_ok: well("rdb_last_bgsave_status") != Some(false),
        snapshot_at: number("rdb_last_save_time").and_then(|at| DateTime::from_timestamp(at, 0)),
        changes_since: number("rdb_changes_since_last_save").unwrap_or_default(),
        aof,
        aof_write_ok: well("aof_last_write_status").filter(|_| aof),
        aof_rewrite_ok: well("aof_last_bgrewrite_status").filter(|_| aof),
    }
}

fn text(info: &Map<String, Value>, name: &str) -> String {
    info.get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn lacking(server: &Server, what: &str) -> Error {
    Error::Failed {
        server: server.name(),
        message: format!("its INFO has no {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persistence_from_info() {
        let info = |text: &str| super::super::info::parse(text);
        let well = read_persistence(&info(
            "loading:0\r\nrdb_changes_since_last_save:7\r\nrdb_last_save_time:1700000000\r\nrdb_last_bgsave_status:ok\r\n\
             aof_enabled:1\r\naof_last_bgrewrite_status:ok\r\naof_last_write_status:ok\r\n",
        ));
        assert_eq!(
            well,
            Persistence {
                loading: false,
                snapshot_ok: true,
                snapshot_at: DateTime::from_timestamp(1_700_000_000, 0),
                changes_since: 7,
                aof: true,
                aof_write_ok: Some(true),
                aof_rewrite_ok: Some(true),
            }
        );
        let ill = read_persistence(&info(
            "loading:1\r\nrdb_last_bgsave_status:err\r\naof_enabled:1\r\naof_last_write_status:err\r\n",
        ));
        assert!(ill.loading && !ill.snapshot_ok && ill.aof_write_ok == Some(false));
        // Without a file its status says nothing.
        let none = read_persistence(&info("aof_enabled:0\r\naof_last_write_status:ok\r\n"));
        assert_eq!((none.aof_write_ok, none.aof_rewrite_ok), (None, None));
    }
}
