//! What a database answered to one statement: typed columns and rows.
//!
//! Times are text (RFC 3339 where the server's type has a zone or is UTC by definition), so that an
//! answer reads the same from the wire, from a recording and in JSON.

use std::fmt;
use std::time::Duration;

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How much an answer may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most rows. One more is an error, not a silent end.
    pub rows: usize,
    /// The largest answer that is held, in bytes.
    pub bytes: usize,
    /// How long the whole call may take. For Postgres it is the server's `statement_timeout`, too. QuestDB has no limit
    /// that a request could set (its `Statement-Timeout` header has no effect [measured]): there the connection is
    /// closed, by which it stops a SELECT.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: 10_000,
            bytes: 64 << 20,
            time: Duration::from_secs(60),
        }
    }
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name as the server gave it.
    pub name: String,
    /// Its type in the server's words: `TIMESTAMP`, `int8`.
    #[serde(rename = "type")]
    pub ty: String,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text, and everything that has no better form: times, UUIDs, exact decimals.
    Text(String),
    /// An array.
    List(Vec<Cell>),
}

impl Cell {
    /// The text, if it is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Cell;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, a boolean, a number, text or an array")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Cell, E> {
                Ok(Cell::Null)
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Cell, E> {
                Ok(Cell::Bool(value))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Cell, E> {
                Ok(Cell::Int(value))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Cell, E> {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "beyond i64 there is no exact number to give"
                )]
                Ok(i64::try_from(value).map_or(Cell::Float(value as f64), Cell::Int))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Cell, E> {
                Ok(Cell::Float(value))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Cell, E> {
                Ok(Cell::Text(value.to_owned()))
            }
            fn visit_string<E: de::Error>(self, value: String) -> Result<Cell, E> {
                Ok(Cell::Text(value))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Cell::List(items))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// An answer with rows. Serialises with each row as a map by column name.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The columns, in the answer's order.
    pub columns: Vec<Column>,
    /// The values, row by row, in the columns' order.
    pub cells: Vec<Vec<Cell>>,
    /// From sending the statement to having the whole answer, in milliseconds.
    pub ms: f64,
}

impl Rows {
    /// How many rows.
    pub fn count(&self) -> usize {
        self.cells.len()
    }

    /// The value of the first of `names` that is a column, in each row. Servers of different age call
    /// the same thing differently, so it is looked up by header, never by place.
    pub fn pick<'a>(&self, row: &'a [Cell], names: &[&str]) -> Option<&'a Cell> {
        let place = names
            .iter()
            .find_map(|name| self.columns.iter().position(|c| c.name == *name))?;
        row.get(place)
    }

    /// The one value of an answer with one column and at most one row, NULL when there is no row; `Err`: it has other columns.
    pub(crate) fn into_value(mut self) -> Result<Cell, String> {
        if self.columns.len() != 1 {
            return Err(format!(
                "the answer has {} columns, and one value was asked for",
                self.columns.len()
            ));
        }
        let cell = self.cells.pop().and_then(|mut row| row.pop());
        Ok(cell.unwrap_or(Cell::Null))
    }

    /// A column name that stands twice: such rows have no form as maps.
    pub fn doubled(columns: &[Column]) -> Option<&str> {
        columns
            .iter()
            .enumerate()
            .find(|(i, column)| columns[..*i].iter().any(|c| c.name == column.name))
            .map(|(_, column)| column.name.as_str())
    }
}

struct Row<'a>(&'a [Column], &'a [Cell]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (column, cell) in self.0.iter().zip(self.1) {
            map.serialize_entry(&column.name, cell)?;
        }
        map.end()
    }
}

struct AllRows<'a>(&'a Rows);

impl Serialize for AllRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.cells.iter().map(|row| Row(&self.0.columns, row)))
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("Rows", 4)?;
        answer.serialize_field("columns", &self.columns)?;
        answer.serialize_field("rows", &AllRows(self))?;
        answer.serialize_field("count", &i64::try_from(self.count()).unwrap_or(i64::MAX))?;
        answer.serialize_field("ms", &self.ms)?;
        answer.end()
    }
}

/// A duration in milliseconds, rounded to a microsecond.
pub(crate) fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_map_by_column_name() {
        let column = |name: &str, ty: &str| Column {
            name: name.into(),
            ty: ty.into(),
        };
        let rows = Rows {
            columns: vec![column("symbol", "SYMBOL"), column("price", "DOUBLE")],
            cells: vec![
                vec![Cell::Text("AAPL".into()), Cell::Float(1.5)],
                vec![Cell::Null, Cell::List(vec![Cell::Int(1)])],
            ],
            ms: 1.0,
        };
        assert_eq!(
            serde_json::to_string(&rows).unwrap(),
            r#"{"columns":[{"name":"symbol","type":"SYMBOL"},{"name":"price","type":"DOUBLE"}],"rows":[{"symbol":"AAPL","price":1.5},{"symbol":null,"price":[1]}],"count":2,"ms":1.0}"#
        );
        assert_eq!(
            rows.pick(&rows.cells[0], &["ticker", "symbol"]),
            Some(&Cell::Text("AAPL".into()))
        );
        assert_eq!(rows.pick(&rows.cells[0], &["nosuch"]), None);
    }

    #[test]
    fn numbers_keep_their_kind() {
        let cells: Vec<Cell> = serde_json::from_str(
            "[1, -1, 9223372036854775807, 1.0, 1.0E300, 18446744073709551615]",
        )
        .unwrap();
        assert_eq!(
            cells,
            [
                Cell::Int(1),
                Cell::Int(-1),
                Cell::Int(i64::MAX),
                Cell::Float(1.0),
                Cell::Float(1.0e300),
                Cell::Float(18_446_744_073_709_551_615.0),
            ]
        );
    }
}
