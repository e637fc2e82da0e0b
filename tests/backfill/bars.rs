//! The daily bars that the made-up provider has, computed here by the rules that its documentation gives, the table that
//! must come out, and how the tool is called.

use std::collections::BTreeSet;

use chrono::{Datelike as _, NaiveDate, TimeDelta};
use serde_json::Value;
use tradeops::calendar::{Beyond, Calendar};

use crate::site::Site;
use crate::support::Run;

/// Quick to come back, and fast: the real waits are for real providers.
pub(crate) const SETTINGS: &str = r#"
[settings.backfill]
attempts = 8
backoff = "50ms"
backoff_max = "400ms"
quiet = "600ms"
lease = "3s"

[settings.backfill.routes]
equities = { timeout_seconds = 3.0, seconds_per_day = 0.0, accepted_seconds = 3.0 }
options = { timeout_seconds = 20.0, seconds_per_day = 0.0 }
news = { timeout_seconds = 20.0, seconds_per_day = 0.0 }
social = { timeout_seconds = 5.0, accepted_seconds = 3.0 }

[settings.backfill.rates]
daily_bars = { per_second = 500, burst = 100 }
options = { per_second = 500, burst = 100 }
news = { per_second = 500, burst = 100 }
social = { per_second = 500, burst = 100 }
"#;

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// The sessions from one day to another.
pub(crate) fn sessions(from: &str, to: &str) -> Vec<NaiveDate> {
    let text = include_str!("../../stdlib/calendars/XNYS.toml");
    let calendar = Calendar::parse(text, "XNYS").unwrap_or_else(|e| panic!("{e}"));
    let days = calendar.sessions(day(from), day(to), Beyond::Error);
    let days = days.unwrap_or_else(|e| panic!("{e}"));
    days.into_iter().map(|day| day.date).collect()
}

/// FNV-1a of the symbol, halved, its last six digits.
fn hash(symbol: &str) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in symbol.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    i64::try_from(hash / 2 % 1_000_000).unwrap_or(0)
}

/// A bar of a symbol on a session: symbol, day, open, high, low, close, volume.
pub(crate) type Bar = (String, NaiveDate, f64, f64, f64, f64, i64);

pub(crate) fn bar(symbol: &str, date: NaiveDate) -> Bar {
    let h = hash(symbol);
    let d = i64::from(date.num_days_from_ce()) - 719_163;
    let turn = d + h;
    let open = 20.0 + (h % 400) as f64 + (turn % 37) as f64 * 0.25;
    let close = open + (turn % 5) as f64 * 0.25 - 0.5;
    let volume = 1000 + (31 * d + h) % 9000;
    (
        symbol.to_owned(),
        date,
        open,
        open + 1.0,
        open - 1.0,
        close,
        volume,
    )
}

/// All bars of some symbols.
pub(crate) fn bars(symbols: &[&str], from: &str, to: &str) -> Vec<Bar> {
    let days = sessions(from, to);
    let mut bars: Vec<Bar> = symbols
        .iter()
        .flat_map(|symbol| days.iter().map(|day| bar(symbol, *day)))
        .collect();
    bars.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    bars
}

impl Site {
    /// A call of `tradeops backfill` that may fill.
    pub(crate) fn backfill(&self, args: &[&str]) -> Run {
        let mut all = vec!["backfill"];
        all.extend(args);
        self.tool(&all)
    }

    /// A call of the tool for this store and this service, which may fill.
    pub(crate) fn tool(&self, args: &[&str]) -> Run {
        self.world.file("tradeops.toml", SETTINGS);
        self.world
            .tradeops(args)
            .env("ENABLE_HISTORICAL_BACKFILL", "true")
            .env("INGEST_BASE_URL", self.service.url())
            .env("QUESTDB_HTTP_URL", self.url())
            .env("BACKFILL_LOCK_PATH", self.world.path("lock"))
            .env("COMPOSE_PROJECT_NAME", "no-such-project")
    }

    /// Puts bars into the store as they are.
    pub(crate) fn put(&self, bars: &[Bar]) {
        for some in bars.chunks(100) {
            let rows: Vec<String> = some
                .iter()
                .map(|(symbol, date, open, high, low, close, volume)| {
                    format!("('{symbol}','{date}T00:00:00Z',{open},{high},{low},{close},{volume},'standin')")
                })
                .collect();
            self.exec(&format!(
                "INSERT INTO market_data (symbol,timestamp,open,high,low,close,volume,source) VALUES {}",
                rows.join(",")
            ));
        }
        self.holds("market_data", i64::try_from(bars.len()).unwrap_or(0));
    }

    /// The table, in order.
    pub(crate) fn stored(&self) -> Vec<Bar> {
        // In pieces: 7.3.3 cannot open twenty years of days at once.
        let mut rows = Vec::new();
        for year in (2000..2030).step_by(2) {
            rows.extend(self.query(&format!(
                "SELECT symbol, timestamp, open, high, low, close, volume FROM market_data WHERE timestamp >= '{year}-01-01' AND timestamp < '{}-01-01'",
                year + 2
            )));
        }
        let number = |cell: &Value| cell.as_f64().unwrap_or(f64::NAN);
        let mut bars: Vec<Bar> = rows
            .iter()
            .map(|row| {
                let text = row[1].as_str().unwrap_or_default();
                assert!(text.ends_with("T00:00:00.000000Z"), "{text}");
                let (symbol, date) = (row[0].as_str().unwrap_or_default(), day(&text[..10]));
                let (open, high) = (number(&row[2]), number(&row[3]));
                let (low, close) = (number(&row[4]), number(&row[5]));
                let volume = row[6].as_i64().unwrap_or(0);
                (symbol.to_owned(), date, open, high, low, close, volume)
            })
            .collect();
        bars.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        bars
    }

    /// The table is exactly these bars: none missing, none twice.
    pub(crate) fn is(&self, expected: &[Bar], why: &str) {
        let found = self.stored();
        let key = |bar: &Bar| (bar.0.clone(), bar.1);
        let (have, want): (BTreeSet<_>, BTreeSet<_>) = (
            found.iter().map(key).collect(),
            expected.iter().map(key).collect(),
        );
        let missing: Vec<_> = want.difference(&have).take(5).collect();
        let strange: Vec<_> = have.difference(&want).take(5).collect();
        assert!(
            missing.is_empty() && strange.is_empty(),
            "{why}: missing {missing:?}, strange {strange:?}"
        );
        assert_eq!(found.len(), have.len(), "{why}: rows stand twice");
        assert_eq!(found, expected, "{why}");
    }
}

/// So many days before today.
pub(crate) fn days_ago(days: i64) -> String {
    (chrono::Utc::now().date_naive() - TimeDelta::days(days)).to_string()
}
