//! TLS servers with certificates made for the test: the handshake, and after it what the test says.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of it, so an expectation would fail in some"
)]

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Datelike as _, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A server, its certificate and the authority that signed it.
pub(crate) struct TlsServer {
    pub(crate) address: SocketAddr,
    pub(crate) pem: String,
    ca: tempfile::NamedTempFile,
}

impl TlsServer {
    /// Shows a certificate for `names`, good from one day to the other (at 0:00), signed by an authority of
    /// the test's own, or by itself.
    pub(crate) fn start(names: &[&str], days: (DateTime<Utc>, DateTime<Utc>), own: bool) -> Self {
        Self::answering(names, days, own, |_| async {})
    }

    /// The same, with something to do once the handshake is done.
    pub(crate) fn answering<A: Future<Output = ()> + Send + 'static>(
        names: &[&str],
        days: (DateTime<Utc>, DateTime<Utc>),
        own: bool,
        answer: impl Fn(TlsStream<TcpStream>) -> A + Copy + Send + Sync + 'static,
    ) -> Self {
        let mut ca = CertificateParams::new(Vec::new()).expect("no names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name
            .push(DnType::CommonName, "tradeops test authority");
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().expect("a key"))
            .expect("an authority");
        let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
        let mut leaf = CertificateParams::new(names).expect("names");
        let day = |d: DateTime<Utc>| {
            let part = |n: u32| u8::try_from(n).expect("a month or a day");
            date_time_ymd(d.year(), part(d.month()), part(d.day()))
        };
        leaf.not_before = day(days.0);
        leaf.not_after = day(days.1);
        leaf.distinguished_name
            .push(DnType::CommonName, "tradeops test server");
        let key = KeyPair::generate().expect("a key");
        let leaf = if own {
            leaf.self_signed(&key)
        } else {
            leaf.signed_by(&key, &ca)
        }
        .expect("a certificate");
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
                        if let Ok(stream) = acceptor.accept(socket).await {
                            answer(stream).await;
                        }
                    });
                }
            });
        });
        Self {
            address,
            pem: leaf.pem(),
            ca: file,
        }
    }

    /// The authority's file.
    pub(crate) fn ca(&self) -> &Path {
        self.ca.path()
    }
}
