//! Why QuestDB gave no complete answer.

use std::time::Duration;

use crate::run::Stop;

/// A failed call. `server` is `host:port`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The address makes no sense.
    #[error("`{url}` is no address of a QuestDB server: {why}")]
    Address {
        /// As given, without user and password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A name or text that cannot be quoted.
    #[error("`{name}` cannot stand in a statement: {why}")]
    Name {
        /// As given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Refused before sending.
    #[error("{0}")]
    Statement(String),
    /// Too long to send.
    #[error(
        "the statement is {bytes} bytes long when encoded, and QuestDB closes the connection without a reply beyond about {most}"
    )]
    TooLong {
        /// Its encoded length.
        bytes: usize,
        /// The most that is sent.
        most: usize,
    },
    /// Nobody there.
    #[error("no QuestDB answers at `{server}`: {why}")]
    Unreachable {
        /// Where.
        server: String,
        /// The system's words.
        why: String,
    },
    /// Connected, and no answer in time.
    #[error("QuestDB at `{server}` gave no complete answer within {}", humantime::format_duration(*.limit))]
    Timeout {
        /// Where.
        server: String,
        /// The limit.
        limit: Duration,
    },
    /// Not permitted.
    #[error("QuestDB at `{server}` refuses: {message}")]
    Refused {
        /// Where.
        server: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// No such table.
    #[error("{message}")]
    NotFound {
        /// What is missing.
        message: String,
        /// HTTP status.
        status: u16,
    },
    /// QuestDB does not accept the statement.
    #[error("QuestDB does not accept the statement: {message}{}", at(.position))]
    Invalid {
        /// Its words.
        message: String,
        /// Where in the statement, counted in characters from 0.
        position: Option<i64>,
        /// HTTP status.
        status: u16,
    },
    /// The server's own time limit.
    #[error("QuestDB stopped the statement: {message}")]
    ServerTimeout {
        /// Its words.
        message: String,
    },
    /// It was accepted and failed.
    #[error("QuestDB failed: {message}")]
    Failed {
        /// Its words.
        message: String,
        /// HTTP status.
        status: u16,
    },
    /// An error behind rows that were already sent, under status 200.
    #[error("QuestDB failed after {rows} rows, so they are not all: {message}")]
    Late {
        /// Its words.
        message: String,
        /// Rows before it.
        rows: usize,
    },
    /// The reply ends in the middle, and the server goes on answering.
    #[error(
        "QuestDB at `{server}` broke its reply off after {bytes} bytes and answers other statements: this one failed inside the server, the network is not to blame"
    )]
    Cut {
        /// Where.
        server: String,
        /// What came of the body.
        bytes: usize,
        /// HTTP status; `None` when not even the head was complete.
        status: Option<u16>,
    },
    /// The connection closed before a complete reply.
    #[error("QuestDB at `{server}` closed the connection without a complete reply: {why}")]
    NoReply {
        /// Where.
        server: String,
        /// The system's words.
        why: String,
    },
    /// A reply that is not QuestDB's.
    #[error("what answers at `{server}` (status {status}) does not speak as QuestDB does: {why}")]
    Garbled {
        /// Where.
        server: String,
        /// HTTP status.
        status: u16,
        /// What is wrong with the reply.
        why: String,
    },
    /// More rows than asked for.
    #[error("the answer has more than {most} rows")]
    TooManyRows {
        /// The limit.
        most: usize,
    },
    /// A bigger reply than may be held.
    #[error("the answer is larger than {most} bytes")]
    TooLarge {
        /// The limit in bytes.
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
    /// What a table accepts is not applied.
    #[error(
        "the table `{table}` is suspended{why}: what is written to it piles up unseen, and nothing of it can be removed"
    )]
    Suspended {
        /// The table.
        table: String,
        /// The server's words, in parentheses; empty where it has none.
        why: String,
    },
    /// What a table accepted is not applied yet.
    #[error("the table `{table}` is {pending} transactions behind and does not catch up")]
    Lagging {
        /// The table.
        table: String,
        /// Transactions that were accepted and are not applied.
        pending: i64,
    },
    /// What the rows of a reply were written to failed.
    #[error("cannot write the rows: {0}")]
    Sink(String),
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

fn at(position: &Option<i64>) -> String {
    position.map_or_else(String::new, |at| format!(" (at character {at})"))
}
