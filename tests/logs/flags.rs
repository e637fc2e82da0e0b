//! Each flag of `logs`, on lines as programs write them.

use crate::support::{Done, World};

pub(crate) const LINES: &str = r#"2026-11-28 10:00:00,123 - app - INFO - order 7 taken
{"time":"2026-11-28T10:00:01Z","level":"warn","message":"slow \"quote\"","status":502,"http":{"path":"/quote/AAPL"},"trace_id":"ab-12"}
2026-11-28 10:00:02,000 - app - ERROR - order 8 refused
Traceback (most recent call last):
  File "a.py", line 1, in f
ValueError: C:\new\table
level=debug ts=2026-11-28T10:00:03Z msg="cache miss" trace_id=ab-123
a line with CRITICAL in it
-n
"#;

fn logs(more: &[&str]) -> Done {
    let world = World::new();
    world.file("a.log", LINES);
    let mut args = vec!["logs", "--file", "a.log"];
    args.extend(more);
    world.tradeops(&args).done()
}

#[track_caller]
fn shows(more: &[&str], expected: &str) {
    assert_eq!(logs(more).exits(0).out, expected, "{more:?}");
}

#[test]
fn what_passes() {
    assert_eq!(
        logs(&[]).exits(0).out,
        LINES,
        "text comes out as it went in"
    );
    shows(
        &["--grep", "ORDER", "--level", "info", "--squelch", "refused"],
        "2026-11-28 10:00:00,123 - app - INFO - order 7 taken\n",
    );
    shows(&["-g", "order", "-g", "!8", "--grep", "!taken"], "");
    shows(&["--level", "critical"], "a line with CRITICAL in it\n");
    shows(
        &[
            "--where",
            "status>=500 and http.path~\"/quote\"",
            "--json-field",
            "status,http.path,none",
        ],
        "502 /quote/AAPL -\n",
    );
    shows(&["--where", "msg~miss", "--json"], "cache miss\n");
    shows(&["--trace", "ab-12", "--json"], "slow \"quote\"\n");
    shows(
        &["--since", "2026-11-28T10:00:03Z"],
        "level=debug ts=2026-11-28T10:00:03Z msg=\"cache miss\" trace_id=ab-123\n",
    );
    shows(
        &["--until", "2026-11-28T10:00:00.5Z", "--datetime"],
        "[2026-11-28T10:00:00.123Z] 2026-11-28 10:00:00,123 - app - INFO - order 7 taken\n",
    );
    shows(
        &["--grep", "CRITICAL", "--context", "1"],
        "level=debug ts=2026-11-28T10:00:03Z msg=\"cache miss\" trace_id=ab-123\na line with CRITICAL in it\n-n\n",
    );
    shows(
        &[
            "--grep",
            "taken",
            "--highlight",
            "order",
            "--highlight",
            "er 7",
        ],
        "2026-11-28 10:00:00,123 - app - INFO - **order 7** taken\n",
    );
}

#[test]
fn the_gate() {
    logs(&["--fail-on-error"]).exits(2).says(&[
        "2 errors in 9 lines",
        "a.log: critical? a line with CRITICAL",
    ]);
    logs(&["--fail-on-error", "--level", "critical"]).exits(2);
    logs(&["--fail-on-error", "--allow", "order", "--allow", "a line"])
        .exits(0)
        .says(&["0 errors"]);
    logs(&["--fail-on-error", "--grep", "taken"]).exits(0);
    logs(&["--fail-on-error", "--squelch", "refused|CRITICAL"]).exits(0);
    logs(&["--fail-on-error", "--rate", "1"]).exits(2);
    logs(&["--max-errors", "2"]).exits(0);
    logs(&["--max-errors", "1"]).exits(2);
    logs(&["--until-match", "order 7"]).exits(0);
    logs(&["--until-match", "nowhere"])
        .exits(1)
        .says(&["nothing matched nowhere in 9 lines"]);
}

#[test]
fn a_report_for_ci() {
    let world = World::new();
    world.file("a.log", LINES);
    world.file("b.log", "INFO: <fine> & well\n");
    let args = [
        "logs",
        "--file",
        "a.log",
        "--file",
        "b.log",
        "--fail-on-error",
        "--report",
    ];
    world
        .tradeops(&[&args[..], &["r.xml"]].concat())
        .done()
        .exits(2);
    let xml = world.read("r.xml").unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
    assert!(
        xml.contains("<testcase classname=\"logs\" name=\"b.log\"></testcase>"),
        "{xml}"
    );
    assert!(xml.contains("<failure message=\"2 errors\">2026-11-28T10:00:02Z error 2026-11-28 10:00:02,000 - app - ERROR - order 8 refused"), "{xml}");
    world
        .tradeops(&[&args[..], &["r.json"]].concat())
        .done()
        .exits(2);
    let json: serde_json::Value = serde_json::from_str(&world.read("r.json").unwrap()).unwrap();
    assert_eq!(json["exit_code"], 2);
    assert_eq!(json["errors"], 2);
    assert_eq!(json["seen"][1]["guessed"], true);
    assert_eq!(json["sources"][1]["lines"], 1);
}

#[test]
fn over_the_rate_the_least_bad_are_left_out_and_counted() {
    let lines = (0..50).map(|n| format!("level=debug ts=2026-11-28T10:00:00.{n:03}Z msg=x\n"));
    let text: String = lines
        .chain([
            "level=error ts=2026-11-28T10:00:00.900Z msg=bad\n".to_owned(),
            "level=info ts=2026-11-28T10:00:01Z msg=next\n".to_owned(),
        ])
        .collect();
    let world = World::new();
    world.file("a.log", &text);
    let done = world
        .tradeops(&["logs", "--file", "a.log", "--rate", "5", "--stats"])
        .done()
        .exits(0);
    assert_eq!(done.out.matches("level=debug").count(), 4, "{}", done.out);
    let done = done.shows(&["msg=bad", "msg=next", "── a.log: 46 debug lines dropped ──"]);
    assert!(
        done.out.find("msg=bad") < done.out.find("46 debug"),
        "{}",
        done.out
    );
    let row = done
        .out
        .lines()
        .find(|line| line.trim_start().starts_with("a.log  "))
        .unwrap();
    let numbers: Vec<_> = row.split_whitespace().skip(1).collect();
    assert_eq!(numbers[..5], ["52", "6", "1", "0", "46"], "{row}");
}

#[test]
fn repeats_are_folded_and_nothing_is_lost_by_it() {
    let repeat = |n: i32| {
        format!(
            "ts=2026-11-28T10:00:0{}Z level=warn msg=\"GET /quote/AAPL {} in {n} ms\"\n",
            n % 5,
            429
        )
    };
    let text: String = (0..40)
        .map(repeat)
        .chain(["level=info ts=2026-11-28T10:00:04Z msg=other\n".to_owned()])
        .collect();
    let world = World::new();
    world.file("a.log", &text);
    let done = world
        .tradeops(&["logs", "--file", "a.log", "--fold", "--json"])
        .done()
        .exits(0);
    assert_eq!(
        done.out,
        "GET /quote/AAPL 429 in 0 ms\nother\n── a.log: ×39 more in 4.0 s: GET /quote/AAPL # in # ms ──\n"
    );
}

#[test]
fn machines_get_one_object_a_line() {
    let done = logs(&["-o", "json", "--level", "warn"]).exits(0);
    let all: Vec<serde_json::Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let levels: Vec<_> = all
        .iter()
        .map(|o| {
            (
                o["level"].as_str().unwrap(),
                o["level_from"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        levels,
        [("warn", "field"), ("error", "prefix"), ("critical", "word")]
    );
    assert_eq!(all[0]["fields"]["http"]["path"], "/quote/AAPL");
    assert!(
        all[1]["message"]
            .as_str()
            .unwrap()
            .ends_with("ValueError: C:\\new\\table")
    );
}

#[test]
fn the_environment_says_how_it_is_shown() {
    let world = World::new();
    world.file("a.log", "INFO: x\n");
    world.file("b.log", "INFO: y\n");
    let run = |name: &str, value: &str| {
        let args = ["logs", "--file", "a.log", "--file", "b.log"];
        world.tradeops(&args).env(name, value).done()
    };
    assert_eq!(
        run("LOG_COLOR", "no").exits(0).out,
        "a.log | INFO: x\nb.log | INFO: y\n"
    );
    assert_eq!(
        run("LOG_SHOW_CONTAINER", "no").exits(0).out,
        "INFO: x\nINFO: y\n"
    );
    assert_eq!(
        run("LOG_DATETIME", "yes").exits(0).out,
        "[no time] a.log | INFO: x\n[no time] b.log | INFO: y\n"
    );
    run("LOG_DATETIME", "maybe")
        .exits(78)
        .says(&["LOG_DATETIME"]);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_read() {
    for (flags, says) in [
        (
            ["--grep", "("],
            "`--grep` wants a regular expression, and is given `(`: unclosed group",
        ),
        (
            ["--where", "a >"],
            "`--where`: it ends where a value is wanted",
        ),
        (["--level", "loud"], "`--level`: \"loud\" is no level"),
        (["--rate", "abc"], "`--rate` wants a whole number"),
        (["--rate", "0"], "`--rate`: 0 is less than 1"),
        (["--within", "soon"], "`--within` wants a duration"),
        (["--stream", "x"], "`--stream` wants one of"),
        (["--since", "yesterday"], "`--since` wants"),
    ] {
        logs(&flags).exits(64).says(&[says]);
    }
    logs(&["api"]).exits(64).says(&["--file and services"]);
}
