//! The words that begin with `:`. They are no names of the language, so they shadow no variable.

use crate::api::closest;

/// One command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Help,
    Doc(&'a str),
    Scope,
    Plan,
    Needs,
    /// A script and its arguments.
    Load(Vec<&'a str>),
    Time(&'a str),
    /// Shows the last value, or keeps it as a variable.
    Last,
    Clear,
    Live,
    PlanMode,
    Quit,
}

/// Name, what follows it, what it does.
pub(super) const COMMANDS: &[(&str, &str, &str)] = &[
    (":help", "", "this list"),
    (":doc", "[NAME]", "what a function, namespace or record is"),
    (":scope", "", "variables, functions and imports"),
    (":plan", "", "the changes planned so far"),
    (":needs", "", "the capabilities used so far, as a header"),
    (
        ":load",
        "FILE [ARGS]",
        "evaluate a script here; what it defines stays",
    ),
    (":time", "EXPR", "evaluate, and say how long it took"),
    (":last", "", "the last value, uncut"),
    (
        ":clear",
        "",
        "forget variables, functions, imports and plan",
    ),
    (":live", "", "let changes happen from now on"),
    (":plan-mode", "", "only plan changes from now on"),
    (":quit", "", "leave, as Ctrl-D does"),
];

/// Reads a line that begins with `:`. `Err` is what is wrong, and a hint.
pub(super) fn read(line: &str) -> Result<Command<'_>, (String, String)> {
    let line = line.trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let wants = |what: &str| {
        Err((
            format!("`{name}` wants {what}"),
            "`:help` lists the commands".to_owned(),
        ))
    };
    let command = match name {
        ":help" | ":h" | ":?" => Command::Help,
        ":doc" => Command::Doc(rest),
        ":scope" => Command::Scope,
        ":plan" => Command::Plan,
        ":needs" => Command::Needs,
        ":load" if rest.is_empty() => return wants("a script"),
        ":load" => Command::Load(rest.split_whitespace().collect()),
        ":time" if rest.is_empty() => return wants("an expression"),
        ":time" => Command::Time(rest),
        ":last" => Command::Last,
        ":clear" => Command::Clear,
        ":live" => Command::Live,
        ":plan-mode" => Command::PlanMode,
        ":quit" | ":q" => Command::Quit,
        _ => {
            let names = COMMANDS.iter().map(|(name, ..)| *name);
            let hint = closest(name, names).map_or_else(
                || "`:help` lists the commands".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err((format!("there is no command `{name}`"), hint));
        }
    };
    let alone = !matches!(
        command,
        Command::Doc(_) | Command::Load(_) | Command::Time(_)
    );
    if alone && !rest.is_empty() {
        return Err((
            format!("`{name}` stands alone"),
            "`:help` lists the commands".to_owned(),
        ));
    }
    Ok(command)
}

/// What `:help` says.
pub(super) fn help() -> String {
    let heads: Vec<String> = COMMANDS
        .iter()
        .map(|(name, takes, _)| format!("{name} {takes}"))
        .collect();
    let width = heads.iter().map(String::len).max().unwrap_or(0);
    let mut text =
        String::from("Anything else is evaluated as a script's line would be. Tab completes.\n");
    for (head, (.., what)) in heads.iter().zip(COMMANDS) {
        text.push_str(&format!("\n  {head:width$}  {what}"));
    }
    text.push_str(
        "\n\nCtrl-C ends the line that runs, or clears the one that is typed. A line that begins with a\nspace is not kept in the history.",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_whole() {
        assert_eq!(read(":doc docker::stop"), Ok(Command::Doc("docker::stop")));
        assert_eq!(read("  :q "), Ok(Command::Quit));
        assert_eq!(
            read(":load health --window 5s"),
            Ok(Command::Load(vec!["health", "--window", "5s"]))
        );
        assert_eq!(read(":time f( 1 )"), Ok(Command::Time("f( 1 )")));
        // Going live is typed out, and nothing that is near it will do.
        for line in [":l", ":li", ":live now", ":Live", ":time", ":load"] {
            assert!(read(line).is_err(), "{line}");
        }
        assert_eq!(
            read(":lvie"),
            Err((
                "there is no command `:lvie`".into(),
                "did you mean `:live`?".into()
            ))
        );
    }

    #[test]
    fn every_command_of_the_list_is_one() {
        for (name, takes, _) in COMMANDS {
            let line = format!("{name} {}", if takes.is_empty() { "" } else { "x" });
            assert!(read(&line).is_ok(), "{line}");
        }
    }
}
