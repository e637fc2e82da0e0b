//! `tradeops generate ROOT`: writes the derived files. Tests compare them with what stands.

use std::path::Path;

use super::exit::Exit;
use super::terminal;
use crate::script::reference;

pub(super) fn generate(root: &Path) -> anyhow::Result<Exit> {
    for (path, text) in reference::derived_files() {
        let file = root.join(&path);
        if std::fs::read_to_string(&file).is_ok_and(|now| now == text) {
            continue;
        }
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, text)?;
        terminal::note(&format!("wrote {path}"));
    }
    Ok(Exit::Ok)
}
