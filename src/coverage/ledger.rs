//! The ledger: what was asked of providers and what came of it, a line per event, appended and synced before anything else
//! happens. It is what a backfill goes on from when it was cut off, and how a day that a provider has nothing for is known from one
//! that nobody has asked for.
//!
//! One file per store. A line that was cut off in the middle counts for nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{Days, Error, Known};
use crate::journal::harmless;
use crate::run::held;

/// A ledger beyond this size is written anew when it is opened, with the last word on each range alone.
const LONG: u64 = 32 << 20;

/// How far a chunk has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is to be asked for.
    Planned,
    /// It was asked for; the answer is not known.
    Sent,
    /// The answer says that it is stored.
    Stored,
    /// The store has it.
    Verified,
    /// The provider had nothing, or nothing for the days in `empty`.
    Empty,
    /// It was asked for in vain.
    Failed,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// The plan it belongs to.
    pub plan: String,
    /// The chunk.
    pub chunk: String,
    /// `equities`, `options`, `news`, `social`.
    pub asset: String,
    /// The symbol.
    pub symbol: String,
    /// The first day that was asked for.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// How far it has come.
    pub state: State,
    /// Rows that the store has of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
    /// Days for which the provider had nothing: `2015-03-02` or `2015-03-02..2015-03-06`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What was asked, and the file that says so.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: Mutex<Option<File>>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// By asset and symbol.
    known: BTreeMap<(String, String), Known>,
    /// The last word on each chunk of each plan.
    chunks: BTreeMap<(String, String), Entry>,
    /// Those that were asked for, and of which nothing was heard since: by asset and symbol, then by plan and chunk.
    sent: BTreeMap<(String, String), BTreeMap<(String, String), Entry>>,
    progress: BTreeMap<String, DateTime<Utc>>,
}

impl Ledger {
    /// That of a store, by its name (`host:port`), in the folder `state`. Nothing is written before the first entry.
    pub fn open(state: &Path, store: &str) -> Result<Self, Error> {
        let (ledger, length) = Self::load(state, store)?;
        if length > LONG {
            ledger
                .shorten()
                .map_err(|source| failed("written", &ledger.path, source))?;
        }
        Ok(ledger)
    }

    /// The same for who only reads: somebody else may be appending to the file, which must not be replaced then.
    pub fn look(state: &Path, store: &str) -> Result<Self, Error> {
        Ok(Self::load(state, store)?.0)
    }

    /// And the file's length.
    fn load(state: &Path, store: &str) -> Result<(Self, u64), Error> {
        let path = state
            .join("backfill")
            .join(format!("{}.jsonl", harmless(store)));
        let mut told = Told::default();
        let length = read(&path, |entry| told.take(entry))
            .map_err(|source| failed("read", &path, source))?;
        let ledger = Self {
            path,
            file: Mutex::new(None),
            told: Mutex::new(told),
        };
        Ok((ledger, length))
    }

    /// What is known of a symbol.
    pub fn known(&self, asset: &str, symbol: &str) -> Known {
        let key = (asset.to_owned(), symbol.to_owned());
        held(&self.told)
            .known
            .get(&key)
            .cloned()
            .unwrap_or_default()
    }

    /// The last word on a chunk of a plan.
    pub fn last(&self, plan: &str, chunk: &str) -> Option<Entry> {
        let key = (plan.to_owned(), chunk.to_owned());
        held(&self.told).chunks.get(&key).cloned()
    }

    /// When days of this span were asked for last, if nothing was heard of it since: whoever was asked may still be storing.
    pub fn sent(
        &self,
        asset: &str,
        symbol: &str,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Option<DateTime<Utc>> {
        let told = held(&self.told);
        let key = (asset.to_owned(), symbol.to_owned());
        let entries = told.sent.get(&key)?.values();
        let meant = entries.filter(|entry| entry.from <= to && from <= entry.to);
        meant.map(|entry| entry.at).max()
    }

    /// When a chunk of an asset was found stored last; none: never.
    pub fn progress(&self) -> BTreeMap<String, DateTime<Utc>> {
        held(&self.told).progress.clone()
    }

    /// Writes lines and waits until they are on the disk.
    pub fn write(&self, entries: Vec<Entry>) -> Result<(), Error> {
        self.append(&entries)
            .map_err(|source| failed("written", &self.path, source))?;
        let mut told = held(&self.told);
        for entry in entries {
            told.take(entry);
        }
        Ok(())
    }

    fn append(&self, entries: &[Entry]) -> io::Result<()> {
        let mut text = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut text, entry)?;
            text.push(b'\n');
        }
        let mut file = held(&self.file);
        if file.is_none() {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            let opened = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.path)?;
            // A line that was cut off must not swallow the next.
            if opened.metadata()?.len() > 0 {
                (&opened).write_all(b"\n")?;
            }
            *file = Some(opened);
        }
        if let Some(file) = file.as_mut() {
            file.write_all(&text)?;
            file.sync_data()?;
        }
        Ok(())
    }

    /// The last outcomes of each range of a symbol, beside the file, and in its place.
    fn shorten(&self) -> io::Result<()> {
        let mut last = BTreeMap::new();
        let mut at = 0;
        read(&self.path, |entry| {
            let failed = match entry.state {
                State::Planned | State::Sent | State::Stored => return,
                State::Verified | State::Empty => false,
                State::Failed => true,
            };
            let key = (
                (entry.asset.clone(), entry.symbol.clone()),
                (entry.from, entry.to, failed),
            );
            at += 1;
            last.insert(key, (at, entry));
        })?;
        let mut kept: Vec<(i32, Entry)> = last.into_values().collect();
        kept.sort_by_key(|(at, _)| *at);
        let beside = self.path.with_extension("new");
        let file = File::create(&beside)?;
        let mut writer = io::BufWriter::new(&file);
        for (_, entry) in kept {
            serde_json::to_writer(&mut writer, &entry)?;
            writer.write_all(b"\n")?;
        }
        writer.flush()?;
        drop(writer);
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

impl Told {
    fn take(&mut self, entry: Entry) {
        let key = (entry.asset.clone(), entry.symbol.clone());
        let which = (entry.plan.clone(), entry.chunk.clone());
        let sent = self.sent.entry(key.clone()).or_default();
        if entry.state == State::Sent {
            sent.insert(which, entry.clone());
        } else {
            sent.remove(&which);
        }
        let days = Days::span(entry.from, entry.to);
        match entry.state {
            State::Planned | State::Sent | State::Stored => {}
            State::Verified | State::Empty => {
                let known = self.known.entry(key).or_default();
                known.failed = known.failed.without(&days);
                known.empty = known.empty.without(&days);
                for range in &entry.empty {
                    known.empty.add(&span(range));
                }
                if entry.state == State::Verified {
                    let newest = self.progress.entry(entry.asset.clone()).or_insert(entry.at);
                    *newest = entry.at.max(*newest);
                }
            }
            State::Failed => self.known.entry(key).or_default().failed.add(&days),
        }
        self.chunks
            .insert((entry.plan.clone(), entry.chunk.clone()), entry);
    }
}

/// The days of `2015-03-02` or `2015-03-02..2015-03-06`; none of what is neither.
fn span(range: &str) -> Days {
    let (from, to) = range.split_once("..").unwrap_or((range, range));
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) => Days::span(from, to),
        _ => Days::default(),
    }
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Ledger {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Gives each whole line of a ledger to `take`, and the file's length. A file that is not there is an empty one.
fn read(path: &Path, mut take: impl FnMut(Entry)) -> io::Result<u64> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(length);
        }
        if let Ok(entry) = serde_json::from_slice(&line) {
            take(entry);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn write(ledger: &Ledger, chunk: &str, state: State, (from, to): (&str, &str), empty: &[&str]) {
        let entry = Entry {
            at: "2026-11-28T12:00:00Z".parse().unwrap(),
            plan: "p".into(),
            chunk: chunk.into(),
            asset: "equities".into(),
            symbol: "AAPL".into(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            state,
            rows: None,
            empty: empty.iter().map(|text| (*text).to_owned()).collect(),
            error: None,
        };
        ledger.write(vec![entry]).unwrap();
    }

    #[test]
    fn what_was_written_is_known_again_whatever_byte_the_file_ends_at() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path(), "127.0.0.1:9000").unwrap();
        let path = ledger.path.clone();
        assert!(!path.exists());
        write(
            &ledger,
            "a",
            State::Failed,
            ("2024-01-02", "2024-01-05"),
            &[],
        );
        let first = fs::read(&path).unwrap().len();
        write(
            &ledger,
            "a",
            State::Verified,
            ("2024-01-02", "2024-01-05"),
            &["2024-01-03..2024-01-04"],
        );
        let whole = fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let ledger = Ledger::open(folder.path(), "127.0.0.1:9000").unwrap();
            let known = ledger.known("equities", "AAPL");
            // The last byte is the line's end, which is not needed.
            let lines = usize::from(cut + 1 >= first) + usize::from(cut + 1 >= whole.len());
            let expected = match lines {
                0 => (0, 0),
                1 => (4, 0),
                _ => (0, 2),
            };
            assert_eq!(
                (known.failed.len(), known.empty.len()),
                expected,
                "at {cut}"
            );
            write(&ledger, "b", State::Sent, ("2024-02-01", "2024-02-01"), &[]);
            let again = Ledger::open(folder.path(), "127.0.0.1:9000").unwrap();
            assert_eq!(
                again.last("p", "b").map(|e| e.state),
                Some(State::Sent),
                "at {cut}"
            );
            let known = again.known("equities", "AAPL");
            assert_eq!(
                (known.failed.len(), known.empty.len()),
                expected,
                "at {cut}"
            );
        }
    }

    #[test]
    fn a_long_ledger_keeps_the_last_word_on_each_range() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path(), "s").unwrap();
        for _ in 0..20 {
            write(
                &ledger,
                "a",
                State::Failed,
                ("2024-01-02", "2024-01-05"),
                &[],
            );
        }
        write(
            &ledger,
            "a",
            State::Verified,
            ("2024-01-02", "2024-01-05"),
            &[],
        );
        write(&ledger, "a", State::Sent, ("2024-01-02", "2024-01-05"), &[]);
        write(
            &ledger,
            "b",
            State::Empty,
            ("2024-02-01", "2024-02-02"),
            &["2024-02-01"],
        );
        ledger.shorten().unwrap();
        assert_eq!(fs::read_to_string(&ledger.path).unwrap().lines().count(), 3);
        let again = Ledger::open(folder.path(), "s").unwrap();
        let known = again.known("equities", "AAPL");
        assert_eq!((known.failed.len(), known.empty.len()), (0, 1));
        assert!(again.progress().contains_key("equities"));
    }
}
