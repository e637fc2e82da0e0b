//! Whether something turns away what comes in: the kernel's rules as `nft` and `iptables-save` list them,
//! and the two programs that most often write them, `ufw` and `firewalld`.
//!
//! Rules alone prove nothing: an engine of containers writes many, and none of them keeps anybody out. What
//! counts is whether a packet for this machine can meet a refusal: a chain on the way in whose policy is to
//! drop, or a rule that drops or rejects in it or in a chain that it jumps to.

mod iptables;
mod nft;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Error;
use super::tool::{Said, Standing, ask, first_line, forbidden};
use crate::run::Cx;

/// One way in which this machine may be kept shut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Firewall {
    /// `nftables`, `iptables`, `ufw` or `firewalld`.
    pub name: String,
    /// `running`: it has rules, or is switched on.
    pub state: Standing,
    /// Whether it turns away anything that comes in to this machine; `None` where that is not known.
    pub filters_input: Option<bool>,
    /// How many rules; `None` where that is not known.
    pub rules: Option<i64>,
    /// Why the state is what it is, in words.
    pub says: String,
}

/// All four, whether installed or not.
pub fn firewalls(cx: &Cx) -> Result<Vec<Firewall>, Error> {
    Ok(vec![
        rules(
            "nftables",
            ask(cx, "nft", &["-j", "list", "ruleset"])?,
            nft::read,
        ),
        rules("iptables", ask(cx, "iptables-save", &[])?, iptables::read),
        ufw(ask(cx, "ufw", &["status"])?),
        firewalld(ask(cx, "firewall-cmd", &["--state"])?),
    ])
}

impl Firewall {
    fn of(name: &str, state: Standing, says: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            state,
            filters_input: match state {
                Standing::NotInstalled | Standing::NotRunning => Some(false),
                _ => None,
            },
            rules: None,
            says: says.into(),
        }
    }

    /// Code, output and complaints of a program that answered; else what holds for every one that was not there, not for
    /// us, or not to be read.
    fn answer(name: &str, program: &str, said: Said) -> Result<(i64, String, String), Self> {
        let (state, why) = match said {
            Said::Nothing => (Standing::NotInstalled, format!("there is no `{program}`")),
            Said::Silent(why) => (Standing::Unknown, why),
            Said::Answer {
                code,
                stdout,
                stderr,
            } => {
                if code == 0 || !forbidden(&format!("{stderr}{stdout}")) {
                    return Ok((code, stdout, stderr));
                }
                let why = format!("`{program}`: {}", first_line(&stderr));
                (Standing::NotPermitted, why)
            }
        };
        Err(Self::of(name, state, why))
    }
}

fn rules(name: &str, said: Said, read: fn(&str) -> Option<Ruleset>) -> Firewall {
    let program = if name == "nftables" {
        "nft"
    } else {
        "iptables-save"
    };
    let (code, stdout, stderr) = match Firewall::answer(name, program, said) {
        Ok(answer) => answer,
        Err(failed) => return failed,
    };
    let Some(set) = (code == 0).then(|| read(&stdout)).flatten() else {
        let why = format!("`{program}` ended with {code}: {}", first_line(&stderr));
        return Firewall::of(name, Standing::Unknown, why);
    };
    let filters = set.filters_input();
    let (state, says) = if set.rules == 0 && !filters {
        (Standing::NotRunning, "there is no rule".to_owned())
    } else if filters {
        (Standing::Running, format!("{} rules", set.rules))
    } else {
        let why = format!(
            "{} rules, none of which turns away what comes in",
            set.rules
        );
        (Standing::Running, why)
    };
    Firewall {
        filters_input: Some(filters),
        rules: Some(set.rules),
        ..Firewall::of(name, state, says)
    }
}

fn ufw(said: Said) -> Firewall {
    let (_, stdout, stderr) = match Firewall::answer("ufw", "ufw", said) {
        Ok(answer) => answer,
        Err(failed) => return failed,
    };
    let status = stdout
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .map(str::trim);
    match status {
        Some("active") => Firewall {
            filters_input: Some(true),
            ..Firewall::of("ufw", Standing::Running, "active")
        },
        Some("inactive") => Firewall::of("ufw", Standing::NotRunning, "inactive"),
        _ => Firewall::of(
            "ufw",
            Standing::Unknown,
            format!(
                "`ufw status`: {}",
                first_line(&format!("{stderr}\n{stdout}"))
            ),
        ),
    }
}

fn firewalld(said: Said) -> Firewall {
    let (code, stdout, stderr) = match Firewall::answer("firewalld", "firewall-cmd", said) {
        Ok(answer) => answer,
        Err(failed) => return failed,
    };
    // 252 is its own code for this; it is also what it ends with where there is no message bus to ask over.
    match (stdout.trim(), code) {
        ("running", 0) => Firewall {
            filters_input: Some(true),
            ..Firewall::of("firewalld", Standing::Running, "running")
        },
        (_, 252) => Firewall::of("firewalld", Standing::NotRunning, "not running"),
        _ => Firewall::of(
            "firewalld",
            Standing::Unknown,
            format!(
                "`firewall-cmd --state` ended with {code}: {}",
                first_line(&format!("{stderr}\n{stdout}"))
            ),
        ),
    }
}

/// A set of rules, as far as it matters here.
#[derive(Debug, Default)]
struct Ruleset {
    rules: i64,
    chains: BTreeMap<String, Chain>,
}

/// One chain of rules.
#[derive(Debug, Default)]
struct Chain {
    /// Whether packets for this machine come to it by themselves.
    input: bool,
    /// Whether its policy or one of its rules turns a packet away.
    denies: bool,
    /// The chains that it sends packets to.
    to: Vec<String>,
}

impl Ruleset {
    fn filters_input(&self) -> bool {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> = self
            .chains
            .iter()
            .filter(|(_, chain)| chain.input)
            .map(|(name, _)| name.as_str())
            .collect();
        while let Some(name) = next.pop() {
            if !seen.insert(name) {
                continue;
            }
            let Some(chain) = self.chains.get(name) else {
                continue;
            };
            if chain.denies {
                return true;
            }
            next.extend(chain.to.iter().map(String::as_str));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the real programs answered on Debian 12.
    fn said(code: i64, stdout: &str, stderr: &str) -> Said {
        Said::Answer {
            code,
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    #[test]
    fn the_three_answers_and_running() {
        let nft = |said| rules("nftables", said, nft::read);
        let iptables = |said| rules("iptables", said, iptables::read);
        let empty =
            r#"{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}]}"#;
        let denied = "Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed: Operation not permitted\n";
        let fetch = "iptables-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n";
        let legacy = "Failed to list table names in /proc/net/ip_tables_names: Permission denied\n";
        for (found, state, filters) in [
            (nft(Said::Nothing), Standing::NotInstalled, Some(false)),
            (nft(said(0, empty, "")), Standing::NotRunning, Some(false)),
            // An older one, with no rule, says nothing at all.
            (nft(said(0, "", "")), Standing::Unknown, None),
            (nft(said(1, "", denied)), Standing::NotPermitted, None),
            (nft(said(1, "", "oops")), Standing::Unknown, None),
            (nft(Said::Silent("late".into())), Standing::Unknown, None),
            (iptables(said(0, "", "")), Standing::NotRunning, Some(false)),
            (iptables(said(4, "", fetch)), Standing::NotPermitted, None),
            (iptables(said(1, "", legacy)), Standing::NotPermitted, None),
            (ufw(Said::Nothing), Standing::NotInstalled, Some(false)),
            (
                ufw(said(0, "Status: inactive\n", "")),
                Standing::NotRunning,
                Some(false),
            ),
            (
                ufw(said(0, "Status: active\n\nTo   Action  From\n", "")),
                Standing::Running,
                Some(true),
            ),
            (
                ufw(said(
                    1,
                    "",
                    "ERROR: You need to be root to run this script\n",
                )),
                Standing::NotPermitted,
                None,
            ),
            (
                ufw(said(1, "", "ERROR: problem running iptables\n")),
                Standing::Unknown,
                None,
            ),
            (
                firewalld(said(0, "running\n", "")),
                Standing::Running,
                Some(true),
            ),
            (
                firewalld(said(252, "not running\n", "")),
                Standing::NotRunning,
                Some(false),
            ),
            (
                firewalld(said(
                    36,
                    "",
                    "Error: DBUS_ERROR: Failed to connect to socket\n",
                )),
                Standing::Unknown,
                None,
            ),
        ] {
            assert_eq!(
                (found.state, found.filters_input),
                (state, filters),
                "{found:?}"
            );
            assert!(!found.says.is_empty(), "{found:?}");
        }
    }
}
