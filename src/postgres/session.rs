//! One connection: connect, log in, work, leave. A connection per call keeps no state between calls.
//!
//! Postgres goes on with a statement whose client has left, so whoever leaves early cancels it.

use std::future::Future;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_postgres::{CancelToken, Client, Config, NoTls};

use super::{Error, Server};
use crate::run::Cx;

/// Nothing answers within this: nobody is there.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a stopped caller waits for its cancel request to be delivered. Ctrl-C has to end the process
/// within 200 ms, and a request that is not out by then would leave the statement running.
const PARTING: Duration = Duration::from_millis(100);

/// Connects and does `work`, all within `limit`. Stopped or late, the statement is cancelled.
pub(super) fn with<T, F>(
    cx: &Cx,
    server: &Server,
    limit: Duration,
    work: impl FnOnce(Client) -> F + Send + 'static,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let asked = server.clone();
    let (leaving, left) = mpsc::channel();
    let whole = async move {
        let client = open(&asked).await?;
        let mut parting = Parting {
            token: Some(client.cancel_token()),
            server: asked,
            leaving,
        };
        let answer = work(client).await;
        parting.token = None;
        answer
    };
    match cx.wait(async move { tokio::time::timeout(limit, whole).await }) {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            wait(&left);
            Err(Error::Timeout {
                server: server.name(),
                limit,
            })
        }
        Err(stop) => {
            wait(&left);
            Err(stop.into())
        }
    }
}

fn wait(left: &Receiver<()>) {
    let _ = left.recv_timeout(PARTING);
}

/// Sends a cancel request when it is dropped with its token.
struct Parting {
    token: Option<CancelToken>,
    server: Server,
    leaving: Sender<()>,
}

impl Drop for Parting {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else {
            return;
        };
        let address = (self.server.host.clone(), self.server.port);
        let leaving = self.leaving.clone();
        crate::run::handle().spawn(async move {
            let request = async {
                if let Ok(stream) = TcpStream::connect(address).await {
                    // Best effort: the statement's own time limit is behind it.
                    let _ = token.cancel_query_raw(stream, NoTls).await;
                }
            };
            let _ = tokio::time::timeout(CONNECT, request).await;
            let _ = leaving.send(());
        });
    }
}

async fn open(server: &Server) -> Result<Client, Error> {
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
    let mut config = Config::new();
    config
        .user(server.user())
        .dbname(server.database())
        .application_name("tradeops");
    if let Some(password) = server.password() {
        config.password(password);
    }
    let (client, connection) = config
        .connect_raw(stream, NoTls)
        .await
        .map_err(|error| Error::from_library(&server.name(), &error))?;
    // Ends when the client is dropped; its errors come back through the client.
    tokio::spawn(connection);
    Ok(client)
}

/// `connection refused`, without the number.
fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}
