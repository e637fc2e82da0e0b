//! `tradeops repl`, through the binary: fed by a pipe, and at a terminal.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "support/terminal.rs"]
mod terminal;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use terminal::{Terminal, isolate};

fn tradeops(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradeops"));
    command.arg("repl").current_dir(folder);
    isolate(&mut command, folder);
    command
}

/// Feeds lines and gives standard output and standard error; the session must end well.
fn fed(mut command: Command, lines: &str) -> (String, String) {
    let output = output(&mut command, lines);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn output(command: &mut Command, lines: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn session(lines: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    fed(tradeops(folder.path()), lines)
}

#[test]
fn variables_functions_and_imports_survive_between_lines() {
    let (out, err) = session(
        "let a = 20;\n\
         fn double(x) {\n  // over lines,\n\n  x * 2\n}\n\
         fn more(x) { double(x) + 2 }\n\
         more(a)\n\
         fn double(x) { x * 3 }\n\
         more(a)\n\
         let f = |x| x + a;\n\
         f.call(1)\n\
         import \"std/stack\" as stack\n\
         stack::no_such(1)\n\
         \"text\"\n\
         print(\"text\")\n\
         ()\n",
    );
    assert_eq!(out, "42\n62\n21\n\"text\"\ntext\n");
    assert!(
        err.contains("`std/stack.rhai` has no function `no_such`"),
        "{err}"
    );
}

#[test]
fn modules_beside_the_folder_are_imported_and_seen_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("mine.rhai"),
        "/// Says who.\n/// And more.\nfn name(prefix) { prefix + \"mine\" }\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("other.rhai"),
        "fn name(prefix) { prefix + \"other\" }\n",
    )
    .unwrap();
    let (out, err) = fed(
        tradeops(folder.path()),
        "import \"mine\" as m;\nm::name(\"a \")\n:doc m::name\nimport \"other\" as m;\nm::name(\"an\")\nfn g() { m::name(\"f-\") }\n:scope\n",
    );
    assert_eq!(
        out,
        "\"a mine\"\nname(prefix)\n\nSays who.\nAnd more.\n\"another\"\nfn g()\nimport \"other\" as m\n"
    );
    assert_eq!(err, "");
}

#[test]
fn a_wrong_line_runs_nothing_and_shows_where() {
    let (out, err) =
        session("let x = 1;\nprint(\"before\"); docker::stp(x)\nx\nlet y = ;\nnowhere\nx\n");
    assert_eq!(out, "1\n1\n");
    assert!(err.contains("no function `stp`"), "{err}");
    assert!(err.contains("session:2:26"), "{err}");
    assert!(err.contains("^^^"), "{err}");
    assert!(err.contains("did you mean `docker::stop`?"), "{err}");
}

#[test]
fn a_fault_points_into_the_line_that_defined_the_function() {
    let (out, err) = session(
        "let a = 1;\nfn broken(x) { x.no_such }\na\n\nbroken(#{})\nlet b = 2; throw \"later\"\nb\n",
    );
    // What ran before the fault stays.
    assert_eq!(out, "1\n2\n");
    assert!(err.contains("session:2:18"), "{err}");
    assert!(err.contains("fn broken(x) { x.no_such }"), "{err}");
    assert!(err.contains("in `broken` called at session:4:1"), "{err}");
    assert!(err.contains("later"), "{err}");
}

#[test]
fn changes_are_planned_until_it_is_live() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "proc::run([\"touch\", \"made\"])\n:plan\n:needs\n:plan-mode\nplan::on()\n";
    let (out, err) = fed(tradeops(folder.path()), lines);
    assert!(out.contains("{ planned }"), "{out}");
    assert!(
        out.contains("plan: 1 change, nothing was done\n  1. proc::run `proc/touch`"),
        "{out}"
    );
    assert!(out.contains("//! needs: proc.change"), "{out}");
    assert!(out.ends_with("true\n"), "{out}");
    assert!(err.contains("planned and not done: proc::run"), "{err}");
    assert!(!folder.path().join("made").exists());

    let (out, _) = fed(
        tradeops(folder.path()),
        ":live\nproc::run([\"touch\", \"made\"]).ok\n",
    );
    assert_eq!(out, "true\n");
    assert!(folder.path().join("made").exists());

    let mut live = tradeops(folder.path());
    live.arg("--live");
    assert_eq!(fed(live, "plan::on()\n").0, "false\n");
    let mut planned = tradeops(folder.path());
    planned.args(["--live", "--plan"]);
    let (out, err) = fed(planned, ":live\nplan::on()\n");
    assert_eq!(out, "true\n");
    assert!(
        err.contains("the session was started with `--plan`"),
        "{err}"
    );
}

/// Reading what a planned change has not given yet ends the line, not the session.
#[test]
fn an_incomplete_plan_ends_its_line() {
    let (out, err) = session("let r = proc::run([\"true\"]);\nr.code\n1 + 1\nr.planned\n");
    assert_eq!(out, "2\ntrue\n");
    assert!(err.contains("the plan is incomplete from here"), "{err}");
}

#[test]
fn the_profile_bounds_the_session_and_a_denial_ends_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("tradeops.toml"),
        "[profiles.reader]\nallow = [\"fs.read\"]\n",
    )
    .unwrap();
    let mut command = tradeops(folder.path());
    command.args(["--live", "--profile", "reader"]);
    let (out, err) = fed(
        command,
        "try { proc::run([\"touch\", \"made\"]) } catch {}\n1 + 1\n",
    );
    assert_eq!(out, "2\n");
    assert!(err.contains("proc.change"), "{err}");
    assert!(!folder.path().join("made").exists());
}

#[test]
fn a_lock_is_held_from_line_to_line() {
    let (out, err) = session(
        ":live\nlet l = lock::acquire(\"x.lock\");\nlock::holder(\"x.lock\").state\nlock::release(l).path.ends_with(\"x.lock\")\nlock::holder(\"x.lock\").state\n",
    );
    assert_eq!(out, "\"held\"\ntrue\n\"free\"\n", "{err}");
}

#[test]
fn long_values_are_cut_and_last_shows_them_whole() {
    let (out, err) = session("let l = []; for i in 0..1000 { l.push(i) } l\n:last\n");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 44, "{out}");
    assert_eq!(lines[41], "  ... 960 more");
    assert!(lines[43].ends_with("998, 999]"), "{out}");
    assert!(err.contains("`:last` shows all of it"), "{err}");
}

#[test]
fn commands_tell_and_forget() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("some.rhai"),
        "#!/usr/bin/env -S tradeops run\n//! Loads.\nlet args = args::parse(#{ flags: #{ size: #{ type: \"int\", initial: 3 } } });\nfn loaded() { 7 }\nargs.size\n",
    )
    .unwrap();
    let (out, err) = fed(
        tradeops(folder.path()),
        ":load some.rhai --size 5\nloaded()\n:time loaded()\n:clear\n:scope\nloaded()\n:lst\n:doc plan::on\nexit\n:quit\nprint(\"not reached\")\n",
    );
    assert!(
        out.starts_with("5\n7\n7\nnothing is defined\n# `plan::on`"),
        "{out}"
    );
    assert!(!out.contains("not reached"), "{out}");
    for text in [
        "took ",
        "there is no function `loaded`",
        "did you mean `:last`?",
        "`:quit`",
    ] {
        assert!(err.contains(text), "{text}: {err}");
    }
}

#[test]
fn json_gives_a_value_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tradeops(folder.path());
    command.args(["-o", "json"]);
    assert_eq!(
        fed(command, "#{ a: [1, ()] }\n()\n\"x\"\n").0,
        "{\"a\":[1,null]}\n\"x\"\n"
    );
}

#[test]
fn a_limit_ends_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tradeops(folder.path());
    command.args(["--deadline", "200ms"]);
    let (out, err) = fed(command, "let n = 1; loop { n += 1 }\nn > 1\n1 + 1\n");
    assert_eq!(out, "true\n2\n");
    assert!(err.contains("the deadline passed"), "{err}");
}

/// A pipe has no prompt to return to.
#[test]
fn an_interrupt_ends_a_piped_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = tradeops(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"print(\"begins\"); loop {}\nprint(\"goes on\")\n")
        .unwrap();
    let mut begins = [0; 7];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut begins)
        .unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("goes on"));
}

#[test]
fn ctrl_c_ends_the_line_and_the_terminal_is_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::open(
        folder.path(),
        // The shell hears of Ctrl-C too.
        "trap : INT; stty -a > before; \"$BIN\" repl; echo \"exit=$?\"; stty -a > after",
    );
    terminal.wait("plan> ");
    terminal.keys("let n = 41; print(\"be\" + \"gins\"); loop { }\r");
    terminal.wait("begins");
    terminal.keys("\x03");
    terminal.wait("interrupted");
    terminal.wait("plan> ");
    // A half-typed line is cleared.
    terminal.keys("this is no line\x03");
    terminal.wait("plan> ");
    terminal.keys("\"answer \" + (n + 1)\r");
    terminal.wait("answer 42");
    terminal.wait("plan> ");
    // What is typed ahead is not lost.
    terminal.keys("let ahead = 1;\r\"typed \" + (ahead + 1)\r");
    terminal.wait("typed 2");
    terminal.wait("plan> ");
    // Over several lines.
    terminal.keys("fn triple(x) {\r  x * 3\r}\r");
    terminal.wait("plan> ");
    terminal.keys("\"thrice \" + triple(100)\r");
    terminal.wait("thrice 300");
    terminal.wait("plan> ");
    // Completed by the tabulator.
    terminal.keys("plan::o\t\r");
    terminal.wait("true");
    terminal.wait("plan> ");
    terminal.keys(":live\r");
    terminal.wait("live> ");
    // A wait within a primitive ends too.
    terminal.keys("print(\"wa\" + \"its\"); time::sleep(\"60s\")\r");
    terminal.wait("waits");
    terminal.keys("\x03");
    terminal.wait("interrupted");
    terminal.wait("live> ");
    terminal.keys(" print(\"not\" + \" kept\")\r");
    terminal.wait("not kept");
    terminal.wait("live> ");
    terminal.keys("\x04");
    terminal.wait("exit=0");
    terminal.child.wait().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("before"), read("after"));

    let history = folder.path().join("state/repl-history");
    let mode = std::fs::metadata(&history).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read_to_string(&history).unwrap();
    assert!(kept.contains("(n + 1)"), "{kept}");
    assert!(!kept.contains(":live") && !kept.contains(" kept"), "{kept}");
}

#[test]
fn a_termination_at_the_prompt_leaves_the_terminal_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::open(
        folder.path(),
        "stty -a > before; sh -c 'echo pid=$$.; exec \"$BIN\" repl'; echo \"exit=$?\"; stty -a > after",
    );
    terminal.wait("pid=");
    let pid = terminal.wait(".").trim_end_matches('.').parse().unwrap();
    terminal.wait("plan> ");
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    terminal.keys("\"answer \" + (1 + 1)\r");
    terminal.wait("answer 2");
    terminal.wait("plan> ");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    terminal.wait("exit=143");
    terminal.child.wait().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("before"), read("after"));
}
