//! A reset that is cut off: by a kill between any two steps, and by Ctrl-C.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::Stack;
use crate::support::processes_with;

/// So many lines of the journal, then a kill.
fn kill_after(stack: &Stack, lines: usize) -> bool {
    let journal = stack
        .world
        .state()
        .join("journals")
        .join(format!("reset-{}.jsonl", stack.project.name));
    let running = stack
        .reset(&["--force", "--wipe-cache", "--wipe-logs"])
        .start();
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        let text = std::fs::read_to_string(&journal).unwrap_or_default();
        if text.lines().filter(|l| !l.is_empty()).count() >= lines {
            running.signal(Signal::KILL);
            return running.end().code == 137;
        }
        assert!(
            Instant::now() < end,
            "the journal does not come to {lines} lines:\n{text}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// One point or all of them: `TRADEOPS_KILL_POINTS=all` is for `make soak`.
fn points() -> Vec<usize> {
    if std::env::var("TRADEOPS_KILL_POINTS").as_deref() == Ok("all") {
        (1..=11).collect()
    } else {
        vec![4, 7]
    }
}

#[test]
fn a_killed_run_is_gone_on_with() {
    for point in points() {
        let stack = Stack::new();
        let killed = kill_after(&stack, point);
        let plan = stack.reset(&["--wipe-cache"]).done().exits(0);
        if killed {
            assert!(
                plan.err.contains("was cut off; --force goes on with it"),
                "after {point} lines: {}",
                plan.err
            );
        }
        // Whatever the flags of this run: what was begun is finished.
        let done = stack.reset(&["--force"]).done().exits(0);
        if killed {
            assert!(
                done.err.contains("going on with the run"),
                "after {point} lines: {}",
                done.err
            );
        }
        assert_eq!(stack.redis(&["dbsize"]), "0", "after {point} lines");
        assert_eq!(
            std::fs::read_to_string(stack.project.path("logs/api.log")).unwrap(),
            "started\n",
            "after {point} lines"
        );
        stack.is_well();
    }
}

/// The same at moments of the clock: some, or for `make soak` many.
fn moments() -> Vec<Duration> {
    let count = if std::env::var("TRADEOPS_KILL_POINTS").as_deref() == Ok("all") {
        24
    } else {
        3
    };
    (1..=count)
        .map(|n| Duration::from_millis(4800 * n / count))
        .collect()
}

#[test]
fn ctrl_c_at_any_moment_frees_the_lock_and_the_next_run_ends_it() {
    let stack = Stack::new();
    let lock = format!("/tmp/tradeops-{}.lock", stack.project.name);
    let file = stack.project.file().display().to_string();
    let mut interrupted = 0;
    for moment in moments() {
        let running = stack.reset(&["--force", "--wipe-logs"]).start();
        std::thread::sleep(moment);
        running.signal(Signal::INT);
        let done = running.end();
        assert!(
            done.code == 130 || done.code == 0,
            "after {moment:?}: {}\n{}{}",
            done.code,
            done.out,
            done.err
        );
        interrupted += usize::from(done.code == 130);
        if let Ok(file) = std::fs::File::open(&lock) {
            assert!(file.try_lock().is_ok(), "after {moment:?} the lock is held");
        }
        assert_eq!(
            processes_with(&file),
            Vec::<String>::new(),
            "after {moment:?}"
        );
        if done.code == 130 {
            assert!(done.err.contains("interrupted after"), "{}", done.err);
        }
        let next = stack.reset(&["--force"]).done().exits(0);
        let begun = done.err.contains("done until then") || next.err.contains("going on with");
        assert!(
            done.code == 0 || begun || !done.err.contains("stopping"),
            "after {moment:?}: {}{}",
            done.err,
            next.err
        );
        stack.is_well();
        assert_eq!(stack.redis(&["dbsize"]), "3", "after {moment:?}");
    }
    assert!(interrupted > 0, "no run was interrupted");
}

#[test]
fn ctrl_c_frees_the_lock_and_starts_what_was_stopped() {
    let stack = Stack::new();
    let mut running = stack.reset(&["--force", "--wipe-cache"]).start();
    running.until_says("stopping");
    running.signal(Signal::INT);
    let done = running.end().exits(130);
    assert!(done.err.contains("interrupted after"), "{}", done.err);
    assert_eq!(stack.redis(&["dbsize"]), "3");
    stack.is_well();
    stack.reset(&["--force", "--abandon"]).done().exits(0);
    assert_eq!(stack.redis(&["dbsize"]), "3");
}

/// What Compose asked for before it was ended may come to its effect after the stack was looked at. So it is as if the
/// request to end the application had been on its way for a while.
#[test]
fn what_is_told_to_end_late_is_started_again_too() {
    let stack = Stack::new();
    let mut running = stack.reset(&["--force", "--wipe-cache"]).start();
    running.until_says("stopping");
    running.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(700));
    let api = stack.project.container("api");
    let _ended_already = std::process::Command::new("docker")
        .args(["kill", "--signal", "TERM", &api])
        .output()
        .unwrap();
    running.end().exits(130);
    stack.is_well();
}
