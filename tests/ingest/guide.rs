//! The lines of the operations guide as they are written there, and what they say they did against what is stored.

use serde_json::{Value, json};

use crate::server::{Container, env};
use crate::site::Site;

/// The guide's examples; `./scripts/backfill_driver.py` of its day is `tradeops run ingest.rhai`.
const LINES: [&str; 4] = [
    "coverage",
    "options --symbols AAPL,MSFT --start 2024-08-10 --end 2024-09-10 --start-expiry -7d --end-expiry +60d --max-contracts 300 --pace 0.2",
    "news --symbols AAPL,MSFT --start 2019-01-01 --end 2020-12-31 --batch-days 14 --max-articles 80",
    "social --symbols AAPL,MSFT --start 2022-01-01 --end 2022-02-01 --batch-hours 6",
];

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn requests(result: &Value) -> &Vec<Value> {
    result["requests"].as_array().expect("a list")
}

fn every_line(site: &Site) {
    for line in LINES {
        site.done(&words(line), 0);
    }
    // In a second run, for machines: what it says is what is stored.
    site.anew();
    let options = site.json(&words(LINES[1]), 0);
    assert_eq!(
        options["expiry"],
        json!({"anchor": "window", "start": "2024-08-03", "end": "2024-11-09"})
    );
    // 18 contracts each: 21 sessions, of those that expire on 16 August five.
    assert_eq!(
        options["says"],
        json!({"options_bars": 564, "options_contracts": 36})
    );
    site.holds("options_data", 564);
    site.holds("options_data WHERE underlying = 'MSFT'", 282);
    let asked = site.service.asked();
    assert_eq!(
        (&asked["count"], &asked["most_in_flight"]),
        (&json!(2), &json!(1))
    );

    let news = site.json(&words(LINES[2]), 0);
    let all = requests(&news);
    // 53 windows of 14 days, four of them in a request.
    assert_eq!((all.len(), &news["says"]["news_batches"]), (14, &json!(53)));
    let at = |which: usize, name: &str| all[which][name].as_str().expect("a day").to_owned();
    assert_eq!(
        (at(0, "start"), at(13, "end")),
        ("2019-01-01".into(), "2020-12-31".into())
    );
    for n in 1..all.len() {
        let before = chrono::NaiveDate::parse_from_str(&at(n - 1, "end"), "%Y-%m-%d");
        let next = before.ok().and_then(|day| day.succ_opt()).expect("a day");
        assert_eq!(at(n, "start"), next.to_string());
    }
    let articles = news["says"]["news_articles"].as_i64().expect("a count");
    assert_eq!(news["says"]["news_persisted"], articles);
    site.holds("news_items", articles);

    let social = site.json(&words(LINES[3]), 0);
    let one = &requests(&social)[0];
    assert_eq!(one["state"], "accepted");
    assert_eq!(social["states"], json!({"accepted": 1}));
    assert_eq!(
        social["says"],
        json!({"social_hours": 768, "social_scheduled": 2})
    );
    assert!(
        social["warnings"][0]
            .as_str()
            .is_some_and(|why| why.contains("accepted is not done"))
    );
    // The job never runs, as in the real service.
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(site.count("social_signals"), 0);

    // The service's own export of options fails; the total of all is nobody's.
    let coverage = site.json(&["coverage", "--underlyings", "AAPL,msft,IBM"], 0);
    let states: Vec<(&str, &str)> = requests(&coverage)
        .iter()
        .map(|one| {
            (
                one["symbols"][0].as_str().unwrap_or("all"),
                one["state"].as_str().unwrap_or(""),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("all", "empty"),
            ("AAPL", "replaced"),
            ("AAPL", "done"),
            ("MSFT", "done"),
            ("IBM", "empty")
        ]
    );
    assert_eq!(
        requests(&coverage)[3]["says"],
        json!({"rows": 282, "contracts": 18})
    );
    assert!(site.world.path("equities_coverage.json").exists());
    // Without a symbol it is the total, and called so.
    let total = site.json(&["coverage"], 0);
    assert_eq!(
        requests(&total)[2]["says"],
        json!({"rows": 564, "contracts": 36})
    );
    assert_eq!(requests(&total)[2]["symbols"], json!([]));
}

#[test]
fn lines_of_the_guide_on_the_stacks_version() {
    every_line(&Site::new(&env("QUESTDB_IMAGE")));
}

#[test]
fn lines_of_the_guide_on_a_newer_version() {
    every_line(&Site::new(&env("QUESTDB_9_IMAGE")));
}

#[test]
fn all_at_once_and_symbols_of_the_watchlist() {
    let site = Site::new(&env("QUESTDB_IMAGE"));
    let redis = Container::start(
        &env("REDIS_IMAGE"),
        6379,
        &[],
        &["redis-server", "--protected-mode", "no"],
    );
    crate::server::eventually(
        || match redis.sh("redis-cli sadd watchlist MSFT AAPL || true") {
            said if said.trim().parse::<i64>().is_ok() => Ok(()),
            said => Err(said),
        },
    );
    let address = format!("redis://127.0.0.1:{}", redis.port);
    let result = site.json(
        &[
            "--redis-url",
            &address,
            "all",
            "--start",
            "2024-08-12",
            "--end",
            "2024-08-16",
            "--news-start",
            "2024-08-01",
            "--news-end",
            "2024-08-31",
            "--social-start",
            "2024-08-01",
            "--social-end",
            "2024-08-02",
            "--concurrency",
            "4",
        ],
        0,
    );
    let steps: Vec<_> = requests(&result)
        .iter()
        .map(|one| one["step"].clone())
        .collect();
    // Both exports, the two symbols that were asked instead of the second; then the rest.
    assert_eq!(
        steps,
        [
            "coverage", "coverage", "coverage", "coverage", "options", "options", "news", "social"
        ]
    );
    assert_eq!(requests(&result)[6]["symbols"], json!(["AAPL", "MSFT"]));
    site.holds(
        "options_data",
        result["says"]["options_bars"].as_i64().expect("a count"),
    );
    site.holds(
        "news_items",
        result["says"]["news_articles"].as_i64().expect("a count"),
    );
    assert_eq!(site.service.asked()["most_in_flight"], 2);
    // Only what has days is done.
    let result = site.json(&["all", "--symbols", "AAPL"], 0);
    assert!(
        requests(&result)
            .iter()
            .all(|one| one["step"] == "coverage")
    );
    // And no watchlist is no symbols.
    redis.sh("redis-cli del watchlist");
    for words in [
        vec!["news", "--redis-url", &address],
        vec!["news", "--redis-url", "redis://127.0.0.1:1"],
    ] {
        let mut words = words;
        words.extend(["--start", "2024-01-01", "--end", "2024-01-02"]);
        site.done(&words, 64).says(&["no symbols"]);
    }
}

#[test]
fn expiries_are_counted_from_what_is_said() {
    let site = Site::new(&env("QUESTDB_IMAGE"));
    let base = [
        "options",
        "--symbols",
        "AAPL",
        "--start",
        "2024-08-10",
        "--end",
        "2024-09-10",
    ];
    let with = |more: &[&str]| {
        let mut words = base.to_vec();
        words.extend(more);
        site.json(&words, 0)["expiry"].clone()
    };
    assert_eq!(
        with(&[]),
        json!({"anchor": "window", "start": "2024-08-03", "end": "2024-11-09"})
    );
    assert_eq!(
        with(&["--start-expiry", "2024-08-16", "--end-expiry=-10d"]),
        json!({"anchor": "window", "start": "2024-08-16", "end": "2024-08-31"})
    );
    let today = chrono::Utc::now().date_naive();
    let day = |days: i64| (today + chrono::TimeDelta::days(days)).to_string();
    assert_eq!(
        with(&[
            "--expiry-anchor",
            "today",
            "--start-expiry",
            "-7d",
            "--end-expiry",
            "+60d"
        ]),
        json!({"anchor": "today", "start": day(-7), "end": day(60)})
    );
    // What is printed is what is sent: contracts of a day's expiry, and no other.
    site.anew();
    with(&["--start-expiry", "2024-08-16", "--end-expiry", "2024-08-16"]);
    site.holds("options_data", 30);
    site.holds(
        "options_data WHERE expiry = to_date('2024-08-16', 'yyyy-MM-dd')",
        30,
    );
    site.done(&base, 0)
        .says(&["expiries 2024-08-03..2024-11-09 (-7d and +60d, counted from --start and --end)"]);
}
