//! A report for people: the verdict, the causes, then every layer; what is wrong is never folded away.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style as Ansi};

use super::{Check, Report, Status, Verdict};

/// How it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// With colour.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

/// The report as text.
pub fn human(report: &Report, style: Style) -> String {
    let mut text = String::new();
    let paint = |what: &str, ansi: Ansi| paint(what, ansi, style.colour);
    let verdict = paint(report.verdict.as_str(), verdict_style(report.verdict));
    let c = report.counts;
    let _ = writeln!(
        text,
        "{verdict}: {} checks in {:.0} ms: {} ok, {} degraded, {} bad, {} unknown, {} skipped",
        report.checks.len(),
        report.ms,
        c.ok,
        c.degraded,
        c.bad,
        c.unknown,
        c.skipped
    );
    if !report.root_causes.is_empty() {
        let _ = writeln!(text, "\n{}", paint("causes", Ansi::new().bold()));
        for cause in &report.root_causes {
            let explains = match cause.explains {
                0 => String::new(),
                1 => " (explains 1 skipped check)".into(),
                n => format!(" (explains {n} skipped checks)"),
            };
            let _ = writeln!(
                text,
                "  {} {}: {}{explains}",
                mark(cause.status, style.colour),
                cause.id,
                one_line(&cause.evidence)
            );
            if !cause.remedy.is_empty() {
                let _ = writeln!(
                    text,
                    "      {} {}",
                    paint("try:", Ansi::new().dimmed()),
                    cause.remedy
                );
            }
        }
    }
    let mut layers: Vec<&str> = Vec::new();
    for check in &report.checks {
        if !layers.contains(&check.layer.as_str()) {
            layers.push(&check.layer);
        }
    }
    for layer in layers {
        let checks: Vec<&Check> = report.checks.iter().filter(|c| c.layer == layer).collect();
        let _ = writeln!(text, "\n{}", paint(layer, Ansi::new().bold()));
        if layer == "presence" {
            grid(&mut text, &checks, style);
        }
        let width = checks
            .iter()
            .map(|c| c.id.chars().count())
            .max()
            .unwrap_or(0)
            .min(40);
        for check in checks {
            if layer == "presence" && check.status == Status::Ok {
                continue;
            }
            line(&mut text, check, width, style);
        }
    }
    text.trim_end().to_owned()
}

/// Every service in a cell with its mark.
fn grid(text: &mut String, checks: &[&Check], style: Style) {
    let cell = checks
        .iter()
        .map(|c| c.service.chars().count())
        .max()
        .unwrap_or(0)
        + 4;
    let columns = (style.width.saturating_sub(2) / cell).max(1);
    for row in checks.chunks(columns) {
        let mut out = String::from("  ");
        for check in row {
            let pad = cell - 2 - check.service.chars().count();
            let _ = write!(
                out,
                "{} {}{}",
                mark(check.status, style.colour),
                check.service,
                " ".repeat(pad)
            );
        }
        let _ = writeln!(text, "{}", out.trim_end());
    }
}

fn line(text: &mut String, check: &Check, width: usize, style: Style) {
    let mut says = match &check.value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(value) => value.clone(),
        value => value.to_string(),
    };
    if check.status != Status::Ok && !check.evidence.is_empty() {
        if !says.is_empty() {
            says.push_str("; ");
        }
        says.push_str(&one_line(&check.evidence));
    }
    if check.status != Status::Ok && !check.threshold.is_null() {
        let limit = match &check.threshold {
            serde_json::Value::String(value) => value.clone(),
            value => value.to_string(),
        };
        let _ = write!(says, " (limit {limit})");
    }
    let pad = width.saturating_sub(check.id.chars().count());
    let row = format!(
        "  {} {}{}  {says}",
        mark(check.status, style.colour),
        check.id,
        " ".repeat(pad)
    );
    let _ = writeln!(text, "{}", row.trim_end());
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A sign that tells the status without colour too.
fn mark(status: Status, colour: bool) -> String {
    let (sign, ansi) = match status {
        Status::Ok => ("+", AnsiColor::Green.on_default()),
        Status::Degraded => ("!", AnsiColor::Yellow.on_default()),
        Status::Bad => ("x", AnsiColor::Red.on_default().bold()),
        Status::Unknown => ("?", AnsiColor::Magenta.on_default()),
        Status::Skipped => ("-", Ansi::new().dimmed()),
    };
    paint(sign, ansi, colour)
}

fn verdict_style(verdict: Verdict) -> Ansi {
    match verdict {
        Verdict::Healthy => AnsiColor::Green.on_default().bold(),
        Verdict::Degraded => AnsiColor::Yellow.on_default().bold(),
        Verdict::Unhealthy => AnsiColor::Red.on_default().bold(),
        Verdict::Unknown => AnsiColor::Magenta.on_default().bold(),
    }
}

fn paint(what: &str, ansi: Ansi, colour: bool) -> String {
    if colour {
        format!("{ansi}{what}{ansi:#}")
    } else {
        what.to_owned()
    }
}
