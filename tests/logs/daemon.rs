//! An engine that is restarted while its containers write and are followed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::engine;
use crate::follow::same;
use crate::support::{World, until};
use crate::writer::Writers;

/// An engine at a socket, which can be stopped and started again.
struct Daemon {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Daemon {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ttd-").tempdir().unwrap();
        let mut daemon = Self {
            folder,
            child: None,
        };
        daemon.start();
        daemon
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path("sock").display())
    }

    fn answers(&self) -> bool {
        let mut docker = Command::new("docker");
        docker.env("DOCKER_HOST", self.host()).args(["version"]);
        docker
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    }

    fn start(&mut self) {
        let args = ["--host", &self.host(), "--shutdown-timeout", "20"];
        let child = engine::start(self.folder.path(), Stdio::null(), &args, || self.answers());
        self.child = Some(child);
    }

    /// As a service manager stops it: containers are told to end, and the engine waits for them.
    fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let pid: i32 = std::fs::read_to_string(children)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        child.wait().unwrap();
    }

    /// An image with a shell and little else, from this machine's own files.
    fn image(&self) -> String {
        let root = self.path("root");
        for folder in ["bin", "out"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for program in ["sh", "sleep", "cat"] {
            let path = PathBuf::from("/bin").join(program).canonicalize().unwrap();
            let to = root.join("bin").join(program);
            std::fs::copy(&path, &to).unwrap();
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o755)).unwrap();
            let needs = Command::new("ldd").arg(&path).output().unwrap();
            let libraries = String::from_utf8_lossy(&needs.stdout).into_owned();
            for library in libraries
                .split_whitespace()
                .filter(|word| word.starts_with('/'))
            {
                let to = root.join(&library[1..]);
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::copy(library, to).unwrap();
            }
        }
        let line = format!(
            "tar -C {} -c . | docker -H {} import - shell:1",
            root.display(),
            self.host()
        );
        let made = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        "shell:1".into()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.stop();
        }
    }
}

#[test]
fn an_engine_that_restarts_loses_and_doubles_no_line() {
    let world = World::new();
    let mut daemon = Daemon::new();
    let writers = Writers::on(Some(daemon.host()), daemon.image());
    let always = ["--restart", "always"];
    let first = writers.write("a", "api", 1, 4000, &always);
    let second = writers.write("m", "ml", 1, 4000, &always);
    let out = world.path("out.jsonl");
    let run = writers
        .logs(&world, &["api", "ml", "-o", "json"])
        .env("DOCKER_HOST", daemon.host())
        .start_into(&out);
    let rounds = if std::env::var_os("TRADEOPS_SOAK").is_some() {
        8
    } else {
        2
    };
    for round in 1..=rounds {
        writers.wait(&first, round * 700);
        writers.wait(&second, round * 700);
        daemon.stop();
        std::thread::sleep(Duration::from_millis(500));
        daemon.start();
    }
    // Both run again, to their end.
    for name in [&first, &second] {
        let last = format!("{name} run {} line 4000", rounds + 1);
        until("the last line", || {
            writers
                .written(name)
                .last()
                .is_some_and(|line| *line == last)
        });
    }
    same(&writers, &[&first, &second], &out, run, 0);
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("the engine answers again"), "it is told");
    drop(writers);
}
