//! What `retention::` gives.

use crate::api::{Shape, Ty, field};

pub(super) static JUDGED: Shape = Shape {
    name: "RetentionPartition",
    doc: "A partition under rules, split pieces taken together.",
    fields: &[
        field("name", Ty::Str, "that of the whole: `2024-01-02`"),
        field("from", Ty::Time, "where it begins"),
        field("to", Ty::Time, "where the next one begins"),
        field("rows", Ty::Int, "its rows, as a scan finds them"),
        field(
            "listed_rows",
            Ty::Int,
            "its rows by the server's own list: more when files of it are gone",
        ),
        field("delete_rows", Ty::Int, "those that the rules mean"),
        field(
            "by_rule",
            Ty::List(&Ty::Int),
            "the same by rule, in the order of the plan's `rules`",
        ),
        field(
            "verdict",
            Ty::OneOf(&["keep", "drop", "rewrite"]),
            "no row is meant, all are, or some; the one being written is never dropped",
        ),
        field("active", Ty::Bool, "whether it is the one being written"),
        field("disk_bytes", Ty::Int, "what it takes on the disk"),
    ],
};

pub(super) static PLAN: Shape = Shape {
    name: "RetentionPlan",
    doc: "What rules would remove of a table.",
    fields: &[
        field("table", Ty::Str, "the table"),
        field("timestamp", Ty::Opt(&Ty::Str), "its designated timestamp"),
        field(
            "partition_by",
            Ty::Opt(&Ty::Str),
            "`HOUR`, `DAY`, `WEEK`, `MONTH`, `YEAR`, `NONE`",
        ),
        field(
            "wal",
            Ty::Opt(&Ty::Bool),
            "whether it has a write-ahead log",
        ),
        field("dedup", Ty::Bool, "whether it removes duplicates"),
        field("total", Ty::Int, "all its rows"),
        field("delete_rows", Ty::Int, "rows that the rules mean"),
        field(
            "rules",
            Ty::List(&Ty::Str),
            "the rules that have all their columns, in order",
        ),
        field(
            "absent",
            Ty::List(&Ty::Str),
            "rules of which a column is missing: they mean nothing here",
        ),
        field(
            "views",
            Ty::List(&Ty::Str),
            "views that end for good when a partition is dropped",
        ),
        field(
            "refused",
            Ty::Opt(&Ty::Str),
            "why nothing can be removed at all",
        ),
        field(
            "no_rewrite",
            Ty::Opt(&Ty::Str),
            "why only whole partitions can be removed",
        ),
        field(
            "no_export",
            Ty::Opt(&Ty::Str),
            "why no row could be brought back: with `undo` nothing is removed then",
        ),
        field(
            "partitions",
            Ty::List(&Ty::Record(&JUDGED)),
            "those that begin before the newest `before`, oldest first",
        ),
    ],
};

pub(super) static ENDED: Shape = Shape {
    name: "RetentionEnded",
    doc: "How it ended with a partition.",
    fields: &[
        field("name", Ty::Str, "the partition"),
        field(
            "outcome",
            Ty::OneOf(&[
                "dropped",
                "rewritten",
                "none",
                "active",
                "busy",
                "changed",
                "damaged",
                "refused",
            ]),
            "`none`: no row is meant any more, or an earlier run was cut off before it touched it; from `active` on it was left as it is, and `note` says why",
        ),
        field("rows", Ty::Int, "rows before"),
        field("deleted", Ty::Int, "rows that were removed"),
        field("by_rule", Ty::List(&Ty::Int), "the same by rule"),
        field(
            "exported",
            Ty::Opt(&Ty::Str),
            "the file that holds all its rows as they were",
        ),
        field(
            "foreign",
            Ty::Int,
            "transactions of others that came while it was dropped: rows that they brought into this partition may be lost",
        ),
        field("note", Ty::Opt(&Ty::Str), "what else is to be known"),
        field("ms", Ty::Int, "how long it took, in milliseconds"),
    ],
};

pub(super) static CARRIED: Shape = Shape {
    name: "RetentionCarried",
    doc: "What a run that was cut off had begun, and what became of it.",
    fields: &[
        field("run", Ty::Str, "that run"),
        field(
            "partitions",
            Ty::List(&Ty::Record(&ENDED)),
            "its unfinished partitions, ended now",
        ),
    ],
};

pub(super) static REMOVED: Shape = Shape {
    name: "RetentionRemoved",
    doc: "What was removed from a table.",
    fields: &[
        field("run", Ty::Str, "the run's name, for `retention::undo`"),
        field("table", Ty::Str, "the table"),
        field("deleted", Ty::Int, "rows that are gone"),
        field("by_rule", Ty::List(&Ty::Int), "the same by rule"),
        field(
            "freed_bytes",
            Ty::Int,
            "what the partitions take less on the disk",
        ),
        field(
            "partitions",
            Ty::List(&Ty::Record(&ENDED)),
            "those that were looked at",
        ),
        field(
            "left",
            Ty::List(&Ty::Str),
            "those that were not begun: the time was up, or something before them failed",
        ),
        field("failed", Ty::Opt(&Ty::Str), "what ended it early"),
        field(
            "carried",
            Ty::Opt(&Ty::Record(&CARRIED)),
            "what an earlier run had left undone",
        ),
    ],
};

pub(super) static UNDONE: Shape = Shape {
    name: "RetentionUndone",
    doc: "What came back into a table.",
    fields: &[
        field("run", Ty::Str, "the run that had removed it"),
        field("table", Ty::Str, "the table"),
        field("rows", Ty::Int, "rows that are back"),
        field(
            "partitions",
            Ty::List(&Ty::Str),
            "partitions of which rows are back",
        ),
        field(
            "there",
            Ty::List(&Ty::Str),
            "partitions whose rows had come back before",
        ),
    ],
};

pub(super) static EXPIRED: Shape = Shape {
    name: "RetentionExpired",
    doc: "Exports that were removed.",
    fields: &[field("runs", Ty::List(&Ty::Str), "their runs")],
};

pub(super) static ROWS_PLAN: Shape = Shape {
    name: "RetentionRowsPlan",
    doc: "What rules would delete of a table of Postgres.",
    fields: &[
        field("table", Ty::Str, "the table"),
        field("total", Ty::Int, "all its rows"),
        field("delete_rows", Ty::Int, "rows that the rules mean"),
        field(
            "rules",
            Ty::List(&Ty::Str),
            "the rules that have all their columns, in order",
        ),
        field(
            "absent",
            Ty::List(&Ty::Str),
            "rules of which a column is missing: they mean nothing here",
        ),
        field(
            "by_rule",
            Ty::List(&Ty::Int),
            "rows by rule; a row counts for the first that means it",
        ),
        field(
            "disk_bytes",
            Ty::Int,
            "what the table takes on the disk, indexes included",
        ),
    ],
};

pub(super) static ROWS_REMOVED: Shape = Shape {
    name: "RetentionRowsRemoved",
    doc: "What was deleted from a table of Postgres.",
    fields: &[
        field("run", Ty::Str, "the run's name, for `retention::undo_rows`"),
        field("table", Ty::Str, "the table"),
        field("deleted", Ty::Int, "rows, as the server counted them"),
        field("batches", Ty::Int, "batches that were committed"),
        field(
            "left",
            Ty::Bool,
            "whether the time was up before all of it was done",
        ),
        field("exported", Ty::Opt(&Ty::Str), "the file with the rows"),
    ],
};

pub(super) static ROWS_UNDONE: Shape = Shape {
    name: "RetentionRowsUndone",
    doc: "What came back into a table of Postgres.",
    fields: &[
        field("run", Ty::Str, "the run that had deleted it"),
        field("table", Ty::Str, "the table"),
        field("rows", Ty::Int, "rows that are back"),
    ],
};
