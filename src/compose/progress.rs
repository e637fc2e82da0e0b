//! What Compose tells while it works, line by line.

use serde::Serialize;

/// One thing that Compose says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `container`, `network`, `volume` or `image`; empty for a line of a build's own output.
    pub kind: String,
    /// Which one.
    pub name: String,
    /// In Compose's word (`Creating`, `Created`, `Waiting`), or the line.
    pub state: String,
}

/// The words that say that something has been done, and what was done then.
const DONE: &[(&str, &str)] = &[
    ("Created", "created"),
    ("Recreated", "recreated"),
    ("Started", "started"),
    ("Restarted", "restarted"),
    ("Stopped", "stopped"),
    ("Killed", "killed"),
    ("Removed", "removed"),
    ("Pulled", "pulled"),
    ("Built", "built"),
];

/// The words that say that something is about to be done, or is so already.
const GOES_ON: &[&str] = &[
    "Creating",
    "Recreate",
    "Recreating",
    "Starting",
    "Restarting",
    "Stopping",
    "Killing",
    "Removing",
    "Pulling",
    "Building",
    "Waiting",
    "Healthy",
    "Exited",
    "Running",
    "Exists",
    "Skipped",
    "Resource",
];

impl Step {
    /// Reads a line of Compose's plain output.
    pub(super) fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let kinds = ["Container", "Network", "Volume", "Image"];
        let known = |word: &str| GOES_ON.contains(&word) || DONE.iter().any(|(w, _)| *w == word);
        let (kind, name, state) = match words.as_slice() {
            [kind, name, state, ..] if kinds.contains(kind) && known(state) => {
                (kind.to_lowercase(), *name, *state)
            }
            // A pull or a build names the service alone.
            [name, state] if known(state) => ("image".to_owned(), *name, *state),
            _ => (String::new(), "", line.trim_end()),
        };
        Self {
            kind,
            name: name.trim_matches('"').to_owned(),
            state: state.to_owned(),
        }
    }

    /// Whether it is about a thing, and not a line of a build's output or a complaint.
    pub fn known(&self) -> bool {
        !self.kind.is_empty()
    }

    /// What has been done, when this says so.
    pub(super) fn done(&self) -> Option<&'static str> {
        DONE.iter()
            .find(|(word, _)| self.known() && *word == self.state)
            .map(|(_, done)| *done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_compose_writes_them() {
        let read = |line| {
            let step = Step::parse(line);
            (step.kind.clone(), step.name.clone(), step.done())
        };
        let found = |kind: &str, name: &str, done| (kind.to_owned(), name.to_owned(), done);
        assert_eq!(
            read(" Container cz-m-1  Created"),
            found("container", "cz-m-1", Some("created"))
        );
        assert_eq!(
            read(" Network cz_default  Creating"),
            found("network", "cz_default", None)
        );
        assert_eq!(
            read(" Volume \"cz_data\"  Created"),
            found("volume", "cz_data", Some("created"))
        );
        assert_eq!(read(" m Pulling "), found("image", "m", None));
        assert_eq!(read(" Container a  Running"), found("container", "a", None));
        let line = "Error response from daemon: no such image";
        assert_eq!(read(line), found("", "", None));
        assert_eq!(Step::parse(line).state, line);
    }
}
