//! A full health run against its own slowest check, and against asking the same things with curl and docker one after
//! the other, as the old script did. Wants a stack: `make bench-health`.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const RUNS: usize = 3;

fn main() {
    let Ok(project) = std::env::var("COMPOSE_PROJECT_NAME") else {
        println!("no stack is named: `make bench-health` brings one up and names it");
        return;
    };
    let containers = containers(&project);
    let (mut wall, mut whole, mut slowest, mut one_by_one) = (vec![], vec![], vec![], vec![]);
    let mut checks = 0;
    for _ in 0..RUNS {
        let began = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_tradeops"))
            .args(["health", "-o", "json"])
            .stderr(Stdio::null())
            .output()
            .expect("the binary runs");
        wall.push(began.elapsed().as_secs_f64() * 1e3);
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        let found = report["checks"].as_array().expect("checks");
        checks = found.len();
        let ms = |value: &Value| value["ms"].as_f64().unwrap_or(f64::NAN);
        whole.push(ms(&report));
        slowest.push(found.iter().map(ms).fold(0.0, f64::max));
        one_by_one.push(sequential(&containers).as_secs_f64() * 1e3);
    }
    let [wall, whole, slowest, one_by_one] = [wall, whole, slowest, one_by_one].map(median);
    println!(
        "medians of {RUNS} runs, {checks} checks, {} containers",
        containers.len()
    );
    println!("{slowest:9.0} ms  the slowest single check");
    println!(
        "{whole:9.0} ms  {:5.2}x  the full run: {:.0} ms beside it",
        whole / slowest,
        whole - slowest
    );
    println!(
        "{wall:9.0} ms  {:5.2}x  with the start of the process",
        wall / slowest
    );
    println!(
        "{one_by_one:9.0} ms  {:5.2}x the full run  curl and docker, one after the other",
        one_by_one / wall
    );
}

struct Container {
    name: String,
    /// Where its ports are on this machine.
    ports: Vec<String>,
}

fn containers(project: &str) -> Vec<Container> {
    let label = format!("label=com.docker.compose.project={project}");
    let names = said(&["docker", "ps", "--filter", &label, "--format", "{{.Names}}"]);
    let mut all: Vec<Container> = Vec::new();
    for name in names.lines() {
        let ports = said(&["docker", "port", name]);
        let ports = ports.lines().filter_map(|line| line.rsplit(" -> ").next());
        all.push(Container {
            name: name.to_owned(),
            ports: ports.map(str::to_owned).collect(),
        });
    }
    all
}

/// Fewer questions than the full run asks: state, use, error lines, and three pages of each port. Nothing of the
/// databases, of Prometheus' and Alertmanager's state, of secrets, certificates, volumes and backups.
fn sequential(containers: &[Container]) -> Duration {
    let began = Instant::now();
    for container in containers {
        let name = container.name.as_str();
        said(&["docker", "inspect", name]);
        said(&["docker", "stats", "--no-stream", name]);
        said(&["docker", "logs", "--since", "10m", name]);
        for port in &container.ports {
            for page in ["health", "ready", "metrics"] {
                said(&["curl", "-s", "-m", "5", &format!("http://{port}/{page}")]);
            }
        }
    }
    began.elapsed()
}

fn said(words: &[&str]) -> String {
    let output = Command::new(words[0])
        .args(&words[1..])
        .stderr(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("`{}` does not start: {error}", words[0]));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
