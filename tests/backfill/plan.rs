//! What is planned of what is missing: ranges, chunks, warnings, and what is left alone and why.

use serde_json::Value;

use crate::bars::{Bar, bars, day, days_ago, sessions};
use crate::server::env;
use crate::site::Site;

/// The plan of a call.
fn plan(site: &Site, words: &[&str]) -> Value {
    let done = site.backfill(words).and(&["--plan"]).done();
    assert_eq!(done.code, 0, "{words:?}: {}", done.err);
    serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}", done.out))
}

/// `2024-01-02..2024-01-05 internal` of each range of a symbol.
fn missing(plan: &Value, symbol: &str) -> Vec<String> {
    listed(plan, symbol, "missing", "place")
}

fn listed(plan: &Value, symbol: &str, list: &str, word: &str) -> Vec<String> {
    let symbols = plan["assets"][0]["symbols"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found = symbols.iter().find(|s| s["symbol"] == symbol);
    let ranges = found
        .and_then(|s| s[list].as_array().cloned())
        .unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ranges
        .iter()
        .map(|r| {
            format!(
                "{}..{} {}",
                text(&r["from"]),
                text(&r["to"]),
                text(&r[word])
            )
        })
        .collect()
}

fn chunks(plan: &Value) -> Vec<String> {
    let all = plan["chunks"].as_array().cloned().unwrap_or_default();
    all.iter()
        .map(|c| c["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn without(all: &[Bar], symbol: &str, from: &str, to: &str) -> Vec<Bar> {
    let gone = |bar: &&Bar| !(bar.0 == symbol && (day(from)..=day(to)).contains(&bar.1));
    all.iter().filter(gone).cloned().collect()
}

#[test]
fn ranges_and_chunks_are_those_of_the_guide() {
    let site = Site::new(&env("QUESTDB_IMAGE"));
    let (from, to) = ("2023-01-03", "2024-06-28");
    // AAPL has all; of MSFT both ends are missing; SPY has holes of three and of fourteen calendar days; of KO nothing is there.
    let mut rows = bars(&["AAPL", "MSFT", "SPY"], from, to);
    rows = without(&rows, "MSFT", "2023-01-01", "2023-02-28");
    rows = without(&rows, "MSFT", "2024-06-24", "2024-06-30");
    rows = without(&rows, "SPY", "2023-06-05", "2023-06-07");
    rows = without(&rows, "SPY", "2023-09-04", "2023-09-18");
    site.put(&rows);
    let words = [
        "--symbols",
        "AAPL,MSFT,SPY,KO",
        "--start",
        "2023-01-01",
        "--end",
        "2024-06-30",
    ];

    let ends = plan(&site, &words);
    assert_eq!(missing(&ends, "AAPL"), [""; 0]);
    assert_eq!(
        missing(&ends, "MSFT"),
        [
            "2023-01-03..2023-02-28 leading",
            "2024-06-24..2024-06-28 trailing"
        ]
    );
    assert_eq!(missing(&ends, "SPY"), [""; 0]);
    let internal = [
        "2023-06-05..2023-06-07 internal",
        "2023-09-05..2023-09-18 internal",
    ];
    assert_eq!(listed(&ends, "SPY", "left", "reason"), internal);
    assert_eq!(missing(&ends, "KO"), ["2023-01-03..2024-06-28 whole"]);
    // More than a year: told, and cut into two.
    let kinds: Vec<_> = ends["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|w| format!("{} {}", w["kind"], w["symbol"]))
        .collect();
    assert_eq!(kinds, ["\"gap_exceeds_threshold\" \"KO\""]);
    // The newest days first.
    assert_eq!(
        chunks(&ends),
        [
            "equities/KO/2023-06-30..2024-06-28",
            "equities/MSFT/2024-06-24..2024-06-28",
            "equities/KO/2023-01-03..2023-06-29",
            "equities/MSFT/2023-01-03..2023-02-28",
        ]
    );
    let due = sessions("2023-01-01", "2024-06-30").len();
    assert_eq!(ends["assets"][0]["due_days"], due);
    let asked: i64 = ends["chunks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|c| c["sessions"].as_i64())
        .sum();
    let msft = sessions("2023-01-01", "2023-02-28").len() + 5;
    assert_eq!(asked, i64::try_from(due + msft).unwrap_or(0));
    assert_eq!(ends["estimate"]["least_rows"], asked);

    // Holes above five calendar days, and all of them.
    let holes = plan(&site, &[&words[..], &["--internal-gaps"]].concat());
    assert_eq!(missing(&holes, "SPY"), ["2023-09-05..2023-09-18 internal"]);
    assert_eq!(
        listed(&holes, "SPY", "left", "reason"),
        ["2023-06-05..2023-06-07 short"]
    );
    let all = plan(
        &site,
        &[&words[..], &["--internal-gaps", "--min-gap-days", "0"]].concat(),
    );
    assert_eq!(missing(&all, "SPY"), internal);

    // Oldest first, priority before all, small chunks: each has at most so many calendar days, and none is lost.
    let small = plan(
        &site,
        &[
            &words[..],
            &[
                "--order",
                "oldest",
                "--priority",
                "MSFT",
                "--max-gap-days-chunk",
                "20",
            ],
        ]
        .concat(),
    );
    let ids = chunks(&small);
    assert_eq!(ids[0], "equities/MSFT/2023-01-03..2023-01-20", "{ids:?}");
    assert!(ids.iter().take(4).all(|id| id.contains("MSFT")), "{ids:?}");
    let chunks = small["chunks"].as_array().cloned().unwrap_or_default();
    assert!(
        chunks.iter().all(|c| c["days"].as_i64() <= Some(20)),
        "{small}"
    );
    assert_eq!(
        chunks
            .iter()
            .filter_map(|c| c["sessions"].as_i64())
            .sum::<i64>(),
        asked
    );
    assert_eq!(plan(&site, &words)["id"], ends["id"]);
    assert_ne!(small["id"], ends["id"]);

    // The horizon in calendar years, where no day is named and where it is enforced.
    let horizon = |words: &[&str]| {
        plan(&site, words)["assets"][0]["from"]
            .as_str()
            .map(str::to_owned)
    };
    let years = days_ago(0)[..4].parse::<i32>().unwrap_or(0) - 20;
    let begins = format!("{years}{}", &days_ago(0)[4..]);
    assert_eq!(horizon(&["--symbols", "AAPL"]), Some(begins.clone()));
    assert_eq!(
        horizon(&[
            "--symbols",
            "AAPL",
            "--start",
            "2023-01-01",
            "--enforce-horizon"
        ]),
        Some(begins)
    );
    assert_eq!(
        horizon(&["--symbols", "AAPL", "--start", "2023-01-01"]),
        Some("2023-01-01".to_owned())
    );
}

/// Assets that have no row each day: holes count where days with rows are too few.
#[test]
fn holes_of_the_others_count_by_density() {
    let site = Site::new(&env("QUESTDB_IMAGE"));
    for (symbol, every) in [("AAPL", 2), ("MSFT", 1)] {
        site.exec(&format!(
            "INSERT INTO news_items (symbol,ts,title,source,url,sentiment,relevance,provider) SELECT '{symbol}', dateadd('d', cast((x - 1) * {every} AS int), cast('2024-01-01T08:00:00.000000Z' AS timestamp)), 't', 's', 'u', 0.0, 0.5, 'p' FROM long_sequence({})",
            60 / every
        ));
    }
    site.holds("news_items", 90);
    // MSFT has all days but ten.
    let words = [
        "--assets",
        "news",
        "--symbols",
        "AAPL,MSFT",
        "--start",
        "2024-01-01",
        "--end",
        "2024-03-10",
    ];
    let plain = plan(&site, &words);
    assert_eq!(missing(&plain, "AAPL"), ["2024-02-29..2024-03-10 trailing"]);
    assert_eq!(missing(&plain, "MSFT"), ["2024-03-01..2024-03-10 trailing"]);
    let others = [
        &words[..],
        &["--internal-gaps-others", "--min-gap-days", "0"],
    ]
    .concat();
    let holes = plan(&site, &others);
    assert_eq!(missing(&holes, "AAPL").len(), 30, "{holes}");
    assert_eq!(missing(&holes, "MSFT").len(), 1);
    assert_eq!(holes["assets"][0]["symbols"][1]["density"], 1.0);
    let loose = plan(
        &site,
        &[&others[..], &["--density-threshold", "0.5"]].concat(),
    );
    assert_eq!(missing(&loose, "AAPL").len(), 1, "{loose}");
    let left = listed(&loose, "AAPL", "left", "reason");
    assert!(
        left.len() == 29 && left.iter().all(|l| l.ends_with(" dense")),
        "{left:?}"
    );
}
