//! The last results of each workflow, in the state folder: so that a script that may only read can still
//! compare with yesterday.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// How many results of a workflow are kept.
const KEPT: usize = 50;

fn file(state: &Path, workflow: &str) -> PathBuf {
    // A workflow's name is a file's stem, so it has no slash; anything odd becomes harmless.
    let name: String = workflow
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '-' || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    state.join("history").join(format!("{name}.jsonl"))
}

/// The last `count` results, the newest first. None yet is an empty list; a broken line is left out.
pub fn last(state: &Path, workflow: &str, count: usize) -> io::Result<Vec<Value>> {
    let text = match std::fs::read_to_string(file(state, workflow)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(text
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str(line).ok())
        .take(count)
        .collect())
}

/// Adds a result, and lets the oldest go.
pub fn keep(state: &Path, workflow: &str, result: &Value) -> io::Result<()> {
    let file = file(state, workflow);
    let folder = file.parent().unwrap_or(state);
    std::fs::create_dir_all(folder)?;
    let before = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let lines: Vec<&str> = before.lines().collect();
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    for line in &lines[lines.len().saturating_sub(KEPT - 1)..] {
        writeln!(beside, "{line}")?;
    }
    writeln!(beside, "{result}")?;
    beside.persist(&file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_newest_first_and_not_for_ever() {
        let state = tempfile::tempdir().unwrap();
        assert!(last(state.path(), "health", 3).unwrap().is_empty());
        for n in 0..KEPT + 5 {
            keep(state.path(), "health", &serde_json::json!({ "n": n })).unwrap();
        }
        let all = last(state.path(), "health", 1000).unwrap();
        assert_eq!(all.len(), KEPT);
        assert_eq!(all[0]["n"], KEPT + 4);
    }
}
