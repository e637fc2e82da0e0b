//! A page for browsers: of each asset a heat map, symbol by month, and what is missing. One file; it fetches nothing and runs nothing.

mod axis;
mod heat;
mod missing;

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::{Gap, Survey};

const STYLE: &str = include_str!("page/style.css");

/// What a month is drawn as, and when.
const LEGEND: [(&str, &str); 7] = [
    ("s4", "all"),
    ("s3", "three quarters and more"),
    ("s2", "half and more"),
    ("s1", "less than half"),
    ("s0", "none"),
    ("x", "not listed, or the provider has nothing"),
    ("c", "nothing due"),
];

/// The page. Of a symbol at most `most` gaps are listed, the longest.
pub fn page(title: &str, surveys: &[&Survey], at: DateTime<Utc>, most: usize) -> String {
    let title = escaped(title);
    let at = at.format("%Y-%m-%d %H:%M UTC");
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}, {at}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>As of {at}. Each cell is a month: how many of the days on which rows were due have some.</p>\n{}",
        legend()
    );
    for survey in surveys {
        section(&mut out, survey, most);
    }
    if surveys.is_empty() {
        out.push_str("<p>No asset was looked at.</p>\n");
    }
    out + "</body>\n</html>\n"
}

/// The colours, the columns, and the fills that the colours of partial months are made of.
fn legend() -> String {
    let mut out = fills() + "<p class=\"legend\">";
    for (class, what) in LEGEND {
        let _ = write!(
            out,
            "<span><svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect width=\"1\" height=\"1\" class=\"{class}\"/></svg>{what}</span>"
        );
    }
    out + "</p>\n<p>Density: the share of the days due from the first row to the last that have rows. Lag: days due behind the last row. Missing: days that nobody has asked a provider for, or in vain.</p>\n"
}

/// A month of which a part is there is filled that far; one that is excused is a thin line.
fn fills() -> String {
    let stop = |out: &mut String, at: &str, class: &str| {
        let _ = write!(out, "<stop offset=\"{at}\" class=\"{class}\"/>");
    };
    // Not hidden, which some browsers take for: not there.
    let mut out = String::from(
        "<svg width=\"0\" height=\"0\" style=\"position:absolute;border:0\" aria-hidden=\"true\"><defs>",
    );
    let fill = |out: &mut String, name: &str, stops: &[(&str, &str)]| {
        let _ = write!(
            out,
            "<linearGradient id=\"{name}\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"1\">"
        );
        for (at, class) in stops {
            stop(out, at, class);
        }
        out.push_str("</linearGradient>");
    };
    for (name, at) in [("s1", ".75"), ("s2", ".5"), ("s3", ".25")] {
        fill(&mut out, name, &[(at, "a"), (at, "b")]);
    }
    let line = [(".4", "o"), (".4", "e"), (".6", "e"), (".6", "o")];
    fill(&mut out, "x", &line);
    out + "</defs></svg>\n"
}

fn section(out: &mut String, survey: &Survey, most: usize) {
    let asked = &survey.asked;
    let tables: Vec<_> = survey.sources.iter().map(|s| s.table.as_str()).collect();
    let _ = write!(
        out,
        "<section>\n<h2>{}</h2>\n<p>{} to {}, {} due; {}{}; from {} at {}",
        escaped(&asked.asset),
        asked.from,
        asked.to,
        count(asked.due.days.len(), "day"),
        count(size(survey.symbols.len()), "symbol"),
        match survey.symbols.iter().filter(|s| open(&s.gaps) > 0).count() {
            0 => String::new(),
            some => format!(", {some} with days missing"),
        },
        escaped(&match tables.is_empty() {
            true => "no table".to_owned(),
            false => tables.join(", "),
        }),
        escaped(&survey.server)
    );
    if !survey.absent.is_empty() {
        let _ = write!(out, "; absent: {}", escaped(&survey.absent.join(", ")));
    }
    out.push_str("</p>\n");
    match survey.symbols.is_empty() {
        true => out.push_str("<p>There are no symbols.</p>\n"),
        false => heat::table(out, survey),
    }
    missing::list(out, &survey.symbols, most);
    out.push_str("</section>\n");
}

/// Days to ask for.
fn open(gaps: &[Gap]) -> i64 {
    gaps.iter()
        .filter(|gap| gap.open())
        .map(|gap| gap.sessions)
        .sum()
}

fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// `1 day`, `5,031 days`.
fn count(n: i64, what: &str) -> String {
    let many = if n == 1 { "" } else { "s" };
    format!("{} {what}{many}", grouped(n))
}

/// A number as people read it: 1,962,090.
fn grouped(n: i64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (i, c) in digits.char_indices() {
        let before = digits.get(..i).unwrap_or_default();
        if (digits.len() - i).is_multiple_of(3) && before.ends_with(|c: char| c.is_ascii_digit()) {
            out.push(',');
        }
        out.push(c);
    }
    out
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

#[cfg(test)]
mod tests;
