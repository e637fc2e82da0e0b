//! Where the lines go: a terminal, a reader that is slow, one that goes away.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{TRADEOPS, World, until};
use crate::writer::Writers;

/// What a terminal gets.
fn at_terminal(world: &World, line: &str) -> String {
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", line, "/dev/null"])
        .current_dir(world.work())
        .env("BIN", TRADEOPS)
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env("TRADEOPS_STATE", world.state())
        .env("XDG_CONFIG_HOME", world.config().parent().unwrap())
        .env_remove("NO_COLOR")
        .env_remove("LOG_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

#[test]
fn colours_on_a_terminal_break_neither_text_nor_each_other() {
    let world = World::new();
    let long = "x".repeat(300);
    world.file(
        "a.log",
        &format!(
            "ERROR: a/b\nINFO: \u{1b}[32mgreen a/b\u{1b}[0m and \u{1b}[2J\nWARN: {long}\nplain\n"
        ),
    );
    let seen = at_terminal(
        &world,
        "stty cols 60; $BIN logs --file a.log --highlight a/b",
    );
    assert_eq!(
        seen,
        format!(
            "\u{1b}[31mERROR\u{1b}[0m: \u{1b}[7ma/b\u{1b}[27m\nINFO: \u{1b}[32mgreen \u{1b}[7ma/b\u{1b}[27m\u{1b}[0m and \\x1b[2J\u{1b}[0m\n\u{1b}[33mWARN\u{1b}[0m: {long}\nplain\n"
        )
    );
    for off in ["NO_COLOR=1", "LOG_COLOR=no"] {
        let seen = at_terminal(
            &world,
            &format!("{off} $BIN logs --file a.log --highlight a/b --grep '!x{{9}}'"),
        );
        assert_eq!(
            seen, "ERROR: **a/b**\nINFO: green **a/b** and \\x1b[2J\nplain\n",
            "{off}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let world = World::new();
    world.file("a.log", &"INFO: a line of a log\n".repeat(400_000));
    let line = format!("{TRADEOPS} logs --file a.log; echo $? > code");
    let mut child = Command::new("sh")
        .args(["-c", &format!("({line}) 2> err | head -n 1")])
        .current_dir(world.work())
        .env("TRADEOPS_STATE", world.state())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(child.wait().unwrap().success());
    until("the exit code", || {
        world.read("code").is_some_and(|text| text.ends_with('\n'))
    });
    assert_eq!(
        (world.read("code").as_deref(), world.read("err").as_deref()),
        (Some("0\n"), Some(""))
    );
}

#[test]
fn behind_a_slow_reader_errors_are_never_left_out() {
    let (world, writers) = (World::new(), Writers::new());
    // More than waits at most, by far.
    let line = "sleep 3; awk 'BEGIN { for (n = 1; n <= 400000; n++) { print \"DEBUG: line \" n; if (n % 4000 == 0) print \"ERROR: number \" n } }'; echo 'INFO: the end'; sleep 600";
    let name = writers.run("s", "api", 1, &[], line);
    let mut child = Command::new(TRADEOPS)
        .args([
            "logs",
            &name,
            "--since",
            "all",
            "--no-markers",
            "--until-match",
            "the end",
            "--stats",
            "--report",
            "r.json",
        ])
        .current_dir(world.work())
        .env("TRADEOPS_STATE", world.state())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    // The engine is not held up: the container comes to its end although nobody reads.
    until("the container's end", || {
        writers
            .docker(&["logs", "--tail", "1", &name])
            .contains("the end")
    });
    // All of it has been taken in when there is nothing left to do.
    let mut before = String::new();
    until("rest", || {
        std::thread::sleep(Duration::from_secs(1));
        let now = worked(child.id());
        std::mem::replace(&mut before, now) == before
    });
    // What waits is bounded, whatever there is to show.
    let peak = peak_kib(child.id());
    assert!(peak < 250_000, "{peak} KiB");
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if out.read_until(b'\n', &mut line).unwrap() == 0 {
            break;
        }
        lines.push(String::from_utf8(line).unwrap());
    }
    assert!(child.wait().unwrap().success());
    let errors = lines
        .iter()
        .filter(|line| line.contains("| ERROR: number"))
        .count();
    assert_eq!(errors, 100);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("debug lines dropped")),
        "it is told"
    );
    let report: serde_json::Value = serde_json::from_str(&world.read("r.json").unwrap()).unwrap();
    let count = |name: &str| report[name].as_u64().unwrap();
    assert!(count("dropped") > 1000, "{report}");
    assert_eq!(
        count("lines"),
        count("shown") + count("dropped") + count("filtered") + count("folded")
    );
    assert_eq!(count("lines"), 400_101);
}

/// The time that a process has had on the processors, in tenths of a second.
fn worked(pid: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    (ticks / 10).to_string()
}

/// The most memory that a process has had.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_full_disk_is_told() {
    let world = World::new();
    world.file("a.log", &"INFO: a line of a log\n".repeat(40_000));
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut child = Command::new(TRADEOPS)
        .args(["logs", "--file", "a.log"])
        .current_dir(world.work())
        .env("TRADEOPS_STATE", world.state())
        .stdout(Stdio::from(full))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(
        err.contains("cannot write the output: No space left on device"),
        "{err}"
    );
}
