//! The heat map of an asset: a line for each symbol, a cell for each month, and its numbers.

use std::fmt::Write as _;

use chrono::NaiveDate;

use super::super::{Level, STEPS, Share, Survey, Symbol, months, shares};
use super::{axis, count, escaped, grouped, open};

/// Characters of a name that have room.
const NAME: usize = 20;

pub(super) fn table(out: &mut String, survey: &Survey) {
    let months = months(survey.asked.from, survey.asked.to);
    let _ = write!(
        out,
        "<div class=\"box\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">\n<table class=\"heat\" style=\"--months:{}\">\n<thead><tr><th scope=\"col\">symbol</th><th class=\"m\" scope=\"col\">{}</th>",
        escaped(&survey.asked.asset),
        months.len(),
        axis::labels(&months)
    );
    for column in ["rows", "density", "lag", "missing"] {
        let _ = write!(out, "<th class=\"n\" scope=\"col\">{column}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for symbol in &survey.symbols {
        row(out, survey, symbol, &months);
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn row(out: &mut String, survey: &Survey, symbol: &Symbol, months: &[(NaiveDate, NaiveDate)]) {
    let name = escaped(&symbol.symbol);
    // What is cut off is told where the mouse stands.
    let whole = match symbol.symbol.chars().count() > NAME {
        true => format!(" title=\"{name}\""),
        false => String::new(),
    };
    let _ = write!(
        out,
        "<tr><th scope=\"row\"{whole}>{name}</th><td class=\"m\"><svg viewBox=\"0 0 {} 1\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{} of {}\">",
        months.len(),
        grouped(symbol.present_days),
        count(symbol.due_days, "day")
    );
    cells(out, &shares(survey, symbol, months), months);
    let _ = writeln!(
        out,
        "</svg></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        grouped(symbol.holding.rows),
        symbol.density.map_or_else(String::new, percent),
        grouped(symbol.lag_days),
        grouped(open(&symbol.gaps))
    );
}

/// Never rounded up: all is only what is all.
fn percent(density: f64) -> String {
    format!("{:.1} %", (density * 1000.0).floor() / 10.0)
}

/// Months alike are one piece; those of which some days are missing stand each alone.
fn cells(out: &mut String, shares: &[Share], months: &[(NaiveDate, NaiveDate)]) {
    let mut at = 0;
    for same in shares.chunk_by(|a, b| a.level() == b.level() && whole(a)) {
        let (from, to) = (at, at + same.len());
        at = to;
        let Some(level) = same.first().map(Share::level) else {
            continue;
        };
        let class = match level {
            Level::Closed => continue,
            Level::Excused => "x".to_owned(),
            Level::Step(step) => format!("s{step}"),
        };
        let _ = write!(
            out,
            "<rect x=\"{from}\" width=\"{}\" height=\"1\" class=\"{class}\">",
            to - from
        );
        if let Some(((first, _), (_, last))) = months.get(from).zip(months.get(to - 1)) {
            let _ = write!(out, "<title>{}</title>", told(same, *first, *last));
        }
        out.push_str("</rect>");
    }
}

/// What a piece says when the mouse stands on it.
fn told(same: &[Share], first: NaiveDate, last: NaiveDate) -> String {
    let (due, present, excused) = same.iter().fold((0, 0, 0), |(due, present, excused), s| {
        (due + s.due, present + s.present, excused + s.excused)
    });
    let span = match same.len() {
        1 => first.format("%Y-%m").to_string(),
        _ => format!("{first} to {last}"),
    };
    let not = format!("{} not listed or not to be had", count(excused, "day"));
    let wanted = due - excused;
    if wanted == 0 {
        return format!("{span}: {not}");
    }
    let of = count(wanted, "day");
    let mut text = format!("{span}: {} of {of}", grouped(present));
    if present < wanted {
        let _ = write!(text, ", {} missing", grouped(wanted - present));
    }
    if excused > 0 {
        let _ = write!(text, "; {not}");
    }
    text
}

/// Whether all of a month is the same.
fn whole(share: &Share) -> bool {
    match share.level() {
        Level::Closed | Level::Excused => true,
        Level::Step(step) => step == 0 || i64::try_from(step) == Ok(STEPS),
    }
}
