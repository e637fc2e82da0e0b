//! A report for people: the verdict, the causes, then every layer; what is wrong is never folded away.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style as Ansi};
use serde_json::Value;

use super::{Check, Report, Status, Verdict};

/// How it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// With colour.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

/// The verdict and its causes.
pub(super) fn head(report: &Report, style: Style) -> String {
    let mut text = String::new();
    let paint = |what: &str, ansi: Ansi| paint(what, ansi, style.colour);
    let verdict = paint(report.verdict.as_str(), verdict_style(report.verdict));
    let _ = writeln!(
        text,
        "{verdict}: {} checks in {:.0} ms: {}",
        report.checks.len(),
        report.ms,
        counted(report, style)
    );
    if !report.root_causes.is_empty() {
        let _ = writeln!(text, "\n{}", paint("causes", Ansi::new().bold()));
        for cause in &report.root_causes {
            let explains = match cause.explains {
                0 => String::new(),
                1 => " (explains 1 other check)".into(),
                n => format!(" (explains {n} other checks)"),
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
                    one_line(&cause.remedy)
                );
            }
        }
    }
    text
}

/// The report as text.
pub fn human(report: &Report, style: Style) -> String {
    let paint = |what: &str, ansi: Ansi| paint(what, ansi, style.colour);
    let mut text = head(report, style);
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
        for check in &checks {
            match check.status {
                Status::Ok if layer == "presence" => {}
                Status::Skipped => {}
                _ => line(&mut text, check, width, style),
            }
        }
        skipped(&mut text, &checks, style);
    }
    text.trim_end().to_owned()
}

/// How many ended how, each with its mark: so the line explains the marks, too.
fn counted(report: &Report, style: Style) -> String {
    let c = report.counts;
    let counts = [
        (Status::Ok, c.ok),
        (Status::Degraded, c.degraded),
        (Status::Bad, c.bad),
        (Status::Unknown, c.unknown),
        (Status::Skipped, c.skipped),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let counts =
        counts.map(|(s, count)| format!("{} {count} {}", mark(s, style.colour), s.as_str()));
    counts.collect::<Vec<_>>().join(", ")
}

/// What was skipped for one reason, in one line.
fn skipped(text: &mut String, checks: &[&Check], style: Style) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for check in checks.iter().filter(|c| c.status == Status::Skipped) {
        match reasons.iter_mut().find(|(why, _)| *why == check.evidence) {
            Some((_, ids)) => ids.push(&check.id),
            None => reasons.push((&check.evidence, vec![&check.id])),
        }
    }
    for (why, ids) in reasons {
        let _ = writeln!(
            text,
            "  {} skipped ({}): {}",
            mark(Status::Skipped, style.colour),
            one_line(why),
            ids.join(", ")
        );
    }
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
    let mut says = measured(&check.value);
    if check.status != Status::Ok && !check.evidence.is_empty() {
        if !says.is_empty() {
            says.push_str("; ");
        }
        says.push_str(&one_line(&check.evidence));
    }
    if check.status != Status::Ok && !check.threshold.is_null() {
        let _ = write!(says, " (limit {})", measured(&check.threshold));
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

/// A value as people read it. The fields of a map have their unit in their names: `p95_seconds`, `memory_bytes`.
fn measured(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => one_line(text),
        Value::Array(items) => items.iter().map(measured).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            let shown = fields.map(|(name, value)| named(name, value));
            shown.collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    }
}

fn named(name: &str, value: &Value) -> String {
    let number = value.as_f64();
    for (suffix, show) in UNITS {
        if let (Some(what), Some(number)) = (name.strip_suffix(suffix), number) {
            return format!("{} {}", what.replace('_', " "), show(number));
        }
    }
    let shown = match number {
        Some(number) => decimal(number),
        None => measured(value),
    };
    format!("{} {shown}", name.replace('_', " "))
}

/// How a unit at the end of a field's name is shown.
type Unit = (&'static str, fn(f64) -> String);

const UNITS: [Unit; 4] = [
    ("_seconds", |n| format!("{} ms", decimal(n * 1e3))),
    ("_ratio", |n| format!("{} %", decimal(n * 1e2))),
    ("_percent", |n| format!("{n:.0} %")),
    ("_bytes", |n| format!("{:.0} MiB", n / f64::from(1 << 20))),
];

/// To a tenth; without a fraction where there is none.
fn decimal(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A sign that tells the status without colour too.
pub(super) fn mark(status: Status, colour: bool) -> String {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::{Severity, assess};

    #[test]
    fn values_are_shown_by_the_unit_in_their_name() {
        for (value, shown) in [
            (json!(null), ""),
            (json!("a\n b"), "a b"),
            (json!(7), "7"),
            (json!({"p95_seconds": 0.09831}), "p95 98.3 ms"),
            (json!({"error_ratio": 0.0712}), "error 7.1 %"),
            (json!({"used_percent": 41.7}), "used 42 %"),
            (json!({"memory_bytes": 44_040_192}), "memory 42 MiB"),
            (
                json!({"cores": 2, "load": 3.04, "gone": null}),
                "cores 2, load 3",
            ),
            (json!({"at_least": ["p95", "p99"]}), "at least p95 p99"),
        ] {
            assert_eq!(measured(&value), shown, "{value}");
        }
    }

    #[test]
    fn the_cause_first_and_what_is_skipped_in_one_line() {
        let check = |id: &str, layer: &str, status, evidence: &str, needs: &[&str]| Check {
            id: id.into(),
            layer: layer.into(),
            service: id.split('.').next().unwrap_or_default().into(),
            severity: Severity::Critical,
            status,
            value: json!(null),
            threshold: json!(null),
            evidence: evidence.into(),
            remedy: String::new(),
            ms: 1.0,
            needs: needs.iter().map(|n| (*n).to_owned()).collect(),
            explained_by: Vec::new(),
        };
        let down = "because redis is down";
        let checks = vec![
            check(
                "redis.container",
                "presence",
                Status::Bad,
                "it is exited",
                &[],
            ),
            check("api.container", "presence", Status::Ok, "", &[]),
            check(
                "api.health",
                "applications",
                Status::Skipped,
                down,
                &["redis.container"],
            ),
            check(
                "api.ready",
                "applications",
                Status::Skipped,
                down,
                &["redis.container"],
            ),
        ];
        let report = assess("health", checks, String::new(), 12.0);
        let style = Style {
            colour: false,
            width: 80,
        };
        assert_eq!(
            human(&report, style),
            "unhealthy: 4 checks in 12 ms: + 1 ok, x 1 bad, - 2 skipped\n\n\
             causes\n  x redis.container: it is exited (explains 2 other checks)\n\n\
             presence\n  x redis  + api\n  x redis.container  it is exited\n\n\
             applications\n  - skipped (because redis is down): api.health, api.ready"
        );
    }
}
