//! How fast logs are read, against what people use for it, in one run on one file and one container.
//!
//! The file is made here from a fixed seed: JSON lines of about 190 bytes, 3 % of them errors, 34 of these with an escaped
//! key (`l\u0065vel`), which a search for the plain word misses. Each reader runs as a process of its own, its output goes
//! into nothing but a count, the best of three counts; all must find the same lines, or it is said. Peers that are not on
//! the `PATH` are left out, and that is said too (`make bench-logs` has jq, ripgrep and angle-grinder there).
//!
//! With `REDIS_IMAGE` set (the test stack sets it) a container writes two million lines, which are drained through the
//! engine and from its file, against `docker logs`; then twenty containers write 100,000 lines a second, which are followed.
//!
//! Run with `make bench-logs`; a number as argument is the file's size in MB.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 3;
const TRADEOPS: &str = env!("CARGO_BIN_EXE_tradeops");

fn main() {
    let megabytes = std::env::args()
        .skip(1)
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(300);
    let path = file(megabytes);
    let bytes = std::fs::metadata(&path).map_or(0, |m| m.len());
    println!(
        "{}: {:.0} MB; best of {RUNS}",
        path.display(),
        bytes as f64 / 1e6
    );
    errors(&path, bytes as f64 / 1e6);
    search(&path, bytes as f64 / 1e6);
    match std::env::var("REDIS_IMAGE") {
        Ok(image) => containers(&image),
        Err(_) => println!("containers: left out, no REDIS_IMAGE: `make bench-logs` sets it"),
    }
}

/// A reader and what came of it.
struct Row {
    name: String,
    took: Duration,
    lines: u64,
}

fn table(title: &str, megabytes: f64, rows: &[Row]) {
    println!("\n{title}");
    let ours = rows[0].took.as_secs_f64();
    for row in rows {
        let seconds = row.took.as_secs_f64();
        println!(
            "  {:44} {:7.0} ms {:7.0} MB/s {:9} lines  {:5.1}x of ours",
            row.name,
            seconds * 1e3,
            megabytes / seconds,
            row.lines,
            seconds / ours
        );
    }
}

fn errors(path: &Path, megabytes: f64) {
    let file = path.to_string_lossy().into_owned();
    let mut rows = vec![Row {
        name: "tradeops logs --level error --json-field message".into(),
        ..best(
            TRADEOPS,
            &[
                "logs",
                "--file",
                &file,
                "--level",
                "error",
                "--json-field",
                "message",
            ],
        )
    }];
    rows.push(typed(path));
    let peers: [(&str, &[&str]); 3] = [
        (
            "jq",
            &["-r", "select(.level == \"error\") | .message", &file],
        ),
        (
            "agrind",
            &[
                "--file",
                &file,
                "* | json | where level == \"error\" | fields message",
            ],
        ),
        ("hl", &["-P", "-l", "error", "--raw", &file]),
    ];
    for (peer, args) in peers {
        if has(peer) {
            rows.push(Row {
                name: peer.into(),
                ..best(peer, args)
            });
        } else {
            println!("{peer} is not on the PATH: left out");
        }
    }
    table("errors of JSON lines, their message", megabytes, &rows);
}

fn search(path: &Path, megabytes: f64) {
    let file = path.to_string_lossy().into_owned();
    let pattern = "order [0-9]+ of AAPL";
    let mut rows = vec![Row {
        name: format!("tradeops logs --grep '{pattern}'"),
        ..best(TRADEOPS, &["logs", "--file", &file, "--grep", pattern])
    }];
    if has("rg") {
        rows.push(Row {
            name: format!("rg -i '{pattern}'"),
            ..best("rg", &["-i", "--no-config", pattern, &file])
        });
    } else {
        println!("rg is not on the PATH: left out");
    }
    table("lines that match", megabytes, &rows);
}

/// What most would write: each line decoded into a struct that borrows.
fn typed(path: &Path) -> Row {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        level: Option<std::borrow::Cow<'a, str>>,
        #[serde(borrow)]
        message: Option<std::borrow::Cow<'a, str>>,
    }
    let mut best = Row {
        name: "a typed serde_json loop, one thread".into(),
        took: Duration::MAX,
        lines: 0,
    };
    for _ in 0..RUNS {
        let began = Instant::now();
        let mut lines = 0;
        let mut out = std::io::sink();
        let Ok(file) = std::fs::File::open(path) else {
            return best;
        };
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            if let Ok(found) = serde_json::from_slice::<Line<'_>>(&line)
                && found.level.as_deref() == Some("error")
            {
                let _ = writeln!(out, "{}", found.message.unwrap_or_default());
                lines += 1;
            }
            line.clear();
        }
        best.took = best.took.min(began.elapsed());
        best.lines = lines;
    }
    best
}

fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Runs a program to its end, and counts the lines that it writes.
fn best(program: &str, args: &[&str]) -> Row {
    let mut row = Row {
        name: String::new(),
        took: Duration::MAX,
        lines: 0,
    };
    for _ in 0..RUNS {
        let (took, lines) = run(program, args);
        (row.took, row.lines) = (row.took.min(took), lines);
    }
    row
}

fn run(program: &str, args: &[&str]) -> (Duration, u64) {
    let began = Instant::now();
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return (Duration::MAX, 0);
    };
    let mut lines = 0;
    if let Some(mut out) = child.stdout.take() {
        let mut buffer = vec![0; 256 << 10];
        while let Ok(n @ 1..) = out.read(&mut buffer) {
            lines += memchr::memchr_iter(b'\n', &buffer[..n]).count() as u64;
        }
    }
    let _ = child.wait();
    (began.elapsed(), lines)
}

fn file(megabytes: usize) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("logs-{megabytes}.jsonl"));
    if path.exists() {
        return path;
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let symbols = ["AAPL", "MSFT", "TSLA", "NVDA", "AMZN"];
    let beside = folder.join("logs.part");
    let (mut text, mut errors, mut escaped) = (String::new(), 0, 0);
    let mut out = match std::fs::File::create(&beside) {
        Ok(out) => std::io::BufWriter::new(out),
        Err(error) => {
            println!("{}: {error}", beside.display());
            std::process::exit(1);
        }
    };
    let (mut written, mut n) = (0, 0_u64);
    while written < megabytes * 1_000_000 {
        n += 1;
        let r = random();
        let level = match r % 100 {
            0..3 => "error",
            3..10 => "warn",
            10..40 => "debug",
            _ => "info",
        };
        errors += u64::from(level == "error");
        let key = if level == "error" && errors % 1500 == 7 && escaped < 34 {
            escaped += 1;
            "l\\u0065vel"
        } else {
            "level"
        };
        text.clear();
        let _ = writeln!(
            text,
            "{{\"timestamp\":\"2026-11-28T{:02}:{:02}:{:02}.{:06}Z\",\"{key}\":\"{level}\",\"service\":\"execution\",\"message\":\"order {} of {} was \\\"filled\\\" in {} ms\",\"trace_id\":\"{:016x}\",\"status\":{}}}",
            n / 360_000 % 24,
            n / 6000 % 60,
            n / 100 % 60,
            r % 1_000_000,
            n,
            symbols[(r >> 8) as usize % 5],
            r >> 20 & 0xfff,
            r,
            200 + r % 4 * 100
        );
        written += text.len();
        let _ = out.write_all(text.as_bytes());
    }
    let _ = out.flush();
    let _ = std::fs::rename(&beside, &path);
    path
}

/// A container that is removed with this.
struct Container(String);

impl Container {
    fn run(name: &str, image: &str, line: &str) -> Self {
        let label = "com.tradeops.test=bench-logs";
        let args = [
            "run",
            "--detach",
            "--name",
            name,
            "--label",
            label,
            "--entrypoint",
            "sh",
            image,
            "-c",
            line,
        ];
        let made = Command::new("docker")
            .args(args)
            .stdout(Stdio::null())
            .status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "cannot start {name}"
        );
        Self(name.to_owned())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "--force", "--volumes", &self.0])
            .stdout(Stdio::null())
            .status();
    }
}

const LINES: u64 = 2_000_000;

fn containers(image: &str) {
    let unique = std::process::id();
    let text = "x".repeat(100);
    let name = format!("bench-logs-{unique}");
    let writer = format!(
        "awk 'BEGIN {{ for (n = 1; n <= {LINES}; n++) printf \"%09d line {text}\\n\", n }}'"
    );
    let container = Container::run(&name, image, &writer);
    let _ = Command::new("docker")
        .args(["wait", &name])
        .stdout(Stdio::null())
        .status();
    let common = [
        "logs",
        &name,
        "--no-follow",
        "--since",
        "all",
        "--no-markers",
    ];
    let rows = [
        Row {
            name: "tradeops logs (the engine's file)".into(),
            ..best(TRADEOPS, &common)
        },
        Row {
            name: "tradeops logs --no-direct (the engine)".into(),
            ..best(TRADEOPS, &[&common[..], &["--no-direct"]].concat())
        },
        Row {
            name: "docker logs --timestamps".into(),
            ..best("docker", &["logs", "--timestamps", &name])
        },
        Row {
            name: "docker logs".into(),
            ..best("docker", &["logs", &name])
        },
    ];
    table(
        "a container with two million lines",
        LINES as f64 * 116.0 / 1e6,
        &rows,
    );
    drop(container);
    follow(image, unique);
}

const WRITERS: u64 = 20;
const SECONDS: u64 = 20;
const EACH: u64 = 5600;
/// Before they begin, so that all are there.
const REST: u64 = 8;

/// Twenty containers, each with 5,000 lines a second, and one reader.
fn follow(image: &str, unique: u32) {
    let most = EACH * SECONDS;
    let writer = format!(
        "sleep {REST}; exec awk 'BEGIN {{ for (n = 1; n <= {most}; n++) {{ printf \"%09d INFO a line of a hundred bytes or so, as programs write them all day long, and then some more\\n\", n; if (n % 560 == 0) {{ fflush(); system(\"sleep 0.09\") }} }} }}'"
    );
    let names: Vec<_> = (0..WRITERS)
        .map(|n| format!("bench-follow-{unique}-{n}"))
        .collect();
    let containers: Vec<_> = names
        .iter()
        .map(|name| Container::run(name, image, &writer))
        .collect();
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("follow.json");
    let report = report.to_string_lossy().into_owned();
    let mut args: Vec<&str> = vec!["logs"];
    args.extend(names.iter().map(String::as_str));
    args.extend([
        "--since",
        "all",
        "--no-markers",
        "--within",
        "60s",
        "--report",
        &report,
    ]);
    let began = Instant::now();
    let (_, lines) = run(TRADEOPS, &args);
    let took = began.elapsed();
    let written = names.iter().map(|name| ran(name)).max().unwrap_or_default();
    drop(containers);
    let text = std::fs::read_to_string(&report).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    println!(
        "\nfollow: {WRITERS} containers, {:.0} lines a second together: {} lines written, {} read, {lines} shown, {} dropped, {} late, in {:.0} s",
        (WRITERS * most) as f64 / written.as_secs_f64(),
        WRITERS * most,
        value["lines"],
        value["dropped"],
        value["sources"]
            .as_array()
            .map_or(0, |all| all.iter().filter_map(|s| s["late"].as_u64()).sum()),
        took.as_secs_f64()
    );
}

/// How long a container wrote: until its end, without the rest before.
fn ran(name: &str) -> Duration {
    let format = "{{.State.StartedAt}} {{.State.FinishedAt}}";
    let said = Command::new("docker")
        .args(["inspect", "--format", format, name])
        .output();
    let text = said
        .map(|said| String::from_utf8_lossy(&said.stdout).into_owned())
        .unwrap_or_default();
    let mut times = text
        .split_whitespace()
        .filter_map(|at| tradeops::logs::time_of(at.as_bytes()));
    match (times.next(), times.next()) {
        (Some(from), Some(to)) => Duration::from_nanos(u64::try_from(to - from).unwrap_or(0))
            .saturating_sub(Duration::from_secs(REST)),
        _ => Duration::MAX,
    }
}
