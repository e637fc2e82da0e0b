//! `tradeops coverage` as an operator calls it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use chrono::{NaiveDate, TimeDelta, Utc};
use serde_json::Value;
use tradeops::coverage::{Entry, Ledger, State};
use tradeops::questdb::Server;

use crate::html::assert_whole;
use crate::operator::{Operator, ended};
use crate::planted::{day, sessions};
use crate::server::{Container, env, eventually, unique};
use crate::standin::request;
use crate::store::{at, run, settle};

const FROM: &str = "2024-06-03";
const TO: &str = "2024-12-31";

/// Symbols with what is missing of each: all there, a hole with a half day, listed later, a name to be escaped.
const EVIL: &str = "B\"<&>'\\C";

fn fill(server: &Server) -> BTreeMap<&'static str, Vec<NaiveDate>> {
    let all = sessions(day(FROM), day(TO));
    let dates = |keep: &dyn Fn(NaiveDate) -> bool| -> Vec<NaiveDate> {
        all.iter().map(|d| d.0).filter(|date| keep(*date)).collect()
    };
    let hole = day("2024-11-27")..=day("2024-12-03");
    let stored = BTreeMap::from([
        ("AAPL", dates(&|_| true)),
        ("MSFT", dates(&|date| !hole.contains(&date))),
        ("NEWLY", dates(&|date| date >= day("2024-09-03"))),
        (EVIL, dates(&|date| date < day("2024-12-27"))),
    ]);
    run(
        server,
        "CREATE TABLE market_data (symbol SYMBOL, timestamp TIMESTAMP, close DOUBLE) TIMESTAMP(timestamp) PARTITION BY MONTH WAL",
    );
    for (symbol, dates) in &stored {
        for some in dates.chunks(60) {
            let rows: Vec<_> = some
                .iter()
                .map(|date| {
                    format!(
                        "('{}','{date}T00:00:00.000000Z',1.0)",
                        symbol.replace('\'', "''")
                    )
                })
                .collect();
            run(
                server,
                &format!("INSERT INTO market_data VALUES {}", rows.join(",")),
            );
        }
    }
    settle(server, "market_data");
    // As a provider's listing calendar has it; the time of its rows is not that of the listing.
    run(
        server,
        "CREATE TABLE ipo_calendar (symbol SYMBOL, date STRING, timestamp TIMESTAMP) TIMESTAMP(timestamp) PARTITION BY YEAR WAL",
    );
    run(
        server,
        "INSERT INTO ipo_calendar VALUES ('NEWLY', '2024-09-03', '2024-08-01T00:00:00.000000Z')",
    );
    settle(server, "ipo_calendar");
    // Two of three days have news, without the last ones.
    run(
        server,
        "CREATE TABLE news_items (symbol SYMBOL, ts TIMESTAMP, title STRING) TIMESTAMP(ts) PARTITION BY DAY WAL",
    );
    run(
        server,
        "INSERT INTO news_items SELECT 'AAPL', dateadd('d', cast(x - 1 AS int), cast('2024-06-03T08:00:00.000000Z' AS timestamp)), 't' FROM long_sequence(212) WHERE x % 3 <> 0",
    );
    settle(server, "news_items");
    stored
}

fn symbol<'a>(result: &'a Value, asset: &str, name: &str) -> &'a Value {
    let assets = result["assets"].as_array().into_iter().flatten();
    let mut symbols = assets
        .filter(|a| a["asset"] == asset)
        .flat_map(|a| a["symbols"].as_array().into_iter().flatten());
    symbols
        .find(|s| s["symbol"] == name)
        .unwrap_or_else(|| panic!("{asset} {name}: {result}"))
}

const SPAN: [&str; 4] = ["--start", FROM, "--end", TO];

fn told(operator: &Operator, stored: &BTreeMap<&str, Vec<NaiveDate>>) {
    let of = |assets: &str, symbols: &str, code: i32| {
        let args = [&SPAN[..], &["--assets", assets, "--symbols", symbols]].concat();
        operator.json(&args, code)
    };
    // All that is due is there; one that was listed later is as complete.
    let whole = of("equities", "AAPL,NEWLY", 0);
    assert_eq!(whole["schema"], "tradeops.coverage/1");
    assert_eq!(whole["assets"][0]["complete"], 2);
    let due = i64::try_from(stored["AAPL"].len()).unwrap_or(0);
    let newly = symbol(&whole, "equities", "NEWLY");
    let before = due - i64::try_from(stored["NEWLY"].len()).unwrap_or(0);
    assert_eq!(
        (&newly["not_listed"], &newly["to_fill"]),
        (&before.into(), &0.into())
    );
    assert_eq!(newly["gaps"][0]["class"], "not_listed");
    // Nov 27 to Dec 3, Thanksgiving and a weekend within: four sessions, one of them short.
    let holed = of("equities", &format!("MSFT,{EVIL}"), 1);
    let msft = symbol(&holed, "equities", "MSFT");
    let gap = serde_json::json!({"class": "never_asked", "days": 7, "from": "2024-11-27", "half_days": 1, "open": true, "place": "internal", "sessions": 4, "to": "2024-12-03"});
    assert_eq!(msft["gaps"], serde_json::json!([gap]));
    assert_eq!(
        (&msft["to_fill"], &msft["internal"], &msft["lag_days"]),
        (&4.into(), &4.into(), &0.into())
    );
    let evil = symbol(&holed, "equities", EVIL);
    // Dec 27, 30 and 31.
    assert_eq!(
        (&evil["lag_days"], &evil["trailing"]),
        (&3.into(), &3.into())
    );
    // A day without news is nothing strange while there are enough of them; the ends count.
    let news = of("news", "AAPL", 0);
    let news = symbol(&news, "news", "AAPL");
    assert_eq!(news["to_fill"], 0, "{news}");
    assert!(news["internal"].as_i64() > Some(60), "{news}");
    let args = [&SPAN[..], &["--assets", "news", "--symbols", "AAPL"]].concat();
    let strict = operator
        .on_store(&args)
        .env("BACKFILL_DENSITY_THRESHOLD", "0.7");
    ended(strict, &args, 1);
    // An asset without any table has nothing.
    let options = of("options", "AAPL", 1);
    assert_eq!(options["assets"][0]["absent"][0], "options_data");
    assert_eq!(symbol(&options, "options", "AAPL")["whole"], due);
    // Only some gaps are listed, and it is said how many are not.
    let few = operator.json(&[&args[..], &["--gaps", "3"]].concat(), 0);
    let few = symbol(&few, "news", "AAPL");
    assert_eq!(few["gaps"].as_array().map(Vec::len), Some(3));
    let (left, total) = (few["gaps_left_out"].as_i64(), few["gaps_total"].as_i64());
    assert_eq!(left.map(|left| left + 3), total);
}

fn for_people(operator: &Operator) {
    let args = [
        &SPAN[..],
        &[
            "--assets",
            "equities",
            "--symbols",
            "AAPL,MSFT,NEWLY",
            "--width",
            "14",
        ],
    ]
    .concat();
    let said = operator.done(&args, 1).out;
    assert!(
        said.contains("equities: 2 of 3 symbols have what is due from 2024-06-03 to 2024-12-31, 147 sessions; market_data\n"),
        "{said}"
    );
    assert!(
        said.contains("  AAPL  |██████████████| 100.0 %  lag 0  nothing missing\n"),
        "{said}"
    );
    assert!(
        said.contains("  NEWLY |------████████| 100.0 %  lag 0  63 not listed (1 half days)\n"),
        "{said}"
    );
    assert!(
        said.contains("lag 0  4 never asked (1 half days)\n"),
        "{said}"
    );
    let ascii = operator.done(&[&args[..], &["--ascii"]].concat(), 1).out;
    assert!(ascii.contains("  AAPL  |##############|"), "{ascii}");
    assert!(ascii.is_ascii(), "{ascii}");
}

/// What providers were asked, as a backfill's ledger has it: it names the classes, and how far it has come.
fn with_a_ledger(operator: &Operator) {
    let store = format!("127.0.0.1:{}", operator.port);
    let ledger = Ledger::open(&operator.world.state(), &store).unwrap_or_else(|e| panic!("{e}"));
    let entry = |symbol: &str, from: &str, to: &str, state, empty: &[&str]| Entry {
        at: "2026-11-20T12:00:00Z".parse().unwrap_or_default(),
        plan: "p".into(),
        chunk: format!("{symbol} {from}"),
        asset: "equities".into(),
        symbol: symbol.into(),
        from: day(from),
        to: day(to),
        state,
        rows: None,
        empty: empty.iter().map(|e| (*e).to_owned()).collect(),
        error: None,
    };
    ledger
        .write(vec![
            entry(
                "MSFT",
                "2024-11-27",
                "2024-12-03",
                State::Verified,
                &["2024-11-27..2024-12-03"],
            ),
            entry(EVIL, "2024-12-27", "2024-12-31", State::Failed, &[]),
        ])
        .unwrap_or_else(|e| panic!("{e}"));
    let args = [
        &SPAN[..],
        &["--assets", "equities", "--symbols", "AAPL,MSFT"],
    ]
    .concat();
    let known = operator.json(&args, 0);
    let msft = symbol(&known, "equities", "MSFT");
    assert_eq!(
        (&msft["empty"], &msft["never_asked"]),
        (&4.into(), &0.into())
    );
    let args = [&SPAN[..], &["--assets", "equities", "--symbols", EVIL]].concat();
    assert_eq!(
        symbol(&operator.json(&args, 1), "equities", EVIL)["failed"],
        3
    );
}

/// The gauges, in a file and on a Pushgateway, which reads them by its own rules.
fn metrics(operator: &Operator) {
    let gateway = Container::start(&env("PUSHGATEWAY_IMAGE"), 9091, &[], &[]);
    let url = format!("http://127.0.0.1:{}", gateway.port);
    // One that is starting may take a connection and end it.
    eventually(|| {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.port))?;
        stream.write_all(b"GET /-/ready HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.contains(" 200 ") {
            true => Ok(()),
            false => Err(std::io::Error::other(answer)),
        }
    });
    let names = format!("AAPL,MSFT,NONE,{EVIL}");
    let args = [
        &SPAN[..],
        &[
            "--assets",
            "equities",
            "--symbols",
            &names,
            "--metrics-prom",
            "coverage.prom",
            "--pushgateway",
            &url,
        ],
    ]
    .concat();
    operator.done(&args, 1);
    let text = operator.world.read("coverage.prom").unwrap_or_default();
    let evil = "B\\\"<&>'\\\\C";
    let first = day(FROM)
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
        .timestamp();
    for line in [
        format!(
            "asset_symbol_coverage_timestamp_seconds{{asset=\"equities\",symbol=\"AAPL\",bound=\"oldest\"}} {first}.0"
        ),
        "asset_symbol_coverage_span_days{asset=\"equities\",symbol=\"AAPL\"} 211".into(),
        "asset_symbol_coverage_lag_days{asset=\"equities\",symbol=\"NONE\"} 147".into(),
        "asset_symbol_coverage_span_days{asset=\"equities\",symbol=\"NONE\"} 0".into(),
        format!("asset_symbol_coverage_lag_days{{asset=\"equities\",symbol=\"{evil}\"}} 3"),
        "historical_backfill_progress_timestamp_seconds 1795176000.0".into(),
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line} in {text}");
    }
    assert!(!text.contains("symbol=\"NONE\",bound"), "{text}");
    let page = request(gateway.port, "GET", "/metrics").1;
    for part in [
        format!("symbol=\"{evil}\"}} 3"),
        "historical_backfill_progress_timestamp_seconds{instance=\"\",job=\"coverage\"} 1.795176e+09".into(),
        "bound=\"newest\"".into(),
    ] {
        assert!(page.contains(&part), "{part} in {page}");
    }
}

fn page(operator: &Operator) {
    let names = ["AAPL", "MSFT", "NEWLY", "NONE", EVIL].map(str::to_owned);
    let all = names.join(",");
    let args = [&SPAN[..], &["--symbols", &all, "--html", "coverage.html"]].concat();
    operator.done(&args, 1);
    let html = operator.world.read("coverage.html").unwrap_or_default();
    assert_whole(&html, &names);
    assert!(html.contains("<td>2024-11-27</td><td>2024-12-03</td><td class=\"n\">4 (1 half)</td><td>internal</td><td class=\"empty\">empty</td>"), "{html}");
    assert!(
        html.contains("<title>2024-11: 18 of 18 days</title>")
            || html.contains("<title>2024-06-03 to"),
        "{html}"
    );
    assert_eq!(html.matches("<section>").count(), 4);
}

/// What is wrong, and its exit code.
fn refusals(operator: &Operator) {
    let wrong = |args: &[&str], code: i32, why: &str| {
        let done = operator.done(args, code);
        assert!(done.err.contains(why), "{args:?}: {}", done.err);
    };
    wrong(
        &["--assets", "bonds", "--symbols", "A"],
        64,
        "there is no asset bonds",
    );
    wrong(
        &["--assets", ",", "--symbols", "A"],
        64,
        "no asset is named",
    );
    wrong(
        &["--symbols", "A", "--start", "2024-13-01"],
        64,
        "--start wants a day, and is given 2024-13-01",
    );
    wrong(
        &[
            "--symbols",
            "A",
            "--start",
            "2024-02-02",
            "--end",
            "2024-02-01",
        ],
        64,
        "is after --end",
    );
    wrong(&["--symbol", "A"], 64, "--symbols");
    wrong(&["--assets", "equities"], 64, "no symbols are named");
    // Before the calendar begins.
    wrong(
        &[
            "--assets",
            "equities",
            "--symbols",
            "A",
            "--start",
            "1990-01-01",
        ],
        3,
        "XNYS",
    );
    let lost = [
        &SPAN[..],
        &[
            "--assets",
            "equities",
            "--symbols",
            "AAPL",
            "--html",
            "no/such/folder/c.html",
        ],
    ]
    .concat();
    wrong(&lost, 73, "no/such/folder");
    let args = ["--symbols", "A", "--questdb-url", "http://127.0.0.1:9"];
    ended(operator.call(&args), &args, 69);
    let args = ["--assets", "equities", "--symbols", "A"];
    let years = operator
        .on_store(&args)
        .env("BACKFILL_TARGET_YEARS_EQUITIES", "soon");
    ended(years, &args, 64);
}

/// Without a flag the symbols are those of the stack's watchlist, and the horizon is in calendar years.
fn watchlist(operator: &Operator) {
    let project = unique("watched");
    let labels = [
        format!("com.docker.compose.project={project}"),
        "com.docker.compose.service=redis".into(),
    ];
    let open = ["redis-server", "--protected-mode", "no"];
    let redis = Container::labelled(&env("REDIS_IMAGE"), 6379, &[], &open, &labels);
    eventually(|| {
        match redis
            .sh("redis-cli sadd watchlist MSFT AAPL || true")
            .trim()
        {
            "2" | "0" => Ok(()),
            said => Err(said.to_owned()),
        }
    });
    let args = [
        "-o",
        "json",
        "--project",
        &project,
        "--assets",
        "equities,news",
    ];
    let call = operator
        .on_store(&args)
        .env("BACKFILL_TARGET_YEARS_EQUITIES", "2");
    let result = ended(call, &args, 1).json();
    let names: Vec<_> = result["assets"][0]["symbols"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|s| s["symbol"].clone())
        .collect();
    assert_eq!(names, ["AAPL", "MSFT"]);
    let today = Utc::now().date_naive();
    let months = |n| {
        today
            .checked_sub_months(chrono::Months::new(n))
            .unwrap_or(today)
    };
    assert_eq!(result["assets"][0]["from"], months(24).to_string());
    assert_eq!(result["assets"][1]["from"], months(60).to_string());
    assert!(
        result["assets"][1]["last_due"].as_str()
            >= Some((today - TimeDelta::days(2)).to_string().as_str())
    );
}

fn all(image: &str) {
    let container = Container::start(image, 9000, &[], &[]);
    let stored = fill(&at(container.port));
    let operator = Operator::new(container.port);
    told(&operator, &stored);
    for_people(&operator);
    refusals(&operator);
    watchlist(&operator);
    with_a_ledger(&operator);
    metrics(&operator);
    page(&operator);
}

#[test]
fn on_the_stacks_version() {
    all(&env("QUESTDB_IMAGE"));
}

#[test]
fn on_a_newer_version() {
    all(&env("QUESTDB_9_IMAGE"));
}
