//! `tradeops retention` as an operator calls it, on servers of its own with the live stack's tables.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use rustix::process::Signal;
use serde_json::Value;
use tradeops::questdb::Server;

use crate::operator::{
    Operator, anew, assert_exact, count, horizons, seed, service, table, text, today, years_ago,
};
use crate::proxy::{Go, Proxy};
use crate::rows::{at, run, settle};
use crate::server::{Container, env};
use crate::support::until;

fn dry_and_real(operator: &Operator, server: &Server) {
    let whole = |name: &str| count(server, &format!("{name}_twin"));
    // Dry by default, and nothing happens.
    let dry = operator.json(&[], 0);
    assert_eq!(
        (&dry["apply"], &dry["schema"]),
        (&Value::Bool(false), &"tradeops.retention/1".into())
    );
    for wanted in horizons() {
        let found = table(&dry, wanted.table);
        let old = count(server, &format!("{} WHERE {}", wanted.table, wanted.means));
        assert_eq!(found["old"], old, "{found}");
        assert_eq!(
            (&found["total"], &found["deleted"]),
            (&whole(wanted.table).into(), &0.into())
        );
    }
    assert_eq!(table(&dry, "market_data")["cutoff"], text(years_ago(20)));
    assert_eq!(table(&dry, "daily_bars")["state"], "absent");
    let said = operator.done(&[], 0);
    assert!(
        said.out.ends_with("nothing was deleted: --apply does it\n"),
        "{}",
        said.out
    );
    assert_exact(server, &[], "a dry run");
    // For real: the same rows, by the server's count.
    let file = operator.world.path("last.json").display().to_string();
    let prom = operator.world.path("retention.prom").display().to_string();
    let done = operator.done(
        &["--apply", "--metrics-json", &file, "--metrics-prom", &prom],
        0,
    );
    assert_exact(server, &horizons(), "--policy horizons");
    let written: Value =
        serde_json::from_str(&operator.world.read("last.json").unwrap_or_default())
            .unwrap_or_default();
    for wanted in horizons() {
        assert_eq!(
            table(&written, wanted.table)["deleted"],
            table(&dry, wanted.table)["old"]
        );
    }
    let metrics = operator.world.read("retention.prom").unwrap_or_default();
    assert!(
        metrics.contains("\nretention_runs_total 1.0\n")
            && metrics.contains("\nretention_last_run_success 1\n"),
        "{metrics}"
    );
    let gone = table(&written, "market_data")["deleted"].clone();
    assert!(
        metrics.contains(&format!(
            "retention_deletions_total{{reason=\"age_cutoff\",table=\"market_data\"}} {gone}.0\n"
        )),
        "{metrics}"
    );
    // And back.
    let run = written["run"].as_str().unwrap_or_default().to_owned();
    assert!(
        done.out
            .contains(&format!("tradeops retention --undo {run} --apply")),
        "{}",
        done.out
    );
    let only_told = operator.done(&["--undo", &run], 0);
    assert!(
        only_told
            .out
            .contains("nothing was brought back: --apply does it"),
        "{}",
        only_told.out
    );
    assert_exact(server, &horizons(), "an undo that was not meant");
    operator.done(&["--undo", &run, "--apply"], 0);
    assert_exact(server, &[], "undone");
    assert!(
        operator
            .done(&["--undo", &run, "--apply"], 0)
            .out
            .contains("were back before")
    );
    assert_exact(server, &[], "undone twice");
    operator.done(&["--undo", "20200101T000000-1", "--apply"], 64);
}

fn service_in_windows(operator: &Operator, server: &Server) {
    // The tunables are the service's; the horizons do not look at them, and say so.
    let told = operator.call(&[]).env("NEWS_RETENTION_DAYS", "300").done();
    assert!(
        told.err
            .contains("NEWS_RETENTION_DAYS is set, and --policy horizons does not use it"),
        "{}",
        told.err
    );
    let dry = operator.json(&["--policy", "service"], 0);
    for wanted in service() {
        let old = count(server, &format!("{} WHERE {}", wanted.table, wanted.means));
        assert_eq!(table(&dry, wanted.table)["old"], old, "{}", wanted.time);
    }
    // One window of a day at a time: the oldest first, until nothing is left.
    let one = [
        "--policy",
        "service",
        "--table",
        "social_signals",
        "--retention-window-days",
        "2",
        "--retention-max-windows-per-table",
        "3",
        "--accept-spike",
    ];
    let mut left = i64::MAX;
    for round in 0.. {
        assert!(round < 20, "it does not drain");
        let result = operator.json(&[&one[..], &["--apply"]].concat(), 0);
        let social = table(&result, "social_signals");
        let (deleted, later) = (
            social["deleted"].as_i64(),
            social["later"].as_i64().unwrap_or(0),
        );
        assert!(deleted > Some(0) && later < left, "{social}");
        assert_eq!(social["meant"].as_i64(), deleted, "{social}");
        left = later;
        if left == 0 {
            break;
        }
    }
    operator.done(&["--policy", "service", "--apply", "--accept-spike"], 0);
    assert_exact(server, &service(), "--policy service");
    operator.done(&["--policy", "all", "--apply", "--accept-spike"], 0);
    let all: Vec<_> = horizons().into_iter().chain(service()).collect();
    assert_exact(server, &all, "--policy all");
    let explained = operator.json(
        &[
            "--policy",
            "all",
            "--explain",
            "news_items",
            &(today() - TimeDelta::days(400))
                .format("%Y-%m-%d")
                .to_string(),
        ],
        0,
    );
    assert_eq!(
        explained["rules"].as_array().map(Vec::len),
        Some(3),
        "{explained}"
    );
}

/// What is refused, and its exit code.
fn refusals(operator: &Operator, server: &Server) {
    operator.done(&["--table", "no_such_table"], 64);
    operator.done(&["--policy", "tight"], 64);
    operator.done(&["--table", "daily_bars"], 1);
    operator.done(&["--explain", "market_data"], 64);
    operator.done(
        &[
            "--questdb-url",
            &format!("http://127.0.0.1:{}", closed_port()),
        ],
        69,
    );
    // A lock that somebody has; and one that a dead one left, in the old script's way.
    let path = operator.world.path("retention.lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .unwrap_or_else(|e| panic!("{e}"));
    file.lock().unwrap_or_else(|e| panic!("{e}"));
    let held = operator.done(&["--apply"], 75);
    assert!(held.err.contains("retention.lock"), "{}", held.err);
    operator.done(&["--no-lock"], 0);
    drop(file);
    std::fs::write(&path, b"\0\0\0\0\0\0\0\0\0\x001757635200\n").unwrap_or_else(|e| panic!("{e}"));
    operator.done(&[], 0);
    // The least that has to stay, and tables that are left alone.
    operator.world.user_file("tradeops/tradeops.toml", "");
    let settings = |text: &str| {
        std::fs::write(operator.world.config().join("tradeops.toml"), text)
            .unwrap_or_else(|e| panic!("{e}"))
    };
    settings("[settings.retention.tables.market_data]\nmin_rows = 1000000\n");
    let before = count(server, "market_data");
    let stopped = operator.done(&["--apply"], 77);
    assert!(
        stopped.err.contains("rows would stay, and 1000000 have to"),
        "{}",
        stopped.err
    );
    settings("[settings.retention.tables.market_data]\nprotected = true\n");
    operator.done(&["--apply", "--table", "market_data"], 77);
    settings("[settings.retention.tables.market_data]\nyears = 19\n");
    let later = operator.json(&["--table", "market_data"], 0);
    assert_eq!(table(&later, "market_data")["cutoff"], text(years_ago(19)));
    settings("");
    let by_env = operator
        .call(&["-o", "json", "--table", "market_data"])
        .env("RETENTION_MARKET_DATA_DAYS", "7000")
        .done();
    assert!(
        by_env.out.contains(&text(today() - TimeDelta::days(7000))),
        "{}",
        by_env.out
    );
    assert_eq!(count(server, "market_data"), before);
}

fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("{e}"));
    listener
        .local_addr()
        .map(|at| at.port())
        .unwrap_or_else(|e| panic!("{e}"))
}

/// A spike stops it, once there is a history that says what is usual.
fn spike(operator: &Operator, server: &Server) {
    let old = text(today() - TimeDelta::days(400)).replace('Z', ".000000Z");
    let add = |rows: i64| {
        run(
            server,
            &format!(
                "INSERT INTO social_signals SELECT 'A', 's', dateadd('s', x::int, '{old}'::timestamp), 1.0, 1.0, 1.0, 'a', 'u', 'c' FROM long_sequence({rows})"
            ),
        );
        settle(server, "social_signals");
    };
    run(
        server,
        &format!(
            "INSERT INTO social_signals SELECT 'A', 's', dateadd('s', x::int, '{}'::timestamp), 1.0, 1.0, 1.0, 'a', 'u', 'c' FROM long_sequence(20000)",
            text(today() - TimeDelta::days(5)).replace('Z', ".000000Z")
        ),
    );
    let args = [
        "--policy",
        "service",
        "--table",
        "social_signals",
        "--apply",
    ];
    for rows in [10, 30, 20] {
        add(rows);
        operator.done(&args, 0);
    }
    add(2000);
    let stopped = operator.done(&args, 77);
    assert!(
        stopped
            .err
            .contains("stop: 2000 rows of social_signals would go"),
        "{}",
        stopped.err
    );
    assert!(
        stopped.out.contains("stopped: nothing was deleted"),
        "{}",
        stopped.out
    );
    operator.done(&[&args[..], &["--accept-spike"]].concat(), 0);
}

/// Two at once: one works, the other says that it is held. Ctrl-C leaves no hole, and the next run goes on.
fn interrupted(operator: &Operator, server: &Server) {
    let slow = Proxy::start(operator.port, |_, _| {
        std::thread::sleep(Duration::from_millis(15));
        Go::On
    });
    let url = format!("http://127.0.0.1:{}", slow.port);
    let args = [
        "--policy",
        "service",
        "--apply",
        "--accept-spike",
        "--questdb-url",
        &url,
    ];
    for requests in [15, 50, 90] {
        let before = slow.seen();
        let first = operator.call(&args).start();
        until("the requests", || slow.seen() >= before + requests);
        operator.done(&["--apply"], 75);
        first.signal(Signal::INT);
        let ended = first.end();
        assert_eq!(ended.code, 130, "{}{}", ended.out, ended.err);
        // Whatever was dropped was put back: what is meant to stay is all there.
        for wanted in service() {
            let stay = |table: &str| wanted.stay(server, table);
            assert_eq!(
                stay(wanted.table),
                stay(&format!("{}_twin", wanted.table)),
                "{requests} requests: {}",
                wanted.table
            );
        }
    }
    operator.done(&args, 0);
    assert_exact(server, &service(), "interrupted three times");
}

/// Where a flag and the environment say nothing, the ingestion container's own environment does.
fn tunables_of_the_service(operator: &Operator) {
    let project = crate::server::unique("ingestion");
    let labels = [
        format!("com.docker.compose.project={project}"),
        "com.docker.compose.service=data-ingestion".into(),
    ];
    let container = Container::labelled(
        &env("REDIS_IMAGE"),
        6379,
        &["NEWS_RETENTION_DAYS=200", "SOCIAL_RETENTION_DAYS=90"],
        &["sleep", "600"],
        &labels,
    );
    let call = operator.call(&["-o", "json", "--policy", "service", "--project", &project]);
    let done = call.env("SOCIAL_RETENTION_DAYS", "100").done();
    let result: Value =
        serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}", done.err));
    let cutoff = |name: &str| table(&result, name)["cutoff"].clone();
    assert_eq!(cutoff("news_items"), text(today() - TimeDelta::days(200)));
    assert_eq!(
        cutoff("social_signals"),
        text(today() - TimeDelta::days(100)),
        "the environment goes first"
    );
    drop(container);
}

/// The metrics go to a Pushgateway, and what counts goes on from what is there.
fn pushed(operator: &Operator) {
    let gateway = Container::start(&env("PUSHGATEWAY_IMAGE"), 9091, &[], &[]);
    let url = format!("http://127.0.0.1:{}", gateway.port);
    let page = || {
        let sql = std::process::Command::new("curl")
            .args(["-sS", &format!("{url}/metrics")])
            .output();
        String::from_utf8_lossy(&sql.unwrap_or_else(|e| panic!("{e}")).stdout).into_owned()
    };
    crate::server::eventually(|| {
        if page().contains("# ") {
            Ok(())
        } else {
            Err("it is starting")
        }
    });
    for runs in ["1", "2"] {
        operator.done(
            &["--apply", "--table", "news_items", "--pushgateway", &url],
            0,
        );
        let page = page();
        let line = format!("retention_runs_total{{instance=\"\",job=\"retention\"}} {runs}\n");
        assert!(page.contains(&line), "{runs}: {page}");
    }
}

/// A run that was killed leaves work, which is told, and ended even where a guard stops everything else.
fn cut_off(operator: &Operator, server: &Server) {
    let dropping = Arc::new(AtomicBool::new(false));
    let dying = Proxy::start(operator.port, {
        let dropping = dropping.clone();
        move |_, asked| {
            if asked.contains("DROP PARTITION LIST") {
                dropping.store(true, Ordering::SeqCst);
                std::thread::sleep(Duration::from_secs(600));
            }
            Go::On
        }
    });
    let url = format!("http://127.0.0.1:{}", dying.port);
    let args = [
        "--policy",
        "service",
        "--table",
        "news_items",
        "--apply",
        "--accept-spike",
        "--questdb-url",
        &url,
    ];
    let running = operator.call(&args).start();
    until("the drop", || dropping.load(Ordering::SeqCst));
    running.signal(Signal::KILL);
    running.end();
    dying.let_through();
    let told = operator.done(&["--table", "news_items", "--questdb-url", &url], 0);
    assert!(
        told.err
            .contains("a run was cut off in news_items: --apply brings it to its end"),
        "{}",
        told.err
    );
    operator.done(&args, 0);
    let wanted = &service()[1];
    let stay = |table: &str| wanted.stay(server, table);
    assert_eq!(stay("news_items"), stay("news_items_twin"));
    assert_eq!(count(server, "news_items"), stay("news_items"));
}

/// A plan says what would go, and applying it does that.
fn planned(operator: &Operator, server: &Server) {
    let file = operator.world.path("retention.plan").display().to_string();
    operator.done(&["--apply", "--plan-out", &file], 0);
    assert_exact(server, &[], "planned");
    let plan = operator.world.read("retention.plan").unwrap_or_default();
    assert!(
        plan.contains("retention::remove") && plan.contains("market_data"),
        "{plan}"
    );
}

fn all(image: &str) {
    let container = Container::start(image, 9000, &[], &[]);
    let server = at(container.port);
    let operator = Operator::new(container.port);
    seed(&server);
    dry_and_real(&operator, &server);
    planned(&operator, &server);
    tunables_of_the_service(&operator);
    pushed(&operator);
    refusals(&operator, &server);
    service_in_windows(&operator, &server);
    spike(&operator, &server);
    anew(&server);
    cut_off(&Operator::new(container.port), &server);
    anew(&server);
    interrupted(&Operator::new(container.port), &server);
}

#[test]
fn on_the_stacks_version() {
    all(&env("QUESTDB_IMAGE"));
}

#[test]
fn on_a_newer_version() {
    all(&env("QUESTDB_9_IMAGE"));
}
