//! Faults of the stores, each in a real server of the test's own (stand-ins for Pulsar, Weaviate and MinIO).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::bounds::Gone;
use crate::data_faults as faults;
use crate::fault::Fault;
use crate::stack::{Asked, Stack, docker, env, eventually, fetch};

/// A compose project of one service.
struct One {
    stack: Stack,
    service: &'static str,
    name: String,
    _gone: Gone,
}

impl One {
    fn start(service: &'static str, port: u16, words: &[&str]) -> Self {
        // Several of one service may stand beside each other.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tt-data-{service}-{}-{next}", std::process::id());
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

    /// A writer that is faster than rows out of order can be put in their places.
    fn lags_behind(&self) {
        self.sql("CREATE TABLE busy (ts TIMESTAMP, x LONG) timestamp(ts) PARTITION BY DAY WAL");
        self.stack.overlay("std/limits", |text| {
            text.replace(
                "questdb_pending_transactions: #{ warn: 1000",
                "questdb_pending_transactions: #{ warn: 1",
            )
        });
        let found = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !found.load(Ordering::Relaxed) {
                    self.sql("INSERT INTO busy SELECT cast(rnd_long(1704067200000000, 1704153600000000, 0) AS timestamp), x FROM long_sequence(200000)");
                }
            });
            // Whatever comes of it: the writer ends.
            let finding = scope.spawn(|| self.finds(&faults::LAGGING)).join();
            found.store(true, Ordering::Relaxed);
            assert!(finding.is_ok(), "the lag is not found");
        });
        self.stack.as_shipped("std/limits");
        self.sql("DROP TABLE busy");
        self.well();
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
            // On a busy machine another check may run out of time now and then.
            if fault.is_of(check) && asked.causes() == [fault.check] {
                Ok(asked)
            } else {
                Err(format!("{check:#}, causes {:?}", asked.causes()))
            }
        });
        fault.is_among(&asked);
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
    redis.finds(&faults::BLOCKED);
    redis.sh(false, "redis-cli client kill type normal skipme yes");
    redis.well();
    redis.sh(false, "redis-cli eval \"for i = 1, 60000 do redis.call('set', 'k' .. i, string.rep('x', 200)) end\" 0");
    redis.finds(&faults::FULL);
    redis.sh(false, "redis-cli flushall");
    redis.well();
    redis.sh(false, "redis-cli bgsave");
    redis.finds(&faults::UNSAVED);
}

#[test]
fn redis_loses_keys_all_the_time() {
    let image = env("REDIS_IMAGE");
    let server =
        "--bind 0.0.0.0 --protected-mode no --maxmemory 4mb --maxmemory-policy allkeys-lru";
    let mut all = vec!["--entrypoint", "redis-server", &image];
    all.extend(server.split(' '));
    all.extend(["--save", ""]);
    let redis = One::start("redis", 6379, &all);
    redis.well();
    // How full it is would be told, too, and explain it.
    redis.stack.overlay("std/limits", |text| {
        text.replace(
            "redis_memory_percent: #{ warn: 85.0, bad: 95.0",
            "redis_memory_percent: #{ warn: 900.0, bad: 950.0",
        )
    });
    redis.sh(
        true,
        "i=0; while :; do i=$((i + 1)); redis-cli eval \"for n = 1, 200 do redis.call('set', KEYS[1] .. n, string.rep('x', 10000)) end\" 1 k$i; done",
    );
    redis.finds(&faults::EVICTING);
}

#[test]
fn redis_without_room_for_its_append_only_file() {
    let image = env("REDIS_IMAGE");
    let words = "--read-only --tmpfs /data:size=1m --entrypoint redis-server";
    let server = "--bind 0.0.0.0 --protected-mode no --dir /data --appendonly yes";
    let mut all: Vec<&str> = words.split(' ').collect();
    all.push(&image);
    all.extend(server.split(' '));
    all.extend(["--save", ""]);
    let redis = One::start("redis", 6379, &all);
    redis.well();
    redis.sh(
        false,
        "redis-cli eval \"for i = 1, 30 do redis.call('set', 'k' .. i, string.rep('x', 100000)) end\" 0",
    );
    redis.finds(&faults::APPENDLESS);
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
    postgres.finds(&faults::UNMIGRATED);
    postgres.sh(
        false,
        &format!("{psql} \"INSERT INTO alembic_version VALUES ('003')\""),
    );
    postgres.well();
    postgres.stack.overlay("std/limits", |text| {
        let text = text.replace(
            "postgres_transaction_seconds: #{ warn: 300.0",
            "postgres_transaction_seconds: #{ warn: 2.0",
        );
        text.replace(
            "retained_bytes: #{ warn: 1073741824",
            "retained_bytes: #{ warn: 1",
        )
    });
    let slot = "SELECT pg_create_physical_replication_slot($$left$$, true)";
    postgres.sh(false, &format!("{psql} '{slot}'"));
    postgres.finds(&faults::SLOT);
    let slot = "SELECT pg_drop_replication_slot($$left$$)";
    postgres.sh(false, &format!("{psql} '{slot}'"));
    postgres.well();
    postgres.sh(true, &format!("{psql} 'SELECT pg_sleep(8)'"));
    postgres.finds(&faults::LONG);
    postgres.stack.as_shipped("std/limits");
    postgres.well();
    let folder = postgres.sh(false, &format!("{psql} 'SHOW data_directory'"));
    postgres.sh(
        true,
        &format!("for i in $(seq 110); do (until ({psql} 'SELECT pg_sleep(70)'); do sleep 0.1; done) & done; wait"),
    );
    postgres.finds(&faults::TAKEN);
    postgres.sh(false, &format!("touch {folder}/standby.signal"));
    docker(&["restart", &postgres.name]);
    postgres.finds(&faults::RECOVERING);
}

#[test]
fn faults_of_questdb() {
    let image = env("QUESTDB_IMAGE");
    let questdb = One::start(
        "questdb",
        9000,
        &[
            "-e",
            "QDB_TELEMETRY_ENABLED=false",
            "-v",
            "/var/lib/questdb",
            &image,
        ],
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
    questdb.stack.overlay("calendars/XNYS", |text| {
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
    questdb.finds(&faults::STALE);
    let file = questdb.stack.overlay_path("calendars/XNYS");
    let open = std::fs::read_to_string(&file).expect("the calendar");
    let days = "weekdays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]";
    let closed = open.replace(days, "weekdays = []");
    assert_ne!(open, closed);
    std::fs::write(&file, closed).expect("the calendar");
    questdb.well();
    questdb.stack.overlay("std/limits", |text| {
        text.replace(
            "questdb_disk_percent: #{ warn: 80.0",
            "questdb_disk_percent: #{ warn: 0.1",
        )
    });
    questdb.finds(&faults::CROWDED);
    questdb.stack.as_shipped("std/limits");
    questdb.well();
    questdb.lags_behind();
    questdb.sql("INSERT INTO market_data VALUES (dateadd('d', -3, now()), 2)");
    questdb.sql("INSERT INTO market_data VALUES (now(), 2)");
    std::thread::sleep(Duration::from_secs(1));
    // The oldest partition: the newest one's files are open, and would still be written.
    questdb.sh(
        false,
        "rm -r \"$(ls -d /var/lib/questdb/db/market_data*/20* | head -n 1)\"",
    );
    questdb.finds(&faults::MISSING);
    questdb.sql("INSERT INTO market_data VALUES (dateadd('d', -3, now()), 3)");
    questdb.finds(&faults::SUSPENDED);
}

#[test]
fn faults_of_pulsar_weaviate_and_minio() {
    for (service, port, conduct, fault) in [
        (
            "weaviate",
            8080,
            "/node?name=node1&status=UNHEALTHY",
            &faults::NODE,
        ),
        ("minio", 9000, "/drives?offline=1", &faults::DRIVE),
        (
            "pulsar",
            8080,
            "/backlog?messages=200000&subscription=signal-generator",
            &faults::BACKLOG,
        ),
        ("pulsar", 8080, "/nobroker", &faults::BROKERLESS),
    ] {
        let one = One::stand_in(service, port);
        one.well();
        fetch(one.port(9999), conduct).expect("a control port");
        one.finds(fault);
    }
}
