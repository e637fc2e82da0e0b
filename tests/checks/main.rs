//! Check files: found, run by their own headers, bounded, and a broken one costs the others nothing.

#![expect(clippy::unwrap_used, reason = "a test")]

mod broken;
mod closures;
mod commands;
mod found;
#[path = "../support/mod.rs"]
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use support::{Done, World};

/// A workflow that runs every check file, says what became of those that are not shipped, and makes their checks.
/// Its own header asks for nothing.
const RUN: &str = r#"//! Makes the checks of the files here.
let context = #{ containers: #{}, services: [], running: [], all: [], secrets: #{}, args: #{}, symbol: "SPY" };
let mine = [];
for file in report::checks(context) {
    if file.layer == "shipped" { continue; }
    print(`${file.name} [${file.layer}] ${file.file}: ${file.error ?? "works"}`);
    mine += file.checks;
}
report::run(mine, |check| check.ask.call(check))
"#;

/// An operator's check file of five lines.
const TAPE: &str = r#"//! That the tape has quotes.
//! needs: fs.read
let symbol = report::context().symbol;
[#{ id: "tape.quotes", layer: "tape", severity: "critical", ask: ||
    #{ status: if fs::read_text("tape.csv").contains(symbol) { "ok" } else { "bad" }, evidence: `no ${symbol}` } }]
"#;

/// What the runner said, and its report.
struct Looked {
    done: Done,
    report: Value,
}

impl Looked {
    #[track_caller]
    fn check(&self, id: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["id"] == id);
        found.unwrap_or_else(|| panic!("no `{id}`: {:#}\n{}", self.report, self.done.err))
    }

    /// The line about a file.
    #[track_caller]
    fn file(&self, name: &str) -> &str {
        let start = format!("{name} [");
        let line = self.done.err.lines().find(|l| l.starts_with(&start));
        line.unwrap_or_else(|| panic!("nothing about `{name}`:\n{}", self.done.err))
    }
}

#[track_caller]
fn look(world: &World) -> Looked {
    let done = world.script(RUN, &["-o", "json"]);
    let report = serde_json::from_str(&done.out)
        .unwrap_or_else(|error| panic!("no report ({error})\n{}\n{}", done.out, done.err));
    Looked { done, report }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
