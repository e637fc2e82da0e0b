//! Processes, from `/proc`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::Error;
use super::error::read;
use super::host::boot_time;

/// The unit of times in `/proc/*/stat`. Fixed at 100 for user space on every Linux but Alpha.
const TICKS_PER_SECOND: i64 = 100;

/// The kernel keeps this much of a process's name.
const NAME_KEPT: usize = 15;

/// One process.
#[derive(Debug, Clone, Serialize)]
pub struct Process {
    /// Its number.
    pub pid: i64,
    /// Its parent's number.
    pub parent: i64,
    /// The kernel's name of it, at most 15 bytes.
    pub name: String,
    /// The arguments, joined by blanks; the name in brackets for a kernel thread.
    pub command: String,
    /// `running`, `sleeping`, `waiting` (for a disk), `stopped`, `zombie`, `idle`.
    pub state: String,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// Memory in RAM.
    pub rss_bytes: i64,
    /// Whose it is: a name of `/etc/passwd`, else the number.
    pub user: String,
}

/// One process by number.
pub fn process(pid: i64) -> Result<Process, Error> {
    look(pid).ok_or(Error::NoProcess(pid))
}

/// Every process of this name: the kernel's name, the program's file name, or the file name of the
/// script that an interpreter runs. Zombies do not count.
pub fn processes(name: &str) -> Result<Vec<Process>, Error> {
    let mut found: Vec<_> = pids()?
        .filter_map(look)
        .filter(|p| p.state != "zombie" && answers_to(p, &arguments(p.pid), name))
        .collect();
    found.sort_by_key(|p| p.pid);
    Ok(found)
}

fn answers_to(process: &Process, arguments: &[String], name: &str) -> bool {
    let file =
        |argument: Option<&String>| argument.is_some_and(|a| a.rsplit('/').next() == Some(name));
    let kept = name.get(..NAME_KEPT).unwrap_or(name);
    let kernel = process.name == name
        || (name.len() > NAME_KEPT && process.name == kept && arguments.is_empty());
    // A daemon may rewrite its title: `postgres: writer`.
    let title = arguments
        .first()
        .is_some_and(|a| a.split([':', ' ']).next() == Some(name));
    kernel || title || file(arguments.first()) || file(arguments.get(1).filter(|a| a.contains('/')))
}

fn pids() -> Result<impl Iterator<Item = i64>, Error> {
    let entries = fs::read_dir("/proc").map_err(|e| Error::at("/proc".as_ref(), &e))?;
    Ok(entries
        .flatten()
        .filter_map(|e| e.file_name().to_str().and_then(|n| n.parse().ok())))
}

/// What `/proc/<pid>/stat` says.
struct Stat {
    name: String,
    state: char,
    parent: i64,
    group: i64,
    start: i64,
}

fn stat(pid: i64) -> Option<Stat> {
    parse_stat(&read(&format!("/proc/{pid}/stat")).ok()?)
}

/// The name stands in parentheses and may hold blanks and parentheses itself: the last one ends it.
fn parse_stat(text: &str) -> Option<Stat> {
    let (left, right) = text.rsplit_once(')')?;
    let name = left.split_once('(')?.1.to_owned();
    // Field 3 is the first here.
    let words: Vec<_> = right.split_whitespace().collect();
    let number = |field: usize| words.get(field - 3)?.parse::<i64>().ok();
    Some(Stat {
        name,
        state: words.first()?.chars().next()?,
        parent: number(4)?,
        group: number(5)?,
        start: number(22)?,
    })
}

/// When a process started, in the kernel's ticks since the boot. With the boot's id and the pid it names one
/// process for ever, so that a reused pid is seen. `None` when it has ended, be it reaped or not.
pub fn start_ticks(pid: i64) -> Option<i64> {
    stat(pid)
        .filter(|s| !matches!(s.state, 'Z' | 'X'))
        .map(|s| s.start)
}

/// The kernel's name of a process.
pub(super) fn comm(pid: i64) -> Option<String> {
    stat(pid).map(|s| s.name)
}

/// Whether any process of this group still runs; zombies do not count.
pub fn group_alive(group: i64) -> bool {
    pids().is_ok_and(|mut pids| {
        pids.any(|pid| stat(pid).is_some_and(|s| s.group == group && !matches!(s.state, 'Z' | 'X')))
    })
}

fn arguments(pid: i64) -> Vec<String> {
    let line = read(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split_terminator('\0').map(str::to_owned).collect()
}

fn look(pid: i64) -> Option<Process> {
    let stat = stat(pid)?;
    let command = arguments(pid).join(" ");
    let status = read(&format!("/proc/{pid}/status")).unwrap_or_default();
    let rss = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.split_whitespace().next()?.parse::<i64>().ok());
    let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    Some(Process {
        pid,
        parent: stat.parent,
        command: if command.is_empty() {
            format!("[{}]", stat.name)
        } else {
            command
        },
        state: match stat.state {
            'R' => "running",
            'S' => "sleeping",
            'D' => "waiting",
            'T' | 't' => "stopped",
            'Z' | 'X' => "zombie",
            _ => "idle",
        }
        .into(),
        started_at: boot_time().map(|boot| {
            boot + TimeDelta::milliseconds(stat.start.saturating_mul(1000 / TICKS_PER_SECOND))
        }),
        rss_bytes: rss.unwrap_or(0).saturating_mul(1024),
        user: user_name(uid),
        name: stat.name,
    })
}

/// The name of a user, else the number.
pub fn user_name(uid: u32) -> String {
    let table = read("/etc/passwd").unwrap_or_default();
    table
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
        })
        .unwrap_or_else(|| uid.to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "42 (a) b (c) S 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987654 1 1";
        let stat = parse_stat(text).unwrap();
        assert_eq!((stat.name.as_str(), stat.state), ("a) b (c", 'S'));
        assert_eq!((stat.parent, stat.group, stat.start), (1, 42, 987_654));
        assert!(parse_stat("42 (a").is_none());
    }

    #[test]
    fn which_names_a_process_answers_to() {
        let process = |name: &str| Process {
            name: name.into(),
            ..look(std::process::id().into()).unwrap()
        };
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let table: &[(&str, &str, &str, bool)] = &[
            (
                "redis-server",
                "/usr/bin/redis-server *:6379",
                "redis-server",
                true,
            ),
            (
                "python3",
                "/usr/bin/python3 /opt/app/worker.py",
                "worker.py",
                true,
            ),
            ("python3", "/usr/bin/python3 worker", "worker", false),
            (
                "prometheus-node",
                "/bin/prometheus-node-exporter",
                "prometheus-node-exporter",
                true,
            ),
            ("postgres", "postgres: writer", "postgres", true),
            ("vim", "vim redis-server", "redis-server", false),
        ];
        for (kernel, line, name, expected) in table {
            assert_eq!(
                answers_to(&process(kernel), &words(line), name),
                *expected,
                "{line} {name}"
            );
        }
    }

    #[test]
    fn ourselves() {
        let me = process(std::process::id().into()).unwrap();
        assert!(me.rss_bytes > 0);
        let age = Utc::now() - me.started_at.unwrap();
        assert!(age.num_minutes().abs() < 60, "{age}");
        assert_eq!(start_ticks(me.pid), start_ticks(me.pid));
        assert!(processes(&me.name).unwrap().iter().any(|p| p.pid == me.pid));
        assert!(matches!(process(i64::MAX), Err(Error::NoProcess(_))));
    }
}
