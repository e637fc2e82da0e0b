//! Every store wiped and brought back: what is in Postgres, QuestDB and Redis is counted before and after.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::compose_project::{ComposeProject, docker};
use crate::run_reset;
use crate::support::{Run, World};

/// As the stack has them: Postgres and Redis in volumes, QuestDB in a folder.
const STACK: &str = r#"
  postgres:
    image: $POSTGRES
    environment: { POSTGRES_USER: "${DB_USER}", POSTGRES_PASSWORD: "${DB_PASSWORD}", POSTGRES_DB: "${DB_NAME}" }
    ports: ["127.0.0.1::5432"]
    volumes: ["pg:/var/lib/postgresql/data"]
    healthcheck: { test: [CMD, pg_isready, -q, -h, 127.0.0.1, -U, "${DB_USER}", -d, "${DB_NAME}"], interval: 1s, retries: 60 }
  redis:
    image: $IMAGE
    command: [redis-server, --appendonly, "yes", --dir, /data, --protected-mode, "no"]
    healthcheck: { test: [CMD, redis-cli, ping], interval: 1s }
    volumes: ["data:/data"]
    ports: ["127.0.0.1::6379"]
  questdb:
    image: $QUESTDB
    environment: { QDB_TELEMETRY_ENABLED: "false" }
    ports: ["127.0.0.1::9000"]
    volumes: ["$FOLDER/questdb:/var/lib/questdb"]
    healthcheck: { test: [CMD, bash, -c, "exec 3<>/dev/tcp/127.0.0.1/9000"], interval: 1s, retries: 60 }
    stop_grace_period: 20s"#;
const VOLUMES: &str = "volumes:\n  data: {}\n  pg: {}";

struct Stores {
    world: World,
    project: ComposeProject,
}

impl Stores {
    fn new() -> Self {
        let image = |name| {
            std::env::var(name)
                .unwrap_or_else(|_| panic!("{name} is not set: `make test` builds it and sets it"))
        };
        let services = STACK
            .replace("$POSTGRES", &image("POSTGRES_IMAGE"))
            .replace("$QUESTDB", &image("QUESTDB_IMAGE"));
        let project = ComposeProject::with(&services, VOLUMES);
        std::fs::create_dir(project.path("questdb")).expect("a folder");
        std::fs::write(
            project.path(".env"),
            "DB_USER=trading_user\nDB_PASSWORD=not-a-secret-1\nDB_NAME=trading\n",
        )
        .expect("a file");
        project.compose(&["up", "--detach", "--wait"]);
        let stores = Self {
            world: World::new(),
            project,
        };
        stores.fill();
        stores
    }

    fn fill(&self) {
        self.sql("create table users as select g as id, md5(g::text) as name from generate_series(1, 1234) g");
        self.sql("analyze");
        self.questdb(
            "CREATE TABLE bars AS (SELECT rnd_symbol('A', 'B') symbol, x price, timestamp_sequence('2024-03-01T12:00:00', 3600000000L) ts \
             FROM long_sequence(500)) TIMESTAMP(ts) PARTITION BY DAY",
        );
        for n in 0..7 {
            self.redis(&["set", &format!("key:{n}"), &format!("{n}")]);
        }
        self.redis(&["sadd", "watchlist", "AAPL", "MSFT"]);
    }

    fn reset(&self, flags: &[&str]) -> Run {
        run_reset(&self.world, &self.project, flags)
    }

    fn redis(&self, args: &[&str]) -> String {
        let container = self.project.container("redis");
        docker(&[&["exec", container.as_str(), "redis-cli"], args].concat())
    }

    fn sql(&self, statement: &str) -> String {
        let container = self.project.container("postgres");
        docker(&[
            "exec",
            &container,
            "psql",
            "--username=trading_user",
            "--dbname=trading",
            "--tuples-only",
            "--no-align",
            "--command",
            statement,
        ])
    }

    /// The answer's text; a refusal, too: a table that is gone is an answer here.
    fn questdb(&self, statement: &str) -> String {
        let port = docker(&["port", &self.project.container("questdb"), "9000"]);
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let done = Command::new("curl")
                .args(["--silent", "--max-time", "20", "--get", "--data-urlencode"])
                .arg(format!("query={statement}"))
                .arg(format!("http://{port}/exec"))
                .output()
                .expect("curl runs");
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            if !said.is_empty() {
                return said;
            }
            assert!(Instant::now() < end, "QuestDB does not answer {statement}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// All that is in them, so that a row that came back wrong shows, too.
    fn contents(&self) -> [String; 3] {
        let bars = self.questdb("SELECT count(), sum(price), min(ts), max(ts) FROM bars");
        let at = bars.find("\"dataset\"").unwrap_or_else(|| panic!("{bars}"));
        [
            self.sql("select count(*), md5(string_agg(name, ',' order by id)) from users"),
            bars[at..].to_owned(),
            ["dbsize", "scard watchlist", "get key:6"]
                .map(|c| self.redis(&c.split(' ').collect::<Vec<_>>()))
                .join(" "),
        ]
    }
}

#[test]
fn all_stores_are_wiped_and_brought_back_to_the_row() {
    let stores = Stores::new();
    let before = stores.contents();
    assert!(
        before[0].starts_with("1234|") && before[1].contains("500"),
        "{before:?}"
    );
    assert_eq!(before[2], "8 2 6");

    let plan = stores.reset(&["--wipe-volumes"]).done().exits(0);
    plan.shows(&[
        "wipe postgres:/var/lib/postgresql/data (volume ",
        "1234 rows, about; lost: users, permissions, API keys, the progress of backfills",
        "8 keys; lost: the watchlist",
        "wipe questdb:/var/lib/questdb (bind ",
        // 499 hours after the first.
        "500 rows, 2024-03-01T12:00:00Z to 2024-03-22T07:00:00Z; lost: bars",
        "nothing was done",
    ]);
    assert_eq!(stores.contents(), before);

    let backup = stores.world.path("backup").display().to_string();
    let wiped = stores
        .reset(&[
            "--force",
            "--wipe-volumes",
            "--backup",
            &backup,
            "-o",
            "json",
        ])
        .done()
        .exits(0)
        .json();
    assert_eq!(stores.redis(&["dbsize"]), "0");
    assert_eq!(
        stores.sql("select count(*) from pg_tables where tablename = 'users'"),
        "0"
    );
    assert!(
        stores
            .questdb("SELECT count() FROM bars")
            .contains("does not exist"),
        "the table is there"
    );

    let run = wiped["run"].as_str().expect("its id");
    stores.reset(&["--force", "--undo", run]).done().exits(0);
    assert_eq!(stores.contents(), before);
}
