//! The text of INFO as typed values.

use serde_json::{Map, Number, Value};

/// Values that look like numbers and are names.
const NAMES: &[&str] = &[
    "redis_version",
    "redis_git_sha1",
    "redis_build_id",
    "run_id",
    "gcc_version",
    "master_replid",
    "master_replid2",
    "executable",
    "config_file",
];

/// `name:value` lines to a map: whole numbers, decimals, text; `db0:keys=1,expires=0` becomes a map of
/// its own. Section headings and what is no such line are left out.
pub(super) fn parse(text: &str) -> Map<String, Value> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(name, value)| (name.to_owned(), typed(name, value)))
        .collect()
}

fn typed(name: &str, value: &str) -> Value {
    if NAMES.contains(&name) {
        return value.into();
    }
    let pairs: Option<Map<_, _>> = value
        .split(',')
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            Some((
                key.to_owned(),
                number(value).unwrap_or_else(|| value.into()),
            ))
        })
        .collect();
    pairs
        .map(Value::Object)
        .or_else(|| number(value))
        .unwrap_or_else(|| value.into())
}

/// A number, if the text is just how one is written: `007` and `1e5` are none.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>()
        && whole.to_string() == text
    {
        return Some(whole.into());
    }
    let (before, after) = text.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(before.strip_prefix('-').unwrap_or(before)) || !digits(after) {
        return None;
    }
    text.parse()
        .ok()
        .and_then(Number::from_f64)
        .map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_values() {
        let info = parse(
            "# Server\r\nredis_version:7.0\r\nredis_git_sha1:00000000\r\nuptime_in_seconds:12\r\n\r\nmem_fragmentation_ratio:1.25\r\nused_memory_human:1.00M\r\ndb0:keys=3,expires=1,avg_ttl=0\r\nallocator:jemalloc-5.2.1\r\nrole:master\r\nnonsense\r\nos:Linux 6.1 x=y z\r\nmaxmemory:-1\r\nconfig_file:\r\nbig:99999999999999999999\r\n",
        );
        let want = serde_json::json!({
            "redis_version": "7.0",
            "redis_git_sha1": "00000000",
            "uptime_in_seconds": 12,
            "mem_fragmentation_ratio": 1.25,
            "used_memory_human": "1.00M",
            "db0": { "keys": 3, "expires": 1, "avg_ttl": 0 },
            "allocator": "jemalloc-5.2.1",
            "role": "master",
            "os": { "Linux 6.1 x": "y z" },
            "maxmemory": -1,
            "config_file": "",
            "big": "99999999999999999999",
        });
        assert_eq!(Value::Object(info), want);
    }
}
