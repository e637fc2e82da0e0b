//! What goes wrong, and what is said and done of it: exit codes, repeats, and what is not repeated.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::env;
use crate::site::Site;

const NEWS: [&str; 7] = [
    "news",
    "--symbols",
    "AAPL",
    "--start",
    "2024-01-01",
    "--end",
    "2024-01-31",
];

fn and<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    words.iter().chain(more).copied().collect()
}

fn only(result: &Value) -> &Value {
    let all = result["requests"].as_array().expect("a list");
    assert_eq!(all.len(), 1, "{result}");
    &all[0]
}

#[test]
fn each_end_has_its_code() {
    let site = Site::new(&env("QUESTDB_IMAGE"));
    called_wrongly(&site);
    not_reachable(&site);
    switched_off(&site);
    limited(&site);
    without_an_answer(&site);
    in_part(&site);
    jobs(&site);
}

fn called_wrongly(site: &Site) {
    for (words, why) in [
        (
            vec!["options", "--symbols", "AAPL", "--start", "2024-08-10"],
            "--end",
        ),
        (and(&NEWS[..5], &["--end", "2023-01-01"]), "is after --end"),
        (and(&NEWS[..5], &["--end", "2024-02-30"]), "wants a day"),
        (and(&NEWS[..5], &["--end", "soon"]), "wants a day"),
        (
            and(&NEWS, &["--batch-days", "0"]),
            "--batch-days wants 1 to 365",
        ),
        (and(&NEWS, &["--batch-hours", "6"]), "there is no flag"),
        (
            and(&["social"], &and(&NEWS[1..], &["--batch-hours", "25"])),
            "--batch-hours wants 1 to 24",
        ),
        (
            and(&["options"], &and(&NEWS[1..], &["--start-expiry", "+7x"])),
            "--start-expiry wants a day",
        ),
        (
            and(
                &["options"],
                &and(
                    &NEWS[1..],
                    &["--start-expiry", "+99d", "--end-expiry", "+1d"],
                ),
            ),
            "is after --end-expiry",
        ),
        (
            and(&["options"], &and(&NEWS[1..], &["--pace", "9"])),
            "--pace wants 0.0 to 5.0",
        ),
        (
            vec![
                "news",
                "--symbols",
                "A;B",
                "--start",
                "2024-01-01",
                "--end",
                "2024-01-31",
            ],
            "is no symbol",
        ),
        (
            and(&["--base-url", "here"], &NEWS),
            "--base-url wants an address",
        ),
        (
            vec!["all", "--symbols", "A", "--news-start", "2024-01-01"],
            "--news-start and --news-end go together",
        ),
        (vec!["nwes"], "did you mean `news`?"),
    ] {
        let said = site.done(&words, 64).err;
        assert!(said.contains(why), "{words:?}: {said}");
    }
    // Nothing of that was sent.
    assert_eq!(site.service.asked()["count"], 0);
    let help = site.done(&["options", "--help"], 0).out;
    for text in [
        "--start-expiry",
        "--base-url",
        "INGEST_BASE_URL",
        "Examples:",
        "-7d --end-expiry +60d",
    ] {
        assert!(help.contains(text), "{help}");
    }
}

fn not_reachable(site: &Site) {
    // Before the command and after it; the flag beats the environment.
    for words in [
        and(&["--base-url", "http://127.0.0.1:1"], &NEWS),
        and(&NEWS, &["--base-url", "http://127.0.0.1:1/"]),
    ] {
        let result = site.json(&words, 69);
        assert_eq!(only(&result)["state"], "unreachable");
    }
    let two = [
        "options",
        "--symbols",
        "A,B",
        "--start",
        "2024-01-01",
        "--end",
        "2024-01-31",
        "--base-url",
        "http://127.0.0.1:1",
    ];
    let result = site.json(&two, 69);
    assert_eq!(result["states"], json!({"unreachable": 1, "not_sent": 1}));
    site.json(&["coverage", "--base-url", "http://127.0.0.1:1"], 69);
    let own = site.service.url();
    let run = site
        .call(&and(&["--base-url", &own], &NEWS))
        .env("INGEST_BASE_URL", "http://127.0.0.1:1");
    assert_eq!(run.done().code, 0);
    site.anew();
}

fn switched_off(site: &Site) {
    site.service.tell("/disabled");
    let result = site.json(
        &[
            "options",
            "--symbols",
            "A,B,C",
            "--start",
            "2024-01-01",
            "--end",
            "2024-01-31",
        ],
        2,
    );
    assert_eq!(result["states"], json!({"disabled": 1, "not_sent": 2}));
    assert_eq!(result["requests"][0]["note"], "options ingest is disabled");
    // One word is enough: the others were not asked.
    assert_eq!(site.service.asked()["statuses"], json!({"403": 1}));
    site.anew();
}

fn limited(site: &Site) {
    for form in ["seconds", "http", "none"] {
        site.service.tell(&format!(
            "/faults?rate429=1&retry_after=2&date={form}&times=1"
        ));
        let result = site.json(&NEWS, 0);
        let one = only(&result);
        assert_eq!(
            (&one["attempts"], &one["state"]),
            (&json!(2), &json!("done")),
            "{form}"
        );
        let asked = site.service.asked();
        let at = |n: usize| asked["requests"][n]["at_ms"].as_i64().expect("a time");
        let waited = at(1) - at(0);
        assert_eq!(asked["statuses"], json!({"200": 1, "429": 1}));
        // A date has whole seconds, so it may be a little short of two.
        let least = if form == "none" { 200 } else { 1_900 };
        assert!(waited >= least, "{form}: {waited} ms");
    }
    // As often as was said, and no longer than is sensible.
    site.service.tell("/faults?rate429=1&retry_after=0");
    let result = site.json(&and(&NEWS, &["--retries", "2"]), 1);
    assert_eq!(
        (&only(&result)["attempts"], &only(&result)["status"]),
        (&json!(3), &json!(429))
    );
    assert_eq!(site.service.asked()["count"], 3);
    site.service.tell("/faults?rate429=1&retry_after=86400");
    let result = site.json(&NEWS, 1);
    assert_eq!(only(&result)["attempts"], 1);
    assert!(
        only(&result)["note"]
            .as_str()
            .is_some_and(|why| why.contains("asks to wait 86400"))
    );
    site.anew();
}

fn without_an_answer(site: &Site) {
    // Failed midway, closed, or no answer in time: it may have been done, and is not asked again by itself.
    let social = [
        "social",
        "--symbols",
        "AAPL",
        "--start",
        "2024-01-01",
        "--end",
        "2024-01-02",
        "--timeout",
        "1",
    ];
    for fault in [
        "rate500=1",
        "half=1",
        "hang=1",
        "hang_stored=1",
        "hang=1&hang_ms=200",
    ] {
        site.service.tell(&format!("/faults?{fault}"));
        let result = site.json(&social, 1);
        let one = only(&result);
        assert_eq!(
            (&one["state"], &one["attempts"]),
            (&json!("unknown"), &json!(1)),
            "{fault}"
        );
        assert!(
            result["warnings"][0]
                .as_str()
                .is_some_and(|why| why.contains("may have been done")),
            "{fault}"
        );
        assert_eq!(site.service.asked()["count"], 1, "{fault}");
        site.service.tell("/reset");
    }
    // Unless that is wanted.
    site.service.tell("/faults?rate500=1&times=1");
    let result = site.json(&and(&social, &["--repeat-uncertain"]), 0);
    assert_eq!(only(&result)["attempts"], 2);
    site.anew();
    // Some of many fail: the others are done, and counted as they are stored.
    site.service.tell("/faults?seed=3&rate500=0.3");
    let result = site.json(
        &[
            "options",
            "--symbols",
            "A,B,C,D,E,F,G,H,I,J",
            "--start",
            "2024-08-10",
            "--end",
            "2024-09-10",
            "--concurrency",
            "4",
        ],
        1,
    );
    let (done, unknown) = (
        result["states"]["done"].as_i64(),
        result["states"]["unknown"].as_i64(),
    );
    assert_eq!(
        done.zip(unknown).map(|(done, unknown)| done + unknown),
        Some(10),
        "{result}"
    );
    site.holds("options_data", done.unwrap_or(0) * 282);
    assert_eq!(result["says"]["options_bars"], done.unwrap_or(0) * 282);
    let asked = site.service.asked();
    let most = asked["most_in_flight"].as_i64().unwrap_or(0);
    assert!((2..=4).contains(&most), "{most}");
    site.anew();
}

fn in_part(site: &Site) {
    // Nothing is a warning and no failure; a part is counted as the part that it is.
    site.service.tell("/empty");
    let result = site.json(&NEWS, 0);
    assert_eq!(only(&result)["state"], "empty");
    assert!(
        result["warnings"][0]
            .as_str()
            .is_some_and(|why| why.contains("with nothing"))
    );
    site.anew();
    site.service.tell("/faults?partial=1&times=1");
    let result = site.json(&NEWS, 0);
    let said = result["says"]["news_articles"].as_i64().expect("a count");
    site.holds("news_items", said);
    let asked = site.service.asked();
    assert_eq!(asked["requests"][0]["fault"], "partial");
    site.anew();
    // A provider that has nothing before a day, and nothing of some days.
    site.service.tell("/listed?symbol=AAPL&date=2024-01-11");
    site.service
        .tell("/gone?symbol=AAPL&from=2024-01-20&to=2024-01-25");
    let result = site.json(&NEWS, 0);
    site.holds(
        "news_items",
        result["says"]["news_articles"].as_i64().expect("a count"),
    );
    site.holds("news_items WHERE ts < '2024-01-11'", 0);
    site.holds(
        "news_items WHERE ts >= '2024-01-20' AND ts < '2024-01-26'",
        0,
    );
    assert!(site.count("news_items WHERE ts >= '2024-01-26'") > 0);
    site.anew();
    // Counted by the service, and stored nowhere: only the coverage tells.
    site.service.tell("/nopersist");
    let result = site.json(&NEWS, 0);
    assert!(
        result["says"]["news_articles"]
            .as_i64()
            .is_some_and(|n| n > 30)
    );
    assert_eq!(site.count("news_items"), 0);
    site.anew();
}

fn jobs(site: &Site) {
    site.service.tell("/social?run=true");
    let result = site.json(
        &[
            "social",
            "--symbols",
            "AAPL",
            "--start",
            "2024-01-01",
            "--end",
            "2024-01-02",
        ],
        0,
    );
    assert_eq!(only(&result)["state"], "accepted");
    let asked = || {
        site.service.tell("/asked")["requests"][0]["rows"]
            .as_i64()
            .unwrap_or(0)
    };
    let rows = crate::server::eventually(|| match asked() {
        0 => Err("nothing was stored"),
        rows => Ok(rows),
    });
    site.holds("social_signals", rows);
    // Planned, it is not sent.
    site.anew();
    let plan = site.done(&and(&NEWS, &["--plan"]), 0).out;
    assert!(
        plan.contains("1 change, nothing was done") && plan.contains("/news/backfill"),
        "{plan}"
    );
    assert_eq!(site.service.asked()["count"], 0);
}

/// Answers as the old client believed the service to do.
#[test]
fn names_of_the_old_client_are_read_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
            let mut buffer = [0; 4096];
            let mut all = Vec::new();
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                all.extend_from_slice(&buffer[..n]);
            }
            let body = match String::from_utf8_lossy(&all) {
                text if text.contains("/news/") => r#"{"windows": [1, 2, 3], "articles": 7}"#,
                text if text.contains("/options-chain/") => r#"{"contracts": 250, "bars": 5100}"#,
                _ => r#"{"status": "ok", "items": [{}, {}]}"#,
            };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let world = crate::support::World::new();
    let run = |words: &[&str]| {
        let mut all = vec!["run", "ingest.rhai", "-o", "json"];
        all.extend(words);
        let done = world
            .tradeops(&all)
            .env("INGEST_BASE_URL", format!("http://127.0.0.1:{port}"))
            .done()
            .exits(0);
        serde_json::from_str::<Value>(&done.out).unwrap_or_default()["says"].clone()
    };
    assert_eq!(run(&NEWS), json!({"news_articles": 7, "news_batches": 3}));
    assert_eq!(
        run(&and(&["options"], &NEWS[1..])),
        json!({"options_bars": 5100, "options_contracts": 250})
    );
    assert_eq!(
        run(&["coverage", "--underlyings", "A"]),
        json!({"coverage_symbols": 4})
    );
}
