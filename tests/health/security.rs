//! Faults of security and hygiene, each planted in a compose project of one stand-in that is the test's own: found
//! by its check, and by no other. A planted secret is in no output.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use chrono::{TimeDelta, Utc};
use serde_json::Value;

use crate::bounds::Gone;
use crate::security_faults::named;
use crate::stack::{Stack, docker, env, eventually, run};
use crate::tls_server::TlsServer;

/// Settings of a stack with nothing wrong in them.
pub(crate) const GOOD: &str = "DB_USER=trading_user\n\
    DB_PASSWORD=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b\n\
    REDIS_PASSWORD=1b4f0e9851971998e732078544c96b36c3d01ced\n\
    SECRET_KEY=fd61a03af4f77d870fc21e05e7e80678095c92d8\n\
    POLYGON_API_KEY=60303ae22b998861bce3b28f33eec1be\n\
    VAULT_TOKEN=a4e624d686e03ed2767c0abd85c14426b0b1157d\n\
    JWT_SECRET=c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646\n";

/// A project of one stand-in, with settings of its own.
pub(crate) struct House<'a> {
    stack: &'a Stack,
    project: String,
    settings: PathBuf,
    _gone: Gone,
}

impl<'a> House<'a> {
    pub(crate) fn new(stack: &'a Stack, options: &[&str]) -> Self {
        Self::of(stack, &env("STANDIN_IMAGE"), options)
    }

    fn of(stack: &'a Stack, image: &str, options: &[&str]) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let project = format!("tt-sec-{}-{number}", std::process::id());
        let gone = Gone(project.clone());
        let labels = [
            "com.tradeops.test=health".to_owned(),
            format!("com.docker.compose.project={project}"),
            "com.docker.compose.service=weaviate".to_owned(),
        ];
        // Not every machine may start one with such powers; that it is there is what is asked.
        let powers = options
            .iter()
            .any(|o| *o == "--privileged" || *o == "--cap-add");
        let mut words = if powers {
            vec!["create"]
        } else {
            vec!["run", "-d"]
        };
        words.extend(["--name", &project, "--log-opt", "max-size=1m"]);
        for label in &labels {
            words.extend(["--label", label]);
        }
        words.extend(options);
        words.extend([image, "weaviate"]);
        docker(&words);
        let settings = stack.folder.path().join(format!("{number}.env"));
        let house = Self {
            stack,
            project,
            settings,
            _gone: gone,
        };
        house.write(GOOD, 0o600);
        house
    }

    fn write(&self, text: &str, mode: u32) {
        std::fs::write(&self.settings, text).expect("the settings");
        std::fs::set_permissions(&self.settings, std::fs::Permissions::from_mode(mode))
            .expect("its mode");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.stack.command(words);
        command
            .env("COMPOSE_PROJECT_NAME", &self.project)
            .env("TRADEOPS_SERVICES", "weaviate")
            .env("TRADEOPS_ENV_FILE", &self.settings);
        command
    }

    /// Health of security and hygiene.
    pub(crate) fn health(&self) -> Command {
        self.command(&[
            "run",
            "-o",
            "json",
            "health",
            "--only",
            "security,hygiene",
            "--timeout",
            "15s",
        ])
    }

    /// The checks that are neither well nor left out.
    pub(crate) fn wrong(&self) -> Vec<Value> {
        Self::wrong_in(&mut self.health())
    }

    fn wrong_in(health: &mut Command) -> Vec<Value> {
        let output = run(health);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "no report ({error}): {}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
        let checks = report["checks"].as_array().expect("checks");
        let fine = |c: &&Value| c["status"] != "ok" && c["status"] != "skipped";
        checks.iter().filter(fine).cloned().collect()
    }

    /// Asserts that this fault is found, and nothing else.
    pub(crate) fn has(&self, name: &str) {
        Self::has_in(name, &mut self.health());
    }

    /// The same by this run of health.
    pub(crate) fn has_in(name: &str, health: &mut Command) {
        let fault = named(name);
        let wrong = Self::wrong_in(health);
        assert_eq!(wrong.len(), 1, "{name}: {wrong:#?}");
        let check = &wrong[0];
        for (key, expected) in [
            ("id", fault.check),
            ("layer", fault.layer),
            ("severity", fault.severity),
        ] {
            assert_eq!(check[key], expected, "{name}: {check:#}");
        }
        assert!(fault.is_of(check), "{name}: {check:#}");
        assert_ne!(check["remedy"], "", "{name}: {check:#}");
    }
}

/// Something of the engine that goes with the test.
pub(crate) struct Removed(Vec<String>);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(&self.0).output();
    }
}

pub(crate) fn removed(words: &[&str]) -> Removed {
    Removed(words.iter().map(|w| (*w).to_owned()).collect())
}

#[test]
fn a_house_in_order_has_no_fault() {
    let stack = Stack::alone();
    let house = House::new(&stack, &["-p", "127.0.0.1::8080"]);
    let wrong = house.wrong();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn containers_with_powers_and_open_ports() {
    let stack = Stack::alone();
    for (options, name) in [
        (&["--privileged"][..], "a privileged container"),
        (
            &["--cap-add", "SYS_ADMIN"],
            "a container that was given SYS_ADMIN",
        ),
        (
            &["-v", "/var/run/docker.sock:/var/run/docker.sock"],
            "the engine's socket in a container",
        ),
        (&["-p", "0.0.0.0::8080"], "a port that is open to the world"),
        (
            &["-e", "GF_SECURITY_ADMIN_PASSWORD=admin"],
            "a container with a default password",
        ),
    ] {
        House::new(&stack, options).has(name);
    }
}

#[test]
fn secrets_and_the_modes_of_their_files() {
    let stack = Stack::alone();
    let house = House::new(&stack, &[]);
    let without = |name: &str| -> String {
        let lines = GOOD.lines().filter(|l| !l.starts_with(&format!("{name}=")));
        lines.fold(String::new(), |text, line| text + line + "\n")
    };
    for (text, name) in [
        (without("JWT_SECRET"), "no JWT secret"),
        (
            without("JWT_SECRET") + "JWT_SECRET=Tr4ding2024!ab\n",
            "a weak JWT secret",
        ),
        (
            without("JWT_SECRET") + "JWT_SECRET=change-me-in-production\n",
            "a JWT secret that is a placeholder",
        ),
        (
            without("DB_PASSWORD") + "DB_PASSWORD=postgres\n",
            "a default password",
        ),
        (without("VAULT_TOKEN"), "a secret that is missing"),
    ] {
        house.write(&text, 0o600);
        house.has(name);
    }
    house.write(GOOD, 0o644);
    house.has("settings that everybody can read");
    house.write(GOOD, 0o640);
    house.has("settings that their group can read");
}

#[test]
fn certificates() {
    let stack = Stack::alone();
    let house = House::new(&stack, &[]);
    let now = Utc::now();
    for (days, name) in [
        (-3, "an expired certificate"),
        (10, "a certificate that ends soon"),
    ] {
        let range = (now - TimeDelta::days(30), now + TimeDelta::days(days));
        let server = TlsServer::start(&["api.example"], range, false);
        let settings = format!(
            "[settings.tls]\nendpoints = [{{ address = \"{}\", server_name = \"api.example\", ca = \"{}\" }}]\n",
            server.address,
            server.ca().display()
        );
        std::fs::write(stack.folder.path().join("tradeops.toml"), settings).expect("the settings");
        house.has(name);
    }
}

#[test]
fn volumes_images_and_disks() {
    let stack = Stack::alone();
    {
        let house = House::new(&stack, &[]);
        let volume = format!("{}-orphan", house.project);
        let _gone = removed(&["volume", "rm", "-f", &volume]);
        let label = format!("com.docker.compose.project={}", house.project);
        docker(&["volume", "create", "--label", &label, &volume]);
        house.has("an orphan volume");
    }
    {
        let house = House::new(&stack, &[]);
        let _gone: Vec<_> = (0..5)
            .map(|n| {
                let labels = format!("LABEL com.docker.compose.project={} n={n}", house.project);
                let id = import(&["--change", &labels, "-"]);
                removed(&["rmi", "-f", &id])
            })
            .collect();
        house.has("images without a name");
    }
    {
        let name = format!("tradeops/test-tag:{}", std::process::id());
        let _gone = removed(&["rmi", "-f", &name]);
        docker(&["tag", &env("STANDIN_IMAGE"), &name]);
        let house = House::of(&stack, &name, &[]);
        import(&["-", &name]);
        house.has("a container behind its tag");
    }
    let volume = format!("tt-sec-full-{}", std::process::id());
    // Goes after the house that mounts it.
    let _gone = removed(&["volume", "rm", "-f", &volume]);
    docker(&[
        "volume",
        "create",
        "--label",
        "com.tradeops.test=health",
        "-d",
        "local",
        "-o",
        "type=tmpfs",
        "-o",
        "device=tmpfs",
        "-o",
        "o=size=2m",
        &volume,
    ]);
    let mount = format!("{volume}:/full");
    let house = House::new(&stack, &["-v", &mount]);
    let point = docker(&["volume", "inspect", "-f", "{{.Mountpoint}}", &volume]);
    std::fs::write(PathBuf::from(point).join("fill"), vec![0; 1_950_000])
        .expect("room for most of it");
    house.has("a full disk");
}

/// `docker import` of nothing, with these words; the image's id.
pub(crate) fn import(words: &[&str]) -> String {
    let mut child = Command::new("docker")
        .arg("import")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("docker runs");
    // Two empty blocks are the end of an archive.
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), &[0; 1024])
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "docker import {words:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_planted_secret_is_in_no_output() {
    let stack = Stack::alone();
    let planted = ["Zebra-Quartz-71", "Walrus!Kettle9", "admin123"];
    let house = House::new(
        &stack,
        &[
            "-e",
            "GF_SECURITY_ADMIN_PASSWORD=admin123",
            "-e",
            "API_TOKEN=Walrus!Kettle9",
        ],
    );
    let lines: String = GOOD
        .lines()
        .map(|line| line.split_once('=').map_or("", |(name, _)| name))
        .fold(String::new(), |text, name| {
            format!("{text}{name}={}\n", planted[0])
        });
    house.write(&lines, 0o644);
    let key = stack.folder.path().join("server.key");
    std::fs::write(&key, planted[1]).expect("a key");
    let mut seen = String::new();
    for words in [
        &["run", "-o", "json", "health", "--only", "security,hygiene"][..],
        &["health", "--only", "security,hygiene"],
        &["health", "--list"],
        &["run", "-o", "json", "health", "--list"],
        &["health", "--explain", "security.*"],
        &["run", "-o", "json", "health", "--explain", "*"],
        &["health", "--only", "presence,security", "--plan"],
        &["health", "--only", "security", "--needs-report", "-v"],
    ] {
        let output = run(&mut house.command(words));
        seen += &String::from_utf8_lossy(&output.stdout);
        seen += &String::from_utf8_lossy(&output.stderr);
    }
    assert!(
        seen.contains("JWT_SECRET"),
        "the weak secret was not found: {seen}"
    );
    assert!(seen.contains(" ops in "), "-v says nothing: {seen}");
    let state = stack.folder.path().join("state");
    let mut folders = vec![state];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the state").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                seen += &String::from_utf8_lossy(&std::fs::read(entry.path()).expect("a file"));
            }
        }
    }
    for secret in planted {
        assert!(!seen.contains(secret), "{secret} is in the output");
    }
    eventually("the house does not stand", || {
        let state = docker(&["inspect", "-f", "{{.State.Running}}", &house.project]);
        if state == "true" { Ok(()) } else { Err(state) }
    });
}
