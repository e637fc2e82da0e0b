//! A QuestDB of a benchmark's own.

use std::process::Command;
use std::time::Duration;

use tradeops::questdb::{self, Limits, Server};
use tradeops::run::Cx;

/// A server in a container of its own.
pub(crate) struct Started {
    id: String,
    pub(crate) at: Server,
}

impl Started {
    pub(crate) fn new(image: &str) -> Self {
        let label = "com.tradeops.test=bench";
        let publish = "127.0.0.1::9000";
        let id = said(&["run", "-d", "--label", label, "-p", publish, image]);
        let port = said(&["port", &id, "9000"]);
        let port = port.lines().next().and_then(|line| line.rsplit(':').next());
        let url = format!("http://127.0.0.1:{}", port.expect("a port"));
        let at = Server::new(&url, None, None).expect("an address");
        let limits = Limits {
            time: Duration::from_secs(2),
            ..Limits::default()
        };
        while questdb::tables(&Cx::detached(), &at, limits).is_err() {
            std::thread::sleep(Duration::from_millis(200));
        }
        Self { id, at }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        said(&["rm", "-f", "-v", &self.id]);
    }
}

fn said(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output();
    let output = output.expect("docker runs");
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
