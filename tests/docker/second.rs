//! A Docker Engine of the test's own, with TLS on a loopback port, and the certificates for it.
//!
//! It runs in namespaces of its own (network, mounts, processes): an engine that finds a `docker0` it does
//! not want removes it, and another's on the same machine is lost. Its port is opened here and handed to
//! it, because a socket stays in the network that it was made in.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

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
        // Standard input becomes the descriptor 3 that the engine looks for.
        let line =
            r#"ip link set lo up; LISTEN_FDS=1 LISTEN_PID=$$ exec dockerd "$@" 3<&0 </dev/null"#;
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("unshare")
            .args([
                "--net",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .args(["sh", "-c", line, "dockerd"])
            .args(["--data-root", &at("data"), "--exec-root", &at("exec")])
            .args(["--pidfile", &at("pid"), "--host", "fd://"])
            .args(["--tlsverify", "--tlscacert", &at("ca.pem")])
            .args([
                "--tlscert",
                &at("server.pem"),
                "--tlskey",
                &at("server-key.pem"),
            ])
            .args(["--bridge=none", "--iptables=false", "--ip-forward=false"])
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut engine = Self {
            child,
            folder,
            port,
        };
        engine.wait();
        engine
    }

    fn wait(&mut self) {
        let limit = Instant::now() + Duration::from_secs(30);
        while self.docker(&["version"]).is_err() {
            let file = self.path("log");
            let log = || std::fs::read_to_string(&file).unwrap();
            assert!(Instant::now() < limit, "no second engine\n{}", log());
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("no second engine, which takes root: {status}\n{}", log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The `docker` command on it.
    pub(crate) fn docker(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.host());
        command.env("DOCKER_TLS_VERIFY", "1");
        command.env("DOCKER_CERT_PATH", self.folder.path());
        said(command.args(args))
    }

    pub(crate) fn host(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
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
