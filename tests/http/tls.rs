//! A TLS server with certificates made for the test.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

pub(crate) struct TlsServer {
    pub(crate) address: SocketAddr,
    ca: tempfile::NamedTempFile,
}

impl TlsServer {
    /// Serves `ok` over TLS under `names`, valid until 2 January of `until`. The test's own authority
    /// signs.
    pub(crate) fn start(names: &[&str], until: i32) -> Self {
        let mut ca = CertificateParams::new(Vec::new()).expect("no names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name
            .push(DnType::CommonName, "tradeops test authority");
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().expect("a key"))
            .expect("an authority");
        let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
        let mut leaf = CertificateParams::new(names).expect("names");
        leaf.not_before = date_time_ymd(2020, 1, 1);
        leaf.not_after = date_time_ymd(until, 1, 2);
        let key = KeyPair::generate().expect("a key");
        let leaf = leaf.signed_by(&key, &ca).expect("a certificate");
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(ca.pem().as_bytes()).expect("room for it");

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .expect("a pair");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        listener.set_nonblocking(true).expect("a socket of tokio's");
        let address = listener.local_addr().expect("the port");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                while let Ok((socket, _)) = listener.accept().await {
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        let Ok(mut stream) = acceptor.accept(socket).await else {
                            return;
                        };
                        let name = stream.get_ref().1.server_name().unwrap_or("none").to_owned();
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
                    });
                }
            });
        });
        Self { address, ca: file }
    }

    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.address.port())
    }

    pub(crate) fn ca(&self) -> Option<PathBuf> {
        Some(self.ca.path().to_owned())
    }
}
