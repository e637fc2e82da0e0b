//! Faults of the machine that the stack runs on: what listens, what should turn others away, what fills up.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fault::{Alone, ask};
use crate::security::{House, removed};
use crate::security_faults::named;
use crate::stack::{Stack, docker, eventually};

fn settings(stack: &Stack, text: &str) {
    std::fs::write(stack.folder.path().join("tradeops.toml"), text).expect("the settings");
}

/// The same in a network of its own, in which nobody has set up anything.
fn apart(inner: &Command) -> Command {
    let mut outer = Command::new("unshare");
    outer
        .arg("--net")
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(inner.get_current_dir().unwrap_or(Path::new(".")));
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

#[test]
fn what_listens_and_what_turns_nobody_away() {
    let stack = Stack::alone();
    let house = House::new(&stack, &[]);
    let open = TcpListener::bind("0.0.0.0:0").expect("a port");
    settings(&stack, "[settings.security]\nopen_ports = []\n");
    house.has("a port of the machine that is open to the world");
    drop(open);
    settings(&stack, "[settings.security]\nfirewall = true\n");
    House::has_in(
        "no firewall where there should be one",
        &mut apart(&house.health()),
    );
    settings(&stack, "[settings.security]\nfail2ban = true\n");
    House::has_in(
        "no fail2ban where there should be one",
        house.health().env("PATH", "/nonexistent"),
    );
}

#[test]
fn what_fills_up() {
    let stack = Stack::alone();
    stack.overlay("std/limits", |text| {
        text.replace(
            "reclaimable_bytes: #{ warn: 53687091200",
            "reclaimable_bytes: #{ warn: 1",
        )
    });
    House::new(&stack, &[]).has("the engine keeps much that nobody needs");

    stack.as_shipped("std/limits");
    stack.overlay("std/limits", |text| {
        text.replace("log_bytes: #{ warn: 1073741824", "log_bytes: #{ warn: 1")
    });
    {
        let ollama = Alone::start("ollama", &[11434], &[]);
        let words = ["--project", &ollama.project, "--only", "hygiene.logs"];
        named("a large log that nothing bounds").is_found(&ask(&stack, "", &words, &[]));
    }

    stack.as_shipped("std/limits");
    stack.overlay("std/limits", |text| {
        text.replace("bad: 12.0, span: \"1h\"", "bad: 12.0, span: \"0s\"")
    });
    let volume = format!("tt-sec-fills-{}", std::process::id());
    // Goes after the house that mounts it.
    let _gone = removed(&["volume", "rm", "-f", &volume]);
    let words = "volume create --label com.tradeops.test=health -o type=tmpfs -o device=tmpfs -o o=size=10m";
    let words: Vec<&str> = words.split(' ').chain([volume.as_str()]).collect();
    docker(&words);
    let mount = format!("{volume}:/fills");
    let house = House::new(&stack, &["-v", &mount]);
    let point = docker(&["volume", "inspect", "-f", "{{.Mountpoint}}", &volume]);
    // The first look has nothing to hold it against.
    house.wrong();
    std::fs::write(PathBuf::from(point).join("more"), vec![0; 2_000_000]).expect("room");
    house.has("a disk that is full soon");
}

#[test]
fn a_signing_key_comes_to_its_end() {
    let stack = Stack::alone();
    let api = Alone::start("api", &[8000], &[]);
    let words = ["--project", &api.project, "--only", "api.key_life"];
    let left = |ratio: &str| {
        api.tell(&format!(
            "/metric?name=app_jwt_key_remaining_ratio&value={ratio}"
        ));
        ask(&stack, "", &words, &[])
    };
    eventually("it does not get well", || {
        let asked = left("0.9");
        if asked.code == 0 && asked.check("api.key_life")["status"] == "ok" {
            Ok(())
        } else {
            Err(format!("{:#}", asked.report))
        }
    });
    named("a signing key near its end").is_found(&left("0.2"));
    named("a signing key at its end").is_found(&left("0.05"));
}
