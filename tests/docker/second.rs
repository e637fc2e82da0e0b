//! A Docker Engine of the test's own, with TLS on a loopback port, and the certificates for it.
//!
//! Its port is opened here and handed to it, because a socket stays in the network that it was made in.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::engine;

/// An engine that is killed with its handle.
pub(crate) struct SecondEngine {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl SecondEngine {
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("tte-").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        certificates(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (ca, cert, key) = (at("ca.pem"), at("server.pem"), at("server-key.pem"));
        let args = [
            "--host",
            "fd://",
            "--tlsverify",
            "--tlscacert",
            &ca,
            "--tlscert",
            &cert,
            "--tlskey",
            &key,
        ];
        let input = Stdio::from(OwnedFd::from(listener));
        let answers = || docker(folder.path(), port, &["version"]).is_ok();
        let child = engine::start(folder.path(), input, &args, answers);
        Self {
            child,
            folder,
            port,
        }
    }

    /// The `docker` command on it.
    pub(crate) fn docker(&self, args: &[&str]) -> Result<String, String> {
        docker(self.folder.path(), self.port, args)
    }

    pub(crate) fn host(&self) -> String {
        host(self.port)
    }

    /// A file of its folder: `ca.pem`, `cert.pem` and `key.pem` are a client's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it keeps everything: what tells it from the machine's engine.
    pub(crate) fn root(&self) -> String {
        self.path("data").display().to_string()
    }
}

impl Drop for SecondEngine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn host(port: u16) -> String {
    format!("tcp://127.0.0.1:{port}")
}

/// The `docker` command on the engine at a port, with a client's certificate from `folder`.
fn docker(folder: &Path, port: u16, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("docker");
    command.env("DOCKER_HOST", host(port));
    command.env("DOCKER_TLS_VERIFY", "1");
    command.env("DOCKER_CERT_PATH", folder);
    said(command.args(args))
}

/// Runs it; what it wrote, or what it complained of.
pub(crate) fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// An authority, what it signed for the server and for a client, and one that has nothing to do with it.
fn certificates(folder: &Path) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let ca = authority("tradeops test engine authority");
    write("ca.pem", ca.pem());
    write("other-ca.pem", authority("somebody else").pem());
    for (cert, key, names) in [
        ("server.pem", "server-key.pem", vec!["127.0.0.1".to_owned()]),
        ("cert.pem", "key.pem", Vec::new()),
    ] {
        let pair = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        write(cert, params.signed_by(&pair, &ca).unwrap().pem());
        write(key, pair.serialize_pem());
    }
}
