//! The gaps of an asset, symbol by symbol, behind a line that says how many.

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::super::{Gap, Symbol};
use super::{count, escaped, grouped, open, size};

pub(super) fn list(out: &mut String, symbols: &[Symbol], most: usize) {
    let with: Vec<&Symbol> = symbols.iter().filter(|s| !s.gaps.is_empty()).collect();
    if with.is_empty() {
        return;
    }
    let all: usize = with.iter().map(|s| s.gaps.len()).sum();
    // Hundreds of lines would hide the next asset.
    let open = if with.len() > 40 { "" } else { " open=\"\"" };
    let _ = writeln!(
        out,
        "<details{open}><summary>{} of {}</summary>",
        count(size(all), "gap"),
        count(size(with.len()), "symbol")
    );
    for symbol in with {
        one(out, symbol, most);
    }
    out.push_str("</details>\n");
}

fn one(out: &mut String, symbol: &Symbol, most: usize) {
    let mut gaps: Vec<&Gap> = symbol.gaps.iter().collect();
    gaps.sort_by_key(|gap| Reverse(gap.sessions));
    let left = gaps.len().saturating_sub(most);
    gaps.truncate(most);
    gaps.sort_by_key(|gap| gap.from);
    let missing = match open(&symbol.gaps) {
        0 => "not listed or not to be had".to_owned(),
        some => format!("{} missing", count(some, "day")),
    };
    let _ = write!(
        out,
        "<details><summary>{}: {}, {missing}</summary>\n<table class=\"gaps\">\n<thead><tr><th>from</th><th>to</th><th class=\"n\">days</th><th>where</th><th>why</th></tr></thead>\n<tbody>\n",
        escaped(&symbol.symbol),
        count(size(symbol.gaps.len()), "gap")
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
            grouped(gap.sessions),
            gap.place.word(),
            why.replace('_', " ")
        );
    }
    out.push_str("</tbody>\n</table>\n");
    if left > 0 {
        let _ = writeln!(out, "<p>and {} shorter ones</p>", grouped(size(left)));
    }
    out.push_str("</details>\n");
}
