//! Which engine is meant, against what the `docker` command makes of the same settings; and TLS to a second
//! engine of the test's own.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tradeops::docker::{Endpoint, Settings};

use crate::second::{SecondEngine, said};
use crate::support::{Run, World};

const HEADER: &str =
    "//! A test.\n//! needs: docker.read, proc.change, compose.read, compose.change\n";

/// Variables and a configuration folder; the `docker` command and we get the same.
struct Case<'a> {
    config: &'a Path,
    variables: &'a [(&'a str, &'a str)],
}

impl Case<'_> {
    fn docker(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new("docker");
        for name in [
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_TLS",
            "DOCKER_TLS_VERIFY",
        ] {
            command.env_remove(name);
        }
        command
            .env("DOCKER_CONFIG", self.config)
            .envs(self.variables.iter().copied());
        said(command.args(args))
    }

    fn ours(&self) -> Result<Endpoint, tradeops::docker::Error> {
        let of = |name: &str| {
            let found = self
                .variables
                .iter()
                .find(|(n, v)| *n == name && !v.is_empty());
            found.map(|(_, value)| (*value).to_owned())
        };
        Endpoint::resolve(&Settings {
            host: of("DOCKER_HOST"),
            context: of("DOCKER_CONTEXT"),
            tls: of("DOCKER_TLS").is_some(),
            tls_verify: of("DOCKER_TLS_VERIFY").is_some(),
            cert_path: of("DOCKER_CERT_PATH").map(Into::into),
            config: Some(self.config.to_owned()),
            home: None,
        })
    }
}

#[test]
fn the_choice_is_that_of_the_docker_command() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path();
    let case = |variables| Case { config, variables };
    for (name, host) in [
        ("local", "host=unix:///run/x.sock"),
        ("prod", "host=tcp://10.0.0.5:2376,skip-tls-verify=true"),
        ("box", "host=ssh://ops@box:2222/run/d.sock"),
        ("based", "host=tcp://10.0.0.5:1/base"),
    ] {
        case(&[])
            .docker(&["context", "create", name, "--docker", host])
            .unwrap();
    }
    let compare = |variables: &[(&str, &str)], origin: Option<&str>| {
        let case = Case { config, variables };
        let name = case.docker(&["context", "show"]).unwrap();
        let theirs = case
            .docker(&[
                "context",
                "inspect",
                &name,
                "--format",
                "{{.Endpoints.docker.Host}} {{.Endpoints.docker.SkipTLSVerify}}",
            ])
            .unwrap();
        let (host, blind) = theirs.rsplit_once(' ').unwrap();
        let ours = case.ours().unwrap();
        assert_eq!(ours.address(), host, "{variables:?}");
        assert_eq!(ours.context(), name, "{variables:?}");
        if blind == "true" {
            assert!(ours.tls(), "{variables:?}");
        }
        assert_eq!(ours.origin(), origin, "{variables:?}");
    };
    compare(&[], None);
    compare(&[("DOCKER_HOST", "")], None);
    compare(&[("DOCKER_HOST", "tcp://10.0.0.9")], Some("`DOCKER_HOST`"));
    compare(&[("DOCKER_HOST", "10.0.0.9")], Some("`DOCKER_HOST`"));
    compare(&[("DOCKER_HOST", "unix://")], Some("`DOCKER_HOST`"));
    compare(&[("DOCKER_HOST", "ssh://ops@box")], Some("`DOCKER_HOST`"));
    compare(
        &[("DOCKER_CONTEXT", "prod")],
        Some("context `prod` of `DOCKER_CONTEXT`"),
    );
    compare(
        &[("DOCKER_CONTEXT", "box")],
        Some("context `box` of `DOCKER_CONTEXT`"),
    );
    compare(
        &[("DOCKER_CONTEXT", "based")],
        Some("context `based` of `DOCKER_CONTEXT`"),
    );
    let both = [
        ("DOCKER_CONTEXT", "prod"),
        ("DOCKER_HOST", "unix:///run/y.sock"),
    ];
    compare(&both, Some("`DOCKER_HOST`"));

    case(&[]).docker(&["context", "use", "local"]).unwrap();
    let current = format!(
        "context `local` of `{}`",
        config.join("config.json").display()
    );
    compare(&[], Some(&current));
    compare(
        &[("DOCKER_CONTEXT", "prod")],
        Some("context `prod` of `DOCKER_CONTEXT`"),
    );
    compare(&[("DOCKER_CONTEXT", "default")], None);
    compare(
        &[("DOCKER_HOST", "unix:///run/y.sock")],
        Some("`DOCKER_HOST`"),
    );

    // What it refuses we refuse.
    for variables in [
        &[("DOCKER_CONTEXT", "nope")][..],
        &[("DOCKER_HOST", "https://10.0.0.5:1")],
        &[("DOCKER_HOST", "ssh://ops:hunter2@box")],
        &[("DOCKER_HOST", "ssh://box?x=1")],
        &[
            ("DOCKER_HOST", "unix:///run/y.sock"),
            ("DOCKER_TLS_VERIFY", "1"),
        ],
    ] {
        assert!(
            case(variables).docker(&["version"]).is_err(),
            "{variables:?}"
        );
        let error = case(variables).ours().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = case(&[("DOCKER_CONTEXT", "nope")]).ours().unwrap_err();
    assert_eq!(
        error.to_string(),
        "context `nope` of `DOCKER_CONTEXT`: there is no such context; there is `based`, `box`, `default`, `local`, `prod`"
    );
}

#[test]
fn a_wrong_setting_ends_with_78() {
    let world = World::new();
    let config = world.path("docker");
    world.file("docker/config.json", r#"{"currentContext":"gone"}"#);
    let run = || {
        world
            .tradeops(&["eval", "docker::info()"])
            .env("DOCKER_CONFIG", &config)
    };
    run().done().exits(78).says(&[
        "context `gone` of `",
        "docker/config.json`",
        "there is `default`",
    ]);
    // Only what needs an engine asks which.
    world
        .tradeops(&["eval", "1 + 1"])
        .env("DOCKER_CONFIG", &config)
        .done()
        .exits(0);
    world.file("docker/config.json", r#"{"currentContext":"#);
    run()
        .done()
        .exits(78)
        .says(&["docker/config.json`: is not what the `docker` command writes"]);
    let host = |host: &str| run().env("DOCKER_HOST", host).done();
    host("/var/run/docker.sock")
        .exits(78)
        .says(&["a socket is written `unix:///var/run/docker.sock`"]);
    host("tcp://127.0.0.1:1")
        .exits(69)
        .says(&["at `tcp://127.0.0.1:1` (`DOCKER_HOST`): connection refused"]);
    world.file(
        "script.rhai",
        &format!(
            "{HEADER}try {{ docker::info(); }} catch (e) {{ print(`${{e.kind}} ${{e.status}}`); }}"
        ),
    );
    let done = world
        .tradeops(&["run", "script.rhai"])
        .env("DOCKER_HOST", "fd://")
        .done();
    done.exits(0).shows(&["invalid 78"]);
}

/// What `docker::info()` says under these variables.
fn info(run: Run) -> Value {
    let done = run.done().exits(0);
    serde_json::from_str(&done.out).unwrap()
}

#[test]
fn tls_by_the_environment_and_by_a_context() {
    let engine = SecondEngine::start();
    let (world, here) = (World::new(), engine.path(""));
    let ask = |variables: &[(&str, &str)]| {
        let mut run = world.tradeops(&["eval", "-o", "json", "docker::info()"]);
        for (name, value) in variables {
            run = run.env(name, *value);
        }
        run
    };
    let (host, folder) = (engine.host(), here.to_str().unwrap());
    let by_environment = [
        ("DOCKER_HOST", &*host),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CERT_PATH", folder),
    ];
    let found = info(ask(&by_environment));
    assert_eq!(found["root_dir"], engine.root());
    assert_eq!(found["address"], host);
    assert_eq!(found["tls"], true);
    assert_eq!(found["chosen_by"], "`DOCKER_HOST`");

    // Contexts as the command itself writes them.
    let config = tempfile::tempdir().unwrap();
    let case = |variables| Case {
        config: config.path(),
        variables,
    };
    let file = |name: &str| engine.path(name).display().to_string();
    let pair = format!(
        "host={host},cert={},key={}",
        file("cert.pem"),
        file("key.pem")
    );
    for (name, more) in [
        ("good", format!(",ca={}", file("ca.pem"))),
        ("strange", format!(",ca={}", file("other-ca.pem"))),
        ("blind", ",skip-tls-verify=true".into()),
        ("system", String::new()),
    ] {
        let endpoint = format!("{pair}{more}");
        case(&[])
            .docker(&["context", "create", name, "--docker", &endpoint])
            .unwrap();
    }
    let anonymous = format!("host={host},ca={}", file("ca.pem"));
    case(&[])
        .docker(&["context", "create", "anonymous", "--docker", &anonymous])
        .unwrap();
    let plain = format!("host={host}");
    case(&[])
        .docker(&["context", "create", "plain", "--docker", &plain])
        .unwrap();
    let config_path = config.path().to_str().unwrap();
    let on = |context| [("DOCKER_CONFIG", config_path), ("DOCKER_CONTEXT", context)];
    for context in ["good", "blind"] {
        let theirs = case(&[]).docker(&["-c", context, "info", "--format", "{{.DockerRootDir}}"]);
        assert_eq!(theirs.as_deref(), Ok(&*engine.root()), "{context}");
        let found = info(ask(&on(context)));
        assert_eq!(found["root_dir"], engine.root(), "{context}");
        assert_eq!(found["context"], context);
    }
    for (context, words) in [
        ("strange", "no docker engine answers at"),
        ("system", "no docker engine answers at"),
        (
            "anonymous",
            "does not accept this client's certificate, or wants one",
        ),
        ("plain", "it wants TLS"),
    ] {
        assert!(
            case(&[]).docker(&["-c", context, "version"]).is_err(),
            "{context}"
        );
        let done = ask(&on(context)).done();
        let code = if words.starts_with("no") { 69 } else { 70 };
        let origin = format!("`{host}` (context `{context}` of `DOCKER_CONTEXT`)");
        done.exits(code).says(&[words, &origin, "hint"]);
    }
    // The same, and a wrong authority that nobody asks for.
    let blind = [
        ("DOCKER_HOST", &*host),
        ("DOCKER_TLS", "1"),
        ("DOCKER_CERT_PATH", folder),
    ];
    std::fs::copy(engine.path("other-ca.pem"), engine.path("ca.pem")).unwrap();
    assert_eq!(info(ask(&blind))["root_dir"], engine.root());
    ask(&by_environment)
        .done()
        .exits(69)
        .says(&["the certificate is not accepted"]);
}

/// Compose meets the engine that was chosen first, although the current context is another by then.
#[test]
fn compose_meets_the_same_engine() {
    let engine = SecondEngine::start();
    let (world, config) = (World::new(), tempfile::tempdir().unwrap());
    let case = Case {
        config: config.path(),
        variables: &[],
    };
    let file = |name: &str| engine.path(name).display().to_string();
    let endpoint = format!(
        "host={},ca={},cert={},key={}",
        engine.host(),
        file("ca.pem"),
        file("cert.pem"),
        file("key.pem")
    );
    case.docker(&["context", "create", "second", "--docker", &endpoint])
        .unwrap();
    case.docker(&["context", "use", "second"]).unwrap();
    std::fs::write(engine.path("a"), "a").unwrap();
    let archive = file("a.tar");
    said(Command::new("tar").args(["-C", &file(""), "-cf", &archive, "a"])).unwrap();
    engine
        .docker(&["import", &archive, "tradeops-test/a:1"])
        .unwrap();
    let name = format!("tte-{}", engine.host().rsplit(':').next().unwrap());
    world.file(
        "compose.yaml",
        &format!("name: {name}\nservices:\n  a:\n    image: tradeops-test/a:1\n    command: [/a]\n    network_mode: none\n"),
    );
    world.file(
        "script.rhai",
        &format!(
            "{HEADER}let first = docker::info().root_dir;\nproc::run([\"docker\", \"context\", \"use\", \"default\"]);\n\
             let p = compose::project(#{{ folder: \".\" }});\ncompose::up(p, #{{ no_start: true }});\n\
             #{{ root: first, names: docker::containers(#{{ project: \"{name}\" }}).map(|c| c.state) }}\n"
        ),
    );
    let run = world.tradeops(&["run", "script.rhai", "-o", "json"]);
    let done = run.env("DOCKER_CONFIG", config.path()).done().exits(0);
    let result: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(result["root"], engine.root());
    assert_eq!(result["names"], serde_json::json!(["created"]));
    assert_eq!(case.docker(&["context", "show"]).as_deref(), Ok("default"));
    let label = format!("label=com.docker.compose.project={name}");
    let count = |answer: String| answer.lines().count();
    let list = ["ps", "--all", "--quiet", "--filter", &label];
    assert_eq!(engine.docker(&list).map(count), Ok(1));
    assert_eq!(
        case.docker(&list).map(count),
        Ok(0),
        "it was made in the machine's engine"
    );
}
