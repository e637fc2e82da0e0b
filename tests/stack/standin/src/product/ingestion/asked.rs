//! What was asked of the backfill endpoints, in order of arrival: `GET /asked` on the control port shows it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

/// What a request wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Order {
    pub(super) path: String,
    pub(super) symbols: Vec<String>,
    pub(super) start: String,
    pub(super) end: String,
}

#[derive(Debug)]
struct Entry {
    order: Order,
    arrived_ms: u128,
    took_ms: Option<u128>,
    /// 0: the connection was closed without an answer.
    status: Option<u16>,
    fault: Option<&'static str>,
    rows: usize,
}

#[derive(Debug)]
struct Book {
    entries: Vec<Entry>,
    /// Entries that were cleared away, so that the number of one that is still under way stays its own.
    cleared: usize,
    in_flight: usize,
    most_in_flight: usize,
}

#[derive(Debug)]
pub(super) struct Asked {
    since: Instant,
    book: Mutex<Book>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            book: Mutex::new(Book {
                entries: Vec::new(),
                cleared: 0,
                in_flight: 0,
                most_in_flight: 0,
            }),
        }
    }
}

impl Asked {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down that a request came; its number is what the rest is said of.
    pub(super) fn arrived(&self, order: Order) -> usize {
        let mut book = self.book();
        book.in_flight += 1;
        book.most_in_flight = book.most_in_flight.max(book.in_flight);
        book.entries.push(Entry {
            order,
            arrived_ms: self.since.elapsed().as_millis(),
            took_ms: None,
            status: None,
            fault: None,
            rows: 0,
        });
        book.cleared + book.entries.len() - 1
    }

    pub(super) fn faulty(&self, number: usize, fault: &'static str) {
        self.change(number, |entry| entry.fault = Some(fault));
    }

    pub(super) fn stored(&self, number: usize, rows: usize) {
        self.change(number, |entry| entry.rows += rows);
    }

    pub(super) fn ended(&self, number: usize, status: u16) {
        let now = self.since.elapsed().as_millis();
        self.change(number, |entry| {
            entry.status = Some(status);
            entry.took_ms = Some(now - entry.arrived_ms);
        });
        let mut book = self.book();
        book.in_flight = book.in_flight.saturating_sub(1);
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Entry)) {
        let mut book = self.book();
        let at = number.checked_sub(book.cleared);
        if let Some(entry) = at.and_then(|at| book.entries.get_mut(at)) {
            change(entry);
        }
    }

    pub(super) fn clear(&self) {
        let mut book = self.book();
        book.cleared += book.entries.len();
        book.entries.clear();
        book.most_in_flight = book.in_flight;
    }

    pub(super) fn shown(&self) -> Value {
        let book = self.book();
        let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        let mut requests = Vec::new();
        for entry in &book.entries {
            let status = entry
                .status
                .map_or_else(|| "none yet".to_owned(), |status| status.to_string());
            *statuses.entry(status).or_default() += 1;
            let order = &entry.order;
            let range = format!(
                "{} {} {} {}",
                order.path,
                order.symbols.join(","),
                order.start,
                order.end
            );
            *times.entry(range).or_default() += 1;
            requests.push(json!({
                "path": order.path, "symbols": order.symbols, "start": order.start, "end": order.end,
                "status": entry.status, "fault": entry.fault, "rows": entry.rows,
                "at_ms": entry.arrived_ms as u64, "took_ms": entry.took_ms.map(|ms| ms as u64),
            }));
        }
        times.retain(|_, times| *times > 1);
        json!({
            "count": requests.len(), "statuses": statuses, "most_in_flight": book.most_in_flight,
            "more_than_once": times, "requests": requests,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(symbol: &str) -> Order {
        Order {
            path: "/news/backfill".to_owned(),
            symbols: vec![symbol.to_owned()],
            start: "2024-01-01".to_owned(),
            end: "2024-01-31".to_owned(),
        }
    }

    #[test]
    fn what_was_asked_is_counted_and_kept_in_order() {
        let asked = Asked::default();
        let (first, second) = (asked.arrived(order("A")), asked.arrived(order("B")));
        asked.stored(second, 5);
        asked.ended(second, 200);
        asked.faulty(first, "half");
        asked.ended(first, 0);
        let again = asked.arrived(order("A"));
        let shown = asked.shown();
        assert_eq!(shown["count"], 3);
        assert_eq!(shown["most_in_flight"], 2);
        assert_eq!(shown["statuses"], json!({"0": 1, "200": 1, "none yet": 1}));
        assert_eq!(shown["requests"][0]["fault"], "half");
        assert_eq!(shown["requests"][1]["rows"], 5);
        assert_eq!(
            shown["more_than_once"],
            json!({"/news/backfill A 2024-01-01 2024-01-31": 2})
        );
        // One that was under way when it was cleared is not taken for a new one.
        asked.clear();
        let newer = asked.arrived(order("C"));
        asked.ended(again, 500);
        assert_eq!(asked.shown()["statuses"], json!({"none yet": 1}));
        asked.ended(newer, 200);
        assert_eq!(asked.shown()["statuses"], json!({"200": 1}));
    }
}
