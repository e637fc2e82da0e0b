//! The records about a server's state: connections, open transactions, replication.

use super::super::{Shape, Ty, field};

pub(super) static CONNECTIONS: Shape = Shape {
    name: "PostgresConnections",
    doc: "Connections against the limit. The one that asks is not counted.",
    fields: &[
        field("used", Ty::Int, "clients that are connected"),
        field("max", Ty::Int, "`max_connections`"),
        field(
            "reserved",
            Ty::Int,
            "of these, how many are kept for superusers",
        ),
        field(
            "used_percent",
            Ty::Float,
            "used of what ordinary users may have",
        ),
        field("active", Ty::Int, "those that run a statement"),
        field(
            "idle_in_transaction",
            Ty::Int,
            "those that hold a transaction open and do nothing",
        ),
        field("waiting", Ty::Int, "those that wait for a lock"),
    ],
};

pub(super) static TRANSACTION: Shape = Shape {
    name: "PostgresTransaction",
    doc: "An open transaction.",
    fields: &[
        field("seconds", Ty::Float, "for how long it has been open"),
        field(
            "state",
            Ty::Str,
            "`active`, `idle in transaction`, `prepared`",
        ),
        field(
            "pid",
            Ty::Opt(&Ty::Int),
            "the process; `()` for a prepared transaction, which has none",
        ),
        field("user", Ty::Opt(&Ty::Str), "whose it is"),
        field("database", Ty::Opt(&Ty::Str), "where"),
        field(
            "application",
            Ty::Opt(&Ty::Str),
            "what the client calls itself",
        ),
        field(
            "blocked_by",
            Ty::List(&Ty::Int),
            "the processes of the sessions that keep it waiting",
        ),
    ],
};

pub(super) static TRANSACTIONS: Shape = Shape {
    name: "PostgresTransactions",
    doc: "The open transactions of a server.",
    fields: &[
        field(
            "open",
            Ty::List(&Ty::Record(&TRANSACTION)),
            "the oldest first",
        ),
        field(
            "hidden",
            Ty::Int,
            "sessions of others whose transactions this login may not see",
        ),
    ],
};

pub(super) static REPLICA: Shape = Shape {
    name: "PostgresReplica",
    doc: "Whoever receives from a server.",
    fields: &[
        field("name", Ty::Str, "what it calls itself"),
        field(
            "state",
            Ty::Str,
            "`streaming`, `catchup`, `startup`, `backup`",
        ),
        field(
            "sync_state",
            Ty::Str,
            "`sync`, `async`, `quorum`, `potential`",
        ),
        field(
            "lag_bytes",
            Ty::Opt(&Ty::Int),
            "how far what it has replayed is behind",
        ),
    ],
};

pub(super) static SLOT: Shape = Shape {
    name: "PostgresSlot",
    doc: "A replication slot.",
    fields: &[
        field("name", Ty::Str, "its name"),
        field(
            "active",
            Ty::Bool,
            "whether anybody receives through it; if not, the log that it keeps grows",
        ),
        field("retained_bytes", Ty::Opt(&Ty::Int), "how much log it keeps"),
    ],
};

pub(super) static REPLICATION: Shape = Shape {
    name: "PostgresReplication",
    doc: "The part that a server plays in a replication, and who depends on it.",
    fields: &[
        field(
            "in_recovery",
            Ty::Bool,
            "whether it is in recovery: a standby, or a server that is being restored",
        ),
        field(
            "lag_seconds",
            Ty::Opt(&Ty::Float),
            "for a standby, how old what it shows is; `()` for a primary, and before the first transaction",
        ),
        field(
            "receiving",
            Ty::Opt(&Ty::Bool),
            "for a standby, whether it receives from a primary",
        ),
        field(
            "replicas",
            Ty::List(&Ty::Record(&REPLICA)),
            "whoever receives from this server",
        ),
        field(
            "slots",
            Ty::List(&Ty::Record(&SLOT)),
            "what is kept for receivers",
        ),
    ],
};
