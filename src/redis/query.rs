//! What Redis is asked: everything here reads.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ::redis::cmd;
use serde::Serialize;
use serde_json::{Map, Value};

use super::session::{self, Session};
use super::{Error, Server, info as text};
use crate::rows::milliseconds;
use crate::run::Cx;

/// How many keys one SCAN step looks at.
const STEP: usize = 1_000;

/// The most fields of a hash, or members of a set, that are fetched.
const FIELDS: i64 = 10_000;

/// A server that answered, logged in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ping {
    /// From connecting to the answer, in milliseconds.
    pub ms: f64,
    /// Whether it refuses writes because it cannot save them: it refuses PING with them, and still reads.
    pub refuses_writes: bool,
}

/// Keys that match a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyCount {
    /// Matching keys found.
    pub count: i64,
    /// Whether all keys were looked at; otherwise there are at least `count`.
    pub complete: bool,
}

/// Memory in use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memory {
    /// Allocated by Redis.
    pub used_bytes: i64,
    /// The most so far.
    pub peak_bytes: i64,
    /// As the system sees the process.
    pub rss_bytes: i64,
    /// `maxmemory`; `None` without a limit.
    pub max_bytes: Option<i64>,
    /// Used of the limit; `None` without one.
    pub used_percent: Option<f64>,
    /// RSS over used.
    pub fragmentation: f64,
    /// What happens at the limit: `noeviction`, `allkeys-lru`.
    pub policy: String,
}

/// A key, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Whether it is there.
    pub exists: bool,
    /// `string`, `hash`, `list`, `set`, `zset`, `stream`; `none` when it is not there.
    #[serde(rename = "type")]
    pub ty: String,
    /// Members, fields, entries or bytes, after the type; `None` for types of modules.
    pub size: Option<i64>,
    /// Seconds until it expires; `None` when it never does.
    pub ttl_seconds: Option<i64>,
}

/// Whether the server answers a command of this login.
pub fn ping(cx: &Cx, server: &Server, limit: Duration) -> Result<Ping, Error> {
    let began = Instant::now();
    let pong = session::with(cx, server, limit, |mut session| async move {
        session.ask::<String>(&cmd("PING")).await
    });
    let refuses_writes = match pong {
        Ok(_) => false,
        Err(Error::Failed { message, .. }) if message.starts_with("MISCONF ") => true,
        Err(error) => return Err(error),
    };
    Ok(Ping {
        ms: milliseconds(began.elapsed()),
        refuses_writes,
    })
}

/// A section of INFO (`memory`, `replication`, ...), or all of the default ones.
pub fn info(
    cx: &Cx,
    server: &Server,
    section: Option<&str>,
    limit: Duration,
) -> Result<Map<String, Value>, Error> {
    let mut command = cmd("INFO");
    if let Some(section) = section {
        command.arg(section);
    }
    session::with(cx, server, limit, |mut session| async move {
        session.ask::<String>(&command).await
    })
    .map(|answer| text::parse(&answer))
}

/// Memory, from INFO.
pub fn memory(cx: &Cx, server: &Server, limit: Duration) -> Result<Memory, Error> {
    let info = info(cx, server, Some("memory"), limit)?;
    let bytes = |name: &str| info.get(name).and_then(Value::as_i64);
    let Some(used_bytes) = bytes("used_memory") else {
        return Err(Error::Failed {
            server: server.name(),
            message: "its INFO has no `used_memory`".into(),
        });
    };
    let max_bytes = bytes("maxmemory").filter(|max| *max > 0);
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let used_percent = max_bytes.map(|max| used_bytes as f64 * 100.0 / max as f64);
    Ok(Memory {
        used_bytes,
        peak_bytes: bytes("used_memory_peak").unwrap_or(used_bytes),
        rss_bytes: bytes("used_memory_rss").unwrap_or(used_bytes),
        max_bytes,
        used_percent,
        fragmentation: info
            .get("mem_fragmentation_ratio")
            .and_then(Value::as_f64)
            .unwrap_or(1.0),
        policy: info
            .get("maxmemory_policy")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    })
}

/// How many keys the database has.
pub fn size(cx: &Cx, server: &Server, limit: Duration) -> Result<i64, Error> {
    session::with(cx, server, limit, |mut session| async move {
        session.ask(&cmd("DBSIZE")).await
    })
}

/// How many keys match `pattern`, by SCAN, which never blocks the server for long. Stops at `most` keys
/// found. SCAN may show a key twice; it counts once.
pub fn count_keys(
    cx: &Cx,
    server: &Server,
    pattern: &str,
    most: usize,
    limit: Duration,
) -> Result<KeyCount, Error> {
    let pattern = pattern.to_owned();
    session::with(cx, server, limit, move |session| {
        scan(session, pattern, most)
    })
}

async fn scan(mut session: Session, pattern: String, most: usize) -> Result<KeyCount, Error> {
    let mut found: HashSet<Vec<u8>> = HashSet::new();
    let mut cursor = 0u64;
    loop {
        let step = cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(&pattern)
            .arg("COUNT")
            .arg(STEP)
            .take();
        let (next, keys): (u64, Vec<Vec<u8>>) = session.ask(&step).await?;
        found.extend(keys);
        cursor = next;
        let complete = cursor == 0;
        if complete || found.len() >= most {
            return Ok(KeyCount {
                count: i64::try_from(found.len()).unwrap_or(i64::MAX),
                complete,
            });
        }
    }
}

/// The text at `key`; `None` when it is not there.
pub fn get(cx: &Cx, server: &Server, key: &str, limit: Duration) -> Result<Option<String>, Error> {
    let asked = key.to_owned();
    let value = session::with(cx, server, limit, move |mut session| async move {
        of_type(&mut session, &asked, "string").await?;
        session
            .ask::<Option<Vec<u8>>>(&cmd("GET").arg(&asked).take())
            .await
    })?;
    value
        .map(|bytes| {
            String::from_utf8(bytes).map_err(|_| Error::NotText {
                key: key.to_owned(),
            })
        })
        .transpose()
}

/// The fields of the hash at `key`; `None` when it is not there.
pub fn hash(
    cx: &Cx,
    server: &Server,
    key: &str,
    limit: Duration,
) -> Result<Option<Map<String, Value>>, Error> {
    let asked = key.to_owned();
    let fields = session::with(cx, server, limit, move |mut session| async move {
        if !of_type(&mut session, &asked, "hash").await? {
            return Ok(None);
        }
        let size: i64 = session.ask(&cmd("HLEN").arg(&asked).take()).await?;
        if size > FIELDS {
            return Err(Error::TooLarge {
                key: asked,
                size,
                most: FIELDS,
            });
        }
        let all = cmd("HGETALL").arg(&asked).take();
        session.ask::<Vec<(Vec<u8>, Vec<u8>)>>(&all).await.map(Some)
    })?;
    let not_text = || Error::NotText {
        key: key.to_owned(),
    };
    fields
        .map(|fields| {
            let mut map = Map::new();
            for (name, value) in fields {
                let name = String::from_utf8(name).map_err(|_| not_text())?;
                let value = String::from_utf8(value).map_err(|_| not_text())?;
                map.insert(name, value.into());
            }
            Ok(map)
        })
        .transpose()
}

/// The members of the set at `key`, in order; `None` when it is not there.
pub fn members(
    cx: &Cx,
    server: &Server,
    key: &str,
    limit: Duration,
) -> Result<Option<Vec<String>>, Error> {
    let asked = key.to_owned();
    let members = session::with(cx, server, limit, move |mut session| async move {
        if !of_type(&mut session, &asked, "set").await? {
            return Ok(None);
        }
        let size: i64 = session.ask(&cmd("SCARD").arg(&asked).take()).await?;
        if size > FIELDS {
            return Err(Error::TooLarge {
                key: asked,
                size,
                most: FIELDS,
            });
        }
        let all = cmd("SMEMBERS").arg(&asked).take();
        session.ask::<Vec<Vec<u8>>>(&all).await.map(Some)
    })?;
    let Some(members) = members else {
        return Ok(None);
    };
    let text = |bytes| {
        String::from_utf8(bytes).map_err(|_| Error::NotText {
            key: key.to_owned(),
        })
    };
    let mut members = members
        .into_iter()
        .map(text)
        .collect::<Result<Vec<_>, _>>()?;
    members.sort();
    Ok(Some(members))
}

/// Whether `key` is there; an error when it has another type than `wanted`.
async fn of_type(session: &mut Session, key: &str, wanted: &'static str) -> Result<bool, Error> {
    let found: String = session.ask(&cmd("TYPE").arg(key).take()).await?;
    match found.as_str() {
        "none" => Ok(false),
        found if found == wanted => Ok(true),
        _ => Err(Error::WrongType {
            key: key.to_owned(),
            found,
            wanted,
        }),
    }
}

/// What is at `key`, without its value.
pub fn key(cx: &Cx, server: &Server, key: &str, limit: Duration) -> Result<Key, Error> {
    let key = key.to_owned();
    session::with(cx, server, limit, move |mut session| async move {
        let ty: String = session.ask(&cmd("TYPE").arg(&key).take()).await?;
        let length = match ty.as_str() {
            "string" => Some("STRLEN"),
            "hash" => Some("HLEN"),
            "list" => Some("LLEN"),
            "set" => Some("SCARD"),
            "zset" => Some("ZCARD"),
            "stream" => Some("XLEN"),
            _ => None,
        };
        let size = match length {
            Some(command) => Some(session.ask(&cmd(command).arg(&key).take()).await?),
            None => None,
        };
        let ttl: i64 = session.ask(&cmd("TTL").arg(&key).take()).await?;
        Ok(Key {
            exists: ty != "none",
            ty,
            size,
            ttl_seconds: (ttl >= 0).then_some(ttl),
        })
    })
}
