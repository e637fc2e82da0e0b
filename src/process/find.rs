//! Where a program is.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// The file that [`super::run`] would start for this name in this process's own `PATH`; `None` when there
/// is none that may be run.
pub fn find(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    if program.is_empty() {
        return None;
    }
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| runs(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs() {
        assert!(find("sh").is_some_and(|path| path.is_absolute()));
        for none in [
            "",
            "no-such-program-x",
            "/no/such/program",
            "/etc/passwd",
            "/etc",
        ] {
            assert_eq!(find(none), None, "{none}");
        }
    }
}
