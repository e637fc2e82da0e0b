//! One connection: connect, log in, ask, leave. A connection per call keeps no state between calls and
//! costs well under a millisecond on a local network.

use std::future::Future;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, RedisConnectionInfo, RedisError,
    ServerErrorKind, cmd,
};
use tokio::net::TcpStream;

use super::{Error, Server};
use crate::run::Cx;

/// Nothing answers within this: nobody is there.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection that is logged in.
pub(super) struct Session {
    connection: MultiplexedConnection,
    server: Server,
}

/// Connects, logs in and does `work`, all within `limit`.
pub(super) fn with<T, F>(
    cx: &Cx,
    server: &Server,
    limit: Duration,
    work: impl FnOnce(Session) -> F + Send + 'static,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let asked = server.clone();
    let whole = async move { work(Session::open(asked).await?).await };
    match cx.wait(async move { tokio::time::timeout(limit, whole).await })? {
        Ok(answer) => answer,
        Err(_) => Err(Error::Timeout {
            server: server.name(),
            limit,
        }),
    }
}

impl Session {
    pub(super) async fn open(server: Server) -> Result<Self, Error> {
        let unreachable = |why: String| Error::Unreachable {
            server: server.name(),
            why,
        };
        let connecting = TcpStream::connect((server.host.as_str(), server.port));
        let stream = tokio::time::timeout(CONNECT, connecting)
            .await
            .map_err(|_| unreachable(format!("no answer within {}s", CONNECT.as_secs())))?
            .map_err(|error| unreachable(words(&error)))?;
        let _ = stream.set_nodelay(true);
        // The library's own login drops the server's words, so it gets none to do.
        let bare = RedisConnectionInfo::default().set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let (connection, driver) = MultiplexedConnection::new_with_config(&bare, stream, config)
            .await
            .map_err(|error| failure(&server, &error))?;
        // Ends when the last handle on the connection is dropped.
        tokio::spawn(driver);
        let mut session = Self { connection, server };
        if let Some(password) = session.server.password() {
            let mut auth = cmd("AUTH");
            if let Some(user) = session.server.user() {
                auth.arg(user);
            }
            auth.arg(password);
            session.ask::<()>(&auth).await?;
        }
        if session.server.database() != 0 {
            let select = cmd("SELECT").arg(session.server.database()).take();
            session.ask::<()>(&select).await?;
        }
        Ok(session)
    }

    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, Error> {
        command
            .query_async(&mut self.connection)
            .await
            .map_err(|error| failure(&self.server, &error))
    }
}

/// The library's error as ours. Its text never holds the command, so no password either.
fn failure(server: &Server, error: &RedisError) -> Error {
    let server = server.name();
    let code = error.code().unwrap_or_default();
    let message = match error.detail() {
        Some(detail) if code.is_empty() || code == "ERR" => detail.to_owned(),
        Some(detail) => format!("{code} {detail}"),
        None => error.to_string(),
    };
    if matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::BusyLoading)
    ) {
        return Error::Loading { server };
    }
    let refused = matches!(code, "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED")
        || matches!(error.kind(), ErrorKind::AuthenticationFailed)
        // A password where none is configured, and the words of servers before 6.
        || message.contains("without any password configured")
        || message.contains("no password is set")
        || message.contains("invalid password");
    if refused {
        return Error::Refused { server, message };
    }
    if error.is_io_error() || error.is_connection_dropped() {
        return Error::Closed { server };
    }
    Error::Failed { server, message }
}

/// `connection refused`, without the number.
fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}
