//! Programs are run, read, limited and ended as a group, with the real ones of this machine.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use tradeops::process::{Error, Options, Outcome, Source, run, stream};
use tradeops::run::{Cancel, Cx, Stop};

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn sh(script: &str, options: &Options) -> Result<Outcome, Error> {
    run(&Cx::detached(), &argv(&["sh", "-c", script]), options)
}

fn well(script: &str, options: &Options) -> Outcome {
    sh(script, options).expect("it runs")
}

/// A process that must be gone; a zombie that its new parent has not reaped yet is gone.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.is_empty()
        || stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

fn wait_gone(pid: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if is_gone(pid) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Waits for a file with a line in it.
fn read_when_there(path: &Path) -> String {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.ends_with('\n') {
            return text;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("`{}` never came", path.display());
}

#[test]
fn code_output_and_errors_are_told_apart() {
    let got = well("echo out; echo err >&2; exit 3", &Options::default());
    assert_eq!(
        (got.ok, got.exit_code, got.signal.as_deref()),
        (false, Some(3), None)
    );
    assert_eq!(
        (got.stdout.as_str(), got.stderr.as_str()),
        ("out\n", "err\n")
    );
    assert!(!got.truncated && !got.timed_out);
    let error = got.check().expect_err("3 is not well");
    assert_eq!(
        error.to_string(),
        "`sh` ended with 3: failed with a code of its own; it said: err"
    );
    let killed = well("kill -9 $$", &Options::default());
    assert_eq!(
        (killed.exit_code, killed.signal.as_deref()),
        (None, Some("SIGKILL"))
    );
    let combine = Options {
        combine: true,
        ..Options::default()
    };
    let got = well("echo a; echo b >&2; echo c", &combine);
    assert_eq!(
        (got.stdout.as_str(), got.stderr.as_str()),
        ("a\nb\nc\n", "")
    );
}

#[test]
fn no_shell_sees_the_arguments() {
    let got = run(
        &Cx::detached(),
        &argv(&["printf", "%s|", "$HOME", "a b", ";ls", "*"]),
        &Options::default(),
    );
    assert_eq!(got.expect("printf runs").stdout, "$HOME|a b|;ls|*|");
}

#[test]
fn input_is_closed_or_the_text() {
    let got = well("cat; echo end", &Options::default());
    assert_eq!(got.stdout, "end\n");
    let text = "x".repeat(300_000);
    let fed = Options {
        stdin: Some(text.clone()),
        ..Options::default()
    };
    assert_eq!(well("cat", &fed).stdout, text);
    // A program that does not read its input must not hang or fail us.
    assert!(well("true", &fed).ok);
}

#[test]
fn folder_and_environment() {
    let options = Options {
        cwd: Some("/".into()),
        env: vec![("A".into(), Some("1".into())), ("HOME".into(), None)],
        ..Options::default()
    };
    let got = well("pwd; echo $A ${HOME-none} ${PATH+path}", &options);
    assert_eq!(got.stdout, "/\n1 none path\n");
    let clear = Options {
        clear_env: true,
        env: vec![("B".into(), Some("2".into()))],
        ..Options::default()
    };
    let got = run(&Cx::detached(), &argv(&["/usr/bin/env"]), &clear).expect("env runs");
    assert_eq!(got.stdout, "B=2\n");
}

#[test]
fn huge_output_on_both_pipes_neither_blocks_nor_grows() {
    let options = Options {
        max_output: 1000,
        ..Options::default()
    };
    let script = "head -c 30000000 /dev/zero; head -c 30000000 /dev/zero >&2; echo done >&2";
    let got = well(script, &options);
    assert!(got.ok && got.truncated);
    assert_eq!((got.stdout.len(), got.stderr.len()), (1000, 1000));
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let dir = tempfile::tempdir().expect("a folder");
    let pids = dir.path().join("pids");
    // The grandchild ignores SIGTERM, and keeps the output open.
    let script = format!(
        "(trap '' TERM; sleep 300 & echo $! > {0}.part; mv {0}.part {0}; wait; sleep 300) & sleep 300",
        pids.display()
    );
    let options = Options {
        timeout: Some(Duration::from_millis(1500)),
        ..Options::default()
    };
    let began = Instant::now();
    let got = well(&script, &options);
    assert!(got.timed_out && !got.ok);
    assert_eq!(got.signal.as_deref(), Some("SIGTERM"));
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert!(
        wait_gone(&read_when_there(&pids)),
        "the grandchild is ended, too"
    );
    assert!(matches!(got.check(), Err(Error::TimedOut { .. })));
}

#[test]
fn what_can_clean_up_within_the_grace_does() {
    let options = Options {
        timeout: Some(Duration::from_millis(1500)),
        ..Options::default()
    };
    let got = well(
        "trap 'echo cleaned; exit 7' TERM; while :; do sleep 0.01; done",
        &options,
    );
    assert_eq!((got.exit_code, got.stdout.as_str()), (Some(7), "cleaned\n"));
    assert!(got.timed_out && !got.ok);
}

#[test]
fn a_stopped_run_ends_the_group() {
    let dir = tempfile::tempdir().expect("a folder");
    for trap in ["", "trap '' TERM; "] {
        let pids = dir.path().join(format!("pids{}", trap.len()));
        let script = format!(
            "{trap}sleep 300 & echo $! > {0}.part; mv {0}.part {0}; wait; sleep 300",
            pids.display()
        );
        let cancel = Cancel::root();
        let cx = Cx::detached().with_cancel(cancel.clone());
        std::thread::scope(|scope| {
            let running = scope.spawn(|| {
                let got = run(&cx, &argv(&["sh", "-c", &script]), &Options::default());
                (got, Instant::now())
            });
            let pid = read_when_there(&pids);
            let began = Instant::now();
            cancel.stop(Stop::Interrupted);
            let (got, ended) = running.join().expect("no panic");
            assert!(matches!(got, Err(Error::Stopped(Stop::Interrupted))));
            let took = ended.duration_since(began);
            assert!(took < Duration::from_secs(5), "{took:?} with {trap:?}");
            assert!(wait_gone(&pid), "the grandchild is ended, too");
        });
    }
}

#[test]
fn what_stays_in_the_background_does_not_hold_us() {
    let began = Instant::now();
    let got = well("echo before; sleep 300 & echo $!", &Options::default());
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(got.ok && got.truncated, "the pipe was still open");
    let (first, pid) = got.stdout.split_once('\n').expect("two lines");
    assert_eq!(first, "before");
    // It is left alone: the program ended by itself and meant to leave it.
    assert!(!is_gone(pid));
    let ended = std::process::Command::new("kill").arg(pid.trim()).status();
    assert!(ended.is_ok_and(|s| s.success()));

    // One that writes for ever does not hold us either.
    let began = Instant::now();
    let got = well(
        "yes & echo $! >&2",
        &Options {
            max_output: 10,
            ..Options::default()
        },
    );
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(got.truncated);
    assert!(wait_gone(&got.stderr), "its pipe is closed, so it ends");
}

#[test]
fn lines_come_while_the_program_runs() {
    let began = Instant::now();
    let mut first = None;
    let mut lines = Vec::new();
    let got = stream(
        &Cx::detached(),
        &argv(&["sh", "-c", "echo a; sleep 2; echo b >&2; printf c"]),
        &Options::default(),
        &mut |batch| {
            first.get_or_insert(began.elapsed());
            lines.extend(batch.to_vec());
            ControlFlow::Continue(())
        },
    );
    assert!(got.expect("it runs").ok);
    assert!(
        first.is_some_and(|f| f < Duration::from_secs(2)),
        "{first:?}"
    );
    let texts: Vec<_> = lines.iter().map(|l| (l.source, l.text.as_str())).collect();
    assert_eq!(
        texts,
        [
            (Source::Stdout, "a"),
            (Source::Stderr, "b"),
            (Source::Stdout, "c")
        ]
    );
}

#[test]
fn a_slow_reader_gets_every_line_and_a_sated_one_no_more() {
    let mut count = 0;
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done";
    let got = stream(
        &Cx::detached(),
        &argv(&["sh", "-c", script]),
        &Options::default(),
        &mut |batch| {
            count += batch.len();
            std::thread::sleep(Duration::from_millis(20));
            ControlFlow::Continue(())
        },
    );
    assert!(got.expect("it runs").ok);
    assert_eq!(count, 20_000);

    let mut batches = 0;
    let began = Instant::now();
    let got = stream(
        &Cx::detached(),
        &argv(&["yes"]),
        &Options::default(),
        &mut |_| {
            batches += 1;
            ControlFlow::Break(())
        },
    );
    let got = got.expect("it runs");
    assert!(!got.ok && !got.timed_out);
    assert_eq!(batches, 1);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_cannot_be_started_says_why() {
    let run = |words: &[&str], options: &Options| run(&Cx::detached(), &argv(words), options);
    let plain = Options::default();
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("no-interpreter");
    std::fs::write(&file, "#!/no/such/interpreter\n").expect("written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("set");
    let file = file.display().to_string();
    let nowhere = Options {
        cwd: Some("/no/such/folder".into()),
        ..Options::default()
    };
    assert!(matches!(run(&[], &plain), Err(Error::NoProgram)));
    assert!(matches!(run(&[""], &plain), Err(Error::NoProgram)));
    assert!(matches!(
        run(&["no-such-program-x"], &plain),
        Err(Error::NotFound { by_path: false, .. })
    ));
    assert!(matches!(
        run(&["/no/such/program"], &plain),
        Err(Error::NotFound { by_path: true, .. })
    ));
    let text = dir.path().join("text");
    std::fs::write(&text, "no program\n").expect("written");
    let not_allowed = run(&[&text.display().to_string()], &plain);
    assert!(
        matches!(not_allowed, Err(Error::NotAllowed { .. })),
        "{not_allowed:?}"
    );
    assert!(matches!(
        run(&["true"], &nowhere),
        Err(Error::NoFolder { .. })
    ));
    assert!(matches!(
        run(&["echo", "a\0b"], &plain),
        Err(Error::BadArgument { .. })
    ));
    assert!(matches!(
        run(&[&file], &plain),
        Err(Error::NoInterpreter { .. })
    ));
    let long = "x".repeat(1 << 22);
    assert!(matches!(
        run(&["echo", &long], &plain),
        Err(Error::NotStarted { .. })
    ));
    let cx = Cx::detached();
    cx.cancel().stop(Stop::Interrupted);
    let stopped = tradeops::process::run(&cx, &argv(&["true"]), &plain);
    assert!(matches!(stopped, Err(Error::Stopped(Stop::Interrupted))));
}
