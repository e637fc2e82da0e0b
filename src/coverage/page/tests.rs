#![expect(clippy::unwrap_used, reason = "a test")]

use chrono::NaiveDate;

use super::super::{Days, Due, Holding, Known, Symbol, gaps};
use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A symbol that is due each day of the first half of 2024 and has these.
fn symbol(name: &str, due: &Due, stored: &[(&str, &str)], known: &Known) -> Symbol {
    let mut days = Days::default();
    for (from, to) in stored {
        days.add(&Days::span(day(from), day(to)));
    }
    Symbol {
        symbol: name.into(),
        due_days: due.days.len(),
        present_days: days.len(),
        density: Some(0.9998),
        gaps: gaps(due, &days, known),
        holding: Holding {
            rows: 1_962_090,
            days,
            ..Holding::default()
        },
        ..Symbol::default()
    }
}

fn survey(symbols: impl Fn(&Due) -> Vec<Symbol>) -> Survey {
    Survey {
        absent: vec!["market_data".into()],
        ..Survey::of(day("2024-01-01"), day("2024-06-30"), symbols)
    }
}

fn shown(surveys: &[&Survey]) -> String {
    let at = DateTime::from_timestamp(1_720_000_000, 0).unwrap();
    page("Coverage, <x>", surveys, at, 1)
}

#[test]
fn each_piece_says_how_much_there_is_in_numbers() {
    let known = Known {
        listed: Some(day("2024-03-11")),
        ..Known::default()
    };
    let page = shown(&[&survey(|due| {
        let stored = [("2024-03-11", "2024-04-30"), ("2024-06-01", "2024-06-20")];
        let late = [("2024-03-11", "2024-06-30")];
        vec![
            symbol("A", due, &stored, &known),
            symbol("B", due, &late, &known),
        ]
    })]);
    let line = page.split("<tr>").find(|line| line.contains(">A</th>"));
    let titles: Vec<&str> = line
        .unwrap()
        .split("<title>")
        .skip(1)
        .filter_map(|rest| rest.split('<').next())
        .collect();
    assert_eq!(
        titles,
        [
            "2024-01-01 to 2024-02-29: 60 days not listed or not to be had",
            "2024-03-01 to 2024-04-30: 51 of 51 days; 10 days not listed or not to be had",
            "2024-05: 0 of 31 days, 31 missing",
            "2024-06: 20 of 30 days, 10 missing"
        ]
    );
    // Each of a kind that the legend has.
    for class in ["x", "s4", "s0", "s2"] {
        assert!(page.contains(&format!("height=\"1\" class=\"{class}\">")));
    }
    for (class, _) in LEGEND {
        assert!(STYLE.contains(&format!(".{class} {{ fill: ")), "{class}");
    }
    for fill in ["s1", "s2", "s3", "x"] {
        assert!(page.contains(&format!("<linearGradient id=\"{fill}\"")));
    }
    // What is not all is not told as all.
    assert!(page.contains("<td class=\"n\">1,962,090</td><td class=\"n\">99.9 %</td>"));
    assert!(page.contains("<summary>A: 3 gaps, 41 days missing</summary>"));
    assert!(page.contains("<summary>B: 1 gap, not listed or not to be had</summary>"));
    assert!(page.contains("<p>and 2 shorter ones</p>"));
}

#[test]
fn it_says_what_of_when_and_from_where() {
    let page = shown(&[&survey(|due| {
        vec![symbol("A", due, &[], &Known::default())]
    })]);
    assert!(page.contains("<title>Coverage, &lt;x&gt;, 2024-07-03 09:46 UTC</title>"));
    assert!(page.contains("<h1>Coverage, &lt;x&gt;</h1>\n<p>As of 2024-07-03 09:46 UTC."));
    assert!(page.contains("<p>2024-01-01 to 2024-06-30, 182 days due; 1 symbol, 1 with days missing; from no table at 127.0.0.1:9000; absent: market_data</p>"), "{page}");
    assert!(page.contains("<summary>1 gap of 1 symbol</summary>"));
}

#[test]
fn nothing_is_said_and_not_an_empty_table() {
    let none = survey(|_| Vec::new());
    let page = shown(&[&none]);
    assert!(page.contains("182 days due; 0 symbols; from no table at"));
    assert!(page.contains("<p>There are no symbols.</p>"));
    assert!(!page.contains("<table") && !page.contains("<details"));
    assert!(shown(&[]).contains("<p>No asset was looked at.</p>"));
}

#[test]
fn names_are_text_wherever_they_stand() {
    let name = "</title><img src='x' onerror=\"a&b\">\u{7}";
    let escaped = "&lt;/title&gt;&lt;img src=&#39;x&#39; onerror=&quot;a&amp;b&quot;&gt;\u{fffd}";
    let page = shown(&[&survey(|due| {
        vec![
            symbol("A", due, &[], &Known::default()),
            symbol(name, due, &[], &Known::default()),
        ]
    })]);
    assert!(!page.contains("<img"));
    // In the line, and where the mouse stands on it, as it is too long for its column; and above its gaps.
    assert!(page.contains(&format!(
        "<tr><th scope=\"row\" title=\"{escaped}\">{escaped}</th>"
    )));
    assert!(page.contains(&format!("<summary>{escaped}: 1 gap, ")));
    assert!(page.contains("<tr><th scope=\"row\">A</th>"));
}

#[test]
fn long_lists_of_gaps_are_folded() {
    let of = |n: usize| {
        shown(&[&survey(|due| {
            let one = |i| symbol(&format!("S{i}"), due, &[], &Known::default());
            (0..n).map(one).collect()
        })])
    };
    assert!(of(40).contains("<details open=\"\"><summary>40 gaps of 40 symbols"));
    assert!(of(41).contains("<details><summary>41 gaps of 41 symbols"));
}

#[test]
fn numbers_are_in_threes() {
    let told: Vec<String> = [0, 999, 1000, -999, -1000, 1_962_090].map(grouped).into();
    assert_eq!(told, ["0", "999", "1,000", "-999", "-1,000", "1,962,090"]);
}
