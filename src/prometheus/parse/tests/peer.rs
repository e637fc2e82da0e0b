//! What the `prometheus-parse` crate gets wrong, and what is right. The first half of each line would fail the day that
//! the crate is mended, and then goes.

use super::*;

fn theirs(text: &str) -> Vec<prometheus_parse::Sample> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    prometheus_parse::Scrape::parse(lines).unwrap().samples
}

fn label(text: &str) -> (Option<String>, Option<String>) {
    let theirs = theirs(text)
        .first()
        .and_then(|sample| sample.labels.get("a").map(str::to_owned));
    let page = parse(text).unwrap();
    let ours = page
        .samples()
        .next()
        .and_then(|sample| sample.label("a").map(str::to_owned));
    (theirs, ours)
}

#[test]
fn it_keeps_escapes_and_cuts_at_quotes() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        label(r#"m{a="x \"q\", z"} 1"#),
        (some(r#"x \"q\"#), some(r#"x "q", z"#))
    );
    assert_eq!(
        label(r#"m{a="C:\\dir"} 1"#),
        (some(r"C:\\dir"), some(r"C:\dir"))
    );
    assert_eq!(label(r#"m{a="x\ny"} 1"#), (some(r"x\ny"), some("x\ny")));
}

#[test]
fn it_loses_samples_without_a_word() {
    for text in ["m{a=\"{}\"} +Inf", "{\"utf8.name\",a=\"1\"} 4"] {
        assert_eq!(theirs(text).len(), 0, "{text}");
        assert_eq!(parse(text).unwrap().len(), 1, "{text}");
    }
    for broken in ["m{a=\"x", "m{a=\"x\" 1", "m x"] {
        assert_eq!(theirs(broken).len(), 0, "{broken}");
        assert!(parse(broken).is_err(), "{broken}");
    }
    // Commas within values cost it the labels.
    assert_eq!(label("m{a=\"x=y,z\"} 1"), (None, Some("x=y,z".into())));
}

#[test]
fn it_takes_what_is_no_sample() {
    for broken in ["m{a=\"x} 1", "1m 1", "m 1 2 3", "m{a=\"1\",a=\"2\"} 1"] {
        assert_eq!(theirs(broken).len(), 1, "{broken}");
        assert!(parse(broken).is_err(), "{broken}");
    }
}

#[test]
fn it_leaves_parts_of_a_histogram_loose() {
    let text = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n";
    let mut names: Vec<_> = theirs(text).into_iter().map(|s| s.metric).collect();
    names.sort_unstable();
    assert_eq!(names, ["h", "h_count", "h_sum"]);
    let page = parse(text).unwrap();
    assert_eq!(page.families().len(), 1);
    assert_eq!(page.family("h_sum").unwrap().name(), "h");
}
