//! Faults of the stores, each in a real server of the test's own (stand-ins for Pulsar, Weaviate and MinIO).

use std::time::Duration;

use crate::bounds::Gone;
use crate::stack::{Asked, Stack, docker, env, eventually, fetch, run};

/// A fault, and what health must say of it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) check: &'static str,
    pub(crate) layer: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) status: &'static str,
    pub(crate) says: &'static str,
}

const fn fault(
    name: &'static str,
    check: &'static str,
    severity: &'static str,
    status: &'static str,
    says: &'static str,
) -> Fault {
    Fault {
        name,
        check,
        layer: "data",
        severity,
        status,
        says,
    }
}

pub(crate) const FULL: Fault = fault(
    "Redis at maxmemory with evictions",
    "redis.memory",
    "critical",
    "bad",
    "at the limit it evicts keys (allkeys-lru)",
);
pub(crate) const UNSAVED: Fault = fault(
    "Redis cannot write its snapshot",
    "redis.persistence",
    "critical",
    "bad",
    "the last snapshot failed",
);
pub(crate) const BLOCKED: Fault = fault(
    "many clients of Redis wait",
    "redis.clients",
    "critical",
    "degraded",
    "clients wait in a blocking command",
);
pub(crate) const TAKEN: Fault = fault(
    "Postgres out of connections",
    "postgres.connections",
    "critical",
    "bad",
    "all connections are taken",
);
pub(crate) const LONG: Fault = fault(
    "a transaction is open for long",
    "postgres.transactions",
    "critical",
    "degraded",
    "has been open for",
);
pub(crate) const UNMIGRATED: Fault = fault(
    "a migration did not end",
    "postgres.migrations",
    "critical",
    "bad",
    "alembic_version is empty",
);
pub(crate) const STALE: Fault = fault(
    "stale data in market hours",
    "questdb.fresh.market_data",
    "critical",
    "bad",
    "XNYS is open",
);
pub(crate) const SUSPENDED: Fault = fault(
    "a suspended table",
    "questdb.suspended",
    "critical",
    "bad",
    "tables are suspended: market_data",
);
pub(crate) const NODE: Fault = fault(
    "a node of Weaviate is ill",
    "weaviate.nodes",
    "major",
    "degraded",
    "node1 is UNHEALTHY",
);
pub(crate) const DRIVE: Fault = fault(
    "a drive of MinIO is offline",
    "minio.drives",
    "major",
    "degraded",
    "1 of 4 drives are offline",
);
pub(crate) const BACKLOG: Fault = fault(
    "a subscription of Pulsar is not read",
    "pulsar.backlog",
    "critical",
    "bad",
    "200000 for signal-generator",
);
pub(crate) const BROKERLESS: Fault = fault(
    "Pulsar has no broker",
    "pulsar.brokers",
    "critical",
    "bad",
    "has no broker",
);

/// A compose project of one service.
struct One {
    stack: Stack,
    service: &'static str,
    name: String,
    _gone: Gone,
}

impl One {
    fn start(service: &'static str, port: u16, words: &[&str]) -> Self {
        let name = format!("tt-data-{service}-{}", std::process::id());
        let stack = Stack::alone();
        let gone = Gone(name.clone());
        let labels = [
            "com.tradeops.test=health".to_owned(),
            format!("com.docker.compose.project={name}"),
            format!("com.docker.compose.service={service}"),
        ];
        let published = format!("127.0.0.1::{port}");
        let mut all = vec!["run", "-d", "--rm", "--name", &name, "-p", &published];
        all.extend(labels.iter().flat_map(|label| ["--label", label.as_str()]));
        all.extend(words);
        docker(&all);
        std::fs::write(
            stack.folder.path().join("env"),
            "DB_PASSWORD=only-for-this-test\n",
        )
        .expect("the settings");
        Self {
            stack,
            service,
            name,
            _gone: gone,
        }
    }

    fn stand_in(service: &'static str, port: u16) -> Self {
        let one = Self::start(
            service,
            port,
            &["-p", "127.0.0.1::9999", &env("STANDIN_IMAGE"), service],
        );
        eventually("no control port", || {
            fetch(one.port(9999), "/").map_err(|e| e.to_string())
        });
        one
    }

    fn port(&self, inside: u16) -> u16 {
        let told = docker(&["port", &self.name, &inside.to_string()]);
        let port = told
            .lines()
            .next()
            .and_then(|line| line.rsplit(':').next()?.parse().ok());
        port.unwrap_or_else(|| panic!("{told}"))
    }

    fn sh(&self, detached: bool, script: &str) -> String {
        let mut words = vec!["exec"];
        words.extend(detached.then_some("-d"));
        words.extend([self.name.as_str(), "sh", "-c", script]);
        docker(&words)
    }

    fn sql(&self, statement: &str) -> String {
        let query = statement
            .replace('%', "%25")
            .replace(' ', "%20")
            .replace('\'', "%27");
        fetch(self.port(9000), &format!("/exec?query={query}")).expect("QuestDB answers")
    }

    /// An overlay of the operator's, with a change in it.
    fn overlay(&self, name: &str, change: impl FnOnce(String) -> String) {
        let done = run(&mut self.stack.command(&["eject", name]));
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let ending = if name.starts_with("calendars/") {
            "toml"
        } else {
            "rhai"
        };
        let path = self
            .stack
            .folder
            .path()
            .join(format!(".tradeops/{name}.{ending}"));
        let text = std::fs::read_to_string(&path).expect("the overlay");
        let changed = change(text.clone());
        assert_ne!(text, changed, "the change changes nothing");
        std::fs::write(path, changed).expect("the overlay");
    }

    fn health(&self) -> Asked {
        let file = self.stack.folder.path().join("env");
        let file = file.to_str().expect("text");
        let layers = "presence,infrastructure,data";
        self.stack.ask(
            "health",
            &[
                "--project",
                &self.name,
                "--services",
                self.service,
                "--env-file",
                file,
                "--only",
                layers,
            ],
        )
    }

    /// Nothing is wrong.
    fn well(&self) {
        eventually("it does not get well", || {
            let asked = self.health();
            if asked.code == 0 && asked.causes().is_empty() {
                Ok(())
            } else {
                Err(format!("{:#}", asked.report["root_causes"]))
            }
        });
    }

    /// The fault is found, and it is the only cause.
    fn finds(&self, fault: &Fault) {
        let asked = eventually(fault.name, || {
            let asked = self.health();
            let check = asked.check(fault.check);
            let says = check["evidence"]
                .as_str()
                .is_some_and(|evidence| evidence.contains(fault.says));
            // On a busy machine another check may run out of time now and then.
            if check["status"] == fault.status && says && asked.causes() == [fault.check] {
                Ok(asked)
            } else {
                Err(format!("{check:#}, causes {:?}", asked.causes()))
            }
        });
        let check = asked.check(fault.check);
        println!("{}: {}", fault.name, check["evidence"]);
        assert_eq!(check["layer"], fault.layer, "{check:#}");
        assert_eq!(check["severity"], fault.severity, "{check:#}");
        assert_ne!(check["remedy"], "", "{check:#}");
        assert_eq!(
            asked.causes(),
            [fault.check],
            "{:#}",
            asked.report["root_causes"]
        );
        assert_eq!(
            asked.code,
            if fault.status == "bad" && fault.severity == "critical" {
                2
            } else {
                1
            }
        );
    }
}

#[test]
fn faults_of_redis() {
    let image = env("REDIS_IMAGE");
    let redis = One::start(
        "redis",
        6379,
        &[
            "--read-only",
            "--entrypoint",
            "redis-server",
            &image,
            "--bind",
            "0.0.0.0",
            "--protected-mode",
            "no",
            "--save",
            "",
            "--maxmemory",
            "8mb",
            "--maxmemory-policy",
            "allkeys-lru",
        ],
    );
    redis.well();
    redis.sh(
        true,
        "for i in $(seq 60); do redis-cli blpop nothing 60 & done; wait",
    );
    redis.finds(&BLOCKED);
    redis.sh(false, "redis-cli client kill type normal skipme yes");
    redis.well();
    redis.sh(false, "redis-cli eval \"for i = 1, 60000 do redis.call('set', 'k' .. i, string.rep('x', 200)) end\" 0");
    redis.finds(&FULL);
    redis.sh(false, "redis-cli flushall");
    redis.well();
    redis.sh(false, "redis-cli bgsave");
    redis.finds(&UNSAVED);
}

#[test]
fn faults_of_postgres() {
    let image = env("POSTGRES_IMAGE");
    let postgres = One::start(
        "postgres",
        5432,
        &[
            "-e",
            "POSTGRES_USER=trading_user",
            "-e",
            "POSTGRES_PASSWORD=only-for-this-test",
            "-e",
            "POSTGRES_DB=trading",
            &image,
        ],
    );
    postgres.well();
    let psql =
        "PGPASSWORD=only-for-this-test exec psql -h 127.0.0.1 -U trading_user -d trading -Atc";
    postgres.sh(
        false,
        &format!("{psql} 'CREATE TABLE alembic_version (version_num text)'"),
    );
    postgres.finds(&UNMIGRATED);
    postgres.sh(
        false,
        &format!("{psql} \"INSERT INTO alembic_version VALUES ('003')\""),
    );
    postgres.well();
    postgres.overlay("std/limits", |text| {
        text.replace(
            "postgres_transaction_seconds: #{ warn: 300.0",
            "postgres_transaction_seconds: #{ warn: 2.0",
        )
    });
    postgres.sh(true, &format!("{psql} 'SELECT pg_sleep(8)'"));
    postgres.finds(&LONG);
    postgres.well();
    postgres.sh(
        true,
        &format!("for i in $(seq 110); do ({psql} 'SELECT pg_sleep(70)') & done; wait"),
    );
    postgres.finds(&TAKEN);
}

#[test]
fn faults_of_questdb() {
    let image = env("QUESTDB_IMAGE");
    let questdb = One::start(
        "questdb",
        9000,
        &["-e", "QDB_TELEMETRY_ENABLED=false", &image],
    );
    eventually("QuestDB does not answer", || {
        fetch(questdb.port(9000), "/exec?query=SELECT%201").map_err(|e| e.to_string())
    });
    for (table, time) in [
        ("market_data", "timestamp"),
        ("options_data", "timestamp"),
        ("news_items", "ts"),
        ("social_signals", "ts"),
    ] {
        questdb.sql(&format!(
            "CREATE TABLE {table} ({time} TIMESTAMP, x LONG) TIMESTAMP({time}) PARTITION BY DAY WAL"
        ));
        if table != "market_data" {
            questdb.sql(&format!("INSERT INTO {table} VALUES (now(), 1)"));
        }
    }
    questdb.sql("INSERT INTO market_data VALUES (dateadd('h', -2, now()), 1)");
    // Whatever the hour: an exchange that never closes, then one that is always closed.
    questdb.overlay("calendars/XNYS", |text| {
        let text = text.replace(
            "\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]",
            "\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]",
        );
        let hours = text.replace("09:30", "00:00").replace("16:00", "24:00");
        hours
            .split("# ---- holidays")
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    questdb.finds(&STALE);
    let file = questdb
        .stack
        .folder
        .path()
        .join(".tradeops/calendars/XNYS.toml");
    let open = std::fs::read_to_string(&file).expect("the calendar");
    let days = "weekdays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]";
    let closed = open.replace(days, "weekdays = []");
    assert_ne!(open, closed);
    std::fs::write(&file, closed).expect("the calendar");
    questdb.well();
    questdb.sql("INSERT INTO market_data VALUES (dateadd('d', -3, now()), 2)");
    questdb.sql("INSERT INTO market_data VALUES (now(), 2)");
    std::thread::sleep(Duration::from_secs(1));
    // The oldest partition: the newest one's files are open, and would still be written.
    questdb.sh(
        false,
        "rm -r \"$(ls -d /var/lib/questdb/db/market_data*/20* | head -n 1)\"",
    );
    questdb.sql("INSERT INTO market_data VALUES (dateadd('d', -3, now()), 3)");
    questdb.finds(&SUSPENDED);
}

#[test]
fn faults_of_pulsar_weaviate_and_minio() {
    for (service, port, conduct, fault) in [
        ("weaviate", 8080, "/node?name=node1&status=UNHEALTHY", &NODE),
        ("minio", 9000, "/drives?offline=1", &DRIVE),
        (
            "pulsar",
            8080,
            "/backlog?messages=200000&subscription=signal-generator",
            &BACKLOG,
        ),
        ("pulsar", 8080, "/nobroker", &BROKERLESS),
    ] {
        let one = One::stand_in(service, port);
        one.well();
        fetch(one.port(9999), conduct).expect("a control port");
        one.finds(fault);
    }
}
