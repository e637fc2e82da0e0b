//! A backfill through refusals, failures, silence and half answers: the table that comes out is the one that must.

use serde_json::Value;

use crate::bars::{Bar, bars};
use crate::server::env;
use crate::site::Site;

const SYMBOLS: [&str; 12] = [
    "AAPL", "MSFT", "TSLA", "NVDA", "SPY", "AMZN", "GOOGL", "META", "JPM", "V", "KO", "BRK.B",
];

/// What is there before: of each symbol another part.
fn before(all: &[Bar]) -> Vec<Bar> {
    let kept = |(at, bar): &(usize, &Bar)| {
        let turn = SYMBOLS.iter().position(|s| *s == bar.0).unwrap_or(0);
        match turn % 4 {
            // Nothing, the middle, all but a hole, all.
            0 => false,
            1 => (200..400).contains(&(at % 755)),
            2 => !(100..160).contains(&(at % 755)),
            _ => true,
        }
    };
    all.iter()
        .enumerate()
        .filter(kept)
        .map(|(_, bar)| bar.clone())
        .collect()
}

fn filled(image: &str) {
    let site = Site::new(image);
    let (from, to) = ("2021-01-04", "2023-12-29");
    let expected = bars(&SYMBOLS, from, to);
    site.put(&before(&expected));
    let symbols = SYMBOLS.join(",");
    let call = |more: &[&str]| {
        let mut words = vec![
            "--symbols",
            &symbols,
            "--start",
            from,
            "--end",
            to,
            "--internal-gaps",
        ];
        words.extend([
            "--concurrency",
            "6",
            "--max-gap-days-chunk",
            "60",
            "-o",
            "json",
        ]);
        words.extend(more);
        site.backfill(&words)
    };
    site.service.tell(
        "/faults?seed=7&rate429=0.05&retry_after=1&rate500=0.02&hang=0.01&hang_stored=0.01&hang_ms=0&half=0.03&partial=0.03",
    );
    let done = call(&[]).done();
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    let result: Value = serde_json::from_str(&done.out).unwrap_or_default();
    let told = &result["done"];
    assert_eq!(told["failed"], 0, "{result}");
    assert_eq!(told["verified"], told["chunks"], "{result}");
    let came = expected.len() - before(&expected).len();
    assert_eq!(told["rows"], came, "{result}");
    site.is(&expected, image);
    let asked = site.service.asked();
    assert!(told["limited"].as_i64() > Some(0), "{result}");
    assert_eq!(asked["statuses"]["429"], told["limited"], "{asked}");

    // A second run has nothing to ask for.
    let done = call(&[]).done();
    assert_eq!(done.code, 0, "{}", done.err);
    let again: Value = serde_json::from_str(&done.out).unwrap_or_default();
    assert_eq!(again["done"]["chunks"], 0, "{again}");
    assert_eq!(site.service.asked()["count"], 0);
}

#[test]
fn the_stacks_version_is_filled() {
    filled(&env("QUESTDB_IMAGE"));
}

#[test]
fn a_newer_version_is_filled() {
    filled(&env("QUESTDB_9_IMAGE"));
}

/// 429 pauses all workers for as long as the provider says, and halves how many there are at once.
#[test]
fn a_provider_that_wants_a_pause_gets_it() {
    let site = Site::new(&env("QUESTDB_IMAGE"));
    for date in ["seconds", "http"] {
        site.anew();
        // Each is refused once.
        site.service.tell(&format!(
            "/faults?seed=1&rate429=1&times=1&retry_after=2&date={date}"
        ));
        let words = [
            "--symbols",
            "AAPL,MSFT,TSLA,NVDA,SPY,AMZN,GOOGL,META",
            "--start",
            "2024-01-02",
            "--end",
            "2024-01-31",
        ];
        let done = site
            .backfill(&words)
            .and(&["--concurrency", "4", "-o", "json"])
            .done();
        assert_eq!(done.code, 0, "{}", done.err);
        let asked = site.service.asked();
        let all = asked["requests"].as_array().cloned().unwrap_or_default();
        let at = |entry: &Value| entry["at_ms"].as_i64().unwrap_or(0);
        let refused: Vec<_> = all.iter().filter(|e| e["status"] == 429).collect();
        assert_eq!(refused.len(), 8, "{asked}");
        // Four are under way when the first is refused. Behind them nobody comes for two seconds (a date has whole seconds: one, then).
        let mut times: Vec<i64> = all.iter().map(at).collect();
        times.sort_unstable();
        let least = if date == "http" { 900 } else { 1900 };
        assert!(times[4] >= at(refused[0]) + least, "{date}: {asked}");
        site.is(
            &bars(
                &[
                    "AAPL", "AMZN", "GOOGL", "META", "MSFT", "NVDA", "SPY", "TSLA",
                ],
                "2024-01-02",
                "2024-01-31",
            ),
            date,
        );
    }
}
