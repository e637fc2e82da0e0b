//! What must hold of any bytes that a server may send as its metrics, in either format: no panic, what is printed reads
//! as the same page, and chunks give what the whole gives. The first two bytes choose the format and the chunks.
//!
//! The domain stands for itself, so it is compiled in alone: the runtime around it would only be slow.
#![no_main]

#[path = "../../src/prometheus/mod.rs"]
#[expect(dead_code, unused_imports, unreachable_pub, reason = "only a part is asked")]
mod prometheus;

use prometheus::{Format, Limits, Page, ParseError, Stream, parse_as, parse_only};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [choice, cut, text @ ..] = data else {
        return;
    };
    let format = match choice % 2 {
        0 => Format::Text,
        _ => Format::OpenMetrics,
    };
    let whole = parse_as(text, Some(format), Limits::default());
    let chunks = streamed(text, format, usize::from(*cut) + 1);
    match (&whole, &chunks) {
        (Ok(page), Ok(count)) => same(page, *count, format),
        (Err(one), Err(other)) => assert_eq!(one, other),
        _ => panic!("{whole:?} {chunks:?}"),
    }
});

fn streamed(text: &[u8], format: Format, cut: usize) -> Result<usize, ParseError> {
    let mut count = 0;
    let mut stream = Stream::new(format, Limits::default());
    for chunk in text.chunks(cut) {
        stream.feed(chunk, |_| count += 1)?;
    }
    stream.finish(|_| count += 1)?;
    Ok(count)
}

fn same(page: &Page, count: usize, format: Format) {
    assert_eq!(page.len(), count);
    let printed = page.to_string();
    let again = parse_as(printed.as_str(), Some(format), Limits::default());
    let again = again.unwrap_or_else(|error| panic!("{error}:\n{printed}"));
    assert_eq!(again.to_string(), printed);
    assert_eq!(
        page.families().map(|family| format!("{family:?}")).collect::<Vec<_>>(),
        again.families().map(|family| format!("{family:?}")).collect::<Vec<_>>()
    );
    for (one, other) in page.samples().zip(again.samples()) {
        assert!(one.labels().eq(other.labels()));
        let (a, b) = (one.value(), other.value());
        assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
        assert_eq!(one.timestamp_ms(), other.timestamp_ms());
        assert_eq!(one.exemplar().is_some(), other.exemplar().is_some());
    }
    if let Some(family) = page.families().last() {
        let only = vec![family.name().to_owned()];
        let some = parse_only(&printed, only, Some(format), Limits::default());
        let some = some.unwrap_or_else(|error| panic!("{error}:\n{printed}"));
        assert_eq!(some.len(), family.samples().len());
    }
}
