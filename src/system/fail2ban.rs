//! fail2ban, by its own client, which speaks over the server's socket.

use serde::Serialize;

use super::Error;
use super::tool::{Said, Standing, ask, first_line, forbidden};
use crate::run::Cx;

/// More jails than this are not asked one by one.
const MOST_JAILS: usize = 64;

/// How fail2ban stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fail2ban {
    /// `running`: its server answered.
    pub state: Standing,
    /// What it watches; empty unless it runs.
    pub jails: Vec<Jail>,
    /// Why the state is what it is, in words.
    pub says: String,
}

/// One thing that it watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jail {
    /// `sshd`.
    pub name: String,
    /// Failed attempts that count now.
    pub failed: Option<i64>,
    /// Addresses that are kept out now.
    pub banned: Option<i64>,
    /// Addresses that were ever kept out, since its start.
    pub banned_total: Option<i64>,
}

/// How fail2ban stands, and what it watches.
pub fn fail2ban(cx: &Cx) -> Result<Fail2ban, Error> {
    let client = |words: &[&str]| ask(cx, "fail2ban-client", words);
    let (state, says) = standing(&client(&["ping"])?);
    let mut found = Fail2ban {
        state,
        jails: Vec::new(),
        says,
    };
    if state != Standing::Running {
        return Ok(found);
    }
    if let Said::Answer {
        code: 0, stdout, ..
    } = client(&["status"])?
    {
        for name in jails(&stdout).into_iter().take(MOST_JAILS) {
            let said = client(&["status", &name])?;
            found.jails.push(jail(name, &said));
        }
    }
    Ok(found)
}

fn standing(said: &Said) -> (Standing, String) {
    match said {
        Said::Nothing => (
            Standing::NotInstalled,
            "there is no `fail2ban-client`".into(),
        ),
        Said::Silent(why) => (Standing::Unknown, why.clone()),
        Said::Answer {
            code,
            stdout,
            stderr,
        } => {
            let words = format!("{stderr}{stdout}");
            let line = message(&first_line(&words));
            if *code == 0 && words.contains("pong") {
                (Standing::Running, "its server answers".into())
            } else if forbidden(&words) {
                (Standing::NotPermitted, line)
            } else if words.contains("Is fail2ban running?") || words.contains("Connection refused")
            {
                (Standing::NotRunning, line)
            } else {
                (
                    Standing::Unknown,
                    format!("`fail2ban-client ping` ended with {code}: {line}"),
                )
            }
        }
    }
}

/// `2026-11-24 21:08:50,015 fail2ban [75]: ERROR   Failed ...` without what stands before the message.
fn message(line: &str) -> String {
    let rest = line
        .split_once("]: ")
        .map_or(line, |(_, rest)| rest)
        .trim_start_matches("ERROR");
    rest.trim().to_owned()
}

/// Of the line that ends in `Jail list: sshd, recidive`.
fn jails(status: &str) -> Vec<String> {
    let list = status
        .lines()
        .find_map(|line| line.split_once("Jail list:"))
        .map(|(_, list)| list);
    list.into_iter()
        .flat_map(|list| list.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

fn jail(name: String, said: &Said) -> Jail {
    let text = match said {
        Said::Answer {
            code: 0, stdout, ..
        } => stdout.as_str(),
        _ => "",
    };
    let number = |label: &str| {
        text.lines()
            .find_map(|line| line.split_once(label))
            .and_then(|(_, number)| number.trim().parse().ok())
    };
    Jail {
        name,
        failed: number("Currently failed:"),
        banned: number("Currently banned:"),
        banned_total: number("Total banned:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: i64, stdout: &str, stderr: &str) -> Said {
        Said::Answer {
            code,
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    /// As fail2ban 1.0 answers on Debian 12.
    #[test]
    fn the_three_answers_and_running() {
        let error = |text: &str| {
            said(
                255,
                "",
                &format!("2026-11-24 21:08:50,015 fail2ban                [75]: ERROR   {text}\n"),
            )
        };
        for (said, state, says) in [
            (Said::Nothing, Standing::NotInstalled, "there is no"),
            (
                said(0, "Server replied: pong\n", ""),
                Standing::Running,
                "answers",
            ),
            (
                error(
                    "Failed to access socket path: /var/run/fail2ban/fail2ban.sock. Is fail2ban running?",
                ),
                Standing::NotRunning,
                "Failed to access socket path: /var/run/fail2ban/fail2ban.sock",
            ),
            (
                error("[Errno 111] Connection refused"),
                Standing::NotRunning,
                "[Errno 111] Connection refused",
            ),
            (
                error(
                    "Permission denied to socket: /var/run/fail2ban/fail2ban.sock, (you must be root)",
                ),
                Standing::NotPermitted,
                "Permission denied to socket",
            ),
            (error("Oops"), Standing::Unknown, "ended with 255: Oops"),
        ] {
            let (found, why) = standing(&said);
            assert_eq!(found, state, "{why}");
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn what_it_watches() {
        let status = "Status\n|- Number of jail:\t2\n`- Jail list:\tsshd, recidive\n";
        assert_eq!(jails(status), ["sshd", "recidive"]);
        assert!(jails("Status\n|- Number of jail:\t0\n`- Jail list:\t\n").is_empty());
        let one = "Status for the jail: sshd\n|- Filter\n|  |- Currently failed:\t3\n|  |- Total failed:\t9\n|  `- File list:\t/tmp/auth.log\n`- Actions\n   |- Currently banned:\t1\n   |- Total banned:\t4\n   `- Banned IP list:\t9.9.9.9\n";
        let jail = jail("sshd".into(), &said(0, one, ""));
        assert_eq!(
            (jail.failed, jail.banned, jail.banned_total),
            (Some(3), Some(1), Some(4))
        );
    }
}
