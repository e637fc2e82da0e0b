//! A page for browsers: of each asset a heat map, symbol by month, and what is missing. One file; it fetches nothing and runs nothing.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};

use super::{Gap, Level, STEPS, Share, Survey, Symbol, months, shares};

const STYLE: &str = include_str!("page.css");

/// The page. Of a symbol at most `most` gaps are listed, the longest.
pub fn page(title: &str, surveys: &[&Survey], at: DateTime<Utc>, most: usize) -> String {
    let title = escaped(title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>As of {}. Each cell is a month: how many of the days on which rows were due have some.</p>\n{}",
        at.format("%Y-%m-%d %H:%M UTC"),
        legend()
    );
    for survey in surveys {
        section(&mut out, survey, most);
    }
    out + "</body>\n</html>\n"
}

fn legend() -> String {
    let mut out = String::from("<p class=\"legend\">");
    for (class, what) in [
        ("s0", "none"),
        ("s1", "less than half"),
        ("s2", "half and more"),
        ("s3", "three quarters and more"),
        ("s4", "all"),
        ("x", "not listed, or the provider has nothing"),
        ("c", "nothing due"),
    ] {
        let _ = write!(out, "<span class=\"{class}\"></span>{what}");
    }
    out + "</p>\n"
}

fn section(out: &mut String, survey: &Survey, most: usize) {
    let asked = &survey.asked;
    let tables: Vec<_> = survey.sources.iter().map(|s| s.table.as_str()).collect();
    let _ = write!(
        out,
        "<section>\n<h2>{}</h2>\n<p>{} to {}, {} symbols, {} days due; from {}",
        escaped(&asked.asset),
        asked.from,
        asked.to,
        survey.symbols.len(),
        asked.due.days.len(),
        escaped(&match tables.is_empty() {
            true => "no table".to_owned(),
            false => tables.join(", "),
        })
    );
    if !survey.absent.is_empty() {
        let _ = write!(out, "; absent: {}", escaped(&survey.absent.join(", ")));
    }
    out.push_str("</p>\n");
    let months = months(asked.from, asked.to);
    let _ = write!(
        out,
        "<table>\n<thead><tr><th>symbol</th><th class=\"m\">{}</th><th>rows</th><th>density</th><th>lag</th><th>missing</th></tr></thead>\n<tbody>\n",
        years(&months)
    );
    for symbol in &survey.symbols {
        row(out, survey, symbol, &months);
    }
    out.push_str("</tbody>\n</table>\n");
    for symbol in survey.symbols.iter().filter(|s| !s.gaps.is_empty()) {
        missing(out, symbol, most);
    }
    out.push_str("</section>\n");
}

/// The years above the months, fewer where they would not have room.
fn years(months: &[(NaiveDate, NaiveDate)]) -> String {
    let every = (months.len() / 12 / 20 + 1) as i32;
    let mut out = String::new();
    for (i, (first, _)) in months.iter().enumerate() {
        if first.month() == 1 && first.year() % every == 0 {
            let left = i as f64 * 100.0 / months.len() as f64;
            let _ = write!(
                out,
                "<span style=\"left:{left:.2}%\">{}</span>",
                first.year()
            );
        }
    }
    out
}

fn class(level: Level) -> Option<String> {
    match level {
        Level::Closed => None,
        Level::Excused => Some("x".into()),
        Level::Step(step) => Some(format!("s{step}")),
    }
}

fn row(out: &mut String, survey: &Survey, symbol: &Symbol, months: &[(NaiveDate, NaiveDate)]) {
    let shares = shares(survey, symbol, months);
    let _ = write!(
        out,
        "<tr><th>{}</th><td class=\"m\"><svg viewBox=\"0 0 {} 1\" preserveAspectRatio=\"none\">",
        escaped(&symbol.symbol),
        months.len()
    );
    let mut at = 0;
    // Months alike are one piece; those of which some days are missing say how many.
    for same in shares.chunk_by(|a, b| a.level() == b.level() && whole(a)) {
        let (from, to) = (at, at + same.len());
        at = to;
        let Some(class) = same.first().and_then(|share| class(share.level())) else {
            continue;
        };
        let _ = write!(
            out,
            "<rect x=\"{from}\" width=\"{}\" height=\"1\" class=\"{class}\">",
            to - from
        );
        let span = months.get(from).zip(months.get(to - 1));
        if let (Some(((first, _), (_, last))), Some(share)) = (span, same.first()) {
            let _ = match whole(share) {
                true => write!(out, "<title>{first} to {last}</title>"),
                false => write!(
                    out,
                    "<title>{}: {} of {}</title>",
                    first.format("%Y-%m"),
                    share.present,
                    share.due - share.excused
                ),
            };
        }
        out.push_str("</rect>");
    }
    let open = symbol.gaps.iter().filter(|gap| gap.open());
    let _ = writeln!(
        out,
        "</svg></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        symbol.holding.rows,
        symbol
            .density
            .map_or_else(String::new, |density| format!("{:.1} %", density * 100.0)),
        symbol.lag_days,
        open.map(|gap| gap.sessions).sum::<i64>()
    );
}

/// Whether all of a month is the same.
fn whole(share: &Share) -> bool {
    match share.level() {
        Level::Closed | Level::Excused => true,
        Level::Step(step) => step == 0 || i64::try_from(step) == Ok(STEPS),
    }
}

fn missing(out: &mut String, symbol: &Symbol, most: usize) {
    let mut gaps: Vec<&Gap> = symbol.gaps.iter().collect();
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.sessions));
    let left = gaps.len().saturating_sub(most);
    gaps.truncate(most);
    gaps.sort_by_key(|gap| gap.from);
    let _ = write!(
        out,
        "<details><summary>{}: {} gaps</summary>\n<table>\n<thead><tr><th>from</th><th>to</th><th>missing</th><th>where</th><th>why</th></tr></thead>\n<tbody>\n",
        escaped(&symbol.symbol),
        symbol.gaps.len()
    );
    for gap in gaps {
        let half = match gap.half_days {
            0 => String::new(),
            half => format!(" ({half} half)"),
        };
        let why = gap.class.word();
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}{half}</td><td>{}</td><td class=\"{why}\">{}</td></tr>",
            gap.from,
            gap.to,
            gap.sessions,
            gap.place.word(),
            why.replace('_', " ")
        );
    }
    out.push_str("</tbody>\n</table>\n");
    if left > 0 {
        let _ = writeln!(out, "<p>and {left} shorter ones</p>");
    }
    out.push_str("</details>\n");
}

/// Text as it may stand between tags and in quotes.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) && !text.contains(char::is_control) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.into()
}
