//! The faults of the stores that `data.rs` plants, as data.

use crate::fault::Fault;

const fn fault(
    name: &'static str,
    check: &'static str,
    severity: &'static str,
    status: &'static str,
    says: &'static str,
) -> Fault {
    crate::fault::fault(name, check, "data", severity, status, says)
}

pub(crate) const FULL: Fault = fault(
    "Redis at maxmemory with evictions",
    "redis.memory",
    "critical",
    "bad",
    "at the limit it evicts keys (allkeys-lru)",
);
pub(crate) const UNSAVED: Fault = fault(
    "Redis cannot write its snapshot",
    "redis.persistence",
    "critical",
    "bad",
    "the last snapshot failed",
);
pub(crate) const EVICTING: Fault = fault(
    "Redis evicts keys all the time",
    "redis.evictions",
    "critical",
    "bad",
    "keys evicted within a second",
);
pub(crate) const BLOCKED: Fault = fault(
    "many clients of Redis wait",
    "redis.clients",
    "critical",
    "degraded",
    "clients wait in a blocking command",
);
pub(crate) const TAKEN: Fault = fault(
    "Postgres out of connections",
    "postgres.connections",
    "critical",
    "bad",
    "all connections are taken",
);
pub(crate) const LONG: Fault = fault(
    "a transaction is open for long",
    "postgres.transactions",
    "critical",
    "degraded",
    "has been open for",
);
pub(crate) const UNMIGRATED: Fault = fault(
    "a migration did not end",
    "postgres.migrations",
    "critical",
    "bad",
    "alembic_version is empty",
);
pub(crate) const SLOT: Fault = fault(
    "nobody receives through a replication slot",
    "postgres.replication",
    "critical",
    "degraded",
    "nobody receives through the slot left",
);
pub(crate) const APPENDLESS: Fault = fault(
    "Redis cannot write its append-only file",
    "redis.persistence",
    "critical",
    "bad",
    "the last write to the append-only file failed",
);
pub(crate) const CROWDED: Fault = fault(
    "the disk of QuestDB is full",
    "questdb.disk",
    "critical",
    "degraded",
    "the disk of its data, ",
);
pub(crate) const MISSING: Fault = fault(
    "the files of a partition are gone",
    "questdb.integrity",
    "critical",
    "bad",
    "cannot be read: 1 of 3 rows of market_data",
);
pub(crate) const RECOVERING: Fault = fault(
    "Postgres is in recovery and takes no writes",
    "postgres.replication",
    "critical",
    "bad",
    "it is in recovery: it takes no writes",
);
pub(crate) const LAGGING: Fault = fault(
    "QuestDB takes more than it can apply",
    "questdb.wal_lag",
    "major",
    "degraded",
    "transactions of busy are not applied yet",
);
pub(crate) const STALE: Fault = fault(
    "stale data in market hours",
    "questdb.fresh.market_data",
    "critical",
    "bad",
    "XNYS is open",
);
pub(crate) const SUSPENDED: Fault = fault(
    "a suspended table",
    "questdb.suspended",
    "critical",
    "bad",
    "tables are suspended: market_data",
);
pub(crate) const NODE: Fault = fault(
    "a node of Weaviate is ill",
    "weaviate.nodes",
    "major",
    "degraded",
    "node1 is UNHEALTHY",
);
pub(crate) const DRIVE: Fault = fault(
    "a drive of MinIO is offline",
    "minio.drives",
    "major",
    "degraded",
    "1 of 4 drives are offline",
);
pub(crate) const BACKLOG: Fault = fault(
    "a subscription of Pulsar is not read",
    "pulsar.backlog",
    "critical",
    "bad",
    "200000 for signal-generator",
);
pub(crate) const BROKERLESS: Fault = fault(
    "Pulsar has no broker",
    "pulsar.brokers",
    "critical",
    "bad",
    "has no broker",
);

pub(crate) const FAULTS: &[&Fault] = &[
    &FULL,
    &EVICTING,
    &UNSAVED,
    &APPENDLESS,
    &BLOCKED,
    &TAKEN,
    &LONG,
    &UNMIGRATED,
    &SLOT,
    &RECOVERING,
    &LAGGING,
    &STALE,
    &SUSPENDED,
    &CROWDED,
    &MISSING,
    &NODE,
    &DRIVE,
    &BACKLOG,
    &BROKERLESS,
];
