//! Files: each form, each order of reading, and the same lines whatever the number of blocks.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::support::World;

/// A log of many megabytes with every sort of line, and how many of its records are errors.
fn large() -> (String, usize) {
    let (mut text, mut errors) = (String::new(), 0);
    for n in 0..60_000 {
        let _ = match n % 20 {
            3 => writeln!(
                text,
                "{{\"l\\u0065vel\":\"error\",\"message\":\"escaped {n}\"}}"
            ),
            7 => writeln!(
                text,
                "2026-11-28 10:00:00,123 - app - ERROR - no {n}\nTraceback (most recent call last):\n  File \"a.py\", line {n}\nValueError: {n}"
            ),
            11 => writeln!(text, "E1128 14:33:06.123456       1 server.go:12] klog {n}"),
            13 => writeln!(text, "plain line {n} that says error in lower case"),
            _ => writeln!(
                text,
                "{{\"level\":\"info\",\"message\":\"fine {n}\",\"status\":{}}}",
                200 + n % 3
            ),
        };
        errors += usize::from(matches!(n % 20, 3 | 7 | 11));
    }
    (text, errors)
}

#[test]
fn every_form_of_a_file_gives_the_same_records() {
    let world = World::new();
    let (text, errors) = large();
    world.file("a.log", &text);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    std::fs::write(world.path("a.log.gz"), gzip.finish().unwrap()).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(
        text.as_bytes(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    std::fs::write(world.path("a.log.zst"), zstd).unwrap();
    let read = |file: &str, stdin: &str| {
        let args = [
            "logs",
            "--file",
            file,
            "--level",
            "error",
            "--json-field",
            "message",
        ];
        world.tradeops(&args).stdin(stdin).done().exits(0).out
    };
    let plain = read("a.log", "");
    // A trace has three lines more.
    let traces = plain.matches("Traceback").count();
    assert_eq!(plain.lines().count(), errors + 3 * traces);
    assert_eq!(
        (traces, plain.matches("escaped").count()),
        (3000, 3000),
        "in full and in spite of escapes"
    );
    for (file, stdin) in [("a.log.gz", ""), ("a.log.zst", ""), ("-", text.as_str())] {
        assert!(read(file, stdin) == plain, "{file}");
    }
}

#[test]
fn a_prefilter_changes_nothing_but_the_time() {
    let world = World::new();
    world.file("a.log", &large().0);
    let read = |more: &[&str]| {
        let mut args = vec!["logs", "--file", "a.log"];
        args.extend(more);
        world.tradeops(&args).done().exits(0).out
    };
    for (fast, slow) in [
        (vec!["--level", "error"], vec!["--where", "level>=error"]),
        (
            vec!["--grep", "line [0-9]+ that"],
            vec!["--where", "message~'line [0-9]+ that'"],
        ),
        (
            vec!["--trace", "59993"],
            vec!["--where", "message~'\\b59993\\b'"],
        ),
    ] {
        let (fast, slow) = (read(&fast), read(&slow));
        assert!(
            !fast.is_empty() && fast == slow,
            "{} and {} bytes",
            fast.len(),
            slow.len()
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let world = World::new();
    world.file("cut.gz", "");
    let (text, _) = large();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    std::fs::write(world.path("cut.gz"), &whole[..whole.len() / 2]).unwrap();
    let cut = world.tradeops(&["logs", "--file", "cut.gz"]).done();
    assert_ne!(cut.code, 0);
    assert!(cut.out.contains("fine 0"), "what was there is shown");
    cut.says(&["cannot read `cut.gz`"]);
    for (file, says) in [
        ("none.log", "cannot read `none.log`: No such file"),
        (".", "it is a folder"),
    ] {
        let done = world.tradeops(&["logs", "--file", file]).done();
        assert_ne!(done.code, 0);
        done.says(&[says]);
    }
}
