//! How a backfill ends: each exit code, what it says, and what it never does.

use serde_json::Value;

use crate::bars::{bars, days_ago};
use crate::server::env;
use crate::site::Site;

const ONE: [&str; 6] = [
    "--symbols",
    "AAPL",
    "--start",
    "2024-01-02",
    "--end",
    "2024-03-28",
];

#[test]
fn each_end_has_its_code() {
    let site = Site::new(&env("QUESTDB_IMAGE"));
    not_begun(&site);
    called_wrongly(&site);
    planned(&site);
    refused(&site);
    nothing_came(&site);
    assets(&site);
    out_of_time(&site);
    the_guides_cron(&site);
}

/// The cron line of the operations guide as it stands there, with the new name: twenty years of five symbols.
fn the_guides_cron(site: &Site) {
    site.anew();
    let words = [
        "--symbols",
        "AAPL,MSFT,GOOG,AMZN,SPY",
        "--enforce-horizon",
        "--internal-gaps",
    ];
    let call = || {
        site.backfill(&words)
            .env("BACKFILL_ENFORCE_HORIZON", "true")
            .env("BACKFILL_INTERNAL_GAP_DETECTION", "true")
            .env("BACKFILL_CONCURRENCY", "4")
    };
    let done = call().done();
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    let stored = site.stored();
    let days: std::collections::BTreeSet<_> = stored.iter().map(|bar| bar.1).collect();
    assert_eq!(
        stored.len(),
        5 * days.len(),
        "each symbol has each session once"
    );
    let first = days.first().map(ToString::to_string).unwrap_or_default();
    let last = days.last().map(ToString::to_string).unwrap_or_default();
    assert_eq!(
        stored,
        bars(&["AAPL", "AMZN", "GOOG", "MSFT", "SPY"], &first, &last)
    );
    assert!(days.len() > 5000 && last > days_ago(6), "{first} to {last}");
    assert!(first < days_ago(20 * 365), "{first}");
    let done = call().and(&["-o", "json"]).done();
    assert_eq!(done.json()["done"]["chunks"], 0, "{}", done.out);
}

fn not_begun(site: &Site) {
    let done = site
        .backfill(&ONE)
        .env("ENABLE_HISTORICAL_BACKFILL", "false")
        .done();
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(
        done.err.contains("ENABLE_HISTORICAL_BACKFILL is not true"),
        "{}",
        done.err
    );
    let done = site
        .backfill(&ONE)
        .env("QUESTDB_HTTP_URL", "http://127.0.0.1:1")
        .done();
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(
        done.err
            .contains("the store: no QuestDB answers at `127.0.0.1:1`"),
        "{}",
        done.err
    );
    let done = site
        .backfill(&ONE)
        .env("INGEST_BASE_URL", "http://127.0.0.1:1")
        .done();
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(done.err.contains("the ingestion service: "), "{}", done.err);
    // Another one is at work: it sleeps with the lock in its hand.
    let script = format!(
        "//! needs: lock.change\nlock::acquire({:?}, #{{}}); print(\"held\"); time::sleep(\"60s\");",
        site.world.path("lock")
    );
    site.world.file("holder.rhai", &script);
    let mut holder = site.world.tradeops(&["run", "holder.rhai"]).start();
    holder.until("held");
    let done = site.backfill(&ONE).done();
    assert_eq!(done.code, 75, "{}", done.err);
    drop(holder);
    assert_eq!(site.service.asked()["count"], 0);
}

fn called_wrongly(site: &Site) {
    for (words, why) in [
        (
            vec![
                "--symbols",
                "AAPL",
                "--start",
                "2024-02-01",
                "--end",
                "2024-01-01",
            ],
            "is after --end",
        ),
        (
            vec!["--symbols", "AAPL", "--start", "soon"],
            "--start wants a day, and is given soon",
        ),
        (
            vec!["--symbols", "AAPL", "--assets", "bonds"],
            "there is no asset bonds",
        ),
        (vec!["--start", "2024-01-01"], "no symbols"),
        (vec!["--symbols", "AAPL", "--order", "random"], "random"),
    ] {
        let done = site.backfill(&words).done();
        assert_eq!(done.code, 64, "{words:?}: {}", done.err);
        assert!(done.err.contains(why), "{words:?}: {}", done.err);
    }
}

/// A plan is JSON whatever `-o` says, needs no leave, changes nothing; `apply` does just that plan.
fn planned(site: &Site) {
    site.anew();
    let file = site.world.path("plan.json");
    let path = file.display().to_string();
    for form in ["human", "json"] {
        let done = site
            .backfill(&ONE)
            .and(&[
                "--plan",
                "-o",
                form,
                "--max-gap-days-chunk",
                "31",
                "--plan-output",
                &path,
            ])
            .env("ENABLE_HISTORICAL_BACKFILL", "false")
            .done();
        assert_eq!(done.code, 0, "{}", done.err);
        let plan = done.json();
        assert_eq!(plan["schema"], "tradeops.backfill-plan/1");
        assert_eq!(plan["chunks"].as_array().map(Vec::len), Some(3), "{plan}");
        let saved: Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap_or_default())
                .unwrap_or_default();
        assert_eq!(saved, plan);
    }
    let done = site
        .backfill(&ONE)
        .and(&["--plan"])
        .env(
            "BACKFILL_PLAN_OUTPUT_DEFAULT",
            site.world.path("default.json"),
        )
        .done();
    assert_eq!(
        (done.code, site.world.read("default.json").is_some()),
        (0, true),
        "{}",
        done.err
    );
    assert_eq!(site.service.asked()["count"], 0);

    // Of another store, changed by hand, too old.
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let other = Site::new(&env("QUESTDB_IMAGE"));
    let done = other.tool(&["apply", &path]).done();
    assert_ne!(done.code, 0, "{}", done.out);
    assert!(done.err.contains("is for the store"), "{}", done.err);
    site.world.file(
        "changed.json",
        &text.replace("AAPL/2024-02", "MSFT/2024-02"),
    );
    let done = site.tool(&["apply", "changed.json"]).done();
    assert_ne!(done.code, 0, "{}", done.out);
    assert!(done.err.contains("changed by hand"), "{}", done.err);
    assert_eq!(site.service.asked()["count"], 0);

    let done = site.tool(&["apply", &path]).done();
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    let asked = site.service.asked();
    assert_eq!(asked["count"], 3, "{asked}");
    site.is(&bars(&["AAPL"], "2024-01-02", "2024-03-28"), "applied");
    // Again: all of it is there.
    let done = site.tool(&["apply", &path, "-o", "json"]).done();
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    assert_eq!(done.json()["done"]["already"], 3, "{}", done.out);
    assert_eq!(site.service.asked()["count"], 0);
}

/// Switched off, failing for good, storing nothing, dead in the middle.
fn refused(site: &Site) {
    site.anew();
    site.service.tell("/disabled");
    let words = [
        "--symbols",
        "AAPL,MSFT,SPY",
        "--start",
        "2024-01-02",
        "--end",
        "2024-03-28",
        "-o",
        "json",
    ];
    let done = site.backfill(&words).done();
    assert_eq!(done.code, 1, "{}", done.err);
    let told = done.json();
    assert_eq!(told["done"]["disabled"], 3, "{told}");
    // It said so once, and was not asked again.
    assert_eq!(site.service.asked()["count"], 1);

    site.anew();
    site.service.tell("/faults?rate500=1");
    let done = site.backfill(&words).done();
    assert_eq!(done.code, 1, "{}", done.err);
    let told = done.json();
    assert_eq!(told["done"]["failed"], 3, "{told}");
    assert!(
        told["done"]["outcomes"][0]["note"]
            .as_str()
            .unwrap_or("")
            .contains("answered 500"),
        "{told}"
    );

    site.anew();
    site.service.tell("/nopersist");
    let done = site.backfill(&words).done();
    assert_eq!(done.code, 1, "{}", done.err);
    let told = done.json();
    assert_eq!(told["done"]["failed"], 3, "{told}");
    let note = told["done"]["outcomes"][0]["note"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    assert!(note.contains("and the store has 0 of them"), "{note}");
    // What failed is known to have failed, and comes again.
    site.service.tell("/reset");
    let plan = site.backfill(&words).and(&["--plan"]).done();
    assert_eq!(
        plan.json()["assets"][0]["symbols"][0]["missing"][0]["class"],
        "failed",
        "{}",
        plan.out
    );
    let done = site.backfill(&words).done();
    assert_eq!(done.code, 0, "{}", done.err);
    site.is(
        &bars(&["AAPL", "MSFT", "SPY"], "2024-01-02", "2024-03-28"),
        "at last",
    );
}

/// What a provider has nothing for is said, remembered, and asked for again only when that is wished.
fn nothing_came(site: &Site) {
    site.anew();
    site.service.tell("/listed?symbol=MSFT&date=2024-02-01");
    site.service
        .tell("/gone?symbol=AAPL&from=2024-03-04&to=2024-03-08");
    let words = [
        "--symbols",
        "AAPL,MSFT",
        "--start",
        "2024-01-02",
        "--end",
        "2024-03-28",
        "-o",
        "json",
    ];
    let done = site.backfill(&words).done();
    assert_eq!(done.code, 0, "{}", done.err);
    let told = done.json();
    assert_eq!(told["done"]["verified"], 2, "{told}");
    let empty = |told: &Value| -> Vec<Value> {
        told["done"]["outcomes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|o| o["empty"].clone())
            .collect()
    };
    assert!(
        empty(&told).contains(&serde_json::json!(["2024-03-04..2024-03-08"])),
        "{told}"
    );
    assert!(
        empty(&told).contains(&serde_json::json!(["2024-01-02..2024-01-31"])),
        "{told}"
    );
    let _ = site.service.asked();
    let wide = [&words[..], &["--internal-gaps", "--min-gap-days", "0"]].concat();
    let done = site.backfill(&wide).done();
    assert_eq!(done.json()["done"]["chunks"], 0, "{}", done.out);
    assert_eq!(site.service.asked()["count"], 0);
    // Now it has them.
    site.service.tell("/reset");
    let done = site.backfill(&wide).and(&["--recheck-empty"]).done();
    assert_eq!(done.code, 0, "{}", done.err);
    site.is(
        &bars(&["AAPL", "MSFT"], "2024-01-02", "2024-03-28"),
        "had nothing before",
    );

    // All of a chunk: a state of its own, and no failure.
    site.anew();
    site.service.tell("/empty");
    let done = site
        .backfill(&[
            "--symbols",
            "KO",
            "--start",
            "2019-01-02",
            "--end",
            "2019-03-29",
            "-o",
            "json",
        ])
        .done();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.json()["done"]["empty"], 1, "{}", done.out);
}

/// The other assets: options, news, and social media, whose job is accepted and never runs.
fn assets(site: &Site) {
    site.anew();
    let words = [
        "--symbols",
        "AAPL,TSLA",
        "--start",
        "2024-01-02",
        "--end",
        "2024-02-29",
        "-o",
        "json",
    ];
    let done = site
        .backfill(&words)
        .and(&["--assets", "options,news"])
        .done();
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    let told = done.json();
    assert_eq!(told["done"]["verified"], 4, "{told}");
    let rows = site.count("options_data") + site.count("news_items");
    assert_eq!(told["done"]["rows"], rows, "{told}");
    assert!(site.count("options_data") > 100 && site.count("news_items") > 100);

    let done = site.backfill(&words).and(&["--assets", "social"]).done();
    assert_eq!(done.code, 1, "{}\n{}", done.out, done.err);
    let told = done.json();
    assert_eq!(told["done"]["failed"], 2, "{told}");
    let note = told["done"]["outcomes"][0]["note"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    assert!(
        note.contains("a job was accepted, and nothing of it was stored within 3 s"),
        "{note}"
    );
    site.service.tell("/social?run=true");
    let done = site.backfill(&words).and(&["--assets", "social"]).done();
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    assert_eq!(
        done.json()["done"]["rows"],
        site.count("social_signals"),
        "{}",
        done.out
    );
}

/// `--for` ends at a chunk's end; what is left is done by the next run. The metrics tell of it.
fn out_of_time(site: &Site) {
    site.anew();
    site.service.tell("/slow?ms=400&path=/market-data");
    let end = days_ago(0);
    let words = [
        "--symbols",
        "AAPL",
        "--start",
        "2020-01-02",
        "--end",
        &end,
        "--max-gap-days-chunk",
        "60",
        "--for",
        "2s",
        "-o",
        "json",
    ];
    let done = site
        .backfill(&words)
        .and(&["--metrics-prom", "backfill.prom"])
        .done();
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    let told = done.json();
    assert_eq!(told["done"]["stopped"], "time", "{told}");
    assert!(told["done"]["left"].as_i64() > Some(10), "{told}");
    assert!(told["done"]["verified"].as_i64() > Some(0), "{told}");
    // The newest come first.
    let newest = site
        .stored()
        .last()
        .map(|bar| bar.1.to_string())
        .unwrap_or_default();
    assert!(newest > days_ago(10), "{newest}");
    let page = site.world.read("backfill.prom").unwrap_or_default();
    for line in [
        "asset_symbol_coverage_timestamp_seconds{asset=\"equities\",symbol=\"AAPL\",bound=\"newest\"} ",
        "asset_symbol_coverage_lag_days{asset=\"equities\",symbol=\"AAPL\"} 0",
        "historical_backfill_progress_timestamp_seconds ",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
}
