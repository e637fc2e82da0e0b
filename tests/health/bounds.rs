//! What a changed copy of health cannot do: its header lets it read, and read means it.

use std::path::Path;

use crate::page::Page;
use crate::stack::{Stack, container, docker, env, eventually, fetch, run};

/// Runs a copy; exit code and standard error.
fn copy(stack: &Stack, change: impl FnOnce(String) -> String) -> (i32, String) {
    let path = stack.copy("copy.rhai", change);
    let output = run(&mut stack.command(&["run", &path]));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), err)
}

/// Adds a statement before the first function and tells its line.
fn with_statement(text: &str, statement: &str) -> (String, usize) {
    let mark = "/// What every check file gets";
    let changed = text.replacen(mark, &format!("{statement}\n{mark}"), 1);
    let line = changed
        .lines()
        .position(|l| l == statement)
        .expect("the statement")
        + 1;
    (changed, line)
}

/// Since when a container runs: another text after any stop.
fn since(service: &str) -> String {
    let format = "{{.State.Running}} {{.State.StartedAt}}";
    docker(&["inspect", "-f", format, &container(service)])
}

/// The header's capabilities.
fn needs(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("the shipped script");
    let needs = text.lines().find_map(|l| l.strip_prefix("//! needs: "));
    let needs = needs.unwrap_or_default().split(", ");
    needs.filter(|n| !n.is_empty()).map(str::to_owned).collect()
}

/// The two checks that must act to know have their own narrow capability, in a file of their own.
const DEEP: &[(&str, &str)] = &[("loki", "loki.roundtrip"), ("quote", "provider.quote")];

#[test]
fn the_headers_have_only_read_capabilities() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let own = needs(&scripts.join("health.rhai"));
    assert!(own.iter().all(|n| n.ends_with(".read")), "{own:?}");
    let files = std::fs::read_dir(scripts.join("checks")).expect("the check files");
    let mut seen = 0;
    for file in files.flatten() {
        let name = file.path();
        let name = name.file_stem().and_then(|n| n.to_str()).expect("a name");
        let deep = DEEP.iter().find(|(n, _)| *n == name).map(|(_, c)| *c);
        let needs = needs(&file.path());
        let odd: Vec<_> = needs
            .iter()
            .filter(|n| !n.ends_with(".read") && Some(n.as_str()) != deep)
            .collect();
        assert!(odd.is_empty(), "{name}: {odd:?}");
        seen += 1;
    }
    assert!(seen >= 7, "{seen}");
}

#[test]
fn an_added_stop_is_77_and_stops_nothing() {
    let stack = Stack::alone();
    let before = since("redis");
    let stop = format!("docker::stop(\"{}\");", container("redis"));
    let mut line = 0;
    let (code, err) = copy(&stack, |text| {
        let (changed, at) = with_statement(&text, &stop);
        line = at;
        changed
    });
    assert_eq!(code, 77, "{err}");
    assert!(err.contains(&format!("copy.rhai:{line}:")), "{err}");
    assert!(err.contains(&stop), "{err}");
    assert!(
        err.contains("docker.change") || err.contains("docker.stop"),
        "{err}"
    );

    // Within a check, on a worker, within `try`: the same.
    let hidden = format!("try {{ {stop} }} catch {{ }}");
    let (code, err) = copy(&stack, |text| {
        let mark = "checks::asked(check), #{";
        let changed = text.replacen(
            mark,
            &format!("{{\n{hidden}\nchecks::asked(check) }}, #{{"),
            1,
        );
        line = changed
            .lines()
            .position(|l| l.contains(&hidden))
            .expect("it")
            + 1;
        changed
    });
    assert_eq!(code, 77, "{err}");
    assert!(err.contains(&format!("copy.rhai:{line}:")), "{err}");
    assert_eq!(since("redis"), before, "redis was touched");
}

#[test]
fn an_unknown_function_is_65_before_anything_was_asked() {
    let stack = Stack::alone();
    let engine = Page::serve(vec![]);
    let path = stack.copy("copy.rhai", |text| {
        with_statement(&text, "docker::contaners();").0
    });
    let mut command = stack.command(&["run", &path]);
    command.env("DOCKER_HOST", format!("tcp://127.0.0.1:{}", engine.port));
    let output = run(&mut command);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{err}");
    assert!(output.stdout.is_empty());
    assert!(err.contains("nothing was run"), "{err}");
    assert!(err.contains("docker::containers"), "no suggestion: {err}");
    assert_eq!(engine.asked(), 0, "the engine was asked");
}

#[test]
fn a_drop_by_http_or_by_a_query_changes_nothing() {
    let stack = Stack::alone();
    let table = format!("tradeops_test_health_{}", std::process::id());
    let questdb: u16 = env("QUESTDB_PORT").parse().expect("a port");
    let exec = |sql: &str| {
        let sql = sql.replace(' ', "%20");
        fetch(questdb, &format!("/exec?query={sql}")).expect("questdb answers")
    };
    let postgres = container("postgres");
    let (user, database) = (env("DB_USER"), env("DB_NAME"));
    let psql = |sql: &str| {
        let script =
            "PGPASSWORD=$POSTGRES_PASSWORD exec psql -h 127.0.0.1 -U \"$1\" -d \"$2\" -Atc \"$3\"";
        let argv = [
            "exec", &postgres, "sh", "-c", script, "psql", &user, &database, sql,
        ];
        docker(&argv)
    };
    exec(&format!(
        "CREATE TABLE {table} AS (SELECT x FROM long_sequence(3))"
    ));
    psql(&format!("CREATE TABLE {table} AS SELECT 1 AS x"));

    let at_questdb = format!("http://127.0.0.1:{questdb}");
    let at_postgres = format!("127.0.0.1:{}/{database}", env("DB_PORT"));
    let connect = format!(
        "let db = postgres::connect(\"postgres://{at_postgres}\", #{{ user: \"{user}\", password: secrets.DB_PASSWORD }});"
    );
    let attempts = [
        format!("http::get(\"{at_questdb}/exec?query=DROP%20TABLE%20{table}\");"),
        format!("http::get(\"http://localhost:{questdb}//exec?query=drop%20table%20{table}\");"),
        format!("questdb::query(questdb::connect(\"{at_questdb}\"), \"DROP TABLE {table}\");"),
        format!(
            "questdb::query(questdb::connect(\"{at_questdb}\"), \"SELECT 1; DROP TABLE {table}\");"
        ),
        format!("{connect} postgres::query(db, \"DROP TABLE {table}\");"),
        format!(
            "{connect} postgres::query(db, \"WITH gone AS (DELETE FROM {table} RETURNING x) SELECT * FROM gone\");"
        ),
    ];
    for attempt in &attempts {
        let mark = "\n    let services = ";
        let (code, err) = copy(&stack, |text| {
            let secrets = "let secrets = stack::secrets(ours, args.env_file);";
            let text = text.replacen(mark, &format!("\n{secrets}\n{attempt}{mark}"), 1);
            // What the copy asks for is what the check files of health ask for.
            text.replacen(
                "//! needs: docker.read",
                "//! needs: docker.read, http.read, postgres.read, questdb.read",
                1,
            )
        });
        println!("{code}: {attempt}\n{err}");
        // Refused by the gate, or by the server itself within its read-only transaction.
        assert!([70, 77].contains(&code), "{code}: {attempt}\n{err}");
        let left = exec(&format!("SELECT count() FROM {table}"));
        assert!(left.contains("[[3]]"), "{attempt}: {left}");
        assert_eq!(
            psql(&format!("SELECT count(*) FROM {table}")),
            "1",
            "{attempt}"
        );
    }
    exec(&format!("DROP TABLE {table}"));
    psql(&format!("DROP TABLE {table}"));
}

#[test]
fn a_get_that_starts_a_job_starts_none() {
    let stack = Stack::alone();
    let name = format!("tt-health-{}", std::process::id());
    let _gone = Gone(name.clone());
    docker(&[
        "run",
        "-d",
        "--rm",
        "--name",
        &name,
        "--label",
        "com.tradeops.test=health",
        "-p",
        "127.0.0.1::8002",
        "-p",
        "127.0.0.1::9999",
        &env("STANDIN_IMAGE"),
        "data-ingestion",
    ]);
    let port = |inside: &str| -> u16 {
        let told = docker(&["port", &name, inside]);
        told.rsplit(':')
            .next()
            .and_then(|p| p.parse().ok())
            .expect("a port")
    };
    let (service, control) = (port("8002"), port("9999"));
    let jobs = || {
        let state = fetch(control, "/").map_err(|e| e.to_string())?;
        let state: serde_json::Value = serde_json::from_str(&state).map_err(|e| e.to_string())?;
        state["jobs_accepted"]
            .as_i64()
            .ok_or_else(|| "no count".to_owned())
    };
    assert_eq!(eventually("the stand-in", jobs), 0);
    for path in [
        "/backfill/news/run",
        "/backfill//social/%72un",
        "/x/../backfill/news/run?symbols=A",
    ] {
        let get = format!("http::get(\"http://127.0.0.1:{service}{path}\");");
        let (code, err) = copy(&stack, |text| {
            let (changed, _) = with_statement(&text, &get);
            changed.replacen(
                "//! needs: docker.read",
                "//! needs: docker.read, http.read",
                1,
            )
        });
        assert_eq!(code, 77, "{path}: {err}");
        assert_eq!(jobs(), Ok(0), "{path}");
    }
    // The route is really one that starts a job.
    fetch(service, "/backfill/news/run").expect("an answer");
    assert_eq!(jobs(), Ok(1));
}

/// A container of the test's own, removed when this goes.
pub(crate) struct Gone(pub(crate) String);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = std::process::Command::new("docker")
            .args(["rm", "-f", &self.0])
            .output();
    }
}
