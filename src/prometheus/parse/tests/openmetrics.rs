//! OpenMetrics by its specification, version 1.0.

use super::*;

fn page(lines: &str) -> Page {
    parse(format!("{lines}# EOF\n")).unwrap()
}

#[test]
fn seconds_and_suffixes() {
    let page =
        page("# TYPE a_s counter\n# UNIT a_s s\na_s_total 1 1700000000.123\na_s_created 5 17\n");
    let family = page.family("a_s_total").unwrap();
    assert_eq!(
        (family.name(), family.kind(), family.unit()),
        ("a_s", Kind::Counter, Some("s"))
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

/// The example page of the specification, with all that it shows.
#[test]
fn the_specifications_own_example() {
    let text = concat!(
        "# TYPE acme_http_router_request_seconds summary\n",
        "# UNIT acme_http_router_request_seconds seconds\n",
        "# HELP acme_http_router_request_seconds Latency though all of ACME's HTTP request router.\n",
        "acme_http_router_request_seconds_sum{path=\"/api/v1\",method=\"GET\"} 9036.32\n",
        "acme_http_router_request_seconds_count{path=\"/api/v1\",method=\"GET\"} 807283.0\n",
        "acme_http_router_request_seconds_created{path=\"/api/v1\",method=\"GET\"} 1605281325.0\n",
        "acme_http_router_request_seconds_sum{path=\"/api/v2\",method=\"POST\"} 479.3\n",
        "acme_http_router_request_seconds_count{path=\"/api/v2\",method=\"POST\"} 34.0\n",
        "acme_http_router_request_seconds_created{path=\"/api/v2\",method=\"POST\"} 1605281325.0\n",
        "# TYPE go_goroutines gauge\n",
        "# HELP go_goroutines Number of goroutines that currently exist.\n",
        "go_goroutines 69\n",
        "# TYPE process_cpu_seconds counter\n",
        "# UNIT process_cpu_seconds seconds\n",
        "# HELP process_cpu_seconds Total user and system CPU time spent in seconds.\n",
        "process_cpu_seconds_total 4.20072246e+06\n",
        "# EOF",
    );
    let page = parse(text).unwrap();
    let kinds: Vec<_> = page.families().map(|f| f.kind()).collect();
    assert_eq!(kinds, [Kind::Summary, Kind::Gauge, Kind::Counter]);
    assert_eq!(page.len(), 8);
}

#[test]
fn exemplars() {
    let page = page(concat!(
        "# TYPE foo histogram\n",
        "foo_bucket{le=\"0.01\"} 0\n",
        "foo_bucket{le=\"0.1\"} 8 # {} 0.054\n",
        "foo_bucket{le=\"1\"} 11 # {trace_id=\"KOO5S4vxi0o\"} 0.67\n",
        "foo_bucket{le=\"10\"} 17 1520879600 # {trace_id=\"oHg5SJYR\\\"HA0\",é=\"x\"} 9.8 1520879607.789\n",
        "foo_bucket{le=\"+Inf\"} 17\n",
        "# TYPE c counter\n",
        "c_total 1 # {a=\"b\"} 1 1e-3\n",
    ).replace("é", "e").as_str());
    let all: Vec<_> = page
        .samples()
        .map(|sample| {
            sample
                .exemplar()
                .map(|e| format!("{e:?} {:?}", e.timestamp_ms()))
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        all,
        [
            None,
            some("{} 0.054 None"),
            some("{trace_id=\"KOO5S4vxi0o\"} 0.67 None"),
            some("{trace_id=\"oHg5SJYR\\\"HA0\",e=\"x\"} 9.8 Some(1520879607789)"),
            None,
            some("{a=\"b\"} 1 Some(1)"),
        ]
    );
    let third = page.samples().nth(3).unwrap();
    assert_eq!(third.label("le"), Some("10"));
    assert_eq!(third.timestamp_ms(), Some(1_520_879_600_000));
    let json = serde_json::to_value(third).unwrap();
    assert_eq!(json["exemplar"]["labels"]["trace_id"], "oHg5SJYR\"HA0");
    assert_eq!(
        parse(page.to_string()).unwrap().to_string(),
        page.to_string()
    );
}

#[test]
fn all_types() {
    let page = page(concat!(
        "# HELP i About \\\"it\\\"\\\\\\n.\n",
        "# TYPE i info\n",
        "i_info{v=\"1.0\"} 1\n",
        "# TYPE s stateset\n",
        "s{s=\"a\"} 1\n",
        "s{s=\"b\"} 0.0\n",
        "# TYPE g gaugehistogram\n",
        "g_bucket{le=\"-1\"} 1\n",
        "g_bucket{le=\"+Inf\"} 2\n",
        "g_gcount 2\n",
        "g_gsum -3\n",
        "# TYPE u unknown\n",
        "u 1\n",
        "undeclared{a=\"\\d\"} nan\n",
        "# TYPE h histogram\n",
        "h_bucket{le=\"1\"} 1\n",
        "h_bucket{le=\"+Inf\"} 2\n",
        "h_count 2\n",
        "h_sum 2.5\n",
        "h_created 1.5\n",
        "# TYPE q summary\n",
        "q{quantile=\"0.5\"} NaN\n",
        "q_count 0\n",
    ));
    let families: Vec<_> = page.families().map(|f| format!("{f:?}")).collect();
    assert_eq!(
        families,
        [
            "info i with 1 samples",
            "stateset s with 2 samples",
            "gaugehistogram g with 4 samples",
            "untyped u with 1 samples",
            "untyped undeclared with 1 samples",
            "histogram h with 5 samples",
            "summary q with 2 samples",
        ]
    );
    assert_eq!(page.family("i").unwrap().help(), Some("About \"it\"\\\n."));
    let undeclared = page.family("undeclared").unwrap();
    // A backslash may stand before any character, and stays.
    assert_eq!(undeclared.samples().next().unwrap().label("a"), Some("\\d"));
    assert_eq!(
        parse(page.to_string()).unwrap().to_string(),
        page.to_string()
    );
}

#[test]
fn what_the_specification_forbids() {
    let table: &[(&str, &str)] = &[
        (
            "a 1\n\n",
            "line 2, column 1: empty line, which OpenMetrics does not have",
        ),
        (
            "# hello\n",
            "line 1, column 1: comment that is no HELP, TYPE, UNIT or EOF, which OpenMetrics does not have",
        ),
        (
            "#TYPE a gauge\n",
            "line 1, column 1: comment that is no HELP, TYPE, UNIT or EOF, which OpenMetrics does not have",
        ),
        (
            "#  TYPE a gauge\n",
            "line 1, column 1: comment that is no HELP, TYPE, UNIT or EOF, which OpenMetrics does not have",
        ),
        (
            "# TYPE  a gauge\n",
            "line 1, column 8: expected a metric name, found ` `",
        ),
        (
            "# TYPE a  gauge\n",
            "line 1, column 10: unknown metric type ``",
        ),
        (
            "# TYPE a gauge \n",
            "line 1, column 15: expected the end of the line, found ` `",
        ),
        (
            "# TYPE a untyped\n",
            "line 1, column 10: unknown metric type `untyped`",
        ),
        (
            "# HELP a\n",
            "line 1, column 9: expected a blank after the metric name, found the end of the line",
        ),
        (
            " a 1\n",
            "line 1, column 1: expected a metric name, found ` `",
        ),
        (
            "a  1\n",
            "line 1, column 2: expected one blank before the value, found ` `",
        ),
        (
            "a\t1\n",
            "line 1, column 2: expected one blank before the value, found `\\t`",
        ),
        (
            "a{}1\n",
            "line 1, column 4: expected one blank before the value, found `1`",
        ),
        (
            "a 1 \n",
            "line 1, column 4: expected one blank behind the value, found the end of the line",
        ),
        (
            "a 1 2 \n",
            "line 1, column 6: expected one blank behind the timestamp, found the end of the line",
        ),
        ("a {b=\"1\"} 1\n", "line 1, column 3: bad value `{b=\"1\"}`"),
        (
            "a{ b=\"1\"} 1\n",
            "line 1, column 3: expected a label name, found ` `",
        ),
        (
            "a{b =\"1\"} 1\n",
            "line 1, column 4: expected `=` after label `b`, found ` `",
        ),
        (
            "a{b= \"1\"} 1\n",
            "line 1, column 5: expected `\"` before the value of label `b`, found ` `",
        ),
        (
            "a{b=\"1\" } 1\n",
            "line 1, column 8: expected `,` or `}` between labels, found ` `",
        ),
        (
            "a{b=\"1\",} 1\n",
            "line 1, column 9: expected a label name, found `}`",
        ),
        (
            "a{b=\"1\",c=\"1\"} 1\na{b=\"1\",} 1\n",
            "line 2, column 9: expected a label name, found `}`",
        ),
        (
            "a{\"\\d\"=\"1\",\"\\\\d\"=\"1\"} 1\n",
            "line 1, column 13: label `\\d` stands twice",
        ),
        ("a 1 NaN\n", "line 1, column 5: bad timestamp `NaN`"),
        ("a 1 1e300\n", "line 1, column 5: bad timestamp `1e300`"),
        (
            "# TYPE a gauge\n# TYPE a gauge\n",
            "line 2, column 8: second TYPE for `a`",
        ),
        (
            "# HELP a x\n# HELP a x\n",
            "line 2, column 8: second HELP for `a`",
        ),
        (
            "a 1\n# HELP a x\n",
            "line 2, column 8: HELP of `a` after its first sample",
        ),
        (
            "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na 2\n",
            "line 5, column 1: `a` goes on after another metric has begun: OpenMetrics keeps a metric together",
        ),
        (
            "# TYPE a gauge\n# TYPE b gauge\n# HELP a x\n",
            "line 3, column 8: `a` goes on after another metric has begun: OpenMetrics keeps a metric together",
        ),
        (
            "# TYPE a counter\na 1\n",
            "line 2, column 1: a counter `a` has no sample of that name: expected _total, _created",
        ),
        (
            "# TYPE a histogram\na 1\n",
            "line 2, column 1: a histogram `a` has no sample of that name: expected _bucket, _sum, _count, _created",
        ),
        (
            "# TYPE a info\na 1\n",
            "line 2, column 1: a info `a` has no sample of that name: expected _info",
        ),
        (
            "# TYPE a gauge\n# UNIT a seconds\n",
            "line 2, column 8: unit `seconds`, but the name `a` does not end with `_seconds`",
        ),
        (
            "# TYPE a_s info\n# UNIT a_s s\n",
            "line 2, column 8: a info has no unit",
        ),
        (
            "# TYPE a counter\na_total -1\n",
            "line 2, column 9: the total of a counter must be 0 or more, found -1",
        ),
        (
            "# TYPE a counter\na_total NaN\n",
            "line 2, column 9: the total of a counter must be 0 or more, found NaN",
        ),
        (
            "# TYPE a info\na_info 2\n",
            "line 2, column 8: the value of a info must be 1, found 2",
        ),
        (
            "# TYPE a stateset\na{b=\"c\"} 1\n",
            "line 2, column 1: a stateset's sample without the label `a`",
        ),
        (
            "# TYPE a stateset\na{a=\"c\"} 2\n",
            "line 2, column 10: a state of a stateset must be 0 or 1, found 2",
        ),
        (
            "# TYPE a summary\na 2\n",
            "line 2, column 1: a summary's sample without the label `quantile`",
        ),
        (
            "# TYPE a summary\na{quantile=\"2\"} 2\n",
            "line 2, column 1: the label `quantile` of a summary must be from 0 to 1, found `2`",
        ),
        (
            "# TYPE a summary\na_count -1\n",
            "line 2, column 9: count and sum of a summary must be 0 or more, found -1",
        ),
        (
            "# TYPE a histogram\na_bucket 2\n",
            "line 2, column 1: a histogram's sample without the label `le`",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"x\"} 2\n",
            "line 2, column 1: the label `le` of a histogram must be a number, found `x`",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} -2\n",
            "line 2, column 18: a bucket of a histogram must be 0 or more, found -2",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"2\"} 2\na_bucket{le=\"1\"} 2\n",
            "line 3, column 18: bucket `le=\"1\"` after one that is not below it",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"2\"} 1\n",
            "line 3, column 18: bucket `le=\"2\"` counts less than the one before it",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 2\n",
            "line 3, column 1: the buckets before this line do not end with `le=\"+Inf\"`",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{b=\"c\",le=\"1\"} 2\n",
            "line 3, column 24: the buckets before this line do not end with `le=\"+Inf\"`",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"1\"} 2\nb 1\n",
            "line 3, column 1: the buckets before this line do not end with `le=\"+Inf\"`",
        ),
        (
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_count 3\n",
            "line 3, column 9: the count differs from that of the bucket `le=\"+Inf\"`",
        ),
        (
            "# TYPE a gauge\na 1 # {b=\"c\"} 1\n",
            "line 2, column 5: an exemplar on `a`: only counters (`_total`) and buckets have them",
        ),
        (
            "# TYPE a counter\na_total 1 # x\n",
            "line 2, column 11: expected `# {` of an exemplar, found `#`",
        ),
        (
            "# TYPE a counter\na_total 1 # {b=\"c\"}\n",
            "line 2, column 20: expected one blank before the exemplar's value, found the end of the line",
        ),
        (
            "# TYPE a counter\na_total 1 # {b=\"c\"} x\n",
            "line 2, column 21: bad value `x`",
        ),
        (
            "# TYPE a counter\na_total 1 # {b=\"c\",} 1\n",
            "line 2, column 20: expected a label name, found `}`",
        ),
        (
            "# TYPE a counter\na_total 1 # {b=\"c\"} 1 2 3\n",
            "line 2, column 25: expected the end of the line, found `3`",
        ),
        (
            "# TYPE a counter\na_total 1  # {b=\"c\"} 1\n",
            "line 2, column 10: expected one blank behind the value, found ` `",
        ),
    ];
    for (text, expected) in table {
        let error = parse(format!("{text}# EOF\n")).unwrap_err().to_string();
        assert_eq!(error, *expected, "{text}");
    }
    let long = "é".repeat(128);
    let fine = format!(
        "# TYPE a counter\na_total 1 # {{b=\"{}\"}} 1\n# EOF\n",
        "é".repeat(127)
    );
    assert_eq!(parse(fine).unwrap().len(), 1);
    let error = parse(format!(
        "# TYPE a counter\na_total 1 # {{b=\"{long}\"}} 1\n# EOF\n"
    ));
    assert_eq!(
        error.unwrap_err().to_string(),
        "line 2, column 11: exemplar with labels of 129 characters, more than 128"
    );
}

#[test]
fn the_end() {
    let said = |text: &str| {
        parse_as(text, Some(Format::OpenMetrics), Limits::default())
            .map(|page| page.len())
            .map_err(|error| error.to_string())
    };
    let no_eof =
        "an OpenMetrics page that does not end with `# EOF`: it was cut, or is another format";
    assert_eq!(said("a 1\n# EOF\n"), Ok(1));
    assert_eq!(said("a 1\n# EOF"), Ok(1));
    assert_eq!(said("# EOF\n"), Ok(0));
    assert_eq!(said(""), Err(format!("line 1, column 1: {no_eof}")));
    assert_eq!(said("a 1\n"), Err(format!("line 2, column 1: {no_eof}")));
    assert_eq!(said("a 1"), Err(format!("line 1, column 4: {no_eof}")));
    assert_eq!(
        said("# EOF\n\n"),
        Err("line 2, column 1: something after `# EOF`".into())
    );
    assert_eq!(
        said("# EOF\n# EOF\n"),
        Err("line 2, column 1: something after `# EOF`".into())
    );
    // Without a word from outside, the last line decides; elsewhere it is a comment.
    assert_eq!(parse("# EOF\na 1\n").unwrap().format(), Format::Text);
    let text = parse_as("a 1\n# EOF\n", Some(Format::Text), Limits::default());
    assert!(!text.unwrap().is_openmetrics());
    for (content_type, format) in [
        ("text/plain; version=0.0.4", Format::Text),
        (
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::OpenMetrics,
        ),
        (" Application/OpenMetrics-Text", Format::OpenMetrics),
        ("", Format::Text),
    ] {
        assert_eq!(Format::of_content_type(content_type), format);
    }
}
