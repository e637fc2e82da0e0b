//! `tradeops run SCRIPT` and `tradeops WORKFLOW`.

use std::io::Write as _;
use std::sync::Arc;

use clap::{CommandFactory as _, ValueEnum as _};
use rhai::Dynamic;

use super::exit::{Exit, told};
use super::place::Place;
use super::{Form, Runtime, terminal};
use crate::api::{self, Kind, Output, Record, SETTING};
use crate::gate::{DoomKind, Flight, Mode, Plan, Redactor, Run, Step};
use crate::run::Stop;
use crate::script::host::{self, Ended, Outcome};
use crate::script::library::{Layer, Source};
use crate::script::load::{self, Checked, NotRun};
use crate::script::program::Program;

pub(super) fn run(place: &Place, words: Vec<String>) -> anyhow::Result<Exit> {
    let mut words = words.into_iter();
    let Some(script) = words.next() else {
        return Err(told(Exit::Usage, "no script is named", None));
    };
    let mut flags = place.flags.clone();
    let arguments = take_runtime_flags(words, &mut flags)?;
    let mode = if flags.plan || flags.plan_out.is_some() {
        Mode::Plan
    } else {
        Mode::Live
    };
    match load::load(&place.library(), &script) {
        Ok(loaded) => run_as(place, loaded, arguments, flags, mode),
        Err(not_run) => not_started(not_run),
    }
}

/// Runs a loaded script in a mode; also what `apply` does.
pub(super) fn run_as(
    place: &Place,
    (source, checked): (Source, Checked),
    arguments: Vec<String>,
    flags: Runtime,
    mode: Mode,
) -> anyhow::Result<Exit> {
    // The process ends with the run, and then all memory goes at once: to free the trees of a workflow node by
    // node takes a twelfth of the instructions of `health --help`.
    std::mem::forget(checked.program.clone());
    announce(&source);
    announce_modules(&checked.program);
    super::announce::calendars(&checked.program);
    for warning in &checked.warnings {
        terminal::diagnostic(warning, &checked.program, &Redactor::new());
    }
    let own_plan = checked.header.own_plan && mode.is_plan();
    if own_plan && flags.plan_out.is_some() {
        return Err(told(
            Exit::Usage,
            format!(
                "`{}` makes its own plan: `--plan-out` does not save it",
                source.name
            ),
            Some(format!("`tradeops {} --help` says how", source.name)),
        ));
    }
    let mut request = place.request(&flags, arguments, mode)?;
    // Whatever `-o` says: a plan is for `apply`.
    request.output.json |= own_plan;
    let output = request.output;
    let ended = match host::run(request, &source, checked) {
        Ok(ended) => ended,
        Err(not_run) => return not_started(not_run),
    };
    let mut exit = report(&ended, output, !own_plan)?;
    if let Mode::Apply(allowance) = ended.run.mode()
        && not_reached(&allowance.left())
        && exit == Exit::Ok
    {
        exit = Exit::Verdict(1);
    }
    // A refused run has no plan: what it would have changed is not known.
    let refused = ended
        .run
        .doom()
        .is_some_and(|doom| doom.kind == DoomKind::Denied);
    if ended.run.mode().is_plan() && !refused && !own_plan {
        let plan = ended.run.plan_so_far();
        show_plan(&plan, ended.run.redactor(), output)?;
        if let Some(file) = &flags.plan_out {
            save(&plan, file)?;
        }
    }
    if flags.needs_report {
        let used = ended.run.used();
        let list = if used.is_empty() {
            "nothing".into()
        } else {
            used.join(", ")
        };
        terminal::note(&format!(
            "the run used {list}; the smallest header is\n//! needs: {}",
            used.join(", ")
        ));
    }
    if flags.verbose > 0 {
        terminal::note(&format!(
            "{} ops in {}, audit in {}",
            ended.run.ops(),
            api::units::show_duration(ended.elapsed),
            place.state.join("audit.jsonl").display()
        ));
    }
    Ok(exit)
}

/// Takes the runtime's flags out of the words after the script's name; `--` ends them.
fn take_runtime_flags(
    words: impl Iterator<Item = String>,
    flags: &mut Runtime,
) -> anyhow::Result<Vec<String>> {
    let mut own = Vec::new();
    let mut words = words;
    while let Some(word) = words.next() {
        if word == "--" {
            own.push(word);
            own.extend(words);
            break;
        }
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None if word.len() > 2 && word.starts_with("-o") => ("-o", Some(word[2..].to_owned())),
            None => (word.as_str(), None),
        };
        let mut value = || {
            inline
                .clone()
                .or_else(|| words.next())
                .ok_or_else(|| told(Exit::Usage, format!("`{name}` wants a value"), None))
        };
        match name {
            "--plan" if inline.is_none() => flags.plan = true,
            "--needs-report" if inline.is_none() => flags.needs_report = true,
            "--plan-out" => flags.plan_out = Some(value()?.into()),
            "-o" | "--output" => {
                let text = value()?;
                flags.output = Some(Form::from_str(&text, true).map_err(|_| {
                    told(
                        Exit::Usage,
                        format!("`{text}` is no output form"),
                        Some("`human` or `json`".into()),
                    )
                })?);
            }
            "--deadline" => {
                let text = value()?;
                flags.deadline = Some(
                    api::units::duration(&text)
                        .map_err(|why| told(Exit::Usage, format!("`--deadline` {why}"), None))?,
                );
            }
            "--profile" => flags.profile = Some(value()?),
            "-v" | "--verbose" if inline.is_none() => flags.verbose += 1,
            _ => own.push(word),
        }
    }
    Ok(own)
}

/// A layer that is not the shipped one is named, unless it holds the same text.
fn announce(source: &Source) {
    let same = crate::script::shipped::script(&source.name).is_some_and(|text| text == source.text);
    if matches!(source.layer, Layer::Project | Layer::User) && !same {
        terminal::note(&format!(
            "`{}` is the {} layer's `{}`",
            source.name, source.layer, source.id
        ));
    }
}

/// The same for modules of the stdlib that were ejected.
fn announce_modules(program: &Program) {
    for unit in program.units() {
        let source = &unit.source;
        let Some(ours) = crate::script::shipped::module(&source.name) else {
            continue;
        };
        if let Some(path) = &source.path
            && source.id == format!("std/{}.rhai", source.name)
            && source.text != ours
        {
            terminal::note(&format!(
                "`std/{}` is the {} layer's `{}`",
                source.name,
                source.layer,
                program.library.shown(path)
            ));
        }
    }
}

pub(super) fn not_started(not_run: NotRun) -> anyhow::Result<Exit> {
    match not_run {
        NotRun::NotFound(error) => {
            use crate::script::library::FindError;
            let exit = match error {
                FindError::Untrusted { .. } => Exit::Denied,
                FindError::Unreadable { .. } => Exit::Io,
                _ => Exit::Usage,
            };
            // Any word that is no command is taken for a workflow; perhaps it was to be a command.
            let hint = match &error {
                FindError::NoSuchScript {
                    name,
                    suggestion: None,
                } => super::Cli::command()
                    .get_subcommands()
                    .map(|command| command.get_name().to_owned())
                    .find(|command| api::closest(name, [command.as_str()].into_iter()).is_some())
                    .map(|command| format!("did you mean `tradeops {command}`?")),
                _ => None,
            };
            Err(told(exit, error.to_string(), hint.or_else(|| error.hint())))
        }
        NotRun::Invalid(program, found) => {
            for diagnostic in &found {
                terminal::diagnostic(diagnostic, &program, &Redactor::new());
            }
            let errors = found
                .iter()
                .filter(|d| d.severity == crate::script::diagnostic::Severity::Error)
                .count();
            let plural = if errors == 1 { "" } else { "s" };
            let _ = writeln!(
                anstream::stderr(),
                "nothing was run: the check found {errors} error{plural} in `{}`",
                program.main
            );
            Ok(Exit::Invalid)
        }
        NotRun::Help(page) => {
            print(page.trim_end())?;
            Ok(Exit::Ok)
        }
        NotRun::Usage(why, hint) => Err(told(Exit::Usage, why, hint)),
        NotRun::Environment(why) => Err(told(Exit::Config, why, None)),
    }
}

/// Says how the run ended and gives its exit code. `plan_follows`: the caller shows the plan after it.
pub(super) fn report(ended: &Ended, output: Output, plan_follows: bool) -> anyhow::Result<Exit> {
    let exit = report_outcome(ended, output, plan_follows)?;
    if let Some(why) = &ended.lost {
        let error = told(Exit::Io, format!("cannot write the output: {why}"), None);
        if exit == Exit::Ok {
            return Err(error);
        }
        terminal::error(&error);
    }
    Ok(exit)
}

fn report_outcome(ended: &Ended, output: Output, plan_follows: bool) -> anyhow::Result<Exit> {
    for left in &ended.left {
        terminal::note(&format!("clean-up: {}", ended.run.redactor().text(left)));
    }
    match &ended.outcome {
        Outcome::Value(value) => {
            // Standard output is one JSON value: where a plan follows, it is the plan.
            if !(plan_follows && output.json && ended.run.mode().is_plan()) {
                show_result(value, ended, output)?;
            }
            Ok(exit_of(value))
        }
        Outcome::Exited(code) => Ok(verdict(*code)),
        Outcome::Stopped(stop) => {
            stopped(*stop, ended);
            Ok(match stop {
                Stop::Deadline => Exit::Deadline,
                Stop::Interrupted => Exit::Interrupted,
                Stop::Terminated => Exit::Terminated,
                Stop::Cancelled => Exit::Uncaught,
            })
        }
        Outcome::Doomed => Ok(doomed(&ended.run, &ended.program)),
        Outcome::Fault(diagnostic, thrown) => {
            terminal::diagnostic(diagnostic, &ended.program, ended.run.redactor());
            Ok(match thrown.map(|thrown| (thrown.kind, thrown.status)) {
                Some((Kind::Unreachable, _)) => Exit::Unreachable,
                Some((Kind::Held, _)) => Exit::Held,
                Some((Kind::Invalid, Some(SETTING))) => Exit::Config,
                _ => Exit::Uncaught,
            })
        }
    }
}

/// A result with a field `exit_code` decides the exit code; every other result is fine.
fn exit_of(value: &Dynamic) -> Exit {
    let code = value
        .read_lock::<Record>()
        .and_then(|record| record.get("exit_code").and_then(|c| c.as_int().ok()))
        .or_else(|| {
            value
                .read_lock::<rhai::Map>()
                .and_then(|map| map.get("exit_code").and_then(|c| c.as_int().ok()))
        });
    code.map_or(Exit::Ok, verdict)
}

/// A code that no process can end with is no success: it is unknown what was meant.
fn verdict(code: i64) -> Exit {
    match u8::try_from(code) {
        Ok(0) => Exit::Ok,
        Ok(code) => Exit::Verdict(code),
        Err(_) => Exit::Verdict(3),
    }
}

/// The script's last value, on standard output.
fn show_result(value: &Dynamic, ended: &Ended, output: Output) -> anyhow::Result<()> {
    let run = &ended.run;
    let text = if output.json {
        let json = run.redactor().json(&api::to_json(value));
        if ended.watched && api::is_report(value) {
            // The last of many, which are a line each.
            json.to_string()
        } else {
            serde_json::to_string_pretty(&json)?
        }
    } else if value.is_unit() || (api::is_result(value) && !api::is_report(value)) {
        return Ok(());
    } else {
        let text =
            api::human(value, output).unwrap_or_else(|| crate::script::engine::printed(value));
        if text.is_empty() && api::is_report(value) {
            return Ok(());
        }
        run.redactor().text(&text).into_owned()
    };
    print(&text)
}

/// One text on standard output; a closed pipe is quiet, a full disk is not.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(told(
            Exit::Io,
            format!("cannot write the output: {error}"),
            None,
        )),
        _ => Ok(()),
    }
}

fn stopped(stop: Stop, ended: &Ended) {
    let what = match stop {
        Stop::Deadline => "the deadline passed",
        Stop::Interrupted => "interrupted",
        Stop::Terminated => "terminated",
        Stop::Cancelled => "cancelled",
    };
    let mut text = format!("{what} after {}", api::units::show_duration(ended.elapsed));
    // What reaches out is what held it up; else the innermost of what touches only the run.
    let out: Vec<&Arc<Flight>> = ended
        .flights
        .iter()
        .filter(|f| !f.target.is_empty())
        .collect();
    let longest = out.iter().copied().min_by_key(|f| f.began);
    if let Some(flight) = longest.or_else(|| ended.flights.iter().max_by_key(|f| f.began)) {
        let on = if flight.target.is_empty() {
            String::new()
        } else {
            format!(" on `{}`", flight.target)
        };
        text.push_str(&format!(
            ", {} into `{}`{on} at {}",
            api::units::show_duration(flight.began.elapsed()),
            flight.op,
            flight.site
        ));
        if out.len() > 1 {
            text.push_str(&format!(", with {} more calls going on", out.len() - 1));
        }
    }
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let _ = writeln!(
        anstream::stderr(),
        "{style}error{style:#}: {}",
        ended.run.redactor().text(&text)
    );
}

fn doomed(run: &Run, program: &Program) -> Exit {
    use crate::script::diagnostic::Diagnostic;
    use crate::script::syntax::Place;
    let Some(doom) = run.doom() else {
        return Exit::Uncaught;
    };
    let (exit, rule) = match doom.kind {
        DoomKind::Denied => (Exit::Denied, "denied"),
        DoomKind::Incomplete => (Exit::Verdict(3), "plan-incomplete"),
        DoomKind::Unrecorded => (Exit::Io, "unrecorded"),
        DoomKind::Stopped(_) | DoomKind::Exited(_) => (Exit::Uncaught, "stopped"),
    };
    let message = match doom.kind {
        DoomKind::Incomplete => format!("the plan is incomplete from here: {}", doom.message),
        _ => doom.message.clone(),
    };
    let (file, place) = doom.site.as_ref().map_or_else(
        || (program.main.clone(), Place::default()),
        |site| {
            (
                site.file.clone(),
                Place {
                    line: site.line,
                    column: site.column,
                },
            )
        },
    );
    let diagnostic = Diagnostic::error(rule, &file, place, message).maybe_hint(doom.hint.clone());
    terminal::diagnostic(&diagnostic, program, run.redactor());
    exit
}

/// Tells which steps of an applied plan the script did not come to; whether there are any.
fn not_reached(left: &[Step]) -> bool {
    if left.is_empty() {
        return false;
    }
    let list: Vec<_> = left
        .iter()
        .map(|step| format!("\n  {} `{}` at {}", step.op, step.target, step.site))
        .collect();
    let (n, were) = (left.len(), if left.len() == 1 { " was" } else { "s were" });
    terminal::note(&format!(
        "{n} planned change{were} not reached:{}",
        list.concat()
    ));
    true
}

fn show_plan(plan: &Plan, redactor: &Redactor, output: Output) -> anyhow::Result<()> {
    if output.json {
        // The file of `--plan-out` keeps the arguments, for it must run again; what is shown does not.
        let arguments = plan.arguments.iter();
        let plan = Plan {
            arguments: arguments.map(|a| redactor.text(a).into_owned()).collect(),
            incomplete: plan
                .incomplete
                .as_ref()
                .map(|why| redactor.text(why).into_owned()),
            ..plan.clone()
        };
        return print(&serde_json::to_string_pretty(&plan)?);
    }
    let mut text = steps_text(&plan.steps);
    if let Some(why) = &plan.incomplete {
        text.push_str(&format!("\nplan: incomplete, {}", redactor.text(why)));
    }
    print(&text)
}

/// Planned changes as people read them.
pub(super) fn steps_text(steps: &[Step]) -> String {
    let mut text = match steps.len() {
        0 => "plan: nothing would be changed".to_owned(),
        1 => "plan: 1 change, nothing was done".to_owned(),
        n => format!("plan: {n} changes, nothing was done"),
    };
    for (n, step) in steps.iter().enumerate() {
        text.push_str(&format!(
            "\n  {}. {} `{}` ({}) at {}",
            n + 1,
            step.op,
            step.target,
            step.access,
            step.site
        ));
        if !step.blast.summary.is_empty() {
            text.push_str(&format!("\n     {}", step.blast.summary));
        }
    }
    text
}

fn save(plan: &Plan, file: &std::path::Path) -> anyhow::Result<()> {
    let wrong = |error: std::io::Error| {
        told(
            Exit::CannotCreate,
            format!("cannot write the plan to `{}`: {error}", file.display()),
            None,
        )
    };
    let folder = file
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(std::path::Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(wrong)?;
    beside
        .write_all(serde_json::to_string_pretty(plan)?.as_bytes())
        .map_err(wrong)?;
    beside.as_file().sync_all().map_err(wrong)?;
    beside.persist(file).map_err(|error| wrong(error.error))?;
    terminal::note(&format!(
        "the plan is in `{}`; `tradeops apply {}` carries it out",
        file.display(),
        file.display()
    ));
    Ok(())
}
