//! The records of `logs::`.

use crate::api::{Shape, Ty, field};

const TEXT: Ty = Ty::Opt(&Ty::Str);

pub(super) static RECORD: Shape = Shape {
    name: "LogRecord",
    doc: "A line of a log with the lines of its trace, or a note between lines.",
    fields: &[
        field(
            "time",
            Ty::Opt(&Ty::Time),
            "the engine's time of a container's line, else what the line says; `()` when it says none",
        ),
        field("source", Ty::Str, "the service, the container or the file"),
        field("container", TEXT, "the container; `()` of a file"),
        field("stream", Ty::OneOf(&["stdout", "stderr"]), "which stream"),
        field(
            "level",
            TEXT,
            "`trace`, `debug`, `info`, `warn`, `error` or `critical`; `()` when it cannot be told",
        ),
        field(
            "level_from",
            TEXT,
            "`field`, `prefix`, or `word`, which is a guess",
        ),
        field(
            "message",
            Ty::Str,
            "the message of JSON or logfmt, else the whole text",
        ),
        field("text", Ty::Str, "all of it, as it was written"),
        field("fields", Ty::Opt(&Ty::Map), "the fields of JSON or logfmt"),
        field("lines", Ty::Int, "how many lines it has"),
        field(
            "late_ms",
            Ty::Opt(&Ty::Int),
            "by how much it came after a younger one, in milliseconds",
        ),
        field(
            "note",
            TEXT,
            "of a note what sort it is: `started`, `ended`, `health`, `dropped`, `folded`, `gap`, ...",
        ),
    ],
};

pub(super) static COUNTS: Shape = Shape {
    name: "LogCounts",
    doc: "The lines of one source, and what became of them: `lines` is `shown + filtered + dropped + folded`.",
    fields: &[
        field("source", Ty::Str, "the service, the container or the file"),
        field("lines", Ty::Int, "read"),
        field(
            "shown",
            Ty::Int,
            "shown, those beside a wanted one included",
        ),
        field("filtered", Ty::Int, "not wanted"),
        field(
            "dropped",
            Ty::Int,
            "left out over the rate, or because the reader of the output was too slow",
        ),
        field("folded", Ty::Int, "repeats that were only counted"),
        field(
            "errors",
            Ty::Int,
            "records that are errors, allowed ones not counted",
        ),
        field(
            "guessed",
            Ty::Int,
            "of these, those whose level was guessed from a word",
        ),
        field("allowed", Ty::Int, "errors that were allowed"),
        field("late", Ty::Int, "records that came after younger ones"),
    ],
};

pub(super) static SEEN: Shape = Shape {
    name: "LogError",
    doc: "An error that was seen.",
    fields: &[
        field("time", Ty::Opt(&Ty::Time), "when"),
        field("source", Ty::Str, "where"),
        field("level", Ty::Str, "`error` or `critical`"),
        field(
            "guessed",
            Ty::Bool,
            "whether the level was guessed from a word",
        ),
        field("text", Ty::Str, "the first line of what it says"),
    ],
};

pub(super) static SUMMARY: Shape = Shape {
    name: "LogSummary",
    doc: "What a reading of logs came to.",
    fields: &[
        field(
            "ended",
            Ty::OneOf(&["done", "match", "errors", "time", "interrupted", "closed"]),
            "why it ended: all was read, what was waited for came, too many errors, its time was over, Ctrl-C, or nobody reads the output any more",
        ),
        field("lines", Ty::Int, "read"),
        field("shown", Ty::Int, "shown"),
        field("filtered", Ty::Int, "not wanted"),
        field("dropped", Ty::Int, "left out"),
        field("folded", Ty::Int, "only counted"),
        field(
            "errors",
            Ty::Int,
            "records that are errors, allowed ones not counted; what `level` hides counts too",
        ),
        field("awaited", Ty::Bool, "whether what was waited for came"),
        field("sources", Ty::List(&Ty::Record(&COUNTS)), "by source"),
        field(
            "seen",
            Ty::List(&Ty::Record(&SEEN)),
            "the first hundred errors",
        ),
        field(
            "templates",
            Ty::List(&Ty::Map),
            "with `templates`: the most frequent ones, each `#{ template, lines }`",
        ),
    ],
};
