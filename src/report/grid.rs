//! A report as a grid of services against layers, for a screen that is looked at again and again; and what changed
//! from one report to the next.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::render::{head, mark};
use super::{Check, Report, Status, Style};

/// Services against layers, each cell the worst of its checks; the causes below.
pub fn grid(report: &Report, style: Style) -> String {
    let mut layers: Vec<&str> = Vec::new();
    let mut services: Vec<&str> = Vec::new();
    let mut cells: HashMap<(&str, &str), Status> = HashMap::new();
    for check in &report.checks {
        let (layer, service) = (check.layer.as_str(), row(check));
        if !layers.contains(&layer) {
            layers.push(layer);
        }
        if !services.contains(&service) {
            services.push(service);
        }
        let cell = cells.entry((service, layer)).or_insert(check.status);
        *cell = worse(*cell, check.status);
    }
    let mut text = head(report, style);
    let first = services
        .iter()
        .map(|s| s.chars().count())
        .max()
        .unwrap_or(0);
    // A column is as wide as its title, or three where the screen is narrow.
    let whole: usize = first + layers.iter().map(|l| l.len() + 2).sum::<usize>();
    let wide = |layer: &str| if whole <= style.width { layer.len() } else { 3 };
    let _ = write!(text, "\n{:first$}", "");
    for layer in &layers {
        let title: String = layer.chars().take(wide(layer)).collect();
        let _ = write!(text, "  {title:0$}", wide(layer));
    }
    text.push('\n');
    for service in services {
        let _ = write!(text, "{service:first$}");
        for layer in &layers {
            let cell = cells.get(&(service, *layer));
            let sign = cell.map_or_else(|| " ".to_owned(), |status| mark(*status, style.colour));
            let _ = write!(text, "  {sign}{:1$}", "", wide(layer) - 1);
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text.trim_end().to_owned()
}

/// As much of a page as a screen of so many rows has room for, long lines counted as often as they wrap.
pub fn fitted(page: &str, rows: usize, style: Style) -> String {
    let needed = |line: &str| seen(line).div_ceil(style.width.max(1)).max(1);
    let lines: Vec<&str> = page.lines().collect();
    if lines.iter().map(|line| needed(line)).sum::<usize>() <= rows {
        return page.to_owned();
    }
    let mut left = rows.saturating_sub(1);
    let fit = lines.iter().take_while(|line| {
        let fits = needed(line) <= left;
        left = left.saturating_sub(needed(line));
        fits
    });
    let mut kept: Vec<String> = fit.map(|line| (*line).to_owned()).collect();
    let more = lines.len() - kept.len();
    kept.push(format!(
        "... and {more} more lines: the screen is too small"
    ));
    kept.join("\n")
}

/// The columns of a line: colour takes none.
fn seen(line: &str) -> usize {
    let mut rest = line.split('\x1b');
    let plain = rest.next().map_or(0, |text| text.chars().count());
    let after = |part: &str| {
        part.split_once('m')
            .map_or(0, |(_, text)| text.chars().count())
    };
    plain + rest.map(after).sum::<usize>()
}

/// What is no service of the stack stands in the row of the machine.
fn row(check: &Check) -> &str {
    if check.service.is_empty() {
        "(machine)"
    } else {
        &check.service
    }
}

fn worse(a: Status, b: Status) -> Status {
    // What is fine says more of a cell than what was not looked at.
    let order = |s: Status| match s {
        Status::Bad => 0,
        Status::Degraded => 1,
        Status::Unknown => 2,
        Status::Ok => 3,
        Status::Skipped => 4,
    };
    if order(a) <= order(b) { a } else { b }
}

/// What changed from one report to the next, a line each: the verdict, then the checks.
pub fn changes(before: &Report, after: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if before.verdict != after.verdict {
        lines.push(format!(
            "verdict: {} -> {}",
            before.verdict.as_str(),
            after.verdict.as_str()
        ));
    }
    let known: HashMap<&str, &Check> = before.checks.iter().map(|c| (c.id.as_str(), c)).collect();
    for check in &after.checks {
        let was = known.get(check.id.as_str());
        if was.is_some_and(|was| was.status == check.status) {
            continue;
        }
        let was = was.map_or("new", |was| was.status.as_str());
        let why = match check.evidence.lines().next() {
            Some(why) if check.status != Status::Ok => format!(": {why}"),
            _ => String::new(),
        };
        lines.push(format!(
            "{}: {was} -> {}{why}",
            check.id,
            check.status.as_str()
        ));
    }
    // A report that could not look at anything does not say that things are gone.
    if !after.checks.is_empty() {
        let left = |id: &str| after.checks.iter().any(|c| c.id == id);
        for gone in before.checks.iter().filter(|c| !left(&c.id)) {
            lines.push(format!("{}: {} -> gone", gone.id, gone.status.as_str()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{Severity, assess};
    use super::*;

    fn report(statuses: &[(&str, &str, Status)]) -> Report {
        let checks = statuses.iter().map(|(service, layer, status)| Check {
            id: format!("{service}.{layer}"),
            layer: (*layer).into(),
            service: (*service).into(),
            severity: Severity::Critical,
            status: *status,
            value: serde_json::Value::Null,
            threshold: serde_json::Value::Null,
            evidence: "because".into(),
            remedy: String::new(),
            ms: 1.0,
            needs: vec![],
            explained_by: vec![],
        });
        assess(
            "health",
            checks.collect(),
            "2026-11-24T00:00:00Z".into(),
            1.0,
        )
    }

    const PLAIN: Style = Style {
        colour: false,
        width: 80,
    };

    #[test]
    fn a_cell_is_the_worst_of_its_checks() {
        let page = grid(
            &report(&[
                ("redis", "presence", Status::Ok),
                ("redis", "data", Status::Skipped),
                ("", "machine", Status::Degraded),
            ]),
            PLAIN,
        );
        let rows: Vec<&str> = page
            .lines()
            .skip_while(|l| !l.contains("presence"))
            .collect();
        assert_eq!(rows[0], "           presence  data  machine");
        assert_eq!(rows[1], "redis      +         -");
        assert_eq!(rows[2].trim_end(), "(machine)                  !");
    }

    #[test]
    fn a_page_is_cut_where_the_screen_ends() {
        let style = Style {
            colour: true,
            width: 10,
        };
        let page = "\x1b[1m0123456789\x1b[0m\n0123456789a\nlast";
        assert_eq!(fitted(page, 4, style), page);
        let cut = fitted(page, 3, style);
        assert_eq!(
            cut,
            "\x1b[1m0123456789\x1b[0m\n... and 2 more lines: the screen is too small"
        );
        assert!(fitted(page, 0, style).starts_with("... and 3 more"));
    }

    #[test]
    fn changes_name_what_was_and_what_is() {
        let before = report(&[("redis", "data", Status::Ok), ("ml", "data", Status::Ok)]);
        let after = report(&[("redis", "data", Status::Bad), ("api", "data", Status::Ok)]);
        assert_eq!(
            changes(&before, &after),
            [
                "verdict: healthy -> unhealthy",
                "redis.data: ok -> bad: because",
                "api.data: new -> ok",
                "ml.data: ok -> gone",
            ]
        );
        assert!(changes(&before, &before).is_empty());
    }
}
