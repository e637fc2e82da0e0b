//! Twenty years of every class of gap: found as they were planted, in one statement, or in as many as an old server needs.
//!
//! In short form of 60 symbols; `TRADEOPS_SOAK=1` makes it 500, two and a half million rows.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tradeops::coverage::{Ledger, Survey, survey};
use tradeops::questdb::{Limits, Server};
use tradeops::run::Cx;

use crate::html::assert_whole;
use crate::planted::{Planted, evening};
use crate::proxy::{Go, Proxy};
use crate::server::{Container, env};
use crate::store::{at, number, run, settle};

/// Figures for whoever reads the log of a soak.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

pub(crate) fn limits() -> Limits {
    Limits {
        rows: 1_000_000,
        bytes: 256 << 20,
        time: Duration::from_secs(300),
    }
}

/// A server that counts the statements that read rows.
pub(crate) fn counting(port: u16) -> (Server, Arc<AtomicUsize>) {
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = reads.clone();
    let proxy = Proxy::start(port, move |_, asked| {
        if asked.contains("GROUP BY") {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        Go::On
    });
    (at(proxy.port), reads)
}

pub(crate) fn told(survey: &Survey) -> BTreeMap<String, Vec<String>> {
    let line = |gap: &tradeops::coverage::Gap| {
        format!(
            "{} {} {} {} {} {}",
            gap.from,
            gap.to,
            gap.sessions,
            gap.half_days,
            gap.place.word(),
            gap.class.word()
        )
    };
    let symbols = survey.symbols.iter();
    symbols
        .map(|s| (s.symbol.clone(), s.gaps.iter().map(line).collect()))
        .collect()
}

fn twenty_years(image: &str, slices: usize) {
    let soak = std::env::var("TRADEOPS_SOAK").is_ok();
    let planted = Planted::new(if soak { 500 } else { 60 });
    let container = Container::start(image, 9000, &[], &[]);
    let direct = at(container.port);
    let began = Instant::now();
    let rows = planted.fill(&direct, "market_data");
    let loaded = began.elapsed();
    let (server, reads) = counting(container.port);
    let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let ledger = planted.ledger(folder.path(), "s");
    let cx = Cx::detached();
    let look = |ledger: &Ledger| {
        reads.store(0, Ordering::SeqCst);
        survey(&cx, &server, planted.asked(), ledger, limits()).unwrap_or_else(|e| panic!("{e}"))
    };
    let began = Instant::now();
    let found = look(&ledger);
    say(&format!(
        "{rows} rows of {} symbols loaded in {loaded:?}, surveyed in {:?}",
        planted.symbols,
        began.elapsed()
    ));
    assert_eq!(reads.load(Ordering::SeqCst), slices, "statements");
    let expected = planted.missing();
    assert_eq!(found.symbols.len(), planted.symbols);
    for (symbol, gaps) in told(&found) {
        assert_eq!(Some(&gaps), expected.get(&symbol), "{symbol}");
    }
    let counted: i64 = found.symbols.iter().map(|s| s.holding.rows).sum();
    assert_eq!(counted, i64::try_from(rows).unwrap_or(0));
    // The first and last row; that of a Sunday is neither due nor missing.
    let complete = found.symbols.iter().find(|s| s.symbol == "S0");
    let complete = complete.unwrap_or_else(|| panic!("S0"));
    let sessions = &planted.sessions;
    assert_eq!(complete.holding.first, evening(sessions[0].0));
    assert_eq!(
        complete.holding.last,
        evening(sessions[sessions.len() - 1].0)
    );
    assert_eq!(complete.present_days, complete.due_days);
    assert_eq!((complete.lag_days, complete.density), (0, Some(1.0)));
    // Without the ledger nobody was asked.
    let nobody = Ledger::open(folder.path(), "another").unwrap_or_else(|e| panic!("{e}"));
    let blank = told(&look(&nobody));
    for s in ["S6", "S7"] {
        assert!(blank[s][0].ends_with("never_asked"), "{s}: {:?}", blank[s]);
    }
    let began = Instant::now();
    let page = tradeops::coverage::page("All", &[&found], chrono::Utc::now(), 200);
    say(&format!(
        "a page of {} bytes in {:?}",
        page.len(),
        began.elapsed()
    ));
    let names: Vec<String> = found.symbols.iter().map(|s| s.symbol.clone()).collect();
    assert_whole(&page, &names);
    assert!(page.len() < 8_000_000, "{}", page.len());
    several_rows_a_day(&direct, &server, &planted, &found, &reads);
}

/// The same days with several rows on each, and with rows that come late and twice.
fn several_rows_a_day(
    direct: &Server,
    server: &Server,
    planted: &Planted,
    found: &Survey,
    reads: &AtomicUsize,
) {
    let names = ["S10", "S1", "S2", "S3", "S8", "S9"];
    let which = names.map(|name| format!("'{name}'")).join(",");
    run(
        direct,
        "CREATE TABLE twice (symbol SYMBOL, timestamp TIMESTAMP, volume LONG) TIMESTAMP(timestamp) PARTITION BY MONTH WAL",
    );
    for hours in [0, -21] {
        // In pieces: an old server opens every partition of what it copies.
        for year in 2006..=2026 {
            run(
                direct,
                &format!(
                    "INSERT INTO twice SELECT symbol, dateadd('h', {hours}, timestamp), volume FROM market_data WHERE symbol IN ({which}) AND timestamp >= '{year}-01-01' AND timestamp < '{}-01-01'",
                    year + 1
                ),
            );
        }
    }
    // Long behind the others, and the last microsecond of a day.
    run(
        direct,
        "INSERT INTO twice (symbol, timestamp) VALUES ('S1', '2006-11-28T23:59:59.999999Z')",
    );
    settle(direct, "twice");
    let mut asked = planted.asked();
    asked.tables[0].table = "twice".into();
    asked.symbols = Some(names.map(str::to_owned).into());
    let nobody = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let ledger = Ledger::open(nobody.path(), "s").unwrap_or_else(|e| panic!("{e}"));
    let cx = Cx::detached();
    reads.store(0, Ordering::SeqCst);
    let again = survey(&cx, server, asked, &ledger, limits()).unwrap_or_else(|e| panic!("{e}"));
    // Months of three columns: all at once on both versions; the newest rows have told that there are several a day.
    assert_eq!(reads.load(Ordering::SeqCst), 1, "statements");
    for symbol in &again.symbols {
        let one = found.symbols.iter().find(|s| s.symbol == symbol.symbol);
        let one = one.unwrap_or_else(|| panic!("{}", symbol.symbol));
        let late = i64::from(symbol.symbol == "S1");
        assert_eq!(symbol.holding.rows, 2 * one.holding.rows + late);
        assert_eq!(symbol.holding.days.len(), one.holding.days.len() + late);
        if late == 0 {
            assert_eq!(symbol.gaps, one.gaps, "{}", symbol.symbol);
        } else {
            assert_eq!(symbol.gaps[0].place.word(), "internal");
            assert_eq!(symbol.gaps[0].sessions, one.gaps[0].sessions - 1);
        }
    }
    assert_eq!(number(direct, "SELECT count() AS n FROM twice") % 2, 1);
}

#[test]
fn on_the_stacks_version() {
    // 7,305 days, of which eight columns let 500 be read at once.
    twenty_years(&env("QUESTDB_IMAGE"), 15);
}

#[test]
fn on_a_newer_version() {
    twenty_years(&env("QUESTDB_9_IMAGE"), 1);
}
