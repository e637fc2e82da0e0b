//! The tool is killed with -9 at random instants of a backfill, and run again: nothing is missing, nothing stands twice, and
//! nothing that is there is asked for again.

use std::io::Write as _;
use std::time::Duration;

use rustix::process::Signal;

use crate::bars::bars;
use crate::server::env;
use crate::site::Site;

const SYMBOLS: [&str; 4] = ["AAPL", "MSFT", "SPY", "TSLA"];

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[test]
fn killed_at_any_instant_it_goes_on() {
    let soak = std::env::var("TRADEOPS_SOAK").is_ok();
    let site = Site::new(&env("QUESTDB_IMAGE"));
    let (from, to) = ("2023-01-03", "2023-12-29");
    let expected = bars(&SYMBOLS, from, to);
    let symbols = SYMBOLS.join(",");
    let words = [
        "--symbols",
        &symbols,
        "--start",
        from,
        "--end",
        to,
        "--internal-gaps",
        "--min-gap-days",
        "0",
    ];
    let more = [
        "--concurrency",
        "3",
        "--max-gap-days-chunk",
        "40",
        "-o",
        "json",
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut kills, mut asked, mut rounds) = (0, 0, 0);
    let wanted = if soak { 100 } else { 6 };
    while kills < wanted {
        let round = rounds;
        rounds += 1;
        assert!(rounds < 10 * wanted, "{kills} kills in {rounds} rounds");
        site.anew();
        // Slow enough to be caught at it, in halves now and then.
        site.service.tell(&format!(
            "/faults?seed={round}&half=0.1&hang_stored=0.05&hang_ms=400"
        ));
        site.service.tell("/slow?ms=20&path=/market-data");
        loop {
            let run = site.backfill(&words).and(&more).start();
            std::thread::sleep(Duration::from_millis(30 + random.below(1200)));
            run.signal(Signal::KILL);
            let done = run.end();
            if done.code == 0 {
                break;
            }
            kills += 1;
            assert!(kills < 1000, "it never comes to its end: {}", done.err);
            if random.below(3) == 0 {
                break;
            }
        }
        let done = site.backfill(&words).and(&more).done();
        assert_eq!(done.code, 0, "round {round}: {}\n{}", done.out, done.err);
        site.is(&expected, &format!("round {round}"));
        let told = site.service.asked();
        asked += told["requests"].as_array().map_or(0, Vec::len);
        // What was stored is not asked for again: each day of a symbol is in no more requests than were cut off.
        let rows: i64 = told["requests"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|e| e["rows"].as_i64())
            .sum();
        assert_eq!(
            rows,
            i64::try_from(expected.len()).unwrap_or(0),
            "round {round}: {told}"
        );
    }
    let _ = writeln!(
        std::io::stdout(),
        "{kills} kills in {rounds} rounds, {asked} requests, {} rows each time",
        expected.len()
    );
}
