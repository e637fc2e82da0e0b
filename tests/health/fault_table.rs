//! `docs/faults.md`: every fault that these tests plant, from their own declarations.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::fault::Fault;

const ALL: [&[&Fault]; 7] = [
    crate::backups::FAULTS,
    crate::data_faults::FAULTS,
    crate::models::FAULTS,
    crate::monitoring_faults::FAULTS,
    crate::providers::FAULTS,
    crate::security_faults::FAULTS,
    crate::verdicts::FAULTS,
];

const WRITE: &str = "TRADEOPS_WRITE_FAULTS";

fn table() -> String {
    let mut faults: Vec<&Fault> = ALL.concat();
    faults.sort_by_key(|f| (f.layer, f.check, f.status, f.name));
    let checks: HashSet<&str> = faults.iter().map(|f| f.check).collect();
    let mut text = format!(
        "# Faults that `health` finds\n\n\
         {} faults that turn {} checks. The tests (`tests/health/`) plant every one of them and assert that its check\n\
         turns to this status, says this, and that nothing else turns but what it explains.\n\
         `tradeops health --explain CHECK` tells what a check asks and what it is held against.\n\n\
         Written by `{WRITE}=1 cargo test --test health fault_table`; not to be edited by hand.\n\n\
         | layer | check | fault | severity | status | says |\n\
         |---|---|---|---|---|---|\n",
        faults.len(),
        checks.len(),
    );
    for f in faults {
        let says = f.says.trim().replace('|', "\\|");
        let _ = writeln!(
            text,
            "| {} | `{}` | {} | {} | {} | `{says}` |",
            f.layer, f.check, f.name, f.severity, f.status
        );
    }
    text
}

#[test]
fn the_table_of_faults_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let table = table();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &table).expect("the table");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == table,
        "docs/faults.md is not what the tests declare: {WRITE}=1 cargo test --test health fault_table writes it"
    );
}

#[test]
fn every_fault_is_declared_once_and_in_full() {
    let layers =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib/limits.rhai"));
    let layers = layers.expect("the limits");
    let mut seen = HashSet::new();
    for f in ALL.concat() {
        assert!(seen.insert((f.check, f.name)), "twice: {f:?}");
        assert!(
            ["critical", "major", "minor"].contains(&f.severity),
            "{f:?}"
        );
        assert!(["bad", "degraded", "unknown"].contains(&f.status), "{f:?}");
        assert!(!f.says.is_empty(), "{f:?}");
        assert!(layers.contains(&format!("\"{}\"", f.layer)), "{f:?}");
    }
}
