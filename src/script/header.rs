//! A script's header: the leading comment block, with what the script is for and what it needs.
//!
//! Read by a scanner of our own: Rhai's `ast.doc()` also collects `//!` lines from deep in a file, and a
//! capability must not be smuggled in there.

use crate::gate::Capability;

/// What the leading comment block says.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// The prose, without the keyed lines. The first line is the summary.
    pub doc: String,
    /// `//! needs:` - the capabilities, with their line numbers.
    pub needs: Vec<Capability>,
    /// `//! requires: tradeops >= 0.3`.
    pub requires: Option<String>,
    /// `//! plan: own` - in plan mode the script's result is the plan, as JSON, and `tradeops apply` gives it back to it.
    pub own_plan: bool,
    /// No header bounds this run: the operator typed it. Never set by a file's text.
    pub unbounded: bool,
    /// Keyed lines that could not be read: line number and why.
    pub faults: Vec<(usize, String)>,
}

impl Header {
    /// The first line of the prose.
    pub fn summary(&self) -> &str {
        self.doc.lines().next().unwrap_or_default()
    }

    /// Reads the header of `text`.
    pub fn read(text: &str) -> Self {
        let mut header = Self::default();
        let mut doc = Vec::new();
        for (i, line) in text.lines().enumerate() {
            if i == 0 && line.starts_with("#!") {
                continue;
            }
            let Some(comment) = line.trim_start().strip_prefix("//!") else {
                if line.trim().is_empty() && doc.is_empty() && header.needs.is_empty() {
                    continue;
                }
                break;
            };
            let comment = comment.strip_prefix(' ').unwrap_or(comment);
            if let Some(list) = comment.strip_prefix("needs:") {
                header.read_needs(i + 1, list);
            } else if let Some(whose) = comment.strip_prefix("plan:") {
                header.own_plan = whose.trim() == "own";
                if !header.own_plan {
                    header.faults.push((
                        i + 1,
                        format!("`plan:{whose}` is not understood: write `plan: own`"),
                    ));
                }
            } else if let Some(version) = comment.strip_prefix("requires:") {
                header.read_requires(i + 1, version.trim());
            } else {
                doc.push(comment.trim_end());
            }
        }
        header.doc = doc.join("\n").trim().to_owned();
        header
    }

    fn read_needs(&mut self, line: usize, list: &str) {
        for word in list.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            match word.parse() {
                Ok(capability) => self.needs.push(capability),
                Err(error) => self.faults.push((line, error.to_string())),
            }
        }
    }

    fn read_requires(&mut self, line: usize, wanted: &str) {
        self.requires = Some(wanted.to_owned());
        let numbers = |version: &str| -> Option<Vec<u64>> {
            version.trim().split('.').map(|n| n.parse().ok()).collect()
        };
        let wanted_numbers = wanted
            .strip_prefix("tradeops")
            .and_then(|rest| rest.trim().strip_prefix(">="))
            .and_then(numbers);
        let ours = numbers(env!("CARGO_PKG_VERSION"));
        match wanted_numbers {
            None => self.faults.push((
                line,
                format!("`{wanted}` is not understood: write `requires: tradeops >= 0.3`"),
            )),
            Some(wanted_numbers) if ours.as_ref() < Some(&wanted_numbers) => self.faults.push((
                line,
                format!(
                    "the script requires `{wanted}`, and this is {}",
                    env!("CARGO_PKG_VERSION")
                ),
            )),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_leading_block_counts() {
        let header = Header::read(
            "#!/usr/bin/env -S tradeops run\n//! Does things.\n//! More.\n//! needs: docker.read, http.read@x.org\n\nlet a = 1;\n//! needs: docker.destroy\n",
        );
        assert_eq!(header.summary(), "Does things.");
        assert_eq!(
            header
                .needs
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["docker.read", "http.read@x.org"]
        );
        assert!(header.faults.is_empty());
    }

    #[test]
    fn faults_carry_their_line() {
        let header = Header::read(
            "//! needs: docker\n//! requires: tradeops >= 999.0\n//! requires: soon\n//! plan: mine\n",
        );
        let lines: Vec<_> = header.faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
        assert!(Header::read("//! Fills.\n//! plan: own\n").own_plan);
    }
}
