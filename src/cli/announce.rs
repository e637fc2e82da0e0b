//! Says on standard error that data of another layer than the shipped one is in use.

use super::terminal;
use crate::script::program::Program;
use crate::script::shipped;

/// Names each calendar that is not the shipped one, if the program asks for any.
pub(super) fn calendars(program: &Program) {
    let units = program.units();
    if !units
        .iter()
        .any(|unit| unit.source.text.contains("calendar::"))
    {
        return;
    }
    let library = &program.library;
    for name in library.calendars() {
        // One that is not taken is an error where it is asked for.
        let Ok(source) = library.calendar(&name) else {
            continue;
        };
        if let Some(path) = &source.path
            && shipped::calendar(&name) != Some(source.text.as_str())
        {
            terminal::note(&format!(
                "the calendar `{name}` is the {} layer's `{}`",
                source.layer,
                library.shown(path)
            ));
        }
    }
}
