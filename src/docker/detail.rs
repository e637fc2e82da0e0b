//! Everything about one container: what `docker inspect` tells, flattened to what operators ask for.

use std::collections::BTreeMap;
use std::fmt;

use bollard::models::{
    ContainerInspectResponse, ContainerState, Health as WireHealth, HostConfig, PortMap,
};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::containers::{Mount, Port, compose, mounts, networks};
use super::engine::{ANSWER, checked_name};
use super::{Engine, Error, memory};
use crate::run::Cx;

/// A container in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContainerDetail {
    /// The full id.
    pub id: String,
    /// The name, without the slash.
    pub name: String,
    /// The compose service.
    pub service: Option<String>,
    /// The compose project.
    pub project: Option<String>,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    pub state: String,
    /// Whether its process lives; a paused container runs, too.
    pub running: bool,
    /// Whether it waits for its restart policy to start it again.
    pub restarting: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// Of its last process; `None` while one runs.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed it for want of memory.
    pub oom_killed: bool,
    /// Why the engine could not start it.
    pub error: Option<String>,
    /// When it was created.
    pub created: Option<DateTime<Utc>>,
    /// When it was last started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it last ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How often its restart policy has started it again.
    pub restart_count: i64,
    /// Its health check's findings; `None` without a health check.
    pub health: Option<Health>,
    /// The image as the container was started with it.
    pub image: String,
    /// The image's id.
    pub image_id: String,
    /// Its environment.
    pub env: Environment,
    /// Its argv: entry point and command.
    pub command: Vec<String>,
    /// Its mounts.
    pub mounts: Vec<Mount>,
    /// Network name to its address there.
    pub networks: BTreeMap<String, Option<String>>,
    /// `bridge`, `host`, `container:...` or a network's name.
    pub network_mode: String,
    /// Published and exposed ports.
    pub ports: Vec<Port>,
    /// Cores; `None`: no limit.
    pub cpu_limit: Option<f64>,
    /// Bytes; `None`: no limit.
    pub memory_limit_bytes: Option<i64>,
    /// `no`, `always`, `unless-stopped` or `on-failure`.
    pub restart_policy: String,
    /// How often `on-failure` tries; `None`: for ever.
    pub restart_limit: Option<i64>,
    /// Where its output goes: `json-file`, `local`, ...
    pub log_driver: String,
    /// The log driver's settings, `max-size` and `max-file` among them.
    pub log_options: BTreeMap<String, String>,
    /// The file of a log driver that has one, on the engine's host.
    pub log_path: Option<String>,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it may do all that the host's root may.
    pub privileged: bool,
    /// Capabilities that it was given beyond the usual ones.
    pub cap_add: Vec<String>,
    /// `host`: it sees the host's processes; empty: its own only.
    pub pid_mode: String,
    /// What was changed of the usual confinement: `seccomp=unconfined`, `no-new-privileges`.
    pub security_options: Vec<String>,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// The user inside; empty: the image's, often root.
    pub user: String,
    /// Its first process's id on the host; `None` when not running.
    pub pid: Option<i64>,
    /// Its host name inside.
    pub host_name: String,
    /// Whether it has a terminal: then its output is one stream.
    pub tty: bool,
}

/// The variables that a container was given. Serialises as a map; its debug form has the names only,
/// because the values are where passwords are.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Environment(pub BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What the health check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// How many times in a row it failed.
    pub failing_streak: i64,
    /// The last probes, oldest first; the engine keeps five.
    pub log: Vec<HealthProbe>,
}

/// One run of a health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthProbe {
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// 0 is healthy; -1: it ran out of time.
    pub exit_code: i64,
    /// What it wrote, at most 4 KiB.
    pub output: String,
}

impl Engine {
    /// Everything about the container of this exact name or id.
    pub fn container(&self, cx: &Cx, name: &str) -> Result<ContainerDetail, Error> {
        checked_name(name)?;
        let asked = name.to_owned();
        let answer = self.read(
            cx,
            &format!("inspect container `{name}`"),
            ANSWER,
            |client| async move {
                let found = client.inspect_container(&asked, None).await?;
                Ok(memory::told(&client, ContainerDetail::from(found)).await)
            },
        );
        match answer {
            Ok(detail) => {
                if meant(name, &detail.id, &detail.name) {
                    Ok(detail)
                } else {
                    Err(self.missing(cx, name))
                }
            }
            Err(Error::NotFound { .. }) => Err(self.missing(cx, name)),
            Err(error) => Err(error),
        }
    }
}

/// The engine takes any beginning of an id, so that a missing container named `db` or `cafe` would
/// quietly become some other one. Only what `docker ps` prints (12 digits) or more counts as an id here.
pub(super) fn meant(asked: &str, id: &str, name: &str) -> bool {
    asked == name || asked.len() >= 12 && id.starts_with(asked)
}

impl From<ContainerInspectResponse> for ContainerDetail {
    fn from(wire: ContainerInspectResponse) -> Self {
        let state = wire.state.unwrap_or_default();
        let config = wire.config.unwrap_or_default();
        let host = wire.host_config.unwrap_or_default();
        let net = wire.network_settings.unwrap_or_default();
        let labels: BTreeMap<_, _> = config.labels.unwrap_or_default().into_iter().collect();
        let (project, service) = compose(&labels);
        let running = state.running.unwrap_or(false);
        let restarting = state.restarting.unwrap_or(false);
        let status = state.status.map(|s| s.to_string()).unwrap_or_default();
        let restart = host.restart_policy.clone().unwrap_or_default();
        let logs = host.log_config.clone().unwrap_or_default();
        Self {
            id: wire.id.unwrap_or_default(),
            name: wire
                .name
                .unwrap_or_default()
                .trim_start_matches('/')
                .to_owned(),
            service,
            project,
            running,
            restarting,
            paused: state.paused.unwrap_or(false),
            exit_code: state
                .exit_code
                .filter(|_| (!running || restarting) && status != "created"),
            state: status,
            oom_killed: state.oom_killed.unwrap_or(false),
            error: state.error.clone().filter(|e| !e.is_empty()),
            created: instant(wire.created.as_deref()),
            started_at: instant(state.started_at.as_deref()),
            finished_at: instant(state.finished_at.as_deref()),
            restart_count: wire.restart_count.unwrap_or(0),
            health: health(&state),
            image: config.image.unwrap_or_default(),
            image_id: wire.image.unwrap_or_default(),
            env: Environment(pairs(config.env.unwrap_or_default())),
            command: wire
                .path
                .into_iter()
                .chain(wire.args.unwrap_or_default())
                .collect(),
            mounts: mounts(wire.mounts.unwrap_or_default()),
            networks: networks(net.networks.unwrap_or_default()),
            network_mode: host.network_mode.clone().unwrap_or_default(),
            ports: ports(
                net.ports.unwrap_or_default(),
                config.exposed_ports.unwrap_or_default(),
            ),
            cpu_limit: cpu_limit(&host),
            memory_limit_bytes: host.memory.filter(|m| *m > 0),
            restart_policy: restart
                .name
                .map(|n| n.to_string())
                .filter(|n| !n.is_empty())
                .unwrap_or_else(|| "no".into()),
            restart_limit: restart.maximum_retry_count.filter(|n| *n > 0),
            log_driver: logs.typ.unwrap_or_default(),
            log_options: logs.config.unwrap_or_default().into_iter().collect(),
            log_path: wire.log_path.filter(|path| !path.is_empty()),
            labels,
            privileged: host.privileged.unwrap_or(false),
            cap_add: host.cap_add.unwrap_or_default(),
            pid_mode: host.pid_mode.clone().unwrap_or_default(),
            security_options: host.security_opt.clone().unwrap_or_default(),
            read_only: host.readonly_rootfs.unwrap_or(false),
            user: config.user.unwrap_or_default(),
            pid: state.pid.filter(|p| *p > 0),
            host_name: config.hostname.unwrap_or_default(),
            tty: config.tty.unwrap_or(false),
        }
    }
}

/// The engine writes year 1 for "never".
pub(super) fn instant(text: Option<&str>) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text?)
        .ok()?
        .with_timezone(&Utc);
    (time.timestamp() > 0).then_some(time)
}

fn health(state: &ContainerState) -> Option<Health> {
    let WireHealth {
        status,
        failing_streak,
        log,
    } = state.health.clone()?;
    let status = status
        .map(|s| s.to_string())
        .filter(|s| !s.is_empty() && s != "none")?;
    let log = log
        .unwrap_or_default()
        .into_iter()
        .map(|probe| HealthProbe {
            started_at: instant(probe.start.as_deref()),
            ended_at: instant(probe.end.as_deref()),
            exit_code: probe.exit_code.unwrap_or(-1),
            output: probe.output.unwrap_or_default().trim_end().to_owned(),
        })
        .collect();
    Some(Health {
        status,
        failing_streak: failing_streak.unwrap_or(0),
        log,
    })
}

fn pairs(env: Vec<String>) -> BTreeMap<String, String> {
    env.into_iter()
        .map(|entry| match entry.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (entry, String::new()),
        })
        .collect()
}

/// `80/tcp` with its bindings. A port that is exposed and not published has none.
fn ports(map: PortMap, exposed: Vec<String>) -> Vec<Port> {
    let place = |spec: &str| {
        let (port, protocol) = spec.split_once('/').unwrap_or((spec, "tcp"));
        Some((port.parse::<i64>().ok()?, protocol.to_owned()))
    };
    let mut ports = Vec::new();
    for spec in exposed.iter().filter(|spec| !map.contains_key(*spec)) {
        if let Some((container_port, protocol)) = place(spec) {
            ports.push(Port {
                container_port,
                protocol,
                host_ip: None,
                host_port: None,
            });
        }
    }
    for (spec, bindings) in &map {
        let Some((container_port, protocol)) = place(spec) else {
            continue;
        };
        let bindings = bindings.as_deref().unwrap_or_default();
        if bindings.is_empty() {
            ports.push(Port {
                container_port,
                protocol,
                host_ip: None,
                host_port: None,
            });
            continue;
        }
        ports.extend(bindings.iter().map(|binding| Port {
            container_port,
            protocol: protocol.clone(),
            host_ip: binding.host_ip.clone().filter(|ip| !ip.is_empty()),
            host_port: binding.host_port.as_deref().and_then(|p| p.parse().ok()),
        }));
    }
    ports.sort();
    ports
}

/// In cores, whichever way it was given: `--cpus`, or quota and period.
fn cpu_limit(host: &HostConfig) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "billionths of a core and microseconds, far below 2^52"
    )]
    let number = |n: i64| n as f64;
    if let Some(nano) = host.nano_cpus.filter(|n| *n > 0) {
        return Some(number(nano) / 1e9);
    }
    let quota = host.cpu_quota.filter(|q| *q > 0)?;
    let period = host.cpu_period.filter(|p| *p > 0).unwrap_or(100_000);
    Some(number(quota) / number(period))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::PortBinding;

    #[test]
    fn a_short_id_is_no_name() {
        let id = "db5ad35f4b2c0f1e";
        for (asked, expected) in [
            ("trading-db", true),
            ("db", false),
            ("db5ad35f4b2", false),
            ("db5ad35f4b2c", true),
            (id, true),
            ("db5ad35f4b2d", false),
        ] {
            assert_eq!(meant(asked, id, "trading-db"), expected, "{asked}");
        }
    }

    #[test]
    fn the_debug_form_has_no_values() {
        let env = Environment(pairs(vec![
            "POSTGRES_PASSWORD=hunter2=x".into(),
            "EMPTY".into(),
        ]));
        assert_eq!(env.0["POSTGRES_PASSWORD"], "hunter2=x");
        assert_eq!(format!("{env:?}"), r#"{"EMPTY", "POSTGRES_PASSWORD"}"#);
    }

    #[test]
    fn never_is_no_time() {
        assert_eq!(instant(Some("0001-01-01T00:00:00Z")), None);
        assert_eq!(instant(Some("nonsense")), None);
        let time = instant(Some("2026-11-24T12:00:00.5+01:00")).map(|t| t.to_rfc3339());
        assert_eq!(time.as_deref(), Some("2026-11-24T11:00:00.500+00:00"));
    }

    #[test]
    fn limits_in_cores() {
        let of = |nano, quota, period| {
            cpu_limit(&HostConfig {
                nano_cpus: nano,
                cpu_quota: quota,
                cpu_period: period,
                ..HostConfig::default()
            })
        };
        assert_eq!(of(Some(1_500_000_000), None, None), Some(1.5));
        assert_eq!(of(Some(0), Some(50_000), Some(100_000)), Some(0.5));
        assert_eq!(of(Some(0), Some(50_000), Some(0)), Some(0.5));
        assert_eq!(of(Some(0), Some(0), Some(0)), None);
        assert_eq!(of(None, Some(-1), None), None);
    }

    #[test]
    fn published_exposed_and_odd_ports() {
        let binding = |ip: &str, port: &str| PortBinding {
            host_ip: Some(ip.into()),
            host_port: Some(port.into()),
        };
        let map = PortMap::from([
            (
                "80/tcp".into(),
                Some(vec![binding("127.0.0.1", "8080"), binding("::1", "8080")]),
            ),
            ("53/udp".into(), None),
            ("junk".into(), None),
        ]);
        let found = ports(map, vec!["9000/tcp".into(), "80/tcp".into()]);
        let seen: Vec<_> = found
            .iter()
            .map(|p| {
                (
                    p.container_port,
                    p.protocol.as_str(),
                    p.host_ip.as_deref(),
                    p.host_port,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (53, "udp", None, None),
                (80, "tcp", Some("127.0.0.1"), Some(8080)),
                (80, "tcp", Some("::1"), Some(8080)),
                (9000, "tcp", None, None),
            ]
        );
    }
}
