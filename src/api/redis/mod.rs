//! `redis::`: what Redis says of itself and its keys.

mod lease;

use rhai::Dynamic;

use super::connection::{self, PASSWORD, USER};
use super::{Args, Failure, Kind, Namespace, Param, Primitive, Shape, Ty, field, option, param};
use crate::redis::{self, Error, Server};

const DB: Param = param("db", Ty::Handle("Redis"), "what `redis::connect` returned");

const KEY: Param = param("key", Ty::Str, "the key's name");

const TIMEOUT: Param = option(
    "timeout",
    Ty::Duration,
    "\"5s\"",
    "how long the whole call may take, connecting and login included",
);

static PING: Shape = Shape {
    name: "RedisPing",
    doc: "A Redis that answers this login.",
    fields: &[
        field(
            "ms",
            Ty::Float,
            "from connecting to the answer, in milliseconds",
        ),
        field(
            "refuses_writes",
            Ty::Bool,
            "whether it refuses writes because it cannot save them (MISCONF); it still reads",
        ),
    ],
};

static MEMORY: Shape = Shape {
    name: "RedisMemory",
    doc: "Memory in use.",
    fields: &[
        field("used_bytes", Ty::Int, "allocated by Redis"),
        field("peak_bytes", Ty::Int, "the most so far"),
        field("rss_bytes", Ty::Int, "as the system sees the process"),
        field(
            "max_bytes",
            Ty::Opt(&Ty::Int),
            "`maxmemory`; `()` without a limit",
        ),
        field(
            "used_percent",
            Ty::Opt(&Ty::Float),
            "used of the limit; `()` without one",
        ),
        field("fragmentation", Ty::Float, "RSS over used"),
        field(
            "policy",
            Ty::Str,
            "what happens at the limit: `noeviction`, `allkeys-lru`",
        ),
    ],
};

static STATS: Shape = Shape {
    name: "RedisStats",
    doc: "Clients of a Redis, and its counters since it started.",
    fields: &[
        field("version", Ty::Str, "`7.0.15`"),
        field("role", Ty::Str, "`master` or `slave`"),
        field(
            "uptime_seconds",
            Ty::Int,
            "for how long it has been running",
        ),
        field("clients", Ty::Int, "clients that are connected"),
        field(
            "max_clients",
            Ty::Opt(&Ty::Int),
            "how many may be; `()` where this version does not say",
        ),
        field(
            "blocked_clients",
            Ty::Int,
            "clients that wait in a blocking command: `BLPOP`, `XREAD BLOCK`, `WAIT`",
        ),
        field(
            "rejected_connections",
            Ty::Int,
            "connections refused for `maxclients`, since the start",
        ),
        field(
            "evicted_keys",
            Ty::Int,
            "keys removed for want of memory, since the start",
        ),
        field(
            "expired_keys",
            Ty::Int,
            "keys that expired, since the start",
        ),
        field(
            "hits",
            Ty::Int,
            "reads that found their key, since the start",
        ),
        field("misses", Ty::Int, "reads that did not, since the start"),
    ],
};

static PERSISTENCE: Shape = Shape {
    name: "RedisPersistence",
    doc: "Whether what a Redis holds reaches the disk.",
    fields: &[
        field("loading", Ty::Bool, "whether it still loads its data"),
        field(
            "snapshot_ok",
            Ty::Bool,
            "whether the last snapshot succeeded; `true` before the first",
        ),
        field(
            "snapshot_at",
            Ty::Opt(&Ty::Time),
            "when the last one that succeeded was made, or the server started",
        ),
        field("changes_since", Ty::Int, "changes since then"),
        field("aof", Ty::Bool, "whether there is an append-only file"),
        field(
            "aof_write_ok",
            Ty::Opt(&Ty::Bool),
            "whether the last write to it succeeded; `()` without one",
        ),
        field(
            "aof_rewrite_ok",
            Ty::Opt(&Ty::Bool),
            "whether its last rewrite succeeded; `()` without one",
        ),
    ],
};

static KEY_COUNT: Shape = Shape {
    name: "RedisKeyCount",
    doc: "Keys that match a pattern.",
    fields: &[
        field("count", Ty::Int, "matching keys found"),
        field(
            "complete",
            Ty::Bool,
            "whether all keys were looked at; otherwise there are at least `count`",
        ),
    ],
};

static KEY_INFO: Shape = Shape {
    name: "RedisKey",
    doc: "A key, without its value.",
    fields: &[
        field("exists", Ty::Bool, "whether it is there"),
        field(
            "type",
            Ty::Str,
            "`string`, `hash`, `list`, `set`, `zset`, `stream`; `none` when it is not there",
        ),
        field(
            "size",
            Ty::Opt(&Ty::Int),
            "members, fields, entries or bytes, after the type; `()` when it is not there",
        ),
        field(
            "ttl_seconds",
            Ty::Opt(&Ty::Int),
            "seconds until it expires; `()` when it never does",
        ),
    ],
};

const ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::Conflict,
    Kind::Failed,
];

const KEY_ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::Conflict,
    Kind::Invalid,
    Kind::Failed,
];

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "redis",
    doc: "Redis: whether it answers, memory, keys and their sizes; and leases, by which one of several machines works at a time. A wrong or missing password is `refused`; a server that still loads its data is `conflict`.",
    primitives: &[
        Primitive {
            name: "connect",
            params: &[param(
                "url",
                Ty::Str,
                "`redis://host:6379/0`, or `host:port`",
            )],
            options: &[USER, PASSWORD],
            returns: Ty::Handle("Redis"),
            errors: &[Kind::Invalid],
            doc: "Says where a Redis is and how to log in. Nothing is sent: a wrong address or password shows at the first call that uses it.",
            example: r#"let db = redis::connect("redis://127.0.0.1:6379");"#,
            call: |call| {
                let a = call.args();
                let server = Server::new(a.str("url"), a.opt_str("user"), a.opt_str("password"))?;
                Ok(connection::handle(call, "Redis", server, Server::password))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "ping",
            params: &[DB],
            options: &[TIMEOUT],
            returns: Ty::Record(&PING),
            errors: ERRORS,
            doc: "Whether Redis answers this login, and how fast.",
            example: r#"redis::ping(redis::connect("redis://127.0.0.1:6379")).ms < 1000.0"#,
            target,
            call: |call| {
                let a = call.args();
                let ping = redis::ping(call.cx(), &server(a), a.duration("timeout"))?;
                Ok(PING.record(&ping))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "info",
            params: &[
                DB,
                option(
                    "section",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "`memory`, `replication`, `stats`, ...; all default ones when left out",
                ),
            ],
            options: &[TIMEOUT],
            returns: Ty::Map,
            errors: ERRORS,
            doc: "What INFO says, as a map: whole numbers, decimals, text; `db0` and the like are maps of their own.",
            example: r#"let db = redis::connect("redis://127.0.0.1:6379");
redis::info(db, "replication").role"#,
            target,
            call: |call| {
                let a = call.args();
                let info = redis::info(
                    call.cx(),
                    &server(a),
                    a.opt_str("section"),
                    a.duration("timeout"),
                )?;
                Ok(super::rows::map(&info))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "memory",
            params: &[DB],
            options: &[TIMEOUT],
            returns: Ty::Record(&MEMORY),
            errors: ERRORS,
            doc: "Memory in use, its limit, and what happens there.",
            example: r#"redis::memory(redis::connect("redis://127.0.0.1:6379")).used_bytes"#,
            target,
            call: |call| {
                let a = call.args();
                let memory = redis::memory(call.cx(), &server(a), a.duration("timeout"))?;
                Ok(MEMORY.record(&memory))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "stats",
            params: &[DB],
            options: &[TIMEOUT],
            returns: Ty::Record(&STATS),
            errors: ERRORS,
            doc: "Clients, and the counters since the start: evictions, refused connections, hits.",
            example: r#"redis::stats(redis::connect("redis://127.0.0.1:6379")).evicted_keys"#,
            target,
            call: |call| {
                let a = call.args();
                let stats = redis::stats(call.cx(), &server(a), a.duration("timeout"))?;
                Ok(STATS.record(&stats))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "persistence",
            params: &[DB],
            options: &[TIMEOUT],
            returns: Ty::Record(&PERSISTENCE),
            errors: ERRORS,
            doc: "Whether what Redis holds reaches the disk: the last snapshot, the append-only file.",
            example: r#"redis::persistence(redis::connect("redis://127.0.0.1:6379")).snapshot_ok"#,
            target,
            call: |call| {
                let a = call.args();
                let state = redis::persistence(call.cx(), &server(a), a.duration("timeout"))?;
                Ok(PERSISTENCE.record(&state))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "size",
            params: &[DB],
            options: &[TIMEOUT],
            returns: Ty::Int,
            errors: ERRORS,
            doc: "How many keys the database has.",
            example: r#"redis::size(redis::connect("redis://127.0.0.1:6379"))"#,
            target,
            call: |call| {
                let a = call.args();
                Ok(redis::size(call.cx(), &server(a), a.duration("timeout"))?.into())
            },
            ..Primitive::READ
        },
        Primitive {
            name: "count_keys",
            params: &[
                DB,
                param(
                    "pattern",
                    Ty::Str,
                    "`session:*`; `*`, `?` and `[ab]` are special",
                ),
            ],
            options: &[
                option(
                    "max_keys",
                    Ty::Int,
                    "100000",
                    "stop once this many were found",
                ),
                option(
                    "timeout",
                    Ty::Duration,
                    "\"30s\"",
                    "how long the whole call may take",
                ),
            ],
            returns: Ty::Record(&KEY_COUNT),
            errors: ERRORS,
            doc: "How many keys match a pattern. It steps through all keys of the database (SCAN), which does not hold other clients up.",
            example: r#"redis::count_keys(redis::connect("redis://127.0.0.1:6379"), "session:*").count"#,
            target,
            call: |call| {
                let a = call.args();
                let most = usize::try_from(a.int("max_keys")).unwrap_or(0);
                let time = a.duration("timeout");
                let count = redis::count_keys(call.cx(), &server(a), a.str("pattern"), most, time)?;
                Ok(KEY_COUNT.record(&count))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "key",
            params: &[DB, KEY],
            options: &[TIMEOUT],
            returns: Ty::Record(&KEY_INFO),
            errors: ERRORS,
            doc: "What is at a key, without its value: type, size (members of a set, fields of a hash, ...), time to live.",
            example: r#"redis::key(redis::connect("redis://127.0.0.1:6379"), "no:such:key").exists == false"#,
            target: at_key,
            call: |call| {
                let a = call.args();
                let found = redis::key(call.cx(), &server(a), a.str("key"), a.duration("timeout"))?;
                Ok(KEY_INFO.record(&found))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "get",
            params: &[DB, KEY],
            options: &[TIMEOUT],
            returns: Ty::Opt(&Ty::Str),
            errors: KEY_ERRORS,
            doc: "The text at a key; `()` when it is not there. Another type, or bytes that are no text, is `invalid`.",
            example: r#"redis::get(redis::connect("redis://127.0.0.1:6379"), "no:such:key") == ()"#,
            target: at_key,
            call: |call| {
                let a = call.args();
                let text = redis::get(call.cx(), &server(a), a.str("key"), a.duration("timeout"))?;
                Ok(text.map_or(Dynamic::UNIT, Dynamic::from))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "hash",
            params: &[DB, KEY],
            options: &[TIMEOUT],
            returns: Ty::Opt(&Ty::Map),
            errors: KEY_ERRORS,
            doc: "The fields of the hash at a key, all text; `()` when it is not there. More than 10,000 fields are an error.",
            example: r#"redis::hash(redis::connect("redis://127.0.0.1:6379"), "no:such:key") == ()"#,
            target: at_key,
            call: |call| {
                let a = call.args();
                let hash = redis::hash(call.cx(), &server(a), a.str("key"), a.duration("timeout"))?;
                Ok(hash.map_or(Dynamic::UNIT, |fields| super::rows::map(&fields)))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "members",
            params: &[DB, KEY],
            options: &[TIMEOUT],
            returns: Ty::Opt(&Ty::List(&Ty::Str)),
            errors: KEY_ERRORS,
            doc: "The members of the set at a key, in the order of the alphabet; `()` when it is not there. More than 10,000 are an error.",
            example: r#"redis::members(redis::connect("redis://127.0.0.1:6379"), "no:such:key") == ()"#,
            target: at_key,
            call: |call| {
                let a = call.args();
                let members =
                    redis::members(call.cx(), &server(a), a.str("key"), a.duration("timeout"))?;
                Ok(members.map_or(Dynamic::UNIT, |all| {
                    all.into_iter().map(Dynamic::from).collect()
                }))
            },
            ..Primitive::READ
        },
        lease::LEASED,
    ],
    shapes: &[&PING, &MEMORY, &STATS, &PERSISTENCE, &KEY_COUNT, &KEY_INFO],
};

fn server(a: &Args) -> std::sync::Arc<Server> {
    a.handle("db")
}

fn target(a: &Args) -> String {
    let server = server(a);
    format!("redis/{}/{}", server.name(), server.database())
}

fn at_key(a: &Args) -> String {
    format!("{}/{}", target(a), a.str("key"))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let failure = |kind| Self::new(kind, message.clone());
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::Address { .. } | Error::NotText { .. } => failure(Kind::Invalid),
            Error::WrongType { .. } => {
                failure(Kind::Invalid).hint("`redis::key` says what is there, of any type")
            }
            Error::TooLarge { .. } => failure(Kind::Invalid).hint("`redis::key` gives its size"),
            Error::Unreachable { .. } | Error::Closed { .. } => failure(Kind::Unreachable),
            Error::Timeout { .. } => failure(Kind::Timeout),
            Error::Refused { .. } => {
                failure(Kind::Refused).hint("look at `user` and `password` of `redis::connect`")
            }
            Error::Held { .. } => failure(Kind::Held)
                .hint("wait for it; when its machine is dead the lease ends by itself"),
            Error::Loading { .. } => failure(Kind::Conflict).retryable(true),
            Error::Failed { .. } => failure(Kind::Failed),
        }
    }
}
