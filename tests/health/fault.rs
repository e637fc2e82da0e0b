//! A fault as these tests plant it, and what health must say of it and of nothing else.

use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::bounds::Gone;
use crate::stack::{Asked, Stack, docker, env, eventually, fetch, run};

/// A fault, and what health must say of it: from these `docs/faults.md` is made (`fault_table.rs`).
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

/// One, in the order of its fields.
pub(crate) const fn fault(
    name: &'static str,
    check: &'static str,
    layer: &'static str,
    severity: &'static str,
    status: &'static str,
    says: &'static str,
) -> Fault {
    Fault {
        name,
        check,
        layer,
        severity,
        status,
        says,
    }
}

impl Fault {
    /// Whether this is what its check found.
    pub(crate) fn is_of(&self, check: &Value) -> bool {
        let evidence = check["evidence"].as_str().unwrap_or_default();
        check["status"] == self.status && evidence.contains(self.says)
    }

    /// Asserts that it was found, whatever else is wrong.
    pub(crate) fn is_among(&self, asked: &Asked) {
        println!("{}: {}", self.check, self.name);
        let check = asked.check(self.check);
        assert!(self.is_of(check), "{self:?}: {check:#}");
        assert_eq!(check["layer"], self.layer, "{check:#}");
        assert_eq!(check["severity"], self.severity, "{check:#}");
        // What is not known has nothing that would help for certain.
        assert!(
            self.status == "unknown" || check["remedy"] != "",
            "no remedy: {check:#}"
        );
    }

    /// Asserts that it was found, and that nothing else is wrong.
    pub(crate) fn is_found(&self, asked: &Asked) {
        self.is_among(asked);
        assert_eq!(wrong(asked), [self.check], "{self:?}");
        // Of major checks one that is unknown counts only when nothing is known, and any other is degraded.
        let known = asked.checks().iter().any(|check| check["status"] == "ok");
        let code = match self.status {
            "unknown" if known => 0,
            "unknown" => 3,
            _ => 1,
        };
        assert_eq!(asked.code, code, "{self:?}: {:#}", asked.report);
    }
}

/// The checks that are neither well nor left out.
pub(crate) fn wrong(asked: &Asked) -> Vec<&str> {
    let fine = |check: &&Value| check["status"] == "ok" || check["status"] == "skipped";
    let wrong = asked.checks().iter().filter(|check| !fine(check));
    wrong.filter_map(|check| check["id"].as_str()).collect()
}

/// Asks health with these words and settings (the text of `tradeops.toml`) and variables.
pub(crate) fn ask(
    stack: &Stack,
    settings: &str,
    words: &[&str],
    variables: &[(&str, &str)],
) -> Asked {
    let (asked, _) = told(stack, settings, words, variables);
    asked
}

/// The same, with everything that it wrote.
pub(crate) fn told(
    stack: &Stack,
    settings: &str,
    words: &[&str],
    variables: &[(&str, &str)],
) -> (Asked, String) {
    std::fs::write(stack.folder.path().join("tradeops.toml"), settings).expect("the settings");
    let began = Instant::now();
    let mut command = stack.command(&["run", "-o", "json", "health"]);
    command.args(words).envs(variables.iter().copied());
    // An answer from the machine's own environment is no answer to these settings.
    for name in ["POLYGON_API_KEY", "EODHD_API_KEY", "PROVIDER_DEEP_TEST"] {
        if !variables.iter().any(|(n, _)| *n == name) {
            command.env_remove(name);
        }
    }
    let output = run(&mut command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no report ({error}): {all}"));
    let asked = Asked {
        code: output.status.code().unwrap_or(-1),
        report,
        wall: began.elapsed(),
    };
    (asked, all)
}

/// A compose project of one stand-in, for one test.
pub(crate) struct Alone {
    pub(crate) project: String,
    _gone: Gone,
}

impl Alone {
    /// Starts it, with these ports published.
    pub(crate) fn start(service: &str, ports: &[u16], options: &[&str]) -> Self {
        let project = format!("tt-{service}-{}", std::process::id());
        let gone = Gone(project.clone());
        let label = |key: &str, value: &str| format!("com.docker.compose.{key}={value}");
        let mut words: Vec<String> = ["run", "-d", "--rm", "--name", &project]
            .map(str::to_owned)
            .into();
        for label in [
            "com.tradeops.test=health".to_owned(),
            label("project", &project),
            label("service", service),
        ] {
            words.extend(["--label".to_owned(), label]);
        }
        for port in ports.iter().chain(&[9999]) {
            words.extend(["-p".to_owned(), format!("127.0.0.1::{port}")]);
        }
        words.extend(options.iter().map(|word| (*word).to_owned()));
        words.extend([env("STANDIN_IMAGE"), service.to_owned()]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        docker(&words);
        let alone = Self {
            project,
            _gone: gone,
        };
        eventually("the stand-in does not answer", || {
            alone.told("/reset").map_err(|error| error.to_string())
        });
        alone
    }

    /// Where a port of it is on this machine.
    pub(crate) fn port(&self, inside: u16) -> u16 {
        let output = Command::new("docker")
            .args(["port", &self.project, &inside.to_string()])
            .output();
        let output = output.expect("docker runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let port = text.trim().rsplit(':').next().and_then(|p| p.parse().ok());
        port.unwrap_or_else(|| panic!("{inside} is not published: {text}"))
    }

    fn told(&self, conduct: &str) -> std::io::Result<String> {
        fetch(self.port(9999), conduct)
    }

    /// Tells it how to behave, and only that.
    pub(crate) fn tell(&self, conduct: &str) {
        for conduct in ["/reset", conduct] {
            let answer = self.told(conduct).expect("the control port answers");
            assert!(!answer.contains("\"error\":"), "{conduct}: {answer}");
        }
    }
}
