//! The records of `questdb::`.

use super::super::{Shape, Ty, field};

pub(super) static EXECUTED: Shape = Shape {
    name: "QuestDbExecuted",
    doc: "A change that QuestDB confirmed.",
    fields: &[
        field(
            "kind",
            Ty::Str,
            "`ddl`, `dml` or `select`; versions differ in which",
        ),
        field(
            "updated",
            Ty::Opt(&Ty::Int),
            "QuestDB's own count; on a WAL table it is a transaction number, not rows",
        ),
        field(
            "ms",
            Ty::Float,
            "from sending to the confirmation, in milliseconds",
        ),
    ],
};

pub(super) static PING: Shape = Shape {
    name: "QuestDbPing",
    doc: "A QuestDB that answers statements.",
    fields: &[
        field("version", Ty::Str, "`QuestDB 9.3.4`"),
        field("ms", Ty::Float, "how long it took, in milliseconds"),
    ],
};

pub(super) static TABLE: Shape = Shape {
    name: "QuestDbTable",
    doc: "A table. A field is `()` where this version of QuestDB does not say.",
    fields: &[
        field("name", Ty::Str, "its name"),
        field(
            "folder",
            Ty::Opt(&Ty::Str),
            "its folder on the server: another one when the table was made anew under its name",
        ),
        field(
            "timestamp",
            Ty::Opt(&Ty::Str),
            "the designated timestamp column",
        ),
        field(
            "partition_by",
            Ty::Opt(&Ty::Str),
            "`NONE`, `HOUR`, `DAY`, `WEEK`, `MONTH`, `YEAR`",
        ),
        field(
            "wal",
            Ty::Opt(&Ty::Bool),
            "whether it has a write-ahead log",
        ),
        field("dedup", Ty::Opt(&Ty::Bool), "whether it removes duplicates"),
        field("ttl", Ty::Opt(&Ty::Str), "time to live: `7 DAY`"),
        field(
            "suspended",
            Ty::Opt(&Ty::Bool),
            "whether its log is suspended",
        ),
        field(
            "rows",
            Ty::Opt(&Ty::Int),
            "rows, approximately; unknown until first written to",
        ),
        field("oldest", Ty::Opt(&Ty::Time), "the oldest row's time"),
        field("newest", Ty::Opt(&Ty::Time), "the newest row's time"),
    ],
};

pub(super) static PARTITION: Shape = Shape {
    name: "QuestDbPartition",
    doc: "A partition of a table. A field is `()` where this version of QuestDB does not say.",
    fields: &[
        field(
            "name",
            Ty::Str,
            "`2024-01-02`; a split piece has a longer one",
        ),
        field("oldest", Ty::Opt(&Ty::Time), "its oldest row's time"),
        field("newest", Ty::Opt(&Ty::Time), "its newest row's time"),
        field("rows", Ty::Opt(&Ty::Int), "its rows"),
        field("disk_bytes", Ty::Opt(&Ty::Int), "its size on disk"),
        field(
            "active",
            Ty::Opt(&Ty::Bool),
            "whether it is the one being written",
        ),
        field(
            "read_only",
            Ty::Opt(&Ty::Bool),
            "whether it takes no more writes",
        ),
        field(
            "attached",
            Ty::Opt(&Ty::Bool),
            "whether it is part of the table",
        ),
        field(
            "detached",
            Ty::Opt(&Ty::Bool),
            "whether it was taken out of the table",
        ),
        field(
            "parquet",
            Ty::Opt(&Ty::Bool),
            "whether it is stored as Parquet",
        ),
    ],
};

pub(super) static WAL: Shape = Shape {
    name: "QuestDbWal",
    doc: "The write-ahead log of a table.",
    fields: &[
        field("table", Ty::Str, "the table"),
        field(
            "suspended",
            Ty::Opt(&Ty::Bool),
            "whether applying has stopped: writes are still accepted and pile up unseen",
        ),
        field(
            "writer_txn",
            Ty::Opt(&Ty::Int),
            "the last transaction applied",
        ),
        field(
            "sequencer_txn",
            Ty::Opt(&Ty::Int),
            "the last transaction accepted",
        ),
        field(
            "pending",
            Ty::Opt(&Ty::Int),
            "transactions accepted and not yet applied",
        ),
        field(
            "error_tag",
            Ty::Opt(&Ty::Str),
            "why it was suspended, in a word (9.x)",
        ),
        field(
            "error_message",
            Ty::Opt(&Ty::Str),
            "why it was suspended (9.x)",
        ),
    ],
};

pub(super) static NEWEST: Shape = Shape {
    name: "QuestDbNewest",
    doc: "The newest row of a table.",
    fields: &[
        field("table", Ty::Str, "the table"),
        field("column", Ty::Str, "the column that tells its time"),
        field(
            "newest",
            Ty::Opt(&Ty::Time),
            "the newest row's time; `()` for a table without rows",
        ),
    ],
};

pub(super) static INTEGRITY: Shape = Shape {
    name: "QuestDbIntegrity",
    doc: "Rows of a table that can be read, against those that its partitions should have.",
    fields: &[
        field("table", Ty::Str, "the table"),
        field("rows", Ty::Int, "rows that a count finds"),
        field(
            "partition_rows",
            Ty::Int,
            "rows that the attached partitions have by the server's own list",
        ),
        field(
            "missing_rows",
            Ty::Int,
            "rows that the list has, and that the count does not find or that have nothing on the disk: a partition's files are gone",
        ),
        field("partitions", Ty::Int, "attached partitions"),
        field("disk_bytes", Ty::Int, "what they take on the disk"),
    ],
};
