//! A bucket of tokens that several processes share, and a pause for all of them.

use std::time::Duration;

use super::session;
use super::work::eval;
use super::{Error, Server};
use crate::run::Cx;

const COMMAND: Duration = Duration::from_secs(5);

/// How long until a token is there; 0: it is taken. The theoretical arrival time of the next request (GCRA) is all that is kept.
/// KEYS: bucket, pause. ARGV: milliseconds between tokens, burst.
const TAKE: &str = "local paused = redis.call('PTTL', KEYS[2]) if paused > 0 then return paused end \
    if tonumber(ARGV[1]) <= 0 then return 0 end \
    local clock = redis.call('TIME') local now = clock[1] * 1000 + clock[2] / 1000 \
    local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) \
    local wait = due - now - ARGV[1] * (ARGV[2] - 1) \
    if wait > 0 then return math.ceil(wait) end \
    redis.call('SET', KEYS[1], string.format('%.3f', due + ARGV[1]), 'PX', 3600000) return 0";

/// Lengthens a pause, and never shortens one. KEYS: pause. ARGV: milliseconds.
const PAUSE: &str = "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end return 1";

/// Takes a token of the bucket `key`, or says how long to wait for one. `per_second` is infinite where only pauses count.
pub fn token(
    cx: &Cx,
    server: &Server,
    key: &str,
    per_second: f64,
    burst: f64,
) -> Result<Duration, Error> {
    let keys = vec![format!("{key}:bucket"), format!("{key}:pause")];
    let between = 1000.0 / per_second.max(1e-6);
    let arguments = vec![format!("{between:.3}"), format!("{:.3}", burst.max(1.0))];
    let wait: i64 = session::with(cx, server, COMMAND, move |session| {
        eval(session, TAKE, keys, arguments)
    })?;
    Ok(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

/// Nobody takes a token of `key` before this is over.
pub fn pause(cx: &Cx, server: &Server, key: &str, time: Duration) -> Result<(), Error> {
    let keys = vec![format!("{key}:pause")];
    let arguments = vec![time.as_millis().max(1).to_string()];
    let _: i64 = session::with(cx, server, COMMAND, move |session| {
        eval(session, PAUSE, keys, arguments)
    })?;
    Ok(())
}
