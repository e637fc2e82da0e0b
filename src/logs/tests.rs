//! What must hold of any bytes and any options: nothing is lost on the way, and a prefilter changes nothing.

use std::io;
use std::sync::Arc;

use proptest::prelude::*;

use super::group::{end_of, head_of};
use super::input::Input;
use super::sequence::{Counts, Order, Sequence, Sink};
use super::view::View;
use super::view::tests::view;
use super::*;
use crate::run::Cx;

/// Writes what it gets into a text, as the view shows it.
struct Text(String, Arc<View>);

impl Sink for Text {
    fn record(
        &mut self,
        source: &Source,
        look: &Look<'_>,
        rendered: Option<&str>,
    ) -> io::Result<()> {
        match rendered {
            Some(text) => self.0.push_str(text),
            None => self.1.record(&mut self.0, source, look),
        }
        Ok(())
    }

    fn note(&mut self, source: Option<&Source>, note: &Note) -> io::Result<()> {
        self.1.note(&mut self.0, source, note);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn scan(text: &str, query: &Query, order: Order, view: Arc<View>) -> (String, Counts) {
    let sources = Sources::default();
    let mut sink = Text(String::new(), view.clone());
    let context = order.context > 0;
    let mut sequence = Sequence::new(&sources, order, &mut sink);
    let reader = Box::new(io::Cursor::new(text.to_owned().into_bytes()));
    let input = Input::new("x".into(), reader, false).map_err(|e| e.to_string());
    let scan = Scan {
        query,
        view: Some(&view),
        context,
    };
    let inputs = input.into_iter().collect();
    let end = scan.run(&Cx::detached(), inputs, &sources, &mut sequence);
    assert!(matches!(end, Ok(End::Done)));
    let (tally, lost) = sequence.finish();
    assert!(lost.is_none());
    (sink.0, tally.counts.first().cloned().unwrap_or_default())
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "(INFO|ERROR|WARN|debug|FATAL)[ :]{1,2}[a-z0-9 ]{0,12}",
        2 => r#"\{"level":"(error|info|WARN)","message":"[a-z\\\\"]{0,6}"\}"#,
        1 => r#"\{"l\\u0065vel":"error"\}"#,
        2 => "(  at x|\tat y|Caused by: z|ValueError: v|Traceback \\(most recent call last\\):|)",
        1 => "level=(warn|error|x) msg=\"[a-z ]{0,5}",
        1 => "E1128 14:33:06.1 x",
        1 => "2026-11-28T14:33:0[0-9]Z [IEC] x",
        1 => "\\PC{0,12}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    (prop::collection::vec(line(), 0..40), any::<bool>()).prop_map(|(lines, end)| {
        let mut text = lines.join("\n");
        if end {
            text.push('\n');
        }
        text
    })
}

proptest! {
    #[test]
    fn every_line_is_shown_filtered_dropped_or_folded(
        text in text(),
        level in prop::option::of(prop::sample::select(Level::ALL.to_vec())),
        grep in prop::option::of(prop::sample::select(vec!["a", "error", "^at", "x$", "\\s", "[^q]"])),
        rate in prop::option::of(1_usize..4),
        (fold, context, machine) in (any::<bool>(), 0_usize..3, any::<bool>()),
    ) {
        let query = Query {
            level,
            grep: grep.into_iter().filter_map(|text| pattern(text, true).ok()).collect(),
            ..Query::default()
        };
        let order = Order { rate, fold, context, templates: true, ..Order::default() };
        let view = Arc::new(View { machine, ..view() });
        let (out, counts) = scan(&text, &query, order, view);
        let lines = text.lines().count() as u64;
        // `lines` counts none for an empty last line, and we neither.
        prop_assert_eq!(counts.lines, lines);
        prop_assert_eq!(counts.lines, counts.shown + counts.filtered + counts.dropped + counts.folded, "{:?}", counts);
        if machine {
            for line in out.lines() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{}", line);
            }
        }
    }

    #[test]
    fn a_prefilter_finds_all_that_matters(
        text in text(),
        level in prop::option::of(prop::sample::select(vec![Level::Warn, Level::Error, Level::Critical])),
        grep in prop::option::of(prop::sample::select(vec!["a", "error", "^at", "x$", "[^q]b", "\\sx", "msg=."])),
    ) {
        let query = Query {
            level,
            grep: grep.into_iter().filter_map(|text| pattern(text, true).ok()).collect(),
            ..Query::default()
        };
        let fast = scan(&text, &query, Order::default(), Arc::new(view()));
        // What is waited for can be anything, so everything is judged.
        let slow = Query { await_for: pattern("\\Anever\\z", false).into_iter().collect(), ..query };
        prop_assert_eq!(fast, scan(&text, &slow, Order::default(), Arc::new(view())));
    }

    #[test]
    fn a_text_can_be_cut_between_any_two_records(text in text()) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let (end, lines) = end_of(bytes, at);
            prop_assert!(end > at && lines > 0);
            prop_assert_eq!(head_of(bytes, at), at);
            let (alone, same) = end_of(&bytes[at..end], 0);
            prop_assert_eq!((alone, same), (end - at, lines));
            at = end;
        }
    }

    #[test]
    fn no_condition_panics(condition in "[a-z=<>~!()\" .0-9\\[\\]']{0,24}", text in text()) {
        if let Ok(condition) = Condition::parse(&condition) {
            let query = Query { condition: Some(condition), ..Query::default() };
            scan(&text, &query, Order::default(), Arc::new(view()));
        }
    }
}
