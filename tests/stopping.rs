//! Stopping: signals and deadlines reach everything that can wait, soon, and leave nothing behind.
//!
//! The goal is 200 ms from the signal to the end of the process on a machine that has nothing else to do: printed,
//! because a loaded machine is no defect. What is asserted is that it ended because it was told to.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::print_stdout,
    reason = "the measured times are part of the result"
)]

mod support;

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Done, World, until};

/// No load explains more, and nothing here ends by itself before.
const SLACK: Duration = Duration::from_secs(5);

#[track_caller]
fn soon(what: &str, done: &Done) {
    println!(
        "{what}: ended {} ms after the signal",
        done.took.as_millis()
    );
    assert!(
        done.took < SLACK,
        "{what} took {:?}\n{}\n{}",
        done.took,
        done.out,
        done.err
    );
}

const NEEDS: &str = "//! needs: fs.read, fs.change, proc.change, lock.change\n";

/// Runs `body`, which prints `ready` before it waits, and sends a signal then.
#[track_caller]
fn stop(world: &World, what: &str, body: &str, signal: Signal) -> Done {
    world.file("script.rhai", &format!("{NEEDS}{body}\n"));
    let mut running = world.tradeops(&["run", "script.rhai"]).start();
    running.until("ready");
    // Into the wait itself, not before it: a change is written down before it is begun.
    if ["proc::", "lock::"].iter().any(|op| body.contains(op)) {
        until(what, || !world.changes().is_empty());
    }
    std::thread::sleep(Duration::from_millis(60));
    running.signal(signal);
    let done = running.end();
    soon(what, &done);
    done
}

#[test]
fn an_interrupt_gets_through_to_whatever_waits() {
    for (what, body, place) in [
        (
            "a pure loop",
            "print(\"ready\"); loop {}",
            "interrupted after",
        ),
        (
            "a pure loop within try",
            "print(\"ready\"); loop { try { loop {} } catch (e) {} }",
            "interrupted after",
        ),
        (
            "a sort that swallows errors",
            "print(\"ready\"); loop { [2, 1].sort(|a, b| { loop {} }) }",
            "interrupted after",
        ),
        (
            "time::sleep",
            "print(\"ready\"); time::sleep(\"1h\");",
            "interrupted after",
        ),
        (
            "a sleep within try",
            "print(\"ready\"); loop { try { time::sleep(\"1h\"); } catch (e) {} }",
            "interrupted after",
        ),
        (
            "workers that sleep",
            "print(\"ready\"); task::map(0..16, |n| time::sleep(\"1h\"), #{ limit: 8 });",
            "interrupted after",
        ),
        (
            "workers that loop",
            "print(\"ready\"); task::map([1, 2, 3, 4], |n| { loop {} }, #{ limit: 4 });",
            "interrupted after",
        ),
        (
            "workers of workers",
            "print(\"ready\"); task::map([1, 2], |n| task::map([1, 2], |m| time::sleep(\"1h\")));",
            "interrupted after",
        ),
        (
            "task::within",
            "print(\"ready\"); task::within(\"1h\", || time::sleep(\"1h\"));",
            "interrupted after",
        ),
        (
            "task::wait_until",
            "print(\"ready\"); task::wait_until(|| false, #{ every: \"1h\", timeout: \"2h\" });",
            "interrupted after",
        ),
        (
            "task::retry",
            "print(\"ready\"); task::retry(|| throw \"no\", #{ times: 9, delay: \"1h\", max_delay: \"1h\" });",
            "interrupted after",
        ),
        (
            "a program",
            "print(\"ready\"); proc::run([\"sleep\", \"3600\"]);",
            "into `proc::run` on `proc/sleep` at script.rhai:2:",
        ),
        (
            "a program that will not end",
            "print(\"ready\"); proc::run([\"sh\", \"-c\", \"trap '' TERM INT; while :; do sleep 1; done\"]);",
            "into `proc::run` on `proc/sh` at script.rhai:2:",
        ),
    ] {
        let world = World::new();
        let body = body.replace(
            "0..16",
            "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]",
        );
        stop(&world, what, &body, Signal::INT)
            .exits(130)
            .says(&[place]);
    }
}

#[test]
fn a_termination_has_its_own_code() {
    let world = World::new();
    stop(
        &world,
        "TERM",
        "print(\"ready\"); time::sleep(\"1h\");",
        Signal::TERM,
    )
    .exits(143)
    .says(&["terminated after"]);
    stop(&world, "HUP", "print(\"ready\"); loop {}", Signal::HUP).exits(143);
}

#[test]
fn waiting_for_a_lock_is_interrupted_and_the_holder_is_not() {
    let world = World::new();
    world.file(
        "holder.rhai",
        &format!(
            "{NEEDS}let l = lock::acquire(\"the.lock\"); print(\"held\"); time::sleep(\"1h\");\n"
        ),
    );
    let mut holder = world.tradeops(&["run", "holder.rhai"]).start();
    holder.until("held");
    let waiter = stop(
        &world,
        "a lock",
        "print(\"ready\"); lock::acquire(\"the.lock\", #{ wait: \"1h\" });",
        Signal::INT,
    );
    waiter.exits(130).says(&["into `lock::acquire`"]);
    // Held until its own run is stopped, and free then.
    world
        .script(&format!("{NEEDS}lock::acquire(\"the.lock\");"), &[])
        .exits(75)
        .says(&["script.rhai:2:"]);
    holder.signal(Signal::INT);
    let done = holder.end().exits(130);
    soon("the holder", &done);
    world
        .script(&format!("{NEEDS}lock::acquire(\"the.lock\");"), &[])
        .exits(0);
}

#[test]
fn no_child_is_left_not_even_a_grandchild() {
    let world = World::new();
    let body = "print(\"ready\"); proc::run([\"sh\", \"-c\", \"sleep 3601 & echo $! > child; sh -c 'trap \\\"\\\" TERM INT; echo $$ > grandchild; while :; do sleep 3602; done' & wait\"]);";
    stop(&world, "a family", body, Signal::INT).exits(130);
    for name in ["child", "grandchild"] {
        let pid = world.read(name).unwrap();
        let gone = Path::new("/proc").join(pid.trim());
        let began = Instant::now();
        while gone.exists() && began.elapsed() < Duration::from_secs(10) {
            // A zombie whose parent died waits for init.
            let state = std::fs::read_to_string(gone.join("stat")).unwrap_or_default();
            if state.contains(") Z ") {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(
            !gone.exists()
                || std::fs::read_to_string(gone.join("stat")).is_ok_and(|s| s.contains(") Z ")),
            "{name} {pid} lives"
        );
    }
}

#[test]
fn clean_up_runs_the_last_first_and_may_act() {
    let world = World::new();
    let body = "let dir = \"x\"; task::cleanup(|| fs::write_text(\"first\", dir)); task::cleanup(|| { fs::write_text(\"last\", `${fs::exists(\"first\")}`); }); print(\"ready\"); loop {}";
    stop(&world, "clean-up", body, Signal::INT).exits(130);
    assert_eq!(world.read("first").as_deref(), Some("x"));
    assert_eq!(world.read("last").as_deref(), Some("false"));
}

#[test]
fn clean_up_of_a_module_runs_too() {
    let world = World::new();
    world.file(
        "lib.rhai",
        "fn helper(n) { n + 1 }\nfn prepare(name) { task::cleanup(|| { fs::write_text(name, `${helper(1)}`); }); }\n",
    );
    stop(
        &world,
        "a module's clean-up",
        "import \"lib\" as lib; lib::prepare(\"cleaned\"); print(\"ready\"); loop {}",
        Signal::INT,
    )
    .exits(130);
    assert_eq!(world.read("cleaned").as_deref(), Some("2"));
}

#[test]
fn clean_up_runs_after_every_end() {
    for (what, end, code) in [
        ("its end", "1;", 0),
        ("an error", "throw \"no\";", 70),
        ("a denial", "env::get(\"X\");", 77),
        ("exit", "exit(4);", 4),
        (
            "exit in a closure",
            "try { [1].map(|n| exit(4)); } catch (e) {} print(\"on\");",
            4,
        ),
        ("a deadline", "loop {}", 124),
    ] {
        let world = World::new();
        let script =
            format!("{NEEDS}task::cleanup(|| {{ fs::write_text(\"cleaned\", \"x\"); }});\n{end}\n");
        let done = world.script(&script, &["--deadline", "700ms"]);
        assert_eq!(done.code, code, "{what}\n{}\n{}", done.out, done.err);
        assert!(!done.out.contains("on"), "{what}: {}", done.out);
        assert_eq!(world.read("cleaned").as_deref(), Some("x"), "{what}");
    }
}

#[test]
fn clean_up_has_no_more_rights_than_the_script() {
    let world = World::new();
    let script = "//! needs: fs.read\ntask::cleanup(|| { fs::write_text(\"a\", \"x\"); });\nprint(\"fine\");\n";
    let done = world.script(script, &[]);
    assert_eq!(world.read("a"), None);
    assert_eq!(done.code, 77, "{}", done.err);
}

#[test]
fn a_second_interrupt_does_not_wait_for_clean_up() {
    let world = World::new();
    world.file(
        "script.rhai",
        &format!("{NEEDS}task::cleanup(|| {{ print(\"cleaning\"); time::sleep(\"1h\"); }}); print(\"ready\"); loop {{}}\n"),
    );
    let mut running = world.tradeops(&["run", "script.rhai"]).start();
    running.until("ready");
    running.signal(Signal::INT);
    running.until("cleaning");
    running.signal(Signal::INT);
    let done = running.end().exits(130).says(&["clean-up"]);
    soon("the second", &done);
}

#[test]
fn clean_up_that_hangs_ends_with_its_budget() {
    let world = World::new();
    world.file(
        "script.rhai",
        &format!("{NEEDS}task::cleanup(|| {{ loop {{}} }}); task::cleanup(|| {{ time::sleep(\"1h\"); }}); print(\"ready\");\n"),
    );
    let done = world.tradeops(&["run", "script.rhai"]).done();
    assert!(done.took < Duration::from_secs(8), "{:?}", done.took);
    assert!(done.err.contains("clean-up"), "{}", done.err);
}

#[test]
fn a_deadline_names_what_was_going_on() {
    let world = World::new();
    let done = world
        .script(
            &format!("{NEEDS}fn wait() {{\n    proc::run([\"sleep\", \"3600\"])\n}}\ntask::within(\"1h\", || [1].map(|n| wait()));\n"),
            &["--deadline", "2s"],
        )
        .exits(124)
        .says(&["the deadline passed after", "`proc::run`", "`proc/sleep`", "script.rhai:3:"]);
    assert!(
        done.took < Duration::from_secs(2) + SLACK,
        "{:?}",
        done.took
    );
    for body in [
        "loop {}",
        "[2, 1].sort(|a, b| { loop {} });",
        "task::map([1, 2], |n| { loop {} });",
    ] {
        let done = world
            .script(&format!("{NEEDS}{body}\n"), &["--deadline", "200ms"])
            .exits(124);
        assert!(
            done.took < Duration::from_millis(200) + SLACK,
            "{body}: {:?}",
            done.took
        );
    }
}

#[test]
fn a_limit_within_can_be_caught_and_the_outer_one_cannot() {
    let world = World::new();
    world
        .script(
            "let kind = \"\"; try { task::within(\"50ms\", || { loop {} }) } catch (e) { kind = e.kind; }\nprint(kind);\nprint(task::within(\"1m\", || 7));\nlet deep = \"\"; try { task::within(\"50ms\", || [1].map(|n| [2].map(|m| { loop {} }))) } catch (e) { deep = e.kind; }\nprint(deep);\nlet swallowed = \"\"; try { task::within(\"50ms\", || { [2, 1].sort(|a, b| { loop {} }); \"went on\" }) } catch (e) { swallowed = e.kind; }\nprint(swallowed);\n",
            &[],
        )
        .exits(0)
        .shows(&["timeout\n7\ntimeout\ntimeout\n"]);
    // The outer limit comes first: it is the one that speaks.
    world
        .script(
            "try { task::within(\"100ms\", || task::within(\"1h\", || { try { task::within(\"2h\", || { loop {} }) } catch (e) { print(\"inner \" + e.kind) } })) } catch (e) { print(\"outer \" + e.kind); }\n",
            &[],
        )
        .exits(0)
        .shows(&["outer timeout\n"]);
}

#[test]
fn a_worker_that_takes_too_long_is_a_result_of_its_own() {
    let world = World::new();
    world
        .script(
            "let r = task::map([1, 2, 3], |n| { if n == 2 { loop {} } n * 10 }, #{ timeout: \"800ms\", limit: 3 });\nprint(r.map(|x| if x.ok { x.value } else { x.error.kind }));\n",
            &[],
        )
        .exits(0)
        .shows(&["[10, \"timeout\", 30]"]);
}

#[test]
fn the_first_failure_ends_the_others() {
    let world = World::new();
    let done = world
        .script(
            "task::map([1, 2, 3], |n| { if n == 2 { throw \"two\" } time::sleep(\"1h\") }, #{ fail_fast: true, limit: 3 });\n",
            &[],
        )
        .exits(70)
        .says(&["two"]);
    assert!(done.took < SLACK, "{:?}", done.took);
}

#[test]
fn durations_beyond_the_clock_are_waits_and_no_panics() {
    let world = World::new();
    for body in [
        "task::wait_until(|| false, #{ every: \"500000000000y\", timeout: \"100ms\" })",
        "task::within(\"100ms\", || time::sleep(\"500000000000y\"))",
        "task::within(\"500000000000y\", || task::within(\"100ms\", || time::sleep(\"9y\")))",
    ] {
        let done = world.script(&format!("{body};\n"), &["--deadline", "5s"]);
        assert_eq!(done.code, 70, "{body}\n{}", done.err);
        assert!(
            done.err.contains("longer than 100ms"),
            "{body}\n{}",
            done.err
        );
    }
}

#[test]
fn a_panic_ends_the_run() {
    // More memory than there is address space: Rhai asks for it and panics.
    let world = World::new();
    let done = world.script(
        "let a = []; a.pad(9223372036854775807, 0);\n",
        &["--deadline", "20s"],
    );
    assert!(
        [70, 134].contains(&done.code),
        "{}\n{}",
        done.code,
        done.err
    );
    assert!(done.took < Duration::from_secs(10), "{:?}", done.took);
}

#[test]
fn a_peer_that_never_answers_is_interrupted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 64]);
            open.push(stream);
            let _ = send.send(());
        }
    });
    let world = World::new();
    let docker = format!("tcp://127.0.0.1:{port}");
    world.file(
        "script.rhai",
        "//! needs: docker.read\nprint(\"ready\");\ndocker::containers();\n",
    );
    let mut running = world
        .tradeops(&["run", "script.rhai"])
        .env("DOCKER_HOST", docker)
        .start();
    running.until("ready");
    asked.recv().unwrap();
    running.signal(Signal::INT);
    let done = running
        .end()
        .exits(130)
        .says(&["into `docker::containers`", "script.rhai:3:"]);
    soon("docker", &done);
}
