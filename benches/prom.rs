//! How fast a metrics page is read, in ratios that one run on one machine can compare: this crate's parser against the
//! `prometheus-parse` crate and against counting line feeds, which is about what memory gives.
//!
//! The page is made here, from a fixed seed: 50 MB, families in the cycle histogram, counter, gauge, summary, with three
//! to five labels of which some carry escapes. `prometheus-parse` keeps escapes undecoded and cuts values at `\"`; it
//! still does the same kind of work.
//!
//! Run with `cargo bench --bench prom`; a first argument that is a number sets the page's size in MB.
#![expect(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tradeops::prometheus::{Selector, lifetime, parse};

const RUNS: usize = 5;

fn main() {
    let megabytes = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(50);
    let text = page(megabytes * 1_000_000);
    let size = text.len() as f64 / 1e6;
    println!(
        "page: {size:.1} MB, {} lines, best of {RUNS} runs, one thread",
        text.lines().count()
    );

    let newline = best(|| memchr::memchr_iter(b'\n', black_box(text.as_bytes())).count());
    let ours = best(|| parse(black_box(text.as_str())).map(|page| page.len()));
    // Outside the clock: a copy that the parser then takes over, as it takes a response's body.
    let mut bodies: Vec<Vec<u8>> = (0..RUNS).map(|_| text.clone().into_bytes()).collect();
    let taken = best(|| parse(bodies.pop().unwrap_or_default()).map(|page| page.len()));
    let theirs = best(|| {
        let lines = black_box(text.as_str())
            .lines()
            .map(|line| Ok(line.to_owned()));
        prometheus_parse::Scrape::parse(lines).map(|scrape| scrape.samples.len())
    });

    row("count of line feeds (memchr)", size, newline, ours);
    row("tradeops, body taken over", size, taken, ours);
    row("tradeops, text copied", size, ours, ours);
    row("prometheus-parse", size, theirs, ours);

    let Ok(page) = parse(text) else {
        println!("the page does not parse");
        return;
    };
    println!(
        "samples: {}, families: {}",
        page.len(),
        page.families().len()
    );
    let selector = Selector::new("family_0_seconds");
    let quantile = best(|| {
        lifetime(&page, &selector, &["path"])
            .map(|all| all.iter().map(|h| h.quantile(0.95).value).sum::<f64>())
    });
    println!(
        "p95 by one label over one histogram family: {:.3} ms",
        quantile.as_secs_f64() * 1e3
    );
}

fn best<T>(mut run: impl FnMut() -> T) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        let result = run();
        let time = start.elapsed();
        // Dropping a result is the caller's affair, in each row alike.
        drop(black_box(result));
        time
    };
    (0..RUNS).map(timed).min().unwrap_or_default()
}

fn row(name: &str, megabytes: f64, time: Duration, ours: Duration) {
    let seconds = time.as_secs_f64();
    println!(
        "{name:30} {:9.1} ms {:8.0} MB/s   {:6.2} x tradeops",
        seconds * 1e3,
        megabytes / seconds,
        ours.as_secs_f64() / seconds
    );
}

/// A page of at least this many bytes.
fn page(bytes: usize) -> String {
    let mut out = String::with_capacity(bytes + 100_000);
    let mut random = Random(42);
    let mut family = 0;
    while out.len() < bytes {
        let (suffix, kind) = [
            ("seconds", "histogram"),
            ("total", "counter"),
            ("bytes", "gauge"),
            ("latency", "summary"),
        ][family % 4];
        let name = format!("family_{family}_{suffix}");
        let _ = writeln!(
            out,
            "# HELP {name} Family number {family}, with a back slash \\\\ now and then.\n# TYPE {name} {kind}"
        );
        for child in 0..100 {
            let labels = labels(&mut random, child);
            series(&mut out, &mut random, &name, kind, &labels);
        }
        family += 1;
    }
    out
}

fn labels(random: &mut Random, child: u64) -> String {
    let mut labels = format!(
        "service=\"service-{}\",method=\"GET\",path=\"/api/v1/items/{child}\"",
        random.below(8)
    );
    let more = random.below(3);
    if more > 0 {
        let _ = write!(labels, ",status=\"{}\"", 200 + random.below(300));
    }
    if more > 1 {
        let note = if random.below(10) == 0 {
            "said \\\"no\\\", then\\n left"
        } else {
            "europe-west"
        };
        let _ = write!(labels, ",region=\"{note}\"");
    }
    labels
}

fn series(out: &mut String, random: &mut Random, name: &str, kind: &str, labels: &str) {
    match kind {
        "histogram" => {
            let mut count = 0;
            for le in [
                "0.005", "0.01", "0.02", "0.05", "0.1", "0.25", "0.5", "1", "2", "5", "+Inf",
            ] {
                count += random.below(1000);
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{le}\"}} {count}");
            }
            let _ = writeln!(
                out,
                "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {count}",
                random.fraction() * 900.0
            );
        }
        "summary" => {
            for quantile in ["0.5", "0.9", "0.99"] {
                let _ = writeln!(
                    out,
                    "{name}{{{labels},quantile=\"{quantile}\"}} {}",
                    random.fraction()
                );
            }
            let _ = writeln!(
                out,
                "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {}",
                random.fraction(),
                random.below(5000)
            );
        }
        "counter" => {
            let _ = writeln!(out, "{name}{{{labels}}} {}", random.below(1_000_000));
        }
        _ => {
            let _ = writeln!(out, "{name}{{{labels}}} {:e}", random.fraction() * 1e9);
        }
    }
}

/// SplitMix64: a page must be the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
