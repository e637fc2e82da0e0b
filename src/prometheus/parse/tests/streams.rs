//! Pages in chunks.

use super::super::stream::{Selection, Stream, parse_only};
use super::*;

/// What a page's chunks give: all that can be told of its samples.
pub(super) fn streamed(
    text: &[u8],
    format: Format,
    limits: Limits,
    block: usize,
    mut cut: impl FnMut() -> usize,
) -> Result<Vec<String>, ParseError> {
    let mut all = Vec::new();
    let mut visit = |sample: super::super::super::Sample<'_>| {
        let mut line = format!("{} ", sample.family_name());
        super::super::super::render::sample(&mut line, &sample, format).unwrap();
        all.push(line);
    };
    let mut stream = Stream::new(format, limits);
    stream.block = block;
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, tail) = rest.split_at(cut().clamp(1, rest.len()));
        stream.feed(chunk, &mut visit)?;
        rest = tail;
    }
    stream.finish(&mut visit)?;
    Ok(all)
}

/// The same of the whole page; a stream does not put families together.
pub(super) fn whole(
    text: &[u8],
    format: Format,
    limits: Limits,
) -> Result<Vec<String>, ParseError> {
    let page = parse_as(text, Some(format), limits)?;
    let mut all = Vec::new();
    for sample in page.samples() {
        let mut line = format!("{} ", sample.family_name());
        super::super::super::render::sample(&mut line, &sample, format).unwrap();
        all.push(line);
    }
    Ok(all)
}

#[test]
fn a_long_page_in_odd_chunks() {
    let mut text = String::from("# TYPE h histogram\n");
    for index in 0..20_000 {
        text.push_str(&format!(
            "h_bucket{{path=\"/é/{}\",le=\"{}\"}} {index}\n",
            index / 10,
            index % 10
        ));
    }
    let format = Format::Text;
    let expected = whole(text.as_bytes(), format, Limits::default()).unwrap();
    for size in [1_000, 65_537, usize::MAX] {
        assert_eq!(
            streamed(
                text.as_bytes(),
                format,
                Limits::default(),
                256 << 10,
                || size
            ),
            Ok(expected.clone())
        );
    }
    // An error behind many blocks has the line of the page, not of the block.
    text.push_str("x{é=\"1\"} 1");
    let error = streamed(
        text.as_bytes(),
        format,
        Limits::default(),
        256 << 10,
        || 100_000,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 20002, column 3: expected a label name, found `é`"
    );
    let error = streamed(
        format!("{text}\n{}", "y".repeat(2 << 20))
            .replace("é=", "e=")
            .as_bytes(),
        format,
        Limits::default(),
        256 << 10,
        || 100_000,
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "line 20003, column 1: line of more than 1048576 bytes"
    );
}

#[test]
fn a_stream_without_end_of_line_is_bounded() {
    let mut stream = Stream::new(Format::Text, Limits::default());
    let chunk = vec![b'a'; 1 << 20];
    let fed = (0..64).position(|_| stream.feed(&chunk, |_| ()).is_err());
    assert_eq!(fed, Some(1));
}

const MIXED: &str = "# HELP up Whether\\nit is.\nup{job=\"a\"} 1 5\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\n# TYPE none gauge\nh_sum 0.1\nup{job=\"b\"} NaN\nh_count 2\nh_max 3\n";

#[test]
fn only_some_metrics() {
    let only = |names: &[&str]| {
        let names = names.iter().map(|n| (*n).to_owned()).collect();
        parse_only(MIXED, names, None, Limits::default())
            .unwrap()
            .to_string()
    };
    let up = "# HELP up Whether\\nit is.\nup{job=\"a\"} 1 5\nup{job=\"b\"} NaN\n";
    let h = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 0.1\nh_count 2\n";
    assert_eq!(only(&["up"]), up);
    assert_eq!(only(&["h"]), h);
    assert_eq!(only(&["h_count"]), h);
    assert_eq!(only(&["h_max", "none"]), "# TYPE none gauge\nh_max 3\n");
    assert_eq!(only(&["up", "h", "absent"]), format!("{up}{h}"));
    assert_eq!(only(&[]), "");
    // What is dropped is checked all the same.
    let error = parse_only(
        &format!("{MIXED}x"),
        vec!["up".into()],
        None,
        Limits::default(),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "line 10, column 2: sample without a value"
    );
}

#[test]
fn only_some_of_openmetrics() {
    let text = "# TYPE c counter\n# TYPE c_s counter\n# UNIT c_s s\nc_s_total 1 2 # {a=\"b\"} 3 4\n# TYPE g gauge\ng 1\n# EOF\n";
    let page = parse_only(text, vec!["c_s_total".into()], None, Limits::default()).unwrap();
    assert!(page.is_openmetrics());
    assert_eq!(
        page.to_string(),
        "# TYPE c_s counter\n# UNIT c_s s\nc_s_total 1 2.000 # {a=\"b\"} 3 4.000\n# EOF\n"
    );
    let cut = Selection::new(vec!["g".into()], Format::OpenMetrics, Limits::default());
    assert!(matches!(
        cut.finish(),
        Err(ParseError {
            line: 1,
            column: 1,
            fault: Fault::NoEof
        })
    ));
}
