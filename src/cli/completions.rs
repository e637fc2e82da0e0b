//! `tradeops completions SHELL`.

use clap_complete::Shell;

use super::exit::Exit;
use super::run::print;

pub(super) fn completions(shell: Shell, command: &mut clap::Command) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "tradeops", &mut script);
    print(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Ok)
}
