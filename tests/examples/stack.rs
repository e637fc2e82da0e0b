//! What this machine has in the place of the names, ports and logins that examples are written with.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Named;
use crate::docker_fixture::{Fixture, Guard, Spec};
use crate::setting::setting;

/// Variables that an example may be made to read, so that no password stands in a script.
pub(crate) const LOGIN: &[&str] = &["DB_USER", "DB_PASSWORD", "REDIS_PASSWORD"];

/// The small stack of the tests.
pub(crate) struct Stack {
    prefix: String,
    project: String,
    database: String,
    /// The product's own port, and the one that it has here.
    ports: BTreeMap<String, String>,
}

/// An example as it can run here, and what has to live until it has run.
pub(crate) struct Suited {
    pub(crate) text: String,
    _containers: Vec<Guard>,
}

impl Stack {
    pub(crate) fn here() -> Self {
        let compose = std::fs::read_to_string(setting("TRADEOPS_COMPOSE_FILE")).unwrap();
        let published = regex::Regex::new(r"127\.0\.0\.1:\$\{([A-Z0-9_]+):-(\d+)\}").unwrap();
        let ports: BTreeMap<_, _> = published
            .captures_iter(&compose)
            .map(|found| (found[2].to_owned(), setting(&found[1])))
            .collect();
        assert!(!ports.is_empty(), "the compose file publishes no ports");
        Self {
            prefix: setting("TRADEOPS_PREFIX"),
            project: setting("COMPOSE_PROJECT_NAME"),
            database: setting("DB_NAME"),
            ports,
        }
    }

    /// Puts ports, names, logins and folders in. What an example changes becomes a container of its own; what it only
    /// reads is the stack's.
    pub(crate) fn suit(&self, one: &Named, example: &str, changes: bool, folder: &Path) -> Suited {
        let text = example
            .replace("\"/tmp/", &format!("\"{}/", folder.display()))
            .replace(
                r#""postgres://127.0.0.1:5432/trading""#,
                &format!(
                    r#"`postgres://:${{env::get("DB_PASSWORD")}}@127.0.0.1:5432/{}`"#,
                    self.database
                ),
            )
            .replace(r#"user: "trading""#, r#"user: env::get("DB_USER")"#)
            .replace(
                r#""redis://127.0.0.1:6379""#,
                r#"`redis://:${env::get("REDIS_PASSWORD")}@127.0.0.1:6379`"#,
            )
            .replace("\"trading\"", &format!("\"{}\"", self.project));
        let address = regex::Regex::new(r"(127\.0\.0\.1|localhost):(\d+)").unwrap();
        let text = address.replace_all(&text, |found: &regex::Captures<'_>| {
            let port = self.ports.get(&found[2]).map_or(&found[2], String::as_str);
            format!("127.0.0.1:{port}")
        });
        if !changes {
            return Suited {
                text: text.replace("\"trading-", &format!("\"{}trading-", self.prefix)),
                _containers: Vec::new(),
            };
        }
        let container = regex::Regex::new(r#""(trading-[a-z0-9-]+)""#).unwrap();
        let mut names: Vec<_> = container
            .captures_iter(&text)
            .map(|found| found[1].to_owned())
            .collect();
        names.sort();
        names.dedup();
        let fixture = Fixture::new();
        let containers: Vec<_> = names
            .iter()
            .map(|name| own_container(&fixture, name, one))
            .collect();
        let text = container.replace_all(&text, |found: &regex::Captures<'_>| {
            format!("\"{}\"", fixture.name(&found[1]))
        });
        Suited {
            text: text.into_owned(),
            _containers: containers,
        }
    }
}

/// A container for an example to change: a healthy Redis, whatever its name says, in the state that the example starts from.
fn own_container(fixture: &Fixture, name: &str, one: &Named) -> Guard {
    let verb = one.name.strip_prefix("docker::").unwrap_or_default();
    let spec = Spec {
        argv: &["redis-server"],
        health: Some("redis-cli ping"),
        idle: matches!(verb, "start" | "remove"),
        ..Spec::default()
    };
    let guard = fixture.container(name, &spec);
    if !spec.idle {
        await_health(&guard.name);
    }
    if verb == "unpause" {
        docker(&["pause", &guard.name]);
    }
    guard
}

fn await_health(name: &str) {
    let end = Instant::now() + Duration::from_secs(120);
    while docker(&["inspect", "--format", "{{.State.Health.Status}}", name]) != "healthy" {
        assert!(
            Instant::now() < end,
            "`{name}` does not become healthy: {}",
            docker(&["logs", name])
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn docker(args: &[&str]) -> String {
    let done = Command::new("docker").args(args).output().unwrap();
    assert!(
        done.status.success(),
        "docker {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
