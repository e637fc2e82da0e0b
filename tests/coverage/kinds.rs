//! Tables of every kind: without partitions, without a designated time, with symbols of all letters, empty, not there.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use tradeops::coverage::{Asked, Due, Error, Ledger, Survey, Wanted, survey};
use tradeops::questdb::Server;
use tradeops::run::Cx;

use crate::large::{counting, limits};
use crate::planted::day;
use crate::server::{Container, env};
use crate::store::{at, run, settle};

/// Names that have to be quoted, split or left alone.
const NAMES: [&str; 5] = ["A", "O'Neil", "say \"A\"", "X,Y", "BRK.B -- 漢"];

fn wanted(table: &str, symbol: &str, lists: bool) -> Wanted {
    Wanted {
        table: table.into(),
        symbol: symbol.into(),
        lists,
    }
}

fn look(server: &Server, tables: Vec<Wanted>, symbols: Option<&[&str]>) -> Result<Survey, Error> {
    let (from, to) = (day("2024-01-01"), day("2024-01-10"));
    let asked = Asked {
        asset: "news".into(),
        tables,
        from,
        to,
        due: Due::daily(from, to, chrono::Utc::now(), chrono::TimeDelta::zero()),
        symbols: symbols.map(|names| names.iter().map(|n| (*n).to_owned()).collect()),
        listed: BTreeMap::new(),
    };
    let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let ledger = Ledger::open(folder.path(), "s").unwrap_or_else(|e| panic!("{e}"));
    survey(&Cx::detached(), server, asked, &ledger, limits())
}

/// By symbol: rows, and the days.
fn held(survey: &Survey) -> BTreeMap<String, (i64, Vec<NaiveDate>)> {
    let symbols = survey.symbols.iter();
    symbols
        .map(|s| {
            let days = s.holding.days.iter().collect();
            (s.symbol.clone(), (s.holding.rows, days))
        })
        .collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn kinds(image: &str) {
    let container = Container::start(image, 9000, &[], &[]);
    let direct = at(container.port);
    let (server, reads) = counting(container.port);
    let forms = [
        ("parts", "TIMESTAMP(ts) PARTITION BY DAY WAL"),
        ("hours", "TIMESTAMP(ts) PARTITION BY HOUR WAL"),
        ("whole", "TIMESTAMP(ts)"),
        ("loose", ""),
    ];
    for (table, form) in forms {
        run(
            &direct,
            &format!("CREATE TABLE {table} (symbol SYMBOL, ts TIMESTAMP, v LONG) {form}"),
        );
        // The n-th name on the first n + 1 days, the last of them twice; and a row of nobody. In order: a table without
        // partitions takes no others.
        let mut rows = vec![("2024-01-09T00".to_owned(), "null".to_owned())];
        for (n, name) in NAMES.iter().enumerate() {
            rows.extend((1..=n + 1).map(|d| (format!("2024-01-0{d}T23"), quoted(name))));
            rows.push((format!("2024-01-0{}T00", n + 1), quoted(name)));
        }
        rows.sort();
        let rows: Vec<_> = rows
            .iter()
            .map(|(hour, name)| format!("({name},'{hour}:59:59.999999Z',1)"))
            .collect();
        run(
            &direct,
            &format!("INSERT INTO {table} VALUES {}", rows.join(",")),
        );
        if form.ends_with("WAL") {
            settle(&direct, table);
        }
        let all = look(&server, vec![wanted(table, "symbol", false)], None);
        let all = held(&all.unwrap_or_else(|e| panic!("{table}: {e}")));
        assert_eq!(all.len(), NAMES.len(), "{table}: {all:?}");
        for (n, name) in NAMES.iter().enumerate() {
            let (rows, days) = &all[*name];
            assert_eq!(*rows, i64::try_from(n + 2).unwrap_or(0), "{table} {name}");
            let expected: Vec<_> = (1..=n + 1).map(|d| day(&format!("2024-01-0{d}"))).collect();
            assert_eq!(*days, expected, "{table} {name}");
        }
        // By their names: the same, and those that nobody has heard of.
        let some = ["O'Neil", "X,Y", "say \"A\"", "nobody"];
        let asked = look(&server, vec![wanted(table, "SYMBOL", false)], Some(&some));
        let asked = asked.unwrap_or_else(|e| panic!("{table}: {e}"));
        for (name, found) in held(&asked) {
            let expected = all.get(&name).cloned().unwrap_or_default();
            assert_eq!(found, expected, "{table} {name}");
        }
        let nobody = asked.symbols.iter().find(|s| s.symbol == "nobody");
        let nobody = nobody.unwrap_or_else(|| panic!("{table}"));
        assert_eq!(
            (nobody.lag_days, nobody.span_days, nobody.density),
            (10, 0, None)
        );
        assert_eq!(nobody.gaps[0].place.word(), "whole");
    }
    guessed_wrongly(&direct, &server, &reads);
    several_tables(&direct, &server);
    refused(&direct, &server);
}

/// Old rows are several a day, the newest thousand are not: what was guessed from these shows in the answer.
fn guessed_wrongly(direct: &Server, server: &Server, reads: &std::sync::atomic::AtomicUsize) {
    use std::sync::atomic::Ordering;
    run(
        direct,
        "CREATE TABLE turned (symbol SYMBOL, ts TIMESTAMP) TIMESTAMP(ts) PARTITION BY DAY WAL",
    );
    run(
        direct,
        "INSERT INTO turned SELECT concat('T', x % 7), dateadd('h', cast(x AS int), cast('2024-01-01T00:00:00.000000Z' AS timestamp)) FROM long_sequence(48)",
    );
    run(
        direct,
        "INSERT INTO turned SELECT concat('N', x), cast('2024-01-05T09:00:00.000000Z' AS timestamp) FROM long_sequence(2000)",
    );
    settle(direct, "turned");
    reads.store(0, Ordering::SeqCst);
    let found = look(server, vec![wanted("turned", "symbol", false)], None);
    let found = held(&found.unwrap_or_else(|e| panic!("{e}")));
    assert_eq!(reads.load(Ordering::SeqCst), 2, "statements");
    assert_eq!(found.len(), 2007);
    let rows: i64 = (0..7).map(|t| found[&format!("T{t}")].0).sum();
    assert_eq!(rows, 48);
    assert_eq!(found["T0"].1, [day("2024-01-01"), day("2024-01-02")]);
    assert_eq!(found["N1"], (1, vec![day("2024-01-05")]));
}

/// An asset in two tables, one of which has lists of symbols; one that is empty and one that is not there.
fn several_tables(direct: &Server, server: &Server) {
    run(
        direct,
        "CREATE TABLE listed (symbols SYMBOL, timestamp TIMESTAMP) TIMESTAMP(timestamp) PARTITION BY DAY WAL",
    );
    for (symbols, d) in [("A,O'Neil", 8), (" A , ,B,", 9), ("B", 9)] {
        run(
            direct,
            &format!(
                "INSERT INTO listed VALUES ({}, '2024-01-0{d}T10:00:00.000000Z')",
                quoted(symbols)
            ),
        );
    }
    run(
        direct,
        "CREATE TABLE bare (symbol SYMBOL, ts TIMESTAMP) TIMESTAMP(ts) PARTITION BY DAY WAL",
    );
    settle(direct, "listed");
    let tables = vec![
        wanted("parts", "symbol", false),
        wanted("listed", "symbols", true),
        wanted("bare", "symbol", false),
        wanted("not_there", "symbol", false),
    ];
    let found = look(server, tables, Some(&["A", "B", "O'Neil"]));
    let found = found.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(found.absent, ["not_there"]);
    assert_eq!(found.sources.len(), 3);
    let held = held(&found);
    assert_eq!(
        held["A"].1,
        [day("2024-01-01"), day("2024-01-08"), day("2024-01-09")]
    );
    assert_eq!(held["A"].0, 4);
    assert_eq!(held["B"], (2, vec![day("2024-01-09")]));
    assert_eq!(
        held["O'Neil"].1,
        [day("2024-01-01"), day("2024-01-02"), day("2024-01-08")]
    );
    let nobody = look(server, vec![wanted("parts", "symbol", false)], Some(&[]));
    assert!(nobody.is_ok_and(|found| found.symbols.is_empty()));
    let none = look(server, vec![wanted("bare", "symbol", false)], Some(&["A"]));
    let none = none.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(none.symbols[0].gaps[0].sessions, 10);
}

/// What no survey can be made of is said.
fn refused(direct: &Server, server: &Server) {
    run(direct, "CREATE TABLE timeless (symbol SYMBOL, v LONG)");
    for (table, symbol, why) in [
        ("timeless", "symbol", "has no time column"),
        ("parts", "ticker", "has no column `ticker`"),
    ] {
        let error = look(server, vec![wanted(table, symbol, false)], None);
        let error = error.err().unwrap_or_else(|| panic!("{table}"));
        assert!(error.to_string().contains(why), "{error}");
    }
    let closed = Server::new("http://127.0.0.1:9", None, None).unwrap_or_else(|e| panic!("{e}"));
    let error = look(&closed, vec![wanted("parts", "symbol", false)], None);
    assert!(matches!(error, Err(Error::Server(_))));
}

#[test]
fn on_the_stacks_version() {
    kinds(&env("QUESTDB_IMAGE"));
}

#[test]
fn on_a_newer_version() {
    kinds(&env("QUESTDB_9_IMAGE"));
}
