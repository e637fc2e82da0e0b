//! What the host itself says on the terminal.

use std::io::{IsTerminal as _, Write as _};

use super::exit::Told;
use crate::api::Output;
use crate::gate::Redactor;
use crate::script::diagnostic::Diagnostic;
use crate::script::program::Program;

/// `error: ...` with its hint, on standard error.
pub(super) fn error(error: &anyhow::Error) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{style}error{style:#}: {error:#}");
    if let Some(hint) = error
        .downcast_ref::<Told>()
        .and_then(|told| told.hint.as_ref())
    {
        let _ = writeln!(out, "\nhint: {hint}");
    }
}

/// `note: ...` on standard error.
pub(super) fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "note: {text}");
}

/// A finding, with the line of the file it is about. The line is the script's own, and may hold a secret.
pub(super) fn diagnostic(found: &Diagnostic, program: &Program, redactor: &Redactor) {
    let unit = program.unit(&found.file);
    let text = found.render(unit.as_ref().map(|u| u.source.text.as_str()), true);
    let _ = writeln!(anstream::stderr().lock(), "{}\n", redactor.text(&text));
}

/// How output is shown: decided once, from the flags and what is at the other end.
pub(super) fn output(json: bool) -> Output {
    let stdout = std::io::stdout();
    let choice = anstream::AutoStream::choice(&stdout);
    Output {
        json,
        colour: !json && choice != anstream::ColorChoice::Never,
        live: std::io::stderr().is_terminal(),
        width: width(),
    }
}

fn width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns >= 20)
        .or_else(|| std::env::var("COLUMNS").ok()?.parse().ok())
        .unwrap_or(100)
}
