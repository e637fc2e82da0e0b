//! A real sshd on a loopback port, and an `ssh` with settings and keys of the test's own: ssh reads those of
//! the user's home wherever `HOME` points, so a command of that name hands it the test's.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An sshd that is killed with its handle.
pub(crate) struct Sshd {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Sshd {
    /// One that lets the test in; `more` are lines of its settings.
    pub(crate) fn start(more: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("tts-").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for key in ["host", "client", "stranger"] {
            let status = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "tradeops test", "-f"])
                .arg(at(key))
                .status()
                .unwrap();
            assert!(status.success());
        }
        std::fs::copy(at("client.pub"), at("authorized_keys")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let d = folder.path().display();
        let settings = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {d}/host\nPidFile none\nUsePAM no\nStrictModes no\n\
             AuthorizedKeysFile {d}/authorized_keys\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nMaxStartups 10:30:100\n{more}\n"
        );
        std::fs::write(at("sshd_config"), settings).unwrap();
        let log = std::fs::File::create(at("log")).unwrap();
        let child = Command::new(program("sshd"))
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let sshd = Self {
            child,
            folder,
            port,
        };
        let key = std::fs::read_to_string(sshd.path("host.pub")).unwrap();
        std::fs::write(
            sshd.path("known_hosts"),
            format!("[127.0.0.1]:{port} {key}"),
        )
        .unwrap();
        sshd.settings("client", "known_hosts");
        let limit = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || std::fs::read_to_string(sshd.path("log")).unwrap();
            assert!(Instant::now() < limit, "no sshd\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        sshd
    }

    /// What the test's `ssh` shows and whom it knows.
    pub(crate) fn settings(&self, key: &str, known: &str) {
        let d = self.folder.path().display();
        let text = format!(
            "IdentityFile {d}/{key}\nIdentitiesOnly yes\nIdentityAgent none\nStrictHostKeyChecking yes\n\
             UserKnownHostsFile {d}/{known}\nGlobalKnownHostsFile /dev/null\n"
        );
        std::fs::write(self.path("ssh_config"), text).unwrap();
        std::fs::create_dir_all(self.path("bin")).unwrap();
        let line = format!(
            "#!/bin/sh\nexec {} -F {d}/ssh_config \"$@\"\n",
            program("ssh").display()
        );
        let command = self.path("bin/ssh");
        std::fs::write(&command, line).unwrap();
        std::fs::set_permissions(&command, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A search path that finds the test's `ssh` first.
    pub(crate) fn search_path(&self) -> OsString {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.path("bin")).chain(std::env::split_paths(&rest));
        std::env::join_paths(all).unwrap()
    }

    /// The engine behind it.
    pub(crate) fn host(&self) -> String {
        format!("ssh://root@127.0.0.1:{}", self.port)
    }

    /// How many `ssh` of this test run.
    pub(crate) fn clients(&self) -> usize {
        let port = format!("\0-p\0{}\0", self.port);
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).into_owned())
            .filter(|line| line.contains(&port) && line.contains("dial-stdio"))
            .count()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// sshd wants to be started by its whole path.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("there is no `{name}`: `make test` installs it"))
}
