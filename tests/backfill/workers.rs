//! Several processes do one plan together, and two of them are killed: each chunk is stored once.

use std::io::Write as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::bars::bars;
use crate::server::env;
use crate::site::Site;
use crate::support::Running;

const SYMBOLS: [&str; 6] = ["AAPL", "MSFT", "SPY", "TSLA", "NVDA", "KO"];

fn start(site: &Site, redis: Option<&str>) -> Running {
    let symbols = SYMBOLS.join(",");
    let mut words = vec![
        "--symbols",
        &symbols,
        "--start",
        "2022-01-03",
        "--end",
        "2023-12-29",
        "--internal-gaps",
    ];
    words.extend([
        "--min-gap-days",
        "0",
        "--max-gap-days-chunk",
        "30",
        "-o",
        "json",
    ]);
    if let Some(redis) = redis {
        words.extend(["--workers", redis]);
    }
    site.backfill(&words).start()
}

/// The words of a run about its end.
fn told(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

#[test]
fn two_of_four_die() {
    let site = Site::new(&env("QUESTDB_IMAGE"));
    let redis = format!(
        "redis://:{}@127.0.0.1:{}/9",
        env("REDIS_PASSWORD"),
        env("REDIS_PORT")
    );
    let expected = bars(&SYMBOLS, "2022-01-03", "2023-12-29");
    site.service.tell("/slow?ms=150&path=/market-data");

    let began = Instant::now();
    let alone = start(&site, None).end();
    assert_eq!(alone.code, 0, "{}", alone.err);
    let one = began.elapsed();
    site.is(&expected, "alone");

    site.anew();
    site.service.tell("/slow?ms=150&path=/market-data");
    let began = Instant::now();
    let all: Vec<Running> = (0..4).map(|_| start(&site, Some(&redis))).collect();
    let done: Vec<_> = all.into_iter().map(Running::end).collect();
    let four = began.elapsed();
    let mut own = 0;
    for done in &done {
        assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
        let told = told(&done.out);
        own += told["done"]["verified"].as_i64().unwrap_or(0);
        assert_eq!(told["done"]["left"], 0, "{told}");
    }
    assert_eq!(
        own,
        told(&alone.out)["done"]["chunks"].as_i64().unwrap_or(0)
    );
    site.is(&expected, "four of them");
    let _ = writeln!(
        std::io::stdout(),
        "one worker {one:.1?}, four {four:.1?}: {:.2}x",
        one.as_secs_f64() / four.as_secs_f64()
    );

    site.anew();
    site.service.tell("/slow?ms=150&path=/market-data");
    let all: Vec<Running> = (0..4).map(|_| start(&site, Some(&redis))).collect();
    std::thread::sleep(Duration::from_millis(2500));
    let mut alive = Vec::new();
    for (at, worker) in all.into_iter().enumerate() {
        if at < 2 {
            worker.signal(Signal::KILL);
            let _ = worker.end();
        } else {
            alive.push(worker);
        }
    }
    for worker in alive {
        let done = worker.end();
        assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
        let told = told(&done.out);
        assert_eq!(
            (&told["done"]["left"], &told["done"]["failed"]),
            (&Value::from(0), &Value::from(0)),
            "{told}"
        );
    }
    site.is(&expected, "two of four died");
    let asked = site.service.asked();
    let ranges: Vec<String> = asked["requests"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|e| format!("{}/{}", e["symbols"], e["start"]))
        .collect();
    let different: std::collections::BTreeSet<_> = ranges.iter().collect();
    assert!(
        ranges.len() <= different.len() + 2,
        "more than the two were asked twice: {asked}"
    );
}
