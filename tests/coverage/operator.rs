//! Who calls `tradeops coverage`.

use serde_json::Value;

use crate::support::{Done, Run, World};

pub(crate) struct Operator {
    pub(crate) world: World,
    pub(crate) port: u16,
}

impl Operator {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            world: World::new(),
            port,
        }
    }

    /// A call that knows of no stack, unless a test says otherwise.
    pub(crate) fn call(&self, args: &[&str]) -> Run {
        let mut all = vec!["coverage"];
        if !args.contains(&"--project") {
            all.extend(["--project", "no-such-project"]);
        }
        all.extend(args);
        self.world.tradeops(&all)
    }

    /// The same with the store's address, as the old scripts had it: with `/exec` at its end.
    pub(crate) fn on_store(&self, args: &[&str]) -> Run {
        let url = format!("http://127.0.0.1:{}/exec", self.port);
        self.call(args).env("QUESTDB_HTTP_URL", url)
    }

    pub(crate) fn done(&self, args: &[&str], code: i32) -> Done {
        ended(self.on_store(args), args, code)
    }

    pub(crate) fn json(&self, args: &[&str], code: i32) -> Value {
        let mut all = vec!["-o", "json"];
        all.extend(args);
        self.done(&all, code).json()
    }
}

pub(crate) fn ended(run: Run, args: &[&str], code: i32) -> Done {
    let done = run.done();
    assert_eq!(done.code, code, "{args:?}: {}{}", done.out, done.err);
    done
}
