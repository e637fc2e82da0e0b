//! The scripts, stdlib modules and calendars inside the binary.

/// The workflows: name and text.
pub const SCRIPTS: &[(&str, &str)] = &[
    ("backfill", include_str!("../../scripts/backfill.rhai")),
    ("coverage", include_str!("../../scripts/coverage.rhai")),
    ("diagnose", include_str!("../../scripts/diagnose.rhai")),
    ("health", include_str!("../../scripts/health.rhai")),
    ("ingest", include_str!("../../scripts/ingest.rhai")),
    ("logs", include_str!("../../scripts/logs.rhai")),
    ("reset", include_str!("../../scripts/reset.rhai")),
    ("retention", include_str!("../../scripts/retention.rhai")),
    ("startup", include_str!("../../scripts/startup.rhai")),
];

/// The stdlib, imported as `std/NAME`: name and text.
pub const STDLIB: &[(&str, &str)] = &[
    ("assets", include_str!("../../stdlib/assets.rhai")),
    ("checks", include_str!("../../stdlib/checks.rhai")),
    ("covering", include_str!("../../stdlib/covering.rhai")),
    ("dates", include_str!("../../stdlib/dates.rhai")),
    ("diagnosing", include_str!("../../stdlib/diagnosing.rhai")),
    ("exposing", include_str!("../../stdlib/exposing.rhai")),
    ("filling", include_str!("../../stdlib/filling.rhai")),
    ("ingesting", include_str!("../../stdlib/ingesting.rhai")),
    ("limits", include_str!("../../stdlib/limits.rhai")),
    ("logging", include_str!("../../stdlib/logging.rhai")),
    ("metrics", include_str!("../../stdlib/metrics.rhai")),
    ("removing", include_str!("../../stdlib/removing.rhai")),
    ("retaining", include_str!("../../stdlib/retaining.rhai")),
    ("stack", include_str!("../../stdlib/stack.rhai")),
    ("starting", include_str!("../../stdlib/starting.rhai")),
    ("stores", include_str!("../../stdlib/stores.rhai")),
    ("targets", include_str!("../../stdlib/targets.rhai")),
    ("usage", include_str!("../../stdlib/usage.rhai")),
    ("watching", include_str!("../../stdlib/watching.rhai")),
    ("wiping", include_str!("../../stdlib/wiping.rhai")),
];

/// The check files of health, in the order of its report: name and text.
pub const CHECKS: &[(&str, &str)] = &[
    (
        "presence",
        include_str!("../../scripts/checks/presence.rhai"),
    ),
    (
        "infrastructure",
        include_str!("../../scripts/checks/infrastructure.rhai"),
    ),
    (
        "monitoring",
        include_str!("../../scripts/checks/monitoring.rhai"),
    ),
    ("loki", include_str!("../../scripts/checks/loki.rhai")),
    (
        "postgres",
        include_str!("../../scripts/checks/postgres.rhai"),
    ),
    ("redis", include_str!("../../scripts/checks/redis.rhai")),
    ("questdb", include_str!("../../scripts/checks/questdb.rhai")),
    ("stores", include_str!("../../scripts/checks/stores.rhai")),
    (
        "applications",
        include_str!("../../scripts/checks/applications.rhai"),
    ),
    (
        "providers",
        include_str!("../../scripts/checks/providers.rhai"),
    ),
    ("quote", include_str!("../../scripts/checks/quote.rhai")),
    ("models", include_str!("../../scripts/checks/models.rhai")),
    (
        "resources",
        include_str!("../../scripts/checks/resources.rhai"),
    ),
    ("backups", include_str!("../../scripts/checks/backups.rhai")),
    ("hygiene", include_str!("../../scripts/checks/hygiene.rhai")),
    ("secrets", include_str!("../../scripts/checks/secrets.rhai")),
    (
        "security",
        include_str!("../../scripts/checks/security.rhai"),
    ),
    (
        "certificates",
        include_str!("../../scripts/checks/certificates.rhai"),
    ),
    ("machine", include_str!("../../scripts/checks/machine.rhai")),
];

/// The calendars: name and data file.
pub const CALENDARS: &[(&str, &str)] = &[
    ("24x7", include_str!("../../stdlib/calendars/24x7.toml")),
    ("XNYS", include_str!("../../stdlib/calendars/XNYS.toml")),
];

/// The shipped calendar of that name.
pub fn calendar(name: &str) -> Option<&'static str> {
    find(CALENDARS, name)
}

/// The shipped workflow of that name.
pub fn script(name: &str) -> Option<&'static str> {
    find(SCRIPTS, name)
}

/// The shipped stdlib module of that name.
pub fn module(name: &str) -> Option<&'static str> {
    find(STDLIB, name)
}

/// The shipped check file of that name.
pub fn check_file(name: &str) -> Option<&'static str> {
    find(CHECKS, name)
}

fn find(files: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    files
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables above are written by hand; nothing in the folders may be missing from them.
    #[test]
    fn every_file_is_shipped() {
        for (folder, ending, files) in [
            ("scripts", ".rhai", SCRIPTS),
            ("scripts/checks", ".rhai", CHECKS),
            ("stdlib", ".rhai", STDLIB),
            ("stdlib/calendars", ".toml", CALENDARS),
        ] {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let mut names: Vec<String> = std::fs::read_dir(root)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| {
                    let name = entry.file_name().into_string().ok()?;
                    let stem = name.strip_suffix(ending)?;
                    (!stem.ends_with("_test")).then(|| stem.to_owned())
                })
                .collect();
            names.sort();
            let mut shipped: Vec<_> = files.iter().map(|(name, _)| (*name).to_owned()).collect();
            shipped.sort();
            assert_eq!(names, shipped, "{folder}");
        }
    }
}
