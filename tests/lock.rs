//! One lock, many processes, and holders that die without a word.
//!
//! The test binary starts itself again as the workers: with `TRADEOPS_LOCK_WORKER` set, the test `worker` is one.
//! A worker takes the lock, makes a marker file that must not exist (mutual exclusion, witnessed by the file
//! system), holds, and either releases or is killed. The one who finds a marker of a dead process takes it
//! away: it has the lock, so that process did not give it back but died.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tradeops::lock::{Error, Sharing, State, acquire, holder};
use tradeops::run::Cx;

const WORKER: &str = "TRADEOPS_LOCK_WORKER";
const PROCESSES: usize = 100;

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["worker", "--exact", "--nocapture", "--test-threads=1"])
        .env(WORKER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

fn append(path: &Path, line: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("opens");
    file.write_all(format!("{line}\n").as_bytes())
        .expect("writes");
}

/// Whether a process runs. One that is ending gives its locks back a moment before it becomes a zombie.
fn is_alive(pid: &str) -> bool {
    const PF_EXITING: u64 = 4;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return false;
    };
    let words: Vec<_> = rest.split_whitespace().collect();
    let flags = words
        .get(6)
        .and_then(|flags| flags.parse::<u64>().ok())
        .unwrap_or(0);
    words.first() != Some(&"Z") && flags & PF_EXITING == 0
}

/// Not a test of its own: what a started process does, until it is killed or the folder has a `stop` file.
#[test]
fn worker() {
    let Some(folder) = std::env::var_os(WORKER).map(PathBuf::from) else {
        return;
    };
    let (path, marker) = (folder.join("a.lock"), folder.join("marker"));
    let violations = folder.join("violations");
    let me = std::process::id().to_string();
    let cx = Cx::detached();
    while !folder.join("stop").exists() {
        let lock = match acquire(
            &cx,
            &path,
            Some(Duration::from_secs(2)),
            Some("soak"),
            Sharing::Exclusive,
        ) {
            Ok(lock) => lock,
            Err(Error::Held { holder, .. }) => {
                // Whom the error names must have been a worker, not a text of the past.
                if holder.pid.is_none() && holder.note.is_some() {
                    append(&violations, "a holder without a pid");
                }
                continue;
            }
            Err(error) => return append(&violations, &error.to_string()),
        };
        loop {
            let made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&marker);
            if let Ok(mut file) = made {
                let _ = file.write_all(me.as_bytes());
                break;
            }
            // An empty marker: its maker died before it wrote, or is just about to write (a violation). Look again.
            std::thread::sleep(Duration::from_millis(5));
            let other = fs::read_to_string(&marker).unwrap_or_default();
            if !other.is_empty() && is_alive(&other) {
                append(
                    &violations,
                    &format!("{me} has the lock and so has {other}"),
                );
            }
            let _ = fs::remove_file(&marker);
        }
        std::thread::sleep(Duration::from_millis(u64::from(std::process::id() % 7)));
        append(&folder.join("turns"), &me);
        if fs::read_to_string(&marker).ok().as_deref() != Some(&me) {
            append(
                &violations,
                &format!("{me} lost its marker while it had the lock"),
            );
        }
        let _ = fs::remove_file(&marker);
        drop(lock);
    }
}

#[test]
fn a_hundred_processes_and_killed_holders() {
    let soak = std::env::var_os("TRADEOPS_SOAK").is_some();
    let length = Duration::from_secs(if soak { 120 } else { 8 });
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    let path = folder.join("a.lock");
    let mut workers: Vec<_> = (0..PROCESSES).map(|_| start(folder)).collect();
    let began = Instant::now();
    let turns = || {
        fs::read_to_string(folder.join("turns"))
            .unwrap_or_default()
            .lines()
            .count()
    };
    let mut killed = 0;
    let mut last_turn = (0, Instant::now());
    let mut longest_pause = Duration::ZERO;
    while began.elapsed() < length || (killed < 20 && began.elapsed() < 4 * length) {
        std::thread::sleep(Duration::from_millis(20));
        let now = turns();
        if now > last_turn.0 {
            longest_pause = longest_pause.max(last_turn.1.elapsed());
            last_turn = (now, Instant::now());
        }
        assert!(
            last_turn.1.elapsed() < Duration::from_secs(20),
            "nobody gets the lock any more"
        );
        let seen = holder(&path).unwrap_or_else(|e| panic!("{e}"));
        // Kills whoever has it now, in the middle of whatever it does.
        let Some(victim) = seen.pid.filter(|_| now > 0) else {
            continue;
        };
        let Some(at) = workers.iter().position(|w| i64::from(w.id()) == victim) else {
            continue;
        };
        workers[at].kill().expect("SIGKILL");
        workers[at].wait().expect("reaped");
        workers[at] = start(folder);
        killed += 1;
    }
    fs::write(folder.join("stop"), "").expect("written");
    let stopping = Instant::now();
    for worker in &mut workers {
        while worker.try_wait().expect("its state").is_none() {
            if stopping.elapsed() > Duration::from_secs(30) {
                let _ = worker.kill();
                panic!("a worker is stuck");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let violations = fs::read_to_string(folder.join("violations")).unwrap_or_default();
    assert_eq!(violations, "");
    assert!(killed >= 20, "only {killed} holders were killed");
    let turns = turns();
    assert!(turns > PROCESSES, "only {turns} turns");
    // The last one is gone: the lock is free whatever its file says.
    assert_eq!(holder(&path).expect("looks").state, State::Free);
    assert!(acquire(&Cx::detached(), &path, None, None, Sharing::Exclusive).is_ok());
    let mut report = std::io::stderr();
    let _ = writeln!(
        report,
        "{turns} turns, {killed} holders killed, longest pause {longest_pause:?}"
    );
}

#[test]
fn looking_never_makes_a_free_lock_look_held() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.lock");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = holder(&path);
                }
            });
        }
        // Not asserted here: the two would look for ever.
        let first_failure = (0..300)
            .map(|_| acquire(&Cx::detached(), &path, None, None, Sharing::Exclusive))
            .find(Result::is_err);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(first_failure.is_none(), "{first_failure:?}");
    });
}
