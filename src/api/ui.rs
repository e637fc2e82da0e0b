//! `ui::` - what a script shows to people: lines, tables, progress, a question.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::mpsc;
use std::time::Duration;

use comfy_table::{ContentArrangement, Table};
use rhai::{Dynamic, Map};

use super::{Call, Failure, Kind, Namespace, Output, OutputLost, Primitive, Ty, option, param};
use crate::gate::Access;

const COLOURS: &[&str] = &[
    "red", "green", "yellow", "blue", "magenta", "cyan", "bold", "dim",
];

pub(super) static NAMESPACE: Namespace = Namespace {
    name: "ui",
    doc: "Output for people. With `-o json` standard output carries data only, and all of this goes to standard error.",
    primitives: &[
        Primitive {
            name: "line",
            params: &[option("text", Ty::Any, "\"\"", "what to show")],
            access: Access::Local,
            returns: Ty::Unit,
            doc: "Shows one line.",
            example: "ui::line(\"ready\")",
            call: |call| {
                say(call, &printed(&call.args().any("text")));
                Ok(Dynamic::UNIT)
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "note",
            params: &[param("text", Ty::Any, "what to tell")],
            access: Access::Local,
            returns: Ty::Unit,
            doc: "Tells one line on standard error: progress and remarks, never data.",
            example: "ui::note(\"3 of 5 are up\")",
            call: |call| {
                let text = printed(&call.args().any("text"));
                tell(&call.run().redactor().text(&text));
                Ok(Dynamic::UNIT)
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "status",
            params: &[param("text", Ty::Str, "what goes on")],
            access: Access::Local,
            returns: Ty::Unit,
            doc: "Says how far a node of `task::graph` has come: on its board's line, or as a line of its own where nobody looks.",
            example: "ui::status(\"starting\")",
            call: |call| {
                super::board::say(call, call.args().str("text"));
                Ok(Dynamic::UNIT)
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "table",
            params: &[param(
                "rows",
                Ty::List(&Ty::Map),
                "maps or records, one per row",
            )],
            options: &[option(
                "columns",
                Ty::List(&Ty::Str),
                "[]",
                "which keys, in which order; all by default",
            )],
            access: Access::Local,
            returns: Ty::Unit,
            doc: "Shows rows as a table as wide as the terminal.",
            example: "ui::table([#{ name: \"redis\", state: \"running\" }], #{ columns: [\"name\", \"state\"] })",
            call: |call| {
                let text = table(call);
                say(call, &text);
                Ok(Dynamic::UNIT)
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "json",
            access: Access::Local,
            returns: Ty::Bool,
            doc: "Whether the result is for machines (`-o json`): then a script need not lay it out.",
            example: "ui::json()",
            call: |call| Ok(output(call).json.into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "colour",
            params: &[
                param("text", Ty::Any, "what to colour"),
                param("style", Ty::OneOf(COLOURS), "how"),
            ],
            access: Access::Local,
            returns: Ty::Str,
            doc: "Gives the text in a colour where standard output is a terminal that wants colour, and as it is elsewhere.",
            example: "ui::colour(\"bad\", \"red\")",
            call: |call| {
                let text = printed(&call.args().any("text"));
                let colour = output(call).colour;
                Ok(if colour {
                    paint(&text, call.args().str("style"))
                } else {
                    text
                }
                .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "confirm",
            params: &[param("question", Ty::Str, "what to ask")],
            options: &[option(
                "expect",
                Ty::Opt(&Ty::Str),
                "()",
                "the word that must be typed instead of `y`",
            )],
            access: Access::Local,
            returns: Ty::Bool,
            errors: &[Kind::Conflict],
            doc: "Asks a question and gives whether it was answered with yes. In plan mode it gives `true` without asking. Throws `conflict` where nobody can answer: standard input is no terminal.",
            example: "if plan::on() { ui::confirm(\"go on?\") }",
            call: confirm,
            ..Primitive::PURE
        },
        super::progress::SPINNER,
        super::progress::PROGRESS,
    ],
    shapes: &[],
};

fn output(call: &Call<'_>) -> Output {
    *call.run().resources().get_or(|| Output::PLAIN)
}

/// Shows text on standard output, or on standard error where that is for data. A closed pipe is quiet.
fn say(call: &Call<'_>, text: &str) {
    write_out(output(call), &call.run().redactor().text(text));
}

/// Writes one line where scripts' output goes.
pub(crate) fn write_out(output: Output, text: &str) {
    if output.json {
        return tell(text);
    }
    write_data(&format!("{text}\n"));
}

/// Writes to standard output; `false` when nobody reads it any more.
pub(crate) fn write_data(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) else {
        return true;
    };
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return false;
    }
    super::with_branch(|branch| {
        let lost = branch.run.resources().get_or(OutputLost::default);
        let _ = lost.0.set(error.to_string());
    });
    true
}

/// Writes one line where remarks go.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// A value as people read it: text as it is.
fn printed(value: &Dynamic) -> String {
    value
        .clone()
        .into_string()
        .unwrap_or_else(|_| super::show(value))
}

fn paint(text: &str, style: &str) -> String {
    use anstyle::{AnsiColor, Style};
    let style = match style {
        "red" => AnsiColor::Red.on_default(),
        "green" => AnsiColor::Green.on_default(),
        "yellow" => AnsiColor::Yellow.on_default(),
        "blue" => AnsiColor::Blue.on_default(),
        "magenta" => AnsiColor::Magenta.on_default(),
        "cyan" => AnsiColor::Cyan.on_default(),
        "bold" => Style::new().bold(),
        _ => Style::new().dimmed(),
    };
    format!("{style}{text}{style:#}")
}

fn table(call: &Call<'_>) -> String {
    let rows: Vec<Map> = call
        .args()
        .list("rows")
        .iter()
        .filter_map(|row| super::plain(row).try_cast())
        .collect();
    let mut columns = call.args().strs("columns");
    if columns.is_empty() {
        for key in rows.iter().flat_map(Map::keys) {
            if !columns.iter().any(|c| c == key) {
                columns.push(key.to_string());
            }
        }
    }
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(output(call).width).unwrap_or(u16::MAX))
        .set_header(columns.iter().map(|c| c.to_uppercase()));
    for row in rows {
        table.add_row(columns.iter().map(|column| {
            row.get(column.as_str())
                .filter(|v| !v.is_unit())
                .map(printed)
                .unwrap_or_default()
        }));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

fn confirm(call: &Call<'_>) -> Result<Dynamic, Failure> {
    if call.run().mode().is_plan() {
        return Ok(true.into());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            Kind::Conflict,
            "nobody can answer: standard input is no terminal",
        )
        .hint("give the script's own flag for this, such as `--force`"));
    }
    let expect = call.args().opt_str("expect");
    let how = expect.map_or_else(|| "[y/N]".to_owned(), |word| format!("(type `{word}`)"));
    let question = call.run().redactor().text(call.args().str("question"));
    let _ = write!(std::io::stderr(), "{question} {how} ");
    // Reading a terminal cannot be interrupted, so a thread of its own does it and is left behind.
    let (send, answer) = mpsc::channel();
    let _ = std::thread::Builder::new().spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
        let _ = send.send(line);
    });
    let line = call
        .cx()
        .poll(Duration::from_millis(20), || match answer.try_recv() {
            Ok(line) => Some(line),
            Err(mpsc::TryRecvError::Disconnected) => Some(String::new()),
            Err(mpsc::TryRecvError::Empty) => None,
        })?;
    let line = line.trim();
    let yes = expect.map_or_else(
        || matches!(line.to_ascii_lowercase().as_str(), "y" | "yes"),
        |word| line == word,
    );
    Ok(yes.into())
}
