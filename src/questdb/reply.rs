//! What a body from `/exec` says.
//!
//! A reply is complete when its terminator was seen (the transport's part), it parses, it has no
//! `error` anywhere, and it has as many rows as it counts. Status 200 alone says nothing: an error after
//! the first row comes behind the rows, and the last row may be short.

use serde::Deserialize;
use serde_json::Value;

use super::transport::Body;
use super::{Error, Server};
use crate::rows::{Cell, Column};

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    columns: Option<Vec<RawColumn>>,
    #[serde(default)]
    dataset: Option<Vec<Vec<Cell>>>,
    #[serde(default)]
    count: Option<i64>,
    #[serde(default)]
    error: Option<String>,
    /// A number, and for an empty query the text "0".
    #[serde(default)]
    position: Value,
    #[serde(default)]
    ddl: Option<String>,
    #[serde(default)]
    dml: Option<String>,
    #[serde(default)]
    updated: Option<i64>,
}

#[derive(Deserialize)]
struct RawColumn {
    name: String,
    #[serde(rename = "type")]
    ty: String,
}

/// A complete reply without error.
pub(super) enum Reply {
    /// Of a SELECT or SHOW.
    Rows(Vec<Column>, Vec<Vec<Cell>>),
    /// Of anything else: what kind QuestDB calls it, and its `updated`.
    Done(&'static str, Option<i64>),
}

/// Reads a body.
pub(super) fn read(server: &Server, body: &Body) -> Result<Reply, Error> {
    let status = body.status;
    let garbled = |why: String| Error::Garbled {
        server: server.name(),
        status,
        why,
    };
    let raw: Raw = match serde_json::from_slice(&body.bytes) {
        Ok(raw) => raw,
        Err(error) => {
            let text = String::from_utf8_lossy(&body.bytes);
            let text = text.trim();
            return Err(match status {
                401 | 403 => Error::Refused {
                    server: server.name(),
                    status,
                    message: first_line(text),
                },
                // A cut that the transport cannot see: the stream ended in order, and too early.
                200 if error.is_eof() => Error::Cut {
                    server: server.name(),
                    bytes: body.bytes.len(),
                    status: Some(status),
                },
                _ if text.is_empty() => garbled("an empty reply".into()),
                _ => garbled(format!("no JSON that it would send ({error})")),
            });
        }
    };
    if let Some(message) = raw.error {
        let rows = raw.dataset.as_ref().map_or(0, Vec::len);
        return Err(if status == 200 && raw.dataset.is_some() {
            Error::Late { message, rows }
        } else {
            refusal(server, status, message, &raw.position)
        });
    }
    if let (Some(columns), Some(dataset)) = (raw.columns, raw.dataset) {
        let columns: Vec<_> = columns
            .into_iter()
            .map(|c| Column {
                name: c.name,
                ty: c.ty,
            })
            .collect();
        let rows = dataset.len();
        if raw.count.and_then(|count| usize::try_from(count).ok()) != Some(rows) {
            return Err(garbled(format!(
                "{rows} rows came and {} were announced",
                raw.count.unwrap_or_default()
            )));
        }
        if let Some(row) = dataset.iter().find(|row| row.len() != columns.len()) {
            return Err(garbled(format!(
                "a row has {} values for {} columns",
                row.len(),
                columns.len()
            )));
        }
        let cells = dataset
            .into_iter()
            .map(|row| {
                let cells = row.into_iter().zip(&columns);
                cells
                    .map(|(cell, column)| typed(cell, &column.ty))
                    .collect()
            })
            .collect();
        return Ok(Reply::Rows(columns, cells));
    }
    match (status, raw.ddl, raw.dml) {
        (200, Some(_), _) => Ok(Reply::Done("ddl", raw.updated)),
        (200, _, Some(_)) => Ok(Reply::Done("dml", raw.updated)),
        _ => Err(garbled("neither rows nor a confirmation".into())),
    }
}

/// A number column has numbers of one kind, whatever a value looks like.
fn typed(cell: Cell, ty: &str) -> Cell {
    match (ty, cell) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the column is a DOUBLE or FLOAT, so no digits are lost that it has"
        )]
        ("DOUBLE" | "FLOAT", Cell::Int(number)) => Cell::Float(number as f64),
        // What a BINARY holds does not come over HTTP: it prints as `[]` [documented].
        ("BINARY", Cell::List(_)) => Cell::Null,
        (_, cell) => cell,
    }
}

/// What a reply with an error and without rows means. The status does not tell: 400 is also a time-out,
/// a lack of memory, and on 7.3.3 a missing permission. So the words are looked at, and decide no more than
/// the kind of the failure.
fn refusal(server: &Server, status: u16, message: String, position: &Value) -> Error {
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if matches!(status, 401 | 403) || has(&["permission denied", "access denied", "not permitted"])
    {
        return Error::Refused {
            server: server.name(),
            status,
            message,
        };
    }
    if has(&["timeout, query aborted"]) {
        return Error::ServerTimeout { message };
    }
    if status >= 500 || has(&["memory limit", "out of memory", "cancelled by user"]) {
        let message = match message.trim() {
            "" => "without a word of explanation".into(),
            _ => message,
        };
        return Error::Failed { message, status };
    }
    if has(&["could not mmap"]) {
        let message = format!(
            "{message}: its machine lets it map no more files; QuestDB asks for `vm.max_map_count` of 1048576"
        );
        return Error::Failed { message, status };
    }
    if has(&["table does not exist", "table is dropped"]) {
        return Error::NotFound { message, status };
    }
    let position = match position {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    Error::Invalid {
        message,
        position,
        status,
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(200).collect::<String>().to_lowercase()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Result<Reply, Error> {
        let server = Server::new("http://q:9000", None, None).unwrap();
        let bytes = body.as_bytes().to_vec();
        read(&server, &Body { status, bytes })
    }

    fn rows(body: &str) -> Vec<Vec<Cell>> {
        match reply(200, body) {
            Ok(Reply::Rows(_, cells)) => cells,
            Ok(Reply::Done(..)) => unreachable!("{body}"),
            Err(error) => unreachable!("{body}: {error}"),
        }
    }

    #[test]
    fn complete_replies() {
        assert_eq!(
            rows(
                r#"{"query":"q","columns":[{"name":"a","type":"DOUBLE"},{"name":"b","type":"LONG"},{"name":"c","type":"DOUBLE[]","dim":1,"elemType":"DOUBLE"}],"timestamp":-1,"dataset":[[1,9223372036854775807,[1.0,null]],[null,null,null]],"count":2}"#
            ),
            [
                vec![
                    Cell::Float(1.0),
                    Cell::Int(i64::MAX),
                    Cell::List(vec![Cell::Float(1.0), Cell::Null])
                ],
                vec![Cell::Null, Cell::Null, Cell::Null],
            ]
        );
        assert!(
            rows(r#"{"columns":[{"name":"a","type":"INT"}],"dataset":[],"count":0}"#).is_empty()
        );
        assert!(matches!(
            reply(200, r#"{"ddl":"OK"}"#),
            Ok(Reply::Done("ddl", None))
        ));
        assert!(matches!(
            reply(200, r#"{"dml":"OK","updated":7}"#),
            Ok(Reply::Done("dml", Some(7)))
        ));
    }

    #[test]
    fn incomplete_and_failed_replies() {
        let kind = |status, body: &str| match reply(status, body) {
            Ok(_) => "ok",
            Err(Error::Late { rows, .. }) => match rows {
                2 => "late 2",
                _ => "late 1",
            },
            Err(Error::Cut { .. }) => "cut",
            Err(Error::Garbled { .. }) => "garbled",
            Err(Error::Refused { .. }) => "refused",
            Err(Error::Failed { .. }) => "failed",
            Err(Error::NotFound { .. }) => "not found",
            Err(Error::ServerTimeout { .. }) => "timeout",
            Err(Error::Invalid {
                position: Some(0), ..
            }) => "invalid at 0",
            Err(Error::Invalid { .. }) => "invalid",
            Err(_) => "other",
        };
        let columns = r#""columns":[{"name":"a","type":"LONG"},{"name":"b","type":"STRING"}]"#;
        let table: &[(u16, String, &str)] = &[
            (
                200,
                format!(
                    r#"{{{columns},"dataset":[[1,"a"],[2]],"count":2,"error":"breached memory limit","errorPos":0}}"#
                ),
                "late 2",
            ),
            (
                200,
                format!(
                    r#"{{{columns},"dataset":[[]],"count":1,"error":"table is suspended [tableName=w]"}}"#
                ),
                "late 1",
            ),
            (
                200,
                format!(r#"{{{columns},"dataset":[[1,"a"],[2,"b"]],"count":3}}"#),
                "garbled",
            ),
            (
                200,
                format!(r#"{{{columns},"dataset":[[1,"a"],[2,"b"]]}}"#),
                "garbled",
            ),
            (
                200,
                format!(r#"{{{columns},"dataset":[[1]],"count":1}}"#),
                "garbled",
            ),
            (200, format!(r#"{{{columns},"dataset":[[1,"a"],[2"#), "cut"),
            (200, String::new(), "cut"),
            (200, "{}".into(), "garbled"),
            (200, "<html>hello</html>".into(), "garbled"),
            (404, "not found".into(), "garbled"),
            (405, String::new(), "garbled"),
            (401, "Unauthorized\r\n".into(), "refused"),
            (
                403,
                r#"{"error":"Write permission denied","position":0}"#.into(),
                "refused",
            ),
            (
                400,
                r#"{"error":"Could not create table, Write permission denied","position":0}"#
                    .into(),
                "refused",
            ),
            (
                400,
                r#"{"error":"table does not exist [table=x]","position":14}"#.into(),
                "not found",
            ),
            (
                400,
                r#"{"error":"Invalid column: nosuch","position":7}"#.into(),
                "invalid",
            ),
            (
                200,
                r#"{"error":"empty query","query":"","position":"0"}"#.into(),
                "invalid at 0",
            ),
            (
                400,
                r#"{"error":"timeout, query aborted [fd=3]","position":0}"#.into(),
                "timeout",
            ),
            (
                400,
                r#"{"error":"cancelled by user","position":0}"#.into(),
                "failed",
            ),
            (500, r#"{"error":"","position":0}"#.into(), "failed"),
        ];
        for (status, body, want) in table {
            assert_eq!(kind(*status, body), *want, "{status} {body}");
        }
    }
}
