//! What must hold of any bytes that a program may write as its log, and of any condition: no panic, every line is shown,
//! filtered, dropped or folded, what is at least a warning is found by the prefilter's literals, and the output for machines
//! is JSON. The first bytes choose the options, the first line is a condition.
#![no_main]

#[path = "../../src/instant.rs"]
#[expect(dead_code, reason = "only a part is asked")]
mod instant;

#[path = "../../src/pattern.rs"]
mod pattern;

#[path = "../../src/tokens.rs"]
mod tokens;

#[path = "logs_domain.rs"]
#[expect(dead_code, unreachable_pub, reason = "only a part is asked")]
mod logs;

use std::borrow::Cow;

use logs::query::{Query, pattern};
use logs::{Clean, Condition, Level, Order, Output, Record, Sequence, Source, Sources, Stream, View};

struct Open;

impl Clean for Open {
    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }
    fn value(&self, value: &serde_json::Value) -> serde_json::Value {
        value.clone()
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [choice, more, rest @ ..] = data else {
        return;
    };
    let bit = |byte: &u8, at: u8| byte >> at & 1 == 1;
    let mut parts = rest.splitn(2, |byte| *byte == b'\n');
    let condition = std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
    let text = parts.next().unwrap_or_default();
    let patterns = ["error", "\\s", "[^q]a", "^at$"];
    let query = Query {
        level: bit(choice, 0).then(|| Level::ALL[usize::from(more >> 5) % 6]),
        grep: bit(choice, 1).then(|| pattern(patterns[usize::from(more >> 3) % 4], true).ok()).flatten().into_iter().collect(),
        condition: Condition::parse(condition).ok(),
        since: bit(choice, 2).then_some(1_795_876_386_000_000_000),
        ..Query::default()
    };
    let order = Order {
        rate: bit(choice, 3).then(|| usize::from(more & 7) + 1),
        fold: bit(choice, 4),
        context: usize::from(more & 3) * usize::from(bit(choice, 5)),
        templates: true,
        max_errors: None,
    };
    let view = View {
        machine: bit(choice, 6),
        colour: bit(choice, 7),
        datetime: true,
        names: true,
        message: bit(more, 7),
        fields: if bit(more, 6) { vec!["a.b[0]".into(), "message".into()] } else { vec![] },
        highlight: regex::Regex::new("e.r|a").into_iter().collect(),
        clean: Box::new(Open),
    };
    let sources = Sources::default();
    let (number, _) = sources.add(Source::file("x"));
    let mut out = Vec::new();
    let mut sink = Output::new(&view, &mut out);
    let mut sequence = Sequence::new(&sources, order, &mut sink);
    let mut lines = 0;
    logs::records(text, |text, count| {
        lines += u64::from(count);
        let record = Record { source: number, at: None, stream: Stream::Err, text, lines: count, cut: false, late: None };
        if let Some(found) = logs::severity_of(text)
            && found.level >= Level::Warn
        {
            let with_feed = [b"\n", text].concat();
            let has = |literal: &String| memchr::memmem::find(&with_feed, literal.as_bytes()).is_some();
            assert!(logs::literals(found.level).iter().any(has), "{found:?}");
        }
        let judged = query.judge(record, "x");
        sequence.push(record, judged, None).unwrap();
    });
    let (tally, lost) = sequence.finish();
    assert!(lost.is_none());
    let counts = tally.counts.first().cloned().unwrap_or_default();
    assert_eq!(counts.lines, lines);
    assert_eq!(counts.lines, counts.shown + counts.filtered + counts.dropped + counts.folded, "{counts:?}");
    let out = String::from_utf8(out).unwrap();
    if view.machine {
        for line in out.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
});
