//! A compose project of one test on the real engine: its own name, folder and labels, and taken down with its
//! handle, a failed test included.

#![expect(clippy::unwrap_used, reason = "a test")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of it, so an expectation would fail in some"
)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A project.
pub(crate) struct ComposeProject {
    /// Its name.
    pub(crate) name: String,
    folder: tempfile::TempDir,
    label: String,
}

impl ComposeProject {
    /// Writes `services` (the lines below `services:`, indented by two) as a project. `$IMAGE` is an image with a
    /// shell and a Redis server in it, `$NAME` the project's name, `$FOLDER` its folder.
    pub(crate) fn new(services: &str) -> Self {
        Self::with(services, "")
    }

    /// The same with further top level keys.
    pub(crate) fn with(services: &str, rest: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = format!(
            "{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let project = Self {
            name: format!("tradeops-test-{unique}"),
            folder: tempfile::Builder::new()
                .prefix("tradeops-compose-")
                .tempdir()
                .unwrap(),
            label: format!("com.tradeops.test={unique}"),
        };
        project.write(services, rest);
        project
    }

    /// Writes the file anew.
    pub(crate) fn write(&self, services: &str, rest: &str) {
        let image = std::env::var("REDIS_IMAGE").unwrap_or_else(|_| {
            panic!("REDIS_IMAGE is not set: `make test` builds the images and sets it")
        });
        let (label, value) = self.label.split_once('=').unwrap();
        let text = format!(
            "name: {}\nservices:\n{services}\nnetworks:\n  default:\n    labels: {{ {label}: \"{value}\" }}\n{rest}\n",
            self.name
        );
        let text = text
            .replace("$IMAGE", &image)
            .replace("$NAME", &self.name)
            .replace("$FOLDER", &self.folder.path().display().to_string());
        std::fs::write(self.file(), text).unwrap();
    }

    /// The compose file.
    pub(crate) fn file(&self) -> PathBuf {
        self.path("compose.yaml")
    }

    /// A path in the project's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The container that Compose makes of a service.
    pub(crate) fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.name)
    }

    /// Runs Compose itself.
    pub(crate) fn compose(&self, args: &[&str]) -> String {
        let done = self.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "docker compose {args:?}: {said}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .args(["compose", "--file"])
            .arg(self.file())
            .args(args);
        for name in ["COMPOSE_PROJECT_NAME", "COMPOSE_FILE", "COMPOSE_PROFILES"] {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for ComposeProject {
    fn drop(&mut self) {
        let filter = format!("label=com.docker.compose.project={}", self.name);
        for (list, remove) in [
            (
                &["ps", "--all", "--quiet"][..],
                &["rm", "--force", "--volumes"][..],
            ),
            (&["network", "ls", "--quiet"], &["network", "rm"]),
            (&["volume", "ls", "--quiet"], &["volume", "rm"]),
        ] {
            let found = Command::new("docker")
                .args(list)
                .args(["--filter", &filter])
                .output();
            let ids = found
                .map(|f| String::from_utf8_lossy(&f.stdout).into_owned())
                .unwrap_or_default();
            if !ids.trim().is_empty() {
                let _ = Command::new("docker")
                    .args(remove)
                    .args(ids.split_whitespace())
                    .output();
            }
        }
    }
}

/// Runs the docker command.
pub(crate) fn docker(args: &[&str]) -> String {
    let done = Command::new("docker").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "docker {args:?}: {said}");
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
