//! A web server over TLS with certificates made for the test.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::tls_server;

pub(crate) struct TlsServer {
    pub(crate) address: SocketAddr,
    server: tls_server::TlsServer,
}

impl TlsServer {
    /// Serves `ok` over TLS under `names`, valid until 2 January of `until`. The test's own authority
    /// signs.
    pub(crate) fn start(names: &[&str], until: i32) -> Self {
        let day = |year, day| {
            let date = chrono::NaiveDate::from_ymd_opt(year, 1, day).expect("a date");
            date.and_time(chrono::NaiveTime::MIN).and_utc()
        };
        let days = (day(2020, 1), day(until, 2));
        let server = tls_server::TlsServer::answering(names, days, false, answer);
        Self {
            address: server.address,
            server,
        }
    }

    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.address.port())
    }

    pub(crate) fn ca(&self) -> Option<PathBuf> {
        Some(self.server.ca().to_owned())
    }
}

/// One request, answered with the names that it came under.
async fn answer(mut stream: TlsStream<TcpStream>) {
    let name = stream
        .get_ref()
        .1
        .server_name()
        .unwrap_or("none")
        .to_owned();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).await.is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let host = super::server::header(&String::from_utf8_lossy(&head), "host");
    let body = format!("sni={name} host={host}");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
