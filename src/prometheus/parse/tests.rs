#![expect(clippy::unwrap_used, reason = "a test's failure is a panic")]

use proptest::prelude::*;

use super::*;

fn one(text: &str) -> String {
    let page = parse(text).unwrap();
    let lines: Vec<_> = page
        .samples()
        .map(|sample| format!("{sample:?} {:?}", sample.timestamp_ms()))
        .collect();
    lines.join("; ")
}

#[test]
fn samples() {
    let table = [
        ("a 1", "a 1 None"),
        ("a 1\n", "a 1 None"),
        ("\n\n  a\t 1 \n", "a 1 None"),
        ("a{} 1", "a 1 None"),
        ("a{}1", "a 1 None"),
        (
            "a:b_9 -1.5e3 1700000000000",
            "a:b_9 -1500 Some(1700000000000)",
        ),
        ("a 1 -5", "a 1 Some(-5)"),
        ("a NaN", "a NaN None"),
        ("a +Inf", "a inf None"),
        ("a -Inf", "a -inf None"),
        ("a Inf", "a inf None"),
        ("a 123456789012345678", "a 123456789012345680 None"),
        ("a { b = \"c\" , d=\"e\", } 1", "a{b=\"c\",d=\"e\"} 1 None"),
        ("a{b=\"{},= }\"} 1", "a{b=\"{},= }\"} 1 None"),
        ("m{a=\"{}\"} +Inf", "m{a=\"{}\"} inf None"),
        (r#"a{b="x \"q\", z"} 1"#, r#"a{b="x \"q\", z"} 1 None"#),
        (
            r#"a{b="C:\\dir\\",c="x\ny"} 1"#,
            r#"a{b="C:\\dir\\",c="x\ny"} 1 None"#,
        ),
        ("a{b=\"\"} 1", "a{b=\"\"} 1 None"),
        ("a{b=\"été\"} 1", "a{b=\"été\"} 1 None"),
        (
            "{\"utf8.name\",a=\"1\"} 4",
            "{\"utf8.name\",a=\"1\"} 4 None",
        ),
        (
            "{a=\"1\",\"utf8.name\"} 4",
            "{\"utf8.name\",a=\"1\"} 4 None",
        ),
        ("{\"plain\"} 4", "plain 4 None"),
        ("a{\"odd label\"=\"1\"} 4", "a{\"odd label\"=\"1\"} 4 None"),
        (
            "a_bucket{le=\"1\"} 5 # {trace=\"x\"} 0.5 17.1",
            "a_bucket{le=\"1\"} 5 None",
        ),
        // Names that are those of the sample before, nearly.
        (
            "a{b=\"1\",c=\"2\"} 1\na{b=\"1\",cc=\"2\"} 2",
            "a{b=\"1\",c=\"2\"} 1 None; a{b=\"1\",cc=\"2\"} 2 None",
        ),
        (
            "a{b=\"1\",c=\"2\"} 1\na{c=\"1\",b=\"2\"} 2",
            "a{b=\"1\",c=\"2\"} 1 None; a{c=\"1\",b=\"2\"} 2 None",
        ),
        (
            "# a comment\n#\n# UNIT tests are fine\n#HELP\na 1",
            "a 1 None",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(one(text), expected, "{text}");
    }
    let decoded = parse(r#"a{b="x\\n\n\"y"} 1"#).unwrap();
    assert_eq!(
        decoded.samples().next().unwrap().label("b"),
        Some("x\\n\n\"y")
    );
}

#[test]
fn openmetrics_has_seconds_and_suffixes() {
    let page =
        parse("# TYPE a counter\n# UNIT a s\na_total 1 1700000000.123\na_created 5 17\n# EOF\n")
            .unwrap();
    let family = page.family("a_total").unwrap();
    assert_eq!(
        (family.name(), family.kind(), family.unit()),
        ("a", Kind::Counter, Some("s"))
    );
    let times: Vec<_> = family
        .samples()
        .map(|sample| sample.timestamp_ms())
        .collect();
    assert_eq!(times, [Some(1_700_000_000_123), Some(17_000)]);
    assert_eq!(
        parse(page.to_string()).unwrap().to_string(),
        page.to_string()
    );
}

#[test]
fn families_group_what_belongs_together() {
    let text = "# HELP h Time\\nspent \\d.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\nh_max 3\n\
        # TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_count 1\ns_bucket 9\nh_count{x=\"y\"} 7\n# TYPE c counter\nc_total 1\n";
    let page = parse(text).unwrap();
    let families: Vec<_> = page
        .families()
        .map(|family| format!("{family:?}"))
        .collect();
    let expected = [
        "histogram h with 4 samples",
        "untyped h_max with 1 samples",
        "summary s with 3 samples",
        "untyped s_bucket with 1 samples",
        "counter c with 0 samples",
        "untyped c_total with 1 samples",
    ];
    assert_eq!(families, expected);
    let h = page.family("h").unwrap();
    assert_eq!(h.help(), Some("Time\nspent \\d."));
    let names: Vec<_> = h.samples().map(|sample| sample.to_string()).collect();
    assert_eq!(
        names,
        [
            "h_bucket{le=\"+Inf\"}",
            "h_sum",
            "h_count",
            "h_count{x=\"y\"}"
        ]
    );
    assert!(page.family("nothing").is_none());
}

#[test]
fn errors_say_where() {
    let table: &[(&str, &str)] = &[
        ("a 1\nb", "line 2, column 2: sample without a value"),
        (
            "a 1\n\nb{x=\"1\"} ",
            "line 3, column 10: sample without a value",
        ),
        (
            "1a 1",
            "line 1, column 1: expected a metric name, found `1`",
        ),
        (
            "a-b 1",
            "line 1, column 2: expected a blank or `{` after the metric name, found `-`",
        ),
        ("a x", "line 1, column 3: bad value `x`"),
        ("a 0x10", "line 1, column 3: bad value `0x10`"),
        ("a 1_0", "line 1, column 3: bad value `1_0`"),
        ("a 1\r\n", "line 1, column 3: bad value `1\\r`"),
        (
            "a 1e999",
            "line 1, column 3: value `1e999` does not fit a 64-bit float",
        ),
        ("a 1 1.5", "line 1, column 5: bad timestamp `1.5`"),
        (
            "a 1 -9223372036854775808",
            "line 1, column 5: bad timestamp `-9223372036854775808`",
        ),
        (
            "a 1 2 3",
            "line 1, column 7: expected the end of the line, found `3`",
        ),
        ("a{b=\"c", "line 1, column 5: unterminated `\"`"),
        ("a{b=\"c\\", "line 1, column 5: unterminated `\"`"),
        ("a{b=\"c\nd\"} 1", "line 1, column 5: unterminated `\"`"),
        ("a{b=\"c\"", "line 1, column 2: unterminated `{`"),
        ("a{b=\"c\",", "line 1, column 2: unterminated `{`"),
        (
            "a{b=\"é\\t\"} 1",
            "line 1, column 7: unknown escape `\\t`: only `\\\\`, `\\\"` and `\\n` exist",
        ),
        (
            "a{b=\"1\",b=\"2\"} 1",
            "line 1, column 9: label `b` stands twice",
        ),
        (
            "a{b=\"1\",c=\"2\"} 1\na{b=\"1\",b=\"2\"} 1",
            "line 2, column 9: label `b` stands twice",
        ),
        (
            "a{\"b c\"=\"1\"} 1\na{b c=\"1\"} 1",
            "line 2, column 5: expected `=` after label `b`, found `c`",
        ),
        (
            "a{__name__=\"b\"} 1",
            "line 1, column 3: label `__name__` is reserved",
        ),
        (
            "a{b:c=\"1\"} 1",
            "line 1, column 4: expected `=` after label `b`, found `:`",
        ),
        (
            "a{b=1} 1",
            "line 1, column 5: expected `\"` before the value of label `b`, found `1`",
        ),
        (
            "a{b=\"1\" c=\"2\"} 1",
            "line 1, column 9: expected `,` or `}` between labels, found `c`",
        ),
        (
            "a{,} 1",
            "line 1, column 3: expected a label name, found `,`",
        ),
        (
            "a{b",
            "line 1, column 4: expected `=` after label `b`, found the end of the line",
        ),
        (
            "{b=\"1\"} 1",
            "line 1, column 1: sample without a metric name",
        ),
        ("a{\"b\"} 1", "line 1, column 3: a second metric name"),
        ("{\"\"} 1", "line 1, column 2: empty metric name"),
        (
            "# TYPE a count",
            "line 1, column 10: unknown metric type `count`",
        ),
        (
            "# TYPE a counter x",
            "line 1, column 18: expected the end of the line, found `x`",
        ),
        (
            "# TYPE a counter\n# TYPE a gauge",
            "line 2, column 8: second and different TYPE for `a`",
        ),
        (
            "# HELP a x\n# HELP a x\n# HELP a y",
            "line 3, column 8: second and different HELP for `a`",
        ),
        (
            "a 1\n# TYPE a gauge",
            "line 2, column 8: TYPE of `a` after its first sample",
        ),
        (
            "# HELP 1 x",
            "line 1, column 8: expected a metric name, found `1`",
        ),
        ("é 1", "line 1, column 1: expected a metric name, found `é`"),
    ];
    for (text, expected) in table {
        assert_eq!(parse(*text).unwrap_err().to_string(), *expected, "{text}");
    }
    let invalid = parse(b"a 1\nb{c=\"\xc3\xa9\xff\"} 1".as_slice()).unwrap_err();
    assert_eq!(invalid.to_string(), "line 2, column 7: not UTF-8");
}

#[test]
fn limits_are_errors() {
    let limits = Limits {
        page_bytes: 40,
        line_bytes: 20,
        labels: 2,
    };
    let fails = |text: &str| parse_with(text, limits).unwrap_err().to_string();
    assert_eq!(
        fails(&"a".repeat(41)),
        "line 1, column 1: page of 41 bytes, more than the limit of 40"
    );
    assert_eq!(
        fails(&format!("a 1\n{}", "a".repeat(21))),
        "line 2, column 1: line of 21 bytes, more than the limit of 20"
    );
    assert_eq!(
        fails("a{b=\"\",c=\"\",d=\"\"} 1"),
        "line 1, column 13: more than 2 labels"
    );
}

#[test]
fn a_cut_page_is_told() {
    assert!(parse("").unwrap().ends_cleanly());
    assert!(parse("a 1\n").unwrap().ends_cleanly());
    assert!(!parse("a 1").unwrap().ends_cleanly());
}

#[test]
fn views_serialise_as_maps() {
    let page = parse("# TYPE a gauge\na{b=\"c\"} 1.5 7\n").unwrap();
    let expected = r#"[{"name":"a","type":"gauge","help":null,"unit":null,"samples":[{"name":"a","labels":{"b":"c"},"value":1.5,"timestamp_ms":7}]}]"#;
    assert_eq!(serde_json::to_string(&page).unwrap(), expected);
}

/// Lines that are near the grammar, to get deeper than random bytes do.
fn near_page() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b_bucket",
        "h",
        "{",
        "}",
        "\"",
        "=",
        ",",
        " ",
        "\t",
        "\n",
        "\\",
        "\\n",
        "\\\"",
        "#",
        "# HELP ",
        "# TYPE ",
        "# UNIT ",
        "# EOF\n",
        "histogram",
        "counter",
        "1",
        "-2.5e3",
        "NaN",
        "+Inf",
        "1e999",
        "le=\"1\"",
        "é",
        "\u{0}",
        "\r",
        "__name__",
        "{\"x y\"",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn valid_page() -> impl Strategy<Value = String> {
    let text = "[a-z\\\\\"\n{},=#é ]{0,8}";
    let value = prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        any::<f64>(),
        (0..1000_u32).prop_map(f64::from)
    ];
    let label = ("[a-z]{1,3}|[a-z .\"\\\\]{1,4}", text);
    let sample = (
        0..4_u8,
        prop::collection::btree_map(label.0, label.1, 0..4),
        value,
        prop::option::of(-9_999..9_999_i64),
    );
    prop::collection::vec(sample, 0..20).prop_map(|samples| {
        let mut out =
            String::from("# HELP h Help \\\\ text\n# TYPE h histogram\n# TYPE odd gauge\n");
        for (name, labels, value, time) in samples {
            let name = ["h_bucket", "h_sum", "odd name", "plain"][usize::from(name)];
            super::super::render::series(
                &mut out,
                name,
                labels.iter().map(|(k, v)| (k.as_str(), v.as_str())),
            )
            .unwrap();
            out.push_str(&format!(
                " {value:e}{}\n",
                time.map_or(String::new(), |time| format!(" {time}"))
            ));
        }
        out
    })
}

proptest! {
    #[test]
    fn any_bytes_are_a_page_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(bytes);
    }

    #[test]
    fn near_pages_survive_rendering(text in near_page()) {
        match parse(text.as_str()) {
            Ok(page) => {
                let rendered = page.to_string();
                prop_assert_eq!(parse(rendered.as_str()).map(|page| page.to_string()), Ok(rendered));
            }
            Err(error) => {
                prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
                let line = text.split('\n').nth(error.line - 1).unwrap_or_default();
                prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1);
            }
        }
    }

    #[test]
    fn rendering_keeps_every_sample(text in valid_page()) {
        let page = parse(text).unwrap();
        let again = parse(page.to_string()).unwrap();
        prop_assert_eq!(page.len(), again.len());
        for (a, b) in page.samples().zip(again.samples()) {
            prop_assert_eq!(a.to_string(), b.to_string());
            prop_assert_eq!(a.labels().collect::<Vec<_>>(), b.labels().collect::<Vec<_>>());
            prop_assert!(a.value().to_bits() == b.value().to_bits() || (a.value().is_nan() && b.value().is_nan()));
            prop_assert_eq!(a.timestamp_ms(), b.timestamp_ms());
        }
    }
}

/// A valid page with bytes changed, cut and doubled: more of it is reached than by random bytes.
#[test]
fn mutated_pages_do_not_panic() {
    let seed = b"# HELP h x\\\\y\n# TYPE h histogram\nh_bucket{a=\"\\\"q\\\"\",le=\"+Inf\"} 4 17\n{\"\xc3\xa9.x\",b=\"c\"} NaN\nh_sum 1e3 # {} 1\n# EOF\n";
    let mut state = 1_u64;
    let mut random = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for _ in 0..20_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..=random(4) {
            let at = random(bytes.len().max(1));
            match random(4) {
                _ if bytes.is_empty() => bytes.push(b'a'),
                0 => bytes[at] = random(256) as u8,
                1 => bytes.insert(at, b"\"\\{}=,# \n"[random(9)]),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        if let Ok(page) = parse(bytes) {
            let _ = page.to_string();
        }
    }
}
