//! The records of `backfill::`.

use crate::api::{Shape, Ty, field};

pub(super) static CHUNK: Shape = Shape {
    name: "BackfillChunk",
    doc: "What is asked for at once.",
    fields: &[
        field("id", Ty::Str, "`equities/AAPL/2024-01-02..2024-12-31`"),
        field("asset", Ty::Str, "the asset"),
        field("symbol", Ty::Str, "the symbol"),
        field("from", Ty::Str, "the first due day"),
        field("to", Ty::Str, "the last one"),
        field("days", Ty::Int, "calendar days"),
        field("sessions", Ty::Int, "missing sessions"),
        field("least_rows", Ty::Int, "the fewest rows that are expected"),
        field("most_rows", Ty::Int, "the most"),
    ],
};

pub(super) static WARNING: Shape = Shape {
    name: "BackfillWarning",
    doc: "Something to look at before a plan is carried out.",
    fields: &[
        field("kind", Ty::Str, "`gap_exceeds_threshold`, `table_absent`"),
        field("asset", Ty::Str, "the asset"),
        field(
            "symbol",
            Ty::Opt(&Ty::Str),
            "the symbol, where it is about one",
        ),
        field("message", Ty::Str, "for a person"),
    ],
};

pub(super) static ESTIMATE: Shape = Shape {
    name: "BackfillEstimate",
    doc: "What a plan takes.",
    fields: &[
        field("symbols", Ty::Int, "symbols with something to ask for"),
        field("sessions", Ty::Int, "missing sessions that are asked for"),
        field(
            "requests",
            Ty::Int,
            "one for each chunk, when none has to be repeated",
        ),
        field("least_rows", Ty::Int, "the fewest rows"),
        field("most_rows", Ty::Int, "the most rows"),
        field(
            "seconds",
            Ty::Float,
            "with the concurrency and the rates that were given",
        ),
    ],
};

pub(super) static PLAN: Shape = Shape {
    name: "BackfillPlan",
    doc: "The unit of work: which chunks, and no others. Its form has a version.",
    fields: &[
        field("schema", Ty::Str, "`tradeops.backfill-plan/1`"),
        field(
            "workflow",
            Ty::Str,
            "the workflow that carries it out: `backfill`",
        ),
        field(
            "id",
            Ty::Str,
            "from what is to be done: the same plan has the same id",
        ),
        field("created_at", Ty::Time, "when it was made"),
        field("store", Ty::Str, "the QuestDB that it is for: `host:port`"),
        field("policy", Ty::Map, "how it was made"),
        field(
            "assets",
            Ty::List(&Ty::Map),
            "by asset and symbol: rows, density, what is missing and asked for, what is left alone and why",
        ),
        field(
            "chunks",
            Ty::List(&Ty::Record(&CHUNK)),
            "in the order in which they are begun",
        ),
        field(
            "warnings",
            Ty::List(&Ty::Record(&WARNING)),
            "what somebody should look at",
        ),
        field("estimate", Ty::Record(&ESTIMATE), "what it takes"),
    ],
};

pub(super) static OUTCOME: Shape = Shape {
    name: "BackfillOutcome",
    doc: "How a chunk ended.",
    fields: &[
        field("chunk", Ty::Str, "the chunk"),
        field("asset", Ty::Str, "its asset"),
        field("symbol", Ty::Str, "its symbol"),
        field("from", Ty::Str, "its first day"),
        field("to", Ty::Str, "its last day"),
        field(
            "result",
            Ty::OneOf(&["verified", "already", "empty", "disabled", "failed"]),
            "`verified`: the store has what there is; `already`: it had it before; `empty`: the provider has nothing; `disabled`: the service says that this is switched off",
        ),
        field("days", Ty::Int, "due days of it that the store has"),
        field("missing", Ty::Int, "due days of it that are not there"),
        field("rows", Ty::Int, "rows that came into the store for it"),
        field("requests", Ty::Int, "requests that were made for it"),
        field(
            "empty",
            Ty::List(&Ty::Str),
            "days for which the provider has nothing: `2015-03-02` or `2015-03-02..2015-03-06`",
        ),
        field(
            "note",
            Ty::Opt(&Ty::Str),
            "why it failed, or what is to be known of it",
        ),
    ],
};

pub(super) static DONE: Shape = Shape {
    name: "BackfillDone",
    doc: "What came of a plan.",
    fields: &[
        field("plan", Ty::Str, "its id"),
        field("chunks", Ty::Int, "its chunks"),
        field("verified", Ty::Int, "those that the store has now"),
        field(
            "already",
            Ty::Int,
            "those that it had before they were asked for",
        ),
        field("empty", Ty::Int, "those that the provider has nothing of"),
        field("failed", Ty::Int, "those that were asked for in vain"),
        field(
            "disabled",
            Ty::Int,
            "those that the service says are switched off",
        ),
        field("elsewhere", Ty::Int, "those that other workers ended"),
        field("left", Ty::Int, "those that were not begun"),
        field("rows", Ty::Int, "rows that came into the store"),
        field("requests", Ty::Int, "requests that were made"),
        field(
            "limited",
            Ty::Int,
            "those that were refused for being too fast",
        ),
        field("seconds", Ty::Float, "from the beginning to the end"),
        field(
            "stopped",
            Ty::Opt(&Ty::Str),
            "why not all was begun: `time`, `unreachable`",
        ),
        field(
            "outcomes",
            Ty::List(&Ty::Record(&OUTCOME)),
            "what ended otherwise than verified, and what is to be known of the others",
        ),
    ],
};
