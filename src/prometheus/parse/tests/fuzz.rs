//! Pages that nobody thought of: bytes, pieces of the grammar, valid pages of both formats, real pages with changes.
//!
//! More cases by `PROPTEST_CASES`; the soak runs for `TRADEOPS_SOAK_MINUTES` (5) with `TRADEOPS_SOAK=1`. What must hold
//! of any bytes is in [`look`].

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::super::render;
use super::super::super::sample::Sample;
use super::streams::{streamed, whole};
use super::*;

/// All that can be told of a page, but for comments.
fn told(page: &Page) -> Vec<String> {
    let mut all = Vec::new();
    for family in page.families() {
        all.push(format!(
            "{family:?} {} {:?} {:?}",
            family.is_declared(),
            family.help(),
            family.unit()
        ));
        for sample in family.samples() {
            let labels: Vec<_> = sample.labels().collect();
            let exemplar = sample.exemplar().map(|e| {
                (
                    e.labels().collect::<Vec<_>>(),
                    bits(e.value()),
                    e.timestamp_ms(),
                )
            });
            all.push(format!(
                "{} {labels:?} {} {:?} {exemplar:?}",
                sample.name(),
                bits(sample.value()),
                sample.timestamp_ms()
            ));
        }
    }
    all
}

/// One NaN is as good as another.
fn bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

/// What holds of any bytes, whichever the format: no panic; an error stands on the page; what is printed reads as the
/// same; chunks give what the whole gives; and a selection is what a filter would keep.
fn look(bytes: &[u8], format: Format, block: usize, cut: impl FnMut() -> usize) {
    let limits = Limits {
        line_bytes: 200,
        ..Limits::default()
    };
    match parse_as(bytes, Some(format), limits) {
        Ok(page) => {
            let again = parse_as(page.to_string(), Some(format), Limits::default());
            let again = again.unwrap_or_else(|error| panic!("{error}:\n{page}"));
            assert_eq!(told(&page), told(&again), "{page}");
            for sample in page.samples() {
                for (name, value) in sample.labels() {
                    assert_eq!(sample.label(name), Some(value));
                }
            }
            if let Some(family) = page.families().next() {
                selected(bytes, &page, family.name(), limits);
            }
        }
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
            let line = text.split('\n').nth(error.line - 1).unwrap_or_default();
            assert!(error.column >= 1 && error.column <= line.chars().count() + 1);
        }
    }
    let sorted = |mut all: Vec<String>| {
        all.sort_unstable();
        all
    };
    assert_eq!(
        streamed(bytes, format, limits, block, cut).map(sorted),
        whole(bytes, format, limits).map(sorted)
    );
}

fn selected(bytes: &[u8], page: &Page, name: &str, limits: Limits) {
    let text = std::str::from_utf8(bytes).unwrap();
    let format = Some(page.format());
    let some = parse_only(text, vec![name.to_owned()], format, limits);
    let lines = |samples: &mut dyn Iterator<Item = Sample<'_>>| {
        let mut lines = String::new();
        for sample in samples {
            render::sample(&mut lines, &sample, page.format()).unwrap();
        }
        lines
    };
    let some = some.unwrap();
    let family = page.family(name).unwrap();
    assert_eq!(lines(&mut some.samples()), lines(&mut family.samples()));
    assert_eq!(some.families().len(), 1);
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Text), Just(Format::OpenMetrics)]
}

/// Lines that are near the grammar, to get deeper than random bytes do.
fn near_page() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b_bucket",
        "h",
        "h_bucket{",
        "c_total",
        "{",
        "}",
        "} 1\n",
        "\"",
        "=",
        ",",
        " ",
        "\t",
        "\n",
        "\n",
        "\\",
        "\\n",
        "\\\"",
        "#",
        "# HELP ",
        "# TYPE ",
        "# UNIT ",
        "# TYPE h histogram\n",
        "# TYPE c counter\n",
        "# EOF\n",
        " # {",
        "histogram",
        "counter",
        "1",
        " 1",
        "-2.5e3",
        "NaN",
        "+Inf",
        "1e999",
        "le=\"1\"",
        ",le=\"+Inf\"",
        "x=\"y",
        "é",
        "\u{0}",
        "\r",
        "__name__",
        "{\"x y\"",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn label_set() -> impl Strategy<Value = Vec<(String, String)>> {
    let text = "[a-z\\\\\"\n{},=#é ]{0,8}";
    prop::collection::btree_map("[a-z]{1,3}|[a-z .\"\\\\]{1,4}", text, 0..4).prop_map(|labels| {
        labels
            .into_iter()
            .filter(|(name, _)| name != "le")
            .collect()
    })
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        any::<f64>(),
        (0..1000_u32).prop_map(f64::from)
    ]
}

fn written(out: &mut String, name: &str, labels: &[(String, String)], more: Option<(&str, &str)>) {
    let labels = labels.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    render::series(out, name, labels.chain(more)).unwrap();
}

fn valid_text() -> impl Strategy<Value = String> {
    let sample = (
        0..4_usize,
        label_set(),
        value(),
        prop::option::of(-9_999..9_999_i64),
    );
    prop::collection::vec(sample, 0..20).prop_map(|samples| {
        let mut out =
            String::from("# HELP h Help \\\\ text\n# TYPE h histogram\n# TYPE odd gauge\n");
        for (name, labels, value, time) in samples {
            written(
                &mut out,
                ["h_bucket", "h_sum", "odd name", "plain"][name],
                &labels,
                None,
            );
            let time = time.map_or(String::new(), |time| format!(" {time}"));
            out.push_str(&format!(" {value:e}{time}\n"));
        }
        out
    })
}

/// Counters, histograms and gauges with all that OpenMetrics can say of them.
fn valid_openmetrics() -> impl Strategy<Value = String> {
    let exemplar = prop::option::of(("[a-z\"é]{0,20}", value(), prop::option::of(0.0..2e9_f64)));
    let series = (
        label_set(),
        prop::collection::vec(0..9_u32, 1..5),
        prop::option::of(-2e9..2e9_f64),
        exemplar,
    );
    let family = (0..3_usize, prop::collection::vec(series, 0..4));
    prop::collection::vec(family, 0..5).prop_map(|families| {
        let mut out = String::new();
        for (index, (kind, all)) in families.into_iter().enumerate() {
            let name = format!("m{index}_seconds");
            let kind = ["counter", "histogram", "gauge"][kind];
            out.push_str(&format!(
                "# TYPE {name} {kind}\n# UNIT {name} seconds\n# HELP {name} \\\"x\\\" \\\\\n"
            ));
            for (mut labels, counts, time, exemplar) in all {
                // Series must differ: only then the buckets of one end before those of the next begin.
                labels.push(("series".into(), out.len().to_string()));
                labels.sort();
                labels.dedup_by(|a, b| a.0 == b.0);
                let time = time.map_or(String::new(), |time| format!(" {time}"));
                let exemplar = exemplar.map_or(String::new(), |(id, value, time)| {
                    let mut set = String::new();
                    render::label_set(&mut set, [("id", id.as_str())].into_iter()).unwrap();
                    let time = time.map_or(String::new(), |time| format!(" {time}"));
                    format!(" # {set} {value:e}{time}")
                });
                match kind {
                    "counter" => {
                        written(&mut out, &format!("{name}_total"), &labels, None);
                        out.push_str(&format!(" {}{time}{exemplar}\n", counts[0]));
                    }
                    "gauge" => {
                        written(&mut out, &name, &labels, None);
                        out.push_str(&format!(" -{}{time}\n", counts[0]));
                    }
                    _ => {
                        let mut sum = 0;
                        for (le, count) in counts.iter().enumerate() {
                            sum += count;
                            let last = le + 1 == counts.len();
                            let le = if last { "+Inf".into() } else { le.to_string() };
                            let name = format!("{name}_bucket");
                            written(&mut out, &name, &labels, Some(("le", &le)));
                            out.push_str(&format!(" {sum}{time}{exemplar}\n"));
                        }
                        written(&mut out, &format!("{name}_count"), &labels, None);
                        out.push_str(&format!(" {sum}{time}\n"));
                    }
                }
            }
        }
        out.push_str("# EOF\n");
        out
    })
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), format in format(), block in 1..50_usize, cut in 1..50_usize) {
        look(&bytes, format, block, || cut);
    }

    #[test]
    fn near_pages(text in near_page(), format in format(), block in 1..50_usize, cut in 1..50_usize) {
        look(text.as_bytes(), format, block, || cut);
    }

    #[test]
    fn classic_pages(text in valid_text(), block in 1..200_usize, cut in 1..200_usize) {
        parse(text.as_str()).unwrap();
        look(text.as_bytes(), Format::Text, block, || cut);
    }

    #[test]
    fn openmetrics_pages(text in valid_openmetrics(), block in 1..200_usize, cut in 1..200_usize) {
        let page = parse(text.as_str()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert!(page.is_openmetrics());
        look(text.as_bytes(), Format::OpenMetrics, block, || cut);
    }
}

const SEEDS: [&[u8]; 4] = [
    b"# HELP h x\\\\y\n# TYPE h histogram\nh_bucket{a=\"\\\"q\\\"\",le=\"1\"} 4 17\nh_bucket{a=\"\\\"q\\\"\",le=\"+Inf\"} 4 17\n{\"\xc3\xa9.x\",b=\"c\"} NaN\nh_sum 1e3\n",
    b"# TYPE h_s histogram\n# UNIT h_s s\nh_s_bucket{a=\"b\",le=\"1\"} 1 # {id=\"x\"} 0.5 17.25\nh_s_bucket{a=\"b\",le=\"+Inf\"} 4 # {} 1\nh_s_count{a=\"b\"} 4\n# TYPE c counter\nc_total{x=\"y\"} 5 1.5 # {a=\"b\"} 1\nc_created{x=\"y\"} 1\n# TYPE s stateset\ns{s=\"on\"} 1\n# TYPE i info\ni_info{v=\"1\"} 1\n# EOF\n",
    include_bytes!("../../../../tests/data/metrics/node-exporter.txt"),
    include_bytes!("../../../../tests/data/metrics/prometheus.txt"),
];

/// Parts of valid and real pages with bytes changed, lines doubled and swapped: deeper in than random bytes come.
#[test]
#[expect(
    clippy::print_stdout,
    reason = "a failure must be found again by its seed"
)]
fn mutated_pages() {
    let soak = std::env::var_os("TRADEOPS_SOAK").is_some();
    let minutes = std::env::var("TRADEOPS_SOAK_MINUTES").ok();
    let minutes = minutes.map_or(5, |minutes| minutes.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut state = std::process::id().into();
    println!("the seed: {state}");
    let mut rounds = 0_u64;
    while if soak {
        Instant::now() < end
    } else {
        rounds < 2_000
    } {
        rounds += 1;
        mutated(&mut state);
    }
    println!("{rounds} pages");
}

fn mutated(state: &mut u64) {
    let mut random = |bound: usize| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as usize % bound.max(1)
    };
    let seed = SEEDS[random(SEEDS.len())];
    let lines: Vec<&[u8]> = seed.split_inclusive(|byte| *byte == b'\n').collect();
    let first = random(lines.len().saturating_sub(20));
    let mut lines: Vec<_> = lines[first..].iter().take(20).copied().collect();
    for _ in 0..random(3) {
        match random(3) {
            0 => lines.push(lines[random(lines.len())]),
            1 => drop(lines.remove(random(lines.len()))),
            _ => {
                let (a, b) = (random(lines.len()), random(lines.len()));
                lines.swap(a, b);
            }
        }
        if lines.is_empty() {
            return;
        }
    }
    let mut bytes = lines.concat();
    for _ in 0..random(4) {
        let at = random(bytes.len());
        match random(5) {
            _ if bytes.is_empty() => bytes.push(b'a'),
            0 => bytes[at] = random(256) as u8,
            1 => bytes.insert(at, b"\"\\{}=,# \n"[random(9)]),
            2 => drop(bytes.remove(at)),
            3 => bytes[at] = bytes[random(bytes.len())],
            _ => bytes.truncate(at.max(1)),
        }
    }
    if random(2) == 0 {
        bytes.extend_from_slice(b"# EOF\n");
    }
    let format = Format::of_content(&bytes);
    let block = 1 + random(300);
    look(&bytes, format, block, || 1 + random(300));
}

#[test]
fn real_pages() {
    for seed in &SEEDS[2..] {
        let page = parse(*seed).unwrap();
        assert!(page.len() > 300 && page.ends_cleanly());
        for block in [1, 1_000, 1 << 20] {
            assert_eq!(
                streamed(seed, Format::Text, Limits::default(), block, || 997),
                whole(seed, Format::Text, Limits::default())
            );
        }
    }
}
