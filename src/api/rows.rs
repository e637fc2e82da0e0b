//! The records that every database namespace answers with.

use super::{Shape, Ty, field};
use crate::gate::Blast;

/// A column of an answer.
pub(super) static COLUMN: Shape = Shape {
    name: "Column",
    doc: "A column of a database's answer.",
    fields: &[
        field("name", Ty::Str, "the name as the server gave it"),
        field(
            "type",
            Ty::Str,
            "the type in the server's words: `TIMESTAMP`, `int8`",
        ),
    ],
};

/// An answer.
pub(super) static ROWS: Shape = Shape {
    name: "Rows",
    doc: "The complete answer to one statement.",
    fields: &[
        field(
            "columns",
            Ty::List(&Ty::Record(&COLUMN)),
            "the columns, in the answer's order",
        ),
        field(
            "rows",
            Ty::List(&Ty::Map),
            "the rows, each a map by column name; NULL is `()`, times are RFC 3339 text",
        ),
        field("count", Ty::Int, "how many rows"),
        field(
            "ms",
            Ty::Float,
            "from sending the statement to having the whole answer, in milliseconds",
        ),
    ],
};

/// A single value, as scripts see it.
pub(super) fn cell(cell: &crate::rows::Cell) -> rhai::Dynamic {
    use crate::rows::Cell;
    match cell {
        Cell::Null => rhai::Dynamic::UNIT,
        Cell::Bool(value) => (*value).into(),
        Cell::Int(value) => (*value).into(),
        Cell::Float(value) => (*value).into(),
        Cell::Text(value) => value.clone().into(),
        Cell::List(items) => items.iter().map(self::cell).collect::<rhai::Array>().into(),
    }
}

/// A map of plain values, as scripts see it.
pub(super) fn map(map: &serde_json::Map<String, serde_json::Value>) -> rhai::Dynamic {
    rhai::serde::to_dynamic(map).unwrap_or_else(|_| rhai::Map::new().into())
}

/// What a change would hit: `looked` are its facts. Rows come and go on a live table, so `identity` is
/// what must not change until a plan is applied: the table itself.
pub(super) fn blast(summary: String, identity: String, looked: &impl serde::Serialize) -> Blast {
    let facts = match serde_json::to_value(looked) {
        Ok(serde_json::Value::Object(facts)) => facts,
        _ => serde_json::Map::new(),
    };
    Blast {
        summary,
        facts,
        identity,
        ..Blast::default()
    }
}
