//! The rows of one statement as they come, without holding them: each is the text of its JSON array.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use memchr::{memchr2, memchr3};
use reqwest::Response;
use serde::Deserialize;

use super::transport::{self, Body, Fault};
use super::{Error, Limits, Server, query, reply, statement};
use crate::run::Cx;

/// Pieces of the body that may wait for whoever takes the rows.
const AHEAD: usize = 64;

/// How long to wait for a place among them.
const FULL: Duration = Duration::from_millis(1);

/// How soon whoever takes the rows notices that it was stopped.
const NOTICE: Duration = Duration::from_millis(10);

/// What comes behind the rows.
#[derive(Deserialize)]
struct Tail {
    #[serde(default)]
    count: Option<u64>,
    #[serde(default)]
    error: Option<String>,
}

/// Gives each row of a read to `row`, as the text of a JSON array, and their number at the end. Whatever the rows did: it is
/// `Ok` only when the reply was complete. `limits.time` is for the whole; memory is that of one row and a few pieces of the body.
pub fn stream(
    cx: &Cx,
    server: &Server,
    sql: &str,
    limits: Limits,
    mut row: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<u64, Error> {
    let text = statement::read_only(sql).map_err(Error::Statement)?;
    let mut address = server.exec(&text, None);
    address.query_pairs_mut().append_pair("nm", "true");
    query::short_enough(&address)?;
    let began = Instant::now();
    let late = || Error::Timeout {
        server: server.name(),
        limit: limits.time,
    };
    let (send, pieces) = mpsc::sync_channel::<Result<Vec<u8>, Fault>>(AHEAD);
    let asked = server.clone();
    let head = cx.wait(async move {
        let head = tokio::time::timeout(limits.time, transport::start(&asked, address)).await;
        let Ok(Ok(response)) = head else {
            return head.map(|head| head.map(|response| response.status().as_u16()));
        };
        let status = response.status().as_u16();
        // Ends with the body, or when nobody takes its pieces any more: that closes the connection.
        tokio::spawn(hand_on(response, send));
        Ok(Ok(status))
    })?;
    let status = match head {
        Err(_) => return Err(late()),
        Ok(Err(fault)) => return Err(fault.error(server.name(), limits)),
        Ok(Ok(status)) => status,
    };
    let mut rows = Rows::default();
    loop {
        match pieces.recv_timeout(NOTICE) {
            Ok(Ok(piece)) => rows.take(&piece, &mut row)?,
            Ok(Err(fault)) => return Err(fault.error(server.name(), limits)),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        cx.check()?;
        if began.elapsed() > limits.time {
            return Err(late());
        }
    }
    rows.end(server, status)
}

/// Hands the pieces of a body on as fast as they are taken.
async fn hand_on(mut response: Response, send: SyncSender<Result<Vec<u8>, Fault>>) {
    let (status, mut bytes) = (response.status().as_u16(), 0);
    loop {
        let mut piece = match response.chunk().await {
            Ok(Some(piece)) => Ok(piece.to_vec()),
            Ok(None) => return,
            Err(_) => Err(Fault::Cut { status, bytes }),
        };
        bytes += piece.as_ref().map_or(0, Vec::len);
        let last = piece.is_err();
        // A thread waits at the other end, and must not make one of the two that all connections share wait.
        loop {
            match send.try_send(piece) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => piece = back,
            }
            tokio::time::sleep(FULL).await;
        }
        if last {
            return;
        }
    }
}

/// Where the text is.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first row, or in a reply that has none.
    #[default]
    Head,
    /// Between rows.
    Between,
    /// In a row: how many arrays deep, whether in a text, whether behind a backslash.
    Row {
        depth: usize,
        text: bool,
        escaped: bool,
    },
    /// Behind the rows.
    Tail,
}

const HEAD: &[u8] = b"{\"dataset\":[";

#[derive(Default)]
struct Rows {
    at: At,
    /// What is not whole yet: the head, a row, the tail.
    held: Vec<u8>,
    count: u64,
}

impl Rows {
    fn take(
        &mut self,
        mut piece: &[u8],
        row: &mut impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while !piece.is_empty() {
            match self.at {
                At::Head | At::Tail => {
                    self.held.extend_from_slice(piece);
                    if self.at == At::Tail || !self.held.starts_with(HEAD) {
                        return Ok(());
                    }
                    let rest = self.held.split_off(HEAD.len());
                    self.held.clear();
                    self.at = At::Between;
                    return self.take(&rest, row);
                }
                At::Between => {
                    let (first, rest) = (piece[0], &piece[1..]);
                    match first {
                        b'[' => {
                            self.at = At::Row {
                                depth: 1,
                                text: false,
                                escaped: false,
                            };
                            self.held.push(b'[');
                        }
                        b']' => self.at = At::Tail,
                        _ => {}
                    }
                    piece = rest;
                }
                At::Row {
                    mut depth,
                    mut text,
                    mut escaped,
                } => {
                    let (mut at, mut end) = (0, None);
                    while end.is_none() && at < piece.len() {
                        let rest = &piece[at..];
                        let next = match (escaped, text) {
                            (true, _) => Some(0),
                            (_, true) => memchr2(b'"', b'\\', rest),
                            _ => memchr3(b'"', b'[', b']', rest),
                        };
                        let Some(next) = next else { break };
                        match rest[next] {
                            _ if escaped => escaped = false,
                            b'\\' => escaped = true,
                            b'"' => text = !text,
                            b'[' => depth += 1,
                            _ => depth -= 1,
                        }
                        at += next + 1;
                        end = (depth == 0).then_some(at);
                    }
                    let Some(end) = end else {
                        self.at = At::Row {
                            depth,
                            text,
                            escaped,
                        };
                        self.held.extend_from_slice(piece);
                        return Ok(());
                    };
                    self.held.extend_from_slice(&piece[..end]);
                    row(&self.held)?;
                    self.held.clear();
                    self.count += 1;
                    self.at = At::Between;
                    piece = &piece[end..];
                }
            }
        }
        Ok(())
    }

    /// Whether that was all.
    fn end(self, server: &Server, status: u16) -> Result<u64, Error> {
        let cut = |bytes| Error::Cut {
            server: server.name(),
            bytes,
            status: Some(status),
        };
        match self.at {
            At::Head => {
                let bytes = self.held;
                reply::read(server, &Body { status, bytes })?;
                Err(Error::Garbled {
                    server: server.name(),
                    status,
                    why: "rows were expected".into(),
                })
            }
            At::Between | At::Row { .. } => Err(cut(self.held.len())),
            At::Tail => {
                let text = [b"{", self.held.strip_prefix(b",").unwrap_or(&self.held)].concat();
                let tail: Tail = serde_json::from_slice(&text).map_err(|_| cut(text.len()))?;
                let rows = usize::try_from(self.count).unwrap_or(usize::MAX);
                match tail {
                    Tail {
                        error: Some(message),
                        ..
                    } => Err(Error::Late { message, rows }),
                    Tail { count, .. } if count != Some(self.count) => Err(Error::Garbled {
                        server: server.name(),
                        status,
                        why: format!(
                            "{rows} rows came and {} were announced",
                            count.unwrap_or_default()
                        ),
                    }),
                    _ => Ok(self.count),
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    /// The rows of a body that comes in pieces of this size.
    fn rows(body: &str, size: usize) -> Result<Vec<String>, String> {
        let server = Server::new("http://q:9000", None, None).unwrap();
        let (mut rows, mut all) = (Rows::default(), Vec::new());
        for piece in body.as_bytes().chunks(size) {
            rows.take(piece, &mut |row| {
                all.push(String::from_utf8(row.to_vec()).unwrap());
                Ok(())
            })
            .unwrap();
        }
        match rows.end(&server, 200) {
            Ok(count) => {
                assert_eq!(count, all.len() as u64);
                Ok(all)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn rows_in_pieces_of_any_size() {
        let body = r#"{"dataset":[[1,"a]\"["],[2,[1.0,[null]]],[],["\\"]],"count":4}"#;
        let want = [r#"[1,"a]\"["]"#, "[2,[1.0,[null]]]", "[]", r#"["\\"]"#];
        for size in 1..=body.len() {
            assert_eq!(rows(body, size).unwrap(), want, "{size}");
        }
        assert!(rows(r#"{"dataset":[],"count":0}"#, 3).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_whole_is_an_error() {
        let why = |body: &str| rows(body, 5).unwrap_err();
        assert!(why(r#"{"dataset":[[1],[2"#).contains("broke its reply off"));
        assert!(why(r#"{"dataset":[[1]"#).contains("broke its reply off"));
        assert!(why(r#"{"dataset":[[1]],"cou"#).contains("broke its reply off"));
        assert!(why("").contains("broke its reply off"));
        assert!(why(r#"{"dataset":[[1]],"count":2}"#).contains("1 rows came and 2 were announced"));
        assert!(
            why(r#"{"dataset":[[1],[2]],"count":2,"error":"memory limit","errorPos":0}"#)
                .contains("failed after 2 rows")
        );
        assert!(
            why(r#"{"query":"x","error":"table does not exist [table=x]","position":14}"#)
                .contains("does not exist")
        );
        assert!(why(r#"{"ddl":"OK"}"#).contains("rows were expected"));
    }
}
