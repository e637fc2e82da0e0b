//! What watches the stack, and its faults: each is found by its check, and nothing else turns. Prometheus and
//! Alertmanager are real ones with configurations of their own, the others stand-ins.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use crate::monitoring_faults::{
    ALERTMANAGER, GRAFANA, LOKI, LOKI_STOPPED, PROMETHEUS, TRACING, TRAEFIK,
};
use crate::project::Project;
use crate::stack::{env, eventually};

// ---- Loki

#[test]
fn loki() {
    const DEEP: &[&str] = &["--loki-deep-check"];
    let mut project = Project::new();
    project.stand_in("loki", 3100, &[]);
    let asked = project.well(DEEP);
    assert_eq!(asked.check("loki.roundtrip")["value"]["outcome"], "ok");
    // Neither a collector nor an endpoint: nothing to look at.
    assert_eq!(asked.check("tracing.answers")["status"], "skipped");

    // Shorter than an operator would have it.
    project.limits(|text| text.replace(r#"late: "3s", lost: "10s""#, r#"late: "1s", lost: "2s""#));
    let [not_ready, old, much, lost, late, unreadable] = &LOKI;
    for (conduct, fault, explained) in [
        ("/notready", not_ready, &[][..]),
        ("/reject?as=too_far_behind", old, &[]),
        ("/reject?as=rate_limited", much, &[]),
        ("/lose", lost, &[]),
        ("/late?ms=1200", late, &[]),
        (
            "/status?code=500&path=/loki/api/v1/query_range",
            unreadable,
            &[],
        ),
    ] {
        project.tell("loki", conduct);
        project.finds(fault, DEEP, explained);
        project.tell("loki", "/reset");
    }
    project.well(DEEP);
}

#[test]
fn the_round_trip_is_made_only_when_asked_for_and_is_audited() {
    let mut project = Project::new();
    project.stand_in("loki", 3100, &[]);
    let audit = project.root.path().join("state/audit.jsonl");
    let asked = project.well(&[]);
    assert!(asked.checks().iter().all(|c| c["id"] != "loki.roundtrip"));
    assert!(!audit.exists());
    project.well(&["--loki-deep-check"]);
    let lines = std::fs::read_to_string(&audit).expect("an audit");
    let line = lines.lines().next().unwrap_or_default();
    assert!(
        line.contains("loki::roundtrip") || line.contains("\"roundtrip\""),
        "{line}"
    );
    // Only the file that makes it may.
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/checks");
    for entry in std::fs::read_dir(shipped).expect("check files") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a check file");
        let asks = text.contains("loki.roundtrip\n");
        assert_eq!(asks, path.ends_with("loki.rhai"), "{}", path.display());
    }
}

// ---- Grafana

#[test]
fn grafana() {
    let mut project = Project::new();
    let path = project.root.path().join("login.env");
    let login = |password: &str| {
        let text = format!("GRAFANA_USER=operator\n{password}");
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("text").to_owned()
    };
    let good = "GRAFANA_PASSWORD=a-made-up-one\n";
    let file = login(good);
    let flags = ["--env-file", file.as_str()];
    prometheus(&mut project, SOUND, RULES);
    project.stand_in("loki", 3100, &[]);
    let user = [
        "--env",
        "GF_SECURITY_ADMIN_USER=operator",
        "--env",
        "GF_SECURITY_ADMIN_PASSWORD=a-made-up-one",
    ];
    project.stand_in("grafana", 3000, &user);
    let asked = project.well(&flags);
    let value = &asked.check("grafana.datasources")["value"];
    assert_eq!(
        (&value["datasources"], &value["failing"]),
        (&2.into(), &0.into())
    );

    let [database, source, refused, fails, unknown] = &GRAFANA;
    for (conduct, fault) in [
        ("/unhealthy200", database),
        ("/datasource?uid=loki&message=dial+tcp:+timeout", source),
        ("/status?code=500&path=/api/datasources", fails),
    ] {
        project.tell("grafana", &conduct.replace('+', "%20"));
        project.finds(fault, &flags, &[]);
        project.tell("grafana", "/reset");
    }
    login("GRAFANA_PASSWORD=another\n");
    let asked = project.finds(refused, &flags, &[]);
    assert!(!asked.report.to_string().contains("another"), "a secret");
    login("");
    project.finds(unknown, &flags, &[]);
    login(good);
    project.well(&flags);

    // A data source whose service is down says nothing new.
    project.docker(&["stop", "--time", "2"], "loki");
    let asked = project.finds(&LOKI_STOPPED, &flags, &["grafana.datasources"]);
    assert_eq!(asked.check("loki.answers")["status"], "skipped");
}

// ---- Traefik

#[test]
fn traefik() {
    let mut project = Project::new();
    project.stand_in("traefik", 8080, &[]);
    project.well(&[]);
    let [error, warning, service, server] = &TRAEFIK;
    for (conduct, fault) in [
        (
            "/router?error=the%20service%20%22x%22%20does%20not%20exist",
            error,
        ),
        ("/router?status=warning", warning),
        ("/service?name=grafana@docker", service),
        ("/server?name=minio@docker", server),
    ] {
        project.tell("traefik", conduct);
        project.finds(fault, &[], &[]);
        project.tell("traefik", "/reset");
    }
    project.well(&[]);
}

// ---- tracing

#[test]
fn tracing() {
    let mut project = Project::new();
    project.stand_in("otel-collector", 4318, &[]);
    let asked = project.well(&[]);
    let value = asked.check("tracing.answers")["value"].to_string();
    assert!(value.contains("405 in"), "{value}");
    let [other, hung] = &TRACING;
    project.tell("otel-collector", "/status?code=404");
    project.finds(other, &[], &[]);
    project.tell("otel-collector", "/reset");
    project.tell("otel-collector", "/hang");
    project.finds(hung, &[], &[]);
    project.tell("otel-collector", "/reset");
    project.well(&[]);
}

// ---- Alertmanager

const RECEIVERS: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

pub(crate) fn alertmanager(project: &mut Project, cluster: &[&str]) {
    let folder = project.folder("alertmanager");
    write(&folder.join("alertmanager.yml"), RECEIVERS);
    let mount = format!("{}:/etc/alertmanager:ro", folder.display());
    let image = env("ALERTMANAGER_IMAGE");
    let mut words = vec!["--volume", &mount, "--publish", "127.0.0.1::9093", &image];
    words.extend([
        "--config.file=/etc/alertmanager/alertmanager.yml",
        "--storage.path=/alertmanager",
    ]);
    words.extend(cluster);
    project.start("alertmanager", &words);
}

/// Posts JSON to Alertmanager, as soon as it listens.
pub(crate) fn post(project: &Project, path: &str, body: &serde_json::Value) {
    let port = project.port("alertmanager", 9093);
    let body = body.to_string();
    eventually("alertmanager does not take it", || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        let head = "Host: x\r\nContent-Type: application/json\r\nConnection: close";
        let sent = format!(
            "POST /api/v2/{path} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream
            .write_all(sent.as_bytes())
            .map_err(|e| e.to_string())?;
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .map_err(|e| e.to_string())?;
        if answer.starts_with("HTTP/1.1 200") {
            Ok(())
        } else {
            Err(answer)
        }
    });
}

/// An alert that fires for an hour, or is over.
pub(crate) fn alert(project: &Project, name: &str, severity: &str, fires: bool) {
    let now = chrono::Utc::now();
    let ends = if fires {
        now + chrono::TimeDelta::hours(1)
    } else {
        now
    };
    let starts = now - chrono::TimeDelta::minutes(1);
    let labels = serde_json::json!({"alertname": name, "severity": severity});
    let body = serde_json::json!([{"labels": labels, "startsAt": starts, "endsAt": ends}]);
    post(project, "alerts", &body);
}

pub(crate) fn silence(project: &Project, name: &str, minutes: i64) {
    let now = chrono::Utc::now();
    let matcher =
        serde_json::json!({"name": "alertname", "value": name, "isRegex": false, "isEqual": true});
    let body = serde_json::json!({
        "matchers": [matcher], "startsAt": now, "endsAt": now + chrono::TimeDelta::minutes(minutes),
        "createdBy": "a test", "comment": "maintenance",
    });
    post(project, "silences", &body);
}

#[test]
fn alertmanager_alone() {
    let [critical, warning, ends, config, cluster] = &ALERTMANAGER;
    let mut project = Project::new();
    alertmanager(&mut project, &["--cluster.listen-address="]);
    project.well(&[]);

    alert(&project, "OrdersStuck", "critical", true);
    project.finds(critical, &[], &[]);
    alert(&project, "OrdersStuck", "critical", false);
    alert(&project, "OrdersSlow", "warning", true);
    project.finds(warning, &[], &[]);
    alert(&project, "Watchdog", "none", true);

    // A silence with much time left: what it holds back does not count.
    silence(&project, "OrdersSlow", 600);
    let asked = project.well(&[]);
    assert_eq!(asked.check("alertmanager.alerts")["value"]["none"], 1);
    // One that ends soon and holds nothing back is no matter; one that does is.
    silence(&project, "NothingLikeThat", 10);
    let asked = project.well(&[]);
    assert_eq!(
        asked.check("alertmanager.silences")["value"]["soon_and_idle"],
        1
    );
    silence(&project, "OrdersSlow", 10);
    let asked = project.finds(ends, &[], &[]);
    let evidence = asked.check("alertmanager.silences")["evidence"].to_string();
    assert!(
        evidence.contains("0 min and holds back 1 alert"),
        "{evidence}"
    );
    alert(&project, "OrdersSlow", "warning", false);
    project.well(&[]);

    let file = project.folder("alertmanager").join("alertmanager.yml");
    write(&file, "route: {receiver: no such}\n");
    project.docker(&["kill", "--signal", "HUP"], "alertmanager");
    project.finds(config, &[], &[]);
    write(&file, RECEIVERS);
    project.docker(&["kill", "--signal", "HUP"], "alertmanager");
    project.well(&[]);

    project.docker(&["rm", "--force"], "alertmanager");
    // Peers that are not there.
    alertmanager(
        &mut project,
        &[
            "--cluster.listen-address=127.0.0.1:9094",
            "--cluster.peer=127.0.0.1:9",
            "--cluster.settle-timeout=5m",
        ],
    );
    project.finds(cluster, &[], &[]);
}

// ---- Prometheus

pub(crate) const SOUND: &str = r#"global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["/etc/prometheus/rules.yml"]
alerting: {alertmanagers: [{static_configs: [{targets: ["alertmanager:9093"]}]}]}
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["127.0.0.1:9090"]}]
"#;
pub(crate) const LOKI_TARGET: &str = "  - job_name: loki\n    metrics_path: PATH\n    static_configs: [{targets: [\"loki:3100\"]}]\n";
pub(crate) const RULES: &str =
    "groups:\n  - name: test\n    rules:\n      - {alert: Down, expr: up == 0, for: 1h}\n";
/// Fails as soon as it has two targets to confuse.
pub(crate) const BROKEN_RULE: &str =
    "      - {record: broken, expr: up * on () group_left () up}\n";

/// A real Prometheus with a configuration and rules of its own.
pub(crate) fn prometheus(project: &mut Project, config: &str, rules: &str) {
    configure(project, config, rules);
    let folder = project.folder("prometheus");
    let data = project.folder("data");
    let mounts = [
        format!("{}:/etc/prometheus:ro", folder.display()),
        format!("{}:/prometheus", data.display()),
    ];
    let image = env("PROMETHEUS_IMAGE");
    let words = [
        "--volume",
        &mounts[0],
        "--volume",
        &mounts[1],
        "--publish",
        "127.0.0.1::9090",
        &image,
    ];
    project.start("prometheus", &words);
}

pub(crate) fn configure(project: &Project, config: &str, rules: &str) {
    let folder = project.folder("prometheus");
    write(&folder.join("prometheus.yml"), config);
    write(&folder.join("rules.yml"), rules);
}

#[test]
fn prometheus_alone() {
    let [
        down,
        nothing,
        rule,
        config,
        nowhere,
        damaged,
        series,
        scrapes,
    ] = &PROMETHEUS;
    let mut project = Project::new();
    project.stand_in("loki", 3100, &[]);
    let with_loki = |path: &str| format!("{SOUND}{}", LOKI_TARGET.replace("PATH", path));
    let sound = with_loki("/metrics");
    // A log that was torn by a crash: what could be read of it is kept, the rest is lost.
    let wal = project.folder("data").join("wal");
    std::fs::create_dir_all(&wal).expect("a folder");
    std::fs::write(wal.join("00000000"), vec![7; 40_000]).expect("a segment");
    project.folder("data/wal");
    prometheus(&mut project, &sound, RULES);
    project.finds(damaged, &[], &[]);
    project.docker(&["restart", "--time", "10"], "prometheus");
    project.well(&[]);

    let reload = |config: &str, rules: &str| {
        configure(&project, config, rules);
        project.docker(&["kill", "--signal", "HUP"], "prometheus");
    };
    reload(&with_loki("/nothing"), RULES);
    project.finds(down, &[], &[]);
    reload(&sound, RULES);
    project.well(&[]);
    reload(&sound, &format!("{RULES}{BROKEN_RULE}"));
    project.finds(rule, &[], &[]);
    reload("scrape_configs: [{}]\n", RULES);
    // It runs on the configuration before, and so on the broken rule.
    let both = project.health(&[]);
    assert_eq!(both.check("prometheus.rules")["status"], "degraded");
    reload(&sound, RULES);
    project.well(&[]);
    reload("scrape_configs: [{}]\n", RULES);
    project.finds(config, &[], &[]);
    reload(&sound.replace("alerting:", "# alerting:"), RULES);
    project.finds(nowhere, &[], &[]);
    reload(&sound, RULES);
    project.well(&[]);
    reload(
        &SOUND
            .replace("scrape_configs:", "# scrape_configs:")
            .replace("\n  -", "\n  # -")
            .replace("\n    static", "\n    # static"),
        RULES,
    );
    project.finds(nothing, &[], &[]);
    reload(&sound, RULES);
    project.well(&[]);

    // Thresholds that a small server is above.
    project.limits(|text| text.replace("warn: 2000000, bad: 5000000", "warn: 10, bad: 100"));
    project.finds(series, &[], &[]);
    project.limits(|text| text.replace("scrapes\": #{ warn: 3.0", "scrapes\": #{ warn: 0.0"));
    project.finds(scrapes, &[], &[]);
}

pub(crate) fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).expect("a mode");
}
