//! `compose::` on the real engine, with the Compose that is installed.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../support/compose_project.rs"]
mod compose_project;
#[path = "../support/mod.rs"]
mod support;

use compose_project::{ComposeProject, docker};
use serde_json::Value;
use support::{Done, World};

const HEADER: &str =
    "//! A test.\n//! needs: compose.read, compose.change, compose.destroy, docker.read\n";

const TWO: &str = r#"
  a:
    image: $IMAGE
    command: [sleep, "600"]
    init: true
    environment: { PASSWORD: hunter2-hunter2, X: "1" }
    depends_on: { b: { condition: service_healthy }, job: { condition: service_completed_successfully } }
    ports: ["127.0.0.1::80"]
    volumes: ["data:/data", "$FOLDER/x:/x:ro"]
    mem_limit: 64m
    cpus: 0.5
  b:
    image: $IMAGE
    command: [redis-server]
    healthcheck: { test: [CMD, redis-cli, ping], interval: 1s, retries: 7, start_period: 3s }
    restart: unless-stopped
  job:
    image: $IMAGE
    command: ["true"]
    restart: "no""#;
const DATA: &str = "volumes:\n  data: {}";

/// Runs `text` with the file as `file` and the project's name as `name`.
fn run(project: &ComposeProject, text: &str, flags: &[&str]) -> Done {
    let world = World::new();
    run_in(&world, project, text, flags)
}

fn run_in(world: &World, project: &ComposeProject, text: &str, flags: &[&str]) -> Done {
    let file = project.file();
    world.file(
        "test.rhai",
        &format!(
            "{HEADER}let file = \"{}\";\nlet name = \"{}\";\n{text}\n",
            file.display(),
            project.name
        ),
    );
    let mut args = vec!["run", "-o", "json"];
    args.extend(flags);
    args.push("test.rhai");
    let run = world.tradeops(&args);
    // Whatever engine the tests use.
    match std::env::var("DOCKER_HOST") {
        Ok(host) => run.env("DOCKER_HOST", host),
        Err(_) => run,
    }
    .done()
}

#[test]
fn a_project_as_compose_resolves_it() {
    let project = ComposeProject::with(TWO, DATA);
    let done = run(&project, "compose::project(#{ files: [file] })", &[]).exits(0);
    assert!(
        !done.out.contains("hunter2"),
        "a value of the environment: {}",
        done.out
    );
    let read = done.json();
    assert_eq!(read["name"], project.name.as_str());
    assert_eq!(read["source"], "file");
    assert_eq!(read["files"][0], project.file().display().to_string());
    let a = &read["services"][0];
    assert_eq!(a["name"], "a");
    assert_eq!(a["depends_on"][0]["condition"], "service_healthy");
    assert_eq!(a["depends_on"][1]["name"], "job");
    assert_eq!(a["mounts"][0]["source"], format!("{}_data", project.name));
    assert_eq!(
        a["mounts"][1]["source"],
        project.path("x").display().to_string()
    );
    assert_eq!(a["mounts"][1]["read_only"], true);
    assert_eq!(a["ports"][0]["host_ip"], "127.0.0.1");
    assert_eq!(a["ports"][0]["host_port"], Value::Null);
    assert_eq!(a["memory_limit_bytes"], 64 << 20);
    assert_eq!(a["cpus"], 0.5);
    assert_eq!(a["environment_names"], serde_json::json!(["PASSWORD", "X"]));
    assert_eq!(a["one_shot"], false);
    let b = &read["services"][1];
    assert_eq!(
        (&b["has_health_check"], &b["health_retries"]),
        (&true.into(), &7.into())
    );
    assert_eq!(
        (&b["health_interval_s"], &b["health_start_s"]),
        (&1.0.into(), &3.0.into())
    );
    assert_eq!(read["services"][2]["one_shot"], true);
    assert_eq!(read["volumes"][0]["external"], false);
}

#[test]
fn the_digest_is_the_one_of_the_label() {
    let project = ComposeProject::with(TWO, DATA);
    project.compose(&["create", "b"]);
    let label = docker(&[
        "inspect",
        "--format",
        "{{index .Config.Labels \"com.docker.compose.config-hash\"}}",
        &project.container("b"),
    ]);
    let read = run(&project, "compose::project(#{ name: name })", &[])
        .exits(0)
        .json();
    assert_eq!(
        read["source"], "file",
        "the labels name the file, and it is there"
    );
    assert_eq!(read["services"][1]["config_hash"], label.as_str());
}

#[test]
fn all_missing_variables_are_named_with_their_places_and_nothing_starts() {
    let project = ComposeProject::new(
        "  a:\n    image: ${TRADEOPS_NO_A:?which image}\n    command: [\"${TRADEOPS_NO_B?}\", \"$${NOT:?}\", \"${TRADEOPS_EMPTY:?}\"]\n  b:\n    image: ${TRADEOPS_NO_A:?again}",
    );
    std::fs::write(project.path(".env"), "TRADEOPS_EMPTY=\n").unwrap();
    let done = run(
        &project,
        "compose::up(compose::project(#{ files: [file] }))",
        &[],
    )
    .exits(70);
    let file = project.file().display().to_string();
    done.says(&[
        "requires 3 variables that are not set",
        &format!("TRADEOPS_NO_A ({file}:4 and 1 more places): which image"),
        &format!("TRADEOPS_NO_B ({file}:5)"),
        &format!("TRADEOPS_EMPTY ({file}:5)"),
    ]);
    assert_eq!(containers(&project), "");
}

#[test]
fn an_unknown_service_is_told_before_anything_starts() {
    let project = ComposeProject::with(TWO, DATA);
    run(
        &project,
        "compose::up(compose::project(#{ files: [file] }), #{ services: [\"b\", \"jbo\"] })",
        &[],
    )
    .exits(70)
    .says(&[
        "there is no service `jbo` in",
        "compose.yaml",
        "`job` is one",
    ]);
    assert_eq!(containers(&project), "");
}

#[test]
fn up_creates_starts_and_then_has_nothing_to_do() {
    let project = ComposeProject::with(TWO, DATA);
    let world = World::new();
    let made = run_in(
        &world,
        &project,
        "compose::up(compose::project(#{ files: [file] }), #{ no_start: true })",
        &[],
    )
    .exits(0);
    assert!(made.json()["changed"].as_bool().unwrap());
    assert_eq!(states(&project), "a created\nb created\njob created");
    assert!(
        made.err.contains("Created") || made.err.contains("created"),
        "no progress: {}",
        made.err
    );
    let effects: Vec<_> = world
        .audit()
        .into_iter()
        .filter(|l| l.to_string().contains("created"))
        .collect();
    assert!(
        !effects.is_empty(),
        "the audit says nothing of what was created"
    );

    run(
        &project,
        "compose::up(compose::project(#{ name: name }))",
        &[],
    )
    .exits(0);
    assert_eq!(states(&project), "a running\nb running\njob exited");
    let plan = run(
        &project,
        "compose::up(compose::project(#{ name: name }), #{ services: [\"b\"] })",
        &["--plan"],
    )
    .exits(0)
    .json();
    assert_eq!(plan["steps"][0]["blast"]["summary"], "nothing to do");

    // Other settings, and the plan knows what that means.
    project.write(&TWO.replace("retries: 7", "retries: 8"), DATA);
    let plan = run(
        &project,
        "compose::up(compose::project(#{ name: name }))",
        &["--plan"],
    )
    .exits(0)
    .json();
    let blast = &plan["steps"][0]["blast"];
    assert_eq!(blast["facts"]["recreate"], serde_json::json!(["b"]));
    assert_eq!(blast["facts"]["start"], serde_json::json!(["job"]));
    assert_eq!(blast["facts"]["keep"], serde_json::json!(["a"]));

    run(
        &project,
        "compose::stop(compose::project(#{ name: name }), #{ services: [\"b\"], timeout: \"2s\" })",
        &[],
    )
    .exits(0);
    assert_eq!(states(&project), "a running\nb exited\njob exited");
    let plan = run(
        &project,
        "compose::down(compose::project(#{ name: name }), #{ volumes: true })",
        &["--plan"],
    )
    .exits(0)
    .json();
    assert_eq!(plan["steps"][0]["access"], "destroy");
    let data = format!("{}_data", project.name);
    assert!(
        plan["steps"][0]["blast"]["summary"]
            .as_str()
            .unwrap()
            .ends_with(&format!("with the volumes {data}")),
        "{plan}"
    );
    assert_eq!(states(&project), "a running\nb exited\njob exited");
    run(
        &project,
        "compose::down(compose::project(#{ name: name }), #{ volumes: true, timeout: \"1s\" })",
        &[],
    )
    .exits(0);
    assert_eq!(containers(&project), "");
    assert!(!docker(&["volume", "ls", "--quiet"]).contains(&data));
}

#[test]
fn a_missing_external_network_is_named_with_the_command_that_makes_it() {
    let project = ComposeProject::with(
        "  a:\n    image: $IMAGE\n    networks: [default, far]",
        "  far: { name: tradeops-test-not-there, external: true }",
    );
    run(
        &project,
        "compose::up(compose::project(#{ files: [file] }))",
        &[],
    )
    .exits(70)
    .says(&[
        "the external network `tradeops-test-not-there` is not there",
        "docker network create tradeops-test-not-there",
    ]);
}

#[test]
fn a_taken_port_is_a_conflict_and_what_was_done_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let project = ComposeProject::new(&format!(
        "  a:\n    image: $IMAGE\n    ports: [\"127.0.0.1:{port}:80\"]"
    ));
    let done = run(
        &project,
        "task::attempt(|| compose::up(compose::project(#{ files: [file] }))).error",
        &[],
    )
    .exits(0);
    let error = done.json();
    assert_eq!(error["kind"], "conflict", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("by then it had") && message.contains(&project.container("a")),
        "{message}"
    );
}

#[test]
fn containers_without_their_file_tell_what_they_can() {
    let project = ComposeProject::with(TWO, DATA);
    project.compose(&["up", "--detach", "b"]);
    project.compose(&["create"]);
    std::fs::remove_file(project.file()).unwrap();
    let read = run(&project, "compose::project(#{ name: name })", &[])
        .exits(0)
        .json();
    assert_eq!(read["source"], "labels");
    assert_eq!(read["files"], serde_json::json!([]));
    let a = &read["services"][0];
    assert_eq!(a["name"], "a");
    assert_eq!(a["depends_on"].as_array().unwrap().len(), 2);
    assert_eq!(a["container_name"], project.container("a"));
    assert_eq!(
        read["services"][2]["one_shot"], true,
        "another waits for its end"
    );
    assert_eq!(read["volumes"][0]["alias"], "data");
    run(
        &project,
        "compose::up(compose::project(#{ name: name }))",
        &[],
    )
    .exits(70)
    .says(&["there are only containers, and no file"]);
    // Its containers can still be stopped and removed.
    run(&project, "let p = compose::project(#{ name: name }); compose::stop(p, #{ timeout: \"1s\" }); compose::down(p)", &[]).exits(0);
    assert_eq!(containers(&project), "");
}

#[test]
fn the_stand_alone_command_works_where_there_is_no_plugin() {
    let project = ComposeProject::with(TWO, DATA);
    let folder = tempfile::tempdir().unwrap();
    let plugin = plugin();
    std::os::unix::fs::symlink(plugin, folder.path().join("docker-compose")).unwrap();
    let world = World::new();
    world.file(
        "test.rhai",
        &format!(
            "{HEADER}compose::project(#{{ files: [\"{}\"] }}).services.len()",
            project.file().display()
        ),
    );
    // No `docker` on the PATH: so no plugin of it either.
    let path = folder.path().display().to_string();
    world
        .tradeops(&["run", "test.rhai"])
        .env("PATH", &path)
        .done()
        .exits(0)
        .shows(&["3"]);
    world
        .tradeops(&["run", "test.rhai"])
        .env("PATH", "/nonexistent")
        .done()
        .exits(70)
        .says(&["Docker Compose is not here", "docker-compose-plugin"]);
}

#[test]
fn ctrl_c_ends_compose_and_says_what_was_done() {
    let project = ComposeProject::new(
        "  slow:\n    image: $IMAGE\n    command: [sleep, \"600\"]\n    healthcheck: { test: [CMD, \"false\"], interval: 1s, start_period: 60s }\n  a:\n    image: $IMAGE\n    command: [sleep, \"600\"]\n    depends_on: { slow: { condition: service_healthy } }",
    );
    let world = World::new();
    world.file(
        "test.rhai",
        &format!(
            "{HEADER}compose::up(compose::project(#{{ files: [\"{}\"] }}))",
            project.file().display()
        ),
    );
    let mut running = world.tradeops(&["run", "test.rhai"]).start();
    running.until_says("slow-1 waiting");
    running.signal(rustix::process::Signal::INT);
    let done = running.end().exits(130);
    assert!(done.err.contains("into `compose::up` on"), "{}", done.err);
    let left = std::process::Command::new("pgrep")
        .args(["-f", &project.file().display().to_string()])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&left.stdout),
        "",
        "Compose still runs"
    );
    let last = world.audit().pop().unwrap();
    assert_eq!(last["outcome"], "unknown", "{last}");
    let done = format!("started container {}", project.container("slow"));
    assert!(
        world.audit().iter().any(|l| l.to_string().contains(&done)),
        "the audit does not say what was done: {last}"
    );
}

/// Where the plugin is.
fn plugin() -> std::path::PathBuf {
    let home = std::env::home_dir().map(|h| h.join(".docker/cli-plugins"));
    let system = [
        "/usr/local/lib/docker/cli-plugins",
        "/usr/local/libexec/docker/cli-plugins",
        "/usr/lib/docker/cli-plugins",
        "/usr/libexec/docker/cli-plugins",
    ];
    home.into_iter()
        .chain(system.map(Into::into))
        .map(|folder| folder.join("docker-compose"))
        .find(|file| file.is_file())
        .unwrap()
}

fn containers(project: &ComposeProject) -> String {
    docker(&[
        "ps",
        "--all",
        "--quiet",
        "--filter",
        &format!("label=com.docker.compose.project={}", project.name),
    ])
}

/// `service state`, by service.
fn states(project: &ComposeProject) -> String {
    let all = docker(&[
        "ps",
        "--all",
        "--filter",
        &format!("label=com.docker.compose.project={}", project.name),
        "--format",
        "{{.Label \"com.docker.compose.service\"}} {{.State}}",
    ]);
    let mut lines: Vec<_> = all.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}
