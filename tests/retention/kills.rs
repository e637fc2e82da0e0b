//! The tool killed with -9 before and behind each of its requests, and the server: no row is lost, none is doubled.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tradeops::questdb::{Limits, Server, tables};
use tradeops::run::Cx;

use crate::proxy::{Go, Proxy};
use crate::rows::{DAYS, Form, Row, assert_holds, at, create, day, drop_all, fill, rows, twin};
use crate::server::{Container, env};

const SCRIPT: &str = r#"//! Removes old rows of one table.
//! needs: retention.destroy, env.read
let db = questdb::connect(env::get("TEST_URL"));
let rules = [
    #{ name: "age", before: time::parse("2024-02-12T00:00:00Z") },
    #{ name: "volume", before: time::parse("2024-02-15T00:00:00Z"), condition: "volume = 0" },
];
let removed = retention::remove(db, env::get("TEST_TABLE"), rules);
for p in removed.partitions { print(`${p.name} ${p.outcome} ${p.note}`); }
if removed.failed != () { throw removed.failed; }
"#;

/// What must stay by the script's rules.
fn stays(row: &Row) -> bool {
    row.at >= day("2024-02-15") || (row.at >= day("2024-02-12") && row.volume != Some(0))
}

struct World {
    folder: tempfile::TempDir,
    table: String,
}

impl World {
    fn new(table: &str) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        std::fs::write(folder.path().join("remove.rhai"), SCRIPT).unwrap_or_else(|e| panic!("{e}"));
        Self {
            folder,
            table: table.into(),
        }
    }

    fn tool(&self, port: u16) -> Command {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_tradeops"));
        tool.args(["run", "remove.rhai"])
            .current_dir(self.folder.path())
            .env("TRADEOPS_STATE", self.folder.path().join("state"))
            .env("TEST_URL", format!("http://127.0.0.1:{port}"))
            .env("TEST_TABLE", &self.table)
            .stdin(Stdio::null());
        tool
    }

    /// Runs it to its end, a second time if need be: a server may be away for a while.
    fn to_the_end(&self, port: u16, why: &str) {
        let end = Instant::now() + Duration::from_secs(300);
        loop {
            let output = self.tool(port).output().unwrap_or_else(|e| panic!("{e}"));
            if output.status.success() {
                return;
            }
            let said = String::from_utf8_lossy(&output.stderr).into_owned()
                + &*String::from_utf8_lossy(&output.stdout);
            assert!(
                said.contains("no QuestDB answers") && Instant::now() < end,
                "{why}: {said}"
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

/// Five days, of which two go and three lose rows; and one that stays.
fn data() -> Vec<Row> {
    rows("2024-02-10", TimeDelta::minutes(48), 180)
}

fn assert_exact(server: &Server, table: &str, twin: &str, data: &[Row], why: &str) {
    let wanted: Vec<_> = data.iter().filter(|row| stays(row)).collect();
    assert_holds(server, table, twin, &wanted, why);
    let all =
        tables(&Cx::detached(), server, Limits::default()).unwrap_or_else(|e| panic!("{why}: {e}"));
    let left: Vec<_> = all
        .iter()
        .filter(|t| t.name.starts_with("tradeops_tradeops") && t.name.contains(table))
        .collect();
    assert!(left.is_empty(), "{why}: {left:?}");
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap_or_else(|| panic!("{pid}"));
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// How a run is cut off at a request.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// The tool dies before the request goes on.
    Before,
    /// The tool dies when the server has it.
    Behind,
}

/// One run that is cut off at request `at`, then runs that are not. `false`: there was no such request.
fn cut_off_at(server: u16, table: &str, at: usize, cut: Cut, why: &str) -> bool {
    let pid = Arc::new(AtomicU32::new(0));
    let killed = pid.clone();
    let proxy = Proxy::start(server, move |request, _| {
        if request != at {
            return Go::On;
        }
        while killed.load(Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        kill(killed.load(Ordering::SeqCst));
        match cut {
            Cut::Before => Go::Nowhere,
            Cut::Behind => Go::Unanswered,
        }
    });
    let world = World::new(table);
    let mut child: Child = world
        .tool(proxy.port)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{e}"));
    pid.store(child.id(), Ordering::SeqCst);
    let _ = child.wait();
    let reached = proxy.let_through() > at;
    // A server that has it may still be at it.
    world.to_the_end(proxy.port, why);
    reached
}

/// At every `step`th request, in turn before it and behind it.
fn tool_killed(server: &Server, port: u16, form: Form, step: usize) -> usize {
    let data = data();
    let (mut points, mut request) = (0, step / 2);
    loop {
        let mut reached = false;
        for cut in [Cut::Before, Cut::Behind] {
            let why = format!("{form:?}, killed {cut:?} request {request}");
            let table = create(server, form);
            fill(server, &table, &data);
            let twin = twin(server, &table);
            reached |= cut_off_at(port, &table, request, cut, &why);
            assert_exact(server, &table, &twin, &data, &why);
            drop_all(server, &[&table, &twin]);
            points += 1;
        }
        if !reached {
            return points;
        }
        request += step;
    }
}

/// Of so many requests one is a kill point: one of all of them, of as many as the variable says, or few.
fn every(few: usize, most: usize) -> usize {
    match std::env::var("TRADEOPS_KILL_POINTS").as_deref() {
        Ok("all") => most,
        Ok(number) => {
            most * number
                .parse::<usize>()
                .unwrap_or_else(|e| panic!("TRADEOPS_KILL_POINTS: {e}"))
        }
        Err(_) => few,
    }
}

fn on_both_forms(server: &Server, port: u16) {
    let step = every(17, 1);
    for dedup in [false, true] {
        let form = Form {
            unit: "DAY",
            wal: true,
            dedup,
        };
        let points = tool_killed(server, port, form, step);
        let _ = writeln!(std::io::stderr(), "{form:?}: {points} kill points");
    }
}

#[test]
fn the_tool_is_killed_on_the_stacks_version() {
    let port: u16 = env("QUESTDB_PORT")
        .parse()
        .unwrap_or_else(|e| panic!("{e}"));
    on_both_forms(&at(port), port);
}

#[test]
fn the_tool_is_killed_on_a_newer_version() {
    let container = Container::start(&env("QUESTDB_9_IMAGE"), 9000, &[], &[]);
    on_both_forms(&at(container.port), container.port);
}

/// The server is killed at some requests; the tool gives up or waits, and the server comes back.
fn server_killed(image: &str) {
    let container = Arc::new(Mutex::new(Container::start(image, 9000, &[], &[])));
    let port = || container.lock().unwrap_or_else(|e| panic!("{e}")).port;
    let form = DAYS;
    let data = data();
    let (mut point, step) = (25, every(45, 3));
    loop {
        let why = format!("{image}: the server is killed at request {point}");
        let server = at(port());
        let table = create(&server, form);
        fill(&server, &table, &data);
        let twin = twin(&server, &table);
        // Not for ever: the proxy's thread outlives the test, and its container must not.
        let dying = Arc::downgrade(&container);
        // It is seen before it is dead: started again in between, it would stay dead.
        let dead = Arc::new(AtomicBool::new(false));
        let died = dead.clone();
        let proxy = Arc::new(Proxy::start(port(), move |request, _| {
            if request == point {
                if let Some(container) = dying.upgrade() {
                    container.lock().unwrap_or_else(|e| panic!("{e}")).kill();
                }
                died.store(true, Ordering::SeqCst);
                return Go::Nowhere;
            }
            Go::On
        }));
        let world = World::new(&table);
        let mut child = world
            .tool(proxy.port)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{e}"));
        // It may be waiting for the server to put back what it dropped.
        let back = std::thread::spawn({
            let (proxy, container) = (proxy.clone(), container.clone());
            move || {
                while !dead.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                    let ended = child.try_wait().is_ok_and(|ended| ended.is_some());
                    if ended && proxy.seen() <= point {
                        return;
                    }
                }
                let mut container = container.lock().unwrap_or_else(|e| panic!("{e}"));
                container.restart(9000);
                proxy.turn(container.port);
                drop(container);
                let _ = child.wait();
            }
        });
        back.join().unwrap_or_else(|_| panic!("{why}"));
        let reached = proxy.let_through() > point;
        let server = at(port());
        world.to_the_end(proxy.port, &why);
        assert_exact(&server, &table, &twin, &data, &why);
        drop_all(&server, &[&table, &twin]);
        if !reached {
            return;
        }
        point += step;
    }
}

#[test]
fn the_stacks_server_is_killed() {
    server_killed(&env("QUESTDB_IMAGE"));
}

#[test]
fn a_newer_server_is_killed() {
    server_killed(&env("QUESTDB_9_IMAGE"));
}
