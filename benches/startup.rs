//! How long starting takes, against bash in the same run: the goal is twice bash for a trivial script and three times
//! for the check and start of a shipped workflow.
//!
//! Processes are started in turn, so that whatever else the machine does falls on all alike; medians are compared.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 300;

/// A program that does nothing, in Rust: what any binary costs here.
const EMPTY: &str = "fn main() {}\n";

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let hello = folder.path().join("hello.rhai");
    std::fs::write(&hello, "print(\"hello\");\n").expect("a script");
    let tradeops = env!("CARGO_BIN_EXE_tradeops");
    let hello = hello.display().to_string();
    let mut cases: Vec<(String, Vec<String>)> =
        vec![("bash -c true".into(), words(&["bash", "-c", "true"]))];
    if let Some(empty) = empty(folder.path()) {
        cases.push(("an empty binary".into(), vec![empty]));
    }
    cases.push(("tradeops --version".into(), words(&[tradeops, "--version"])));
    cases.push((
        "tradeops run hello.rhai".into(),
        words(&[tradeops, "run", &hello]),
    ));
    cases.push((
        "tradeops check hello.rhai".into(),
        words(&[tradeops, "check", &hello]),
    ));
    for (name, _) in tradeops::script::shipped::SCRIPTS {
        cases.push((
            format!("tradeops {name} --help"),
            words(&[tradeops, name, "--help"]),
        ));
    }

    let mut times = vec![Vec::with_capacity(RUNS); cases.len()];
    for _ in 0..RUNS {
        for ((_, words), times) in cases.iter().zip(&mut times) {
            times.push(once(words, folder.path()));
        }
    }
    let bash = median(&mut times[0]);
    println!("medians of {RUNS} runs");
    for ((name, _), times) in cases.iter().zip(&mut times) {
        let median = median(times);
        let ratio = median.as_secs_f64() / bash.as_secs_f64();
        println!(
            "{:8.2} ms  {ratio:5.2}x bash  {name}",
            median.as_secs_f64() * 1e3
        );
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Builds the empty program, where there is a compiler.
fn empty(folder: &Path) -> Option<String> {
    let source = folder.join("empty.rs");
    let binary = folder.join("empty");
    std::fs::write(&source, EMPTY).ok()?;
    let built = Command::new("rustc")
        .args(["-O", "-o"])
        .arg(&binary)
        .arg(&source)
        .status()
        .is_ok_and(|status| status.success());
    built.then(|| binary.display().to_string())
}

fn once(words: &[String], folder: &Path) -> Duration {
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .current_dir(folder)
        .env("HOME", folder)
        .env("TRADEOPS_STATE", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status();
    let took = began.elapsed();
    assert!(status.is_ok_and(|s| s.success()), "{words:?}");
    took
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
