//! The docker domain on the real engine.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "support/docker_fixture.rs"]
mod docker_fixture;

use std::time::{Duration, Instant};

use chrono::Utc;
use docker_fixture::{Fixture, LABEL, Spec};
use tradeops::docker::{
    Engine, Error, EventRange, ExecOptions, Filter, Goal, LogBounds, LogRange, Mount, Port,
};
use tradeops::run::{Cancel, Cx, Stop};

const SLEEP: &[&str] = &["sleep", "600"];
const BOUNDS: LogBounds = LogBounds { lines: 10_000, bytes: 8 << 20 };
const SECONDS_20: Duration = Duration::from_secs(20);

fn cx() -> Cx {
    Cx::detached().within(Duration::from_secs(60))
}

fn exec_options() -> ExecOptions {
    ExecOptions {
        user: None,
        workdir: None,
        env: Vec::new(),
        stdin: None,
        timeout: SECONDS_20,
        max_bytes: 1 << 20,
    }
}

fn sh(line: &str) -> Vec<String> {
    ["sh", "-c", line].map(String::from).to_vec()
}

#[test]
fn a_container_from_start_to_removal() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let guard = fixture.container("life", &Spec { argv: SLEEP, idle: true, ..Spec::default() });
    let name = guard.name.as_str();
    let created = engine.container(&cx, name).unwrap();
    assert_eq!((created.state.as_str(), created.exit_code, created.started_at), ("created", None, None));

    let started = engine.start(&cx, name).unwrap();
    assert!(started.changed);
    assert_eq!((started.before.as_str(), started.state.as_deref()), ("created", Some("running")));
    assert!(!engine.start(&cx, name).unwrap().changed, "it runs already");

    let paused = engine.pause(&cx, name).unwrap();
    assert_eq!(paused.state.as_deref(), Some("paused"));
    assert!(!engine.pause(&cx, name).unwrap().changed);
    assert!(engine.unpause(&cx, name).unwrap().changed);
    assert!(!engine.unpause(&cx, name).unwrap().changed);

    let before = engine.container(&cx, name).unwrap();
    let restarted = engine.restart(&cx, name, Duration::ZERO).unwrap();
    assert_eq!(restarted.state.as_deref(), Some("running"));
    let after = engine.container(&cx, name).unwrap();
    assert!(after.started_at > before.started_at);
    assert_eq!((after.restart_count, after.exit_code), (0, None), "an operator's restart is not counted");

    let running = engine.remove(&cx, name, false, false).unwrap_err();
    assert!(matches!(running, Error::Conflict { .. }), "{running}");

    let stopped = engine.stop(&cx, name, Duration::from_secs(5)).unwrap();
    assert_eq!((stopped.state.as_deref(), stopped.exit_code), (Some("exited"), Some(137)));
    let again = engine.stop(&cx, name, Duration::from_secs(5)).unwrap();
    assert!(!again.changed);
    assert_eq!((again.state.as_deref(), again.exit_code), (Some("exited"), Some(137)));
    assert!(matches!(engine.pause(&cx, name), Err(Error::Conflict { .. })));
    assert!(matches!(engine.kill(&cx, name, "TERM"), Err(Error::Conflict { .. })));

    engine.start(&cx, name).unwrap();
    engine.kill(&cx, name, "KILL").unwrap();
    let ended = engine.wait_for(&cx, name, Goal::Exited, SECONDS_20).unwrap();
    assert_eq!(ended.exit_code, Some(137));

    let removed = engine.remove(&cx, name, false, true).unwrap();
    assert_eq!(removed.state.as_deref(), Some("removed"));
    assert!(matches!(engine.container(&cx, name), Err(Error::NotFound { .. })));
    assert!(matches!(engine.remove(&cx, name, true, true), Err(Error::NotFound { .. })));
}

#[test]
fn a_list_by_compose_labels() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let project = fixture.unique.clone();
    let labels = |service: &'static str, oneoff: &'static str| {
        [
            ("com.docker.compose.project", fixture.unique.as_str()),
            ("com.docker.compose.service", service),
            ("com.docker.compose.oneoff", oneoff),
        ]
    };
    let redis = fixture.container("r", &Spec { argv: SLEEP, labels: &labels("redis", "False"), ..Spec::default() });
    let _once = fixture.container("o", &Spec { argv: &["true"], labels: &labels("redis", "True"), ..Spec::default() });
    let _ml = fixture.container("m", &Spec { argv: &["sh", "-c", "exit 3"], labels: &labels("ml", "False"), ..Spec::default() });
    engine.wait_for(&cx, &fixture.name("m"), Goal::Exited, SECONDS_20).unwrap();

    let filter = Filter { all: true, project: Some(project.clone()), ..Filter::default() };
    let all = engine.containers(&cx, &filter).unwrap();
    let seen: Vec<_> = all.iter().map(|c| (c.service.as_deref().unwrap(), c.state.as_str())).collect();
    assert_eq!(seen[0], ("ml", "exited"), "in the services' order");
    assert_eq!(all[0].exit_code, Some(3));
    assert_eq!(seen.len(), 3);
    let running = engine.containers(&cx, &Filter { all: false, ..filter.clone() }).unwrap();
    assert!(running.iter().any(|c| c.name == redis.name));
    assert!(!running.iter().any(|c| c.service.as_deref() == Some("ml")));
    let by_label = Filter { labels: vec![format!("{LABEL}={}", fixture.unique)], all: true, ..Filter::default() };
    assert_eq!(engine.containers(&cx, &by_label).unwrap().len(), 3);

    let service = engine.service(&cx, &project, "redis").unwrap();
    assert_eq!(service.iter().map(|c| &c.name).collect::<Vec<_>>(), [&redis.name]);
    assert_eq!(engine.service(&cx, &project, "red").unwrap(), []);
}

#[test]
fn limits_ports_networks_mounts_and_environment() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let network = fixture.network("net");
    let volume = fixture.volume("vol");
    let folder = tempfile::tempdir().unwrap();
    let binds = [format!("{}:/data", volume.name), format!("{}:/host:ro", folder.path().display())];
    let guard = fixture.container(
        "detail",
        &Spec {
            argv: SLEEP,
            env: &["LOG_LEVEL=debug", "DB_PASSWORD=a=b"],
            memory_bytes: Some(64 << 20),
            cpus: Some(0.5),
            binds: &binds,
            port: Some(8080),
            network: Some(network.name.clone()),
            ..Spec::default()
        },
    );
    let detail = engine.container(&cx, &guard.name).unwrap();
    assert_eq!((detail.cpu_limit, detail.memory_limit_bytes), (Some(0.5), Some(64 << 20)));
    assert_eq!(detail.command, SLEEP);
    assert_eq!(detail.env.0["DB_PASSWORD"], "a=b");
    assert!(!format!("{detail:?}").contains("a=b"));
    let mount = |target: &str, kind: &str, source: &str, writable| Mount {
        target: target.into(),
        kind: kind.into(),
        source: source.into(),
        writable,
    };
    assert_eq!(
        detail.mounts,
        [
            mount("/data", "volume", &volume.name, true),
            mount("/host", "bind", &folder.path().display().to_string(), false),
        ]
    );
    let address = detail.networks[&network.name].clone().unwrap();
    assert!(address.parse::<std::net::Ipv4Addr>().is_ok(), "{address}");
    let published: Vec<_> = detail.ports.iter().filter(|p| p.host_port.is_some()).collect();
    let [Port { container_port: 8080, protocol, host_ip, .. }] = published[..] else {
        panic!("{:?}", detail.ports);
    };
    assert_eq!((protocol.as_str(), host_ip.as_deref()), ("tcp", Some("127.0.0.1")));
    assert!(detail.pid.is_some_and(|pid| pid > 1));
    assert_eq!((detail.restart_policy.as_str(), detail.privileged, detail.health), ("no", false, None));

    // The list says the same.
    let filter = Filter { labels: vec![format!("{LABEL}={}", fixture.unique)], ..Filter::default() };
    let listed = engine.containers(&cx, &filter).unwrap().remove(0);
    assert_eq!((listed.mounts, listed.ports, listed.networks), (detail.mounts, detail.ports, detail.networks));
    assert_eq!((listed.id, listed.image_id), (detail.id, detail.image_id));

    let label = [format!("{LABEL}={}", fixture.unique)];
    let volumes = engine.volumes(&cx, &label).unwrap();
    assert_eq!(volumes.iter().map(|v| &v.name).collect::<Vec<_>>(), [&volume.name]);
    let networks = engine.networks(&cx, &label).unwrap();
    assert_eq!((&networks[0].name, networks[0].driver.as_str()), (&network.name, "bridge"));
    assert_eq!(networks[0].subnets.len(), 1);
    let image = std::env::var("REDIS_IMAGE").unwrap();
    let images = engine.images(&cx, &[]).unwrap();
    let found = images.iter().find(|i| i.tags.contains(&image)).unwrap();
    assert!(found.size_bytes > 1_000_000);
}

#[test]
fn a_command_inside_with_both_streams() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let guard = fixture.run("exec", SLEEP);
    let name = guard.name.as_str();
    let done = engine.exec(&cx, name, &sh("echo out; echo err >&2; exit 7"), &exec_options()).unwrap();
    assert_eq!((done.exit_code, done.stdout.as_str(), done.stderr.as_str()), (7, "out\n", "err\n"));
    assert!(!done.truncated);

    let options = ExecOptions {
        env: vec![("GREETING".into(), "hello".into())],
        workdir: Some("/tmp".into()),
        user: Some("nobody".into()),
        ..exec_options()
    };
    let done = engine.exec(&cx, name, &sh("echo $GREETING; pwd; id -un"), &options).unwrap();
    assert_eq!(done.stdout, "hello\n/tmp\nnobody\n");

    // More than a pipe holds, both ways.
    let text = "0123456789abcdef\n".repeat(20_000);
    let options = ExecOptions { stdin: Some(text.clone()), ..exec_options() };
    let done = engine.exec(&cx, name, &["cat".into()], &options).unwrap();
    assert_eq!((done.exit_code, done.stdout == text), (0, true));
    let options = ExecOptions { max_bytes: 10, ..exec_options() };
    let done = engine.exec(&cx, name, &sh("seq 100000"), &options).unwrap();
    assert_eq!((done.stdout.as_str(), done.truncated), ("1\n2\n3\n4\n5\n", true));

    let missing = engine.exec(&cx, name, &["no-such-program".into()], &exec_options()).unwrap();
    assert!(matches!(missing.exit_code, 126 | 127), "{missing:?}");
    let slow = ExecOptions { timeout: Duration::from_millis(300), ..exec_options() };
    let unknown = engine.exec(&cx, name, &["sleep".into(), "5".into()], &slow).unwrap_err();
    assert!(matches!(unknown, Error::Unknown { stop: None, .. }), "{unknown}");
    assert!(matches!(engine.exec(&cx, name, &[], &exec_options()), Err(Error::Invalid(_))));

    engine.stop(&cx, name, Duration::ZERO).unwrap();
    let stopped = engine.exec(&cx, name, &["true".into()], &exec_options()).unwrap_err();
    assert!(matches!(stopped, Error::Conflict { .. }), "{stopped}");
}

fn texts(logs: &tradeops::docker::Logs) -> Vec<&str> {
    logs.lines.iter().map(|l| l.line.as_str()).collect()
}

#[test]
fn logs_by_number_time_and_stream() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let line = "seq 1 5; echo oops >&2; sleep 1.2; echo 'ERROR late'; echo 'ERROR but fine'; sleep 600";
    let guard = fixture.run("logs", &["sh", "-c", line]);
    let name = guard.name.as_str();
    let logs = |range: LogRange| engine.logs(&cx, name, &range, BOUNDS).unwrap();
    cx.poll(Duration::from_millis(50), || (logs(LogRange::default()).lines.len() == 8).then_some(())).unwrap();

    let all = logs(LogRange::default());
    assert!(!all.truncated);
    assert!(all.lines.iter().all(|l| l.time.is_some_and(|t| (Utc::now() - t).num_seconds() < 60)));
    let last = logs(LogRange { last: Some(2), ..LogRange::default() });
    assert_eq!(texts(&last), ["ERROR late", "ERROR but fine"]);
    assert!(!last.truncated, "all that was asked for is there");

    let since = all.lines.iter().find(|l| l.line == "ERROR late").unwrap().time;
    let late = logs(LogRange { since, ..LogRange::default() });
    assert_eq!(texts(&late), ["ERROR late", "ERROR but fine"], "exact although the engine counts seconds");
    let early = logs(LogRange { until: since, ..LogRange::default() });
    assert_eq!(early.lines.len(), 7);
    assert_eq!(logs(LogRange { since: Some(Utc::now() + Duration::from_secs(60)), ..LogRange::default() }).lines, []);

    let errors = logs(LogRange { stdout: false, ..LogRange::default() });
    assert_eq!(texts(&errors), ["oops"]);
    assert_eq!(errors.lines[0].stream, "stderr");
    // The engine counts both streams: asking it for one line would find nothing here.
    let last_error = logs(LogRange { last: Some(1), stdout: false, ..LogRange::default() });
    assert_eq!(texts(&last_error), ["oops"]);

    let few = LogBounds { lines: 3, ..BOUNDS };
    let cut = engine.logs(&cx, name, &LogRange { stderr: false, ..LogRange::default() }, few).unwrap();
    assert_eq!((texts(&cut), cut.truncated, cut.dropped), (vec!["5", "ERROR late", "ERROR but fine"], true, 4));

    let count = |pattern: &str, except: Option<&str>| {
        engine.count_lines(&cx, name, &LogRange::default(), pattern, except).unwrap()
    };
    let errors = count("(?i)error|oops", Some("but fine"));
    assert_eq!((errors.matched, errors.lines, errors.sample.as_deref()), (2, 8, Some("ERROR late")));
    assert!(errors.first < errors.last);
    let none = count("nothing like it", None);
    assert_eq!((none.matched, none.lines, none.first, none.sample), (0, 8, None, None));
    let wrong = engine.count_lines(&cx, name, &LogRange::default(), "(", None);
    assert!(matches!(wrong, Err(Error::Invalid(_))));
    assert!(matches!(engine.logs(&cx, &fixture.name("none"), &LogRange::default(), BOUNDS), Err(Error::NotFound { .. })));
}

#[test]
fn long_lines_and_terminals() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    // Longer than the engine's 16 KiB messages, and longer than what is kept of a line.
    let line = "head -c 40000 /dev/zero | tr '\\0' x; echo; head -c 100000 /dev/zero | tr '\\0' y; echo; echo z";
    let long = fixture.run("long", &["sh", "-c", line]);
    engine.wait_for(&cx, &long.name, Goal::Exited, SECONDS_20).unwrap();
    let logs = engine.logs(&cx, &long.name, &LogRange::default(), BOUNDS).unwrap();
    let sizes: Vec<_> = logs.lines.iter().map(|l| (l.line.len(), &l.line[..1])).collect();
    assert_eq!(sizes, [(40_000, "x"), (64 * 1024, "y"), (1, "z")]);
    assert!(logs.truncated);

    let spec = Spec { argv: &["sh", "-c", "echo out; echo err >&2; printf end"], tty: true, ..Spec::default() };
    let tty = fixture.container("tty", &spec);
    engine.wait_for(&cx, &tty.name, Goal::Exited, SECONDS_20).unwrap();
    let logs = engine.logs(&cx, &tty.name, &LogRange::default(), BOUNDS).unwrap();
    assert_eq!(texts(&logs), ["out", "err", "end"]);
    assert!(logs.lines.iter().all(|l| l.time.is_some() && l.stream == "stdout"), "{logs:?}");
}

#[test]
fn killed_for_want_of_memory() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let spec = Spec { argv: &["tail", "/dev/zero"], memory_bytes: Some(16 << 20), ..Spec::default() };
    let since = Some(Utc::now());
    let guard = fixture.container("oom", &spec);
    engine.wait_for(&cx, &guard.name, Goal::Exited, SECONDS_20).unwrap();
    let detail = engine.container(&cx, &guard.name).unwrap();
    assert_eq!((detail.oom_killed, detail.exit_code), (true, Some(137)));
    let range = EventRange { since, container: Some(guard.name.clone()), ..EventRange::default() };
    let events = engine.events(&cx, &range).unwrap().events;
    let actions: Vec<_> = events.iter().map(|e| e.action.as_str()).collect();
    assert!(actions.contains(&"oom"), "{actions:?}");
    let die = events.iter().find(|e| e.action == "die").unwrap();
    assert_eq!((die.exit_code, die.name.as_str()), (Some(137), guard.name.as_str()));

    let error = engine.wait_for(&cx, &guard.name, Goal::Running, SECONDS_20).unwrap_err().to_string();
    assert!(error.ends_with("it is exited, killed for want of memory"), "{error}");
}

#[test]
fn a_crash_loop_counts_its_restarts() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let spec = Spec { argv: &["sh", "-c", "exit 9"], retries: Some(2), ..Spec::default() };
    let guard = fixture.container("loop", &spec);
    let detail = cx
        .poll(Duration::from_millis(100), || {
            let detail = engine.container(&cx, &guard.name).unwrap();
            (detail.state == "exited" && detail.restart_count == 2).then_some(detail)
        })
        .unwrap();
    assert_eq!((detail.exit_code, detail.restarting), (Some(9), false));
    assert_eq!((detail.restart_policy.as_str(), detail.restart_limit), ("on-failure", Some(2)));
}

#[test]
fn health_from_starting_to_the_last_probes_words() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let spec = Spec {
        argv: SLEEP,
        health: Some("test ! -e /tmp/sick || { echo 'queue is full'; exit 1; }"),
        ..Spec::default()
    };
    let guard = fixture.container("health", &spec);
    let name = guard.name.as_str();
    let since = Some(Utc::now());
    let waited = engine.wait_for(&cx, name, Goal::Healthy, SECONDS_20).unwrap();
    assert_eq!(waited.health.as_deref(), Some("healthy"));

    engine.exec(&cx, name, &sh("touch /tmp/sick"), &exec_options()).unwrap();
    let sick = || {
        let health = engine.container(&cx, name).unwrap().health.unwrap();
        (health.status == "unhealthy").then_some(health)
    };
    let health = cx.poll(Duration::from_millis(100), sick).unwrap();
    let probe = health.log.last().unwrap();
    assert_eq!((probe.exit_code, probe.output.as_str()), (1, "queue is full"));
    assert!(health.failing_streak >= 1 && probe.ended_at >= probe.started_at);
    let filter = Filter { labels: vec![format!("{LABEL}={}", fixture.unique)], ..Filter::default() };
    assert_eq!(engine.containers(&cx, &filter).unwrap()[0].health.as_deref(), Some("unhealthy"));
    let late = engine.wait_for(&cx, name, Goal::Healthy, Duration::from_millis(500)).unwrap_err().to_string();
    assert_eq!(late, format!("container `{name}` is running and unhealthy after 500ms, not healthy"));

    // Three events per probe, and none of them here unless asked for.
    let range = EventRange { since, container: Some(name.to_owned()), ..EventRange::default() };
    let events = engine.events(&cx, &range).unwrap().events;
    let health: Vec<_> =
        events.iter().filter(|e| e.action == "health_status").filter_map(|e| e.detail.as_deref()).collect();
    assert_eq!(health, ["healthy", "unhealthy"]);
    assert!(!events.iter().any(|e| e.action.starts_with("exec_")));
    let noisy = engine.events(&cx, &EventRange { exec: true, ..range }).unwrap().events;
    assert!(noisy.iter().filter(|e| e.action.starts_with("exec_")).count() >= 3);

    let plain = fixture.run("plain", SLEEP);
    let began = Instant::now();
    let error = engine.wait_for(&cx, &plain.name, Goal::Healthy, SECONDS_20).unwrap_err();
    assert!(error.to_string().ends_with("it has no health check"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_containers_use() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let spec = Spec {
        argv: &["sh", "-c", "while :; do :; done"],
        memory_bytes: Some(64 << 20),
        cpus: Some(0.2),
        ..Spec::default()
    };
    let busy = fixture.container("busy", &spec);
    let idle = fixture.run("idle", SLEEP);
    let ended = fixture.run("ended", &["true"]);
    engine.wait_for(&cx, &ended.name, Goal::Exited, SECONDS_20).unwrap();

    let missing = fixture.name("missing");
    let names = [&busy.name, &idle.name, &ended.name, &missing].map(Clone::clone);
    let began = Instant::now();
    let samples = engine.stats_of(&cx, &names).unwrap();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(samples.iter().map(|s| s.name.clone()).collect::<Vec<_>>(), names);
    let (busy, idle) = (samples[0].stats.as_ref().unwrap(), samples[1].stats.as_ref().unwrap());
    assert!(busy.cpu_percent > 2.0 && busy.cpu_percent < 60.0, "{busy:?}");
    assert!(idle.cpu_percent < busy.cpu_percent, "{idle:?}");
    assert_eq!(busy.memory_limit_bytes, 64 << 20);
    assert!(busy.memory_bytes > 0 && busy.memory_bytes < 64 << 20);
    assert!((busy.memory_percent - busy.memory_bytes as f64 / 671_088.64).abs() < 1e-6);
    assert_eq!((busy.pids, idle.pids), (1, 1));
    assert_eq!(samples[2].stats, None);
    assert!(samples[2].error.as_deref().unwrap().ends_with("it is not running"));
    assert!(samples[3].error.as_deref().unwrap().contains(&missing));

    let error = engine.stats(&cx, &ended.name).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    let filter = Filter { labels: vec![format!("{LABEL}={}", fixture.unique)], ..Filter::default() };
    assert_eq!(engine.stats_all(&cx, &filter).unwrap().len(), 2);
}

#[test]
fn a_missing_container_and_what_was_meant() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let guard = fixture.run("redis", SLEEP);
    let typo = format!("{}s", guard.name);
    let error = engine.container(&cx, &typo).unwrap_err();
    assert_eq!(error.to_string(), format!("no container `{typo}`"));
    assert!(error.hint().unwrap().contains(&format!("`{}`", guard.name)));
    // What the engine would take for the beginning of an id.
    for asked in [&guard.id[..4], &guard.id[..11]] {
        assert!(matches!(engine.container(&cx, asked), Err(Error::NotFound { .. })), "{asked}");
        assert!(matches!(engine.stop(&cx, asked, Duration::ZERO), Err(Error::NotFound { .. })), "{asked}");
        let argv = ["true".to_owned()];
        assert!(matches!(engine.exec(&cx, asked, &argv, &exec_options()), Err(Error::NotFound { .. })));
        assert!(matches!(engine.stats(&cx, asked), Err(Error::NotFound { .. })), "{asked}");
    }
    assert_eq!(engine.container(&cx, &guard.id[..12]).unwrap().name, guard.name);
    assert!(matches!(engine.start(&cx, "../images/x"), Err(Error::Invalid(_))));
    assert_eq!(engine.container(&cx, &guard.name).unwrap().state, "running");
    let never = engine.wait_for(&cx, &typo, Goal::Healthy, SECONDS_20).unwrap_err();
    assert!(matches!(never, Error::NotFound { .. }), "{never}");
    engine.wait_for(&cx, &typo, Goal::Removed, SECONDS_20).unwrap();
}

#[test]
fn no_engine_is_one_line() {
    let cx = cx();
    let nowhere = Engine::at("unix:///nonexistent").containers(&cx, &Filter::default()).unwrap_err();
    assert_eq!(nowhere.to_string(), "no docker engine answers at `unix:///nonexistent`: no such socket");
    assert!(nowhere.hint().unwrap().contains("DOCKER_HOST"));
    let refused = Engine::at("tcp://127.0.0.1:1").stop(&cx, "a", Duration::ZERO).unwrap_err();
    assert_eq!(refused.to_string(), "no docker engine answers at `tcp://127.0.0.1:1`: connection refused");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let dead = Engine::at(&format!("unix://{}", socket.display())).info(&cx).unwrap_err();
    assert!(dead.to_string().ends_with(": connection refused"), "{dead}");
}

#[test]
fn an_engine_that_hangs_or_hangs_up() {
    // It takes the connection and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let engine = Engine::at(&format!("tcp://{}", silent.local_addr().unwrap()));
    let began = Instant::now();
    let error = engine.info(&cx()).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(8));
    let error = engine.info(&Cx::detached().within(Duration::from_millis(200))).unwrap_err();
    assert_eq!(error, Error::Stopped(Stop::Deadline));

    // It answers the questions, takes the order and hangs up.
    let (address, orders) = half_engine();
    let engine = Engine::at(&format!("tcp://{address}"));
    let error = engine.stop(&cx(), "a", Duration::ZERO).unwrap_err();
    assert!(matches!(error, Error::Unknown { stop: None, .. }), "{error}");
    assert_eq!(orders.recv().unwrap(), "POST /containers/0123456789abcdef/stop?t=0 HTTP/1.1");
}

/// An engine that knows one running container `a` and closes the connection on every order.
fn half_engine() -> (std::net::SocketAddr, std::sync::mpsc::Receiver<String>) {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, orders) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|l| !l.unwrap().is_empty()) {}
            let body = if first.starts_with("GET /version") {
                r#"{"ApiVersion":"1.41"}"#
            } else if first.starts_with("GET ") {
                r#"{"Id":"0123456789abcdef","Name":"/a","State":{"Status":"running","Running":true}}"#
            } else {
                send.send(first).unwrap();
                continue;
            };
            let size = body.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n{body}");
        }
    });
    (address, orders)
}

#[test]
fn waits_are_stopped_at_once() {
    let (fixture, engine) = (Fixture::new(), Engine::from_env());
    let guard = fixture.run("wait", SLEEP);
    engine.container(&cx(), &guard.name).unwrap();
    let cancel = Cancel::root();
    let branch = Cx::detached().with_cancel(cancel.clone());
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.stop(Stop::Interrupted);
        Instant::now()
    });
    let error = engine.wait_for(&branch, &guard.name, Goal::Exited, Duration::from_secs(60)).unwrap_err();
    let ended = Instant::now();
    assert_eq!(error, Error::Stopped(Stop::Interrupted));
    assert!(ended - stopper.join().unwrap() < Duration::from_millis(200));

    // A change that is stopped in the middle is not "stopped" but "unknown".
    let short = Cx::detached().within(Duration::from_millis(300));
    let error = engine.exec(&short, &guard.name, &["sleep".into(), "5".into()], &exec_options()).unwrap_err();
    assert!(matches!(error, Error::Unknown { stop: Some(Stop::Deadline), .. }), "{error}");
    // One that was stopped before is not sent at all.
    std::thread::sleep(Duration::from_millis(10));
    assert_eq!(engine.stop(&short, &guard.name, Duration::ZERO), Err(Error::Stopped(Stop::Deadline)));
    assert_eq!(engine.container(&cx(), &guard.name).unwrap().state, "running");
}

#[test]
fn a_wait_sees_what_others_do() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let guard = fixture.run("seen", SLEEP);
    let name = guard.name.clone();
    let waiter = std::thread::spawn({
        let (name, cx) = (name.clone(), cx.clone());
        move || Engine::from_env().wait_for(&cx, &name, Goal::Removed, SECONDS_20)
    });
    std::thread::sleep(Duration::from_millis(300));
    engine.remove(&cx, &name, true, true).unwrap();
    let began = Instant::now();
    assert_eq!(waiter.join().unwrap().unwrap().state, "removed");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn the_engine_itself() {
    let (engine, cx) = (Engine::from_env(), cx());
    let info = engine.info(&cx).unwrap();
    assert!(info.cpus > 0 && info.memory_bytes > 1 << 20, "{info:?}");
    assert!(!info.version.is_empty() && info.containers >= info.running);
    let usage = engine.disk_usage(&cx).unwrap();
    assert!(usage.images > 0 && usage.images_bytes > 1_000_000, "{usage:?}");
    assert!(usage.total_bytes >= usage.images_bytes + usage.volumes_bytes);
}
