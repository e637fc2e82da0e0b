//! Why Redis gave no answer.

use std::time::Duration;

use crate::run::Stop;

/// A failed call. `server` is `host:port`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The address makes no sense.
    #[error("`{url}` is no address of a Redis server: {why}")]
    Address {
        /// As given, without user and password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody there.
    #[error("no Redis answers at `{server}`: {why}")]
    Unreachable {
        /// Where.
        server: String,
        /// The system's words.
        why: String,
    },
    /// Connected, and no answer in time.
    #[error("Redis at `{server}` gave no answer within {}", humantime::format_duration(*.limit))]
    Timeout {
        /// Where.
        server: String,
        /// The limit.
        limit: Duration,
    },
    /// Wrong password, none where one is needed, or not permitted to this user.
    #[error("Redis at `{server}` refuses: {message}")]
    Refused {
        /// Where.
        server: String,
        /// Its words.
        message: String,
    },
    /// It is reading its data set and answers nothing else.
    #[error("Redis at `{server}` is still loading its data")]
    Loading {
        /// Where.
        server: String,
    },
    /// Another has the lease.
    #[error("the lease `{key}` is held by {holder}, for {} more unless it is renewed", humantime::format_duration(*.left))]
    Held {
        /// The key.
        key: String,
        /// What the holder says of itself.
        holder: String,
        /// How long it has it, if it does not renew it.
        left: Duration,
    },
    /// The key holds another type.
    #[error("`{key}` is of type {found}, not {wanted}")]
    WrongType {
        /// The key.
        key: String,
        /// Its type.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// The value is not UTF-8.
    #[error("the value of `{key}` is no text")]
    NotText {
        /// The key.
        key: String,
    },
    /// More than may be held.
    #[error("`{key}` has {size} fields, more than {most}")]
    TooLarge {
        /// The key.
        key: String,
        /// Its size.
        size: i64,
        /// The limit.
        most: i64,
    },
    /// It answered with an error.
    #[error("Redis at `{server}` failed: {message}")]
    Failed {
        /// Where.
        server: String,
        /// Its words.
        message: String,
    },
    /// The connection ended before the answer.
    #[error("Redis at `{server}` closed the connection without an answer")]
    Closed {
        /// Where.
        server: String,
    },
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}
