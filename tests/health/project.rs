//! A small compose project of one test's own: a few containers with compose's labels, on a network where each has its
//! service's name, and health asked about it alone. All of it goes with its handle.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::stack::{Asked, alone, command, docker, env, eventually, fetch, run};

/// A fault, and what health must say of it: from these the table in `docs/` is made.
#[derive(Debug)]
pub(crate) struct Fault {
    /// In an operator's words.
    pub(crate) name: &'static str,
    /// The check that finds it.
    pub(crate) check: &'static str,
    pub(crate) layer: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) status: &'static str,
    /// A part of the evidence.
    pub(crate) says: &'static str,
}

pub(crate) struct Project {
    pub(crate) name: String,
    pub(crate) root: tempfile::TempDir,
    services: Vec<String>,
    _alone: MutexGuard<'static, ()>,
}

impl Project {
    /// An empty project. While it lives, no other test disturbs the machine.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tradeops-test-{}-{count}", std::process::id());
        let alone = alone();
        docker(&["network", "create", "--label", "com.tradeops.test", &name]);
        Self {
            name,
            root: tempfile::tempdir().expect("a folder"),
            services: Vec::new(),
            _alone: alone,
        }
    }

    fn container(&self, service: &str) -> String {
        format!("{}-{service}", self.name)
    }

    /// Starts a service: `words` are options of `docker run`, the image, and its arguments.
    pub(crate) fn start(&mut self, service: &str, words: &[&str]) {
        let name = self.container(service);
        let labels = [
            format!("com.docker.compose.project={}", self.name),
            format!("com.docker.compose.service={service}"),
        ];
        let mut all = vec!["run", "--detach", "--name", &name, "--network", &self.name];
        all.extend(["--network-alias", service, "--label", "com.tradeops.test"]);
        all.extend(labels.iter().flat_map(|label| ["--label", label.as_str()]));
        all.extend(words);
        docker(&all);
        if !self.services.iter().any(|s| s == service) {
            self.services.push(service.to_owned());
        }
    }

    /// Starts a stand-in that listens on `port`.
    pub(crate) fn stand_in(&mut self, service: &str, port: u16, options: &[&str]) {
        let published = format!("127.0.0.1::{port}");
        let image = env("STANDIN_IMAGE");
        let mut words = vec!["--publish", &published, "--publish", "127.0.0.1::9999"];
        words.extend(options);
        words.extend([image.as_str(), service]);
        self.start(service, &words);
        eventually("a control port does not answer", || {
            fetch(self.port(service, 9999), "/").map_err(|e| e.to_string())
        });
    }

    /// Where a port of a service is on this machine.
    pub(crate) fn port(&self, service: &str, port: u16) -> u16 {
        let found = docker(&["port", &self.container(service), &port.to_string()]);
        let number = found
            .lines()
            .next()
            .and_then(|line| line.rsplit(':').next());
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("{service} {port}: {found}"))
    }

    /// Tells a stand-in how to behave.
    pub(crate) fn tell(&self, service: &str, conduct: &str) {
        let answer = fetch(self.port(service, 9999), conduct).expect("a control port");
        assert!(!answer.contains("unknown conduct"), "{answer}");
    }

    /// `docker VERB ... CONTAINER`.
    pub(crate) fn docker(&self, words: &[&str], service: &str) -> String {
        docker(&[words, &[self.container(service).as_str()]].concat())
    }

    /// A folder that the container's user may read and write.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.root.path().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        // The way to it must be open, too.
        for (folder, mode) in [(self.root.path(), 0o755), (&path, 0o777)] {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))
                .expect("a mode");
        }
        path
    }

    /// A copy of the shipped thresholds with a change in it, as an operator makes it.
    pub(crate) fn limits(&self, change: impl FnOnce(String) -> String) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib/limits.rhai");
        let text = std::fs::read_to_string(shipped).expect("the shipped limits");
        let changed = change(text.clone());
        assert_ne!(changed, text, "the change changes nothing");
        let folder = self.root.path().join("operator/.tradeops/std");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("limits.rhai"), changed).expect("a copy");
    }

    /// Health of this project: presence and monitoring, with these flags.
    pub(crate) fn health(&self, words: &[&str]) -> Asked {
        let operator = self.root.path().join("operator");
        std::fs::create_dir_all(&operator).expect("a folder");
        let began = std::time::Instant::now();
        let mut command = command(self.root.path(), &["run", "-o", "json", "health"]);
        command
            .current_dir(operator)
            .env_remove("TRADEOPS_SERVICES")
            .env_remove("TRADEOPS_ENV_FILE")
            .args(["--project", &self.name, "--only", "presence,monitoring"]);
        for service in &self.services {
            command.args(["--services", service]);
        }
        let output = run(command.args(words));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr))
        });
        Asked {
            code: output.status.code().unwrap_or(-1),
            report,
            wall: began.elapsed(),
        }
    }

    /// Waits until nothing is wrong.
    pub(crate) fn well(&self, words: &[&str]) -> Asked {
        eventually("the project does not get well", || {
            let asked = self.health(words);
            let wrong = wrong(&asked);
            if asked.code == 0 && wrong.is_empty() {
                Ok(asked)
            } else {
                Err(format!("exit {}: {wrong:#?}", asked.code))
            }
        })
    }

    /// Waits until health finds the fault; nothing else may be wrong but what it explains.
    pub(crate) fn finds(&self, fault: &Fault, words: &[&str], explained: &[&str]) -> Asked {
        let asked = eventually(fault.name, || {
            let asked = self.health(words);
            let found = asked.checks().iter().find(|c| c["id"] == fault.check);
            let found = found.unwrap_or(&Value::Null);
            let evidence = found["evidence"].as_str().unwrap_or_default();
            if found["status"] == fault.status && evidence.contains(fault.says) {
                Ok(asked)
            } else {
                Err(format!("{found:#}"))
            }
        });
        let found = asked.check(fault.check);
        assert_eq!(found["layer"], fault.layer, "{found:#}");
        assert_eq!(found["severity"], fault.severity, "{found:#}");
        assert_ne!(found["remedy"], "", "{found:#}");
        // What is not known, and not critical, is no cause.
        let causes = [fault.check].map(|id| (fault.status != "unknown").then_some(id));
        let causes: Vec<&str> = causes.into_iter().flatten().collect();
        assert_eq!(asked.causes(), causes, "{fault:?}");
        let others: Vec<&str> = wrong(&asked)
            .iter()
            .filter_map(|c| c["id"].as_str())
            .filter(|id| *id != fault.check)
            .collect();
        assert_eq!(others, explained, "{fault:?}");
        asked
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // A second panic would hide the first.
        for service in &self.services {
            let name = self.container(service);
            let words = ["rm", "--force", "--volumes", name.as_str()];
            let _ = Command::new("docker").args(words).output();
        }
        let words = ["network", "rm", self.name.as_str()];
        let _ = Command::new("docker").args(words).output();
    }
}

fn wrong(asked: &Asked) -> Vec<&Value> {
    let fine = |check: &&Value| {
        !["ok", "skipped"]
            .map(Value::from)
            .contains(&check["status"])
    };
    asked.checks().iter().filter(fine).collect()
}
