//! Where records come from: a container or a file.

use std::sync::{Arc, PoisonError, RwLock};

use anstyle::{AnsiColor, Style};

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What is shown before each line: the service, the container or the file.
    pub name: String,
    /// Of a container: its name.
    pub container: Option<String>,
}

const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightMagenta,
];

impl Source {
    /// A file.
    pub fn file(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            container: None,
        }
    }

    /// A container, by the name that is shown and its own.
    pub fn container(shown: &str, name: &str) -> Self {
        Self {
            name: shown.to_owned(),
            container: Some(name.to_owned()),
        }
    }

    /// The same colour for the same name, in each run.
    pub(super) fn style(&self) -> Style {
        let sum = self.name.bytes().fold(0_usize, |sum, b| {
            sum.wrapping_mul(31).wrapping_add(usize::from(b))
        });
        COLOURS[sum % COLOURS.len()].on_default()
    }
}

/// All sources of a reading. In a follow, new ones come.
#[derive(Debug, Default)]
pub struct Sources(RwLock<Vec<Arc<Source>>>);

impl Sources {
    /// Adds one, and gives its number with it.
    pub fn add(&self, source: Source) -> (usize, Arc<Source>) {
        let source = Arc::new(source);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.push(source.clone());
        (all.len() - 1, source)
    }

    /// All of them, by number.
    pub fn all(&self) -> Vec<Arc<Source>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
