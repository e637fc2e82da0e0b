//! Lists, details, numbers.

use std::time::{Duration, Instant};

use tradeops::docker::{Engine, Error, Filter, Goal, Mount, Port};

use crate::docker_fixture::{Fixture, LABEL, Spec};
use crate::{SECONDS_20, SLEEP, cx, exec_options};

#[test]
fn a_list_by_compose_labels() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let project = fixture.unique.clone();
    let labels = |service: &'static str, oneoff: &'static str| {
        [
            ("com.docker.compose.project", fixture.unique.as_str()),
            ("com.docker.compose.service", service),
            ("com.docker.compose.oneoff", oneoff),
        ]
    };
    let redis = fixture.container(
        "r",
        &Spec {
            argv: SLEEP,
            labels: &labels("redis", "False"),
            ..Spec::default()
        },
    );
    let _once = fixture.container(
        "o",
        &Spec {
            argv: &["true"],
            labels: &labels("redis", "True"),
            ..Spec::default()
        },
    );
    let _ml = fixture.container(
        "m",
        &Spec {
            argv: &["sh", "-c", "exit 3"],
            labels: &labels("ml", "False"),
            ..Spec::default()
        },
    );
    engine
        .wait_for(&cx, &fixture.name("m"), Goal::Exited, SECONDS_20)
        .unwrap();

    let filter = Filter {
        all: true,
        project: Some(project.clone()),
        ..Filter::default()
    };
    let all = engine.containers(&cx, &filter).unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|c| (c.service.as_deref().unwrap(), c.state.as_str()))
        .collect();
    assert_eq!(seen[0], ("ml", "exited"), "in the services' order");
    assert_eq!(all[0].exit_code, Some(3));
    assert_eq!(seen.len(), 3);
    let running = engine
        .containers(
            &cx,
            &Filter {
                all: false,
                ..filter
            },
        )
        .unwrap();
    assert!(running.iter().any(|c| c.name == redis.name));
    assert!(!running.iter().any(|c| c.service.as_deref() == Some("ml")));
    let by_label = Filter {
        labels: vec![format!("{LABEL}={}", fixture.unique)],
        all: true,
        ..Filter::default()
    };
    assert_eq!(engine.containers(&cx, &by_label).unwrap().len(), 3);

    let service = engine.service(&cx, &project, "redis").unwrap();
    assert_eq!(
        service.iter().map(|c| &c.name).collect::<Vec<_>>(),
        [&redis.name]
    );
    assert_eq!(engine.service(&cx, &project, "red").unwrap(), []);
}

#[test]
fn limits_ports_networks_mounts_and_environment() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let network = fixture.network("net");
    let volume = fixture.volume("vol");
    let folder = tempfile::tempdir().unwrap();
    let binds = [
        format!("{}:/data", volume.name),
        format!("{}:/host:ro", folder.path().display()),
    ];
    let guard = fixture.container(
        "detail",
        &Spec {
            argv: SLEEP,
            env: &["LOG_LEVEL=debug", "DB_PASSWORD=a=b"],
            memory_bytes: Some(64 << 20),
            cpus: Some(0.5),
            binds: &binds,
            port: Some(8080),
            network: Some(network.name.clone()),
            ..Spec::default()
        },
    );
    let detail = engine.container(&cx, &guard.name).unwrap();
    assert_eq!(
        (detail.cpu_limit, detail.memory_limit_bytes),
        (Some(0.5), Some(64 << 20))
    );
    assert_eq!(detail.command, SLEEP);
    assert_eq!(detail.env.0["DB_PASSWORD"], "a=b");
    assert!(!format!("{detail:?}").contains("a=b"));
    let mount = |target: &str, kind: &str, source: &str, writable| Mount {
        target: target.into(),
        kind: kind.into(),
        source: source.into(),
        writable,
    };
    assert_eq!(
        detail.mounts,
        [
            mount("/data", "volume", &volume.name, true),
            mount("/host", "bind", &folder.path().display().to_string(), false),
        ]
    );
    let address = detail.networks[&network.name].clone().unwrap();
    assert!(address.parse::<std::net::Ipv4Addr>().is_ok(), "{address}");
    let published: Vec<_> = detail
        .ports
        .iter()
        .filter(|p| p.host_port.is_some())
        .collect();
    let [
        Port {
            container_port: 8080,
            protocol,
            host_ip,
            ..
        },
    ] = published[..]
    else {
        panic!("{:?}", detail.ports);
    };
    assert_eq!(
        (protocol.as_str(), host_ip.as_deref()),
        ("tcp", Some("127.0.0.1"))
    );
    assert!(detail.pid.is_some_and(|pid| pid > 1));
    assert_eq!(
        (
            detail.restart_policy.as_str(),
            detail.privileged,
            detail.health
        ),
        ("no", false, None)
    );

    // The list says the same.
    let filter = Filter {
        labels: vec![format!("{LABEL}={}", fixture.unique)],
        ..Filter::default()
    };
    let listed = engine.containers(&cx, &filter).unwrap().remove(0);
    assert_eq!(
        (listed.mounts, listed.ports, listed.networks),
        (detail.mounts, detail.ports, detail.networks)
    );
    assert_eq!((listed.id, listed.image_id), (detail.id, detail.image_id));

    let label = [format!("{LABEL}={}", fixture.unique)];
    let volumes = engine.volumes(&cx, &label).unwrap();
    assert_eq!(
        volumes.iter().map(|v| &v.name).collect::<Vec<_>>(),
        [&volume.name]
    );
    let networks = engine.networks(&cx, &label).unwrap();
    assert_eq!(
        (&networks[0].name, networks[0].driver.as_str()),
        (&network.name, "bridge")
    );
    assert_eq!(networks[0].subnets.len(), 1);
    let image = std::env::var("REDIS_IMAGE").unwrap();
    let images = engine.images(&cx, &[]).unwrap();
    let found = images.iter().find(|i| i.tags.contains(&image)).unwrap();
    assert!(found.size_bytes > 1_000_000);
}

#[test]
fn what_containers_use() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let spec = Spec {
        argv: &["sh", "-c", "while :; do :; done"],
        memory_bytes: Some(64 << 20),
        cpus: Some(0.2),
        ..Spec::default()
    };
    let busy = fixture.container("busy", &spec);
    let idle = fixture.run("idle", SLEEP);
    let ended = fixture.run("ended", &["true"]);
    engine
        .wait_for(&cx, &ended.name, Goal::Exited, SECONDS_20)
        .unwrap();

    let missing = fixture.name("missing");
    let names = [&busy.name, &idle.name, &ended.name, &missing].map(Clone::clone);
    let began = Instant::now();
    let samples = engine.stats_of(&cx, &names).unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        samples.iter().map(|s| s.name.clone()).collect::<Vec<_>>(),
        names
    );
    let (busy, idle) = (
        samples[0].stats.as_ref().unwrap(),
        samples[1].stats.as_ref().unwrap(),
    );
    assert!(
        busy.cpu_percent > 2.0 && busy.cpu_percent < 60.0,
        "{busy:?}"
    );
    assert!(idle.cpu_percent < busy.cpu_percent, "{idle:?}");
    assert_eq!(busy.memory_limit_bytes, 64 << 20);
    assert!(busy.memory_bytes > 0 && busy.memory_bytes < 64 << 20);
    assert!((busy.memory_percent - busy.memory_bytes as f64 / 671_088.64).abs() < 1e-6);
    assert_eq!((busy.pids, idle.pids), (1, 1));
    assert_eq!(samples[2].stats, None);
    assert!(
        samples[2]
            .error
            .as_deref()
            .unwrap()
            .ends_with("it is not running")
    );
    assert!(samples[3].error.as_deref().unwrap().contains(&missing));

    let error = engine.stats(&cx, &ended.name).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    let filter = Filter {
        labels: vec![format!("{LABEL}={}", fixture.unique)],
        ..Filter::default()
    };
    assert_eq!(engine.stats_all(&cx, &filter).unwrap().len(), 2);
}

#[test]
fn a_missing_container_and_what_was_meant() {
    let (fixture, engine, cx) = (Fixture::new(), Engine::from_env(), cx());
    let guard = fixture.run("redis", SLEEP);
    let typo = format!("{}s", guard.name);
    let error = engine.container(&cx, &typo).unwrap_err();
    assert_eq!(error.to_string(), format!("no container `{typo}`"));
    assert!(error.hint().unwrap().contains(&format!("`{}`", guard.name)));
    // What the engine would take for the beginning of an id.
    for asked in [&guard.id[..4], &guard.id[..11]] {
        assert!(
            matches!(engine.container(&cx, asked), Err(Error::NotFound { .. })),
            "{asked}"
        );
        assert!(
            matches!(
                engine.stop(&cx, asked, Duration::ZERO),
                Err(Error::NotFound { .. })
            ),
            "{asked}"
        );
        let argv = ["true".to_owned()];
        assert!(matches!(
            engine.exec(&cx, asked, &argv, &exec_options()),
            Err(Error::NotFound { .. })
        ));
        assert!(
            matches!(engine.stats(&cx, asked), Err(Error::NotFound { .. })),
            "{asked}"
        );
    }
    assert_eq!(
        engine.container(&cx, &guard.id[..12]).unwrap().name,
        guard.name
    );
    assert!(matches!(
        engine.start(&cx, "../images/x"),
        Err(Error::Invalid(_))
    ));
    assert_eq!(engine.container(&cx, &guard.name).unwrap().state, "running");
    let never = engine
        .wait_for(&cx, &typo, Goal::Healthy, SECONDS_20)
        .unwrap_err();
    assert!(matches!(never, Error::NotFound { .. }), "{never}");
    engine
        .wait_for(&cx, &typo, Goal::Removed, SECONDS_20)
        .unwrap();
}

#[test]
fn the_engine_itself() {
    let (engine, cx) = (Engine::from_env(), cx());
    let info = engine.info(&cx).unwrap();
    assert!(info.cpus > 0 && info.memory_bytes > 1 << 20, "{info:?}");
    assert!(!info.version.is_empty() && info.containers >= info.running);
    let usage = engine.disk_usage(&cx).unwrap();
    assert!(
        usage.images > 0 && usage.images_bytes > 1_000_000,
        "{usage:?}"
    );
    assert!(usage.total_bytes >= usage.images_bytes + usage.volumes_bytes);
}
