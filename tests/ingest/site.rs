//! A QuestDB with the stack's tables, a stand-in of the ingestion service before it, and who calls `tradeops ingest`.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "`tests/backfill` uses another part of it, so an expectation would fail there"
)]

use std::time::Duration;

use serde_json::Value;
use tradeops::questdb::{self, Limits, Server};
use tradeops::run::Cx;

use crate::server::{Container, eventually};
use crate::standin::{Standin, TABLES};
use crate::support::{Done, Run, World};

pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) service: Standin,
    server: Server,
    _container: Container,
}

impl Site {
    pub(crate) fn new(image: &str) -> Self {
        let world = World::new();
        let container = Container::start(image, 9000, &["QDB_TELEMETRY_ENABLED=false"], &[]);
        let url = format!("http://127.0.0.1:{}", container.port);
        let server = Server::new(&url, None, None).unwrap_or_else(|error| panic!("{error}"));
        let limits = Limits {
            time: Duration::from_secs(2),
            ..Limits::default()
        };
        eventually(|| questdb::tables(&Cx::detached(), &server, limits));
        for statement in TABLES.lines().filter(|line| !line.is_empty()) {
            exec(&server, statement.trim_end_matches(';'));
        }
        Self {
            service: Standin::start(container.port, &world.work()),
            world,
            server,
            _container: container,
        }
    }

    /// Where the store is.
    pub(crate) fn url(&self) -> String {
        self.server.url().to_owned()
    }

    /// One statement.
    pub(crate) fn exec(&self, sql: &str) {
        exec(&self.server, sql);
    }

    /// The rows of one statement, each as a JSON array.
    pub(crate) fn query(&self, sql: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let limits = Limits::default();
        questdb::stream(&Cx::detached(), &self.server, sql, limits, |row| {
            rows.push(serde_json::from_slice(row).unwrap_or_else(|error| panic!("{sql}: {error}")));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows
    }

    /// Rows of a table, or of a table with a condition.
    pub(crate) fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count() AS n FROM {table}");
        let cell = questdb::value(&Cx::detached(), &self.server, &sql, Limits::default());
        let cell = cell.unwrap_or_else(|error| panic!("{sql}: {error}"));
        cell.int().unwrap_or_else(|| panic!("{sql}: {cell:?}"))
    }

    /// Waits until what was written can be read: a WAL is applied a little later.
    pub(crate) fn holds(&self, table: &str, rows: i64) {
        eventually(|| match self.count(table) {
            found if found == rows => Ok(()),
            found => Err(format!(
                "{found} rows in {table}, and {rows} are to be there"
            )),
        });
    }

    /// Everything back to the beginning.
    pub(crate) fn anew(&self) {
        self.service.tell("/reset");
        self.service.asked();
        let _ = std::fs::remove_dir_all(self.world.state().join("backfill"));
        for table in [
            "market_data",
            "options_data",
            "news_items",
            "social_signals",
        ] {
            exec(&self.server, &format!("TRUNCATE TABLE {table}"));
            self.holds(table, 0);
        }
    }

    /// A call of `tradeops ingest`; no stack is looked for.
    pub(crate) fn call(&self, args: &[&str]) -> Run {
        let mut all = vec!["run", "ingest.rhai"];
        all.extend(args);
        self.world
            .tradeops(&all)
            .env("INGEST_BASE_URL", self.service.url())
            .env("COMPOSE_PROJECT_NAME", "no-such-project")
    }

    pub(crate) fn done(&self, args: &[&str], code: i32) -> Done {
        let done = self.call(args).done();
        assert_eq!(done.code, code, "{args:?}\n{}\n{}", done.out, done.err);
        done
    }

    /// Its result as machines get it.
    pub(crate) fn json(&self, args: &[&str], code: i32) -> Value {
        let mut all = args.to_vec();
        all.extend(["-o", "json"]);
        let done = self.done(&all, code);
        let result: Value =
            serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}", done.out));
        assert_eq!(result["schema"], "tradeops.ingest/1");
        assert_eq!(result["exit_code"], code);
        result
    }
}

fn exec(server: &Server, sql: &str) {
    questdb::exec(&Cx::detached(), server, sql, Limits::default())
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}
