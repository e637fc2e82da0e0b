//! How Postgres is doing: connections, open transactions, replication.

use serde::Serialize;

use super::{Error, Limits, Server, query};
use crate::rows::{Cell, Rows};
use crate::run::Cx;

/// Connections against the limit. The one that asks is not counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connections {
    /// Clients that are connected.
    pub used: i64,
    /// `max_connections`.
    pub max: i64,
    /// Of these, how many are kept for superusers.
    pub reserved: i64,
    /// Used of what ordinary users may have.
    pub used_percent: f64,
    /// Those that run a statement.
    pub active: i64,
    /// Those that hold a transaction open and do nothing.
    pub idle_in_transaction: i64,
    /// Those that wait for a lock.
    pub waiting: i64,
}

/// The open transactions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transactions {
    /// The oldest first.
    pub open: Vec<Transaction>,
    /// Sessions of others whose transactions this login may not see.
    pub hidden: i64,
}

/// An open transaction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transaction {
    /// For how long it has been open.
    pub seconds: f64,
    /// `active`, `idle in transaction`, `prepared`.
    pub state: String,
    /// The process; `None` for a prepared transaction, which has none.
    pub pid: Option<i64>,
    /// Whose it is.
    pub user: Option<String>,
    /// Where.
    pub database: Option<String>,
    /// What the client calls itself.
    pub application: Option<String>,
    /// The sessions that keep it waiting.
    pub blocked_by: Vec<i64>,
}

/// The part that a server plays.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replication {
    /// Whether it is in recovery: a standby, or a server that is being restored.
    pub in_recovery: bool,
    /// For a standby, how old what it shows is; `None` for a primary, and before the first transaction.
    pub lag_seconds: Option<f64>,
    /// For a standby, whether it receives from a primary.
    pub receiving: Option<bool>,
    /// Whoever receives from this server.
    pub replicas: Vec<Replica>,
    /// What is kept for receivers.
    pub slots: Vec<Slot>,
}

/// A receiver.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replica {
    /// What it calls itself.
    pub name: String,
    /// `streaming`, `catchup`, `startup`, `backup`.
    pub state: String,
    /// `sync`, `async`, `quorum`, `potential`.
    pub sync_state: String,
    /// How far what it has replayed is behind.
    pub lag_bytes: Option<i64>,
}

/// A replication slot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Whether anybody receives through it. If not, the log that it keeps grows.
    pub active: bool,
    /// How much log it keeps.
    pub retained_bytes: Option<i64>,
}

/// Of sessions of others an ordinary user sees the database and no more: not even that it is a client's.
const CONNECTIONS: &str = "\
    SELECT count(*) AS used, \
    current_setting('max_connections')::bigint AS max, \
    current_setting('superuser_reserved_connections')::bigint \
      + coalesce(current_setting('reserved_connections', true)::bigint, 0) AS reserved, \
    count(*) FILTER (WHERE state = 'active') AS active, \
    count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction, \
    count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting \
    FROM pg_stat_activity \
    WHERE (backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL) AND pid <> pg_backend_pid()";

/// Those of sessions, and prepared ones, which outlive theirs.
const TRANSACTIONS: &str = "\
    SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds, state, pid::bigint AS pid, \
      usename::text AS \"user\", datname::text AS database, application_name AS application, \
      pg_blocking_pids(pid)::bigint[] AS blocked_by \
    FROM pg_stat_activity \
    WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid() \
    UNION ALL \
    SELECT extract(epoch FROM clock_timestamp() - prepared)::float8, 'prepared', NULL, \
      owner::text, database::text, NULL, ARRAY[]::bigint[] \
    FROM pg_prepared_xacts \
    ORDER BY 1 DESC LIMIT $1";

const HIDDEN: &str = "\
    SELECT count(*) FROM pg_stat_activity \
    WHERE backend_type IS NULL AND datid IS NOT NULL AND pid <> pg_backend_pid()";

const RECOVERY: &str = "\
    SELECT pg_is_in_recovery() AS in_recovery, \
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS lag_seconds, \
    CASE WHEN pg_is_in_recovery() THEN EXISTS (SELECT 1 FROM pg_stat_wal_receiver) END AS receiving, \
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() END AS caught_up";

const REPLICAS: &str = "\
    SELECT coalesce(application_name, '') AS name, coalesce(state, '') AS state, coalesce(sync_state, '') AS sync, \
    CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint END AS lag_bytes \
    FROM pg_stat_replication ORDER BY 1";

const SLOTS: &str = "\
    SELECT slot_name::text AS name, active, \
    CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint END AS retained_bytes \
    FROM pg_replication_slots WHERE NOT temporary ORDER BY 1";

/// Connections against the limit.
pub fn connections(cx: &Cx, server: &Server, limits: Limits) -> Result<Connections, Error> {
    let rows = query(cx, server, CONNECTIONS, Vec::new(), limits)?;
    let line = rows.cells.first().ok_or_else(no_row)?;
    let number = |name: &str| int(&rows, line, name).unwrap_or_default();
    let (used, max, reserved) = (number("used"), number("max"), number("reserved"));
    let free = (max - reserved).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let used_percent = used as f64 * 100.0 / free as f64;
    Ok(Connections {
        used,
        max,
        reserved,
        used_percent,
        active: number("active"),
        idle_in_transaction: number("idle_in_transaction"),
        waiting: number("waiting"),
    })
}

/// The open transactions, the oldest first, at most `most`.
pub fn transactions(
    cx: &Cx,
    server: &Server,
    most: i64,
    limits: Limits,
) -> Result<Transactions, Error> {
    let most = vec![super::Parameter::Int(most.max(0))];
    let rows = query(cx, server, TRANSACTIONS, most, limits)?;
    let hidden = super::value(cx, server, HIDDEN, Vec::new(), limits)?;
    let open = rows.cells.iter().map(|line| Transaction {
        seconds: float(&rows, line, "seconds").unwrap_or_default(),
        state: text(&rows, line, "state").unwrap_or_default(),
        pid: int(&rows, line, "pid"),
        user: text(&rows, line, "user"),
        database: text(&rows, line, "database"),
        application: text(&rows, line, "application").filter(|name| !name.is_empty()),
        blocked_by: match rows.pick(line, &["blocked_by"]) {
            Some(Cell::List(pids)) => pids.iter().filter_map(Cell::int).collect(),
            _ => Vec::new(),
        },
    });
    Ok(Transactions {
        open: open.collect(),
        hidden: hidden.int().unwrap_or_default(),
    })
}

/// The part that the server plays, and who depends on it.
pub fn replication(cx: &Cx, server: &Server, limits: Limits) -> Result<Replication, Error> {
    let own = query(cx, server, RECOVERY, Vec::new(), limits)?;
    let line = own.cells.first().ok_or_else(no_row)?;
    let in_recovery = bool(&own, line, "in_recovery").unwrap_or_default();
    // A standby that has replayed all that it received is not behind, however long ago that was: on a quiet
    // primary nothing comes.
    let caught_up = bool(&own, line, "caught_up").unwrap_or_default();
    let lag = float(&own, line, "lag_seconds").map(|lag| if caught_up { 0.0 } else { lag });
    let replicas = query(cx, server, REPLICAS, Vec::new(), limits)?;
    let slots = query(cx, server, SLOTS, Vec::new(), limits)?;
    Ok(Replication {
        in_recovery,
        lag_seconds: lag.filter(|_| in_recovery),
        receiving: bool(&own, line, "receiving"),
        replicas: replicas
            .cells
            .iter()
            .map(|line| Replica {
                name: text(&replicas, line, "name").unwrap_or_default(),
                state: text(&replicas, line, "state").unwrap_or_default(),
                sync_state: text(&replicas, line, "sync").unwrap_or_default(),
                lag_bytes: int(&replicas, line, "lag_bytes"),
            })
            .collect(),
        slots: slots
            .cells
            .iter()
            .map(|line| Slot {
                name: text(&slots, line, "name").unwrap_or_default(),
                active: bool(&slots, line, "active").unwrap_or_default(),
                retained_bytes: int(&slots, line, "retained_bytes"),
            })
            .collect(),
    })
}

fn no_row() -> Error {
    Error::Statement("the answer has no row".into())
}

fn int(rows: &Rows, line: &[Cell], name: &str) -> Option<i64> {
    rows.pick(line, &[name])?.int()
}

fn text(rows: &Rows, line: &[Cell], name: &str) -> Option<String> {
    rows.pick(line, &[name])?.text().map(str::to_owned)
}

fn bool(rows: &Rows, line: &[Cell], name: &str) -> Option<bool> {
    rows.pick(line, &[name])?.bool()
}

fn float(rows: &Rows, line: &[Cell], name: &str) -> Option<f64> {
    match rows.pick(line, &[name])? {
        Cell::Float(number) => Some(*number),
        _ => None,
    }
}
