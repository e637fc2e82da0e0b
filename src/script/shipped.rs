//! The scripts and stdlib modules inside the binary.

/// The workflows: name and text.
pub const SCRIPTS: &[(&str, &str)] = &[("health", include_str!("../../scripts/health.rhai"))];

/// The stdlib, imported as `std/NAME`: name and text.
pub const STDLIB: &[(&str, &str)] = &[
    ("checks", include_str!("../../stdlib/checks.rhai")),
    ("limits", include_str!("../../stdlib/limits.rhai")),
    ("metrics", include_str!("../../stdlib/metrics.rhai")),
    ("stack", include_str!("../../stdlib/stack.rhai")),
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
    (
        "applications",
        include_str!("../../scripts/checks/applications.rhai"),
    ),
    ("models", include_str!("../../scripts/checks/models.rhai")),
    (
        "resources",
        include_str!("../../scripts/checks/resources.rhai"),
    ),
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
        for (folder, files) in [
            ("scripts", SCRIPTS),
            ("scripts/checks", CHECKS),
            ("stdlib", STDLIB),
        ] {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let mut names: Vec<String> = std::fs::read_dir(root)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| {
                    let name = entry.file_name().into_string().ok()?;
                    let stem = name.strip_suffix(".rhai")?;
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
