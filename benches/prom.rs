//! How fast a metrics page is read, in ratios that one run on one machine can compare: this crate's parser against the
//! `prometheus-parse` crate and against counting line feeds, which is about what memory gives.
//!
//! The page is made here, from a fixed seed: 50 MB, families in the cycle histogram, counter, gauge, summary, with three
//! to five labels of which some carry escapes. All readers run on one thread and in turn; a time is the thread's own time
//! on a processor, so that other work on the machine falsifies little. What they read must be equal: the number of
//! samples and the sum of all values. (`prometheus-parse` keeps escapes undecoded and cuts values at `\"`, so labels are
//! compared by number only.) This crate checks labels but takes them apart only when asked; the row that asks for each
//! of them does what the other crate does, and is the one that the goal is held against.
//!
//! Run with `cargo bench --bench prom`; a first argument that is a number sets the page's size in MB.
#![expect(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use prometheus_parse::{Scrape, Value};
use tradeops::prometheus::{
    Format, Limits, Page, ParseError, Selector, Stream, lifetime, parse, parse_only,
};

const RUNS: usize = 5;
const GOAL: f64 = 20.0;

fn main() -> ExitCode {
    let megabytes = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(50);
    let text = page(megabytes * 1_000_000);
    let size = text.len() as f64 / 1e6;
    println!(
        "page: {size:.1} MB, {} lines, best of {RUNS} runs in turn, one thread, its own time",
        text.lines().count()
    );
    let mut best = [Duration::MAX; 7];
    let mut sums = [Sum::default(); 5];
    for _ in 0..RUNS {
        // Outside the clock: copies that the parser then takes over, as it takes a response's body.
        let (body, other) = (text.clone(), text.clone());
        let only = vec!["family_4_seconds".to_owned()];
        let (copied, page) = timed(|| parse(text.as_str()));
        sums[0] = ours(page);
        let (taken, page) = timed(|| parse(body));
        sums[1] = ours(page);
        let (read, (_page, sum)) = timed(|| {
            let page = parse(other);
            let sum = with_labels(&page);
            (page, sum)
        });
        sums[2] = sum;
        let (chunks, sum) = timed(|| streamed(&text));
        sums[3] = sum;
        let (kept, page) = timed(|| parse_only(&text, only, None, Limits::default()));
        let family = ours(page);
        let lines = || black_box(&text).lines().map(|line| Ok(line.to_owned()));
        let (peer, scrape) = timed(|| Scrape::parse(lines()));
        sums[4] = theirs(scrape);
        let (newlines, _) =
            timed(|| memchr::memchr_iter(b'\n', black_box(text.as_bytes())).count());
        let times = [copied, taken, read, chunks, kept, peer, newlines];
        for (best, time) in best.iter_mut().zip(times) {
            *best = (*best).min(time);
        }
        if family.samples != 1300 {
            println!(
                "the kept family has {} samples instead of 1300",
                family.samples
            );
            return ExitCode::FAILURE;
        }
    }
    let names = [
        "tradeops, text copied",
        "tradeops, body taken over",
        "  and each label read",
        "tradeops, in chunks",
        "tradeops, one family of it kept",
        "prometheus-parse",
        "count of line feeds (memchr)",
    ];
    for (name, time) in names.iter().zip(best) {
        let seconds = time.as_secs_f64();
        println!(
            "{name:32} {:9.1} ms {:8.0} MB/s   {:6.1} x prometheus-parse",
            seconds * 1e3,
            size / seconds,
            best[5].as_secs_f64() / seconds
        );
    }
    println!(
        "samples: {}, sum of their values: {:e}",
        sums[0].samples, sums[0].values
    );
    quantiles(&text);

    let equal = sums.iter().all(|sum| sum.equals(&sums[4]));
    let ratio = best[5].as_secs_f64() / best[2].as_secs_f64();
    println!(
        "equal to prometheus-parse: {equal}; ratio with all labels read: {ratio:.1} (goal {GOAL})"
    );
    if equal {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What a reader found.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    samples: usize,
    values: f64,
    /// 0: not read.
    labels: usize,
}

impl Sum {
    fn add(&mut self, value: f64, labels: usize) {
        self.samples += 1;
        self.values += value;
        self.labels += labels;
    }

    fn equals(&self, other: &Self) -> bool {
        // The readers add in another order.
        let near = (self.values - other.values).abs() <= other.values.abs() * 1e-9;
        let labels = self.labels == other.labels || self.labels == 0 || other.labels == 0;
        self.samples == other.samples && near && labels
    }
}

/// The thread's own time for it; where no system says that, the time that passed.
fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let (start, before) = (Instant::now(), on_processor());
    let result = black_box(run());
    let passed = start.elapsed();
    let time = match (before, on_processor()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => passed,
    };
    (time, result)
}

fn on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn ours(page: Result<Page, ParseError>) -> Sum {
    let Ok(page) = page else {
        return Sum::default();
    };
    Sum {
        samples: page.len(),
        values: page.samples().map(|sample| sample.value()).sum(),
        labels: 0,
    }
}

/// Each name and value is looked at, not only found.
fn with_labels(page: &Result<Page, ParseError>) -> Sum {
    let Ok(page) = page else {
        return Sum::default();
    };
    let mut sum = Sum::default();
    for sample in page.samples() {
        sum.samples += 1;
        sum.values += sample.value();
        for label in sample.labels() {
            black_box(label);
            sum.labels += 1;
        }
    }
    sum
}

fn streamed(text: &str) -> Sum {
    let mut sum = Sum::default();
    let mut stream = Stream::new(Format::Text, Limits::default());
    // As a socket gives it.
    for chunk in text.as_bytes().chunks(16 << 10) {
        let fed = stream.feed(chunk, |sample| {
            sum.samples += 1;
            sum.values += sample.value();
        });
        if fed.is_err() {
            return Sum::default();
        }
    }
    let ended = stream.finish(|sample| {
        sum.samples += 1;
        sum.values += sample.value();
    });
    ended.map_or(Sum::default(), |()| sum)
}

/// The crate puts buckets and quantiles of a summary together as one sample.
fn theirs(scrape: std::io::Result<Scrape>) -> Sum {
    let mut sum = Sum::default();
    for sample in scrape.map(|scrape| scrape.samples).unwrap_or_default() {
        let labels = sample.labels.len();
        match sample.value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => {
                sum.add(value, labels);
            }
            Value::Histogram(buckets) => buckets.iter().for_each(|b| sum.add(b.count, labels + 1)),
            Value::Summary(quantiles) => {
                quantiles.iter().for_each(|q| sum.add(q.count, labels + 1));
            }
        }
    }
    sum
}

fn quantiles(text: &str) {
    let Ok(page) = parse(text) else { return };
    let selector = Selector::new("family_0_seconds");
    let start = Instant::now();
    let all = lifetime(&page, &selector, &["path"]);
    let sum = all.map(|all| all.iter().map(|h| h.quantile(0.95).value).sum::<f64>());
    let time = start.elapsed();
    println!(
        "p95 by one label over one of {} families: {:.3} ms ({})",
        page.families().len(),
        time.as_secs_f64() * 1e3,
        sum.unwrap_or_default()
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
