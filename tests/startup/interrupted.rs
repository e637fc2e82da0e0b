//! Ctrl-C at moments of the clock, and the board that a terminal shows meanwhile.

use std::time::Duration;

use rustix::process::Signal;

use crate::compose_project::ComposeProject;
use crate::support::{World, processes_with};
use crate::terminal::Terminal;
use crate::{STACK, startup};

/// Some, or for `make soak` many.
fn moments() -> Vec<Duration> {
    let count = if std::env::var("TRADEOPS_KILL_POINTS").as_deref() == Ok("all") {
        24
    } else {
        3
    };
    (1..=count)
        .map(|n| Duration::from_millis(6000 * n / count))
        .collect()
}

#[test]
fn ctrl_c_at_any_moment_leaves_no_child_and_the_next_start_ends_it() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    let file = project.file().display().to_string();
    let mut interrupted = 0;
    for moment in moments() {
        let running = startup(&world, &project, &[]).start();
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
        if done.code == 130 {
            interrupted += 1;
            assert!(done.err.contains("interrupted after"), "{}", done.err);
        }
        assert_eq!(
            processes_with(&file),
            Vec::<String>::new(),
            "after {moment:?}"
        );
        let result = startup(&world, &project, &["-o", "json"])
            .done()
            .exits(0)
            .json();
        assert_eq!(result["ok"], true, "after {moment:?}: {result}");
        project.compose(&["down", "--timeout", "1"]);
    }
    assert!(interrupted > 0, "no start was interrupted");
}

#[test]
fn a_terminal_shows_what_waits_for_what() {
    let (world, project) = (World::new(), ComposeProject::new(STACK));
    let host = std::env::var("DOCKER_HOST")
        .map_or_else(|_| String::new(), |h| format!("DOCKER_HOST={h} "));
    let shell = format!(
        "stty rows 30 cols 100; {host}\"$BIN\" startup --file {} --skip-final-health --fast; echo \"exit=$?\"",
        project.file().display()
    );
    let mut terminal = Terminal::open(&world.work(), &shell);
    // One for each that goes on, and one for what waits and for whom.
    terminal.wait("starting 0/5 migrations waits for redis; 3 more wait");
    terminal.wait("starting 2/5");
    terminal.wait("execution waits for api");
    let rest = terminal.wait("exit=0");
    assert!(
        rest.contains("ready: 5 of 5 services, 5 started"),
        "{rest:?}"
    );
}
