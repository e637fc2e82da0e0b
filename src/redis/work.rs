//! A list of work that several processes share: a stream with a consumer group. Each item is given to one of them; when that one
//! dies, its lease on the item ends and another gets it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::redis::cmd;

use super::session::{self, Session};
use super::{Error, Server};
use crate::run::{Cx, held};

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(10);

/// How long lists and their results are kept behind the last item that ended: seven days.
const KEEP: u64 = 7 * 86_400;

/// Puts the items in once, whoever comes first. KEYS: stream. ARGV: group, number of items, seconds to keep.
const FILL: &str = "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end \
    redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM') \
    for i = 0, tonumber(ARGV[2]) - 1 do redis.call('XADD', KEYS[1], '*', 'i', i) end \
    redis.call('EXPIRE', KEYS[1], ARGV[3]) return 1";

/// Gives the next item, else one whose holder has not renewed it. KEYS: stream. ARGV: group, consumer, lease in milliseconds.
const TAKE: &str = "local new = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', 1, 'STREAMS', KEYS[1], '>') \
    if new and new[1] then local e = new[1][2][1] return {'item', e[1], e[2][2], '1'} end \
    local old = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], '-', '+', 1) \
    if old[1] then \
      local e = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], old[1][1]) \
      if e[1] then return {'item', e[1][1], e[1][2][2], tostring(old[1][4] + 1)} end \
    end \
    if redis.call('XPENDING', KEYS[1], ARGV[1])[1] > 0 then return {'wait'} end \
    return {'end'}";

/// Renews what is still ours. KEYS: stream. ARGV: group, consumer, item.
const RENEW: &str = "local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1) \
    if p[1] and p[1][2] == ARGV[2] then redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID') return 1 end \
    return 0";

/// Takes an item off, and keeps what came of it. KEYS: stream, results. ARGV: group, item, field, value, seconds to keep.
const DONE: &str = "redis.call('HSET', KEYS[2], ARGV[3], ARGV[4]) \
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) redis.call('XDEL', KEYS[1], ARGV[2]) \
    redis.call('EXPIRE', KEYS[1], ARGV[5]) redis.call('EXPIRE', KEYS[2], ARGV[5]) return 1";

/// Agrees on one text under a name, until what was agreed on is over; then the same may begin anew. KEYS: agreement, results of this one. ARGV: name, number of
/// items, text, seconds to keep, prefix of the results.
const AGREE: &str = "local name = redis.call('HGET', KEYS[1], 'name') \
    if name then \
      local all = tonumber(redis.call('HGET', KEYS[1], 'items')) \
      if redis.call('HLEN', ARGV[5] .. name .. ':results') < all then return redis.call('HGET', KEYS[1], 'text') end \
    end \
    redis.call('DEL', ARGV[5] .. ARGV[1], ARGV[5] .. ARGV[1] .. ':results') \
    redis.call('HSET', KEYS[1], 'name', ARGV[1], 'items', ARGV[2], 'text', ARGV[3]) \
    redis.call('EXPIRE', KEYS[1], ARGV[4]) return ARGV[3]";

const GROUP: &str = "workers";

/// A list.
#[derive(Debug)]
pub struct Work {
    server: Server,
    stream: String,
    consumer: String,
    lease: Duration,
    held: Arc<Mutex<BTreeSet<String>>>,
    renewing: tokio::task::JoinHandle<()>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// An item.
    Item {
        /// What the list calls it.
        id: String,
        /// Its place in the list.
        index: usize,
        /// How often it was given to somebody, this time included.
        given: i64,
    },
    /// Others are at the last items; one of them may die.
    Wait,
    /// All is done.
    End,
}

/// The text that all who work under `key` agree on: that of the first, until all its items are done. `name` tells its list.
pub fn agree(
    cx: &Cx,
    server: &Server,
    key: &str,
    (name, items): (&str, usize),
    text: &str,
) -> Result<String, Error> {
    let keys = vec![format!("{key}:agreed")];
    let arguments = vec![
        name.to_owned(),
        items.to_string(),
        text.to_owned(),
        KEEP.to_string(),
        format!("{key}:"),
    ];
    session::with(cx, server, COMMAND, move |session| {
        eval(session, AGREE, keys, arguments)
    })
}

impl Work {
    /// Opens the list `name` under `key`, with items `0..items` if it is new. `consumer` is no other's name. What is not renewed for
    /// `lease` is given to another.
    pub fn open(
        cx: &Cx,
        server: &Server,
        (key, name): (&str, &str),
        items: usize,
        consumer: &str,
        lease: Duration,
    ) -> Result<Self, Error> {
        let stream = format!("{key}:{name}");
        let keys = vec![stream.clone()];
        let arguments = vec![GROUP.to_owned(), items.to_string(), KEEP.to_string()];
        let _: i64 = session::with(cx, server, COMMAND, move |session| {
            eval(session, FILL, keys, arguments)
        })?;
        let held = Arc::new(Mutex::default());
        let renewal = renew(
            server.clone(),
            stream.clone(),
            consumer.to_owned(),
            lease,
            Arc::clone(&held),
        );
        Ok(Self {
            server: server.clone(),
            stream,
            consumer: consumer.to_owned(),
            lease,
            held,
            renewing: crate::run::handle().spawn(renewal),
        })
    }

    /// Takes the next item.
    pub fn next(&self, cx: &Cx) -> Result<Next, Error> {
        let keys = vec![self.stream.clone()];
        let arguments = vec![
            GROUP.to_owned(),
            self.consumer.clone(),
            self.lease.as_millis().to_string(),
        ];
        let answer: Vec<String> = session::with(cx, &self.server, COMMAND, move |session| {
            eval(session, TAKE, keys, arguments)
        })?;
        let words: Vec<&str> = answer.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["item", id, index, given] => {
                held(&self.held).insert((*id).to_owned());
                let (index, given) = (index.parse().ok(), given.parse().ok());
                index.zip(given).map_or_else(
                    || Err(self.strange(&answer)),
                    |(index, given)| {
                        Ok(Next::Item {
                            id: (*id).to_owned(),
                            index,
                            given,
                        })
                    },
                )
            }
            ["wait"] => Ok(Next::Wait),
            ["end"] => Ok(Next::End),
            _ => Err(self.strange(&answer)),
        }
    }

    /// An item has ended: `value` is kept under `field`.
    pub fn done(&self, cx: &Cx, id: &str, field: &str, value: &str) -> Result<(), Error> {
        let keys = vec![self.stream.clone(), self.results()];
        let arguments = vec![
            GROUP.to_owned(),
            id.to_owned(),
            field.to_owned(),
            value.to_owned(),
            KEEP.to_string(),
        ];
        let _: i64 = session::with(cx, &self.server, COMMAND, move |session| {
            eval(session, DONE, keys, arguments)
        })?;
        held(&self.held).remove(id);
        Ok(())
    }

    /// How many items have ended, whoever did them.
    pub fn ended(&self, cx: &Cx) -> Result<i64, Error> {
        let results = self.results();
        session::with(cx, &self.server, COMMAND, |mut session| async move {
            session.ask(cmd("HLEN").arg(results)).await
        })
    }

    fn results(&self) -> String {
        format!("{}:results", self.stream)
    }

    fn strange(&self, answer: &[String]) -> Error {
        Error::Failed {
            server: self.server.name(),
            message: format!("`{}` is no list of work: {answer:?}", self.stream),
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews what is held, three times within the lease.
async fn renew(
    server: Server,
    stream: String,
    consumer: String,
    lease: Duration,
    items: Arc<Mutex<BTreeSet<String>>>,
) {
    loop {
        tokio::time::sleep(lease / 3).await;
        let now: Vec<String> = held(&items).iter().cloned().collect();
        for id in now {
            let attempt = async {
                let session = Session::open(server.clone()).await?;
                let arguments = vec![GROUP.to_owned(), consumer.clone(), id];
                eval::<i64>(session, RENEW, vec![stream.clone()], arguments).await
            };
            // Lost is lost: another finds in the store what this one has done.
            let _ = tokio::time::timeout(lease / 3, attempt).await;
        }
    }
}

pub(super) async fn eval<T: ::redis::FromRedisValue>(
    mut session: Session,
    script: &str,
    keys: Vec<String>,
    arguments: Vec<String>,
) -> Result<T, Error> {
    let mut eval = cmd("EVAL");
    eval.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    session.ask(&eval).await
}
