//! A cold start of a stack by `docker compose up --wait` and by the workflow, in turn: the containers are removed before each,
//! volumes and images stay. Wants a project: `make bench-cold-start` prepares one and names it.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 3;
const PHASES: &[&str] = &["startup", "--skip-final-health", "--summary-only"];
const FREE: &[&str] = &["startup", "--skip-final-health", "--summary-only", "--fast"];

fn main() {
    let set = |name: &str| std::env::var(name).ok();
    let (Some(file), Some(env_file), Some(project)) = (
        set("TRADEOPS_COMPOSE_FILE"),
        set("TRADEOPS_ENV_FILE"),
        set("COMPOSE_PROJECT_NAME"),
    ) else {
        println!("no stack is named: `make bench-cold-start` prepares one and names it");
        return;
    };
    let compose = ["compose", "--file", &file, "--env-file", &env_file];
    let [mut peer, mut phases, mut free, mut again] = [vec![], vec![], vec![], vec![]];
    for round in 0..ROUNDS {
        down(&compose);
        peer.push(seconds(|| {
            // With a job that has ended well some releases of Compose say 1 here: what counts is what runs then.
            run(
                "docker",
                &[&compose[..], &["up", "--detach", "--wait"]].concat(),
            );
        }));
        let wanted = ready(&project);
        down(&compose);
        phases.push(seconds(|| run(env!("CARGO_BIN_EXE_tradeops"), PHASES)));
        assert_eq!(ready(&project), wanted, "not the same containers are ready");
        again.push(seconds(|| run(env!("CARGO_BIN_EXE_tradeops"), PHASES)));
        down(&compose);
        free.push(seconds(|| run(env!("CARGO_BIN_EXE_tradeops"), FREE)));
        assert_eq!(ready(&project), wanted, "not the same containers are ready");
        println!(
            "round {}: {} containers; compose {:.1} s, by phases {:.1} s, --fast {:.1} s, once more {:.2} s",
            round + 1,
            wanted,
            peer[round],
            phases[round],
            free[round],
            again[round]
        );
    }
    let [peer, phases, free, again] = [peer, phases, free, again].map(median);
    println!("medians of {ROUNDS} rounds");
    println!("{peer:8.2} s  1.00x  docker compose up --wait");
    println!(
        "{phases:8.2} s  {:.2}x  tradeops startup: metrics and dashboards asked, too",
        phases / peer
    );
    println!("{free:8.2} s  {:.2}x  tradeops startup --fast", free / peer);
    println!("{again:8.2} s         tradeops startup when all run");
}

fn down(compose: &[&str]) {
    run("docker", &[compose, &["down", "--timeout", "5"]].concat());
}

/// How many containers of the project are healthy, or jobs that are done.
fn ready(project: &str) -> usize {
    let label = format!("label=com.docker.compose.project={project}");
    let output = Command::new("docker")
        .args(["ps", "--all", "--filter", &label, "--format", "{{.Status}}"])
        .output()
        .expect("docker runs");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.contains("(healthy)") || line.starts_with("Exited (0)"))
        .count()
}

fn run(program: &str, args: &[&str]) {
    let status = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap_or_else(|error| panic!("`{program}` does not start: {error}"));
    let job_ended = program == "docker" && args.contains(&"--wait");
    assert!(
        status.success() || job_ended,
        "{program} {args:?}: {status}"
    );
}

fn seconds(act: impl FnOnce()) -> f64 {
    let began = Instant::now();
    act();
    began.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
