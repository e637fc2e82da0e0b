//! `sys::firewalls` and `sys::fail2ban` through the binary: with the real `nft` in a network of its own, and
//! with fail2ban's client as it answers on Debian 12.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const FIREWALLS: &str = "sys::firewalls()";

/// Evaluates in a network namespace of its own, after `before` (a shell's words) was done there.
fn apart(before: &str, user: Option<u32>, expression: &str) -> Value {
    let binary = env!("CARGO_BIN_EXE_tradeops");
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    // `target/` need not be open to everybody.
    let copy = folder.path().join("tradeops");
    std::fs::copy(binary, &copy).unwrap();
    let drop = user.map_or_else(String::new, |user| {
        format!("setpriv --reuid {user} --clear-groups ")
    });
    let script = format!("{before}\nexec {drop}\"$0\" eval -o json \"$1\"");
    let output = Command::new("unshare")
        .args(["--net", "sh", "-ec", &script])
        .args([copy.as_os_str(), expression.as_ref()])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .env("TRADEOPS_STATE", folder.path().join("state"))
        .output()
        .expect("`unshare` runs: these tests need root and the package util-linux");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn one<'a>(all: &'a Value, name: &str) -> &'a Value {
    let list = all.as_array().unwrap();
    list.iter().find(|f| f["name"] == name).unwrap()
}

#[test]
fn no_rule_is_not_running() {
    let found = apart("", None, FIREWALLS);
    for name in ["nftables", "iptables"] {
        let wall = one(&found, name);
        assert_eq!(wall["state"], "not_running", "{wall}");
        assert_eq!(wall["filters_input"], false, "{wall}");
    }
}

#[test]
fn rules_that_keep_nobody_out_are_no_firewall() {
    let before = "nft add table ip nat\nnft 'add chain ip nat post { type nat hook postrouting priority 100; }'\n\
                  nft add rule ip nat post masquerade";
    let found = apart(before, None, FIREWALLS);
    let wall = one(&found, "nftables");
    assert_eq!(wall["state"], "running", "{wall}");
    assert_eq!(wall["filters_input"], false, "{wall}");
    assert_eq!(wall["rules"], 1, "{wall}");
}

#[test]
fn a_refusal_on_the_way_in_is_one() {
    let before = "nft add table inet f\nnft 'add chain inet f in { type filter hook input priority 0; policy accept; }'\n\
                  nft add chain inet f deny\nnft add rule inet f deny counter drop\nnft add rule inet f in jump deny";
    let found = apart(before, None, FIREWALLS);
    let wall = one(&found, "nftables");
    assert_eq!(wall["state"], "running", "{wall}");
    assert_eq!(wall["filters_input"], true, "{wall}");
    let found = apart("iptables -P INPUT DROP", None, FIREWALLS);
    assert_eq!(one(&found, "iptables")["filters_input"], true, "{found:#}");
}

#[test]
fn who_may_not_look_is_told_so() {
    let found = apart("", Some(65_534), FIREWALLS);
    for name in ["nftables", "iptables"] {
        let wall = one(&found, name);
        assert_eq!(wall["state"], "not_permitted", "{wall}");
        assert_eq!(wall["filters_input"], Value::Null, "{wall}");
        assert!(wall["says"].as_str().unwrap().contains("root"), "{wall}");
    }
}

#[test]
fn what_is_not_installed_is_told_so() {
    let found = apart("PATH=/usr/bin:/bin", None, "sys::fail2ban()");
    if Path::new("/usr/bin/fail2ban-client").exists() {
        assert_ne!(found["state"], "not_installed", "{found}");
    } else {
        assert_eq!(found["state"], "not_installed", "{found}");
    }
}

#[test]
fn fail2ban_by_its_client() {
    let client = |body: &str| {
        format!(
            "printf '%s\\n' '#!/bin/sh' '{body}' > fail2ban-client\nchmod 755 fail2ban-client\nPATH=$PWD:$PATH"
        )
    };
    let runs = r#"case "$*" in ping) echo "Server replied: pong";; status) printf "Status\n|- Number of jail:\t1\n`- Jail list:\tsshd\n";; "status sshd") printf "|  |- Currently failed:\t2\n   |- Currently banned:\t1\n   |- Total banned:\t5\n";; esac"#;
    let found = apart(&client(&runs.replace('`', "")), None, "sys::fail2ban()");
    assert_eq!(found["state"], "running", "{found}");
    assert_eq!(found["jails"][0]["name"], "sshd", "{found}");
    assert_eq!(found["jails"][0]["banned"], 1, "{found}");
    for (words, state) in [
        (
            "Failed to access socket path: /var/run/fail2ban/fail2ban.sock. Is fail2ban running?",
            "not_running",
        ),
        (
            "Permission denied to socket: /var/run/fail2ban/fail2ban.sock, (you must be root)",
            "not_permitted",
        ),
    ] {
        let body = format!(
            "echo \"2026-11-24 21:08:50,015 fail2ban [75]: ERROR   {words}\" >&2; exit 255"
        );
        let found = apart(&client(&body), None, "sys::fail2ban()");
        assert_eq!(found["state"], state, "{found}");
    }
}
