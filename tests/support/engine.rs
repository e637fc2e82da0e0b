//! A Docker Engine of a test's own, below a folder of its own.
//!
//! It runs in namespaces of its own (network, mounts, processes): an engine that finds a `docker0` it does
//! not want removes it, and another's on the same machine is lost.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts one that keeps all in `folder`, and waits until it answers. `input` is its standard input, and becomes the
/// descriptor 3 that `--host fd://` looks for.
pub(crate) fn start(
    folder: &Path,
    input: Stdio,
    args: &[&str],
    answers: impl Fn() -> bool,
) -> Child {
    let at = |name: &str| folder.join(name).display().to_string();
    let line = r#"ip link set lo up; LISTEN_FDS=1 LISTEN_PID=$$ exec dockerd "$@" 3<&0 </dev/null"#;
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(at("log"))
        .unwrap();
    // Of one that ran here before.
    let _ = std::fs::remove_file(at("pid"));
    let mut child = Command::new("unshare")
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .args(["sh", "-c", line, "dockerd"])
        .args(["--data-root", &at("data"), "--exec-root", &at("exec")])
        .args(["--pidfile", &at("pid")])
        .args(["--bridge=none", "--iptables=false", "--ip-forward=false"])
        .args(args)
        .stdin(input)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let limit = Instant::now() + Duration::from_secs(300);
    while !answers() {
        let log = || std::fs::read_to_string(at("log")).unwrap();
        if let Some(status) = child.try_wait().unwrap() {
            panic!("no engine, which takes root: {status}\n{}", log());
        }
        if Instant::now() > limit {
            child.kill().unwrap();
            panic!("no engine\n{}", log());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}
