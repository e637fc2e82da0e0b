//! The journal of a work in steps: what was begun and what is done, on the disk before anything else happens, so that a run that
//! was cut off can go on, or can say exactly what is left.
//!
//! One file per work, a line per event, appended and synced before anything is done. A line that was cut off in the middle counts
//! for nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    Opened {
        run: String,
        at: String,
        data: Value,
    },
    Begun {
        step: String,
        at: String,
    },
    Done {
        step: String,
        at: String,
        value: Value,
    },
    Finished {
        at: String,
    },
}

/// A work in steps.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    run: String,
    data: Value,
    begun: Vec<String>,
    done: BTreeMap<String, Value>,
    finished: bool,
}

/// What a journal says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// The run's id.
    pub run: String,
    /// What it was opened with.
    pub data: Value,
    /// Whether it came to its end.
    pub finished: bool,
    /// The steps that were begun, in order.
    pub begun: Vec<String>,
    /// What each step gave that is done.
    pub done: BTreeMap<String, Value>,
}

/// Why a journal could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the journal `{}`: {source}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl Journal {
    /// Goes on with the work `name` where its last run was cut off, or begins it anew with `data` as run `run`.
    pub fn open(
        state: &Path,
        name: &str,
        run: &str,
        at: &str,
        data: &Value,
    ) -> Result<Self, Error> {
        let folder = state.join("journals");
        let path = folder.join(format!("{}.jsonl", harmless(name)));
        let failed = |source| Error {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut known = read(&path).map_err(failed)?;
        let anew = known.run.is_empty() || known.finished;
        if anew && !known.run.is_empty() {
            // Finished ones are kept under their run, for whoever wants to undo them.
            fs::rename(
                &path,
                folder.join(format!("{}.{}.jsonl", harmless(name), harmless(&known.run))),
            )
            .map_err(failed)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(failed)?;
        if anew {
            known = State {
                run: run.to_owned(),
                data: data.clone(),
                ..State::default()
            };
        } else {
            // A line that was cut off must not swallow the next.
            (&file).write_all(b"\n").map_err(failed)?;
        }
        let journal = Self {
            path,
            file: Mutex::new(file),
            state: Mutex::new(known),
        };
        if anew {
            journal.write(&Line::Opened {
                run: run.to_owned(),
                at: at.to_owned(),
                data: data.clone(),
            })?;
        }
        Ok(journal)
    }

    /// What it says so far.
    pub fn told(&self) -> Told {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Told {
            run: state.run.clone(),
            data: state.data.clone(),
            finished: state.finished,
            begun: state.begun.clone(),
            done: state.done.clone(),
        }
    }

    /// What a step gave, if it is done.
    pub fn done(&self, step: &str) -> Option<Value> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .done
            .get(step)
            .cloned()
    }

    /// Notes that a step begins.
    pub fn begin(&self, step: &str, at: &str) -> Result<(), Error> {
        self.write(&Line::Begun {
            step: step.to_owned(),
            at: at.to_owned(),
        })
    }

    /// Notes that a step is done, and what it gave.
    pub fn end(&self, step: &str, at: &str, value: &Value) -> Result<(), Error> {
        self.write(&done(step, at, value))
    }

    /// The same, on the disk only with the line after it: for what is noted before that line, and nothing is done between.
    pub fn end_with_next(&self, step: &str, at: &str, value: &Value) -> Result<(), Error> {
        self.append(&done(step, at, value))
    }

    /// Notes that all is done.
    pub fn finish(&self, at: &str) -> Result<(), Error> {
        self.write(&Line::Finished { at: at.to_owned() })
    }

    fn write(&self, line: &Line) -> Result<(), Error> {
        self.append(line)?;
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.sync_data().map_err(|source| Error {
            path: self.path.clone(),
            source,
        })
    }

    fn append(&self, line: &Line) -> Result<(), Error> {
        let failed = |source| Error {
            path: self.path.clone(),
            source,
        };
        let text = serde_json::to_string(line).map_err(|e| failed(io::Error::other(e)))?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{text}\n").as_bytes())
            .map_err(failed)?;
        apply(
            &mut self.state.lock().unwrap_or_else(PoisonError::into_inner),
            line.clone(),
        );
        Ok(())
    }
}

fn done(step: &str, at: &str, value: &Value) -> Line {
    Line::Done {
        step: step.to_owned(),
        at: at.to_owned(),
        value: value.clone(),
    }
}

/// What the journal of a finished or unfinished run says; `None` when there is none.
pub fn look(state: &Path, name: &str, run: Option<&str>) -> Result<Option<Told>, Error> {
    let folder = state.join("journals");
    let last = folder.join(format!("{}.jsonl", harmless(name)));
    let old = run.map(|run| folder.join(format!("{}.{}.jsonl", harmless(name), harmless(run))));
    for path in std::iter::once(last).chain(old) {
        let found = read(&path).map_err(|source| Error { path, source })?;
        if !found.run.is_empty() && run.is_none_or(|run| run == found.run) {
            return Ok(Some(Told {
                run: found.run,
                data: found.data,
                finished: found.finished,
                begun: found.begun,
                done: found.done,
            }));
        }
    }
    Ok(None)
}

/// The data of all works whose name begins with `prefix`, in the run of this name.
pub fn works(state: &Path, prefix: &str, run: &str) -> Result<Vec<Value>, Error> {
    let folder = state.join("journals");
    let Ok(all) = fs::read_dir(&folder) else {
        return Ok(Vec::new());
    };
    let prefix = harmless(prefix);
    let mut found = Vec::new();
    for entry in all.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(&prefix) {
            continue;
        }
        let path = entry.path();
        let work = read(&path).map_err(|source| Error { path, source })?;
        if work.run == run {
            found.push(work.data);
        }
    }
    Ok(found)
}

/// Removes the journals of a finished run of all works whose name begins with `prefix`.
pub fn forget(state: &Path, prefix: &str, run: &str) -> Result<(), Error> {
    let folder = state.join("journals");
    let (prefix, ending) = (harmless(prefix), format!(".{}.jsonl", harmless(run)));
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) && name.ends_with(&ending) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|source| Error { path, source })?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<State> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
        Err(error) => return Err(error),
    };
    let mut state = State::default();
    for line in text
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok())
    {
        apply(&mut state, line);
    }
    Ok(state)
}

fn apply(state: &mut State, line: Line) {
    match line {
        Line::Opened { run, data, .. } => {
            *state = State {
                run,
                data,
                ..State::default()
            }
        }
        Line::Begun { step, .. } => {
            if !state.begun.contains(&step) {
                state.begun.push(step);
            }
        }
        Line::Done { step, value, .. } => {
            state.done.insert(step, value);
        }
        Line::Finished { .. } => state.finished = true,
    }
}

/// A part of a file's name, whatever it was.
pub(crate) fn harmless(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_cut_off_goes_on_and_a_finished_one_is_kept() {
        let state = tempfile::tempdir().unwrap();
        let data = serde_json::json!({ "wipe": ["redis"] });
        let first = Journal::open(state.path(), "reset-x", "r1", "t", &data).unwrap();
        first.begin("stop", "t").unwrap();
        first.end("stop", "t", &serde_json::json!(["a"])).unwrap();
        first.begin("wipe", "t").unwrap();
        drop(first);
        // As a kill leaves it: half a line.
        let file = state.path().join("journals/reset-x.jsonl");
        let mut torn = OpenOptions::new().append(true).open(&file).unwrap();
        torn.write_all(b"{\"event\":\"done\",\"st").unwrap();
        let again = Journal::open(state.path(), "reset-x", "r2", "t", &Value::Null).unwrap();
        let told = again.told();
        assert_eq!(
            (told.run.as_str(), &told.data, told.finished),
            ("r1", &data, false)
        );
        assert_eq!(told.begun, ["stop", "wipe"]);
        assert_eq!(again.done("stop"), Some(serde_json::json!(["a"])));
        assert_eq!(again.done("wipe"), None);
        again.end("wipe", "t", &Value::Null).unwrap();
        again.finish("t").unwrap();
        assert!(
            look(state.path(), "reset-x", Some("r1"))
                .unwrap()
                .unwrap()
                .finished
        );
        let next = Journal::open(state.path(), "reset-x", "r3", "t", &Value::Null).unwrap();
        assert_eq!(next.told().run, "r3");
        assert!(
            look(state.path(), "reset-x", Some("r1"))
                .unwrap()
                .unwrap()
                .finished,
            "kept under its run"
        );
        assert_eq!(look(state.path(), "reset-x", Some("r9")).unwrap(), None);
    }
}
