//! A lease: a key that one process has for a while, and renews. Of several machines one works at a time.
//!
//! It is what a single Redis can give (`SET key value NX PX`, renewed and taken away only by whoever's value stands there): a
//! server that is replaced by a copy which had not seen the key may give it twice. Who works under one has to stop when it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::redis::cmd;

use super::session::{self, Session};
use super::{Error, Server};
use crate::run::{Cancel, Cx, Stop};

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(5);

/// Renews or takes away what is still ours.
const RENEW: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";
const RELEASE: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

/// A lease that is held and renewed until it is dropped.
#[derive(Debug)]
pub struct Lease {
    cx: Cx,
    server: Server,
    key: String,
    value: String,
    renewing: tokio::task::JoinHandle<()>,
    lost: Arc<AtomicBool>,
}

/// Takes the lease `key` for `ttl` at a time. `value` says who has it, and must be no other's. When it is lost, `cancel` is
/// stopped.
pub fn lease(
    cx: &Cx,
    server: &Server,
    key: &str,
    value: &str,
    ttl: Duration,
    cancel: &Cancel,
) -> Result<Lease, Error> {
    let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
    let (name, own) = (key.to_owned(), value.to_owned());
    let began = Instant::now();
    let other: Option<(String, i64)> =
        session::with(cx, server, COMMAND, move |mut session| async move {
            let mut set = cmd("SET");
            set.arg(&name).arg(&own).arg("NX").arg("PX").arg(millis);
            if session.ask::<Option<String>>(&set).await?.is_some() {
                return Ok(None);
            }
            let holder: Option<String> = session.ask(cmd("GET").arg(&name)).await?;
            let left: i64 = session.ask(cmd("PTTL").arg(&name)).await?;
            Ok(Some((holder.unwrap_or_default(), left)))
        })?;
    if let Some((holder, left)) = other {
        return Err(Error::Held {
            key: key.to_owned(),
            holder,
            left: Duration::from_millis(u64::try_from(left).unwrap_or(0)),
        });
    }
    let lost = Arc::new(AtomicBool::new(false));
    let renewal = renew(
        server.clone(),
        key.to_owned(),
        value.to_owned(),
        (ttl, began),
        lost.clone(),
        cancel.clone(),
    );
    Ok(Lease {
        // It is given back although the run was stopped.
        cx: cx.with_cancel(Cancel::root()),
        server: server.clone(),
        key: key.to_owned(),
        value: value.to_owned(),
        renewing: crate::run::handle().spawn(renewal),
        lost,
    })
}

impl Lease {
    /// Whether somebody else may have it.
    pub fn lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
        let (key, value) = (self.key.clone(), self.value.clone());
        // It ends by itself in the worst case.
        let _ = session::with(&self.cx, &self.server, COMMAND, |session| async move {
            script(session, RELEASE, &key, &value, Duration::ZERO).await
        });
    }
}

/// Renews it three times in its time; lost is what another has, and what could not be renewed in its time.
async fn renew(
    server: Server,
    key: String,
    value: String,
    (ttl, mut renewed): (Duration, Instant),
    lost: Arc<AtomicBool>,
    cancel: Cancel,
) {
    loop {
        tokio::time::sleep(ttl / 3).await;
        let began = Instant::now();
        let attempt = async {
            let session = Session::open(server.clone()).await?;
            script(session, RENEW, &key, &value, ttl).await
        };
        match tokio::time::timeout(ttl / 3, attempt).await {
            Ok(Ok(1..)) => renewed = began,
            Ok(Ok(_)) => break,
            _ if renewed.elapsed() > ttl => break,
            _ => {}
        }
    }
    lost.store(true, Ordering::Release);
    cancel.stop(Stop::Cancelled);
}

async fn script(
    mut session: Session,
    text: &str,
    key: &str,
    value: &str,
    ttl: Duration,
) -> Result<i64, Error> {
    let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    let mut eval = cmd("EVAL");
    eval.arg(text).arg(1).arg(key).arg(value).arg(millis);
    session.ask(&eval).await
}
