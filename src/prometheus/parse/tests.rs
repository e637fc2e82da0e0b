#![expect(clippy::unwrap_used, reason = "a test's failure is a panic")]

use super::super::kind::Kind;
use super::*;

mod fuzz;
mod openmetrics;
mod peer;
mod streams;

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
        // Lines that are those before, nearly: of such only the difference is read.
        (
            "a{b=\"1\",c=\"2\"} 1\na{b=\"1\",c=\"23\"} 2\na{b=\"1\",c=\"2\"} 3\na{b=\"1\"} 4\na{b=\"1\",c=\"\\n\",d=\"\"} 5\na{b=\"1\",c=\"\\n\",d=\"e\"} 6\nab{b=\"1\"} 7\na{} 8\na{b=\"1\",} 9\na{b=\"1\", } 9",
            "a{b=\"1\",c=\"2\"} 1 None; a{b=\"1\",c=\"23\"} 2 None; a{b=\"1\",c=\"2\"} 3 None; a{b=\"1\"} 4 None; a{b=\"1\",c=\"\\n\",d=\"\"} 5 None; a{b=\"1\",c=\"\\n\",d=\"e\"} 6 None; a 8 None; a{b=\"1\"} 9 None; a{b=\"1\"} 9 None; ab{b=\"1\"} 7 None",
        ),
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
            "h_sum 1\n# TYPE h histogram",
            "line 2, column 8: TYPE of `h` after its first sample",
        ),
        (
            "# HELP 1 x",
            "line 1, column 8: expected a metric name, found `1`",
        ),
        ("é 1", "line 1, column 1: expected a metric name, found `é`"),
        (
            "a_bucket{le=\"1\"} 5 # {trace=\"x\"} 0.5 17.1",
            "line 1, column 20: exemplars exist in OpenMetrics only, and such a page ends with `# EOF`",
        ),
        (
            "a 1 2 # x",
            "line 1, column 7: exemplars exist in OpenMetrics only, and such a page ends with `# EOF`",
        ),
        (
            "# TYPE a unknown",
            "line 1, column 10: unknown metric type `unknown`",
        ),
        (
            "# TYPE a info",
            "line 1, column 10: unknown metric type `info`",
        ),
        ("a +NaN", "line 1, column 3: bad value `+NaN`"),
        (
            "a{b=\"1\",c=\"2\"} 1\na{b=\"1\",c=\"2} 1",
            "line 2, column 11: unterminated `\"`",
        ),
        (
            "a{b=\"1\",c=\"2\"} 1\na{b=\"1\",c=\"2\",b=\"3\"} 1",
            "line 2, column 15: label `b` stands twice",
        ),
        (
            "a{b=\"1\",c=\"2\"} 1\na{b=\"1\",c=\"2\"",
            "line 2, column 2: unterminated `{`",
        ),
        (
            "a{b=\"1\",c=\"2\"} 1\na{b=\"1\",c=\"2\"}",
            "line 2, column 15: sample without a value",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(parse(*text).unwrap_err().to_string(), *expected, "{text}");
    }
    let invalid = parse(b"a 1\nb{c=\"\xc3\xa9\xff\"} 1".as_slice()).unwrap_err();
    assert_eq!(invalid.to_string(), "line 2, column 7: not UTF-8");
    let earlier = parse(b"a\nb{c=\"\xff\"} 1".as_slice()).unwrap_err();
    assert_eq!(
        earlier.to_string(),
        "line 1, column 2: sample without a value"
    );
}

#[test]
fn limits_are_errors() {
    let limits = Limits {
        page_bytes: 40,
        line_bytes: 20,
        labels: 2,
        families: 2,
    };
    let fails = |text: &str| parse_as(text, None, limits).unwrap_err().to_string();
    assert_eq!(
        fails(&"a".repeat(41)),
        "line 1, column 1: page of 41 bytes, more than the limit of 40"
    );
    assert_eq!(
        fails(&format!("a 1\n{}", "a".repeat(21))),
        "line 2, column 1: line of more than 20 bytes"
    );
    assert_eq!(
        fails("a{b=\"\",c=\"\",d=\"\"} 1"),
        "line 1, column 13: more than 2 labels"
    );
    assert_eq!(
        fails("a 1\na 2\nb 1\nc 1"),
        "line 4, column 1: more than 2 metrics"
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
    let expected = r#"[{"name":"a","type":"gauge","help":null,"unit":null,"samples":[{"name":"a","labels":{"b":"c"},"value":1.5,"timestamp_ms":7,"exemplar":null}]}]"#;
    assert_eq!(serde_json::to_string(&page).unwrap(), expected);
}
