//! Contracts of options by underlying, and the report that is made of them: from the store, and by the ingestion API.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use rustix::process::Signal;
use serde_json::Value;
use tradeops::coverage::{Contracts, Due, Recent, Wanted, contracts};
use tradeops::questdb::Server;
use tradeops::run::Cx;

use crate::api::answering;
use crate::large::{counting, limits};
use crate::operator::{Operator, ended};
use crate::planted::{calendar, sessions};
use crate::server::{Container, env, eventually, unique};
use crate::standin::Standin;
use crate::store::{at, run, settle};

/// Days of the table: on an old server they are read in slices.
const DAYS: i64 = 700;

/// A contract of each underlying for every so many days, and how long it is traded: longer than a slice.
const EVERY: i64 = 50;
const TRADED: i64 = 300;

const UNDERLYINGS: [&str; 3] = ["AAPL", "MSFT", "O'N"];

/// Rows, as the days back from today on which a contract has one.
fn rows_of(underlying: usize) -> Vec<(i64, String)> {
    let mut rows = Vec::new();
    for back in 0..DAYS {
        // The second one has no row in the last week.
        if underlying == 1 && back < 7 {
            continue;
        }
        for born in (0..DAYS + TRADED).step_by(usize::try_from(EVERY).unwrap_or(1)) {
            if born >= back && born < back + TRADED {
                rows.push((back, format!("c{born}")));
            }
        }
    }
    rows
}

fn fill(server: &Server) {
    run(
        server,
        "CREATE TABLE options_data (underlying SYMBOL, option_symbol SYMBOL, timestamp TIMESTAMP, bid DOUBLE, ask DOUBLE, last DOUBLE, volume LONG, open_interest LONG, expiry DATE, strike DOUBLE, option_type SYMBOL, source SYMBOL, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE) TIMESTAMP(timestamp) PARTITION BY DAY WAL",
    );
    let today = Utc::now().date_naive();
    for (i, underlying) in UNDERLYINGS.iter().enumerate() {
        let least = if i == 1 { 7 } else { 0 };
        run(
            server,
            &format!(
                "INSERT INTO options_data (underlying, option_symbol, timestamp, volume) SELECT '{}', concat('c', born), dateadd('d', cast(-back AS int), cast('{today}T00:00:00.000000Z' AS timestamp)), 1 FROM (SELECT {DAYS} - x AS back FROM long_sequence({DAYS})) CROSS JOIN (SELECT (x - 1) * {EVERY} AS born FROM long_sequence({})) WHERE back >= {least} AND born >= back AND born < back + {TRADED}",
                underlying.replace('\'', "''"),
                (DAYS + TRADED) / EVERY
            ),
        );
    }
    // A row of no contract counts as a row.
    run(
        server,
        &format!(
            "INSERT INTO options_data (underlying, timestamp) VALUES ('AAPL', '{today}T00:00:01.000000Z')"
        ),
    );
    settle(server, "options_data");
}

fn recent() -> Recent {
    let to = Utc::now().date_naive();
    let from = to - TimeDelta::days(29);
    let due = Due::sessions(&calendar(), from, to, Utc::now(), TimeDelta::hours(6));
    Recent {
        from,
        to,
        due: due.unwrap_or_else(|e| panic!("{e}")),
    }
}

fn counted(server: &Server, underlyings: Option<&[String]>) -> Vec<Contracts> {
    let wanted = Wanted {
        table: "options_data".into(),
        symbol: "underlying".into(),
        lists: false,
    };
    let cx = Cx::detached();
    contracts(
        &cx,
        server,
        &wanted,
        "option_symbol",
        underlyings,
        &recent(),
        limits(),
    )
    .unwrap_or_else(|e| panic!("{e}"))
}

fn contracts_of_all(server: &Server, reads: &std::sync::atomic::AtomicUsize, statements: usize) {
    use std::sync::atomic::Ordering;
    let mut names: Vec<String> = UNDERLYINGS.iter().map(|n| (*n).to_owned()).collect();
    names.push("NONE".into());
    reads.store(0, Ordering::SeqCst);
    let found = counted(server, Some(&names));
    assert_eq!(reads.load(Ordering::SeqCst), statements, "statements");
    assert_eq!(found.len(), 4);
    let today = Utc::now().date_naive();
    for (i, underlying) in UNDERLYINGS.iter().enumerate() {
        let one = found.iter().find(|c| c.underlying == *underlying);
        let one = one.unwrap_or_else(|| panic!("{underlying}"));
        let rows = rows_of(i);
        let different: BTreeSet<&String> = rows.iter().map(|(_, contract)| contract).collect();
        let days: BTreeSet<_> = rows
            .iter()
            .map(|(back, _)| today - TimeDelta::days(*back))
            .collect();
        let extra = usize::from(i == 0);
        assert_eq!(
            one.rows,
            i64::try_from(rows.len() + extra).unwrap_or(0),
            "{underlying}"
        );
        assert_eq!(
            one.contracts,
            i64::try_from(different.len()).unwrap_or(0),
            "{underlying}"
        );
        let (first, last) = (
            one.first.map(|t| t.date_naive()),
            one.last.map(|t| t.date_naive()),
        );
        assert_eq!(
            (first.as_ref(), last.as_ref()),
            (days.first(), days.last()),
            "{underlying}"
        );
        // Sessions that closed more than six hours ago, on days without a row.
        let span = recent();
        let due = sessions(span.from, span.to)
            .into_iter()
            .map(|(date, _)| date);
        let missing: Vec<_> = due
            .filter(|date| span.due.days.contains(*date) && !days.contains(date))
            .collect();
        assert_eq!(one.missing, missing, "{underlying}");
        assert_eq!(
            one.recent_gap_days,
            if i == 1 { 7 } else { 0 },
            "{underlying}"
        );
    }
    let none = found.iter().find(|c| c.underlying == "NONE");
    let none = none.unwrap_or_else(|| panic!("NONE"));
    assert_eq!((none.rows, none.contracts, none.first), (0, 0, None));
    assert_eq!(none.recent_gap_days, 30);
    // Whoever has some, when nobody is named.
    assert_eq!(counted(server, None).len(), 3);
}

fn entry<'a>(report: &'a Value, underlying: &str) -> &'a Value {
    let all = report["coverage"].as_array().into_iter().flatten();
    all.into_iter()
        .find(|line| line["underlying"] == underlying)
        .unwrap_or_else(|| panic!("{underlying}: {report}"))
}

fn files(operator: &Operator, folder: &str) -> Value {
    let day = Utc::now().format("%Y%m%d");
    let read = |name: String| {
        let text = operator.world.read(&format!("{folder}/{name}"));
        text.unwrap_or_else(|| panic!("{name}"))
    };
    let one = read("options_coverage.json".into());
    assert_eq!(one, read(format!("options_coverage_{day}.json")));
    serde_json::from_str(&one).unwrap_or_else(|e| panic!("{e}: {one}"))
}

fn report_both_ways(operator: &Operator) {
    let folder = operator.world.path("csv");
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{e}"));
    let dir = folder.display().to_string();
    let args = ["-o", "json", "--options-report", "--output-dir", &dir];
    let url = format!("http://127.0.0.1:{}/exec", operator.port);
    let by_store = [
        &args[..],
        &[
            "--questdb-url",
            &url,
            "--underlyings",
            "AAPL,MSFT, O'N,NONE",
        ],
    ]
    .concat();
    let store = ended(operator.call(&by_store), &by_store, 0).json();
    let standin = Standin::start(operator.port, &folder);
    let api = standin.url();
    let by_api = [
        &args[..],
        &["--api-url", &api, "--underlyings", "AAPL,MSFT"],
    ]
    .concat();
    let asked = ended(operator.call(&by_api), &by_api, 0).json();
    assert_eq!(files(operator, "csv")["coverage"], asked["coverage"]);
    for underlying in ["AAPL", "MSFT"] {
        let (one, other) = (entry(&store, underlying), entry(&asked, underlying));
        for field in ["rows", "contracts", "first_day", "last_day"] {
            assert_eq!(one[field], other[field], "{underlying} {field}");
        }
        assert!(one["rows"].as_i64() > Some(0), "{one}");
        assert!(one["recent_gap_days_30d"].is_i64() && one["recent_gap_sessions_30d"].is_i64());
    }
    assert_eq!(entry(&store, "NONE")["recent_gap_days_30d"], 30);
    // Nobody named any: the five of the guide; and so many at the most. The service on an old server fails for an underlying
    // that is not there, which is that one's error and not the report's end.
    let five = operator
        .call(&[&args[..], &["--api-url", &api]].concat())
        .done()
        .json();
    assert_eq!(five["coverage"].as_array().map(Vec::len), Some(5));
    assert_eq!(entry(&five, "AAPL")["contracts"], 20);
    let two = operator.call(&[&args[..], &["--api-url", &api, "--max-underlyings", "2"]].concat());
    let two = ended(two, &args, 0);
    assert_eq!(two.json()["coverage"].as_array().map(Vec::len), Some(2));
    assert!(
        two.err.contains("3 of 5 underlyings are left out"),
        "{}",
        two.err
    );
    // A service that knows no such question answers with the total of all, which is nobody's.
    total_of_all(operator, &args);
    let closed = [&args[..], &["--api-url", "http://127.0.0.1:9"]].concat();
    ended(operator.call(&closed), &closed, 69);
    // For people.
    let said = ended(operator.call(&by_api[2..]), &by_api, 0);
    assert!(said.out.contains(" rows of 20 contracts, "), "{}", said.out);
    again_and_again(operator, &by_api[2..]);
}

fn total_of_all(operator: &Operator, args: &[&str]) {
    let api = answering(
        r#"{"rows": 9, "contracts": 9, "underlyings": 3, "first_day": null, "last_day": null}"#,
    );
    let all = [args, &["--api-url", &api, "--underlyings", "AAPL"]].concat();
    let report = ended(operator.call(&all), &all, 1).json();
    assert_eq!(
        entry(&report, "AAPL")["error"],
        "the answer is not about this underlying"
    );
    assert!(entry(&report, "AAPL").get("rows").is_none());
}

/// Until Ctrl-C, which is its end; the switch of the guide turns the scheduled one off.
fn again_and_again(operator: &Operator, args: &[&str]) {
    let file = operator.world.path("csv/options_coverage.json");
    let all = [args, &["--every", "1s"]].concat();
    let running = operator.call(&all).start();
    let mut seen = BTreeSet::new();
    eventually(|| {
        // Never half a file.
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        seen.insert(report["generated_at"].to_string());
        if seen.len() > 2 {
            Ok(())
        } else {
            Err("it has written fewer")
        }
    });
    running.signal(Signal::INT);
    let done = running.end();
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let off = operator
        .call(&all)
        .env("ENABLE_OPTIONS_COVERAGE_REPORT", "false");
    ended(off, &all, 2);
    let wrong = [args, &["--every", "soon"]].concat();
    ended(operator.call(&wrong), &wrong, 64);
}

/// What the ingestion service was told holds where nobody says otherwise.
fn as_the_service_was_told(operator: &Operator) {
    let project = unique("covered");
    let labels = [
        format!("com.docker.compose.project={project}"),
        "com.docker.compose.service=data-ingestion".into(),
    ];
    let dir = operator.world.path("csv").display().to_string();
    let told = [
        "OPTIONS_COVERAGE_UNDERLYINGS=MSFT,AAPL,NVDA",
        "OPTIONS_COVERAGE_MAX_UNDERLYINGS=2",
        "ENABLE_OPTIONS_COVERAGE_REPORT=false",
        &format!("OPTIONS_COVERAGE_OUTPUT_DIR={dir}"),
    ];
    let _container =
        Container::labelled(&env("REDIS_IMAGE"), 6379, &told, &["sleep", "600"], &labels);
    let url = format!("http://127.0.0.1:{}", operator.port);
    let args = [
        "-o",
        "json",
        "--project",
        &project,
        "--options-report",
        "--questdb-url",
        &url,
    ];
    let report = ended(operator.call(&args), &args, 0).json();
    let names: Vec<_> = report["coverage"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|l| l["underlying"].clone())
        .collect();
    assert_eq!(names.len(), 2, "{report}");
    assert!(
        names.contains(&"MSFT".into()) && names.contains(&"AAPL".into()),
        "{names:?}"
    );
    let every = [&args[..], &["--every", "interval"]].concat();
    ended(operator.call(&every), &every, 2);
    let one = operator
        .call(&args)
        .env("OPTIONS_COVERAGE_UNDERLYINGS", "NVDA");
    let one = ended(one, &args, 0).json();
    assert_eq!(one["coverage"].as_array().map(Vec::len), Some(1));
}

fn all(image: &str, statements: usize) {
    let container = Container::start(image, 9000, &[], &[]);
    fill(&at(container.port));
    let (server, reads) = counting(container.port);
    contracts_of_all(&server, &reads, statements);
    let operator = Operator::new(container.port);
    report_both_ways(&operator);
    as_the_service_was_told(&operator);
}

#[test]
fn on_the_stacks_version() {
    // 700 days of sixteen columns: 250 at once, for the rows and for the contracts.
    all(&env("QUESTDB_IMAGE"), 6);
}

#[test]
fn on_a_newer_version() {
    all(&env("QUESTDB_9_IMAGE"), 2);
}
