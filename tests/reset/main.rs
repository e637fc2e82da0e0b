//! `reset.rhai` on real projects of its own.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../support/compose_project.rs"]
mod compose_project;
mod cut_off;
mod plan;
mod stores;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/terminal.rs"]
mod terminal;

use compose_project::{ComposeProject, docker};
use support::{Run, World};
use terminal::Terminal;

/// Redis with its data in a volume, and an application with its logs in a folder.
const STACK: &str = r#"
  redis:
    image: $IMAGE
    command: [redis-server, --appendonly, "yes", --dir, /data, --protected-mode, "no"]
    healthcheck: { test: [CMD, redis-cli, ping], interval: 1s }
    volumes: ["data:/data"]
    ports: ["127.0.0.1::6379"]
    stop_grace_period: 2s
  api:
    image: $IMAGE
    command: [sh, -c, "echo started >> /app/logs/api.log; exec sleep 600"]
    init: true
    depends_on: { redis: { condition: service_healthy } }
    volumes: ["$FOLDER/logs:/app/logs", "keep:/keep"]
    stop_grace_period: 1s"#;
const VOLUMES: &str = "volumes:\n  data: {}\n  keep: {}";

pub(crate) struct Stack {
    pub(crate) world: World,
    pub(crate) project: ComposeProject,
}

impl Stack {
    /// Up, with three keys in Redis and a file in the other volume.
    pub(crate) fn new() -> Self {
        let project = ComposeProject::with(STACK, VOLUMES);
        std::fs::create_dir(project.path("logs")).unwrap();
        project.compose(&["up", "--detach", "--wait"]);
        let stack = Self {
            world: World::new(),
            project,
        };
        for key in ["watchlist", "a", "b"] {
            stack.redis(&["set", key, "1"]);
        }
        docker(&[
            "exec",
            &stack.project.container("api"),
            "sh",
            "-c",
            "echo kept > /keep/file",
        ]);
        stack
    }

    pub(crate) fn redis(&self, args: &[&str]) -> String {
        let container = self.project.container("redis");
        let mut all = vec!["exec", container.as_str(), "redis-cli"];
        all.extend(args);
        docker(&all)
    }

    pub(crate) fn reset(&self, flags: &[&str]) -> Run {
        run_reset(&self.world, &self.project, flags)
    }

    /// What must be so after whatever was done: all run, and what no flag named is there.
    pub(crate) fn is_well(&self) {
        for service in ["redis", "api"] {
            assert_eq!(
                docker(&[
                    "inspect",
                    "--format",
                    "{{.State.Status}}",
                    &self.project.container(service)
                ]),
                "running"
            );
        }
        assert_eq!(
            docker(&["exec", &self.project.container("api"), "cat", "/keep/file"]),
            "kept"
        );
    }

    fn ids(&self) -> String {
        let filter = format!("label=com.docker.compose.project={}", self.project.name);
        docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter])
    }
}

/// The workflow on a project, in a world.
pub(crate) fn run_reset(world: &World, project: &ComposeProject, flags: &[&str]) -> Run {
    let file = project.file().display().to_string();
    let mut args = vec!["reset", "--file", &file, "--skip-health"];
    args.extend(flags);
    let run = world.tradeops(&args);
    match std::env::var("DOCKER_HOST") {
        Ok(host) => run.env("DOCKER_HOST", host),
        Err(_) => run,
    }
}

#[test]
fn without_force_it_is_a_plan_and_says_what_would_be_lost() {
    let stack = Stack::new();
    let before = stack.ids();
    let done = stack
        .reset(&["--wipe-cache", "--wipe-logs"])
        .done()
        .exits(0);
    done.shows(&[
        "wipe redis:/data (volume",
        "3 keys; lost: the watchlist, sessions, the progress of backfills",
        "wipe api:/app/logs (bind",
        "nothing was done: --force does it",
    ]);
    let plan = stack
        .reset(&[
            "--wipe-cache",
            "--wipe-logs",
            "--force",
            "--plan",
            "-o",
            "json",
        ])
        .done()
        .exits(0)
        .json();
    let ops: Vec<_> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["op"].as_str().unwrap())
        .collect();
    assert_eq!(
        ops,
        [
            "lock::acquire",
            "compose::stop",
            "docker::remove",
            "docker::remove_volume",
            "fs::wipe",
            "compose::up",
            "docker::start",
            "docker::start",
        ],
        "{plan}"
    );
    assert_eq!(stack.ids(), before);
    assert_eq!(stack.redis(&["dbsize"]), "3");
    assert_eq!(stack.world.changes(), Vec::<String>::new());
    stack.is_well();
}

#[test]
fn wiping_the_cache_empties_exactly_redis() {
    let stack = Stack::new();
    let log = std::fs::read_to_string(stack.project.path("logs/api.log")).unwrap();
    let done = stack.reset(&["--force", "--wipe-cache"]).done().exits(0);
    done.shows(&["reset ", ": done"]);
    assert_eq!(stack.redis(&["dbsize"]), "0");
    assert!(
        std::fs::read_to_string(stack.project.path("logs/api.log"))
            .unwrap()
            .starts_with(&log),
        "the logs went, too"
    );
    stack.is_well();
    let made = stack.world.changes();
    let volume = format!(
        "docker::remove_volume docker/volumes/{}_data",
        stack.project.name
    );
    assert!(made.contains(&volume), "{made:?}");
    assert!(!made.iter().any(|c| c.starts_with("fs::wipe")), "{made:?}");
}

#[test]
fn folders_are_emptied_only_below_the_projects_own_and_soft_beats_wipes() {
    let stack = Stack::new();
    let soft = stack
        .reset(&[
            "--force",
            "--soft",
            "--wipe-cache",
            "--wipe-volumes",
            "--prune-images",
        ])
        .done()
        .exits(0);
    assert!(!soft.out.contains("wipe"), "{}", soft.out);
    assert_eq!(stack.redis(&["dbsize"]), "3");
    let before = stack.ids();
    stack.reset(&["--force", "--wipe-logs"]).done().exits(0);
    assert_eq!(
        std::fs::read_to_string(stack.project.path("logs/api.log")).unwrap(),
        "started\n",
        "only the new container's"
    );
    assert_ne!(stack.ids(), before, "the containers are the old ones");
    assert_eq!(stack.redis(&["dbsize"]), "3");
    stack.is_well();

    // A folder elsewhere is not touched, whatever is mounted there.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("x"), "1").unwrap();
    let outside = STACK.replace("$FOLDER/logs", &elsewhere.path().display().to_string());
    stack.project.write(&outside, VOLUMES);
    let before = (stack.ids(), stack.world.changes().len());
    for force in [
        &["--wipe-logs", "--wipe-cache"][..],
        &["--force", "--wipe-logs", "--wipe-cache"],
    ] {
        let done = stack.reset(force).done().exits(1);
        done.says(&[
            "may not be wiped: api:/app/logs",
            "below none of the folders",
            "[settings.reset] roots",
        ]);
    }
    // Not when Redis is wiped already, or stopped: before anything.
    assert_eq!((stack.ids(), stack.world.changes().len()), before);
    assert_eq!(stack.redis(&["dbsize"]), "3");
    assert!(elsewhere.path().join("x").exists());
}

#[test]
fn a_backup_is_brought_back_by_undo() {
    let stack = Stack::new();
    let backup = stack.world.path("backup").display().to_string();
    let done = stack
        .reset(&[
            "--force",
            "--wipe-cache",
            "--wipe-logs",
            "--backup",
            &backup,
            "-o",
            "json",
        ])
        .done()
        .exits(0)
        .json();
    let run = done["run"].as_str().unwrap();
    assert_eq!(stack.redis(&["dbsize"]), "0");
    let saved: Vec<_> = std::fs::read_dir(&backup)
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(saved.len(), 2, "{saved:?}");
    stack
        .reset(&["--undo", "no-such-run", "--force"])
        .done()
        .exits(64)
        .says(&["no reset of"]);
    stack.reset(&["--undo", run, "--force"]).done().exits(0);
    assert_eq!(stack.redis(&["dbsize"]), "3");
    assert_eq!(stack.redis(&["get", "watchlist"]), "1");
    let log = std::fs::read_to_string(stack.project.path("logs/api.log")).unwrap();
    assert!(
        log.starts_with("started\n") && log.lines().count() == 2,
        "{log:?}"
    );
    stack.is_well();
    // What was saved and changed since is not put back.
    std::fs::write(stack.world.path("backup").join("redis-data.tar"), "other").unwrap();
    stack
        .reset(&["--undo", run, "--force"])
        .done()
        .exits(1)
        .says(&["its digest is another"]);
}

#[test]
fn a_plan_is_confirmed_by_its_id_and_a_held_lock_is_75() {
    let stack = Stack::new();
    let plan = stack
        .reset(&["--wipe-cache", "-o", "json"])
        .done()
        .exits(0)
        .json();
    let id = plan["plan"]["id"].as_str().unwrap();
    stack
        .reset(&["--force", "--wipe-logs", "--confirm", id])
        .done()
        .exits(77)
        .says(&["the plan is", "look at it again"]);
    stack
        .world
        .file("tradeops.toml", "[settings.reset]\nconfirm = true\n");
    stack
        .reset(&["--force", "--wipe-cache"])
        .done()
        .exits(77)
        .says(&["this site wants the plan confirmed", id]);
    // Those that fill the stores hold the lock shared: any number of them side by side, and no reset meanwhile.
    let lock = format!("/tmp/tradeops-{}.lock", stack.project.name);
    let holders: Vec<_> = ["backfill", "retention"]
        .into_iter()
        .map(|note| {
            let script = format!(
                "let l = lock::acquire(\"{lock}\", #{{ share: true, note: \"{note}\" }}); print(\"held\"); time::sleep(\"30s\")"
            );
            let mut holder = stack.world.tradeops(&["eval", "--live", &script]).start();
            holder.until("held");
            holder
        })
        .collect();
    let held = stack
        .reset(&["--force", "--wipe-cache", "--confirm", id])
        .done()
        .exits(75);
    held.says(&["is shared by pid", "; and by pid"]);
    drop(holders);
    assert_eq!(stack.redis(&["dbsize"]), "3");
    stack
        .reset(&["--force", "--wipe-cache", "--confirm", id])
        .done()
        .exits(0);
    assert_eq!(stack.redis(&["dbsize"]), "0");
}

/// An image is a project's by its label, and nobody uses it when no container was made from it; another project's stays.
#[test]
fn pruning_removes_only_this_projects_unused_images() {
    let stack = Stack::new();
    let other = format!("{}-other", stack.project.name);
    let redis = stack.project.container("redis");
    let build = |tag: &str, project: &str| {
        let tag = format!("{}-{tag}", stack.project.name);
        let label = format!("LABEL com.docker.compose.project={project} tradeops.test={tag}");
        docker(&["commit", "--change", &label, &redis, &tag]);
        tag
    };
    let (used, unused, others) = (
        build("used", &stack.project.name),
        build("unused", &stack.project.name),
        build("others", &other),
    );
    // A container has its image's labels, too: this one is nobody's.
    let none = [
        "--label",
        "com.docker.compose.project=",
        "--label",
        "com.docker.compose.service=",
    ];
    let container = docker(&[&["create"], &none[..], &[used.as_str()]].concat());
    let plan = stack.reset(&["--prune-images"]).done().exits(0);
    let done = stack.reset(&["--force", "--prune-images"]).done();
    let there =
        [&used, &unused, &others].map(|tag| !docker(&["images", "--quiet", tag]).is_empty());
    docker(&["rm", "--force", &container]);
    for tag in [&used, &others] {
        docker(&["rmi", "--force", tag]);
    }
    plan.shows(&["remove 1 unused images"]);
    done.exits(0);
    assert_eq!(there, [true, false, true]);
    assert_eq!(stack.redis(&["dbsize"]), "3");
}

#[test]
fn at_a_terminal_the_projects_name_is_typed() {
    let stack = Stack::new();
    let host = std::env::var("DOCKER_HOST")
        .map_or_else(|_| String::new(), |h| format!("DOCKER_HOST={h} "));
    let shell = format!(
        "{host}\"$BIN\" reset --file {} --skip-health --force --wipe-cache; echo \"exit=$?\"",
        stack.project.file().display()
    );
    for (typed, code) in [
        ("something else", "exit=77"),
        (&*stack.project.name, "exit=0"),
    ] {
        assert_eq!(stack.redis(&["dbsize"]), "3", "before {typed}");
        let mut terminal = Terminal::open(&stack.world.work(), &shell);
        terminal.wait("type the project's name to wipe redis:/data");
        terminal.keys(&format!("{typed}\r"));
        terminal.wait(code);
    }
    assert_eq!(stack.redis(&["dbsize"]), "0");
    stack.is_well();
}

#[test]
fn a_saved_plan_is_applied_and_an_overtaken_one_is_not() {
    let stack = Stack::new();
    stack
        .reset(&["--force", "--wipe-cache", "--plan-out", "cache.plan"])
        .done()
        .exits(0);
    let apply = |stack: &Stack| stack.world.tradeops(&["apply", "cache.plan"]).done();
    stack
        .project
        .compose(&["up", "--detach", "--wait", "--force-recreate", "redis"]);
    let running = |stack: &Stack| {
        let started = |service| {
            docker(&[
                "inspect",
                "--format",
                "{{.Id}} {{.State.StartedAt}}",
                &stack.project.container(service),
            ])
        };
        ["redis", "api"].map(started)
    };
    let before = running(&stack);
    let done = apply(&stack).exits(77);
    done.says(&["compose::stop"]);
    assert_eq!(running(&stack), before, "something was stopped");
    assert_eq!(stack.redis(&["dbsize"]), "3");
    // So is one that is too old.
    stack
        .world
        .tradeops(&["apply", "cache.plan", "--max-age", "1ms"])
        .done()
        .exits(77)
        .says(&["old"]);
    assert_eq!(running(&stack), before, "something was stopped");

    // A plan of what is there now is carried out.
    stack
        .reset(&["--force", "--wipe-cache", "--plan-out", "cache.plan"])
        .done()
        .exits(0);
    apply(&stack).exits(0);
    assert_eq!(stack.redis(&["dbsize"]), "0");
    stack.is_well();
}
