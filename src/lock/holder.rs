//! Who holds a lock: the kernel says whether, the text in the file says who. An exclusive holder's text is the whole file;
//! each shared one appends a line of its own.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::process;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Error, file, kernel};
use crate::system;

/// How our text starts.
pub(super) const MARK: &str = "{\"tradeops_lock\":1,";

/// As much of a text as is read.
const MOST: u64 = 64 * 1024;

/// Beyond this a shared holder adds no line: the file grows while one hands over to the next without a gap.
const LINES_END: u64 = 32 * 1024;

/// As much of a command as is written.
const COMMAND_KEPT: usize = 400;

/// What a holder writes about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    tradeops_lock: u8,
    pid: i64,
    host: String,
    boot_id: Option<String>,
    start_ticks: Option<i64>,
    since: DateTime<Utc>,
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Note {
    /// This process.
    pub(super) fn ours(since: DateTime<Utc>, note: Option<&str>) -> Self {
        let pid = i64::from(process::id());
        let mut command = std::env::args_os()
            .map(|a| a.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        if let Some((cut, _)) = command.char_indices().nth(COMMAND_KEPT) {
            command.truncate(cut);
        }
        Self {
            tradeops_lock: 1,
            pid,
            host: system::host_name(),
            boot_id: system::boot_id(),
            start_ticks: system::start_ticks(pid),
            since,
            command,
            note: note.map(str::to_owned),
        }
    }

    /// Writes it in place of what is there. A disk that is full keeps nobody from the lock, which the kernel
    /// has given already: then there is no text, and none is better than a dead holder's.
    pub(super) fn write_to(&self, mut file: &File) {
        let mut write = || -> io::Result<()> {
            let mut text = serde_json::to_vec(self)?;
            text.push(b'\n');
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(&text)
        };
        if write().is_err() {
            let _ = file.set_len(0);
        }
    }

    /// Adds it to those of the others that share the lock.
    pub(super) fn append_to(&self, mut file: &File) {
        let mut append = || -> io::Result<()> {
            if file.metadata()?.len() > LINES_END {
                return Ok(());
            }
            let mut text = serde_json::to_vec(self)?;
            text.push(b'\n');
            // Several may do so at once.
            rustix::fs::fcntl_setfl(file, rustix::fs::OFlags::APPEND)?;
            file.write_all(&text)
        };
        // Without it the kernel's list still has the pid.
        let _ = append();
    }

    fn all_from(mut file: &File) -> Vec<Self> {
        let mut text = Vec::new();
        if file.rewind().is_err() || file.take(MOST).read_to_end(&mut text).is_err() {
            return Vec::new();
        }
        text.split(|&byte| byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }

    /// Whether the process that it names runs now, as far as can be seen from here: another host's
    /// cannot be seen and is believed.
    fn is_believable(&self) -> bool {
        if self.host != system::host_name() {
            return true;
        }
        let same_boot = match (&self.boot_id, system::boot_id()) {
            (Some(theirs), Some(ours)) => *theirs == ours,
            _ => true,
        };
        // A pid that was used again has another start.
        same_boot
            && match (self.start_ticks, system::start_ticks(self.pid)) {
                (Some(then), Some(now)) => then == now,
                (None, Some(_)) => true,
                (_, None) => false,
            }
    }
}

/// Whether a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Somebody has it.
    Held,
    /// Nobody has it.
    Free,
}

/// Who holds a lock. All but the state is unknown when the holder has not said it or the file is free.
#[derive(Debug, Clone, Serialize)]
pub struct Holder {
    /// The lock file.
    pub path: String,
    /// Whether anybody holds it: the kernel's word.
    pub state: State,
    /// The holder's process.
    pub pid: Option<i64>,
    /// The holder's host.
    pub host: Option<String>,
    /// The boot in which it runs.
    pub boot_id: Option<String>,
    /// When its process started, in kernel ticks since the boot.
    pub start_ticks: Option<i64>,
    /// Since when it has the lock.
    pub since: Option<DateTime<Utc>>,
    /// Its command line, the start of it.
    pub command: Option<String>,
    /// What it said it is doing.
    pub note: Option<String>,
    /// Whether others may hold it, too.
    pub share: bool,
    /// The processes that hold it beside this one.
    pub others: Vec<i64>,
}

impl Holder {
    fn nobody(path: &Path, state: State) -> Self {
        Self {
            path: path.display().to_string(),
            state,
            pid: None,
            host: None,
            boot_id: None,
            start_ticks: None,
            since: None,
            command: None,
            note: None,
            share: false,
            others: Vec::new(),
        }
    }

    pub(super) fn is_this_process(&self) -> bool {
        self.pid == Some(process::id().into())
            && self
                .host
                .as_deref()
                .is_none_or(|h| h == system::host_name())
            && self
                .start_ticks
                .is_none_or(|t| Some(t) == system::start_ticks(process::id().into()))
    }
}

/// Who holds the lock at `path`. A missing file is a free lock. Takes nothing that could stand in
/// somebody's way for longer than [`super::acquire`] is patient.
pub fn holder(path: &Path) -> Result<Holder, Error> {
    let path = std::path::absolute(path).map_err(|e| Error::io(path, &e))?;
    let Some(file) = file::open_to_look(&path)? else {
        return Ok(Holder::nobody(&path, State::Free));
    };
    if kernel::owners(&file).is_empty() && is_free(&path, &file)? {
        return Ok(Holder::nobody(&path, State::Free));
    }
    Ok(describe(&path, &file))
}

/// The kernel's list shows no lock of this file - or cannot: the holder is in another pid namespace, the file system has a
/// device number of its own. A lock, given back at once, knows: a shared one whether anybody has it alone, then an exclusive
/// one whether anybody has it at all.
fn is_free(path: &Path, file: &File) -> Result<bool, Error> {
    for attempt in [File::try_lock_shared, File::try_lock] {
        match attempt(file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(false),
            // NFS gives an exclusive lock only to those who may write.
            Err(TryLockError::Error(error))
                if error.raw_os_error() == Some(rustix::io::Errno::BADF.raw_os_error()) =>
            {
                break;
            }
            Err(TryLockError::Error(error)) => return Err(Error::unlockable(path, &error)),
        }
    }
    let _ = file.unlock();
    Ok(true)
}

/// Describes the holders of a lock that is known to be held: this process when it is one of them, else the first.
pub(super) fn describe(path: &Path, file: &File) -> Holder {
    let owners = kernel::owners(file);
    let mut pids: Vec<i64> = owners.iter().map(|owner| owner.pid).collect();
    pids.sort_by_key(|pid| (*pid != i64::from(process::id()), *pid));
    pids.dedup();
    let mut nobody = Holder::nobody(path, State::Held);
    nobody.share = owners.iter().any(|owner| owner.shared);
    let mut texts = Note::all_from(file);
    texts.retain(Note::is_believable);
    if nobody.share {
        // A line stays behind when its writer gives the lock back while others keep it.
        texts.retain(|text| text.host != system::host_name() || pids.contains(&text.pid));
    }
    // By the kernel's list first: a text says who it is, not whether.
    let at = |text: &Note| pids.iter().position(|pid| *pid == text.pid);
    texts.sort_by_key(|text| at(text).unwrap_or(usize::MAX));
    let Some(text) = texts.into_iter().next() else {
        // No text, or a dead holder's: another tool has it, or ours has not written yet. The kernel's list has the pid.
        let Some(&pid) = pids.first() else {
            return nobody;
        };
        return Holder {
            pid: Some(pid),
            host: Some(system::host_name()),
            start_ticks: system::start_ticks(pid),
            command: system::process(pid).ok().map(|p| p.command),
            others: pids.split_off(1),
            ..nobody
        };
    };
    pids.retain(|pid| *pid != text.pid);
    Holder {
        pid: Some(text.pid),
        host: Some(text.host),
        boot_id: text.boot_id,
        start_ticks: text.start_ticks,
        since: Some(text.since),
        command: Some(text.command),
        note: text.note,
        others: if nobody.share { pids } else { Vec::new() },
        ..nobody
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_our_mark_and_reads_back() {
        let note = Note::ours(Utc::now(), Some("x \"quoted\""));
        assert!(serde_json::to_string(&note).unwrap().starts_with(MARK));
        let file = tempfile::tempfile().unwrap();
        note.write_to(&file);
        assert_eq!(Note::all_from(&file), [note]);
    }

    #[test]
    fn a_text_is_believed_as_far_as_proc_bears_it_out() {
        let ours = Note::ours(Utc::now(), None);
        assert!(ours.is_believable());
        let reused = Note {
            start_ticks: ours.start_ticks.map(|t| t + 1),
            ..ours.clone()
        };
        let rebooted = Note {
            boot_id: Some("another".into()),
            ..ours.clone()
        };
        let dead = Note {
            pid: i64::MAX,
            ..ours.clone()
        };
        for not in [reused, rebooted, dead] {
            assert!(!not.is_believable(), "{not:?}");
        }
        let elsewhere = Note {
            host: "elsewhere".into(),
            pid: i64::MAX,
            ..ours
        };
        assert!(elsewhere.is_believable());
    }
}
