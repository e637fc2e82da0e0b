//! What an `ssh` that reached no engine ran into, in words, with the next step.

use std::io;

use super::address::Destination;
use super::error::Broken;

/// ssh could not even be started.
pub(super) fn not_started(error: &io::Error) -> Broken {
    let (reason, hint) = if error.kind() == io::ErrorKind::NotFound {
        (
            "there is no `ssh` command here".to_owned(),
            Some("install an ssh client"),
        )
    } else {
        let why = crate::net::tcp::reason(error);
        (format!("`ssh` cannot be started: {why}"), None)
    };
    broken(false, reason, hint.map(str::to_owned))
}

/// Something answered that is no engine.
pub(super) fn no_engine(to: &Destination, said: &str) -> Broken {
    let line = said.lines().next().unwrap_or_default().trim();
    broken(
        false,
        format!("what answers through ssh is no engine: it wrote {line:?}"),
        Some(format!(
            "`{}` must write nothing: look at the login files there",
            by_hand(to, "true")
        )),
    )
}

/// ssh ended by itself. 255 is its own code; others are those of the command on the other side.
pub(super) fn ended(to: &Destination, code: Option<i32>, words: &str) -> Broken {
    let has = |text: &str| words.contains(text);
    let said = last_lines(words);
    match code {
        Some(255) if has("IDENTIFICATION HAS CHANGED") => broken(
            true,
            "ssh: the host shows another key than the one that is known".into(),
            Some(format!(
                "find out why before you forget the old one with `ssh-keygen -R {}`",
                match to.port {
                    Some(port) => format!("'[{}]:{port}'", to.host),
                    None => to.host.clone(),
                }
            )),
        ),
        Some(255) if has("Host key verification failed") || has("host key is known") => broken(
            true,
            format!("ssh does not know the host's key: {said}"),
            Some(format!(
                "log in by hand once and compare the key: `{}`",
                by_hand(to, "true")
            )),
        ),
        Some(255) if has("Permission denied") || has("Too many authentication failures") => broken(
            true,
            format!("ssh was not let in: {said}"),
            Some(format!(
                "ssh must not have to ask: an agent, or `IdentityFile` in `~/.ssh/config`; `{}` has to work",
                by_hand(to, "true")
            )),
        ),
        Some(255) => broken(
            false,
            format!("ssh: {said}"),
            Some(format!("try `{}`", by_hand(to, "true"))),
        ),
        Some(126 | 127) => broken(
            false,
            format!(
                "the host was reached, and it has no `docker` command on the path of a login without a terminal: {said}"
            ),
            Some(format!(
                "`{}` has to show its version",
                by_hand(to, "docker --version")
            )),
        ),
        _ if has("permission denied") => broken(
            true,
            format!("the host was reached, and the user there may not use its engine: {said}"),
            Some(
                "let the user there be a member of the group that owns the socket (`docker`)"
                    .into(),
            ),
        ),
        _ if has("Cannot connect to the Docker daemon")
            || has("failed to connect to the docker API")
            || has("no such file") =>
        {
            broken(
                false,
                format!("the host was reached, and no engine answers there: {said}"),
                Some("start the engine there (`systemctl start docker`)".into()),
            )
        }
        Some(code) => broken(
            false,
            format!("`docker system dial-stdio` ended with {code} on the host: {said}"),
            None,
        ),
        None => broken(false, format!("`ssh` was ended: {said}"), None),
    }
}

fn broken(refused: bool, reason: String, hint: Option<String>) -> Broken {
    Broken {
        refused,
        reason,
        hint,
    }
}

/// The command that a person would type to see the same.
fn by_hand(to: &Destination, command: &str) -> String {
    let port = to
        .port
        .map(|port| format!("-p {port} "))
        .unwrap_or_default();
    let user = to
        .user
        .as_ref()
        .map(|user| format!("{user}@"))
        .unwrap_or_default();
    format!("ssh {port}{user}{} {command}", to.host)
}

/// What was said last, in one line. A banner comes before it.
fn last_lines(words: &str) -> String {
    let lines: Vec<_> = words
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    match lines.len() {
        0 => "it said nothing".into(),
        n => lines[n.saturating_sub(2)..]
            .join("; ")
            .trim_start_matches("ssh: ")
            .to_owned(),
    }
}
