//! `report::watch`: a log of changes, a report a line, a grid at a terminal; and how it ends.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use support::{TRADEOPS, World};
use terminal::Terminal;

/// Watches what the file `status` says of two services.
const WATCH: &str = r#"//! Watches.
//! needs: fs.read, env.read
let times = if fs::exists("times") { text::trimmed(fs::read_text("times")).parse_int() } else { () };
report::watch(|| report::run([
    #{ id: "redis.answers", layer: "data", service: "redis", severity: "critical" },
    #{ id: "api.answers", layer: "applications", service: "api" },
], |check| if check.service == "api" {
    #{ status: "ok", value: env::get("API_PASSWORD") ?? "in 3 ms" }
} else {
    #{ status: text::trimmed(fs::read_text("status")), evidence: "asked PING" }
}), #{ every: "50ms", times: times })
"#;

fn world(status: &str) -> World {
    let world = World::new();
    world.file("watch.rhai", WATCH);
    world.file("status", status);
    world
}

/// Replaces the file whole: a look may read it at any time.
fn turn(world: &World, status: &str) {
    world.file("status.new", status);
    std::fs::rename(world.path("status.new"), world.path("status")).unwrap();
}

#[test]
fn elsewhere_than_at_a_terminal_it_is_a_report_and_then_changes() {
    let world = world("ok");
    let mut running = world.tradeops(&["run", "watch.rhai"]).start();
    running.until("api.answers");
    turn(&world, "bad");
    running.until("redis.answers: ok -> bad: asked PING\n");
    turn(&world, "degraded");
    running.until("redis.answers: bad -> degraded: asked PING\n");
    turn(&world, "ok");
    running.until("redis.answers: degraded -> ok\n");
    running.signal(Signal::INT);
    let done = running.end().exits(0);
    assert!(done.out.starts_with("healthy: 2 checks"), "{}", done.out);
    assert!(!done.out.contains('\x1b'), "{}", done.out);
    assert_eq!(done.out.matches("2 checks").count(), 1, "{}", done.out);
    let changes: Vec<&str> = done.out.lines().filter(|l| l.contains(" -> ")).collect();
    let without_time = |line: &&str| line.split_once(' ').unwrap().1.to_owned();
    assert_eq!(
        changes.iter().map(without_time).collect::<Vec<_>>(),
        [
            "verdict: healthy -> unhealthy",
            "redis.answers: ok -> bad: asked PING",
            "verdict: unhealthy -> degraded",
            "redis.answers: bad -> degraded: asked PING",
            "verdict: degraded -> healthy",
            "redis.answers: degraded -> ok",
        ]
    );
    assert!(changes.iter().all(|l| l.starts_with("20")), "{}", done.out);
    assert_eq!(done.err, "");
}

#[test]
fn an_interrupt_ends_it_with_the_last_verdict() {
    for (status, code) in [("ok", 0), ("degraded", 1), ("bad", 2)] {
        let world = world(status);
        let mut running = world.tradeops(&["run", "-o", "json", "watch.rhai"]).start();
        running.until(&format!("\"exit_code\":{code}"));
        running.signal(Signal::INT);
        let done = running.end().exits(code);
        assert_eq!(done.err, "", "{status}");
    }
    // Other ends stay what they are.
    let world = world("ok");
    let mut running = world.tradeops(&["run", "watch.rhai"]).start();
    running.until("api.answers");
    running.signal(Signal::TERM);
    running.end().exits(143);
    world
        .tradeops(&["run", "--deadline", "1s", "watch.rhai"])
        .done()
        .exits(124);
}

#[test]
fn before_the_first_look_and_after_the_last_an_interrupt_is_one() {
    let world = World::new();
    let look = "report::run([#{ id: \"a\", layer: \"x\" }], |c| #{ status: \"ok\" })";
    for body in [
        format!("report::watch(|| {{ print(\"ready\"); time::sleep(\"1h\"); {look} }});"),
        format!(
            "report::watch(|| {look}, #{{ every: \"1ms\", times: 2 }});\nprint(\"ready\");\ntime::sleep(\"1h\");"
        ),
    ] {
        world.file("script.rhai", &body);
        let mut running = world.tradeops(&["run", "script.rhai"]).start();
        running.until("ready");
        running.signal(Signal::INT);
        running.end().exits(130);
    }
    // In the second look it is the first one's verdict.
    world.file(
        "script.rhai",
        &format!(
            "//! needs: fs.read, fs.change\nreport::watch(|| {{\n    if fs::exists(\"seen\") {{ print(\"again\"); time::sleep(\"1h\"); }}\n    fs::write_text(\"seen\", \"\");\n    {}\n}}, #{{ every: \"1ms\" }});\n",
            look.replace("\"ok\"", "\"bad\"")
        ),
    );
    let mut running = world.tradeops(&["run", "script.rhai"]).start();
    running.until("again");
    running.signal(Signal::INT);
    running.end().exits(1);
}

#[test]
fn as_json_it_is_a_report_a_line_to_the_last() {
    let world = world("bad");
    world.file("times", "3");
    let done = world
        .tradeops(&["run", "-o", "json", "watch.rhai"])
        .env("API_PASSWORD", "hunter2-hunter2")
        .done()
        .exits(2);
    let reports: Vec<Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(reports.len(), 3, "{}", done.out);
    for report in &reports {
        assert_eq!(report["schema"], "tradeops.report/1");
        assert_eq!(report["verdict"], "unhealthy");
        assert_eq!(report["checks"][0]["id"], "redis.answers");
    }
    // The same form, whichever wrote it; and no secret in any.
    let keys = |line: &str| line.split('"').nth(1).unwrap().to_owned();
    let first: Vec<_> = done.out.lines().map(keys).collect();
    assert_eq!(first[0], first[2]);
    assert!(!done.out.contains("hunter2"), "{}", done.out);

    let plain = world
        .tradeops(&["run", "watch.rhai"])
        .env("API_PASSWORD", "hunter2-hunter2")
        .done()
        .exits(2);
    assert!(!plain.out.contains("hunter2"), "{}", plain.out);
}

#[test]
fn it_ends_when_nobody_reads_it_any_more() {
    let world = world("degraded");
    let line = "\"$BIN\" run -o json watch.rhai; echo \"exit=$?\" >&2";
    let mut child = Command::new("sh")
        .args(["-c", &format!("{{ {line}; }} | head -n 1")])
        .current_dir(world.work())
        .env("BIN", TRADEOPS)
        .env("TRADEOPS_STATE", world.state())
        .env("XDG_CONFIG_HOME", world.config())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        if std::time::Instant::now() > end {
            // What still watches ends when its script is gone.
            std::fs::remove_file(world.path("status")).unwrap();
            let _ = child.kill();
            panic!("it still watches");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout.iter().filter(|b| **b == b'\n').count(), 1);
    assert_eq!(err, "exit=1\n");
}

#[test]
fn at_a_terminal_it_draws_the_grid_and_leaves_the_terminal_as_it_was() {
    let world = world("ok");
    let mut terminal = Terminal::open(
        &world.work(),
        "stty rows 24 cols 80; trap : INT; stty -a > before; \"$BIN\" run watch.rhai; echo \"exit=$?\"; stty -a > after",
    );
    let page = terminal.wait("Ctrl-C ends with this verdict");
    for part in [
        "\x1b[H",
        "healthy: 2 checks",
        "       data  applications\x1b[K",
        "redis  +\x1b[K",
        "api          +\x1b[K",
    ] {
        assert!(page.contains(part), "no {part:?} in {page:?}");
    }
    turn(&world, "bad");
    let page = terminal.wait("redis  x\x1b[K");
    assert!(page.contains("unhealthy: 2 checks"), "{page:?}");
    assert!(page.contains("causes"), "{page:?}");
    terminal.wait("Ctrl-C ends with this verdict\x1b[K\r\n\x1b[J");
    terminal.keys("\x03");
    let rest = terminal.wait("exit=2");
    terminal.child.wait().unwrap();
    assert_eq!(world.read("before").unwrap(), world.read("after").unwrap());
    // Neither another screen nor a hidden cursor, which somebody would have to undo.
    assert!(
        !page.contains("\x1b[?") && !rest.contains("\x1b[?"),
        "{rest:?}"
    );
}

#[test]
fn at_a_small_terminal_the_verdict_stays_in_sight() {
    let world = world("bad");
    let mut terminal = Terminal::open(
        &world.work(),
        "stty rows 7 cols 60; trap : INT; \"$BIN\" run watch.rhai; echo \"exit=$?\"",
    );
    terminal.wait("\x1b[H");
    let page = terminal.wait("\x1b[H");
    assert!(page.starts_with("unhealthy: 2 checks"), "{page:?}");
    assert!(
        page.contains("more lines: the screen is too small"),
        "{page:?}"
    );
    // All rows but the cursor's, which stands in the last.
    assert_eq!(page.matches('\n').count(), 6, "{page:?}");
    terminal.keys("\x03");
    terminal.wait("exit=2");
    terminal.child.wait().unwrap();
}
