//! The command line: one file per command, each parses, calls and renders.

mod announce;
mod apply;
mod check;
mod completions;
mod diff;
mod doc;
mod eject;
mod eval;
mod exit;
mod generate;
mod list;
mod place;
mod repl;
mod run;
mod settings;
mod terminal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

pub use exit::Exit;
use place::Place;

const AFTER: &str = "\
Any other word is a workflow: `tradeops health` is short for `tradeops run health`.

Examples:
  tradeops health --window 10s        assess the stack, latencies over 10 seconds
  tradeops -o json health | jq .verdict
  tradeops --plan run ./mine.rhai     what would it change?
  tradeops eject health               get the workflow as a file, to change it
  tradeops doc docker::stop           what a primitive does
  tradeops repl                       try things out, changing nothing

Exit codes: 0 healthy or done, 1 degraded or finished with failures, 2 unhealthy, 3 unknown,
64 usage, 65 the script does not pass its check, 69 unreachable, 70 uncaught error, 73/74 output
not written, 75 lock held, 77 not permitted, 78 configuration, 124 deadline, 130 interrupted,
143 terminated";

/// A scriptable operations runtime: typed primitives in Rust, workflows in editable Rhai scripts
#[derive(Debug, Parser)]
#[command(name = "tradeops", version, after_help = AFTER, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    runtime: Runtime,
    #[command(subcommand)]
    command: Command,
}

/// Flags of the runtime, the same for every script. Most may also stand after the script's name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Runtime flags")]
struct Runtime {
    /// Perform the reads, record the changes, change nothing
    #[arg(long, global = true)]
    plan: bool,
    /// Save the plan for `tradeops apply` (implies --plan)
    #[arg(long, global = true, value_name = "FILE")]
    plan_out: Option<PathBuf>,
    /// How the result is shown
    #[arg(short, long, global = true, value_name = "FORM")]
    output: Option<Form>,
    /// End the run after this long, with exit code 124
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    deadline: Option<Duration>,
    /// Bound what the script may do by a profile of tradeops.toml
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Tell afterwards the smallest header that the run would have needed
    #[arg(long, global = true)]
    needs_report: bool,
    /// Tell more about what happens (on standard error)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// How a result is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Human,
    /// For machines: one JSON value on standard output
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a script: a path, or the name of a workflow
    ///
    /// What stands after SCRIPT is the script's own; `tradeops run SCRIPT --help` shows it.
    Run {
        /// The script, then its own flags and arguments
        #[arg(
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "SCRIPT [ARGS]"
        )]
        words: Vec<String>,
    },
    /// List the workflows, and which layer each comes from
    List,
    /// Copy a shipped workflow, check file, stdlib module or calendar into the project, to change it
    Eject {
        /// The workflow's name, `checks/NAME`, `calendars/NAME`, or a stdlib module's with --std
        name: String,
        /// Eject a module of the stdlib instead
        #[arg(long)]
        std: bool,
        /// Into the user's folder instead of the project's
        #[arg(long)]
        user: bool,
    },
    /// Show how a workflow differs from the shipped one
    Diff {
        /// The workflow's name; all that differ by default
        name: Option<String>,
    },
    /// Check scripts without running them
    Check {
        /// Paths or names; all workflows by default
        scripts: Vec<String>,
    },
    /// Describe a namespace, a primitive or a record
    Doc {
        /// `docker`, `docker::stop`, `Container`; an overview by default
        name: Option<String>,
    },
    /// Print a completion script for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Evaluate an expression and show its value; plans unless --live
    Eval {
        /// The expression
        expression: String,
        /// Let changes happen
        #[arg(long)]
        live: bool,
    },
    /// Try things out line by line; plans unless --live
    Repl {
        /// Let changes happen
        #[arg(long)]
        live: bool,
    },
    /// Carry out a saved plan, by running its script again and allowing what the plan names
    Apply {
        /// The file that --plan-out wrote
        file: PathBuf,
        /// The oldest plan to accept
        #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = duration)]
        max_age: Duration,
    },
    /// Write the files that are derived from the code (for the project's own use)
    #[command(hide = true)]
    Generate {
        /// The project's root
        root: PathBuf,
    },
    #[command(external_subcommand)]
    Workflow(Vec<OsString>),
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::api::units::duration(text)
}

/// Parses the command line, does what it says, and gives the exit code.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if let Err(error) = error.print()
                && error.kind() != std::io::ErrorKind::BrokenPipe
            {
                terminal::error(&anyhow::anyhow!("cannot write the output: {error}"));
                return Exit::Io;
            }
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            };
        }
    };
    match dispatch(cli) {
        Ok(exit) => exit,
        Err(error) => {
            terminal::error(&error);
            exit::of(&error)
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let place = Place::here(cli.runtime)?;
    match cli.command {
        Command::Run { words } => run::run(&place, words),
        Command::Workflow(words) => {
            let words = words
                .into_iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect();
            run::run(&place, words)
        }
        Command::List => list::list(&place),
        Command::Eject { name, std, user } => eject::eject(&place, &name, std, user),
        Command::Diff { name } => diff::diff(&place, name.as_deref()),
        Command::Check { scripts } => check::check(&place, &scripts),
        Command::Doc { name } => doc::doc(&place, name.as_deref()),
        Command::Completions { shell } => completions::completions(shell, &mut Cli::command()),
        Command::Eval { expression, live } => eval::eval(&place, &expression, live),
        Command::Repl { live } => repl::repl(&place, live),
        Command::Apply { file, max_age } => apply::apply(&place, &file, max_age),
        Command::Generate { root } => generate::generate(&root),
    }
}
