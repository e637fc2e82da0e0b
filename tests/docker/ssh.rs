//! The machine's engine through a real sshd.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::SLEEP;
use crate::docker_fixture::Fixture;
use crate::sshd::Sshd;
use crate::support::{Run, World, until};

const HEADER: &str = "//! A test.\n//! needs: docker.read, docker.change\n";

fn through(sshd: &Sshd, run: Run) -> Run {
    run.env("PATH", sshd.search_path())
        .env("DOCKER_HOST", sshd.host())
}

/// Every `ssh` is gone soon after the run.
#[track_caller]
fn all_gone(sshd: &Sshd) {
    let limit = Instant::now() + Duration::from_secs(10);
    while sshd.clients() > 0 {
        assert!(Instant::now() < limit, "{} left", sshd.clients());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn questions_changes_and_streams() {
    let (sshd, fixture, world) = (Sshd::start(""), Fixture::new(), World::new());
    let guard = fixture.run(
        "ssh",
        &[
            "sh",
            "-c",
            "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; exec sleep 600",
        ],
    );
    let name = &guard.name;
    let script = format!(
        "{HEADER}let e = docker::info();\n\
         // Input and its end go through, and both streams come back.\n\
         let x = docker::exec(\"{name}\", [\"sh\", \"-c\", \"cat; echo no >&2; exit 3\"], #{{ stdin: \"one\\ntwo\\n\" }});\n\
         let many = []; for i in 0..24 {{ many.push(i); }}\n\
         let log = docker::logs(\"{name}\", #{{ last: 1000 }});\n\
         let all = task::map(many, |i| docker::inspect(\"{name}\").id, #{{ limit: 24 }});\n\
         docker::stop(\"{name}\", #{{ timeout: \"0s\" }});\n\
         #{{ address: e.address, root: e.root_dir, chosen_by: e.chosen_by, out: x.stdout, err: x.stderr, code: x.exit_code,\n\
            lines: log.lines.len(), ok: all.filter(|a| a.ok).len(), state: docker::inspect(\"{name}\").state }}\n"
    );
    world.file("script.rhai", &script);
    let run = world.tradeops(&["run", "script.rhai", "-o", "json"]);
    let done = through(&sshd, run).done().exits(0);
    let found: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(found["address"], sshd.host());
    assert_eq!(found["chosen_by"], "`DOCKER_HOST`");
    assert_eq!(found["out"], "one\ntwo\n");
    assert_eq!(found["err"], "no\n");
    assert_eq!(found["code"], 3);
    assert_eq!(found["lines"], 500);
    assert_eq!(found["ok"], 24, "{}", done.err);
    assert_eq!(found["state"], "exited");
    all_gone(&sshd);
}

#[test]
fn no_ssh_outlives_the_run() {
    let (sshd, fixture, world) = (Sshd::start(""), Fixture::new(), World::new());
    let guard = fixture.run("ssh", SLEEP);
    let script = format!(
        "{HEADER}docker::info();\nprint(\"here\");\ndocker::wait_for(\"{}\", \"exited\", #{{ timeout: \"50s\" }});\n",
        guard.name
    );
    world.file("script.rhai", &script);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::KILL, 137)] {
        let mut run = through(&sshd, world.tradeops(&["run", "script.rhai"])).start();
        run.until("here");
        until("an ssh", || sshd.clients() > 0);
        run.signal(signal);
        run.end().exits(code);
        all_gone(&sshd);
    }
}

#[test]
fn what_is_wrong_is_told_apart() {
    let (sshd, world) = (Sshd::start(""), World::new());
    let ask = |sshd: &Sshd| through(sshd, world.tradeops(&["eval", "docker::info().root_dir"]));
    ask(&sshd).done().exits(0);

    std::fs::write(sshd.path("nobody"), "").unwrap();
    sshd.settings("client", "nobody");
    ask(&sshd).done().exits(70).says(&[
        "may not be used: ssh does not know the host's key",
        "(`DOCKER_HOST`)",
        "compare the key",
    ]);

    let stranger = std::fs::read_to_string(sshd.path("stranger.pub")).unwrap();
    std::fs::write(
        sshd.path("changed"),
        format!("[127.0.0.1]:{} {stranger}", sshd.port),
    )
    .unwrap();
    sshd.settings("client", "changed");
    ask(&sshd).done().exits(70).says(&[
        "the host shows another key than the one that is known",
        "ssh-keygen -R",
    ]);

    sshd.settings("stranger", "known_hosts");
    ask(&sshd).done().exits(70).says(&[
        "ssh was not let in",
        "Permission denied (publickey)",
        "IdentityFile",
    ]);
    sshd.settings("client", "known_hosts");

    let socket = format!("{}/nonexistent.sock", sshd.host());
    ask(&sshd)
        .env("DOCKER_HOST", &*socket)
        .done()
        .exits(69)
        .says(&[
            "the host was reached, and no engine answers there",
            "systemctl start docker",
        ]);
    let right = format!("{}/var/run/docker.sock", sshd.host());
    ask(&sshd)
        .env("DOCKER_HOST", &*right)
        .done()
        .exits(0)
        .shows(&["docker"]);
    ask(&sshd)
        .env("PATH", sshd.path("nowhere"))
        .done()
        .exits(69)
        .says(&["there is no `ssh` command here"]);
    ask(&sshd)
        .env("DOCKER_HOST", "ssh://127.0.0.1:1")
        .done()
        .exits(69)
        .says(&["ssh: connect to host 127.0.0.1 port 1: Connection refused"]);

    let bare = Sshd::start("SetEnv PATH=/nonexistent");
    ask(&bare)
        .done()
        .exits(69)
        .says(&["it has no `docker` command on the path", "docker --version"]);
    let chatty = Sshd::start("ForceCommand echo Welcome to the box; cat");
    ask(&chatty).done().exits(69).says(&[
        "what answers through ssh is no engine: it wrote \"Welcome to the box\"",
        "must write nothing",
    ]);
    // One that says nothing is given up at once when the run is.
    let mute = Sshd::start("ForceCommand sleep 100");
    let run = ask(&mute).start();
    until("an ssh", || mute.clients() > 0);
    run.signal(Signal::INT);
    let done = run.end().exits(130);
    assert!(done.took < Duration::from_secs(10), "{:?}", done.took);
    all_gone(&mute);
}
