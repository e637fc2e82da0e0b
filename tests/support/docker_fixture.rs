//! Containers for tests on the real engine: each with a name of its own and the label
//! `com.tradeops.test=<unique>`, and each removed when its handle goes, a failed test included.

#![expect(clippy::unwrap_used, reason = "a test")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of it, so an expectation would fail in some"
)]

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use bollard::Docker;
use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, NetworkCreateRequest, PortBinding,
    RestartPolicy, RestartPolicyNameEnum, VolumeCreateRequest,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use tradeops::run::Cx;

/// Every object of a test has it.
pub(crate) const LABEL: &str = "com.tradeops.test";

/// The engine, and an image with a shell in it.
pub(crate) struct Fixture {
    docker: Docker,
    image: String,
    /// This fixture's own value of [`LABEL`].
    pub(crate) unique: String,
}

/// A container that is removed with its handle.
pub(crate) struct Guard {
    docker: Docker,
    pub(crate) name: String,
    pub(crate) id: String,
}

/// What a container is to be. `..Spec::default()` for the rest.
#[derive(Default)]
pub(crate) struct Spec<'a> {
    /// Its argv.
    pub argv: &'a [&'a str],
    pub env: &'a [&'a str],
    pub labels: &'a [(&'a str, &'a str)],
    /// A shell line that says whether it is healthy, once a second.
    pub health: Option<&'a str>,
    pub memory_bytes: Option<i64>,
    pub cpus: Option<f64>,
    /// How often `on-failure` starts it again.
    pub retries: Option<i64>,
    pub binds: &'a [String],
    /// A port of the container, published on some port of the loopback address.
    pub port: Option<u16>,
    pub network: Option<String>,
    pub tty: bool,
    /// Only created, not started.
    pub(crate) idle: bool,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let Ok(image) = std::env::var("REDIS_IMAGE") else {
            panic!("REDIS_IMAGE is not set: `make test` builds the images and sets it");
        };
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let docker = Docker::connect_with_defaults()
            .unwrap_or_else(|e| panic!("no docker engine ({e}): `make test` starts one"));
        Self {
            docker,
            image,
            unique: format!(
                "tt-{}-{}",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            ),
        }
    }

    /// The engine's own client, for what the product has no call for.
    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// The name of this fixture's container `part`.
    pub(crate) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.unique)
    }

    /// A container that runs `argv`.
    pub(crate) fn run(&self, part: &str, argv: &[&str]) -> Guard {
        self.container(
            part,
            &Spec {
                argv,
                ..Spec::default()
            },
        )
    }

    pub(crate) fn container(&self, part: &str, spec: &Spec<'_>) -> Guard {
        let name = self.name(part);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let body = self.body(spec);
        let docker = self.docker.clone();
        let id = wait(async move { docker.create_container(Some(options), body).await })
            .unwrap()
            .id;
        let guard = Guard {
            docker: self.docker.clone(),
            name,
            id,
        };
        if !spec.idle {
            guard.start();
        }
        guard
    }

    fn body(&self, spec: &Spec<'_>) -> ContainerCreateBody {
        let mut labels: HashMap<String, String> = spec
            .labels
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        labels.insert(LABEL.into(), self.unique.clone());
        let port = spec.port.map(|port| format!("{port}/tcp"));
        let second = 1_000_000_000;
        #[expect(clippy::cast_possible_truncation, reason = "a few cores")]
        let host = HostConfig {
            memory: spec.memory_bytes,
            memory_swap: spec.memory_bytes,
            nano_cpus: spec.cpus.map(|cores| (cores * 1e9) as i64),
            binds: Some(spec.binds.to_vec()),
            network_mode: spec.network.clone(),
            restart_policy: spec.retries.map(|retries| RestartPolicy {
                name: Some(RestartPolicyNameEnum::ON_FAILURE),
                maximum_retry_count: Some(retries),
            }),
            port_bindings: port.clone().map(|port| {
                let binding = PortBinding {
                    host_ip: Some("127.0.0.1".into()),
                    host_port: None,
                };
                HashMap::from([(port, Some(vec![binding]))])
            }),
            ..HostConfig::default()
        };
        ContainerCreateBody {
            image: Some(self.image.clone()),
            entrypoint: Some(Vec::new()),
            cmd: Some(spec.argv.iter().map(|a| (*a).into()).collect()),
            env: Some(spec.env.iter().map(|e| (*e).into()).collect()),
            tty: Some(spec.tty),
            labels: Some(labels),
            exposed_ports: port.map(|port| vec![port]),
            healthcheck: spec.health.map(|line| HealthConfig {
                test: Some(vec!["CMD-SHELL".into(), line.into()]),
                interval: Some(second),
                timeout: Some(second),
                retries: Some(1),
                ..HealthConfig::default()
            }),
            // A shell as the first process ignores the usual signal.
            stop_signal: Some("SIGKILL".into()),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }

    /// A network, to be dropped after the containers on it.
    pub(crate) fn network(&self, part: &str) -> NetworkGuard {
        let name = self.name(part);
        let request = NetworkCreateRequest {
            name: name.clone(),
            labels: Some(HashMap::from([(LABEL.into(), self.unique.clone())])),
            ..NetworkCreateRequest::default()
        };
        let docker = self.docker.clone();
        wait(async move { docker.create_network(request).await }).unwrap();
        NetworkGuard {
            docker: self.docker.clone(),
            name,
        }
    }

    /// A volume, to be dropped after the containers that mount it.
    pub(crate) fn volume(&self, part: &str) -> VolumeGuard {
        let name = self.name(part);
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            labels: Some(HashMap::from([(LABEL.into(), self.unique.clone())])),
            ..VolumeCreateRequest::default()
        };
        let docker = self.docker.clone();
        wait(async move { docker.create_volume(request).await }).unwrap();
        VolumeGuard {
            docker: self.docker.clone(),
            name,
        }
    }
}

impl Guard {
    pub(crate) fn start(&self) {
        let (docker, id) = (self.docker.clone(), self.id.clone());
        wait(async move { docker.start_container(&id, None).await }).unwrap();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (docker, id) = (self.docker.clone(), self.id.clone());
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        // Gone already, perhaps: some tests remove it themselves.
        let _ = wait(async move { docker.remove_container(&id, Some(options)).await });
    }
}

/// A network that is removed with its handle.
pub(crate) struct NetworkGuard {
    docker: Docker,
    pub(crate) name: String,
}

impl Drop for NetworkGuard {
    fn drop(&mut self) {
        let (docker, name) = (self.docker.clone(), self.name.clone());
        let _ = wait(async move { docker.remove_network(&name).await });
    }
}

/// A volume that is removed with its handle.
pub(crate) struct VolumeGuard {
    docker: Docker,
    pub(crate) name: String,
}

impl Drop for VolumeGuard {
    fn drop(&mut self) {
        let (docker, name) = (self.docker.clone(), self.name.clone());
        let _ = wait(async move {
            docker
                .remove_volume(&name, None::<RemoveVolumeOptions>)
                .await
        });
    }
}

/// Runs async work of a test.
pub(crate) fn wait<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    Cx::detached().wait(work).unwrap()
}
