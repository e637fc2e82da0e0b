//! Why Postgres gave no answer.

use std::time::Duration;

use tokio_postgres::error::{DbError, ErrorPosition};

use crate::run::Stop;

/// What sort of error the server reported, after its SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Wrong password, missing permission, a change where only reads are allowed.
    Refused,
    /// No such table, schema or database.
    NotFound,
    /// The statement or a value in it is wrong.
    Invalid,
    /// Not in the present state: a constraint, a lock, a server that starts.
    Conflict,
    /// The statement's own time limit.
    Timeout,
    /// Anything else.
    Failed,
}

/// A failed call. `server` is `host:port`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The address makes no sense.
    #[error("`{url}` is no address of a Postgres server: {why}")]
    Address {
        /// As given, without user and password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Refused before sending.
    #[error("{0}")]
    Statement(String),
    /// A column whose type has no form here.
    #[error("column `{column}` has type `{ty}`, which has no form here")]
    Column {
        /// The column.
        column: String,
        /// Its type.
        ty: String,
    },
    /// Nobody there.
    #[error("no Postgres answers at `{server}`: {why}")]
    Unreachable {
        /// Where.
        server: String,
        /// The system's words.
        why: String,
    },
    /// Connected, and no answer in time.
    #[error("Postgres at `{server}` gave no complete answer within {}", humantime::format_duration(*.limit))]
    Timeout {
        /// Where.
        server: String,
        /// The limit.
        limit: Duration,
    },
    /// The server reported an error.
    #[error("Postgres {}: {message}{}", verb(.sort), at(.position))]
    Sql {
        /// What sort.
        sort: Sort,
        /// SQLSTATE.
        code: String,
        /// Its words.
        message: String,
        /// Its hint.
        hint: Option<String>,
        /// Where in the statement, counted in characters from 1.
        position: Option<u32>,
    },
    /// The connection ended before the answer.
    #[error("Postgres at `{server}` closed the connection without an answer: {why}")]
    Closed {
        /// Where.
        server: String,
        /// What is known.
        why: String,
    },
    /// More rows than asked for.
    #[error("the answer has more than {most} rows")]
    TooManyRows {
        /// The limit.
        most: usize,
    },
    /// A bigger answer than may be held.
    #[error("the answer is larger than {most} bytes")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// A change was sent and there is no answer.
    #[error("the statement was sent to `{server}` and its outcome is unknown: {why}")]
    Unknown {
        /// Where.
        server: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

const fn verb(sort: &Sort) -> &'static str {
    match sort {
        Sort::Refused => "refuses",
        Sort::NotFound => "does not find it",
        Sort::Invalid => "does not accept the statement",
        Sort::Conflict => "cannot do it now",
        Sort::Timeout => "stopped the statement",
        Sort::Failed => "failed",
    }
}

fn at(position: &Option<u32>) -> String {
    position.map_or_else(String::new, |at| format!(" (at character {at})"))
}

impl Error {
    /// The library's error as ours.
    pub(super) fn from_library(server: &str, error: &tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return Self::from_server(db);
        }
        let mut why = error.to_string();
        let mut next = std::error::Error::source(error);
        while let Some(inner) = next {
            why = inner.to_string();
            next = inner.source();
        }
        let text = error.to_string();
        if error.is_closed() || text.contains("communicating with the server") {
            return Self::Closed {
                server: server.to_owned(),
                why,
            };
        }
        if text.starts_with("expected ") || text.contains("serializing parameter") {
            // The wrong number of parameters, or one that does not fit.
            return Self::Statement(text);
        }
        if text.contains("authentication") || text.contains("invalid configuration") {
            return Self::Sql {
                sort: Sort::Refused,
                code: String::new(),
                message: why,
                hint: None,
                position: None,
            };
        }
        Self::Sql {
            sort: Sort::Failed,
            code: String::new(),
            message: why,
            hint: None,
            position: None,
        }
    }

    fn from_server(db: &DbError) -> Self {
        let code = db.code().code();
        Self::Sql {
            sort: sort(code, db.message()),
            code: code.to_owned(),
            message: db.message().to_owned(),
            hint: db.hint().map(str::to_owned),
            position: match db.position() {
                Some(ErrorPosition::Original(at)) => Some(*at),
                _ => None,
            },
        }
    }
}

/// What an SQLSTATE means here.
fn sort(code: &str, message: &str) -> Sort {
    match code {
        "28P01" | "28000" | "42501" | "25006" => Sort::Refused,
        "42P01" | "3D000" | "3F000" => Sort::NotFound,
        // Statement time-out and a cancel by somebody share the code.
        "57014" if message.contains("statement timeout") => Sort::Timeout,
        "53300" | "55P03" | "55006" | "57P03" => Sort::Conflict,
        _ => match code.get(..2).unwrap_or_default() {
            "22" | "26" | "34" | "42" | "0A" | "08" => Sort::Invalid,
            "23" | "25" | "40" => Sort::Conflict,
            _ => Sort::Failed,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts() {
        for (code, message, want) in [
            ("28P01", "", Sort::Refused),
            ("25006", "", Sort::Refused),
            ("42P01", "", Sort::NotFound),
            ("42601", "", Sort::Invalid),
            ("22P02", "", Sort::Invalid),
            ("23505", "", Sort::Conflict),
            ("57P03", "", Sort::Conflict),
            (
                "57014",
                "canceling statement due to statement timeout",
                Sort::Timeout,
            ),
            (
                "57014",
                "canceling statement due to user request",
                Sort::Failed,
            ),
            ("XX000", "", Sort::Failed),
            ("", "", Sort::Failed),
        ] {
            assert_eq!(sort(code, message), want, "{code}");
        }
    }
}
